"""The published tables of the Cambridgeshire pilot as plain records.

Pure: reads `appendix_a.yaml` beside it. Nothing is corrected on the way: `rows` are what the table's rows say
and `printed` what its total says, and the two may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
WAVES = ("interim", "follow_up")
PERIODS = ("aug_oct_2019", "nov_jan_2020", "feb_apr_2020", "may_jul_2020")


@dataclass(frozen=True)
class Scale:
    code: str
    points: tuple[str, ...]
    is_ordinal: bool
    not_applicable: frozenset[str]
    top: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """The answers to one item in one wave.

    `rows` follow the scale's points. `printed` is the total under the table, `None` where none is printed.
    `by_role` holds the same points for each role of a table told by role, `printed_by_role` its printed row
    totals. `printed_rows` is the table's own total row, point by point. A `shared_rows` entry names the roles
    that one row of the table holds together.
    """

    rows: tuple[int, ...]
    printed: int | None = None
    by_role: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    printed_by_role: Mapping[str, int] = field(default_factory=dict)
    printed_rows: tuple[int, ...] | None = None
    shared_rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    code: str
    wording: str
    scale: Scale
    base: str
    counts: Mapping[str, Counts]
    flags: Mapping[str, str]

    def answers(self, wave: str, points: Sequence[str], *, role: str | None = None) -> int:
        rows = self.counts[wave].by_role[role] if role else self.counts[wave].rows
        return sum(n for point, n in zip(self.scale.points, rows, strict=True) if point in points)

    def n_answered(self, wave: str, *, not_applicable_in: bool, role: str | None = None) -> int:
        points = [p for p in self.scale.points if not_applicable_in or p not in self.scale.not_applicable]
        return self.answers(wave, points, role=role)


@dataclass(frozen=True)
class Mentions:
    """Choices of which one may tick several; `respondents` is `None` where the table prints no number."""

    counts: tuple[int, ...]
    respondents: int | None
    printed: int | None


@dataclass(frozen=True)
class MultipleChoice:
    code: str
    wording: str
    choices: tuple[str, ...]
    base: str
    exclusive: str
    mentions: Mapping[str, Mentions]
    flags: Mapping[str, str]


@dataclass(frozen=True)
class Wave:
    code: str
    label: str
    answered: int
    eligible: int


@dataclass(frozen=True)
class Respondents:
    """How many answered, per role: (agency, permanent)."""

    rows: Mapping[str, tuple[int, int]]
    printed_row_totals: Mapping[str, int]
    printed: tuple[int, int]
    printed_total: int


@dataclass(frozen=True)
class Appendix:
    waves: Mapping[str, Wave]
    roles: Mapping[str, str]
    bases: Mapping[str, str]
    base_roles: Mapping[str, tuple[str, ...]]
    scales: Mapping[str, Scale]
    respondents: Mapping[str, Respondents]
    multiple_choice: Mapping[str, MultipleChoice]
    items: Mapping[str, Item]
    caseload_wording: str
    caseload: Mapping[str, Mapping[str, int]]
    periods: Mapping[str, str]
    cases: Mapping[str, Any]
    posts: Mapping[str, Sequence[tuple[float, float] | None]]
    collected: Mapping[str, Sequence[int | None]]


@cache
def appendix() -> Appendix:
    raw = yaml.safe_load((HERE / "appendix_a.yaml").read_text(encoding="utf-8"))
    scales = {code: _scale(code, body) for code, body in raw["scales"].items()}
    items = {code: _item(code, body, scales) for code, body in raw["by_role"].items()}
    items |= {code: _item(code, body, scales) for code, body in raw["items"].items()}
    caseload = dict(raw["caseload"])
    return Appendix(
        waves={
            code: Wave(code, body["label"], body["answered"], body["eligible"])
            for code, body in raw["waves"].items()
        },
        roles=raw["roles"],
        bases=raw["bases"],
        base_roles={code: tuple(roles) for code, roles in raw["base_roles"].items()},
        scales=scales,
        respondents={wave: _respondents(raw["respondents"][wave]) for wave in WAVES},
        multiple_choice={code: _multiple_choice(code, b) for code, b in raw["multiple_choice"].items()},
        items=items,
        caseload_wording=caseload["wording"],
        caseload={wave: caseload[wave] for wave in WAVES},
        periods=raw["periods"],
        cases=_cases(raw["cases"]),
        posts=_posts(raw["posts"]["rows"]),
        collected=raw["collected"],
    )


def _scale(code: str, body: Mapping[str, Any]) -> Scale:
    return Scale(
        code=code,
        points=tuple(body["points"]),
        is_ordinal=body["order"] == "ordinal",
        not_applicable=frozenset(body.get("not_applicable", ())),
        top=tuple(body["top"]),
    )


def _item(code: str, body: Mapping[str, Any], scales: Mapping[str, Scale]) -> Item:
    return Item(
        code=code,
        wording=body["wording"],
        scale=scales[body["scale"]],
        base=body["base"],
        counts={wave: _counts(body[wave]) for wave in WAVES if wave in body},
        flags=body.get("flags", {}),
    )


def _counts(body: Mapping[str, Any]) -> Counts:
    if "rows" not in body:
        return Counts(rows=tuple(body["counts"]), printed=body.get("printed"))
    by_role = {role: tuple(row) for role, row in body["rows"].items()}
    totals = body.get("printed_row_totals")
    return Counts(
        rows=tuple(sum(column) for column in zip(*by_role.values(), strict=True)),
        printed=body.get("printed_total"),
        by_role=by_role,
        printed_by_role=dict(zip(by_role, totals, strict=True)) if totals else {},
        printed_rows=tuple(body["printed"]),
        shared_rows={row: tuple(roles) for row, roles in body.get("shared_rows", {}).items()},
    )


def _multiple_choice(code: str, body: Mapping[str, Any]) -> MultipleChoice:
    return MultipleChoice(
        code=code,
        wording=body["wording"],
        choices=tuple(body["choices"]),
        base=body["base"],
        exclusive=body.get("exclusive", ""),
        mentions={
            wave: Mentions(
                tuple(body[wave]["counts"]), body[wave].get("respondents"), body[wave].get("printed")
            )
            for wave in WAVES
            if wave in body
        },
        flags=body.get("flags", {}),
    )


def _cases(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table of cases with each cell as its count, [count, printed percentage], or `None` for N/A."""
    cells = {
        table: {
            row: [
                n if share is None else [n, share] for n, share in zip(two["n"], two["percent"], strict=True)
            ]
            for row, two in body[table].items()
        }
        for table in ("primary_need", "secondary_need", "plans")
    }
    return {**body, **cells}


def _posts(rows: Mapping[str, Any]) -> Mapping[str, Sequence[tuple[float, float] | None]]:
    """(posts, vacant) of each role at each date; `None` where the table prints no number."""
    return {
        row: [None if n is None else (n, gone) for n, gone in zip(two["posts"], two["vacant"], strict=True)]
        for row, two in rows.items()
    }


def _respondents(body: Mapping[str, Any]) -> Respondents:
    rows = {role: (agency, permanent) for role, (agency, permanent) in body["rows"].items()}
    agency, permanent = body["printed"]
    return Respondents(
        rows=rows,
        printed_row_totals=dict(zip(rows, body["printed_row_totals"], strict=True)),
        printed=(agency, permanent),
        printed_total=body["printed_total"],
    )
