"""The settling-in time: rows between the start and the end of it are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from impact.columns import named
from impact.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["settled"]


def settled(frame: pd.DataFrame, *, period: str, starts: str, ends: str, post: str = "post") -> pd.DataFrame:
    """The frame without rows of the settling-in time, starts ≤ period < ends, and with `post` = 1 from `ends` on.

    Both columns hold the dates of a row's site; comparators carry those of the site they are matched with, or
    nothing, and then keep all rows with `post` 0. The Signs of Safety evaluation (2020, appendix 10) compared the
    time before the start with the time after settling in. Raises BadData for an end before its start or without one.
    """
    when, begin, end = named(frame, period), named(frame, starts), named(frame, ends)
    if (begin.isna() != end.isna()).any():
        raise BadData(f"“{starts}” and “{ends}” must both be filled, or neither.")
    if (end < begin).any():
        raise BadData(
            f"“{ends}” lies before “{starts}” in row {int(np.argmax((end < begin).to_numpy())) + 1}."
        )
    if when.isna().any():
        raise BadData(f"“{period}” is missing in row {int(np.argmax(when.isna().to_numpy())) + 1}.")
    settling = (when >= begin) & (when < end)
    return frame.assign(**{post: (when >= end).astype(float)}).loc[~settling]
