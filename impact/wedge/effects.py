"""The effect of a stepped wedge: at once, by time since the start, and by readiness; log-odds or units, and always in points."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from impact.columns import Floats
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, normal
from impact.glmm import LogitFit, average_effect, random_intercept_logit
from impact.icc import latent_icc
from impact.mixed import MixedFit, linear_mixed
from impact.wedge.design import Wedge, base_columns

__all__ = ["LikelihoodRatio", "WedgeEffect", "by_exposure", "by_readiness", "immediate"]

Model = Literal["logit", "linear"]
Fit = LogitFit | MixedFit


@dataclass(frozen=True)
class LikelihoodRatio:
    """Twice the difference of log-likelihoods (by ML), chi-squared on `df`; refers to few clusters like every other p here."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True)
class WedgeEffect:
    """`effects` are on the scale of the model (log-odds or units of the outcome), `points` the same in the same order as average
    marginal effects: percentage points for a 0/1 outcome, else units of the outcome, as `unit` says. `icc` of a logit is on
    the latent scale. `exposure_test` compares one effect with effects that differ by time since the start."""

    model: Model
    question: str
    effects: tuple[Estimate, ...]
    points: tuple[Estimate, ...]
    unit: str
    coefficients: tuple[Estimate, ...]
    sd_cluster: float
    sd_person: float | None
    icc: float
    log_likelihood: float
    exposure_test: LikelihoodRatio | None
    n_rows: int
    n_treated: int
    n_clusters: int
    n_periods: int
    notes: tuple[Note, ...]


def immediate(
    wedge: Wedge,
    *,
    model: Model = "logit",
    nodes: int = 1,
    method: Literal["reml", "ml"] = "reml",
    level: float = 0.95,
) -> WedgeEffect:
    """link(E y) = b₀ + u_cluster + b·treated + period effects + covariates: the protocol's primary model.

    `nodes` belongs to the logit, `method` to the linear model, which also has a random intercept for each person where the rows
    name persons. Tests are Wald z. Missing data: none allowed; no weights. Raises BadData for a logit of an outcome that is
    not 0/1, and what `random_intercept_logit` and `linear_mixed` raise. Source: Hussey & Hughes, Contemp. Clin. Trials 28 (2007)
    182-191. Checked against lme4 on the data of R steppedwedge. Misleads where effects grow with time: see `by_exposure`.
    """
    x, names = base_columns(wedge)
    fit = _fit(wedge, np.column_stack([x, wedge.treated]), [*names, "treated"], model, nodes, method, level)
    effect = _Effect(fit, wedge, np.column_stack([x, wedge.treated]), ["treated"])
    return _answer(wedge, fit, model, "immediate", [effect("treated", {"treated": 1.0})])


def by_exposure(
    wedge: Wedge,
    *,
    model: Model = "logit",
    nodes: int = 1,
    method: Literal["reml", "ml"] = "reml",
    level: float = 0.95,
) -> WedgeEffect:
    """One effect for each period since the start, and their mean over periods (time-averaged treatment effect, the last one).

    The protocol's equation holds the treatment beside all its exposure dummies, which sum to it; the treatment is left out. In
    points, the time-averaged effect is that of the mean log-odds. Raises as `immediate`, and NotIdentified with one exposure.
    Source: Kenny, Voldal, Xia, Heagerty & Hughes, Stat. Med. 41 (2022) 4311-4339, doi 10.1002/sim.9511. Checked against lme4.
    """
    last = int(wedge.exposure.max())
    if last < 2:
        raise NotIdentified(
            "No cluster is treated for more than one period, so effects cannot differ by time since the start."
        )
    x, names = base_columns(wedge)
    present = [s for s in range(1, last + 1) if (wedge.exposure == s).any()]
    own = [f"exposure {s}" for s in present]
    columns = np.column_stack([x, *(wedge.exposure == s for s in present)]).astype(float)
    fit = _fit(wedge, columns, [*names, *own], model, nodes, method, level)
    effect = _Effect(fit, wedge, columns, own)
    found = [effect(name, {name: 1.0}) for name in own]
    found.append(effect("time-averaged", dict.fromkeys(own, 1 / len(own))))
    simple = np.column_stack([x, wedge.treated])
    is_likelihood = model == "logit" or method == "ml"  # REML likelihoods of different columns do not compare
    long = fit if is_likelihood else _fit(wedge, columns, [*names, *own], model, nodes, "ml", level)
    short = _fit(wedge, simple, [*names, "treated"], model, nodes, "ml", level)
    test = _ratio(long.log_likelihood, short.log_likelihood, len(own) - 1)
    return _answer(wedge, fit, model, "time since the start", found, test, _exposure_notes(wedge, present))


def by_readiness(
    wedge: Wedge,
    high: Collection[object],
    *,
    model: Model = "logit",
    nodes: int = 1,
    method: Literal["reml", "ml"] = "reml",
    level: float = 0.95,
) -> WedgeEffect:
    """Effects in clusters of low and of high readiness, and their difference (the interaction), in this order.

    link(E y) = b₀ + u + b₁·treated + b₂·high + b₃·high·treated + periods + covariates. In points, each effect is averaged over
    the rows of its own clusters. `high` names the clusters of high readiness. Raises BadData where it names an unknown cluster,
    all or none; NotIdentified where the periods do not tell the two effects apart. Source: the protocol's exploratory analysis.
    """
    strangers = sorted(str(label) for label in high if label not in wedge.clusters)
    if strangers:
        raise BadData(f"“{strangers[0]}” is not a cluster of the data.")
    is_high = np.array([label in high for label in wedge.clusters])[wedge.cluster]
    if is_high.all() or not is_high.any():
        raise BadData("Some clusters must be of high readiness and some of low.")
    x, names = base_columns(wedge)
    columns = np.column_stack([x, is_high, wedge.treated, is_high * wedge.treated]).astype(float)
    own = ["treated", "high readiness × treated"]
    fit = _fit(wedge, columns, [*names, "high readiness", *own], model, nodes, method, level)
    effect = _Effect(fit, wedge, columns, own)
    low, both = {own[0]: 1.0}, {own[0]: 1.0, own[1]: 1.0}
    found = [
        effect("low readiness", low, rows=~is_high),
        effect("high readiness", both, rows=is_high),
        effect("difference, high less low", {own[1]: 1.0}, rows=is_high, against=(low, ~is_high), full=both),
    ]
    counts = [len(set(high)), len(wedge.clusters) - len(set(high))]
    text = (
        f"Exploratory: the comparison rests on {counts[0]} clusters of high and {counts[1]} of low readiness."
    )
    return _answer(wedge, fit, model, "readiness", found, None, [Note("readiness_exploratory", text)])


def _fit(
    wedge: Wedge,
    x: Floats,
    names: Sequence[str],
    model: Model,
    nodes: int,
    method: Literal["reml", "ml"],
    level: float,
) -> Fit:
    if model == "logit":
        if not wedge.is_binary:
            raise BadData("A logit needs an outcome of 0 and 1; take the linear model.")
        if wedge.person is not None:
            raise BadData(
                "The logit has no random intercept for persons; take the linear model or one row for each person."
            )
        return random_intercept_logit(wedge.outcome, x, wedge.cluster, names=names, nodes=nodes, level=level)
    if model != "linear":
        raise BadData(f"The model must be “logit” or “linear”, not “{model}”.")
    return linear_mixed(
        wedge.outcome, x, wedge.cluster, names=names, person=wedge.person, method=method, level=level
    )


class _Effect:
    """Effects of one fit, each on the scale of the model and in points; `own` are the columns that treatment sets."""

    def __init__(self, fit: Fit, wedge: Wedge, x: Floats, own: Sequence[str]) -> None:
        self.fit, self.wedge = fit, wedge
        self.own = [fit.names.index(name) for name in own]
        self.without = x.copy()
        self.without[:, self.own] = 0.0

    def treat(self, parts: dict[str, float]) -> Floats:
        x = self.without.copy()
        for name, part in parts.items():
            x[:, self.fit.names.index(name)] = part
        return x

    def __call__(
        self,
        name: str,
        parts: dict[str, float],
        *,
        rows: Floats | None = None,
        against: tuple[dict[str, float], Floats] | None = None,
        full: dict[str, float] | None = None,
    ) -> tuple[Estimate, Estimate]:
        """`parts` make the effect on the scale of the model. Where `against` is given, the effect in points is that of
        `full` in `rows`, less that of the first part of `against` in its rows."""
        effect = self.fit.contrast(name, parts)
        if isinstance(self.fit, MixedFit):
            scale = 100.0 if self.wedge.is_binary else 1.0
            return effect, normal(name, scale * effect.value, scale * effect.std_error, level=effect.level)
        w = np.ones(len(self.without)) if rows is None else rows.astype(float)
        x = self.treat(full or parts)
        if against is None:
            return effect, average_effect(self.fit, x, self.without, name=name, row_weights=w)
        other = against[1].astype(float)
        x = np.where(against[1][:, None], self.treat(against[0]), x)
        return effect, average_effect(self.fit, x, self.without, name=name, row_weights=w, against=other)


def _answer(
    wedge: Wedge,
    fit: Fit,
    model: Model,
    question: str,
    found: Sequence[tuple[Estimate, Estimate]],
    test: LikelihoodRatio | None = None,
    notes: Sequence[Note] = (),
) -> WedgeEffect:
    is_logit = isinstance(fit, LogitFit)
    return WedgeEffect(
        model=model,
        question=question,
        effects=tuple(effect for effect, _ in found),
        points=tuple(points for _, points in found),
        unit="percentage points" if wedge.is_binary else "units of the outcome",
        coefficients=fit.estimates,
        sd_cluster=fit.sd if isinstance(fit, LogitFit) else fit.sd_cluster,
        sd_person=None if isinstance(fit, LogitFit) else fit.sd_person,
        icc=latent_icc(fit.sd) if isinstance(fit, LogitFit) else fit.icc,
        log_likelihood=fit.log_likelihood,
        exposure_test=test,
        n_rows=fit.n_rows,
        n_treated=int(wedge.treated.sum()),
        n_clusters=fit.n_clusters,
        n_periods=len(wedge.periods),
        notes=(*fit.notes, *wedge.notes, *notes, *(_scale_notes(wedge) if not is_logit else ())),
    )


def _ratio(long: float, short: float, df: int) -> LikelihoodRatio:
    from scipy import stats  # costs half of `import numpy`, and is wanted only here

    statistic = max(0.0, 2 * (long - short))
    return LikelihoodRatio(statistic, df, float(stats.chi2.sf(statistic, df)))


def _exposure_notes(wedge: Wedge, present: Sequence[int]) -> list[Note]:
    alone = [s for s in present if len(set(wedge.cluster[wedge.exposure == s].tolist())) == 1]
    text = "The treatment itself is left out, since its exposure dummies sum to it; the last effect is their mean."
    notes = [Note("exposure_replaces_treatment", text)]
    if alone:
        text = f"Only one cluster reaches exposure {', '.join(map(str, alone))}: there its own course and the effect are one."
        notes.append(Note("exposure_of_one_cluster", text))
    return notes


def _scale_notes(wedge: Wedge) -> tuple[Note, ...]:
    if not wedge.is_binary:
        return ()
    return (
        Note(
            "linear_probability",
            "A linear model of a 0/1 outcome: its coefficient times 100 is the effect in points.",
        ),
    )
