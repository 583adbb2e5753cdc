"""Item × wave as the page draws it: one small table for each question, waves down, answers across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from exports.showing import shown
from exports.table import Count, Hidden, Share, Table
from ipe.models import Evaluation
from ipe.words import OutputClass
from releases import publishing

from .distributions import Spread
from .grids import Line, Row, line_of
from .questionnaire import Point
from .tables import answer_key, releasable_table, spread_tables, working_rows
from .verdicts import shown as percent_shown


@dataclass(frozen=True)
class AnswerCell:
    """One answer: its count and share as words, and whether it is among those that count."""

    count: str
    percent: str
    is_counted: bool


@dataclass(frozen=True)
class WaveRow:
    site: str
    phase: str
    cells: tuple[AnswerCell, ...]
    base: str
    aside: tuple[str, ...]
    response: str
    of_eligible: str
    line: Line | None


@dataclass(frozen=True)
class ItemTable:
    code: str
    wording: str
    base_rule: str
    answers: tuple[tuple[str, bool], ...]
    rows: tuple[WaveRow, ...]


def item_tables(evaluation: Evaluation, spreads: Sequence[Spread], *, is_released: bool) -> list[ItemTable]:
    """The tables in the order of the questions. Released ones pass disclosure control before a word is
    made.
    """
    tables: dict[str, Table] = {}
    scales = list(dict.fromkeys(spread.scale.code for spread in spreads))
    for code, table in zip(scales, spread_tables(spreads, title="Answers"), strict=True):
        if is_released:
            table = publishing.released(table, evaluation=evaluation, output_class=OutputClass.SURVEY).table
        tables[code] = table
    lines = _lines(evaluation, spreads, is_released=is_released)
    places: dict[str, int] = dict.fromkeys(scales, 0)
    items: dict[str, list[tuple[Spread, WaveRow]]] = {}
    for number, spread in enumerate(spreads):
        at = places[spread.scale.code]
        places[spread.scale.code] = at + 1
        row = _wave_row(spread, tables[spread.scale.code], at, lines.get(number), is_released=is_released)
        items.setdefault(spread.item.code, []).append((spread, row))
    return [
        ItemTable(
            code=code,
            wording=found[0][0].item.wording,
            base_rule=found[0][0].base_rule.in_words(),
            answers=tuple((p.label, p.code in found[0][0].counted) for p in _points(found[0][0])),
            rows=tuple(row for _, row in found),
        )
        for code, found in items.items()
    ]


def _points(spread: Spread) -> list[Point]:
    return [point for point in spread.scale.points if point.code in spread.given]


def _lines(evaluation: Evaluation, spreads: Sequence[Spread], *, is_released: bool) -> dict[int, Line]:
    """The indicator's own words for each spread that an indicator reads."""
    read = [(number, spread.result) for number, spread in enumerate(spreads) if spread.result is not None]
    results = [result for _, result in read]
    rows: list[Row] = list(working_rows(results))
    if is_released and results:
        table = releasable_table(evaluation, results, output_class=OutputClass.SURVEY)
        released = publishing.released(table, evaluation=evaluation, output_class=OutputClass.SURVEY).table
        keys = [column.key for column in released.columns]
        rows = [dict(zip(keys, row, strict=True)) for row in released.rows]
    return {number: line_of(result, row) for (number, result), row in zip(read, rows, strict=True)}


def _wave_row(spread: Spread, table: Table, at: int, line: Line | None, *, is_released: bool) -> WaveRow:
    base = table.cell(at, "base")
    cells = []
    for point in _points(spread):
        count = table.cell(at, answer_key(point.code))
        percent = ""
        if isinstance(count, Count) and isinstance(base, Count) and base.value:
            percent = f"{percent_shown(Fraction(100 * count.value, base.value))}%"
        cells.append(AnswerCell(_words(count), percent, point.code in spread.counted))
    aside = tuple(
        f"{point.label} {_words(table.cell(at, f'aside_{point.code}'))}"
        for point in spread.scale.points
        if spread.aside.get(point.code)
    )
    wave, result = spread.wave, spread.result
    show = not is_released or isinstance(base, Count)
    rate = f"{wave.n_responses} of {wave.eligible}" if wave.eligible is not None else f"{wave.n_responses}"
    share = f" = {percent_shown(wave.response_percent)}%" if wave.response_percent is not None else ""
    whole = ""
    if (
        result is not None
        and result.percent_of_eligible is not None
        and not isinstance(table.cell(at, "percent"), Hidden)
    ):
        counted = table.cell(at, "counted")
        whole = f"{percent_shown(result.percent_of_eligible)}%" if isinstance(counted, Count) else ""
    return WaveRow(
        site=spread.key.site,
        phase=spread.key.phase,
        cells=tuple(cells),
        base=_words(base),
        aside=aside,
        response=f"{rate}{share}" if show else "[c]",
        of_eligible=whole,
        line=line,
    )


def _words(cell: object) -> str:
    if isinstance(cell, Count):
        return f"{cell.value:,}"
    return str(cell) if isinstance(cell, Hidden) else ""


def plain_rows(table: Table) -> list[list[tuple[str, bool]]]:
    """Every cell of a table as words, with whether it is a number."""
    return [
        [
            (shown(cell, column), column.kind != "text" or isinstance(cell, Count | Share))
            for column, cell in zip(table.columns, row, strict=True)
        ]
        for row in table.rows
    ]
