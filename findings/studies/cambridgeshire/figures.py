"""The figures printed in the report's text, each held against the table it can be held against.

Pure. Shares are compared as fractions. The report rounds half upwards wherever it rounds (35 of 40 is printed
as 88), so a figure `agrees` when half-up rounding to its own number of decimals gives it, and is `cut` when
dropping the decimals does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import yaml

from findings.studies.cambridgeshire.appendix import HERE, PERIODS, Appendix, Item, appendix

AGREES, CUT, DIFFERS = "agrees", "cut", "differs"
WAVE_WORDS = {"interim": "interim", "follow_up": "follow-up"}

Answer = tuple[Fraction, str]


@dataclass(frozen=True)
class Figure:
    """One figure of the text and what the tables make of it.

    `actual` is exact: a percentage (0 to 100) for shares, otherwise in the figure's own unit. It is `None`
    where no table holds the figure; `why_not` then says so. `counts` shows what is behind a share. `check`
    names the entry of `CHECKS` that answered, `against` what it was asked.
    """

    place: str
    what: str
    unit: str
    printed: Decimal
    actual: Fraction | None
    counts: str = ""
    check: str = ""
    against: Any = None
    why_not: str = ""

    @property
    def is_checked(self) -> bool:
        return self.actual is not None

    @property
    def outcome(self) -> str:
        if self.actual is None:
            return ""
        if self.check == "always_above":
            return AGREES if self.actual > self.printed else DIFFERS
        return compared(self.actual, self.printed)


def compared(actual: Fraction, printed: Decimal) -> str:
    scale = 10 ** decimals_of(printed)
    target = Fraction(printed) * scale
    if (actual * scale + Fraction(1, 2)).__floor__() == target:
        return AGREES
    return CUT if (actual * scale).__floor__() == target else DIFFERS


def decimals_of(printed: Decimal) -> int:
    exponent = printed.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def percent(numerator: int, base: int) -> Fraction:
    return Fraction(100 * numerator, base)


def shown(value: Fraction, decimals: int = 1) -> str:
    """Half goes up, as in the report."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return str(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


@cache
def figures() -> tuple[Figure, ...]:
    """Every figure transcribed from the text, in the order of the report."""
    return tuple(_figure(appendix(), body) for body in _transcript()["figures"])


def claims() -> Mapping[str, Mapping[str, Any]]:
    """Claims in words, with their place in the report."""
    found: Mapping[str, Mapping[str, Any]] = _transcript()["claims"]
    return found


@cache
def _transcript() -> Mapping[str, Any]:
    raw: Mapping[str, Any] = yaml.safe_load((HERE / "printed_in_text.yaml").read_text(encoding="utf-8"))
    return raw


def _figure(tables: Appendix, body: Mapping[str, Any]) -> Figure:
    place, what, unit = body["place"], body["what"], body.get("unit", "%")
    if "untabled" in body:
        return Figure(place, what, unit, Decimal(0), None, why_not=body["untabled"])
    checks = [name for name in body if name in CHECKS]
    if len(checks) != 1:
        raise ValueError(f"“{what}” needs one check, has {checks}")
    against = body[checks[0]]
    actual, counts = CHECKS[checks[0]](tables, against)
    if checks[0] == "share":
        role = [tables.roles[against["role"]].lower() + "s"] if "role" in against else []
        what = f"{what} ({', '.join([WAVE_WORDS[against['wave']], *role])})"
    return Figure(place, what, unit, Decimal(str(body["printed"])), actual, counts, checks[0], against)


# Reading the tables.


def count(cell: Any) -> int:
    """The count of a cell of the table of cases, with its printed percentage or without."""
    return int(cell[0] if isinstance(cell, list) else cell or 0)


def plan(tables: Appendix, row: str, period: str) -> int:
    return count(tables.cases["plans"][row][PERIODS.index(period)])


def open_cases(tables: Appendix, period: str) -> int:
    """Cases with a plan or looked after: the base that the printed shares fit. The table prints none."""
    return sum(plan(tables, row, period) for row in tables.cases["plans"])


def need_shares(tables: Appendix, table: str, row: str) -> list[tuple[Fraction, int, int]]:
    """(percentage, count, new cases) of one category of need, period by period."""
    pairs = zip(tables.cases[table][row], tables.cases["new_cases"], strict=True)
    return [(percent(count(cell), new), count(cell), new) for cell, new in pairs]


def post(tables: Appendix, row: str, date: int) -> tuple[Fraction, Fraction]:
    """(posts, vacant) of a role at the n-th date of the table."""
    cell = tables.posts[row][date]
    if cell is None:
        raise ValueError(f"no posts are printed for {row} at date {date + 1}")
    posts, vacant = cell
    return Fraction(str(posts)), Fraction(str(vacant))


def filled(tables: Appendix, row: str, date: int) -> Fraction:
    posts, vacant = post(tables, row, date)
    return posts - vacant


def specialist_rows(tables: Appendix) -> list[str]:
    """The roles that had no posts in the first column of the table of posts: the model brought them."""
    return [row for row, cells in tables.posts.items() if cells[0] is None]


def base_of(item: Item, wave: str, name: str = "applicable", role: str | None = None) -> int:
    """`applicable` leaves N/A out, `answers` keeps it in, `printed` is the total printed under the table."""
    if name == "printed":
        printed = item.counts[wave].printed
        if printed is None:
            raise ValueError(f"{item.code} prints no total")
        return printed
    return item.n_answered(wave, not_applicable_in=name == "answers", role=role)


# What a figure is held against: the name of its check in printed_in_text.yaml, and how the tables answer.


def _share(tables: Appendix, body: Mapping[str, Any]) -> Answer:
    item, wave, role = tables.items[body["item"]], body["wave"], body.get("role")
    n = item.answers(wave, body.get("points", item.scale.top), role=role)
    base = base_of(item, wave, body.get("base", "applicable"), role)
    return percent(n, base), f"{n} of {base}"


def _response(tables: Appendix, wave: str) -> Answer:
    one = tables.waves[wave]
    return percent(one.answered, one.eligible), f"{one.answered} of {one.eligible}"


def _plan_share(tables: Appendix, body: Sequence[str]) -> Answer:
    row, period = body
    n, total = plan(tables, row, period), open_cases(tables, period)
    return percent(n, total), f"{n} of {total:,}"


def _need_extreme(tables: Appendix, body: Sequence[str]) -> Answer:
    row, which = body
    share, n, new = _pick(need_shares(tables, "secondary_need", row), which)
    return share, f"{n} of {new}"


def _always_above(tables: Appendix, row: str) -> Answer:
    share, n, new = min(need_shares(tables, "primary_need", row))
    return share, f"{n} of {new}"


def _extreme(tables: Appendix, body: Sequence[str]) -> Answer:
    row, which = body
    return _pick([Fraction(str(value)) for value in tables.cases[row] if value is not None], which), ""


def _pick(values: Sequence[Any], which: str) -> Any:
    return min(values) if which == "lowest" else max(values)


def _vacancy_share(tables: Appendix, body: tuple[str, int]) -> Answer:
    posts, vacant = post(tables, *body)
    return 100 * vacant / posts, f"{float(vacant):g} of {float(posts):g} posts"


def _specialist_posts(tables: Appendix, _: str) -> Answer:
    return sum((post(tables, row, -1)[0] for row in specialist_rows(tables)), Fraction(0)), ""


def _involvement(tables: Appendix, body: Sequence[str]) -> Answer:
    row, period = body
    return _whole(tables.cases["specialist_involvement"][row][PERIODS.index(period)])


def _period(row: str) -> Callable[[Appendix, str], Answer]:
    return lambda tables, period: _whole(tables.cases[row][PERIODS.index(period)])


def _whole(value: int | None) -> Answer:
    return Fraction(value or 0), ""


CHECKS: Mapping[str, Callable[[Appendix, Any], Answer]] = {
    "share": _share,
    "response": _response,
    "answered": lambda tables, wave: _whole(tables.respondents[wave].printed_total),
    "answers": lambda tables, body: _whole(sum(tables.items[body["item"]].counts[body["wave"]].rows)),
    "choices": lambda tables, code: _whole(len(tables.multiple_choice[code].choices)),
    "collected": lambda tables, body: _whole(tables.collected[body[0]][body[1]]),
    "specialist_posts": _specialist_posts,
    "filled": lambda tables, body: (filled(tables, *body), ""),
    "vacant": lambda tables, body: (post(tables, *body)[1], ""),
    "posts": lambda tables, body: (post(tables, *body)[0], ""),
    "vacancy_share": _vacancy_share,
    "plan": lambda tables, body: _whole(plan(tables, *body)),
    "plan_share": _plan_share,
    "need_extreme": _need_extreme,
    "always_above": _always_above,
    "extreme": _extreme,
    "involvement": _involvement,
    "re_referrals": _period("re_referral_percent"),
    "weeks": _period("child_protection_weeks"),
    "outline": _period("public_law_outline"),
}
