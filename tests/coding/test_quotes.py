"""Quotes: attribution that honours small groups, and consent as a gate; exports as releases."""

from __future__ import annotations

import io
from typing import Any

import docx
import openpyxl
import pytest
from django.urls import reverse
from django.utils import timezone

from coding import publishing, quotes
from coding.acts import applying, charting, matrices
from consent.models import Consent, ConsentAnswer, ConsentForm, ConsentItem, FormVersion
from ipe.errors import Refused
from releases.models import QuotedPerson, Release
from tests.coding.texts import SAID, make_person, make_text, place_of


@pytest.fixture
def agree(study: Any, fieldwork: Any) -> Any:
    """`agree(person, quote="yes")`: a signed form whose answer to being quoted is this."""
    form = ConsentForm.objects.create(evaluation=study, code="staff", title="Staff", audience="staff")
    version = FormVersion.objects.create(form=form, number=1, text="…", is_live=True)
    items = [
        ConsentItem.objects.create(version=version, code=code, wording=code, order=order)
        for order, code in enumerate(("take_part", "quote"))
    ]

    def signed(person: Any, *, quote: str = "yes") -> None:
        consent = Consent.objects.create(
            participant=person,
            version=version,
            mode="paper",
            taken_by=fieldwork,
            taken_where="workplace",
            taken_at=timezone.now(),
            snapshot_hash="0" * 64,
            state="given",
        )
        consent.phases.set(study.phases.all())
        for item, answer in zip(items, ("yes", quote), strict=True):
            ConsentAnswer.objects.create(consent=consent, item=item, answer=answer)

    return signed


@pytest.fixture
def interviewed(study: Any, site_a: Any, wave: Any, researcher: Any, code: Any) -> Any:
    """`interviewed("P-1", role, group)`: a person with an interview in which "one more thing" is coded."""
    twelve = wave(site_a, "12m")

    def made(
        name: str, role: str = "Team manager", group: str = "managers", words: str = "one more thing"
    ) -> Any:
        someone = make_person(study, site_a, name, wave=twelve, role=role, group=group)
        version = make_text(study, twelve, [*SAID, ("P", f"I am {name}.")], whole=someone)
        start, end = place_of(version, words)
        applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
        return someone

    return made


def test_quotes_carry_the_attribution_of_a_large_enough_role(interviewed, code, researcher):
    for number in range(3):
        interviewed(f"P-10{number}")
    found = quotes.quotes_under(code, researcher)
    assert {quote.attribution for quote in found} == {"[Team manager, 12m interview]"}
    assert {(quote.text, quote.turn) for quote in found} == {("one more thing", 2)}


def test_quotes_of_a_small_role_say_less(interviewed, code, researcher):
    interviewed("P-101")
    interviewed("P-102")
    interviewed("P-103", role="Service manager")
    labels = [quote.attribution for quote in quotes.quotes_under(code, researcher)]
    assert labels == ["[Managers, 12m interview]"] * 3


def test_quotes_of_the_interviewer_are_named_so_and_need_no_consent(study, version, code, researcher):
    start, end = place_of(version, "And later?")
    applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    (quote,) = quotes.quotes_under(code, researcher)
    assert (quote.attribution, quote.barrier, quote.people) == ("[Interviewer]", "", frozenset())


@pytest.mark.row("CN-04")
def test_consent_decides_what_may_leave_and_the_rest_is_counted_by_reason(
    interviewed, agree, code, researcher
):
    agree(interviewed("P-101"))
    agree(interviewed("P-102"), quote="no")
    interviewed("P-103")
    gathered = quotes.gather(quotes.quotes_under(code, researcher))
    assert [quote.document for quote in gathered.quotes] == ["D-01"]
    assert gathered.left_out == {
        "the person said no to being quoted": 1,
        "the person was not asked about being quoted": 1,
    }


def test_unknown_speaker_of_a_focus_group_may_not_leave(study, site_a, wave, agree, code, researcher):
    known = make_person(study, site_a, "P-201")
    agree(known)
    version = make_text(
        study,
        wave(site_a, "12m"),
        [("A", "We all felt it."), ("B", "Less so here.")],
        people={"A": known},
        kind="focus_group",
    )
    for words in ("We all felt it.", "Less so here."):
        start, end = place_of(version, words)
        applying.apply_code(version.pk, start=start, end=end, code_id=code.pk, by=researcher)
    barriers = [quote.barrier for quote in quotes.quotes_under(code, researcher)]
    assert barriers == ["", quotes.NO_SPEAKER]


def test_quotes_of_another_site_are_not_listed(interviewed, code, other_site):
    interviewed("P-101")
    assert quotes.quotes_under(code, other_site) == []


def test_quotes_ask_the_same_queries_for_one_and_for_three(
    interviewed, agree, code, researcher, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    agree(interviewed("P-101"))
    quotes.quotes_under(code, researcher)
    with CaptureQueriesContext(connection) as one:
        assert len(quotes.quotes_under(code, researcher)) == 1
    agree(interviewed("P-102"))
    agree(interviewed("P-103"))
    with CaptureQueriesContext(connection) as three:
        assert len(quotes.quotes_under(code, researcher)) == 3
    assert len(three) == len(one)


def test_quotes_leave_as_a_workbook_and_a_release_that_names_who_is_quoted(interviewed, agree, code, writer):
    person = interviewed("P-101")
    agree(person)
    interviewed("P-102")
    made = publishing.publish_quotes(
        code, file_format="xlsx", purpose="Report", recipients="Funder, Board", by=writer
    )
    book = openpyxl.load_workbook(io.BytesIO(made.data), rich_text=False)
    values = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert values.count("one more thing") == 1
    assert "[Participant]" in values
    assert any("1 quote left out: the person was not asked" in value for value in values)
    assert Release.objects.get().output_class == "qualitative"
    assert QuotedPerson.objects.get().participant == person


def test_quotes_leave_as_a_document(interviewed, agree, code, writer):
    agree(interviewed("P-101"))
    made = publishing.publish_quotes(code, file_format="docx", purpose="Report", recipients="", by=writer)
    text = "\n".join(paragraph.text for paragraph in docx.Document(io.BytesIO(made.data)).paragraphs)
    assert "one more thing" in text
    assert "[Participant]" in text


@pytest.mark.row("F23")
def test_matrix_leaves_with_states_attributes_and_linked_quotes(
    study, interviewed, agree, theme, subtheme, code, researcher, writer
):
    shown, hidden = interviewed("P-101"), interviewed("P-102")
    agree(shown)
    matrix = matrices.create_matrix(theme, by=researcher)
    column = matrix.columns.get(subtheme=subtheme)
    for person in (shown, hidden):
        case = matrices.add_case(study, participant=person, by=researcher)
        coding_id = quotes.quotes_under(code, researcher)[0 if person == shown else 1].coding_id
        link = charting.link_quote(case, column, coding_id=coding_id, by=researcher)
        runs = [{"kind": "summary", "text": "=Felt rushed "}, {"kind": "verbatim", "quote": str(link.pk)}]
        charting.save_cell(case, column, runs=runs, state="charted", expected_version=0, by=researcher)
    made = publishing.publish_matrix(matrix, purpose="Report", recipients="", by=writer)
    book = openpyxl.load_workbook(io.BytesIO(made.data))
    assert book.sheetnames[-2:] == ["Workload", "Quotes"]
    sheet = book["Workload"]
    rows = [[str(cell.value or "") for cell in row] for row in sheet.iter_rows()]
    head = next(row for row in rows if row[0] == "Case")
    assert head == ["Case", "Site", "Phase", "Group", "Role", "Caseload", "Other"]
    first, second = (next(row for row in rows if row[0] == name) for name in ("P-101", "P-102"))
    assert first[5] == "Charted: =Felt rushed “one more thing” ❝1"
    assert second[5] == "Charted: =Felt rushed [quote left out]"
    assert first[3:5] == ["Participant", ""]  # two managers are fewer than three
    assert sheet.freeze_panes is not None
    assert sum("one more thing" in str(cell.value) for row in book["Quotes"].iter_rows() for cell in row) == 1
    assert QuotedPerson.objects.filter(release=made.release).count() == 2  # both have a row


def test_exports_refuse_the_lead_who_reads(code, lead):
    with pytest.raises(Refused):
        publishing.publish_quotes(code, file_format="xlsx", purpose="x", recipients="", by=lead)


def test_export_page_previews_and_downloads(login, study, interviewed, agree, code, researcher):
    agree(interviewed("P-101"))
    interviewed("P-102")
    url = reverse("coding:quotes_export", kwargs={"slug": study.slug, "pk": code.pk})
    client = login(researcher)
    assert "was not asked about being quoted" in client.get(url).content.decode()
    answer = client.post(url, {"file_format": "xlsx", "purpose": "Team meeting"})
    assert answer["Content-Disposition"].startswith("attachment")
    assert Release.objects.get().state == "draft"


@pytest.fixture
def managers_elsewhere(study: Any, site_b: Any, wave: Any) -> None:
    """Three team managers at site B: with them the role fits four people of the study, and one of site A."""
    twelve = wave(site_b, "12m")
    for number in range(3):
        someone = make_person(
            study, site_b, f"P-20{number}", wave=twelve, role="Team manager", group="managers"
        )
        make_text(study, twelve, SAID, whole=someone)


def test_quotes_of_the_whole_study_are_attributed_among_all_its_people(
    interviewed, managers_elsewhere, code, researcher
):
    interviewed("P-101")
    (quote,) = quotes.quotes_under(code, researcher)
    assert quote.attribution == "[Team manager, 12m interview]"


def test_a_matrix_that_shows_the_site_counts_small_groups_at_the_site(
    study, interviewed, agree, managers_elsewhere, theme, subtheme, code, researcher, writer
):
    """One team manager at site A: a row of this site must not say that it is hers, nor may a quote beside it."""
    person = interviewed("P-101")
    agree(person)
    matrix = matrices.create_matrix(theme, by=researcher)
    column = matrix.columns.get(subtheme=subtheme)
    case = matrices.add_case(study, participant=person, by=researcher)
    (quote,) = quotes.quotes_under(code, researcher)
    link = charting.link_quote(case, column, coding_id=quote.coding_id, by=researcher)
    charting.append_quote(link, by=researcher)
    made = publishing.publish_matrix(matrix, purpose="Report", recipients="", by=writer)
    book = openpyxl.load_workbook(io.BytesIO(made.data))
    row = next(row for row in book["Workload"].iter_rows(values_only=True) if row[0] == "P-101")
    assert row[1:5] == ("A", None, "Participant", None)
    values = [str(value) for sheet in book for row in sheet.iter_rows(values_only=True) for value in row]
    assert "[Participant]" in values
    assert not any("manager" in value.lower() for value in values)


def test_quotes_of_one_site_say_so_and_count_small_groups_there(
    study, site_a, interviewed, agree, managers_elsewhere, code
):
    from tests.conftest import make_member, make_user

    agree(interviewed("P-101"))
    user = make_user("writer-a@example.org", "Ada A")
    make_member(study, user, "report_writer", site_a)
    made = publishing.publish_quotes(code, file_format="xlsx", purpose="Report", recipients="", by=user)
    book = openpyxl.load_workbook(io.BytesIO(made.data))
    values = [str(value) for sheet in book for row in sheet.iter_rows(values_only=True) for value in row]
    assert f"Sites: {site_a.name}" in values
    assert "1 of 1 quotes" in values
    assert "[Participant]" in values
