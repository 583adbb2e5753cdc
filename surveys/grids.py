"""Indicators as the page draws them: one grid for each site, indicators down, phases across.

Pure. Works on results and on their table rows, working or released, so that nothing hidden can slip through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from exports.table import Band, Cell, Count, Hidden

from .indicators import IndicatorResult, settled
from .verdicts import Ruling, Target, settle, shown, target_in_words

Row = Mapping[str, Cell]


@dataclass(frozen=True)
class Line:
    """One figure as words: "84% of 50", with what stands beside it."""

    item: str
    scope: str
    verdict: str
    figure: str
    base: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class GridCell:
    """One indicator at one wave. `verdict` settles all its items."""

    verdict: str
    lines: tuple[Line, ...]
    groups: tuple[Line, ...] = ()


@dataclass(frozen=True)
class GridRow:
    code: str
    title: str
    question: str
    indicator_pk: str
    threshold: str
    cells: Mapping[str, GridCell]


@dataclass(frozen=True)
class SiteGrid:
    site: str
    rows: tuple[GridRow, ...]


def is_hidden(row: Row) -> bool:
    return isinstance(row["verdict"], Hidden)


def verdict_of(result: IndicatorResult, row: Row) -> str:
    return "suppressed" if is_hidden(row) else result.verdict


def figure_text(result: IndicatorResult, row: Row) -> str:
    """The figure, rounded but never across its threshold; hidden ones by their symbol or band."""
    cell = row["percent"] if row["percent"] is not None else row["value"]
    if isinstance(cell, Hidden | Band):
        return str(cell) if isinstance(cell, Hidden) else cell.text
    if result.yes is not None:
        return "yes" if result.yes else "no"
    if result.figure is None:
        return "–"
    if result.indicator.unit == "percent":
        return f"{shown(result.figure, result.target)}%"
    return shown(result.figure, result.target, places=0 if result.figure.denominator == 1 else 1)


def base_text(row: Row) -> str:
    cell = row["base"]
    if isinstance(cell, Count):
        return f"of {cell.value:,}"
    if isinstance(cell, Hidden):
        return "of [c]"
    return f"of {cell:g}" if isinstance(cell, int | float) else ""


def details(result: IndicatorResult, row: Row) -> tuple[str, ...]:
    """Response rate, interval, bounds and reasons, as far as the row shows them."""
    found: list[str] = []
    if result.response_percent is not None and not is_hidden(row):
        found.append(f"Response {shown(result.response_percent)}% of {result.eligible} people asked (RR2)")
    low, high = row.get("interval_lower"), row.get("interval_upper")
    if isinstance(low, float) and isinstance(high, float):
        found.append(f"95% interval {_beside(low, result)} to {_beside(high, result)} (Wilson)")
    elif result.is_census and not is_hidden(row) and not isinstance(low, Hidden):
        found.append("All staff answered: no sampling interval")
    worst, best = row.get("bound_lower"), row.get("bound_upper")
    if isinstance(worst, float) and isinstance(best, float) and not result.is_census:
        ends = f"{_beside(worst, result)} to {_beside(best, result)}"
        found.append(f"{ends} if all who were silent disagreed or agreed")
    if not is_hidden(row):
        found.extend(result.ruling.reasons)
    return tuple(found)


def _beside(percent: float, result: IndicatorResult) -> str:
    """An end of an interval, on its own side of the threshold like the figure."""
    return f"{shown(Fraction(percent), result.target)}%"


def line_of(result: IndicatorResult, row: Row) -> Line:
    return Line(
        item=result.item,
        scope=result.scope,
        verdict=verdict_of(result, row),
        figure=figure_text(result, row),
        base=base_text(row),
        details=details(result, row),
    )


def lines_of(pairs: Sequence[tuple[IndicatorResult, Row]]) -> list[Line]:
    """A line for each figure. Where only roles or teams were counted, the overall line says how many reach it."""
    found = []
    for result, row in pairs:
        line = line_of(result, row)
        if result.is_overall and result.figure is None and result.yes is None and not is_hidden(row):
            line = replace(line, figure=_groups_met(pairs) or line.figure)
        found.append(line)
    return found


def _groups_met(pairs: Sequence[tuple[IndicatorResult, Row]]) -> str:
    """In words: 1 of 4 roles. Empty where a row is hidden, or where no role and no team has a target."""
    if any(is_hidden(row) for _, row in pairs):
        return ""
    for prefix, noun in (("role: ", "role"), ("team: ", "team")):
        met: dict[str, bool] = {}
        for result, row in pairs:
            if result.scope.startswith(prefix) and result.target is not None:
                name = result.scope.removeprefix(prefix).partition(", team: ")[0]
                met[name] = met.get(name, True) and verdict_of(result, row) == "met"
        if met:
            return f"{sum(met.values())} of {len(met)} {noun}{'s' if len(met) > 1 else ''}"
    return ""


def _settled(pairs: Sequence[tuple[IndicatorResult, Row]]) -> Ruling:
    if any(is_hidden(row) for _, row in pairs):
        return settle({"hidden": Ruling("suppressed")}, rule="all")
    return settled(result for result, _ in pairs)


def threshold_words(targets: Mapping[str, tuple[Target, ...]], phases: Sequence[str], unit: str) -> str:
    """The threshold once where all phases share it, else phase by phase."""
    sign = "%" if unit == "percent" else ""
    by_phase = {
        phase: " and ".join(target_in_words(target, unit=sign) for target in targets[phase])
        for phase in phases
        if targets.get(phase)
    }
    words = list(dict.fromkeys(by_phase.values()))
    if len(words) < 2:
        return words[0] if words else "no target"
    return "; ".join(f"{phase} {text}" for phase, text in by_phase.items())


def site_grids(
    results: Sequence[IndicatorResult],
    rows: Sequence[Row],
    *,
    sites: Iterable[str],
    phases: Sequence[str],
    targets: Mapping[tuple[str, str], tuple[Target, ...]],
) -> list[SiteGrid]:
    """A grid for each site that has figures, in the given order; rows in the order of the results."""
    cells: dict[tuple[str, str], dict[str, list[tuple[IndicatorResult, Row]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    specs = {result.indicator.code: result.indicator for result in results}
    for result, row in zip(results, rows, strict=True):
        cells[result.key.site, result.indicator.code][result.key.phase].append((result, row))
    grids = []
    for site in sites:
        found = []
        for code, spec in specs.items():
            if (site, code) not in cells:
                continue
            of_indicator = {phase: targets.get((code, phase), ()) for phase in phases}
            found.append(
                GridRow(
                    code=code,
                    title=spec.title,
                    question=spec.question,
                    indicator_pk=spec.pk,
                    threshold=threshold_words(of_indicator, phases, spec.unit),
                    cells={phase: _cell(pairs) for phase, pairs in cells[site, code].items()},
                )
            )
        if found:
            grids.append(SiteGrid(site, tuple(found)))
    return grids


def _cell(pairs: Sequence[tuple[IndicatorResult, Row]]) -> GridCell:
    overall = [(result, row) for result, row in pairs if result.is_overall]
    lines = lines_of(pairs)
    return GridCell(
        verdict=_settled(overall).verdict,
        lines=tuple(line for line in lines if line.scope == "overall"),
        groups=tuple(line for line in lines if line.scope != "overall"),
    )
