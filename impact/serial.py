"""Serial correlation of regression errors: Breusch and Godfrey's test for one series and for panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.clusters import demeaned
from impact.columns import Floats, Ints, groups, matrix, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Note
from impact.information import PART, independent, left_over, varying

__all__ = ["SerialTest", "breusch_godfrey", "panel_breusch_godfrey"]

Form = Literal["chi2", "F"]


@dataclass(frozen=True)
class SerialTest:
    """A test of no serial correlation up to order `lags`; `df_residual` is None for the chi-squared form."""

    statistic: float
    df: int
    df_residual: int | None
    p_value: float
    lags: int
    n_rows: int
    notes: tuple[Note, ...]


def breusch_godfrey(
    outcome: npt.ArrayLike,
    design: npt.ArrayLike,
    names: Sequence[str],
    *,
    lags: int = 1,
    form: Form = "chi2",
) -> SerialTest:
    """n·R² of least squares residuals on the design and `lags` of their own lags, zero before the start; χ²(lags).

    Outcome (n,) and design (n, k, with its constant) in order of time. The F form compares the sums of squares on
    (lags, n-k-lags). Source: Breusch 1978, Godfrey 1978, doi:10.2307/1913829. Checked against lmtest::bgtest and
    statsmodels. Missing values are refused: a gap would pass for adjacent times. Raises BadData, NotIdentified.
    """
    y, x = numbers(outcome, "outcome"), matrix(design, names)
    same_length(len(y), {"design": x})
    independent(x, names)
    return _test(y, x, lags, form, None, ())


def panel_breusch_godfrey(
    outcome: npt.ArrayLike,
    covariates: npt.ArrayLike,
    names: Sequence[str],
    unit: npt.ArrayLike,
    time: npt.ArrayLike,
    *,
    lags: int | None = None,
    theta: float = 1.0,
    form: Form = "chi2",
    across_units: bool = True,
) -> SerialTest:
    """The same test on the demeaned panel: y_it - θȳ_i on x_it - θx̄_i, as plm::pbgtest.

    θ = 1 is the within model (covariates without a constant), θ of `random_effects` the random effects model (with its
    constant). Rows are sorted by unit and time. `lags` defaults to the number of periods of the shortest unit. Lags run
    from the end of one unit into the next (`across_units`), which is what plm does and what its numbers mean; False sets
    them to zero there. In short panels demeaning itself makes errors correlate by about -1/(T-1). Source: Wooldridge
    2010, Econometric Analysis of Cross Section and Panel Data, p. 310. Checked against plm (within).

    Raises BadData for duplicates and gaps in a unit's periods (named), NotIdentified for collinear columns.
    """
    y, x = numbers(outcome, "outcome"), matrix(covariates, names)
    codes, labels = groups(unit, "unit")
    when = numbers(time, "time")
    same_length(len(y), {"covariates": x, "unit": codes.astype(np.float64), "time": when})
    order = np.lexsort((when, codes))
    y, x, codes, when = y[order], x[order], codes[order], when[order]
    _refuse_gaps(codes, when, labels)
    y = y - theta * (y - demeaned(y, codes))
    z = x - theta * (x - demeaned(x, codes))
    for name, varies in zip(names, varying(z, x), strict=True):
        if not varies:
            raise NotIdentified(f"“{name}” does not vary within any unit.")
    independent(z, names, whole=x)
    text = (
        "Lags run across the borders of units, as in plm."
        if across_units
        else "Lags stop at the borders of units."
    )
    shortest = int(np.bincount(codes).min())
    notes = (Note("lags_and_units", text),)
    return _test(y, z, shortest if lags is None else lags, form, None if across_units else codes, notes)


def _test(
    y: Floats, x: Floats, lags: int, form: Form, codes: Ints | None, notes: tuple[Note, ...]
) -> SerialTest:
    from scipy import stats

    n, k = x.shape
    if lags < 1 or n - k - lags < 1:
        raise BadData(f"{lags} lags cannot be tested with {n} rows and {k} columns.")
    (e,) = left_over(x, y)
    if np.abs(e).max() <= PART * np.abs(y).max():
        raise NotIdentified("The model fits perfectly: no residuals are left to correlate.")
    lagged = np.zeros((n, lags))
    for lag in range(1, lags + 1):
        lagged[lag:, lag - 1] = e[:-lag]
        if codes is not None:
            lagged[lag:, lag - 1] *= codes[lag:] == codes[:-lag]
    (left,) = left_over(np.hstack([x, lagged]), e)
    full, short = float(left @ left), float(e @ e)
    if form == "F":
        df = n - k - lags
        value = (short - full) / lags / (full / df)
        return SerialTest(value, lags, df, float(stats.f.sf(value, lags, df)), lags, n, notes)
    value = n * (1 - full / short)
    return SerialTest(value, lags, None, float(stats.chi2.sf(value, lags)), lags, n, notes)


def _refuse_gaps(codes: Ints, when: Floats, labels: npt.NDArray[np.object_]) -> None:
    """Neighbouring rows of a unit must be neighbours among all times that occur."""
    place = np.unique(when, return_inverse=True)[1]
    same = codes[1:] == codes[:-1]
    step = np.diff(place)
    for bad, what in ((same & (step == 0), "twice at"), (same & (step > 1), "with a gap after")):
        if bad.any():
            row = int(np.argmax(bad))
            raise BadData(f"“{labels[codes[row]]}” occurs {what} time {printed(when[row], 'g')}.")
