"""Small data from seeds, and the ways in which they are made hard."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

# Columns that are measured, and so may be moved by a part in 10^13; outcomes of 0 and 1, counts, dates and labels may not.
CONTINUOUS = {
    "x",
    "z",
    "y",
    "base",
    "score",
    "weight",
    "share",
    "pounds",
    "std_error",
    "value",
    "mean",
    "index",
}

SITES = tuple("ABCDEFGH")
FIRST = {"A": 2, "B": 2, "C": 3, "D": 4}


def people(n: int = 720, seed: int = 1) -> pd.DataFrame:
    """One row a person in eight sites and six periods, four of which start; rows in no order."""
    return _people(n, seed).copy()


@cache
def _people(n: int, seed: int) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    place, period = r.integers(0, 8, n), r.integers(0, 6, n)
    site = np.array(SITES)[place]
    first = np.array([FIRST.get(s, np.nan) for s in site])
    treated = (period >= np.nan_to_num(first, nan=99)).astype(float)
    x, z, w = r.normal(size=n), r.normal(size=n) + 0.3, (r.random(n) < 0.4).astype(float)
    own = np.linspace(-0.4, 0.4, 8)[place]
    line = 0.5 * x - 0.3 * z + 0.4 * w + 0.5 * treated + own + 0.05 * period
    y = 1 + line + r.normal(size=n)
    latent = line + r.logistic(size=n)
    count = np.where(latent > 0, 1 + r.poisson(np.exp(0.4 + 0.3 * x + 0.2 * w) * r.gamma(2, 0.5, n)), 0)
    start = np.array([FIRST.get(s, 3) for s in site])
    return pd.DataFrame(
        {
            "id": [f"p{i:04d}" for i in r.permutation(n)],
            "site": site,
            "period": period,
            "first": first,
            "treated": treated,
            "post": (period >= start).astype(float),
            "start": start,
            "end": start + 1,
            "x": x,
            "z": z,
            "w": w,
            "y": y,
            "e": (latent > 0).astype(float),
            "grade": np.digitize(latent, (-1.0, 0.5, 2.0)),
            "count": count.astype(float),
            "days": np.clip(y, 0.0, 3.0),
            "weight": r.uniform(0.5, 2.0, n),
            "score": 1.0 + place / 4,
            "rated": ((place + period) % 3 == 0).astype(float),
            "shock": ((place + period) % 2).astype(float),
            "kind": np.where(place % 2, "similar", "none"),
            "person": [f"{s}{i % 90}" for i, s in enumerate(site)],
            "received": (treated * (r.random(n) < 0.8)).astype(float),
            "stratum": r.integers(0, 120, n),
            "arm": np.array(["low", "middle", "top"])[r.integers(0, 3, n)],
            "sex": np.array(["f", "m"])[r.integers(0, 2, n)],
        }
    )


def wedge(n: int = 900, seed: int = 4) -> pd.DataFrame:
    """Five clusters over six periods, each of which starts one period after the one before."""
    r = np.random.default_rng(seed)
    place, period = r.integers(0, 5, n), r.integers(0, 6, n)
    treated = (period > place).astype(float)
    x, z = r.normal(size=n), r.normal(size=n)
    own = np.array([0.3, -0.4, 0.1, 0.5, -0.5])[place]
    line = -0.6 + 0.05 * period + 0.2 * x - 0.1 * z - 0.5 * treated + own
    return pd.DataFrame(
        {
            "site": np.array(SITES)[place],
            "period": period,
            "treated": treated,
            "x": x,
            "z": z,
            "e": (r.random(n) < 1 / (1 + np.exp(-line))).astype(float),
            "y": line + r.normal(size=n),
            "person": [f"{s}{i % 60}" for i, s in enumerate(place)],
        }
    )


def panel(n_units: int = 24, n_periods: int = 6, seed: int = 3) -> pd.DataFrame:
    """One row for each unit and period; a third of the units start in period 3, a third in 4."""
    r = np.random.default_rng(seed)
    unit, period = np.repeat(np.arange(n_units), n_periods), np.tile(np.arange(1, n_periods + 1), n_units)
    first = np.array([0, 3, 4])[unit % 3]
    treated = ((first > 0) & (period >= first)).astype(float)
    fixed = r.normal(size=n_units)[unit]
    x, z = r.normal(size=len(unit)) + 0.5 * fixed, r.normal(size=len(unit))
    order = r.permutation(len(unit))
    return pd.DataFrame(
        {
            "site": [f"u{i:02d}" for i in unit],
            "period": period,
            "first": first.astype(float),
            "treated": treated,
            "x": x,
            "z": z,
            "base": r.normal(size=n_units)[unit],
            "weight": r.uniform(0.5, 2, n_units)[unit],
            "region": [f"r{i % 8}" for i in unit],
            "y": fixed + 0.2 * period + 0.6 * treated * (1 + 0.2 * (period - first)) + 0.4 * x - 0.2 * z
            + r.normal(size=len(unit)),
        }
    ).iloc[order].reset_index(drop=True)  # fmt: skip


def far(frame: pd.DataFrame) -> pd.DataFrame:
    """A covariate that counts from 10^9 on, as times in seconds do."""
    return frame.assign(x=frame["x"] + 1e9)


def near(frame: pd.DataFrame) -> pd.DataFrame:
    """Two covariates that differ by a hundredth of their spread."""
    return frame.assign(z=frame["x"] + 1e-2 * frame["z"])


def twin(frame: pd.DataFrame) -> pd.DataFrame:
    """Two covariates that say the same but for rounding: to be refused."""
    return frame.assign(z=frame["x"] / 3 + 0.1)


def far_twin(frame: pd.DataFrame) -> pd.DataFrame:
    """The same, of columns that count from 10^9 on."""
    return twin(far(frame))


def large(frame: pd.DataFrame) -> pd.DataFrame:
    """An outcome in millionths of its unit."""
    return frame.assign(y=frame["y"] * 1e6)


def tiny(frame: pd.DataFrame) -> pd.DataFrame:
    """An outcome in millions of its unit, and a covariate too."""
    return frame.assign(y=frame["y"] * 1e-6, x=frame["x"] * 1e-6)


def apart(frame: pd.DataFrame) -> pd.DataFrame:
    """A covariate whose rows of 1 all have the event, the highest grade and a count: to be refused."""
    return frame.assign(
        w=frame["w"] * (frame["grade"] == frame["grade"].max()) * (frame["count"] > 0) * frame["e"]
    )


def at_the_limit(frame: pd.DataFrame) -> pd.DataFrame:
    """A covariate whose rows of 1 are all cut off: to be refused."""
    return frame.assign(days=frame["days"].mask(frame["w"] == 1, 3.0))


def alone(frame: pd.DataFrame) -> pd.DataFrame:
    """A site of one row, which its own effect fits exactly."""
    site = frame["site"].astype(object).copy()
    site.iloc[int(frame["y"].argmax())] = "Z"
    return frame.assign(site=site)


HARD = {"far": far, "near": near, "twin": twin, "far twin": far_twin}
SCALES = {"large": large, "tiny": tiny}
TWINS = ("twin", "far twin")
