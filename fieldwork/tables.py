"""The quota grid as the pages draw it."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from fieldwork.frames import QuotaGrid
from fieldwork.models import PlanRow
from fieldwork.quotas import Quota
from ipe.models import Evaluation, Wave
from ipe.overview import Cell, Line, cells


def grid_cells(
    grid: QuotaGrid, *, study: Evaluation, today: dt.date, may_book: bool
) -> dict[tuple[Any, Any], Cell]:
    """Cells by (site id, phase id), a line for every row of the plan; a line leads to booking or to the
    list."""
    drawn = cells(grid.waves, [], today=today)
    lines: dict[tuple[Any, Any], list[Line]] = {}
    for row in grid.rows:
        for wave in grid.waves:
            quota = grid.cells.get((row.pk, wave.pk))
            if quota is not None:
                line = _line(row, wave, quota, study, today, may_book)
                lines.setdefault((wave.site_id, wave.phase_id), []).append(line)
    return {
        key: Cell(blank=cell.blank, window=cell.window, is_now=cell.is_now, lines=tuple(lines.get(key, ())))
        for key, cell in drawn.items()
    }


def _line(row: PlanRow, wave: Wave, quota: Quota, study: Evaluation, today: dt.date, may_book: bool) -> Line:
    has_begun = wave.starts_on is not None and wave.starts_on <= today
    is_over = wave.ends_on is not None and wave.ends_on < today
    if may_book and quota.n_open:
        query = urlencode({"wave": wave.pk, "row": row.pk})
        url = f"{reverse('fieldwork:book', kwargs={'slug': study.slug})}?{query}"
    else:
        query = urlencode({"site": wave.site.code, "phase": wave.phase.code, "method": row.method})
        url = f"{reverse('fieldwork:schedule', kwargs={'slug': study.slug})}?{query}"
    return Line(
        label=row.label,
        long_label=row.label,
        n_done=quota.n_done,
        n_booked=quota.n_booked,
        target=quota.planned.target,
        is_due=has_begun and not quota.is_complete,
        is_overdue=bool(quota.n_overdue) or (is_over and not quota.is_complete),
        url=url,
    )


@dataclass(frozen=True)
class QuotaRow:
    """One row of the figures below the grid."""

    key: uuid.UUID
    site: str
    phase: str
    label: str
    quota: Quota
    is_over: bool


def quota_rows(grid: QuotaGrid, *, today: dt.date) -> list[QuotaRow]:
    """Every cell in figures, by site and phase in the order of the study."""
    found = []
    for wave in grid.waves:
        for row in grid.rows:
            quota = grid.cells.get((row.pk, wave.pk))
            if quota is not None:
                is_over = wave.ends_on is not None and wave.ends_on < today
                found.append(QuotaRow(row.pk, wave.site.name, wave.phase.name, row.label, quota, is_over))
    return found
