"""The one shape in which every model answers, and how many children a line of it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from impact.bundles import Figures, kept
from impact.estimate import Estimate, Note
from impact.running.samples import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "Line", "base_of", "bases_by_time", "event_study", "point", "renamed", "with_terms"]


@dataclass(frozen=True)
class Line:
    """An estimate with its unit, which standard error it has, and the number of children it rests on, if not on all."""

    estimate: Estimate
    scale: str
    error: str = ""
    base: int | None = None


@dataclass(frozen=True)
class Answer:
    """Lines (the first is the one that counts), the number of clusters, diagnostics, figures for plots, and notes."""

    lines: tuple[Line, ...]
    n_clusters: int
    diagnostics: dict[str, float | str | None] = field(default_factory=dict)
    figures: tuple[Figures, ...] = ()
    notes: tuple[Note, ...] = ()


def renamed(estimate: Estimate, name: str) -> Estimate:
    """The same estimate under another name."""
    return replace(estimate, name=name)


def point(name: str, value: float, p_value: float = math.nan) -> Estimate:
    """A number without a standard error."""
    return Estimate(name, value, math.nan, None, math.nan, p_value, math.nan, math.nan)


def base_of(frame: pd.DataFrame, *, is_binary: bool) -> int:
    """How many children the rows are, or, of a binary outcome, the fewer of those with it and those without."""
    n = int(frame["child"].nunique())
    if not is_binary:
        return n
    events = int(frame["value"].sum())
    return min(n, events, len(frame) - events)


def bases_by_time(frame: pd.DataFrame, *, is_binary: bool) -> dict[int, int]:
    """The base of each number of periods since the start, among sites that go live."""
    since = frame["period"] - frame["first"]
    own = frame[since.notna()]
    return {int(k): base_of(part, is_binary=is_binary) for k, part in own.groupby(since.dropna().astype(int))}


def event_study(rows: list[tuple[float, Estimate, int]], smallest: int) -> Figures:
    """Effects by periods since the start; those that rest on few children are null."""
    made = [
        (when, None, None, None) if base < smallest else (when, one.value, one.low, one.high)
        for when, one, base in sorted(rows, key=lambda row: row[0])
    ]
    finite = tuple(tuple(kept(value) for value in row) for row in made)
    return Figures(kind="event_study", columns=("period", "value", "low", "high"), rows=finite)


def with_terms(frame: pd.DataFrame, sample: Sample) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """With several rows a child, an indicator of each term and the days since the referral join the covariates."""
    if not sample.is_repeated:
        return frame, sample.covariates
    later = sorted(frame["term"].unique())[1:]
    terms = {f"term {term}": (frame["term"] == term).astype(np.float64) for term in later}
    made = frame.assign(**terms, **{"days since referral": frame["days_since"].astype(np.float64)})
    return made, (*sample.covariates, *terms, "days since referral")
