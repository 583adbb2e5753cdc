"""Do two results bundles say the same? Numbers are compared to a stated tolerance, everything else word by word.

Two numbers agree where they differ by at most `TOLERANCE`, one part in a million of the larger one. An estimate and the ends of
its interval also agree where they differ by no more than that part of the standard error, and test statistics and p-values
where they differ by 0.000001; numbers below `NIL` are nil. Why so: the shipped plans, run on the kernels of three processors,
differed by less than 1e-9. But models that are searched for end where the likelihood no longer rises. A likelihood is flat at its
top, so that a search by its height settles an estimate to the root of a double's precision, 1.5e-8, and what is computed from
it to about ten times that. One part in a million leaves that much room again for other libraries, is no more than one unit in
the last of the six digits that are printed, and a thousandth of what would ever change a reading.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from impact.bundles import Analysis, Bundle, Count, Figures, Result
from impact.errors import BadDocument

__all__ = ["NIL", "TOLERANCE", "Apart", "Comparison", "Difference", "Input", "agree", "compare"]

TOLERANCE = 1e-6
NIL = (
    1e-9  # no unit of ours (days, percent, log-odds, shares) has a number as small as this that says anything
)

Value = str | int | float | bool | None
Kind = Literal["number", "count", "status", "words", "absent"]
NUMBERS = ("value", "std_error", "df", "statistic", "p_value", "low", "high", "level")


@dataclass(frozen=True)
class Input:
    """Something that went in and differs. `name` says what, such as “data: care.parquet” or “software: numpy”."""

    name: str
    first: Value
    second: Value


@dataclass(frozen=True)
class Difference:
    """One place in which the bundles do not agree.

    `kind` is number (`apart` by more than `allowed`), count, status (hidden or released), words (of a note, a verdict, a
    failure), or absent (None where the bundle has nothing of the kind).
    """

    where: str
    kind: Kind
    first: Value
    second: Value
    apart: float | None = None
    allowed: float | None = None


@dataclass(frozen=True)
class Apart:
    """The two numbers that are furthest apart among those that agree, as a part of what is allowed."""

    where: str
    apart: float
    allowed: float


@dataclass(frozen=True)
class Comparison:
    """`agrees` says whether no difference was found; `inputs` are told apart from it, and do not count as differences."""

    study: str
    ids: tuple[str, str]
    agrees: bool
    inputs: tuple[Input, ...]
    differences: tuple[Difference, ...]
    n_numbers: int
    furthest: Apart | None
    tolerance: float = TOLERANCE


def agree(first: float | None, second: float | None, *, size: float = 0.0) -> bool:
    """Whether two numbers agree to the tolerance; `size` is a standard error, say, of which a part may also lie between them."""
    if first is None or second is None:
        return first is second
    return abs(first - second) <= _allowed(first, second, size)


def compare(first: Bundle, second: Bundle) -> Comparison:
    """What went in and differs, and every place in which the results do not agree. Raises BadDocument for two studies."""
    if first.study != second.study:
        raise BadDocument(f"One bundle is of the study “{first.study}”, the other of “{second.study}”.")
    told = _Told()
    _samples(first, second, told)
    one, other = ({(a.id, a.outcome): a for a in bundle.analyses} for bundle in (first, second))
    for (name, outcome), mine, theirs in _pairs(one, other):
        where = f"{name}, {outcome}"
        if told.both(where, mine, theirs):
            _analysis(where, mine, theirs, told)
    for name, p, q in _pairs(first.multiplicity, second.multiplicity):
        where = f"adjusted p, {name}"
        if name in first.multiplicity and name in second.multiplicity:
            told.number(where, p, q, size=1.0)
        else:
            told.absent(where, name in first.multiplicity, name in second.multiplicity)
    return Comparison(
        first.study,
        (first.identity, second.identity),
        not told.differences,
        tuple(_inputs(first, second)),
        tuple(told.differences),
        told.n_numbers,
        told.furthest,
    )


def _allowed(first: float, second: float, size: float) -> float:
    return max(NIL, TOLERANCE * max(abs(first), abs(second), size))


@dataclass
class _Told:
    """The differences found so far."""

    differences: list[Difference] = field(default_factory=list)
    n_numbers: int = 0
    furthest: Apart | None = None

    def number(self, where: str, first: float | None, second: float | None, *, size: float = 0.0) -> None:
        if first is None and second is None:
            return
        self.n_numbers += 1
        if first is None or second is None:
            self.differences.append(Difference(where, "number", first, second))
            return
        apart, allowed = abs(first - second), _allowed(first, second, size)
        if not apart <= allowed:
            self.differences.append(Difference(where, "number", first, second, apart, allowed))
        elif apart > 0 and (
            self.furthest is None or apart / allowed > self.furthest.apart / self.furthest.allowed
        ):
            self.furthest = Apart(where, apart, allowed)

    def same(self, where: str, kind: Kind, first: Value, second: Value) -> None:
        if first != second:
            self.differences.append(Difference(where, kind, first, second))

    def count(self, where: str, first: Count | None, second: Count | None) -> None:
        if first is None or second is None:
            self.absent(where, first is not None, second is not None)
        elif first.status != second.status:
            self.same(where, "status", first.status, second.status)
        else:
            self.same(where, "count", first.n, second.n)

    def absent(self, where: str, in_first: bool, in_second: bool) -> None:
        first, second = ("is there" if there else None for there in (in_first, in_second))
        self.same(where, "absent", first, second)

    def both(self, where: str, first: object, second: object) -> bool:
        """Whether both bundles have it; otherwise that is a difference."""
        self.absent(where, first is not None, second is not None)
        return first is not None and second is not None

    def either(
        self, where: str, first: str | float | None, second: str | float | None, *, size: float = 0.0
    ) -> None:
        """A number, or words."""
        if isinstance(first, str) or isinstance(second, str):
            self.same(where, "words", first, second)
        else:
            self.number(where, first, second, size=size)


def _pairs(first: Mapping, second: Mapping) -> Iterator[tuple]:  # type: ignore[type-arg]  # of any keys and values
    """Each key of either with both values, None where one lacks it, in the order of the first."""
    for key in dict.fromkeys((*first, *second)):
        yield key, first.get(key), second.get(key)


def _inputs(first: Bundle, second: Bundle) -> Iterator[Input]:
    """What went in and differs: first the plan and what it chose, then files, seed and versions."""
    if first.plan_sha256 != second.plan_sha256:
        yield Input("plan", first.plan_sha256, second.plan_sha256)
    one, other = ({(a.id, a.outcome): a for a in bundle.analyses} for bundle in (first, second))
    for key in one:
        if key in other:
            chosen, also = (_chosen(bundle[key]) for bundle in (one, other))
            for name, mine, theirs in _pairs(chosen, also):
                if mine != theirs:
                    yield Input(f"plan: {name} of {key[0]}, {key[1]}", mine, theirs)
    if first.title != second.title:
        yield Input("plan: title", first.title, second.title)
    if first.readings != second.readings:
        yield Input("plan: readings", _listed(first.readings), _listed(second.readings))
    if first.smallest_count != second.smallest_count:
        yield Input("plan: smallest count", first.smallest_count, second.smallest_count)
    if first.registered_sha256 != second.registered_sha256:
        yield Input("registered plan", first.registered_sha256, second.registered_sha256)
    if first.deviations != second.deviations:
        yield Input("deviations", _listed(first.deviations), _listed(second.deviations))
    for name, mine, theirs in _pairs(first.data, second.data):
        if mine != theirs:
            yield Input(f"data: {name}", mine, theirs)
    if first.seed != second.seed:
        yield Input("seed", str(first.seed), str(second.seed))
    for name, mine, theirs in _pairs(first.software, second.software):
        if mine != theirs:
            yield Input(f"software: {name}", mine, theirs)


def _chosen(analysis: Analysis) -> dict[str, Value]:
    return {"role": analysis.role, "model": analysis.model, **analysis.specification}


def _listed(said: Sequence[Mapping[str, str]]) -> str | None:
    """Deviations or readings, each as its words."""
    return "; ".join(", ".join(filter(None, one.values())) for one in said) or None


def _samples(first: Bundle, second: Bundle, told: _Told) -> None:
    one, other = ({sample.outcome: sample for sample in bundle.samples} for bundle in (first, second))
    for outcome, mine, theirs in _pairs(one, other):
        where = f"sample, {outcome}"
        if told.both(where, mine, theirs):
            told.count(where, mine.n, theirs.n)
            for why, n, also in _pairs(mine.left_out, theirs.left_out):
                told.count(f"{where}: left out, {why}", n, also)


def _analysis(where: str, first: Analysis, second: Analysis, told: _Told) -> None:
    told.same(f"{where}: failed", "words", first.failed, second.failed)
    told.count(f"{where}: rows", first.n_rows, second.n_rows)
    told.same(f"{where}: clusters", "count", first.n_clusters, second.n_clusters)
    for name, mine, theirs in _pairs(_by_name(first.results), _by_name(second.results)):
        place = f"{where}: {name}"
        if told.both(place, mine, theirs):
            _result(place, mine, theirs, told)
    for name, value, also in _pairs(first.diagnostics, second.diagnostics):
        if name in first.diagnostics and name in second.diagnostics:
            told.either(f"{where}: {name}", value, also)
        else:
            told.absent(f"{where}: {name}", name in first.diagnostics, name in second.diagnostics)
    for name, mine, theirs in _pairs(_by_kind(first.figures), _by_kind(second.figures)):
        place = f"{where}: {name}"
        if told.both(place, mine, theirs):
            _figures(place, mine, theirs, told)
    for code in dict.fromkeys(note.code for note in (*first.notes, *second.notes)):
        mine, theirs = ([note.text for note in a.notes if note.code == code] for a in (first, second))
        only = [text for text in mine if text not in theirs], [text for text in theirs if text not in mine]
        for text, also in zip_longest(*only):
            told.same(f"{where}: note {code}", "words", text, also)


def _by_name(results: Sequence[Result]) -> dict[str, Result]:
    """By name, unit and error; should two have the same, also by place."""
    found: dict[str, Result] = {}
    for one in results:
        name = ", ".join(part for part in (one.name, one.scale, one.error) if part)
        found[name if name not in found else f"{name} ({len(found) + 1})"] = one
    return found


def _by_kind(figures: Sequence[Figures]) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for one in figures:
        name = one.kind.replace("_", " ")
        found[name if name not in found else f"{name} ({len(found) + 1})"] = one
    return found


def _result(where: str, first: Result, second: Result, told: _Told) -> None:
    if first.status != second.status:
        told.same(where, "status", first.status, second.status)
        return
    error = max(abs(one.std_error or 0.0) for one in (first, second))
    sizes = {"value": error, "low": error, "high": error, "statistic": 1.0, "p_value": 1.0}
    for name in NUMBERS:
        place = f"{where}: {name.replace('_', ' ')}"
        told.number(place, getattr(first, name), getattr(second, name), size=sizes.get(name, 0.0))


def _figures(where: str, first: Figures, second: Figures, told: _Told) -> None:
    if first.columns != second.columns or len(first.rows) != len(second.rows):
        told.same(
            where, "words", *(f"{len(one.rows)} rows of {', '.join(one.columns)}" for one in (first, second))
        )
        return
    # Within one column numbers are of one kind, so that the largest of it says what is nothing.
    for place, column in enumerate(first.columns):
        values = [row[place] for one in (first, second) for row in one.rows]
        size = max((abs(v) for v in values if isinstance(v, float) and math.isfinite(v)), default=0.0)
        for number, (mine, theirs) in enumerate(zip(first.rows, second.rows, strict=True), start=1):
            told.either(f"{where}: {column}, row {number}", mine[place], theirs[place], size=size)
