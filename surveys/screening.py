"""Which rows of an export are answers at all: previews, tests, spam, unfinished and repeated responses are
not.

Pure. Nothing is dropped silently: each row left out is returned with a reason in fixed words.
"""

from __future__ import annotations

from dataclasses import dataclass

from .questionnaire import folded
from .readers.sheet import Line, Sheet

# Qualtrics' response types: the number of the numeric export, the words of the labelled one.
PREVIEWS = {"1", "2", "9", "17", "survey preview", "survey test", "offline survey preview", "preview spam"}
SPAM = {"8", "12", "24", "spam", "imported spam", "offline spam", "possible spam"}
UNFINISHED = {"0", "false", "no"}


@dataclass(frozen=True)
class Skipped:
    row: int
    reason: str


@dataclass(frozen=True)
class Kept:
    line: Line
    is_finished: bool


def screen(
    sheet: Sheet, *, response_id: int | None, keep_unfinished: bool, keep_previews: bool
) -> tuple[list[Kept], list[Skipped]]:
    """Part the rows of a sheet. Without the columns that say so, every row is a finished answer."""
    places = {name: _first(sheet, name) for name in ("status", "finished", "progress")}
    identity = response_id if response_id is not None else _first(sheet, "_recordId")
    kept: list[Kept] = []
    skipped: list[Skipped] = []
    first_rows: dict[str, int] = {}
    for line in sheet.lines:
        status = _cell(line, places["status"])
        is_finished = _is_finished(_cell(line, places["finished"]), _cell(line, places["progress"]))
        key = _cell(line, identity)
        if not keep_previews and status in PREVIEWS:
            skipped.append(Skipped(line.number, "preview or test"))
        elif status in SPAM:
            skipped.append(Skipped(line.number, "marked as spam"))
        elif not is_finished and not keep_unfinished:
            skipped.append(Skipped(line.number, "not finished"))
        elif key and key in first_rows:
            skipped.append(Skipped(line.number, f"same response as row {first_rows[key]}"))
        else:
            if key:
                first_rows[key] = line.number
            kept.append(Kept(line, is_finished))
    return kept, skipped


def _first(sheet: Sheet, import_id: str) -> int | None:
    return next(iter(sheet.find(import_id=import_id)), None)


def _cell(line: Line, at: int | None) -> str:
    return "" if at is None else folded(line.cells[at])


def _is_finished(finished: str, progress: str) -> bool:
    if finished in UNFINISHED:
        return False
    return not (progress.isdigit() and int(progress) < 100)
