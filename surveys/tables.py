"""Results as `exports.Table`: what a page shows, a file holds and disclosure control protects.

Every count carries its respondents, so that releases can be compared person by person without naming anyone.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal

from exports.disclosure import Rule
from exports.table import Cell, Column, Count, Cover, Hidden, Ref, Relation, Share, Table, across
from ipe.models import Evaluation
from ipe.words import OutputClass, Verdict
from releases import publishing
from releases.rules import rule_for

from .distributions import Average, Spread
from .indicators import IndicatorResult
from .verdicts import AT_LEAST, AT_MOST, shown, target_in_words

JSON_KEYS = (
    "indicator",
    "item",
    "site",
    "phase",
    "scope",
    "base_rule",
    "numerator",
    "base",
    "eligible",
    "percent",
    "threshold",
    "verdict",
)
INDICATOR_COLUMNS = (
    Column("indicator", "Indicator", width=28),
    Column("item", "Item", width=24),
    Column("site", "Site", width=10),
    Column("phase", "Phase", width=10),
    Column("scope", "Scope", width=18),
    Column("base_rule", "Base", width=36),
    Column("numerator", "Number", kind="count", part_of="base"),
    Column("base", "Base (n)", kind="count"),
    Column("eligible", "People asked", kind="number", depends=("base",), decimals=0),
    Column("percent", "Per cent", kind="percent", depends=("numerator", "base")),
    Column("value", "Value", kind="number", depends=("numerator", "base")),
    Column("threshold", "Threshold", identifies=False),
    Column("verdict", "Verdict", depends=("numerator", "base")),
    Column("interval_lower", "95% interval from", kind="percent", depends=("numerator", "base")),
    Column("interval_upper", "95% interval to", kind="percent", depends=("numerator", "base")),
    Column("bound_lower", "If all silent staff disagree", kind="percent", depends=("numerator", "base")),
    Column("bound_upper", "If all silent staff agree", kind="percent", depends=("numerator", "base")),
)
NOTES = (
    "Verdicts compare unrounded figures. The interval is Wilson's; there is none where all staff answered.",
    "The last two columns say what the figure could be if all who were silent had disagreed, or agreed.",
    "Anonymous waves of the same staff are neither paired nor independent; they are described side by side.",
)


def _people(number: Decimal | int | None, keys: frozenset[str] | None) -> Cell:
    if number is None:
        return None
    if keys is not None:
        return Count.of(keys)
    # Posts are counted in halves; those are no people and stay numbers.
    return Count(int(number)) if number == int(number) else float(number)


def _row(result: IndicatorResult) -> dict[str, Cell]:
    counts = result.tally
    numerator = _people(result.numerator, counts.counted_keys if counts else None)
    base = _people(result.base, counts.base_keys if counts else None)
    percent: Cell = None if result.percent is None else float(result.percent)
    if isinstance(numerator, Count) and isinstance(base, Count) and result.indicator.unit == "percent":
        percent = Share(numerator.value, base.value, numerator.respondents, base.respondents)
    value: Cell = None if result.figure is None or percent is not None else float(result.figure)
    if result.yes is not None:
        value = "yes" if result.yes else "no"
    row: dict[str, Cell] = {
        "indicator": result.indicator.code,
        "item": result.item or None,
        "site": result.key.site,
        "phase": result.key.phase,
        "scope": result.scope,
        "base_rule": result.base_rule,
        "numerator": numerator,
        "base": base,
        "eligible": result.eligible,
        "percent": percent,
        "value": value,
        "threshold": target_in_words(result.target, unit="%" if result.indicator.unit == "percent" else ""),
        "verdict": Verdict(result.verdict).label,
    }
    if result.interval is not None:
        row |= {"interval_lower": 100 * result.interval.lower, "interval_upper": 100 * result.interval.upper}
    if result.bounds is not None:
        row |= {
            "bound_lower": float(100 * result.bounds.lower),
            "bound_upper": float(100 * result.bounds.upper),
        }
    return row


def _relations(results: Sequence[IndicatorResult]) -> tuple[Relation, ...]:
    """Overall rows as sums of their roles, and of their teams, where everybody is in exactly one of them."""
    groups: dict[tuple[str, str, object, str], list[int]] = defaultdict(list)
    whole: dict[tuple[str, str, object], int] = {}
    for at, result in enumerate(results):
        key = (result.indicator.code, result.item, result.key)
        if result.is_overall:
            whole[key] = at
        elif result.tally is not None:
            groups[(*key, result.scope.partition(":")[0])].append(at)
    found = []
    for (code, item, wave, _), parts in groups.items():
        total = whole[code, item, wave]
        if len(parts) < 2:
            continue
        for name in ("numerator", "base"):
            if sum(int(getattr(results[at], name)) for at in parts) == getattr(results[total], name):
                found.append(Relation(Ref(total, name), tuple(Ref(at, name) for at in parts)))
    return tuple(found)


def indicator_table(
    results: Sequence[IndicatorResult], *, title: str = "Indicators", cover: Cover | None = None
) -> Table:
    """Indicators as rows, in the order of the protocol, unsuppressed."""
    places = _percent_places(results)
    return Table.of(
        title,
        [
            dataclasses.replace(column, decimals=places) if column.key == "percent" else column
            for column in INDICATOR_COLUMNS
        ],
        [_row(result) for result in results],
        notes=NOTES,
        cover=cover,
        subject="indicators",
        relations=_relations(results),
        freeze_columns=2,
    )


def _percent_places(results: Sequence[IndicatorResult]) -> int:
    """Decimals with which every percentage, on paper, stands on its own side of its threshold."""
    texts = [shown(one.percent, one.target, places=1) for one in results if one.percent is not None]
    return max([1, *(len(text.partition(".")[2]) for text in texts)])


def releasable_table(
    evaluation: Evaluation,
    results: Sequence[IndicatorResult],
    *,
    output_class: str,
    title: str = "Indicators",
    cover: Cover | None = None,
) -> Table:
    """The table to hand to `releases.publishing`. Hidden here already: a verdict that was reached through a role
    or team which the release hides, and bounds that tell how few are outside the base.
    """
    table = indicator_table(results, title=title, cover=cover)
    rule = rule_for(evaluation, output_class)
    table = _hiding(
        table, {cell for at, one in enumerate(results) for cell in _tells_of_outsiders(at, one, rule)}
    )
    released = publishing.released(table, evaluation=evaluation, output_class=output_class).table
    hidden_groups = _hidden_groups(results, released)
    return _hiding(
        table,
        {
            (at, "verdict")
            for at, one in enumerate(results)
            if one.group_dependent and _group(one) in hidden_groups
        },
    )


def _hiding(table: Table, cells: Collection[tuple[int, str]]) -> Table:
    keys = [column.key for column in table.columns]
    rows = tuple(
        tuple(Hidden("c") if (at, key) in cells else cell for key, cell in zip(keys, row, strict=True))
        for at, row in enumerate(table.rows)
    )
    return dataclasses.replace(table, rows=rows)


def _tells_of_outsiders(at: int, result: IndicatorResult, rule: Rule) -> Iterator[tuple[int, str]]:
    """Cells that give a small number of people away who answered but are not in the base.

    Number, base and bounds together tell how many were silent; with the people asked, how many are left.
    """
    counts = result.tally
    if counts is None or result.bounds is None:
        return
    n_outside = counts.n_not_applicable + counts.n_dont_know + counts.n_outside
    if not n_outside or not rule.hides(n_outside):
        return
    yield from ((at, "bound_lower"), (at, "bound_upper"))
    if result.response_percent == 100:
        # Here an interval that is missing says that nobody was silent.
        yield from ((at, "interval_lower"), (at, "interval_upper"))


def _group(result: IndicatorResult) -> tuple[str, str, object]:
    return result.indicator.code, result.item, result.key


def _hidden_groups(results: Sequence[IndicatorResult], released: Table) -> set[tuple[str, str, object]]:
    return {
        _group(result)
        for at, result in enumerate(results)
        if not result.is_overall
        and any(isinstance(released.cell(at, key), Hidden) for key in ("numerator", "base", "percent"))
    }


def class_of(result: IndicatorResult) -> str:
    """The output class that decides the smallest count. People's answers are never exempt, whatever the protocol calls
    the indicator: only what an administrative return gives as figures can be.
    """
    declared = result.indicator.output_class
    return OutputClass.SURVEY if declared == OutputClass.ORGANISATIONAL and result.tally else declared


def by_class(results: Sequence[IndicatorResult]) -> dict[str, list[int]]:
    """Positions of the results by output class; each class has a smallest count of its own."""
    found: dict[str, list[int]] = defaultdict(list)
    for at, result in enumerate(results):
        found[class_of(result)].append(at)
    return dict(found)


def released_rows(evaluation: Evaluation, results: Sequence[IndicatorResult]) -> list[dict[str, Cell]]:
    """The row of each result as it would leave now, in their order; hidden cells are `Hidden`."""
    rows: list[dict[str, Cell]] = [{} for _ in results]
    for output_class, places in by_class(results).items():
        chosen = [results[at] for at in places]
        table = releasable_table(evaluation, chosen, output_class=output_class)
        released = publishing.released(table, evaluation=evaluation, output_class=output_class).table
        keys = [column.key for column in released.columns]
        for at, row in zip(places, released.rows, strict=True):
            rows[at] = dict(zip(keys, row, strict=True))
    return rows


def working_rows(results: Sequence[IndicatorResult]) -> list[dict[str, Cell]]:
    return [_row(result) for result in results]


def _number(cell: Cell) -> int | float | None:
    if isinstance(cell, Count):
        return cell.value
    if isinstance(cell, Share):
        return cell.percent
    return cell if isinstance(cell, int | float) and not isinstance(cell, bool) else None


def _threshold(result: IndicatorResult) -> int | float | str | None:
    target = result.target
    if target is None or not target.is_set:
        return None
    if target.comparator not in (AT_LEAST, AT_MOST) or target.value is None:
        return target.comparator
    return int(target.value) if target.value.denominator == 1 else float(target.value)


def as_json(
    results: Sequence[IndicatorResult], rows: Sequence[Mapping[str, Cell]]
) -> list[dict[str, object]]:
    """Plain objects with exactly `JSON_KEYS`: figures unrounded, null where hidden or where there is none.

    `threshold` is the value in the indicator's own unit, or "yes" or "no". An indicator that is no
    percentage has its figure as `numerator`, with `base` null where it is no ratio.
    """
    found: list[dict[str, object]] = []
    for result, row in zip(results, rows, strict=True):
        is_hidden = isinstance(row["verdict"], Hidden)
        numerator = _number(row["numerator"])
        if result.numerator is None:
            numerator = _number(row["value"])
        found.append(
            {
                "indicator": result.indicator.code,
                "item": result.item or None,
                "site": result.key.site,
                "phase": result.key.phase,
                "scope": result.scope,
                "base_rule": result.base_rule,
                "numerator": numerator,
                "base": _number(row["base"]),
                "eligible": _number(row["eligible"]),
                "percent": _number(row["percent"]),
                "threshold": _threshold(result),
                "verdict": Verdict.SUPPRESSED.value if is_hidden else result.verdict,
            }
        )
    return found


def spread_tables(spreads: Sequence[Spread], *, title: str) -> list[Table]:
    """Item × wave, one table for each scale: a column for every answer, the base, and the share that
    counts.
    """
    by_scale: dict[str, list[Spread]] = defaultdict(list)
    for spread in spreads:
        by_scale[spread.scale.code].append(spread)
    return [
        _spread_table(rows, title=f"{title}: {code}" if len(by_scale) > 1 else title)
        for code, rows in by_scale.items()
    ]


def answer_key(point: str) -> str:
    return f"answer_{point}"


def _spread_table(spreads: Sequence[Spread], *, title: str) -> Table:
    scale = spreads[0].scale
    inside = [p for p in scale.points if any(p.code in s.given for s in spreads)]
    aside = [p for p in scale.points if any(p.code in s.aside for s in spreads)]
    columns = [
        Column("item", "Item", width=24),
        Column("wording", "Question", width=48, identifies=False),
        Column("site", "Site", width=10),
        Column("phase", "Phase", width=10),
        Column("base_rule", "Base", width=36),
        *(Column(answer_key(p.code), p.label, kind="count", part_of="base") for p in inside),
        Column("base", "Base (n)", kind="count"),
        Column("counted", "Counted", kind="count", part_of="base"),
        Column("percent", "Per cent counted", kind="percent", depends=("counted", "base")),
        *(Column(f"aside_{p.code}", f"{p.label} (outside the base)", kind="count") for p in aside),
    ]
    rows: list[dict[str, Cell]] = []
    relations: list[Relation] = []
    for at, spread in enumerate(spreads):
        row: dict[str, Cell] = {
            "item": spread.item.code,
            "wording": spread.item.wording,
            "site": spread.key.site,
            "phase": spread.key.phase,
            "base_rule": spread.base_rule.in_words(),
            "base": Count.of(spread.base),
        }
        row |= {answer_key(code): Count.of(keys) for code, keys in spread.given.items()}
        row |= {f"aside_{code}": Count.of(keys) for code, keys in spread.aside.items()}
        parts = [answer_key(code) for code in spread.given]
        if not spread.is_several:
            relations += across([at], total="base", parts=parts)
        if spread.counted:
            counted = spread.counted_keys
            row |= {
                "counted": Count.of(counted),
                "percent": Share(len(counted), len(spread.base), counted, spread.base),
            }
            if not spread.is_several:
                relations += across(
                    [at], total="counted", parts=[answer_key(c) for c in spread.given if c in spread.counted]
                )
        rows.append(row)
    return Table.of(
        title, columns, rows, subject="survey answers", relations=relations, freeze_columns=1, notes=NOTES[2:]
    )


def average_table(rows: Sequence[Average], *, title: str) -> Table:
    columns = [
        Column("item", "Item", width=24),
        Column("site", "Site", width=10),
        Column("phase", "Phase", width=10),
        Column("role", "Role", width=24),
        Column("base", "Answers (n)", kind="count"),
        Column("mean", "Mean", kind="number", depends=("base",), decimals=1),
        Column("median", "Median", kind="number", depends=("base",), decimals=1),
    ]
    return Table.of(
        title,
        columns,
        [
            {
                "item": one.item.code,
                "site": one.key.site,
                "phase": one.key.phase,
                "role": one.role or "All roles",
                "base": Count.of(one.respondents),
                "mean": float(one.mean),
                "median": float(one.median),
            }
            for one in rows
        ],
        subject="survey numbers",
    )


def long_table(spreads: Sequence[Spread], *, title: str, cover: Cover | None = None) -> Table:
    """Item × wave × answer, one count a row: the form in which statistics programs want it."""
    columns = [
        Column("item", "Item", width=24),
        Column("site", "Site", width=10),
        Column("phase", "Phase", width=10),
        Column("base_rule", "Base", width=36),
        Column("answer", "Answer", width=28),
        Column("count", "Number", kind="count", part_of="base"),
        Column("base", "Base (n)", kind="count"),
        Column("percent", "Per cent", kind="percent", depends=("count", "base")),
    ]
    rows: list[dict[str, Cell]] = []
    relations = []
    for spread in spreads:
        first = len(rows)
        for point in spread.scale.points:
            if point.code not in spread.given:
                continue
            people = spread.given[point.code]
            rows.append(
                {
                    "item": spread.item.code,
                    "site": spread.key.site,
                    "phase": spread.key.phase,
                    "base_rule": spread.base_rule.in_words(),
                    "answer": point.label,
                    "count": Count.of(people),
                    "base": Count.of(spread.base),
                    "percent": Share(len(people), len(spread.base), people, spread.base),
                }
            )
        parts = tuple(Ref(at, "count") for at in range(first, len(rows)))
        if parts and not spread.is_several:
            relations.append(Relation(Ref(first, "base"), parts))
    return Table.of(
        title,
        columns,
        rows,
        cover=cover,
        notes=NOTES[2:],
        subject="survey answers, one in each row",
        relations=relations,
    )
