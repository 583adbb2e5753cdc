"""Numbers that are equal but for their last digits print alike, and no print in the two libraries escapes that."""

from __future__ import annotations

import ast
import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from exports import as_xlsx
from exports.digits import printed, snapped
from exports.showing import shown
from exports.table import Column, Table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("one", "other", "form", "text"),
    [
        (0.12499999999999999, 0.125, ".2f", "0.12"),
        (0.1 + 0.2, 0.3, ".0%", "30%"),
        (2.675, 2.6749999999999998, ".2f", "2.67"),
        (1234.5 - 1e-12, 1234.5, ",.0f", "1,234"),
        (-1e-17, 1e-17, ".3f", "0.000"),
        (-0.0, 0.0, "g", "0"),
        (4.999999999999999e-5, 5e-5, ".4f", "0.0001"),
        (1e6 - 1e-9, 1e6, ".6g", "1e+06"),
    ],
)
def test_numbers_that_differ_in_their_last_digits_print_alike(one, other, form, text):
    assert printed(one, form) == printed(other, form) == text


def test_a_number_that_rounding_does_not_reach_stays_as_it_is():
    assert snapped(-0.123456789012) == -0.123456789012
    assert snapped(0.1234567890123456) == 0.123456789012
    assert snapped(12345678901234567) == 12345678901234567
    assert snapped(np.int64(12345678901234567)) == 12345678901234567
    assert snapped(1e-300) == 1e-300
    assert snapped(math.inf) == math.inf
    assert math.isnan(snapped(math.nan))
    assert math.copysign(1, snapped(-0.0)) == 1


def test_whole_numbers_and_what_is_no_number_are_printed_as_before():
    assert (printed(1_700, ",.0f"), printed(7, "g"), printed(math.inf, "g")) == ("1,700", "7", "inf")
    assert printed(math.nan, ".3f") == "nan"
    assert printed(-12.345678, ",.2f") == "-12.35"


@pytest.mark.parametrize(
    "column",
    [
        Column("v", "V", "percent"),
        Column("v", "V", "percent", decimals=2),
        Column("v", "V", "number", decimals=2),
        Column("v", "V", "number"),
    ],
)
def test_cells_print_alike_on_paper_and_in_a_sheet(column):
    # In the middle between two that could be printed, with 0, 1, 2 and 4 digits.
    for middle in (0.5, 0.25, 0.125, 12.345, 100.5, 1234.5):
        below = math.nextafter(math.nextafter(middle, 0), 0)
        assert shown(below, column) == shown(middle, column)
    if column.kind == "percent" or column.decimals is not None:
        sheets = [
            openpyxl.load_workbook(io.BytesIO(as_xlsx.write(Table.of("T", [column], [[value]]))))["T"]["A2"]
            for value in (12.5, math.nextafter(12.5, 0))
        ]
        assert sheets[0].value == sheets[1].value


# What rounds and is no print, with its reason.
NO_PRINT = {
    ("exports/attack.py", "round(answer.fun, 6)"): "the answer of a linear programme, exact to a millionth",
    ("impact/clusters/fitting.py", "round(float(self.sums.n.sum()))"): "a count of rows",
    ("impact/glmm/fits.py", "round(float(patterns.events.sum()))"): "a count of events",
    ("impact/glmm/patterns.py", "round(float(n.sum()))"): "a count of rows",
    ("impact/mixed.py", "round(float(n.sum()))"): "a count of rows",
    ("impact/separation.py", "np.round(rows / size, 12)"): "rows that are alike",
    ("impact/power/trials.py", "np.round(size[seen])"): "a number of children to draw",
    ("impact/simulator.py", "np.round(length)"): "a number of days to draw",
}  # fmt: skip
ROUNDING = {"round", "format", "around", "rint", "format_float_positional", "format_float_scientific"}


def _rounded(source: str) -> Iterator[tuple[int, str]]:
    """Every format, call and `%` that would round a float, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "" for part in node.format_spec.values]
            form = "".join(map(str, parts))
            if "." in form or form[-1:] in set("eEfFgGn%"):
                yield node.value.lineno, f"{{{ast.unparse(node.value)}:{form}}}"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ROUNDING:
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            left = node.left
            if isinstance(left, ast.Constant) and isinstance(left.value, str):
                yield node.lineno, ast.unparse(node)


def test_the_check_below_sees_every_way_to_round():
    ways = [
        "f'{x:.3f}'",
        "f'{x:,.4g}'",
        "f'{x:g}'",
        "f'{x:.{n}f}'",
        "f'{x:.0%}'",
        "round(x, 2)",
        "np.round(x)",
    ]
    ways += ["x.round(3)", "format(x, '.3f')", "'{:.3f}'.format(x)", "'%.3f' % x"]
    assert [way for way in ways if not list(_rounded(way))] == []
    assert [
        way for way in ("f'{n:,}'", "f'{name:>8}'", "printed(x, '.3f')", "a % b") if list(_rounded(way))
    ] == []


def test_no_print_of_the_two_libraries_rounds_without_snapping():
    found = []
    for package in ("exports", "impact"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name == "exports/digits.py":  # the one place
                continue
            for line, what in _rounded(path.read_text("utf-8")):
                if (name, what) not in NO_PRINT:
                    found.append(f"{name}:{line}: {what}")
    assert found == [], "print through exports.digits.printed, or name the exception with its reason"
