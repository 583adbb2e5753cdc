"""Charting: what a cell says, its state, its quotes; two people in one cell lose nothing."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Substr
from django.utils import timezone

from coding import frames
from coding.acts.applying import LONG
from coding.models import Case, Cell, CellHistory, CellState, Coding, Column, QuoteLink
from coding.runs import BadRuns, Run, parse, quotes, stored
from coding.segments import trimmed
from ipe import audit, roles
from ipe.errors import Conflict, Invalid, NotFound
from transcripts.models import Version

if TYPE_CHECKING:
    from ipe.models import Evaluation, User

# A cell with words is at least a draft; a cell that says nothing has a reason, never words.
WORDLESS = frozenset(
    {CellState.NOT_STARTED, CellState.NOT_RAISED, CellState.NOT_APPLICABLE, CellState.NOT_ASKED}
)


class CellConflict(Conflict):
    """Somebody saved the cell since it was read. `cell` holds theirs; what was sent is with the caller."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(
            "Somebody else saved this cell while you were writing. Nothing is lost: compare both texts."
        )
        self.cell = cell


def save_cell(
    case: Case,
    column: Column,
    *,
    runs: object,
    state: str,
    expected_version: int,
    by: User,
    read_at: dt.datetime | None = None,
) -> Cell:
    """Write a cell, if nobody wrote it since `expected_version` (0 for a cell that nobody has written).

    The version before is in the history. What evidence the author saw is kept, so that later codings make the cell
    stale: the codings as they were at `read_at`, when the page was drawn, or as they are now. The same text and state
    again is no new version, but says that this evidence was seen.
    Needs text.edit at the case's site.

    Raises
        CellConflict: It was saved by somebody else; carries their cell.
        Invalid: The runs are malformed, the state unknown, or the state says that nothing was said beside a text.
        NotFound: A quote link is not this cell's, or the case and column are of two studies.
    """
    with transaction.atomic():
        evaluation = _allow(case, column, by)
        parsed = _runs(runs)
        _check_state(state, parsed)
        cell = _locked(case, column)
        if cell.version != expected_version:
            raise CellConflict(cell)
        _check_quotes(cell, parsed)
        now = stored(parsed)
        changed = now != cell.runs or state != cell.state
        cell.evidence = [
            coding.id
            for coding in frames.cell_evidence(case, column)
            if read_at is None or coding.changed_at <= read_at
        ]
        cell.charted_at = timezone.now()
        if changed:
            cell.runs, cell.state = now, state
            cell.version += 1
            cell.updated_by, cell.updated_at = by, cell.charted_at
            CellHistory.objects.create(cell=cell, version=cell.version, runs=now, state=state, by=by)
            audit.record(
                "coding.cell_saved",
                cell,
                by=by,
                evaluation=evaluation,
                counts={"version": cell.version, "quotes": len(quotes(parsed))},
            )
        cell.save()
    return cell


def restore_cell(cell: Cell, *, version: int, expected_version: int, by: User) -> Cell:
    """Write an earlier version of a cell as its newest. As `save_cell` otherwise; NotFound without such a version."""
    then = cell.history.filter(version=version).first()
    if then is None:
        raise NotFound("There is no such version of this cell.")
    alive = {str(pk) for pk in cell.quotes.values_list("pk", flat=True)}
    runs = [run for run in then.runs if run.get("quote") is None or run["quote"] in alive]
    return save_cell(
        cell.case, cell.column, runs=runs, state=then.state, expected_version=expected_version, by=by
    )


def link_quote(
    case: Case,
    column: Column,
    *,
    by: User,
    coding_id: int | None = None,
    version_id: UUID | None = None,
    start: int = 0,
    end: int = 0,
) -> QuoteLink:
    """Make a passage quotable in a cell: a coding's, or a span of a version. The cell's text is not changed.

    Only passages of the case can be quoted in its row. Needs text.edit at the case's site. The same passage twice
    is the same link.

    Raises
        Invalid: Blank, outside the text, or not something that this case said. NotFound: no such coding or text.
    """
    with transaction.atomic():
        evaluation = _allow(case, column, by)
        coding = None
        if coding_id is not None:
            coding = Coding.objects.visible_to(by).of(evaluation).filter(pk=coding_id).first()
            if coding is None:
                raise NotFound("This coding is not there any more.")
            version_id = coding.version_id
            start, end = (start, end) if end else (coding.start, coding.end)
        if version_id is None or start < 0 or start >= end:
            raise Invalid("Select at least one character of this text.")
        start, end = _passage(evaluation, version_id, start, end, by)
        if case.pk not in frames.reach_of([case]).cases(version_id, start, end):
            raise Invalid("This passage was not said in this case. Quote it in its own row.")
        cell = _locked(case, column)
        link = QuoteLink.objects.filter(cell=cell, version_id=version_id, start=start, end=end).first()
        if link is None:
            link = QuoteLink.objects.create(
                cell=cell, version_id=version_id, start=start, end=end, coding=coding
            )
            audit.record("coding.quote_linked", link, by=by, evaluation=evaluation)
    return link


def append_quote(link: QuoteLink, *, by: User) -> Cell:
    """Put a linked passage at the end of its cell's text; an empty cell becomes a draft. As `save_cell` otherwise."""
    cell = link.cell
    runs = [*cell.runs, {"kind": "verbatim", "quote": str(link.pk)}]
    state = cell.state if cell.state not in WORDLESS else CellState.DRAFT
    return save_cell(cell.case, cell.column, runs=runs, state=state, expected_version=cell.version, by=by)


def draft_from_evidence(case: Case, column: Column, *, expected_version: int, by: User) -> Cell:
    """Begin a cell with every coded passage as a quote, labelled draft (F9). As `save_cell` otherwise.

    Raises Conflict when the cell has words already and Invalid when nothing is coded there.
    """
    with transaction.atomic():
        _allow(case, column, by)
        cell = _locked(case, column)
        if cell.runs:
            raise Conflict("This cell has been begun already.")
        evidence = frames.cell_evidence(case, column)
        if not evidence:
            raise Invalid("Nothing is coded here for this case yet.")
        runs: list[dict[str, Any]] = []
        for coding in evidence:
            link = link_quote(case, column, by=by, coding_id=coding.id)
            runs += [{"kind": "verbatim", "quote": str(link.pk)}, {"kind": "summary", "text": "\n"}]
        return save_cell(
            case, column, runs=runs, state=CellState.DRAFT, expected_version=expected_version, by=by
        )


def _allow(case: Case, column: Column, by: User) -> Evaluation:
    evaluation = case.evaluation
    roles.require(by, "text.edit", evaluation, case.site)
    if column.matrix.theme.codebook.evaluation_id != evaluation.pk:
        raise NotFound("There is no such cell in this study.")
    return evaluation


def _runs(value: object) -> list[Run]:
    try:
        return parse(value)
    except BadRuns as error:
        raise Invalid(str(error), fields={"runs": str(error)}) from None


def _check_state(state: str, runs: list[Run]) -> None:
    if state not in CellState.values:
        raise Invalid("Choose one of the states.", fields={"state": "Choose one of the states."})
    has_words = any(run.kind == "verbatim" or (run.kind == "summary" and run.text.strip()) for run in runs)
    if has_words and state in WORDLESS:
        raise Invalid(
            "The cell has a summary, so it is a draft, charted or reviewed. Remove the text first to say that "
            "nothing was said.",
            fields={"state": "This state is for cells without a summary."},
        )
    if not has_words and state in {CellState.CHARTED, CellState.REVIEWED}:
        raise Invalid(
            "Write a summary first, or say that the subject was not raised.",
            fields={"state": "There is no summary yet."},
        )


def _locked(case: Case, column: Column) -> Cell:
    Cell.objects.get_or_create(case=case, column=column)
    cell: Cell = Cell.objects.select_for_update(of=("self",)).get(case=case, column=column)
    return cell


def _check_quotes(cell: Cell, runs: list[Run]) -> None:
    named = quotes(runs)
    known = {str(pk) for pk in cell.quotes.values_list("pk", flat=True)} if named else set()
    if not known.issuperset(named):
        raise NotFound("A quote in this cell is not there any more. Remove it and save again.")


def _passage(
    evaluation: Evaluation, version_id: UUID | None, start: int, end: int, by: User
) -> tuple[int, int]:
    version = (
        Version.objects.visible_to(by)
        .current()
        .filter(pk=version_id, document__evaluation=evaluation)
        .defer(*LONG)
        .annotate(piece=Substr("text", start + 1, end - start) if end > start else Value(""))
        .first()
    )
    if version is None:
        raise NotFound("This text is not there any more.")
    if end > version.n_characters:
        raise Invalid("This passage lies outside the text.")
    found = trimmed(version.piece, 0, end - start)
    if found is None:
        raise Invalid("Only blank space was selected.")
    return start + found[0], start + found[1]
