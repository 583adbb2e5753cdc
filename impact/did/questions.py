"""What plans ask of a difference-in-differences: effect, placebo, common shock, triple difference, dose, comparators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from impact.clusters import error_table
from impact.columns import groups, named, numbers, outcome_01
from impact.did.answers import Did, answer
from impact.did.design import Columns, pilots, posts, since_start, treatment
from impact.errors import BadData, NotIdentified

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "against_comparators",
    "by_time_since",
    "common_shock",
    "dose",
    "effect",
    "placebo",
    "triple_difference",
]


def effect(frame: pd.DataFrame, columns: Columns, *, seed: int = 0) -> Did:
    """y = βD + τT + x'γ + site + period effects + error.

    The primary model of the evaluation protocol of Family Valued; without site effects, equation 1 of the Signs of
    Safety evaluation (2020, appendix 10). T (`post`) is left out where period effects absorb it. Weighted where
    `weight` is given. Missing values are refused. Few treated sites or clusters bring notes; nothing else decides
    which of the four errors to believe. For effects that grow see `impact.staggered`. Source: Cameron and Miller
    2015, doi:10.3368/jhr.50.2.317. Checked against pyfixest and, for the four errors, as `impact.clusters`.

    Raises BadData for a site that switches back, a person twice, misspelt columns; NotIdentified for no or only one
    treated site, no comparison, and a treatment that effects or covariates absorb.
    """
    d = treatment(frame, columns)
    return answer("effect", frame, columns, {columns.treated: d}, d, seed=seed)


def by_time_since(frame: pd.DataFrame, columns: Columns, *, first: str, seed: int = 0) -> Did:
    """y = Σ_m β_m D·1[m-th period since the start] + x'γ + site + period effects: effects that grow or fade.

    Terms “exposure 1” (the period of the start), “exposure 2”, …, and their mean, “time-averaged”. Source: evaluation
    protocol of Family Valued, differential time effects. With staggered starts the last exposures rest on the first
    sites alone. Raises as `effect`; NotIdentified where no site is treated for a second period.
    """
    d = treatment(frame, columns)
    since, _ = since_start(frame, columns, first)
    seen = sorted(set(since[d > 0].tolist()))
    if len(seen) < 2:
        raise NotIdentified("No site is treated for more than one period, so effects cannot differ by time.")
    terms = {f"exposure {k + 1}": d * (since == k) for k in seen}
    found = answer("time since the start", frame, replace(columns, post=None), terms, d, seed=seed)
    mean = error_table(
        found.fitted, dict.fromkeys(terms, 1 / len(terms)), n_treated=found.n_treated, seed=seed
    )
    # Notes name the target, which is long here: a sum of all terms.
    notes = tuple(replace(n, text=n.text.replace(mean.crv1.name, "time-averaged")) for n in mean.notes)
    return replace(found, terms={**found.terms, "time-averaged": replace(mean, notes=notes)})


def placebo(frame: pd.DataFrame, columns: Columns, *, first: str, shift: int, seed: int = 0) -> Did:
    """The effect of a start `shift` periods too early, on rows before any true start: it should be nil.

    Rows of a treated site from its `first` period on are left out, and so are comparators' rows once every treated
    site has started. Raises as `effect`, and BadData for a shift below one.
    """
    if shift < 1:
        raise BadData("A placebo start lies at least one period before the true one.")
    since, is_ever = since_start(frame, columns, first)
    when, _ = groups(named(frame, columns.period), columns.period)
    last = when[is_ever & (since < 0)].max(initial=-1)
    keep = np.where(is_ever, since < 0, when <= last)
    early = frame.loc[keep].assign(placebo=(is_ever & (since >= -shift))[keep].astype(float))
    used = replace(columns, treated="placebo", post=None, is_personal=True)
    return replace(effect(early, used, seed=seed), question="placebo")


def common_shock(frame: pd.DataFrame, columns: Columns, *, shock: str, seed: int = 0) -> Did:
    """y = λS + κ(S × pilot) + x'γ + site + period effects, on rows with `post` = 1 alone; κ tests for common shocks.

    S is 0/1 or graded and varies over time; where it is the same everywhere, period effects absorb λ. A κ apart from
    zero says that the shock struck treated sites differently, which breaks the design. Source: evaluation protocol of
    Family Valued, matching on parallel trends. Raises as `effect`, BadData where `post` is not named.
    """
    if columns.post is None:
        raise BadData("The test of common shocks uses rows after the start alone: name the column “post”.")
    after = posts(frame, columns) == 1
    pilot = pilots(frame, columns)[after]
    late = frame.loc[after]
    s = numbers(named(late, shock), shock)
    nuisance, name = {shock: s}, f"{shock} × pilot"
    used = replace(columns, post=None)
    return answer("common shock", late, used, {name: s * pilot}, pilot, nuisance=nuisance, seed=seed)


def triple_difference(frame: pd.DataFrame, columns: Columns, *, by: str, seed: int = 0) -> Did:
    """y = β₄D + β₇D×O + β₃O + β₅P×O + β₆T×O + τT + x'γ + site + period effects; β₇ is how the effect differs by O.

    O is 0/1, of a site in a period (rated good or better, in the Signs of Safety evaluation). P marks treated sites,
    T is `post`; without `post`, O × period effects take the place of T×O. The effect where O = 1 is β₄ + β₇: term
    “treated where O”. Terms that effects absorb, such as O when it never changes within a site, are left out. Raises
    as `effect`.
    """
    d, pilot = treatment(frame, columns), pilots(frame, columns)
    o = outcome_01(named(frame, by), by)
    terms = {columns.treated: d, f"{columns.treated} × {by}": d * o}
    nuisance = {by: o, f"pilot × {by}": pilot * o}
    if columns.post is not None:
        nuisance[f"{columns.post} × {by}"] = posts(frame, columns) * o
    else:
        when, dates = groups(named(frame, columns.period), columns.period)
        nuisance |= {f"{date} × {by}": (when == place) * o for place, date in enumerate(dates) if place}
    found = answer("triple difference", frame, columns, terms, d, nuisance=nuisance, seed=seed)
    both = error_table(
        found.fitted,
        {columns.treated: 1.0, f"{columns.treated} × {by}": 1.0},
        n_treated=found.n_treated,
        seed=seed,
    )
    return replace(found, terms={**found.terms, f"{columns.treated} where {by}": both})


def dose(frame: pd.DataFrame, columns: Columns, *, score: str, seed: int = 0) -> Did:
    """y = β(E/max E)·D + τT + x'γ + site + period effects: the effect at the best delivery seen.

    `score` is zero or more, of a site or of a site in a phase; it counts where D = 1 alone, and may be missing
    elsewhere. β is the effect of the highest score against none, if effects are proportional to it; a site at half
    that score is taken to have half the effect. Source: Signs of Safety evaluation (2020), appendix 10
    (embeddedness). Raises as `effect`, BadData for scores missing or negative under treatment.
    """
    d = treatment(frame, columns)
    values = np.asarray(named(frame, score), dtype=np.float64)
    under = numbers(values[d > 0], score)
    if under.min() < 0 or under.max() <= 0:
        raise BadData(f"“{score}” must be zero or more, and above zero somewhere, under treatment.")
    scaled = np.where(d > 0, np.nan_to_num(values) / under.max(), 0.0) * d
    return answer("dose", frame, columns, {f"{score} × {columns.treated}": scaled}, d, seed=seed)


def against_comparators(frame: pd.DataFrame, columns: Columns, *, kind: str, seed: int = 0) -> Did:
    """y = τT + Σ_k β_k(kind = k)·T + x'γ + site + period effects, treated sites the base; the effect against k is -β_k.

    `kind` labels each comparator (in the Signs of Safety evaluation: a similar practice model, or none); labels of
    treated sites are not used. Terms are “against k”, with the sign turned. Needs `post`. Raises as `effect`, BadData
    for one kind only.
    """
    if columns.post is None:
        raise BadData("Comparing with kinds of comparators needs the column “post”.")
    pilot, kinds = pilots(frame, columns), named(frame, kind)
    if (unknown := (pilot == 0) & kinds.isna().to_numpy()).any():
        raise BadData(f"“{kind}” is missing for a comparator in row {int(np.argmax(unknown)) + 1}.")
    labels = np.where(pilot == 1, "", np.asarray(kinds.astype(str)))
    found = sorted(set(labels.tolist()) - {""})
    if len(found) < 2:
        raise BadData(f"“{kind}” has one value only among comparators: use `effect`.")
    post = posts(frame, columns)
    terms = {f"against {k}": -((labels == k) * post) for k in found}
    return answer("kinds of comparators", frame, columns, terms, pilot, seed=seed)
