"""Rows to plain records: what the pages, the charting acts and the exports compute with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.db.models import CharField, Count, F, Q
from django.db.models.functions import Cast, Substr

from coding import rendering
from coding.evidence import Evidence, Reach, by_cell
from coding.models import Case, CaseKind, Code, Coding, Column, Level, Matrix
from coding.rendering import CodeLook, TreeRow, TurnBlock
from coding.segments import Span
from transcripts.models import Document, SpeakerRole, Turn, Version

if TYPE_CHECKING:
    from ipe.models import Evaluation, User


@dataclass(frozen=True, slots=True)
class Node:
    """A code in its tree: `path` are the names above it."""

    code: Code
    path: tuple[str, ...]
    n_codings: int = 0

    @property
    def full_name(self) -> str:
        return " › ".join((*self.path, self.code.name))


def tree(evaluation: Evaluation, counts: dict[UUID, int] | None = None) -> list[Node]:
    """Codes in use, each followed by what stands under it. One query."""
    children: dict[UUID | None, list[Code]] = defaultdict(list)
    for code in Code.objects.in_use().of(evaluation).order_by("order", "name"):
        children[code.parent_id].append(code)
    found: list[Node] = []

    def walk(parent: UUID | None, path: tuple[str, ...]) -> None:
        for code in children[parent]:
            found.append(Node(code, path, (counts or {}).get(code.pk, 0)))
            walk(code.pk, (*path, code.name))

    walk(None, ())
    return found


def looks(nodes: Iterable[Node]) -> list[CodeLook]:
    return [CodeLook(str(node.code.pk), node.code.name, node.code.colour) for node in nodes]


def tree_rows(nodes: Iterable[Node]) -> list[TreeRow]:
    return [
        TreeRow(
            CodeLook(str(node.code.pk), node.code.name, node.code.colour),
            node.code.level,
            node.full_name,
            node.code.is_codable,
            node.code.definition,
            node.n_codings,
        )
        for node in nodes
    ]


def document_list(user: User, evaluation: Evaluation) -> list[dict[str, Any]]:
    """The texts that this person may code or read, with how many codings each has. Two queries."""
    versions = (
        Version.objects.visible_to(user)
        .current()
        .open()
        .filter(document__evaluation=evaluation)
        .order_by("document__wave__site__order", "document__wave__phase__order", "document__number")
        .values_list(
            "pk",
            "document__number",
            "document__kind",
            "document__participant__code",
            "document__wave__site__code",
            "document__wave__site__name",
            "document__wave__phase__code",
        )
    )
    rows = list(versions)
    counted = (
        Coding.objects.filter(version_id__in=[row[0] for row in rows]).order_by().values_list("version_id")
    )
    counts = dict(counted.annotate(n=Count("id")))
    kinds = dict(Document._meta.get_field("kind").flatchoices)
    return [
        {
            "pk": pk,
            "code": f"D-{number:02d}",
            "kind": kinds[kind],
            "participant": participant or "",
            "site": site,
            "site_name": site_name,
            "phase": phase,
            "n_codings": counts.get(pk, 0),
        }
        for pk, number, kind, participant, site, site_name, phase in rows
    ]


def _turn_blocks(rows: Iterable[tuple[int, int, int, str | None, str | None]]) -> list[TurnBlock]:
    return [
        TurnBlock(ordinal, start, end, label or "", role == SpeakerRole.INTERVIEWER)
        for ordinal, start, end, label, role in rows
    ]


TURN_FIELDS = ("ordinal", "start", "end", "speaker__label", "speaker__role")
SPAN_FIELDS = ("start", "end", "id", "code_id")
# The code's id as the database writes it: making five thousand UUID objects takes as long as reading the rows.
CODE_AS_TEXT = Cast("code_id", CharField())


def _places(codes: Sequence[UUID]) -> dict[Any, int]:
    """Number of each code by its id, as a UUID and as either database writes one."""
    found: dict[Any, int] = {}
    for number, pk in enumerate(codes):
        found[pk] = found[str(pk)] = found[pk.hex] = number
    return found


def _spans(rows: Iterable[tuple[int, int, int, Any]], place: dict[Any, int]) -> list[Span]:
    """Spans of codings. Plain tuples, which is all that the sweep reads; naming their parts would double the time."""
    return cast(
        "list[Span]", [(start, end, id_, place[code]) for start, end, id_, code in rows if code in place]
    )


@dataclass(frozen=True, slots=True)
class Workspace:
    """One text, drawn: its turns as HTML, and for the browser the interval index and the codes as JSON."""

    html: str
    index: str
    codes: str
    n_turns: int
    n_codings: int


def workspace(version_id: UUID, nodes: Sequence[Node]) -> Workspace:
    """The whole text with its codings: three queries, one sweep, one join."""
    text = Version.objects.values_list("text", flat=True).get(pk=version_id)
    turns = _turn_blocks(
        Turn.objects.filter(version_id=version_id).order_by("ordinal").values_list(*TURN_FIELDS)
    )
    shown = looks(nodes)
    rows = Coding.objects.filter(version_id=version_id).order_by()
    spans = _spans(
        rows.values_list("start", "end", "id", CODE_AS_TEXT), _places([node.code.pk for node in nodes])
    )
    drawn = rendering.blocks(text, turns, spans, shown)
    return Workspace(
        "".join([html for _, html in drawn]),
        rendering.index_of(spans),
        rendering.codes_json(shown),
        len(turns),
        len(spans),
    )


def touched(version_id: UUID, places: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """What the browser needs after a change at these places: the HTML of the touched turns and what is coded there.

    {"blocks": [[ordinal, html]], "range": [start, end], "codings": [[start, end, id, code id]],
    "codes": [[id, name, colour]]}; the codings are all that touch `range`. Two queries.
    """
    where = Q(pk__in=[])
    for start, end in places:
        where |= Q(start__lt=end, end__gt=start)
    said = Substr("version__text", F("start") + 1, F("end") - F("start"))
    rows = list(
        Turn.objects.filter(where, version_id=version_id).order_by("ordinal").values_list(*TURN_FIELDS, said)
    )
    if not rows:
        return {"blocks": [], "range": [0, 0], "codings": [], "codes": []}
    turns = _turn_blocks(row[:5] for row in rows)
    first, last = turns[0].start, turns[-1].end
    # What lies between the touched turns is never drawn; blanks keep the offsets.
    text = ""
    for turn, row in zip(turns, rows, strict=True):
        text += " " * (turn.start - first - len(text)) + row[5]
    found = list(
        Coding.objects.touching(version_id, first, last).order_by().values_list(*SPAN_FIELDS, *PATH_FIELDS)
    )
    # In the order of the whole tree, so that a swapped turn looks as it would on a fresh page.
    codes = {row[3]: (_place_in_tree(row), CodeLook(str(row[3]), row[4], row[5])) for row in found}
    order = sorted(codes, key=lambda pk: codes[pk][0])
    place = _places(order)
    shown = [codes[pk][1] for pk in order]
    drawn = rendering.blocks(text, turns, _spans((row[:4] for row in found), place), shown, offset=first)
    return {
        "blocks": drawn,
        "range": [first, last],
        "codings": [[row[0], row[1], row[2], str(row[3])] for row in sorted(found, key=lambda row: row[:3])],
        "codes": [list(look) for look in shown],
    }


PATH_FIELDS = (
    "code__name",
    "code__colour",
    "code__order",
    "code__parent__order",
    "code__parent__name",
    "code__parent__parent__order",
    "code__parent__parent__name",
)


def _place_in_tree(row: tuple[Any, ...]) -> tuple[tuple[int, str], ...]:
    """Order and name of each code on the way down to this one."""
    name, _, order, parent_order, parent_name, top_order, top_name = row[4:]
    above = [(top_order, top_name), (parent_order, parent_name)]
    return (*[step for step in above if step[0] is not None], (order, name))


def reach_of(cases: Iterable[Case]) -> Reach:
    """Which stretches of which texts belong to each case. Two queries, however many cases."""
    wanted = list(cases)
    reach = Reach()
    if not wanted:
        return reach
    sites = {case.site_id for case in wanted}
    versions = (
        Version.objects.current()
        .open()
        .filter(document__evaluation_id=wanted[0].evaluation_id, document__wave__site_id__in=sites)
        .values_list(
            "pk", "document_id", "document__participant_id", "document__wave_id", "document__wave__site_id"
        )
    )
    by_person: dict[UUID, list[Case]] = defaultdict(list)
    for case in wanted:
        if case.kind == CaseKind.PARTICIPANT and case.participant_id:
            by_person[case.participant_id].append(case)
    waves: dict[UUID, UUID] = {}
    shared: set[UUID] = set()
    for pk, document, person, wave, site in versions:
        waves[pk] = wave
        for case in by_person.get(person, ()) if person else ():
            if case.wave_id in (None, wave):
                reach.add_document(pk, case.pk)
        if person is None:
            shared.add(pk)
        for case in wanted:
            is_group = case.kind == CaseKind.GROUP and case.document_id == document
            is_site = case.kind == CaseKind.SITE and case.site_id == site and case.wave_id in (None, wave)
            if is_group or is_site:
                reach.add_document(pk, case.pk)
    if by_person and shared:
        spoken: dict[tuple[UUID, UUID], list[tuple[int, int]]] = defaultdict(list)
        rows = Turn.objects.filter(version_id__in=shared, speaker__participant_id__in=by_person).order_by()
        for version, start, end, person in rows.values_list(
            "version_id", "start", "end", "speaker__participant_id"
        ):
            spoken[(version, person)].append((start, end))
        for (version, person), turns in spoken.items():
            for case in by_person[person]:
                if case.wave_id in (None, waves[version]):
                    reach.add_turns(version, case.pk, turns)
    return reach


def columns_of(columns: Iterable[Column], nodes: Iterable[Code]) -> dict[Any, list[UUID]]:
    """Code → the columns it feeds: a subtheme and its codes feed its column, the theme itself "Other"."""
    by_subtheme: dict[UUID, UUID] = {}
    other: dict[UUID, UUID] = {}
    for column in columns:
        if column.subtheme_id is None:
            other[column.matrix.theme_id] = column.pk
        else:
            by_subtheme[column.subtheme_id] = column.pk
    found: dict[Any, list[UUID]] = {}
    for code in nodes:
        if code.level == Level.THEME and code.pk in other:
            found[code.pk] = [other[code.pk]]
        elif code.level == Level.SUBTHEME and code.pk in by_subtheme:
            found[code.pk] = [by_subtheme[code.pk]]
        elif code.level == Level.CODE and code.parent_id in by_subtheme:
            found[code.pk] = [by_subtheme[code.parent_id]]
    return found


def evidence_rows(codes: Iterable[UUID], version_ids: Iterable[UUID] | None = None) -> list[Evidence]:
    rows = Coding.objects.filter(code_id__in=list(codes))
    if version_ids is not None:
        rows = rows.filter(version_id__in=list(version_ids))
    fields = ("id", "version_id", "start", "end", "code_id", "changed_at")
    return [
        Evidence._make(row)
        for row in rows.order_by("version__document__number", "start", "end", "id").values_list(*fields)
    ]


def matrix_evidence(matrix: Matrix, cases: Sequence[Case]) -> dict[tuple[Any, Any], list[Evidence]]:
    """(case, column) → the codings that are its evidence. A fixed number of queries."""
    columns = list(matrix.columns.select_related("matrix"))
    codes = list(Code.objects.filter(codebook_id=matrix.theme.codebook_id).only("pk", "level", "parent_id"))
    feeds = columns_of(columns, codes)
    return by_cell(evidence_rows(feeds), reach_of(cases), feeds)


def cell_evidence(case: Case, column: Column) -> list[Evidence]:
    """The codings of one cell, in order of place."""
    codes = list(
        Code.objects.filter(codebook_id=column.matrix.theme.codebook_id).only("pk", "level", "parent_id")
    )
    feeds = columns_of([column], codes)
    return by_cell(evidence_rows(feeds), reach_of([case]), feeds).get((case.pk, column.pk), [])


def case_evidence(case: Case) -> list[Evidence]:
    """Every coding of a case, under whatever code (F6: this case, all coding)."""
    codes = Code.objects.of(case.evaluation).values_list("pk", flat=True)
    reach = reach_of([case])
    return [row for row in evidence_rows(codes) if case.pk in reach.cases(row.version, row.start, row.end)]


def words(spans: Iterable[tuple[Any, int, int]]) -> dict[tuple[Any, int, int], str]:
    """The text under each (version, start, end); spans of texts that are gone or closed are left out."""
    wanted: dict[Any, set[tuple[int, int]]] = defaultdict(set)
    for version, start, end in spans:
        wanted[version].add((start, end))
    found: dict[tuple[Any, int, int], str] = {}
    texts = Version.objects.current().open().filter(pk__in=wanted).values_list("pk", "text")
    for version, text in texts:
        for start, end in wanted[version]:
            found[(version, start, end)] = text[start:end]
    return found
