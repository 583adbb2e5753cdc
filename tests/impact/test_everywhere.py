"""The numbers do not hang on the order of rows and columns, on threads, or on the thirteenth digit of the data."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import re
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

import impact
from exports import attack, disclosure
from tests.impact.everywhere import CASES, Case
from tests.impact.everywhere.data import CONTINUOUS
from tests.impact.everywhere.registry import Tables, Told, called_here, told

# What the walk below passes over, each with its reason.
ROOMS = {
    "impact.bundles": "takes numbers that are there into a file and out of it; tests/impact/test_bundles.py",
    "impact.commands": "asks what is held here; the printing is held by every case's printed numbers",
    "impact.comparison": "compares numbers that are there; tests/impact/test_comparison.py",
    "impact.documents": "reads a file of words",
    "impact.information": "the steps of every fit, which each regression here takes",
    "impact.keys": "the order of rows before draws, which the imputations here take",
    "impact.plans": "reads a file of words",
    "impact.plots": "draws numbers that are there",
    "impact.reports": "puts numbers that are there into words",
    "impact.running": "asks what is held here, one shipped plan after another; tests/impact/test_running.py",
    "impact.separation": "the step by which each regression here refuses data that are “apart”",
    "impact.simulator": "draws data from a seed and takes none",
    "impact.site_periods": "reads a file of words",
    "impact.ties": "decides ties, as the cases with ties here show",
}
EXCEPTIONS = {
    "impact.columns.named": "looks up a column by name",
    "impact.columns.numbers": "checks a column and gives it back",
    "impact.columns.outcome_01": "checks a column and gives it back",
    "impact.columns.same_length": "counts rows",
    "impact.columns.weights": "checks a column and gives it back",
}


def rows(given: Tables, names: list[str]) -> tuple[Tables, list[str]]:
    """Rows in another order, numbered anew as after reading another file."""
    r = np.random.default_rng(20)
    orders = {key: r.permutation(len(table))[::-1] for key, table in given.items()}
    assert all((np.diff(order) != 1).any() for order in orders.values())
    return {key: table.iloc[orders[key]].reset_index(drop=True) for key, table in given.items()}, names


def columns(given: Tables, names: list[str]) -> tuple[Tables, list[str]]:
    """Columns the other way round, in the tables and in the model."""
    return {key: table[table.columns[::-1]] for key, table in given.items()}, names[::-1]


def thirteenth_digit(given: Tables, names: list[str]) -> tuple[Tables, list[str]]:
    """Every measured number moved by up to a part in 10^13 of itself, or of its spread where it counts from far off."""
    r = np.random.default_rng(21)

    def moved(column: pd.Series) -> pd.Series:
        size = np.minimum(column.abs(), column.std(ddof=0)) if len(column) > 1 else column.abs()
        return column + 1e-13 * r.uniform(-1, 1, len(column)) * size

    return {
        key: table.assign(
            **{str(n): moved(c) for n, c in table.items() if n in CONTINUOUS and c.dtype == float}
        )
        for key, table in given.items()
    }, names


def _in_threads(n: int, case: Case, given: Tables, names: list[str]) -> Told:
    for table in given.values():
        table.attrs["threads"] = n
    with threadpool_limits(limits=n):
        return told(case, given, names)


def the_same(case: Case, found: Told, expected: Told, *, after: str) -> None:
    """The same words, the same text of every number, and every number within the tolerance of the case."""
    assert found.words == expected.words, after
    assert found.numbers.keys() == expected.numbers.keys(), after
    apart = {}
    for key, one in expected.numbers.items():
        other = found.numbers[key]
        if not math.isfinite(one.value):
            assert repr(other.value) == repr(one.value), (after, key)
        elif not abs(other.value - one.value) <= case.tolerance * one.size:
            apart[key] = (one.value, other.value, abs(other.value - one.value) / one.size)
    assert not apart, after
    assert {k: n.printed for k, n in found.numbers.items()} == {
        k: n.printed for k, n in expected.numbers.items()
    }, after


@pytest.mark.row("ST-12")
@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_the_same_after_every_move(name: str):
    """One test of each case, so that it is answered once as it is, in two threads, for all that is held against it.

    Rows, last digits and threads are moved at once, the columns by themselves: of a refusal they may change the names.
    """
    case = CASES[name]
    at_home = _at_home(case)
    moved = thirteenth_digit(*_in_other_rows(case))
    the_same(case, _in_threads(1, case, *moved), at_home, after="rows, last digits, one thread")
    _hold_columns(case, at_home)


@pytest.mark.slow  # each move by itself, which says which of them it was
@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_the_same_after_each_move_by_itself(name: str):
    case = CASES[name]
    at_home = _at_home(case)
    given = case.data(), list(case.covariates)
    the_same(case, told(case, *_in_other_rows(case)), at_home, after="rows")
    the_same(case, told(case, *thirteenth_digit(*given)), at_home, after="last digits")
    the_same(case, _in_threads(1, case, *given), at_home, after="one thread")
    _hold_columns(case, at_home)


def _at_home(case: Case) -> Told:
    found = _in_threads(2, case, case.data(), list(case.covariates))
    assert (found.refusal is not None) == case.is_refused, found.refusal
    return found


def _in_other_rows(case: Case) -> tuple[Tables, list[str]]:
    given = case.data(), list(case.covariates)
    return given if case.in_order else rows(*given)


def _hold_columns(case: Case, at_home: Told) -> None:
    found = told(case, *columns(case.data(), list(case.covariates)))
    if case.is_refused:
        # Of columns that say the same, the one that comes last is named.
        assert _without_names(found.refusal) == _without_names(at_home.refusal)
    else:
        the_same(case, found, at_home, after="columns")


def test_every_computing_function_is_a_case_or_an_exception_with_a_reason():
    with called_here() as called:
        for case in CASES.values():
            if not case.kind:
                told(case, case.data(), case.covariates)
    missing = [name for name, function in _public() if function.__code__ not in called]
    assert sorted(missing) == sorted(EXCEPTIONS)
    assert all({**EXCEPTIONS, **ROOMS}.values())


def _public() -> Iterator[tuple[str, Callable[..., object]]]:
    """The functions that modules of `impact` name in `__all__`, and those of `exports` that compute."""
    for found in pkgutil.iter_modules(impact.__path__, "impact."):
        if found.name in ROOMS or found.name == "impact.__main__":
            continue
        module = importlib.import_module(found.name)
        for name in module.__all__:
            if inspect.isfunction(function := inspect.unwrap(getattr(module, name))):
                yield f"{found.name}.{name}", function
    for module in (attack, disclosure):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{module.__name__}.{name}", function


def _without_names(refusal: str | None) -> str:
    return re.sub(r"“[^”]+”(, “[^”]+”)*( …)?", "“…”", refusal or "")
