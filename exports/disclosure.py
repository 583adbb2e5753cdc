"""Statistical disclosure control of a Table: small counts hidden, with all that is worked out from them.

Order of work, for each table: (1) a count from 1 to k-1, or 0 where the study says that nought discloses, is
hidden; (2) a base below k hides its whole row of figures; (3) a count whose complement is small ("28 of 30
agree" tells of 2) is hidden, and a percentage is shown as a band; (4) what an earlier release hid stays
hidden; (5) while the attacker's programme narrows a hidden count to fewer than k possible values, one more
cell that adds up with it is hidden, small ones and inner cells first; (6) every cell that depends on a hidden
count is hidden; (7) a count of just the people of a hidden one, or of a shown one without them, is hidden with
it, in whatever table it stands. Nothing is ever recomputed from what is left.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from exports.attack import Sum, bounds
from exports.table import (
    Attribution,
    Band,
    Block,
    Cell,
    Column,
    Count,
    Document,
    Hidden,
    Quote,
    Ref,
    Relation,
    Share,
    Table,
    plain,
)

Reason = Literal["", "small", "base", "complement", "kept", "secondary"]


@dataclass(frozen=True, slots=True)
class Rule:
    """`smallest` is k, the least count that may be shown. An exempt rule (posts, trainings) hides nothing."""

    smallest: int
    is_zero_disclosive: bool = False
    is_exempt: bool = False
    quote_minimum_group: int = 0

    def __post_init__(self) -> None:
        if self.smallest < 1:
            raise ValueError("the smallest count that may be shown is at least 1")

    def hides(self, value: int) -> bool:
        if self.is_exempt:
            return False
        return self.is_zero_disclosive if value == 0 else value < self.smallest

    def describe(self) -> str:
        """The rule in one sentence, for the cover."""
        if self.is_exempt:
            return "Counts of posts and events, not of people: nothing is hidden."
        zero = " and of 0" if self.is_zero_disclosive else ""
        if self.smallest == 1:
            return f"Every count{' but 0' if zero else ''} may be shown."
        span = "of 1" if self.smallest == 2 else f"of 1 to {self.smallest - 1}"
        return (
            f"Counts {span}{zero} are shown as [c], with everything worked out from them; "
            f"so are counts that leave out so few."
        )


@dataclass(frozen=True, slots=True)
class CountCell:
    """One count that a table publishes or hides. `digest` is the same in every release of the same cell."""

    ref: Ref
    definition: str
    digest: str
    value: int
    respondents: frozenset[str] | None
    reason: Reason

    @property
    def is_hidden(self) -> bool:
        return self.reason != ""


@dataclass(frozen=True, slots=True)
class Equation:
    """A sum between cells known by their digests, kept so that later releases are tested with it."""

    total: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Protected:
    """The table as it may leave, every count in it, the sums between them and what a person should look
    at.
    """

    table: Table
    counts: tuple[CountCell, ...]
    equations: tuple[Equation, ...] = ()
    wholes: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def n_hidden(self) -> int:
        return sum(count.is_hidden for count in self.counts)


@dataclass(slots=True)
class _Item:
    value: int
    respondents: frozenset[str] | None
    whole: Ref | None
    label: str
    reason: Reason = ""


def protect(table: Table, rule: Rule, *, kept_hidden: Collection[str] = frozenset()) -> Protected:
    """The table with everything hidden that `rule` hides, and the counts as they were.

    `kept_hidden` holds the digests of cells that an earlier release hid. Cells of kind count that hold a
    plain number are counts without known respondents. Empty cells stay empty; a share of no one is [z].
    """
    return protect_all((table,), rule, kept_hidden=kept_hidden)[0]


def _protected(table: Table, rule: Rule, kept_hidden: Collection[str]) -> Protected:
    items = _items(table)
    names = _definitions(table, items)
    sums = tuple(Sum(relation.total, relation.parts) for relation in table.relations)
    if not rule.is_exempt:
        _primary(items, rule, {ref for ref in items if names[ref][1] in kept_hidden})
        _secondary(items, names, table, sums, rule.smallest)
    hidden = {ref for ref, item in items.items() if item.reason}
    in_sums = {ref for each in table.relations for ref in (each.total, *each.parts)}
    rows = tuple(
        tuple(
            _released(table, row_number, column, cell, items, hidden, in_sums, rule)
            for column, cell in zip(table.columns, row, strict=True)
        )
        for row_number, row in enumerate(table.rows)
    )
    counts = tuple(
        CountCell(ref, *names[ref], item.value, item.respondents, item.reason) for ref, item in items.items()
    )
    released = dataclasses.replace(table, rows=rows)
    order = _neutral_order(table, bool(hidden))
    return Protected(
        table=_reordered(released, order),
        counts=tuple(
            dataclasses.replace(count, ref=Ref(order.index(count.ref.row), count.ref.key)) for count in counts
        ),
        equations=tuple(
            Equation(names[each.total][1], tuple(names[part][1] for part in each.parts))
            for each in table.relations
            if each.total in names and all(part in names for part in each.parts)
        ),
        wholes=tuple(
            (names[ref][1], names[item.whole][1])
            for ref, item in items.items()
            if item.whole is not None and item.whole in names
        ),
        flags=_flags(items, names),
    )


def protect_all(
    tables: Sequence[Table], rule: Rule, *, kept_hidden: Collection[str] = frozenset()
) -> tuple[Protected, ...]:
    """Tables that leave together: a cell hidden in one is hidden wherever the same definition stands, and no count
    shown in one tells, by its very people, what another hides.
    """
    kept = frozenset(kept_hidden)
    while True:
        protected = tuple(_protected(table, rule, kept) for table in tables)
        hidden = kept | _telling(protected)
        if len(tables) > 1:
            hidden |= {count.digest for each in protected for count in each.counts if count.is_hidden}
        if hidden == kept:
            return protected
        kept = hidden


def _telling(protected: Iterable[Protected]) -> frozenset[str]:
    """Digests of shown counts that give a hidden one away: they count the same people ("37 attended" is hidden and "of
    37 who attended" is not), or a wider shown count less these people is the hidden one.
    """
    counts = [count for each in protected for count in each.counts if count.respondents]
    shown: dict[frozenset[str], set[str]] = {}
    hidden: set[frozenset[str]] = set()
    for count in counts:
        people = count.respondents or frozenset()
        if count.is_hidden:
            hidden.add(people)
        else:
            shown.setdefault(people, set()).add(count.digest)
    sizes = {len(people) for people in shown}
    found: set[str] = set()
    for secret in hidden:
        found |= shown.get(secret, set())
        for people, digests in shown.items():
            # The size first: unions are dear, and almost none of them was published.
            if len(people) + len(secret) in sizes and people | secret in shown and people.isdisjoint(secret):
                found |= digests
    return frozenset(found)


def protect_document(
    document: Document, rule: Rule, *, kept_hidden: Collection[str] = frozenset()
) -> tuple[Document, tuple[Protected, ...]]:
    """A document with its tables protected together and its quotes attributed no more closely than
    allowed.
    """
    protected = protect_all(tuple(document.tables), rule, kept_hidden=kept_hidden)
    tables = iter(protected)
    blocks: list[Block] = []
    for block in document.blocks:
        if isinstance(block, Table):
            blocks.append(next(tables).table)
        elif isinstance(block, Quote):
            shown = attributed(block.attribution, rule)
            words = Attribution(shown.text) if isinstance(shown, Attribution) else Attribution(str(shown))
            blocks.append(dataclasses.replace(block, attribution=words))
        else:
            blocks.append(block)
    return dataclasses.replace(document, blocks=tuple(blocks)), protected


def attributed(attribution: Attribution, rule: Rule) -> Attribution | Hidden:
    """The attribution, its general form, or [c], by the size of the group it singles out. Unknown size is
    small.
    """
    size = attribution.group_size if attribution.group_size is not None else 0
    if rule.is_exempt or size >= rule.quote_minimum_group:
        return attribution
    return Attribution(attribution.general, size) if attribution.general else Hidden("c")


def narrowed(
    shown: Mapping[str, int],
    hidden: Iterable[str],
    equations: Iterable[Equation],
    wholes: Mapping[str, str],
    smallest: int,
) -> tuple[str, ...]:
    """Digests of hidden cells that everything published together narrows to fewer than `smallest` + 1
    values.
    """
    found = bounds(
        dict(shown),
        hidden,
        [Sum(each.total, tuple(each.parts)) for each in equations],
        wholes=dict(wholes),
    )
    return tuple(str(cell) for cell, bound in found.items() if bound.width < smallest)


def _items(table: Table) -> dict[Ref, _Item]:
    """Every count in the table by cell. A Share without count columns beside it brings two of its own."""
    items: dict[Ref, _Item] = {}
    counted = {column.key for column in table.columns if column.kind == "count"}
    for number, row in enumerate(table.rows):
        for column, cell in zip(table.columns, row, strict=True):
            if column.kind == "count" and (value := _count(cell)) is not None:
                whole = Ref(number, column.part_of) if column.part_of else None
                items[Ref(number, column.key)] = _Item(value.value, value.respondents, whole, column.label)
            elif isinstance(cell, Share) and not counted & set(column.depends):
                base = Ref(number, f"{column.key}.base")
                items[base] = _Item(cell.base, cell.base_respondents, None, f"{column.label}, base")
                items[Ref(number, f"{column.key}.numerator")] = _Item(
                    cell.numerator, cell.respondents, base, column.label
                )
    return items


def _count(cell: Cell) -> Count | None:
    if isinstance(cell, Count):
        return cell
    if isinstance(cell, int) and not isinstance(cell, bool):
        return Count(cell)
    return None


def _definitions(table: Table, items: Mapping[Ref, _Item]) -> dict[Ref, tuple[str, str]]:
    """For each count a readable definition and its SHA-256, unlike any other in the table."""
    subject = table.subject or table.title
    identity = [(position, column) for position, column in enumerate(table.columns) if column.is_identity]
    seen: dict[str, int] = {}
    names: dict[Ref, tuple[str, str]] = {}
    for ref, item in items.items():
        # Rich cells may hold what people said; a definition is kept for years and must not.
        cells = [(column, table.rows[ref.row][position]) for position, column in identity]
        row = [(column, plain(cell)) for column, cell in cells if isinstance(cell, (str, int, dt.date))]
        facts = [[column.key, str(value)[:200]] for column, value in row if value is not None]
        canonical = json.dumps([subject, sorted(facts), ref.key], ensure_ascii=False)
        seen[canonical] = repeat = seen.get(canonical, 0) + 1
        if repeat > 1:  # rows that look alike are told apart by their order
            canonical = f"{canonical}#{repeat}"
        readable = " · ".join([subject, *(value for _, value in facts), item.label])
        names[ref] = (readable, hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest())
    return names


def _primary(items: Mapping[Ref, _Item], rule: Rule, kept: Collection[Ref]) -> None:
    for item in items.values():
        if rule.hides(item.value):
            item.reason = "small"
    for item in items.values():
        whole = items.get(item.whole) if item.whole else None
        if whole is not None and not item.reason and rule.hides(whole.value - item.value):
            item.reason = "complement"
    for ref in kept:
        items[ref].reason = items[ref].reason or "kept"
    # Wholes may be parts themselves ("base" of "eligible"), so the fall of one is passed down until nothing
    # changes.
    changed = True
    while changed:
        changed = False
        for item in items.values():
            whole = items.get(item.whole) if item.whole else None
            if whole is not None and whole.reason and item.reason != "base":
                item.reason = "base"
                changed = True


def _secondary(
    items: Mapping[Ref, _Item],
    names: Mapping[Ref, tuple[str, str]],
    table: Table,
    sums: Sequence[Sum[Ref]],
    smallest: int,
) -> None:
    """Hide more cells until no hidden one can be narrowed to a span below `smallest`."""
    totals = {each.total for each in table.relations}
    for connected in _connected(sums, items):
        cells = dict.fromkeys(ref for each in connected for ref in (each.total, *each.parts) if ref in items)
        wholes = {ref: whole for ref in cells if (whole := items[ref].whole) is not None}
        known = [*cells, *(whole for whole in wholes.values() if whole in items and whole not in cells)]
        groups = [(each.total, *each.parts) for each in connected]
        # A hidden cell that has room keeps it when more is hidden, so that only the others are looked at
        # again.
        waiting = [ref for ref in cells if items[ref].reason]
        while waiting:
            shown = {ref: items[ref].value for ref in known if not items[ref].reason}
            found = bounds(shown, waiting, connected, wholes=wholes)
            waiting = [ref for ref in waiting if found[ref].width < smallest]
            chosen = _next_to_hide(set(waiting), items, names, groups, totals) if waiting else None
            if chosen is None:
                break
            items[chosen].reason = "secondary"
            waiting.append(chosen)


def _connected(sums: Sequence[Sum[Ref]], items: Mapping[Ref, _Item]) -> list[list[Sum[Ref]]]:
    """The sums in groups that share no cell and no whole: each is protected by itself."""
    parent: dict[Ref, Ref] = {}

    def root(ref: Ref) -> Ref:
        parent.setdefault(ref, ref)
        while parent[ref] != ref:
            parent[ref] = parent[parent[ref]]
            ref = parent[ref]
        return ref

    for each in sums:
        for part in each.parts:
            parent[root(part)] = root(each.total)
    for ref in list(parent):
        whole = items[ref].whole if ref in items else None
        if whole is not None:
            parent[root(ref)] = root(whole)
    made: dict[Ref, list[Sum[Ref]]] = {}
    for each in sums:
        made.setdefault(root(each.total), []).append(each)
    return list(made.values())


def _next_to_hide(
    narrow: set[Ref],
    items: Mapping[Ref, _Item],
    names: Mapping[Ref, tuple[str, str]],
    groups: Sequence[tuple[Ref, ...]],
    totals: Collection[Ref],
) -> Ref | None:
    """A shown cell that adds up with a narrow one, or else with a hidden one that is connected to it.

    Where the fewest are hidden a cell helps most; then inner cells before totals, nought last, small before
    large. Of cells that are still alike the first by its definition, so that another order of rows hides the same.
    """
    reached = set(narrow)
    while reached:
        near = [group for group in groups if not reached.isdisjoint(group)]
        candidates = [
            (sum(bool(items[ref].reason) for ref in group if ref in items), cell)
            for group in near
            for cell in group
            if cell in items and not items[cell].reason
        ]
        if candidates:
            return min(
                candidates,
                key=lambda each: (
                    each[0],
                    each[1] in totals,
                    items[each[1]].value == 0,
                    items[each[1]].value,
                    names[each[1]],
                ),
            )[1]
        wider = reached | {cell for group in near for cell in group}
        if wider == reached:
            return None
        reached = wider
    return None


def _released(
    table: Table,
    row: int,
    column: Column,
    cell: Cell,
    items: Mapping[Ref, _Item],
    hidden: Collection[Ref],
    in_sums: Collection[Ref],
    rule: Rule,
) -> Cell:
    if isinstance(cell, Attribution):
        return attributed(cell, rule)
    ref = Ref(row, column.key)
    if ref in items:
        return Hidden("c") if ref in hidden else cell
    sources = _sources(table, row, column, items)
    if not any(source in hidden for source in sources):
        return Hidden("z") if isinstance(cell, Share) and cell.base == 0 else cell
    # An empty cell, or a share of no one, would tell that a hidden base is 0.
    if isinstance(cell, Share) and cell.base:
        return _band(cell, [items[source] for source in sources], any(s in in_sums for s in sources), rule)
    return Hidden("c")


def _sources(table: Table, row: int, column: Column, items: Mapping[Ref, _Item]) -> list[Ref]:
    """The counts a cell is worked out from, through any columns between, with the wholes of those counts."""
    found: dict[Ref, None] = {}
    waiting = [column.key, f"{column.key}.base", f"{column.key}.numerator"]
    seen: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        if Ref(row, key) in items:
            found[Ref(row, key)] = None
        if "." not in key or key in {each.key for each in table.columns}:
            step = table.column(key)
            waiting += [*step.depends, *([step.part_of] if step.part_of else [])]
    return list(found)


def _band(share: Share, sources: Sequence[_Item], adds_up: bool, rule: Rule) -> Band | Hidden:
    """A one-sided percentage that leaves k + 1 possible counts, or [c] where one would say too much."""
    reasons = {item.reason for item in sources}
    # Below 2k people both answers are always hidden; a band would tell which of them is small. A count that
    # adds up with others was judged by what sums tell, to which a band would add.
    if not reasons <= {"", "small", "complement"} or adds_up or share.base < 2 * rule.smallest:
        return Hidden("c")
    if 2 * share.numerator > share.base:
        return Band(f"≥ {math.floor(100 * (share.base - rule.smallest) / share.base)}%")
    return Band(f"≤ {math.ceil(100 * rule.smallest / share.base)}%")


def _neutral_order(table: Table, anything_hidden: bool) -> list[int]:
    """Row numbers in the order of release: by identity when the order given could tell a hidden figure."""
    numbers = list(range(len(table.rows)))
    if not (anything_hidden and table.sorted_by) or table.column(table.sorted_by).is_identity:
        return numbers
    identity = [position for position, column in enumerate(table.columns) if column.is_identity]
    return sorted(numbers, key=lambda n: [str(plain(table.rows[n][position])) for position in identity])


def _reordered(table: Table, order: Sequence[int]) -> Table:
    if list(order) == list(range(len(order))):
        return table

    def moved(ref: Ref) -> Ref:
        return Ref(order.index(ref.row), ref.key)

    return dataclasses.replace(
        table,
        rows=tuple(table.rows[number] for number in order),
        relations=tuple(
            Relation(moved(each.total), tuple(moved(part) for part in each.parts)) for each in table.relations
        ),
        sorted_by="",
    )


def _flags(items: Mapping[Ref, _Item], names: Mapping[Ref, tuple[str, str]]) -> tuple[str, ...]:
    """Shown cells that tell something about everyone in a group: all of them, or none (class disclosure)."""
    flags = []
    for ref, item in items.items():
        whole = items.get(item.whole) if item.whole else None
        if whole is None or item.reason or whole.reason or whole.value == 0:
            continue
        if item.value in (0, whole.value):
            extent = "No one" if item.value == 0 else "Everyone"
            flags.append(f"{extent} in the base is counted here: {names[ref][0]}")
    return tuple(flags)
