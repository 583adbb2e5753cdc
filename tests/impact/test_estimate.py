"""One number with its uncertainty."""

from __future__ import annotations

import math

from impact.estimate import normal, student, without_rounding


def test_an_estimate_that_is_rounding_beside_its_error_is_nought():
    for found in (normal("x", (0.1 + 0.2) - 0.3, 0.1), student("x", 0.3 - (0.1 + 0.2), 0.1, 4)):
        assert (found.value, found.statistic, found.p_value) == (0.0, 0.0, 1.0)
        assert found.low == -found.high


def test_a_small_estimate_stays_as_it_is():
    assert normal("x", 1e-11, 1.0).value == 1e-11
    assert normal("x", 1e-30, 1e-30).value == 1e-30
    assert without_rounding(1.0, math.inf) == 1.0
