"""Proportional odds: a logit model of an outcome with ordered categories."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import (
    Floats,
    Ints,
    clustered,
    groups,
    matrix,
    same_length,
    weights,
)
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, wald
from impact.information import Top, climb, independent, inverted, orthonormal, standard_errors, standardised
from impact.separation import listed, separating

__all__ = ["Ordinal", "ordinal_logit"]


@dataclass(frozen=True)
class Ordinal:
    """Log odds ratios of a higher category, and the thresholds between neighbouring categories."""

    coefficients: tuple[Estimate, ...]
    thresholds: tuple[Estimate, ...]
    categories: tuple[str, ...]
    covariance: Floats  # of the thresholds and the coefficients, in that order
    log_likelihood: float
    deviance: float
    notes: tuple[Note, ...]


def ordinal_logit(
    outcome: npt.ArrayLike,
    covariates: npt.ArrayLike,
    names: Sequence[str],
    *,
    order: Sequence[object] | None = None,
    frequencies: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Ordinal:
    """P(y ≤ j) = 1 / (1 + exp(-(θ_j - xβ))), by Newton's method; the likelihood is concave.

    Source: McCullagh (1980), JRSS B 42:109, doi:10.1111/j.2517-6161.1980.tb01109.x. Checked against R `MASS::polr` and
    statsmodels 0.15 `OrderedModel`, which stops about 5e-5 short of the maximum.

    `outcome` has shape (n,), `covariates` (n, k) without a constant; missing values raise BadData. Numbers are ordered by
    size; for words `order` is required, because the alphabet is no order. A level of `order` that no row has is left out
    with a note. `frequencies` (n,) count identical rows. `cluster` gives a sandwich times G/(G - 1) and t on G - 1. Raises
    NotIdentified for one category, collinear columns, and a covariate that predicts perfectly: separation, told by the
    linear programme of `impact.separation` from the rows of both edges of each category.
    """
    codes, categories, notes = _ordered(outcome, order)
    x = matrix(covariates, names)
    same_length(len(codes), {name: x[:, place] for place, name in enumerate(names)})
    count = weights(frequencies, len(codes), "frequencies")
    design = np.column_stack([np.ones(len(codes)), x])
    independent(design, ["constant", *names])
    scaled, back = standardised(design)
    turned, turn = orthonormal(scaled[:, 1:], count)
    upper, lower = _edges(codes, len(categories), turned)
    top = _top(upper, lower, codes, count, lambda _: _no_runaway(codes, scaled[:, 1:], names))
    p = top.p
    inner = inverse = inverted(top.information)
    cuts = len(categories) - 1
    to_units = np.eye(len(p))
    to_units[:cuts, cuts:] = -back[0, 1:] @ turn
    to_units[cuts:, cuts:] = back[1:, 1:] @ turn
    df: float | None = None
    if cluster is None:
        notes += (Note("rows_independent", "Standard errors treat the rows as independent of each other."),)
    else:
        middle, df, more = clustered(top.scores, cluster)
        inner, notes = inverse @ middle @ inverse, notes + more
    covariance = to_units @ inner @ to_units.T
    labels = [*(f"{a} | {b}" for a, b in itertools.pairwise(categories)), *names]
    found = zip(labels, to_units @ p, standard_errors(to_units, inner, inverse), strict=True)
    estimates = [wald(*each, df, level=level) for each in found]
    assumption = Note("proportional_odds", "Each covariate is assumed to act alike at every threshold.")
    return Ordinal(
        tuple(estimates[cuts:]),
        tuple(estimates[:cuts]),
        categories,
        covariance,
        top.value,
        -2 * top.value,
        (*notes, assumption),
    )


def _ordered(
    outcome: npt.ArrayLike, order: Sequence[object] | None
) -> tuple[Ints, tuple[str, ...], tuple[Note, ...]]:
    codes, labels = groups(outcome, "outcome")
    notes: tuple[Note, ...] = ()
    if order is None:
        if not all(isinstance(label, int | float) and np.isfinite(label) for label in labels.tolist()):
            raise BadData("Give the order of the categories: words have none, and numbers must be finite.")
    else:
        places = {label: place for place, label in enumerate(order)}
        if len(places) != len(order):
            raise BadData("“order” names a category twice.")
        for label in labels.tolist():
            if label not in places:
                near = difflib.get_close_matches(str(label), [str(o) for o in order], n=1)
                raise BadData(
                    f"“order” lacks the category “{label}”." + (f" Did you mean “{near[0]}”?" if near else "")
                )
        absent = [str(label) for label in order if label not in set(labels.tolist())]
        if absent:
            notes = (Note("categories_without_rows", f"No row has {', '.join(absent)}, so it was left out."),)
        rank = np.argsort(np.argsort([places[label] for label in labels.tolist()]))
        labels = labels[np.argsort(rank)]
        codes = rank[codes].astype(np.int64)
    if len(labels) < 2:
        raise NotIdentified("The outcome has one category only.")
    return codes, tuple(str(label) for label in labels.tolist()), notes


def _edges(codes: Ints, n_categories: int, z: Floats) -> tuple[Floats, Floats]:
    """Rows u and l with θ_y - xβ = u·p and θ_(y-1) - xβ = l·p, for p = (θ, β); the outermost are not used."""
    places = np.eye(n_categories - 1)
    upper = np.column_stack([places[np.minimum(codes, n_categories - 2)], -z])
    lower = np.column_stack([places[np.maximum(codes - 1, 0)], -z])
    return upper, lower


def _derivatives(
    p: Floats, upper: Floats, lower: Floats, codes: Ints, count: Floats, n_categories: int
) -> tuple[float, Floats, Floats]:
    """Log-likelihood, its gradient by row and its Hessian; minus infinity where thresholds are out of order."""
    from scipy.special import expit  # keeps `import impact.ordinal` light

    b = np.where(codes == n_categories - 1, np.inf, upper @ p)
    a = np.where(codes == 0, -np.inf, lower @ p)
    # From the nearer tail, so that a small probability keeps its digits.
    share = np.where(a > 0, expit(-a) - expit(-b), expit(b) - expit(a))
    if not (share > 0).all():
        return -np.inf, np.empty(0), np.empty(0)
    at_b, at_a = expit(b) * expit(-b), expit(a) * expit(-a)
    scores = (at_b / share)[:, None] * upper - (at_a / share)[:, None] * lower
    bend_b, bend_a = at_b * (1 - 2 * expit(b)) / share, at_a * (1 - 2 * expit(a)) / share
    hessian = (
        upper.T @ (upper * (count * bend_b)[:, None])
        - lower.T @ (lower * (count * bend_a)[:, None])
        - scores.T @ (scores * count[:, None])
    )
    return float(count @ np.log(share)), scores * count[:, None], hessian


def _top(upper: Floats, lower: Floats, codes: Ints, count: Floats, refuse: Callable[[Floats], None]) -> Top:
    n_categories = int(codes.max()) + 1
    below = np.cumsum(np.bincount(codes, count))[:-1] / count.sum()
    start = np.zeros(upper.shape[1])
    start[: n_categories - 1] = np.log(below / (1 - below))

    def reach(step: Floats) -> float:
        return float(max(np.abs(upper @ step).max(), np.abs(lower @ step).max()))

    return climb(
        lambda p: _derivatives(p, upper, lower, codes, count, n_categories), start, reach, refuse=refuse
    )


def _no_runaway(codes: Ints, z: Floats, names: Sequence[str]) -> None:
    """Each category but the last likes its upper edge to rise, each but the first its lower edge to fall."""
    n_categories = int(codes.max()) + 1
    upper, lower = _edges(codes, n_categories, z)
    edges = [f"θ{place}" for place in range(n_categories - 1)]
    rising = np.vstack([upper[codes < n_categories - 1], -lower[codes > 0]])
    # Thresholds run away with a covariate, never alone: every category has rows.
    found = separating(rising, [*edges, *names], mute=range(len(edges)))
    if found:
        raise NotIdentified(
            f"The category is predicted perfectly for some rows by {listed(found)}: no finite estimate exists."
        )
