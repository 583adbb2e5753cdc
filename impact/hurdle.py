"""Two parts of a count with many zeros: whether there is any, by a logit, and how many, by a count cut off at zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import (
    Floats,
    Ints,
    clustered,
    groups,
    matrix,
    numbers,
    same_length,
)
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, wald
from impact.information import (
    Likelihood,
    climb,
    independent,
    inverted,
    orthonormal,
    standard_errors,
    standardised,
    undetermined,
)
from impact.separation import constants, listed, separating

__all__ = ["Hurdle", "hurdle"]


@dataclass(frozen=True)
class Hurdle:
    """`zero` is the log odds of any; `count` the log mean before the cut at zero. The constant comes first in both.

    `theta` is the size of the negative binomial, var = μ + μ²/θ; None for Poisson. `average_effect` is the mean difference
    in the expected count between 1 and 0 of the covariate asked for.
    """

    zero: tuple[Estimate, ...]
    count: tuple[Estimate, ...]
    theta: float | None
    log_theta: Estimate | None
    average_effect: Estimate | None
    log_likelihood: float
    n_zero: int
    n_positive: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class _Part:
    """On standardised columns, so that an offset of a covariate costs no digits; the log of theta last."""

    p: Floats
    covariance: Floats
    inverse: Floats  # of the information
    log_likelihood: float
    df: float | None
    notes: tuple[Note, ...]

    def estimates(
        self, labels: list[str], back: Floats, df: float | None, level: float
    ) -> tuple[Estimate, ...]:
        k = len(labels)
        errors = standard_errors(back, self.covariance[:k, :k], self.inverse[:k, :k])
        found = zip(labels, back @ self.p[:k], errors, strict=True)
        return tuple(wald(*each, df, level=level) for each in found)


# Of log θ: beyond it a negative binomial cannot be told from its limit, and θ itself runs away.
HIGHEST_LOG_THETA = 12.0
# A step moves no log odds and no log mean by more than this, so that exp stays a number.
LEAP = 5.0


def hurdle(
    outcome: npt.ArrayLike,
    covariates: npt.ArrayLike,
    names: Sequence[str],
    *,
    distribution: Literal["poisson", "negbin"] = "poisson",
    effect_of: str | None = None,
    cluster: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Hurdle:
    """P(y > 0) by a logit; y given y > 0 by a zero-truncated Poisson or negative binomial (NB2) with a log link.

    Source: Mullahy (1986), Journal of Econometrics 33:341, doi:10.1016/0304-4076(86)90002-3. Newton's method with exact
    gradients. Checked against R `pscl::hurdle` and statsmodels 0.15 `TruncatedLFPoisson` with `method="newton"`, whose
    default stops 12 short in log-likelihood and only warns; its `HurdleCountModel` has no logit part.

    `outcome` has shape (n,): whole numbers from 0; `covariates` (n, k) without a constant enter both parts. Missing values
    raise BadData; there are no weights. `effect_of` names a 0/1 covariate. `cluster` gives a sandwich times G/(G - 1) and t
    on G - 1, without covariance between the parts; without it rows are independent, and a note says so. Raises
    NotIdentified where no row or every row is zero, every positive count is 1, columns are collinear in a
    part, a covariate predicts perfectly, or the counts are too even for a negative binomial.
    """
    y, x = _counts(outcome), matrix(covariates, names)
    same_length(len(y), {name: x[:, place] for place, name in enumerate(names)})
    if distribution not in ("poisson", "negbin"):
        raise BadData(f"The distribution is “poisson” or “negbin”, not “{distribution}”.")
    labels, positive = ["constant", *names], y > 0
    design = np.column_stack([np.ones(len(y)), x])
    independent(design, labels)
    z, back = standardised(design)
    codes = None if cluster is None else groups(cluster, "cluster")[0]
    if codes is not None:
        same_length(len(y), {"cluster": codes.astype(float)})
    zero = _fitted("zero", positive.astype(float), z, labels, codes)
    independent(design[positive], labels)
    count = _fitted(
        distribution, y[positive], z[positive], labels, None if codes is None else codes[positive]
    )
    df = None if zero.df is None or count.df is None else min(zero.df, count.df)
    log_theta = effect = None
    if distribution == "negbin":
        last = np.eye(len(count.p))[-1:]
        (error,) = standard_errors(last, count.covariance, count.inverse)
        log_theta = wald("log theta", count.p[-1], error, df, level=level)
    if effect_of is not None:
        levels = _levels(design, labels, effect_of, back)
        found = _average_effect(z, labels.index(effect_of), levels, zero, count)
        effect = wald(effect_of, *found, df, level=level)
    return Hurdle(
        zero.estimates(labels, back, df, level),
        count.estimates(labels, back, df, level),
        None if log_theta is None else float(np.exp(log_theta.value)),
        log_theta,
        effect,
        zero.log_likelihood + count.log_likelihood,
        int((~positive).sum()),
        int(positive.sum()),
        tuple(dict.fromkeys((*zero.notes, *count.notes))),
    )


def _counts(outcome: npt.ArrayLike) -> Floats:
    y = numbers(outcome, "outcome")
    bad = (y < 0) | (y != np.floor(y))
    if bad.any():
        row = int(np.argmax(bad))
        raise BadData(f"The outcome must be a count; row {row + 1} holds {printed(y[row], 'g')}.")
    if not (y > 0).any() or (y > 0).all():
        which = "Every row is zero" if not (y > 0).any() else "No row is zero"
        raise NotIdentified(f"{which}, so a hurdle model has only one part.")
    if y.max() == 1:
        raise NotIdentified("Every count above zero is 1, so only the logit part can be estimated.")
    return y


def _fitted(kind: str, y: Floats, z: Floats, labels: list[str], codes: Ints | None) -> _Part:
    """One part, climbed in orthonormal columns and given back on those of `z`."""
    k = z.shape[1]
    q, turn = orthonormal(z)

    def reach(step: Floats) -> float:
        return float(max(np.abs(q @ step[:k]).max(), np.abs(step[k:]).max(initial=0.0)))

    likelihood, p = _logit(y, q), np.zeros(k)
    if kind != "zero":
        likelihood = _poisson(y, q)
        p = np.linalg.solve(turn, np.append(np.log(max(y.mean() - 1, 0.01)), np.zeros(k - 1)))
    top = climb(likelihood, p, reach, leap=LEAP, refuse=lambda _: _refuse_runaway(kind, y, z, labels))
    if kind == "negbin":
        top = climb(_negbin(y, q), np.append(top.p, 0.0), reach, leap=LEAP, refuse=_refuse_even_counts)
        _refuse_even_counts(top.p)
        if undetermined(top.information) is not None:
            raise NotIdentified("The likelihood has no maximum that the search could confirm.")
    whole = np.eye(len(top.p))
    whole[:k, :k] = turn
    inner = inverse = inverted(top.information)
    df: float | None = None
    notes: tuple[Note, ...] = (
        Note("rows_independent", "Standard errors treat the rows as independent of each other."),
    )
    if codes is not None:
        middle, df, notes = clustered(top.scores, codes)
        inner = inverse @ middle @ inverse
    covariance, own = (whole @ each @ whole.T for each in (inner, inverse))
    return _Part(whole @ top.p, covariance, own, top.value, df, notes)


def _refuse_even_counts(p: Floats) -> None:
    if abs(p[-1]) > HIGHEST_LOG_THETA:
        raise NotIdentified("The counts do not show the spread of a negative binomial; use “poisson”.")


def _refuse_runaway(kind: str, y: Floats, z: Floats, labels: list[str]) -> None:
    """For the logit by its signed rows. A count of 1 likes its mean to fall without end; one above 1 has the best mean."""
    is_logit = kind == "zero"
    rising, level = (z * (2 * y - 1)[:, None], None) if is_logit else (-z[y == 1], z[y > 1])
    found = separating(rising, labels, level=level, mute=constants(z))
    if found:
        part = "Whether a count is above 0" if is_logit else "Whether a count above 0 is above 1"
        raise NotIdentified(
            f"{part} is predicted perfectly for some rows by {listed(found)}: no finite estimate exists."
        )


def _logit(y: Floats, z: Floats) -> Likelihood:
    from scipy.special import expit  # keeps `import impact.hurdle` light

    def at(p: Floats) -> tuple[float, Floats, Floats]:
        eta = z @ p
        share, other = expit(eta), expit(-eta)
        value = float(y @ eta - np.logaddexp(0, eta).sum())
        # From the nearer tail, so that a small residual keeps its digits.
        return value, z * np.where(y == 1, other, -share)[:, None], -z.T @ (z * (share * other)[:, None])

    return at


def _poisson(y: Floats, z: Floats) -> Likelihood:
    from scipy.special import gammaln  # keeps `import impact.hurdle` light

    constant = float(gammaln(y + 1).sum())

    def at(p: Floats) -> tuple[float, Floats, Floats]:
        eta = np.clip(z @ p, -30, 30)
        mu = np.exp(eta)
        above = -np.expm1(-mu)
        mean = mu / above
        # Near zero 1 + μ - mean loses its digits; two terms of its series do not.
        spread = np.where(mu < 1e-4, mu / 2 + mu**2 / 6, mean * (1 + mu - mean))
        value = float(y @ eta - mu.sum() - np.log(above).sum()) - constant
        return value, z * (y - mean)[:, None], -z.T @ (z * spread[:, None])

    return at


def _negbin(y: Floats, z: Floats) -> Likelihood:
    from scipy.special import digamma, gammaln  # keeps `import impact.hurdle` light

    def scores(p: Floats) -> tuple[float, Floats]:
        theta, eta = float(np.exp(p[-1])), np.clip(z @ p[:-1], -30, 30)
        mu = np.exp(eta)
        shrink = -np.log1p(mu / theta)  # log of θ / (θ + μ)
        none = np.exp(theta * shrink)
        odds = none / -np.expm1(theta * shrink)
        likelihood = gammaln(y + theta) - gammaln(theta) - gammaln(y + 1) + theta * shrink
        likelihood += y * (eta + shrink - np.log(theta)) - np.log(-np.expm1(theta * shrink))
        by_eta = (y - mu - odds * mu) * theta / (theta + mu)
        by_theta = digamma(y + theta) - digamma(theta) + shrink + 1 - (theta + y) / (theta + mu)
        by_theta += odds * (shrink + mu / (theta + mu))
        return float(likelihood.sum()), np.column_stack([z * by_eta[:, None], by_theta * theta])

    def at(p: Floats) -> tuple[float, Floats, Floats]:
        if (
            abs(p[-1]) > HIGHEST_LOG_THETA + 1
        ):  # not far beyond, where differences of gamma functions lose their digits
            return -np.inf, np.empty(0), np.empty(0)
        value, by_row = scores(p)
        steps = np.eye(len(p)) * 1e-5
        hessian = np.array(
            [(scores(p + s)[1].sum(axis=0) - scores(p - s)[1].sum(axis=0)) / 2e-5 for s in steps]
        )
        return value, by_row, (hessian + hessian.T) / 2

    return at


def _levels(design: Floats, labels: list[str], name: str, back: Floats) -> tuple[float, float]:
    """What 0 and 1 of a covariate are on its standardised column."""
    if name not in labels[1:]:
        raise BadData(f"There is no covariate “{name}” to give the effect of.")
    place = labels.index(name)
    if not np.isin(design[:, place], (0.0, 1.0)).all():
        raise BadData(f"“{name}” must be 0 or 1 for an average effect.")
    return float(back[0, place]), float(back[0, place] + back[place, place])


def _average_effect(
    z: Floats, place: int, levels: tuple[float, float], zero: _Part, count: _Part
) -> tuple[float, float]:
    """Mean over rows of E(y) with the covariate at 1 less E(y) with it at 0, and its delta-method standard error."""
    from scipy.special import expit  # keeps `import impact.hurdle` light

    k = z.shape[1]

    def difference(p: Floats) -> float:
        means = []
        for level in levels:
            x = z.copy()
            x[:, place] = level
            mu = np.exp(x @ p[k : 2 * k])
            none = np.exp(-mu) if len(p) == 2 * k else (1 + mu * np.exp(-p[-1])) ** -np.exp(p[-1])
            means.append(float((expit(x @ p[:k]) * mu / (1 - none)).mean()))
        return means[1] - means[0]

    p = np.concatenate([zero.p, count.p])
    covariance, inverse = np.zeros((2, len(p), len(p)))
    covariance[:k, :k], covariance[k:, k:] = zero.covariance, count.covariance
    inverse[:k, :k], inverse[k:, k:] = zero.inverse, count.inverse
    steps = np.diag(1e-4 * np.sqrt(np.diag(inverse)))
    slopes = np.array([(difference(p + s) - difference(p - s)) / (2 * s.max()) for s in steps])
    return difference(p), float(standard_errors(slopes[None], covariance, inverse)[0])
