"""The registry of cases, and how an answer of any shape becomes plain numbers and words."""

from __future__ import annotations

import cProfile
import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pandas as pd

from exports.showing import shown
from exports.table import Column
from impact.commands.printing import number
from impact.errors import ImpactError
from impact.estimate import Estimate, Note

# What a move may change, as a share of an estimate's standard error or of a number's own size. Data moved by a part in 10^13
# change a mean by 10^-13 of its spread; a thousandfold and more is left for p-values far out and for normal equations, whose
# condition is the square of the columns'.
CLOSED = 1e-9
# A search stops where the step that is left is a small share of a standard error, 10^-8 for Newton's method, and two searches
# may stop on either side of the top. Columns that differ by a hundredth of their spread, or count from 10^9 on, have lost digits
# before anything is computed of them.
SEARCHED = 1e-7
# Below this a number is judged as if it had this size: nought has no digits that two sums could share.
SMALLEST = 1e-3
LARGEST = 1e5  # nine digits with the report's four decimals

# Parts of a fit that lie in the order of columns; estimates, which have names, say the same.
IN_ORDER = {"fitted", "names", "sums", "turned"}
LOSING = {"near", "far"}  # kinds of hard data that have lost digits
REPORTED = Column("value", "Value", "number", decimals=4)

Tables = dict[str, pd.DataFrame]
Ask = Callable[[Any, list[str]], Any]
Hardening = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Number:
    """A number, and the size by which a change of it is judged."""

    value: float
    size: float

    @property
    def printed(self) -> tuple[str, str]:
        """As the commands print it, and as the report does, whose four decimals are more than any sum has of large numbers."""
        return number(self.value), shown(self.value, REPORTED) if abs(self.value) < LARGEST else ""


@dataclass(frozen=True)
class Told:
    """An answer as numbers and words by name. A refusal has one word: the error and what it says."""

    numbers: Mapping[str, Number]
    words: Mapping[str, str]

    @property
    def refusal(self) -> str | None:
        return self.words.get("refused")


@dataclass(frozen=True)
class Case:
    """One question to one estimator. `ask` takes tables and the names of covariates in the order of the model.

    `kind` says in what way the data are hard, and is empty where they are not.
    `in_order` says why rows cannot be put in another order; `is_refused` that an answer would be a fault.
    """

    name: str
    ask: Ask
    data: Callable[[], Tables]
    kind: str
    covariates: tuple[str, ...] = ()
    tolerance: float = CLOSED
    in_order: str = ""
    is_refused: bool = False


CASES: dict[str, Case] = {}


def case(
    data: Callable[[], Any],
    *,
    covariates: Sequence[str] = (),
    is_searched: bool = False,
    in_order: str = "",
    hard: Mapping[str, Hardening] | None = None,
    refused: Sequence[str] = (),
) -> Callable[[Ask], Ask]:
    """Registers a function as a case, and once more for each kind of `hard` data; those named in `refused` must be refused."""

    def tables() -> Tables:
        made = data()
        return made if isinstance(made, dict) else {"rows": made}

    def registered(ask: Ask) -> Ask:
        def asked(given: Tables, names: list[str]) -> Any:
            return ask(given["rows"] if set(given) == {"rows"} else given, names)

        for kind, change in {"": _unchanged, **(hard or {})}.items():
            name = f"{ask.__name__} {kind}".strip()
            assert name not in CASES
            CASES[name] = Case(
                name,
                asked,
                lambda change=change: {key: change(table) for key, table in tables().items()},
                kind,
                tuple(covariates),
                SEARCHED if is_searched or kind in LOSING else CLOSED,
                in_order,
                kind in refused,
            )
        return ask

    return registered


def _unchanged(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def told(case: Case, given: Tables, names: Sequence[str]) -> Told:
    """What a case answers."""
    try:
        found = case.ask(given, list(names))
    except ImpactError as error:
        return Told({}, {"refused": f"{type(error).__name__}: {error}"})
    numbers: dict[str, Number] = {}
    words: dict[str, str] = {}
    for key, value in _flat("", found):
        assert key not in numbers, f"{case.name} gives “{key}” twice"
        assert key not in words, f"{case.name} gives “{key}” twice"
        if isinstance(value, Number):
            numbers[key] = value
        else:
            words[key] = value
    assert numbers or words, f"{case.name} says nothing"
    return Told(numbers, words)


@contextmanager
def called_here() -> Iterator[set[CodeType]]:
    """The code of every function that the cases of this folder call themselves."""
    here, seen = str(Path(__file__).parent), set()
    with cProfile.Profile(builtins=False) as profile:
        yield seen
    for caller in profile.getstats():
        if isinstance(caller.code, CodeType) and caller.code.co_filename.startswith(here):
            seen.update(called.code for called in caller.calls or () if isinstance(called.code, CodeType))


def _flat(key: str, value: Any) -> Iterator[tuple[str, Number | str]]:
    if isinstance(value, Estimate):
        yield from _estimate(key, value)
    elif isinstance(value, Note):
        yield f"{key}.{value.code}", value.text
    elif (
        isinstance(value, str | bool | np.bool_ | int | np.integer | dt.date)
        or value is None
        or value is pd.NaT
    ):
        yield key, str(value)
    elif isinstance(value, float | np.floating):
        yield key, Number(float(value), max(abs(float(value)), SMALLEST))
    elif isinstance(value, pd.DataFrame):
        assert value.index.is_unique
        for name, column in value.items():
            yield from _flat(f"{key}.{name}", column)
    elif isinstance(value, pd.Series):
        assert value.index.is_unique
        for place, one in value.items():
            yield from _flat(f"{key}[{place}]", one)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), one)
    elif isinstance(value, frozenset | set):
        yield key, ", ".join(sorted(map(str, value)))
    elif isinstance(value, list | tuple | np.ndarray):
        items = value.tolist() if isinstance(value, np.ndarray) else list(value)
        labels = [getattr(one, "name", place) for place, one in enumerate(items)]
        for label, one in zip(
            labels if len(set(labels)) == len(labels) else range(len(items)), items, strict=True
        ):
            yield from _flat(f"{key}[{label}]", one)
    elif dataclasses.is_dataclass(value):
        yield from _record(key, value)
    else:
        raise AssertionError(f"“{key}” is a {type(value).__name__}")


def _estimate(key: str, found: Estimate) -> Iterator[tuple[str, Number | str]]:
    size = found.std_error if found.std_error > 0 else max(abs(found.value), SMALLEST)
    for name in ("value", "std_error", "low", "high"):
        yield f"{key}.{name}", Number(getattr(found, name), size)
    yield f"{key}.statistic", Number(found.statistic, max(1.0, abs(found.statistic)))
    yield f"{key}.p_value", Number(found.p_value, max(found.p_value, SMALLEST))
    if found.df is not None:
        yield f"{key}.df", Number(float(found.df), float(found.df))


def _record(key: str, found: Any) -> Iterator[tuple[str, Number | str]]:
    """A dataclass by field, without its arrays, which lie in the order of columns or rows.

    What has an interval is judged by its width, since an estimate near nought has no size of its own.
    """
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    low, high = values.get("low"), values.get("high")
    width = float(high) - float(low) if isinstance(low, float) and isinstance(high, float) else math.nan
    for name, value in values.items():
        if name in IN_ORDER or isinstance(value, np.ndarray):
            continue
        if (
            name in ("value", "low", "high", "difference")
            and isinstance(value, float)
            and math.isfinite(width)
        ):
            yield f"{key}.{name}", Number(value, max(abs(value), width / 4))
            continue
        yield from _flat(f"{key}.{name}" if key else name, value)
