"""Numbers as people read them: snapped to twelve significant digits before they are rounded.

A sum of floats differs in its last digits from processor to processor. Where such a number lies in the middle between two
that would be printed, as 0.125 does with two decimals, the last digits would choose: 0.12499999999999999 and 0.125 print alike.
"""

from __future__ import annotations

import math
from numbers import Integral

__all__ = ["SIGNIFICANT", "printed", "snapped"]

SIGNIFICANT = 12
"""Digits that a sum of many floats still has on every processor; a double has nearly sixteen."""


def snapped(value: float) -> float:
    """The value with twelve significant digits. Whole numbers that are no floats, NaN and infinities stay as they are."""
    if isinstance(value, Integral) or not math.isfinite(value):
        return value
    return float(f"{value:.{SIGNIFICANT - 1}e}") + 0.0  # + 0.0: nil has no sign


def printed(value: float, form: str) -> str:
    """The value in a format such as ",.3f" after it was snapped; what is rounded to nil carries no minus."""
    return format(snapped(value), _without_sign_of_nil(form))


def _without_sign_of_nil(form: str) -> str:
    # Python's “z” stands before the width, the comma and the dot; no format of ours has fill, alignment or sign.
    return form if form.startswith("z") else f"z{form}"
