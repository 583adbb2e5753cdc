"""A matrix as the page and the exports read it: rows of cases, cells with words, states and what is stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from coding import frames, quotes, runs
from coding.evidence import Evidence, Staleness, staleness
from coding.models import Case, Cell, CellState, Column, Matrix, QuoteLink

if TYPE_CHECKING:
    from ipe.models import User

# A sign that stands beside the words of a state, never instead of them.
SIGNS = {
    CellState.NOT_STARTED: "◌",
    CellState.DRAFT: "✎",
    CellState.CHARTED: "✓",
    CellState.REVIEWED: "✓✓",
    CellState.NOT_RAISED: "–",
    CellState.NOT_APPLICABLE: "⊘",
    CellState.NOT_ASKED: "·",
}
BLOCK = 25
"""Rows sent at once; the page asks for the next block when it comes into view."""


@dataclass(frozen=True, slots=True)
class Part:
    """A run with its words: verbatim runs have the text of their passage, None when it is gone."""

    kind: str
    text: str | None
    bold: bool
    italic: bool
    quote: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell to show."""

    case: Case
    column: Column
    state: str
    version: int
    parts: tuple[Part, ...]
    evidence: tuple[Evidence, ...]
    stale: Staleness
    n_quotes: int

    @property
    def sign(self) -> str:
        return SIGNS[CellState(self.state)]

    @property
    def state_label(self) -> str:
        return str(CellState(self.state).label)

    @property
    def text(self) -> str:
        return "".join(part.text or "" for part in self.parts)


@dataclass(frozen=True, slots=True)
class Row:
    case: Case
    attributes: Mapping[str, str]
    cells: tuple[Shown, ...]


def cases_of(matrix: Matrix, user: User) -> list[Case]:
    """The rows that this person may read: the study's cases, by site and order."""
    cases = Case.objects.visible_to(user).filter(evaluation_id=matrix.theme.codebook.evaluation_id)
    return list(cases.shown().select_related("evaluation").order_by("site__order", "order", "created_at"))


def columns_of(matrix: Matrix) -> list[Column]:
    return list(matrix.columns.select_related("subtheme", "matrix__theme"))


def rows(matrix: Matrix, cases: Sequence[Case], *, may_see_roles: bool) -> list[Row]:
    """The cases' rows. A fixed number of queries for any number of cases."""
    columns = columns_of(matrix)
    evidence = frames.matrix_evidence(matrix, cases)
    written = {
        (cell.case_id, cell.column_id): cell
        for cell in Cell.objects.filter(case__in=cases, column__in=columns)
    }
    words = quote_words(written.values())
    attributes = quotes.headers(cases, may_see_roles)
    return [
        Row(
            case,
            attributes[case.pk],
            tuple(
                show(
                    case,
                    column,
                    written.get((case.pk, column.pk)),
                    evidence.get((case.pk, column.pk), []),
                    words,
                )
                for column in columns
            ),
        )
        for case in cases
    ]


def show(
    case: Case, column: Column, cell: Cell | None, evidence: Sequence[Evidence], words: Mapping[str, str]
) -> Shown:
    """One cell, with or without a row in the database."""
    if cell is None:
        return Shown(case, column, CellState.NOT_STARTED, 0, (), tuple(evidence), Staleness((), (), ()), 0)
    parsed = cell.parsed()
    parts = tuple(
        Part(
            run.kind,
            words.get(run.quote or "") if run.kind == "verbatim" else run.text,
            run.bold,
            run.italic,
            run.quote or "",
        )
        for run in parsed
    )
    # A cell that was never written has not seen any evidence, so nothing can be new to it.
    seen = cell.state != CellState.NOT_STARTED or cell.runs
    stale = staleness(evidence, cell.evidence, cell.charted_at) if seen else Staleness((), (), ())
    return Shown(
        case, column, cell.state, cell.version, parts, tuple(evidence), stale, len(runs.quotes(parsed))
    )


def quote_words(cells: Any) -> dict[str, str]:
    """Quote link id → the words of its passage, for every link of these cells. Two queries."""
    links = {
        str(pk): (version, start, end)
        for pk, version, start, end in QuoteLink.objects.filter(cell__in=[cell.pk for cell in cells])
        .order_by()
        .values_list("pk", "version_id", "start", "end")
    }
    texts = frames.words(links.values()) if links else {}
    return {pk: texts[place] for pk, place in links.items() if place in texts}


def count_stale(matrix: Matrix, user: User) -> int:
    return len(stale_cells(matrix, user))


def stale_cells(matrix: Matrix, user: User) -> list[tuple[UUID, UUID]]:
    """(case, column) of the cells whose evidence changed after they were charted."""
    cells = list(
        Cell.objects.visible_to(user)
        .filter(column__matrix=matrix)
        .written()
        .only("case_id", "column_id", "evidence", "charted_at")
    )
    if not cells:
        return []
    cases = list(Case.objects.filter(pk__in={cell.case_id for cell in cells}))
    evidence = frames.matrix_evidence(matrix, cases)
    return [
        (cell.case_id, cell.column_id)
        for cell in cells
        if staleness(evidence.get((cell.case_id, cell.column_id), []), cell.evidence, cell.charted_at)
    ]
