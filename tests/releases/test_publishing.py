"""What leaves: the file, its row, its counts, its audit event; and what is refused."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import openpyxl
import pytest

from exports.table import (
    Attribution,
    Column,
    Count,
    Cover,
    Document,
    Hidden,
    Paragraph,
    Quote,
    Run,
    Table,
    across,
    down,
)
from ipe import audit, vault
from ipe.errors import Conflict, Invalid, KeyDestroyed, NotFound, NotReady, Refused
from ipe.models import AuditEvent
from releases import ledger
from releases.models import PublishedCell, QuotedPerson, Recipient, Release
from releases.publishing import publish_document, publish_workbook, released
from tests.releases.conftest import answers_table, people

ENOUGH = answers_table(("Useful", people(0, 35), people(0, 50)))


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_publish_gives_the_file_and_keeps_its_row_and_counts(publish, writer):
    made = publish(ENOUGH, recipients=["The funder", " The  funder "])

    assert rows_of(made.data) == [{"item": "Useful", "agree": "35", "base": "50", "percent": "70.0"}]
    assert (made.filename, made.content_type) == ("trial-release-1.plain.csv", "text/csv; charset=utf-8")
    release = Release.objects.get()
    assert (release.number, release.state, release.kind, release.made_by) == (1, "released", "table", writer)
    assert (release.n_shown, release.n_hidden, release.smallest_count) == (2, 0, 10)
    assert [(cell.definition, cell.value) for cell in release.cells.all()] == [
        ("answers · Useful · Agree", 35),
        ("answers · Useful · Base", 50),
    ]
    assert release.recipients.count() == 1
    sets = ledger.open_sets([release])[release]
    assert sorted(len(members) for members in sets.values()) == [35, 50]
    assert b"r34" not in bytes(release.sealed_sets)


def test_publish_is_audited_without_content(publish, writer):
    made = publish(ENOUGH, recipients=["Joan Recipient"])
    event = AuditEvent.objects.get(action="releases.publish")
    assert event.subject_id == str(made.release.pk)
    assert event.actor_id == writer.pk
    assert event.counts == {"counts shown": 2, "counts hidden": 0, "people quoted": 0, "recipients": 1}
    assert "Joan" not in json.dumps([event.counts, event.fields, event.action])
    assert audit.verify().is_whole


@pytest.mark.row("SD-01")
def test_hidden_count_is_in_neither_file_nor_ledger(publish):
    made = publish(answers_table(("Useful", people(0, 7), people(0, 50))))
    assert rows_of(made.data) == [{"item": "Useful", "agree": "[c]", "base": "50", "percent": "≤ 20%"}]
    cell = PublishedCell.objects.get(is_hidden=True)
    assert (cell.value, cell.reason, str(cell)) == (None, "small", "[c]")
    assert len(ledger.open_sets([made.release])[made.release]) == 1


def test_same_data_in_another_format_is_released_twice(publish):
    first, second = publish(ENOUGH), publish(ENOUGH, file_format="xlsx")
    assert (first.release.number, second.release.number) == (1, 2)
    assert first.release.data_hash == second.release.data_hash


@pytest.mark.row("V5.4.1")
@pytest.mark.parametrize(
    ("file_format", "suffix", "magic"),
    [
        ("csv", ".plain.csv", b"item,"),
        ("csv_guarded", ".guarded.csv", b"\xef\xbb\xbf"),
        ("json", ".json", b"["),
        ("xlsx", ".xlsx", b"PK"),
        ("docx", ".docx", b"PK"),
        ("pdf", ".pdf", b"%PDF"),
    ],
)
def test_every_format_of_a_table(publish, file_format, suffix, magic):
    made = publish(ENOUGH, file_format=file_format)
    assert made.filename == f"trial-release-1{suffix}"
    assert made.data.startswith(magic)


def test_json_has_null_for_what_is_hidden(publish):
    made = publish(answers_table(("Useful", people(0, 7), people(0, 50))), file_format="json")
    assert json.loads(made.data) == [{"item": "Useful", "agree": None, "base": 50, "percent": None}]


def test_cover_says_study_filter_rule_and_release(publish, study):
    table = ENOUGH.with_cover(
        Cover(
            study.title, made_at=dt.datetime.now(dt.UTC), filter="Site A, 12 months", base="All who answered"
        )
    )
    made = publish(table, file_format="xlsx", data_version="f" * 64)
    cover = openpyxl.load_workbook(io.BytesIO(made.data))["Cover"]
    lines = {row[0].value: row[1].value for row in cover.iter_rows(max_col=2)}
    assert lines["Study"] == "The trial"
    assert lines["Filter"] == "Site A, 12 months"
    assert lines["Base"] == "All who answered"
    assert lines["Made at (UTC)"].startswith("2026-11-21 10:00")
    assert lines["Data hash (SHA-256)"] == "f" * 64
    assert lines["Release"] == "R1"
    assert lines["Disclosure rule"].startswith("Counts of 1 to 9 are shown as [c]")


def test_hash_does_not_depend_on_a_hidden_value(publish):
    """Otherwise a reader could try the nine values and see which one fits."""
    seven = publish(answers_table(("Useful", people(0, 7), people(0, 50))))
    eight = publish(answers_table(("Useful", people(0, 8), people(0, 50))))
    assert seven.release.data_hash == eight.release.data_hash


# Who may


def test_researcher_makes_a_draft_of_own_site(publish, researcher, site_a):
    made = publish(ENOUGH, by=researcher, site=site_a)
    assert made.release.state == "draft"
    assert made.filename == "trial-release-1-draft.plain.csv"
    assert rows_of(made.data)[0]["file_status"] == "DRAFT"
    assert AuditEvent.objects.get(action="releases.publish").fields == ["draft"]


def test_researcher_is_refused_the_whole_study_and_another_site(publish, researcher, site_b):
    with pytest.raises(Refused, match="Choose a site"):
        publish(ENOUGH, by=researcher)
    with pytest.raises(NotFound):
        publish(ENOUGH, by=researcher, site=site_b)
    assert not Release.objects.exists()


def test_fieldwork_lead_releases_own_schedule_only(publish, fieldwork, site_a):
    posts = totals_table([4, 50], with_total=False, title="Posts")
    made = publish(posts, by=fieldwork, site=site_a, output_class="organisational", is_schedule=True)
    assert made.release.state == "released"
    with pytest.raises(Refused, match="own schedules"):
        publish(ENOUGH, by=fieldwork, site=site_a)


def test_fieldwork_lead_sees_the_schedules_that_they_released_and_nothing_else(
    publish, fieldwork, writer, site_a
):
    posts = totals_table([4, 50], with_total=False, title="Posts")
    own = publish(posts, by=fieldwork, site=site_a, output_class="organisational", is_schedule=True).release
    publish(ENOUGH, by=writer, site=site_a)
    assert list(Release.objects.visible_to(fieldwork)) == [own]
    assert set(PublishedCell.objects.visible_to(fieldwork)) == set(own.cells.all())


def test_roles_that_release_nothing_are_refused(publish, lead, data_protection):
    for person in (lead, data_protection):
        with pytest.raises(Refused, match="does not make releases"):
            publish(ENOUGH, by=person)


def test_outsider_is_told_of_nothing(publish, outsider):
    with pytest.raises(NotFound):
        publish(ENOUGH, by=outsider)


def test_command_line_releases_without_a_person(publish):
    assert publish(ENOUGH, by=None).release.made_by is None


# What is refused


def test_purpose_format_and_class_are_asked_for(publish):
    with pytest.raises(Invalid, match="what the release is for"):
        publish(ENOUGH, purpose="  ")
    with pytest.raises(Invalid, match="format"):
        publish(ENOUGH, file_format="exe")
    with pytest.raises(Invalid, match="class of output"):
        publish(ENOUGH, output_class="anything")
    with pytest.raises(Invalid, match="one recipient"):
        publish(ENOUGH, recipients=["x" * 201])


@pytest.mark.row("SD-09")
@pytest.mark.parametrize("extra", [1, 9])
def test_a_few_more_answers_are_refused(publish, extra):
    publish(ENOUGH)
    more = answers_table(("Useful", people(0, 35), people(0, 50 + extra)))
    with pytest.raises(NotReady, match="almost the same people as a count in release R1") as refusal:
        publish(more)
    assert "fewer than 10 people" in refusal.value.message
    assert Release.objects.count() == 1
    assert AuditEvent.objects.filter(action="releases.publish").count() == 1


def test_ten_more_answers_are_released(publish):
    publish(ENOUGH)
    more = answers_table(("Useful", people(0, 35), people(0, 60)))
    assert publish(more).release.number == 2


@pytest.mark.row("SD-09")
def test_all_sites_minus_all_but_one_is_refused(publish):
    publish(answers_table(("All sites", people(0, 60), people(0, 100))))
    but_one = answers_table(("All but Brindlemere", people(0, 56), people(0, 80)))
    with pytest.raises(NotReady, match="All but Brindlemere · Agree"):
        publish(but_one)


@pytest.mark.row("SD-09")
def test_response_table_against_item_table_is_refused(publish):
    responded = Table.of(
        "Response",
        [Column("site", "Site"), Column("n", "Answered", "count")],
        [["A", Count.of(people(0, 54))]],
    )
    publish(responded)
    with pytest.raises(NotReady, match="Useful · Base"):
        publish(ENOUGH)


@pytest.mark.row("SD-09")
def test_same_cell_with_one_person_exchanged_is_refused(publish):
    publish(ENOUGH)
    exchanged = answers_table(("Useful", people(0, 35), [*people(0, 49), "another"]))
    with pytest.raises(NotReady):
        publish(exchanged)


def test_study_of_smallest_count_one_refuses_nothing(publish, study):
    study.smallest_count_survey = 1
    study.save()
    publish(ENOUGH)
    made = publish(answers_table(("Useful", people(0, 1), people(0, 51))))
    assert rows_of(made.data)[0] == {"item": "Useful", "agree": "1", "base": "51", "percent": str(100 / 51)}


@pytest.mark.row("SD-10")
def test_once_hidden_stays_hidden(publish):
    publish(answers_table(("Useful", people(0, 7), people(0, 50))))
    later = publish(answers_table(("Useful", people(100, 140), people(100, 160))))
    assert rows_of(later.data)[0] == {"item": "Useful", "agree": "[c]", "base": "60", "percent": "[c]"}
    assert PublishedCell.objects.get(release=later.release, is_hidden=True).reason == "kept"


def totals_table(by_team: list[int], *, with_total: bool, title: str) -> Table:
    rows = [[f"Team {number}", Count(n)] for number, n in enumerate(by_team)]
    relations = ()
    if with_total:
        rows.append(["All", Count(sum(by_team))])
        relations = down(["n"], total=len(by_team), parts=range(len(by_team)))
    columns = [Column("team", "Team"), Column("n", "Cases", "count")]
    return Table.of(title, columns, rows, subject="cases", relations=relations)


def test_a_total_that_would_uncover_a_hidden_count_is_refused(publish):
    publish(totals_table([40, 30, 4], with_total=False, title="Teams"))
    # The breakdown was published without its total. With the total in one table, Team 1 would be hidden
    # beside Team 2; but Team 1 is known from before, so that only the programme over both releases sees the
    # leak.
    with pytest.raises(NotReady, match="1 hidden count could be worked out"):
        publish(totals_table([40, 30, 4], with_total=True, title="Teams with total"))
    assert Release.objects.count() == 1


@pytest.mark.row("SD-06")
def test_a_breakdown_with_its_total_is_released_with_two_cells_hidden(publish):
    made = publish(totals_table([40, 30, 4], with_total=True, title="Teams"))
    shown = {row["team"]: row["n"] for row in rows_of(made.data)}
    assert shown == {"Team 0": "40", "Team 1": "[c]", "Team 2": "[c]", "All": "74"}


@pytest.mark.row("SD-09")
def test_counts_that_contradict_published_sums_are_refused(publish):
    """The data changed: nobody can say what old and new sums give away together, so nothing leaves."""
    publish(totals_table([40, 30, 4], with_total=True, title="Teams"))
    with pytest.raises(NotReady, match="do not add up"):
        publish(totals_table([80, 30, 4], with_total=False, title="Teams later"))
    assert Release.objects.count() == 1
    # What no sum connects with the contradiction leaves as ever, and so does the whole breakdown made anew.
    publish(ENOUGH)
    again = publish(totals_table([80, 30, 4], with_total=True, title="Teams anew"))
    assert rows_of(again.data)[0]["n"] == "80"


def test_the_rest_of_a_whole_is_held_against_earlier_releases(publish):
    """Twelve more answers of which ten agree: both counts moved far enough, but two more do not agree."""
    publish(answers_table(("Useful", people(0, 20), people(0, 50))))
    more = answers_table(("Useful", people(0, 20) + people(50, 60), people(0, 62)))
    with pytest.raises(NotReady, match="“answers · Useful · Agree” covers almost the same people"):
        publish(more)


def test_a_count_that_leaves_out_few_of_an_earlier_rest_is_refused(publish):
    """20 of 50 agree; then 29 of the 50 disagree: one person is neither."""
    publish(answers_table(("Useful", people(0, 20), people(0, 50))))
    with pytest.raises(NotReady, match="Not useful · Agree"):
        publish(answers_table(("Not useful", people(20, 49), people(0, 50))))
    assert publish(answers_table(("Not useful", people(20, 50), people(0, 50))))


def test_counts_of_people_are_never_exempt(publish):
    """The exempt class is for posts: chosen for answers of people it would show every small count."""
    with pytest.raises(Invalid, match="Counts of people"):
        publish(answers_table(("Useful", people(0, 4), people(0, 50))), output_class="organisational")
    assert not Release.objects.exists()


def test_a_refusal_names_no_release_that_the_person_may_not_see(publish, researcher, site_a):
    first = publish(answers_table(("Useful", people(0, 35), people(0, 50))))
    with pytest.raises(NotReady) as refused:
        publish(answers_table(("Useful", people(0, 34), people(0, 50))), by=researcher, site=site_a)
    assert first.release.label not in refused.value.message
    assert "an earlier release" in refused.value.message


def test_class_of_output_decides_what_is_hidden(publish):
    few = answers_table(("Posts", people(0, 4), people(0, 50)))
    posts = totals_table([4, 50], with_total=False, title="Posts")
    assert rows_of(publish(posts, output_class="organisational").data)[0]["n"] == "4"
    assert rows_of(publish(few, output_class="qualitative").data)[0]["agree"] == "4"
    assert rows_of(publish(few, output_class="impact").data)[0]["agree"] == "[c]"


def test_released_shows_what_would_leave_and_writes_nothing(study):
    protected = released(
        answers_table(("Useful", people(0, 7), people(0, 50))), evaluation=study, output_class="survey"
    )
    assert protected.table.cell(0, "agree") == Hidden("c")
    assert not Release.objects.exists()


# Workbooks and documents


@pytest.mark.row("SD-01")
def test_workbook_hides_the_same_cell_in_every_sheet(study, writer):
    columns = [Column("item", "Item"), Column("base", "Base", "count")]
    alone = Table.of("Bases", columns, [["Useful", Count.of(people(0, 50))]], subject="answers")
    parts = Table.of(
        "Answers",
        [
            Column("item", "Item"),
            *(Column(key, key, "count", part_of="base") for key in ("no", "yes")),
            Column("base", "Base", "count"),
        ],
        [["Useful", Count.of(people(0, 3)), Count.of(people(3, 8)), Count.of(people(0, 8))]],
        subject="answers",
        relations=across([0], total="base", parts=["no", "yes"]),
    )
    made = publish_workbook(
        [alone, parts],
        title="Survey",
        by=writer,
        evaluation=study,
        output_class="survey",
        purpose="Report",
    )
    book = openpyxl.load_workbook(io.BytesIO(made.data))
    assert book.sheetnames == ["Cover", "Bases", "Answers"]
    assert [cell.value for cell in book["Bases"][2]] == ["Useful", "[c]"]
    assert [cell.value for cell in book["Answers"][2]] == ["Useful", "[c]", "[c]", "[c]"]
    assert made.release.kind == "workbook"


def test_workbook_needs_a_sheet(study, writer):
    with pytest.raises(Invalid):
        publish_workbook([], title="x", by=writer, evaluation=study, output_class="survey", purpose="Report")


def quotes(participant, size: int) -> Document:
    quote = Quote(
        (Run("It took a while", kind="verbatim"),),
        Attribution("Team manager, Ashcombe", group_size=size, general="Manager"),
        quoted_id=str(participant.pk),
    )
    return Document("Quotes", (Paragraph.of("On workload"), quote))


@pytest.mark.parametrize(("size", "words"), [(3, "[Team manager, Ashcombe]"), (2, "[Manager]")])
def test_document_lists_who_is_quoted_and_honours_small_groups(study, writer, participant, size, words):
    import docx

    made = publish_document(
        quotes(participant, size),
        by=writer,
        evaluation=study,
        output_class="qualitative",
        purpose="Report",
        file_format="docx",
        quoted=[participant],
    )
    text = [paragraph.text for paragraph in docx.Document(io.BytesIO(made.data)).paragraphs]
    assert words in text
    assert QuotedPerson.objects.get().participant == participant


def test_nobody_who_has_withdrawn_is_quoted(study, writer, participant):
    from consent.states import Status

    participant.status = Status.ERASED
    participant.save()
    with pytest.raises(Conflict, match="has withdrawn"):
        publish_document(
            quotes(participant, 9),
            by=writer,
            evaluation=study,
            output_class="qualitative",
            purpose="Report",
            file_format="pdf",
        )
    assert not Release.objects.exists()


def test_quoted_person_of_no_study_is_refused(publish):
    with pytest.raises(Conflict, match="not, or no longer"):
        publish(ENOUGH, quoted=["00000000-0000-0000-0000-000000000000"])


def test_a_failure_half_way_keeps_nothing(publish, study):
    """The recipients are written last; without the study's key they cannot be."""
    vault.destroy_key(vault.evaluation_scope(study))
    bare = Table.of("Cases", [Column("team", "Team"), Column("n", "Cases", "count")], [["1", Count(40)]])
    with pytest.raises(KeyDestroyed):
        publish(bare, recipients=["The funder"])
    assert (Release.objects.count(), Recipient.objects.count(), PublishedCell.objects.count()) == (0, 0, 0)
    assert not AuditEvent.objects.filter(action="releases.publish").exists()
