"""The same but for the last digits: two results compared part by part, and data that are the same to thirteen digits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from impact.comparison import agree
from impact.estimate import Estimate

MOVE = 1e-13


def apart(one: Any, other: Any, where: str = "", size: float = 0.0) -> Iterator[str]:
    """Each place in which two results of the library differ: words at all, numbers beyond the tolerance of `impact compare`."""
    if isinstance(one, Estimate) and isinstance(other, Estimate):
        error = max(
            (abs(each.std_error) for each in (one, other) if each.std_error == each.std_error), default=0
        )
        for field in dataclasses.fields(one):
            name = field.name
            own = {"value": error, "low": error, "high": error, "p_value": 1.0}.get(name, 0.0)
            yield from apart(getattr(one, name), getattr(other, name), f"{where}.{name}", own)
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            name = field.name
            yield from apart(getattr(one, name), getattr(other, name), f"{where}.{name}", size)
    elif isinstance(one, Mapping):
        if set(one) != set(other):
            yield f"{where}: {sorted(map(str, one))} and {sorted(map(str, other))}"
        for key in set(one) & set(other):
            yield from apart(one[key], other[key], f"{where}[{key}]", size)
    elif isinstance(one, list | tuple):
        if len(one) != len(other):
            yield f"{where}: {len(one)} and {len(other)} parts"
        for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
            yield from apart(mine, theirs, f"{where}[{place}]", size)
    elif isinstance(one, float | np.floating) and isinstance(other, float | np.floating):
        # NaN and infinities are words: both or neither.
        if not (np.isfinite(one) and np.isfinite(other)):
            if str(float(one)) != str(float(other)):
                yield f"{where}: {one!r} and {other!r}"
        elif not agree(float(one), float(other), size=size):
            yield f"{where}: {one!r} and {other!r}"
    elif one != other:
        yield f"{where}: {one!r} and {other!r}"


def moved(frame: pd.DataFrame, names: list[str], *, seed: int = 1) -> pd.DataFrame:
    """The frame with each of these numbers changed by up to one part in 10¹³, upwards or downwards."""
    random = np.random.default_rng(seed)
    return frame.assign(
        **{name: frame[name] * (1 + MOVE * random.uniform(-1, 1, len(frame))) for name in names}
    )


def shuffled(frame: pd.DataFrame, *, seed: int = 1) -> pd.DataFrame:
    """The rows in another order, numbered anew, as another file would hold them."""
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def turned(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns in another order."""
    return frame[list(frame.columns[::-1])]
