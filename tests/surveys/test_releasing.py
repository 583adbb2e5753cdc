import csv
import io
from decimal import Decimal

import openpyxl
import pytest

from exports.showing import shown
from ipe.errors import Invalid, NotReady, Refused
from releases.models import Release
from surveys import releasing
from surveys.frames import Scope
from tests.surveys.conftest import answers, fifty


def sheets(data):
    book = openpyxl.load_workbook(io.BytesIO(data))
    return {name: [[c.value for c in row] for row in book[name].iter_rows()] for name in book.sheetnames}


def publish(scope, by, **more):
    given = {"output_class": "survey", "purpose": "Report to the board", "file_format": "xlsx"} | more
    return releasing.publish_indicators(scope, by=by, **given)


@pytest.mark.parametrize("file_format", ["xlsx", "csv", "csv_guarded", "pdf"])
def test_indicators_leave_through_the_ledger(study, stored, writer, file_format):
    stored(fifty(35))
    made = publish(Scope(study, writer), writer, file_format=file_format)
    assert made.data
    release = Release.objects.get()
    assert (release.purpose, release.output_class, release.state) == (
        "Report to the board",
        "survey",
        "released",
    )
    assert release.cells.exists()


@pytest.mark.row("SD-01")
def test_hidden_counts_are_in_no_byte_of_the_file(study, stored, writer):
    stored(fifty(45))
    made = publish(Scope(study, writer), writer)
    rows = [row for sheet in sheets(made.data).values() for row in sheet]
    useful = next(row for row in rows if row[0] == "training-useful")
    assert "[c]" in useful
    assert 45 not in useful
    assert 90 not in useful
    assert "Met" not in useful


@pytest.mark.row("SD-09")
def test_a_wave_with_two_more_answers_cannot_be_released_beside_the_first(study, stored, writer):
    stored(fifty(35))
    publish(Scope(study, writer), writer)
    stored([*fifty(35), *answers(2, attended="Yes", useful="Agree")], replace=True)
    with pytest.raises(NotReady, match="almost the same people"):
        publish(Scope(study, writer), writer)
    assert Release.objects.count() == 1


def test_the_same_answers_taken_in_again_can_be_released_again(study, stored, writer):
    stored(fifty(35))
    publish(Scope(study, writer), writer)
    stored([*fifty(35), {"role": "Team manager", "attended": "No"}], replace=True)
    publish(Scope(study, writer), writer)
    assert Release.objects.count() == 2


def test_who_may_release_and_nothing_to_release(study, stored, writer, lead, researcher, fieldwork):
    with pytest.raises(Invalid, match="no figures"):
        publish(Scope(study, writer), writer)
    stored(fifty(35))
    with pytest.raises(Refused):
        publish(Scope(study, lead), lead)
    with pytest.raises(Refused, match="every site"):
        publish(Scope(study, researcher), researcher)
    made = publish(Scope(study, researcher, site="A"), researcher)
    assert made.release.state == "draft"


@pytest.mark.parametrize("file_format", ["xlsx", "csv", "csv_guarded", "pdf", "chart"])
def test_answers_leave_in_every_form(study, instrument, stored, writer, file_format):
    # Everybody attended: the four of `fifty` who did not would hide the base of those who did, see below.
    stored([row for row in fifty(25) if row["attended"] == "Yes"])
    made = releasing.publish_answers(
        Scope(study, writer), instrument=instrument, by=writer, purpose="Annex", file_format=file_format
    )
    assert made.data
    assert Release.objects.get().title == "Survey of staff"
    if file_format == "csv":
        lines = made.data.decode().splitlines()
        assert lines[0] == "item,site,phase,base_rule,answer,count,base,percent"
        assert (
            'useful,A,12m,"All who attended the training (not applicable out, don’t know out)",Agree,25,50,50.0'
            in lines
        )


def test_a_base_tells_no_answer_that_is_hidden_elsewhere(study, instrument, stored, writer):
    """4 of 54 did not attend, so that neither 4 nor 50 is shown; nor is “of the 50 who attended”."""
    stored(fifty(25))
    made = releasing.publish_answers(
        Scope(study, writer), instrument=instrument, by=writer, purpose="Annex", file_format="csv"
    )
    useful = [line for line in made.data.decode().splitlines() if line.startswith("useful,")]
    assert useful
    assert all(line.endswith(",[c],[c],[c]") for line in useful)


def test_answers_of_small_bases_are_hidden(study, instrument, stored, writer):
    stored(answers(9, attended="Yes", useful="Agree", time="Disagree"))
    made = releasing.publish_answers(
        Scope(study, writer), instrument=instrument, by=writer, purpose="Annex", file_format="csv"
    )
    body = made.data.decode().splitlines()[1:]
    assert body
    assert all(",9," not in line and line.endswith("[c],[c],[c]") for line in body if "[z]" not in line)


def released_row(data: bytes, indicator: str) -> dict[str, str]:
    return next(row for row in csv.DictReader(io.StringIO(data.decode())) if row["indicator"] == indicator)


def test_bounds_do_not_tell_how_few_are_outside_the_base(study, stored, writer):
    stored(fifty(35), eligible=78, eligible_source="list")
    row = released_row(publish(Scope(study, writer), writer, file_format="csv").data, "training-useful")
    assert (row["numerator"], row["base"], row["eligible"]) == ("35", "50", "78")
    assert (row["bound_lower"], row["bound_upper"]) == ("[c]", "[c]")
    assert row["interval_lower"].startswith("56.2")


def test_bounds_leave_where_nobody_or_many_are_outside_the_base(study, stored, writer):
    others = answers(10, role="Team manager", attended="No", useful="N/A", time="Agree")
    stored([*fifty(35)[:50], *others], eligible=78, eligible_source="list")
    row = released_row(publish(Scope(study, writer), writer, file_format="csv").data, "training-useful")
    assert float(row["bound_lower"]) == pytest.approx(100 * 35 / 68)


def test_a_missing_interval_does_not_tell_that_everybody_answered(study, stored, writer, login):
    stored(fifty(35), eligible=54, eligible_source="list")
    row = released_row(publish(Scope(study, writer), writer, file_format="csv").data, "training-useful")
    assert {row[f"{what}_{end}"] for what in ("interval", "bound") for end in ("lower", "upper")} == {"[c]"}
    page = login(writer).get("/s/trial/indicators/?as=released").content.decode()
    at = page.index("Staff found the training useful")
    assert "All staff answered" not in page[at : page.index("</tr>", at)]


@pytest.mark.row("TH-03")
def test_a_percentage_is_printed_on_its_own_side_of_the_threshold(study, wave, site_a, instrument):
    from surveys import returns
    from surveys.results import computed
    from surveys.tables import indicator_table

    figure = returns.FigureGiven("vacancy", numerator=Decimal(201), base=Decimal(1004))
    returns.record_return(wave(site_a, "12m"), figures=[figure], source="HR", by=None)
    table = indicator_table(computed(Scope(study)).results)
    column = table.columns[table.position("percent")]
    assert shown(table.cell(0, "percent"), column) == "20.02%"
