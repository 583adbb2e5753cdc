import json

import pytest
from django.core.management import CommandError, call_command

from ipe.models import Threshold
from surveys import results, returns
from surveys.frames import Scope
from surveys.returns import FigureGiven
from surveys.tables import JSON_KEYS
from tests.surveys.conftest import MAPPING, answers, as_csv, fifty


def working(study, **more):
    return {
        (row["indicator"], row["site"], row["phase"], row["scope"]): row
        for row in results.as_json(study, as_="working", **more)
    }


@pytest.mark.row("TH-01")
def test_thirty_five_of_fifty_meets_seventy(study, stored):
    stored(fifty(35), eligible=78, eligible_source="staff list")
    row = working(study)["training-useful", "A", "12m", "overall"]
    assert tuple(row) == JSON_KEYS
    assert row == {
        "indicator": "training-useful",
        "item": "useful",
        "site": "A",
        "phase": "12m",
        "scope": "overall",
        "base_rule": "All who attended the training (not applicable out, don’t know out)",
        "numerator": 35,
        "base": 50,
        "eligible": 78,
        "percent": 70.0,
        "threshold": 70,
        "verdict": "met",
    }


def test_thirty_four_of_fifty_does_not(study, stored):
    stored(fifty(34))
    row = working(study)["training-useful", "A", "12m", "overall"]
    assert (row["percent"], row["verdict"], row["eligible"]) == (68.0, "not_met", None)


@pytest.mark.row("TH-01")
def test_phase_without_threshold_has_no_target(study, stored):
    stored(fifty(35), phase="pre")
    row = working(study)["training-useful", "A", "pre", "overall"]
    assert (row["threshold"], row["verdict"]) == (None, "no_target")


@pytest.mark.row("TH-04")
def test_interval_and_bounds_stand_beside(study, stored):
    stored(fifty(35), eligible=78, eligible_source="staff list")
    found = {r.indicator.code: r for r in results.computed(Scope(study)).results}["training-useful"]
    assert round(found.interval.lower, 4) == 0.5625
    assert found.bounds.n_silent == 24
    assert float(found.bounds.lower) == 35 / 74
    assert found.response_percent * 78 == 5400


def test_a_census_has_no_interval(study, stored):
    stored(fifty(35), eligible=54, eligible_source="staff list")
    found = {r.indicator.code: r for r in results.computed(Scope(study)).results}["training-useful"]
    assert found.interval is None
    assert found.is_census


def test_each_role_and_role_minimum(study, stored):
    Threshold.objects.filter(indicator__code="enough-time").update(role_minimum=40)
    stored(
        [
            *answers(80, role="Social worker", time="Agree"),
            *answers(3, role="Team manager", time="Agree"),
            *answers(7, role="Team manager", time="Disagree"),
        ]
    )
    rows = working(study)
    overall = rows["enough-time", "A", "12m", "overall"]
    assert (overall["numerator"], overall["base"], overall["verdict"]) == (83, 90, "not_met")
    assert rows["enough-time", "A", "12m", "role: Team manager"]["verdict"] == "not_met"
    assert rows["enough-time", "A", "12m", "role: Social worker"]["verdict"] == "met"
    assert rows["enough-time", "A", "12m", "role: Social worker"]["threshold"] == 40


def test_each_team_counts_a_person_of_two_teams_in_both(study, stored):
    Threshold.objects.filter(indicator__code="enough-time").update(scope="each_team")
    stored(
        [
            *answers(2, team="team-1;north", time="Agree"),
            *answers(1, team="north", time="Disagree"),
        ]
    )
    rows = working(study)
    assert rows["enough-time", "A", "12m", "team: team-1"]["base"] == 2
    assert rows["enough-time", "A", "12m", "team: north"]["base"] == 3
    assert rows["enough-time", "A", "12m", "overall"]["verdict"] == "not_met"


@pytest.mark.row("TH-05")
def test_released_hides_small_counts_with_everything_that_tells_them(study, stored):
    stored(fifty(45))  # five of fifty disagree: fewer than ten are left out
    row = {r["indicator"]: r for r in results.as_json(study)}["training-useful"]
    assert (row["numerator"], row["percent"], row["verdict"]) == (None, None, "suppressed")
    assert row["threshold"] == 70


@pytest.mark.row("SD-02")
def test_released_hides_a_row_with_a_small_base(study, stored):
    stored(answers(9, attended="Yes", useful="Agree"), eligible=12, eligible_source="list")
    row = {r["indicator"]: r for r in results.as_json(study)}["training-useful"]
    assert [row[k] for k in ("numerator", "base", "eligible", "percent")] == [None, None, None, None]
    assert row["verdict"] == "suppressed"


def test_released_of_a_study_that_publishes_everything_shows_everything(study, stored):
    study.smallest_count_survey = 1
    study.save()
    stored(fifty(45))
    assert results.as_json(study) == results.as_json(study, as_="working")


@pytest.mark.row("TH-05")
def test_released_hides_an_overall_verdict_that_tells_of_a_hidden_role(study, stored):
    Threshold.objects.filter(indicator__code="enough-time").update(role_minimum=40)
    stored(
        [
            *answers(60, role="Social worker", time="Agree"),
            *answers(15, role="Social worker", time="Disagree"),
            *answers(5, role="Team manager", time="Disagree"),
        ]
    )
    rows = {r["scope"]: r for r in results.as_json(study) if r["indicator"] == "enough-time"}
    assert rows["role: Team manager"]["verdict"] == "suppressed"
    assert rows["overall"]["verdict"] == "suppressed"


def test_scope_of_the_user_hides_the_other_site(study, stored, other_site, fieldwork):
    stored(fifty())
    assert results.as_json(study, user=other_site) == []
    assert len(results.as_json(study, user=fieldwork)) == 2


@pytest.mark.row("000-19")
def test_admin_returns_have_verdicts(study, instrument, wave, site_a, lead):
    returns.record_return(
        wave(site_a, "12m"),
        figures=[
            FigureGiven("vacancy", numerator=4, base=20),
            FigureGiven("caseload", value=17),
            FigureGiven("separate", is_yes=False),
        ],
        source="HR return",
        by=lead,
    )
    rows = working(study)
    assert rows["vacancy", "A", "12m", "overall"]["percent"] == 20.0
    assert rows["vacancy", "A", "12m", "overall"]["verdict"] == "met"
    assert rows["caseload", "A", "12m", "overall"]["verdict"] == "met"
    assert rows["caseload", "A", "12m", "overall"]["numerator"] == 17
    assert rows["separate", "A", "12m", "overall"]["verdict"] == "not_met"
    assert rows["separate", "A", "12m", "overall"]["threshold"] == "yes"
    # Organisational counts are exempt from suppression.
    assert results.as_json(study) == list(rows.values())


def test_number_of_queries_does_not_grow(study, stored, django_assert_max_num_queries, wave, site_b, site_a):
    stored(answers(1, useful="Agree"))
    with django_assert_max_num_queries(100) as first:
        results.as_json(study, as_="working")
    n_first = len(first)
    stored(fifty(), phase="3m")
    stored(fifty(), site=site_b)
    with django_assert_max_num_queries(n_first):
        assert len(results.as_json(study, as_="working")) == 6


@pytest.fixture
def files(tmp_path):
    import yaml

    mapping = tmp_path / "map.yaml"
    mapping.write_text(yaml.safe_dump(MAPPING))
    data = tmp_path / "answers.csv"
    data.write_bytes(as_csv(fifty(35)))
    return data, mapping


def ingest(files, *more):
    call_command(
        "survey", "ingest", str(files[0]), "--evaluation", "trial", "--instrument", "staff-survey",
        "--site", "A", "--phase", "12m", "--mapping", str(files[1]), *more,
    )  # fmt: skip


def test_command_previews_ingests_and_prints_indicators(study, instrument, files, capsys, tmp_path):
    from surveys.models import Intake, Mapping

    ingest(files, "--preview", "--json")
    seen = json.loads(capsys.readouterr().out)
    assert (seen["state"], seen["rows"], seen["rows_read"]) == ("preview", 54, 54)
    assert not Intake.objects.exists()
    assert not Mapping.objects.exists()
    ingest(files, "--eligible", "78", "--eligible-source", "staff list", "--json")
    assert json.loads(capsys.readouterr().out)["state"] == "stored"
    call_command("indicators", "trial", "--as", "working", "--format", "json")
    rows = json.loads(capsys.readouterr().out)
    assert {(row["indicator"], row["verdict"]) for row in rows} == {
        ("training-useful", "met"),
        ("enough-time", "met"),
    }
    call_command("indicators", "trial", "--format", "csv", "--site", "A", "--phase", "12m")
    assert capsys.readouterr().out.startswith("indicator,item,site,phase,scope,base_rule,numerator,base,")
    out = tmp_path / "x.xlsx"
    call_command("indicators", "trial", "--format", "xlsx", "--out", str(out))
    assert out.read_bytes()[:2] == b"PK"


def test_command_twice_is_refused_and_replace_replaces(study, instrument, files, capsys):
    from surveys.models import Intake

    ingest(files)
    with pytest.raises(CommandError, match="already stored"):
        ingest(files)
    assert Intake.objects.count() == 1
    files[0].write_bytes(as_csv(fifty(20)))
    ingest(files, "--replace")
    assert Intake.objects.stored().count() == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,role\n1,x\n", "no such column"),
        (as_csv([{"useful": "Bananas"}]), "answers.csv, row 2, “useful”"),
        (b"id,id\n1,2\n", "answers.csv, row 1, “id”: The heading stands twice"),
        (b"", "empty"),
    ],
)
def test_command_refuses_bad_files_as_a_whole(study, instrument, files, content, message):
    from surveys.models import Intake, Mapping

    files[0].write_bytes(content)
    with pytest.raises(CommandError, match=message):
        ingest(files)
    assert not Intake.objects.exists()
    assert not Mapping.objects.exists()


def test_commands_name_what_is_not_there(study, instrument, files):
    with pytest.raises(CommandError, match="There is no study"):
        call_command("indicators", "nowhere")
    with pytest.raises(CommandError, match="no site “Z”"):
        call_command("indicators", "trial", "--site", "Z")
    with pytest.raises(CommandError, match="file to go to"):
        call_command("indicators", "trial", "--format", "xlsx")
    files[1].unlink()
    with pytest.raises(CommandError, match=r"map\.yaml"):
        ingest(files)


def test_command_says_in_a_preview_that_too_few_people_were_asked(study, instrument, files):
    with pytest.raises(CommandError, match="more respondents than people asked"):
        ingest(files, "--eligible", "53", "--preview")


@pytest.mark.parametrize("given", ["-5", "0", "many"])
def test_command_refuses_a_number_of_people_that_cannot_be(study, instrument, files, given):
    with pytest.raises(CommandError, match=r"--eligible: give a whole number above nought"):
        ingest(files, f"--eligible={given}")


def test_command_writes_answers_of_people_with_the_survey_class_whatever_the_protocol_calls_them(
    study, instrument, files, capsys
):
    from ipe.models import Indicator
    from releases.models import Release

    Indicator.objects.filter(evaluation=study).update(output_class="organisational")
    ingest(files)
    capsys.readouterr()
    call_command("indicators", "trial", "--format", "csv")
    assert "training-useful,useful,A,12m" in capsys.readouterr().out
    assert Release.objects.get().output_class == "survey"


def test_command_makes_no_release_of_nothing(study, instrument):
    from releases.models import Release

    with pytest.raises(CommandError, match="no figures"):
        call_command("indicators", "trial", "--format", "csv")
    assert not Release.objects.exists()
