"""Cells as words on paper, the same in PDF and DOCX."""

from __future__ import annotations

import datetime as dt
import math

from exports.digits import printed
from exports.table import Band, Cell, Column, Count, Hidden, Share, plain


def shown(cell: Cell, column: Column) -> str:
    """A cell as people read it: "84.0%", "1,204", "21 Nov 2026", "[c]"; an empty cell is empty.

    A percentage keeps one decimal unless the column says otherwise, so that 69.6 is never printed as 70.
    """
    if cell is None:
        return ""
    if isinstance(cell, Hidden):
        return str(cell)
    if isinstance(cell, Band):
        return cell.text
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, dt.datetime):
        return cell.strftime("%-d %b %Y %H:%M")
    if isinstance(cell, dt.date):
        return cell.strftime("%-d %b %Y")
    if isinstance(cell, Share):
        return str(Hidden("z")) if cell.percent is None else _percent(cell.percent, column)
    if isinstance(cell, (int, float)):
        if not math.isfinite(cell):
            return str(Hidden("x"))
        if column.kind == "percent":
            return _percent(cell, column)
        if column.decimals is not None:
            return printed(cell, f",.{column.decimals}f")
        return f"{cell:,}" if isinstance(cell, int) else printed(cell, ",.4g")
    if isinstance(cell, Count):
        return f"{cell.value:,}"
    return str(plain(cell))


def _percent(value: float, column: Column) -> str:
    return printed(value, f".{1 if column.decimals is None else column.decimals}f") + "%"
