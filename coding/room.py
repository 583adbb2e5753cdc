"""What coding answers to the other rooms' questions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Model
from django.urls import reverse

from coding import grids
from coding.acts import erasing, moving
from coding.models import Case, Cell, CellHistory, Code, CodeRevision, Matrix, Memo
from coding.section import CodebookSection
from ipe.models import Evaluation, Site, User, Wave
from ipe.rooms import Due, Effect, Erasure, Hit, Move, NavPage, Room


def erase(erasure: Erasure) -> list[Effect]:
    """Codings, matrix rows and memos of a person who asked for deletion; nothing for the two lesser scopes."""
    if erasure.scope != "delete":
        return []
    return erasing.erase_person(erasure.participant, dry_run=erasure.dry_run)


def move(moved: Move) -> int:
    return moving.move_version(moved.old, moved.new, moved.edits)


def find(evaluation: Evaluation, needle: str) -> list[Hit]:
    """Code names and definitions, also former ones, memos, cells and their history. The undo log holds no words."""
    wanted = needle.strip().casefold()
    if not wanted:
        return []
    slug = evaluation.slug
    codebook = reverse("coding:codebook", kwargs={"slug": slug})
    hits: list[Hit] = []

    def add(label: str, url: str, texts: Iterable[str], site_id: UUID | None = None) -> None:
        if any(wanted in text.casefold() for text in texts):
            hits.append(Hit("coding", label, url, "text.read", site_id))

    codes = Code.objects.of(evaluation).order_by("level", "order")
    for number, (pk, name, definition, retired_at) in enumerate(
        codes.values_list("pk", "name", "definition", "retired_at"), start=1
    ):
        url = codebook if retired_at else reverse("coding:code", kwargs={"slug": slug, "pk": pk})
        add(f"Code {number}{' (removed)' if retired_at else ''}", url, (name, definition))
    revisions = CodeRevision.objects.filter(code__codebook__evaluation=evaluation)
    for pk, *texts in revisions.values_list("code_id", "name", "definition", "reason"):
        add("Former name of a code", reverse("coding:code_history", kwargs={"slug": slug, "pk": pk}), texts)
    memos = Memo.objects.filter(evaluation=evaluation).order_by("created_at")
    for pk, body, site_id in memos.values_list("pk", "body", "site_id"):
        add("Memo", reverse("coding:memo", kwargs={"slug": slug, "pk": pk}), (body,), site_id)
    cells = Cell.objects.filter(case__evaluation=evaluation).select_related(
        "case__site", "case__participant", "case__document", "column__subtheme", "column__matrix"
    )
    for cell in cells.exclude(runs=[]):
        words = (run.get("text", "") for run in cell.runs)
        add(f"Cell of {cell.case.label}", _cell_url(slug, cell), words, cell.case.site_id)
    past = CellHistory.objects.filter(cell__case__evaluation=evaluation).select_related(
        "cell__case__site", "cell__case__participant", "cell__case__document"
    )
    for row in past:
        add(
            f"Earlier version {row.version} of a cell of {row.cell.case.label}",
            _cell_url(slug, row.cell),
            (run.get("text", "") for run in row.runs),
            row.cell.case.site_id,
        )
    return hits


def _cell_url(slug: str, cell: Cell) -> str:
    return reverse("coding:cell", kwargs={"slug": slug, "case": cell.case_id, "column": cell.column_id})


def due(evaluation: Evaluation, user: User, today: dt.date) -> list[Due]:
    """Matrices with cells whose evidence changed after they were charted, for this person's sites."""
    found: list[Due] = []
    for matrix in Matrix.objects.visible_to(user).filter(theme__codebook__evaluation=evaluation):
        n = grids.count_stale(matrix, user)
        if n:
            what = "cell has" if n == 1 else "cells have"
            found.append(
                Due(
                    label=f"{n} {what} new evidence: {matrix.theme.name}",
                    url=reverse("coding:matrix", kwargs={"slug": evaluation.slug, "pk": matrix.pk})
                    + "?show=stale",
                )
            )
    return found


def evidence(row: Model) -> Mapping[str, int]:
    """Matrix rows that hang on a site or a wave of the study design."""
    if isinstance(row, Site):
        return {"matrix rows": Case.objects.filter(site=row).count()}
    if isinstance(row, Wave):
        return {"matrix rows": Case.objects.filter(wave=row).count()}
    return {}


ROOM = Room(
    name="coding",
    label="Coding",
    order=60,
    pages=(
        NavPage("Coding", "coding:documents", ("text.read",), 50, key="d", icon="pencil-square"),
        NavPage("Matrices", "coding:matrices", ("text.read",), 60, key="m", icon="table-cells"),
    ),
    owns=frozenset(
        {
            "coding.Coding",
            "coding.CodingEvent",
            "coding.Memo",
            "coding.Case",
            "coding.Cell",
            "coding.CellHistory",
            "coding.QuoteLink",
        }
    ),
    erase=erase,
    move=move,
    due=due,
    find=find,
    evidence=evidence,
    protocol_section=CodebookSection(),
)
