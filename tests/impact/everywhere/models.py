"""Regressions: each on plain data, on columns that nearly say the same, and on columns that count from far off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from impact.anova import kruskal_wallis, mann_whitney, one_way, printed_f, t_scores, tukey, two_way
from impact.censored import tobit
from impact.clusters import (
    ClusterSums,
    cr2,
    crv1,
    cv3,
    demeaned,
    error_table,
    fit,
    joint,
    small_sample_notes,
    wild_bootstrap,
)
from impact.columns import clustered, groups, matrix
from impact.complier import complier_effect
from impact.glmm import average_effect, collapse, random_intercept_logit
from impact.hurdle import hurdle
from impact.icc import anova_icc, anova_icc_of_counts, latent_icc, latent_sd
from impact.information import independent, standardised
from impact.logits import average_difference, average_effects, conditional_logit, logit
from impact.mixed import linear_mixed
from impact.ordinal import ordinal_logit
from impact.panels import (
    between,
    cell_means,
    feasible_gls,
    fixed_effects,
    hausman,
    random_effects,
    within,
)
from impact.serial import breusch_godfrey, panel_breusch_godfrey
from tests.impact.everywhere import data
from tests.impact.everywhere.data import HARD, SCALES, TWINS
from tests.impact.everywhere.registry import case

Frame = pd.DataFrame
APART = {"apart": data.apart}
THREE = ("x", "z", "w")


def with_ones(frame: Frame, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """The design of a model that wants its own column of ones."""
    return np.column_stack([np.ones(len(frame)), frame[names]]), ["constant", *names]


def keyed(frame: Frame, values: np.ndarray, key: str = "id") -> dict[str, float]:
    """A few values by row, under the row's own name."""
    order = np.argsort(frame[key].to_numpy(), kind="stable")[:: max(1, len(frame) // 25)]
    return {str(frame[key].iloc[i]): float(values[i]) for i in order}


@case(data.people, covariates=THREE, is_searched=True, hard=HARD | APART, refused=(*TWINS, "apart"))
def ordinal(frame: Frame, names: list[str]) -> Any:
    return ordinal_logit(frame["grade"], frame[names], names, cluster=frame["site"])


@case(data.people, covariates=THREE, is_searched=True)
def ordinal_of_frequencies(frame: Frame, names: list[str]) -> Any:
    words = np.array(["none", "little", "some", "much"])[frame["grade"]]
    order = ["none", "little", "some", "much"]
    return ordinal_logit(words, frame[names], names, order=order, frequencies=frame["weight"])


@case(data.people, covariates=THREE, is_searched=True, hard=HARD | APART, refused=(*TWINS, "apart"))
def logits(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    fitted = logit(frame["e"], design, columns, clusters=frame["site"])
    on, off = design.copy(), design.copy()
    place = columns.index("w")
    on[:, place], off[:, place] = 1.0, 0.0
    treated = frame["treated"].to_numpy() == 1
    return {
        "fit": fitted,
        "effects": average_effects(fitted, names, discrete=["w"], among=treated),
        "difference": average_difference(fitted, on, off, name="w", among=treated),
    }


@case(data.people, covariates=THREE, is_searched=True)
def logits_with_weights(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    return logit(frame["e"], design, columns, weight=frame["weight"])


@case(data.people, covariates=THREE, is_searched=True, hard=HARD | APART, refused=(*TWINS, "apart"))
def conditional(frame: Frame, names: list[str]) -> Any:
    strata = frame["site"] + frame["stratum"].astype(str)
    return conditional_logit(frame["e"], frame[names], names, strata, clusters=frame["site"])


@case(data.people, covariates=THREE, is_searched=True, hard=HARD | APART, refused=(*TWINS, "apart"))
def random_intercepts(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    fitted = random_intercept_logit(frame["e"], design, frame["site"], names=columns)
    on, off = design.copy(), design.copy()
    place = columns.index("w")
    on[:, place], off[:, place] = 1.0, 0.0
    return {"fit": fitted, "estimates": fitted.estimates, "points": average_effect(fitted, on, off)}


@case(data.people, covariates=("w", "rated"), is_searched=True)
def random_intercepts_of_counts(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    codes, labels = groups(frame["site"], "site")
    cells = collapse(frame["e"].to_numpy(), np.ones(len(frame)), design, codes)
    fitted = random_intercept_logit(
        cells.events, cells.x, labels[cells.cluster], names=columns, trials=cells.trials, nodes=9
    )
    return {"fit": fitted, "estimates": fitted.estimates}


@case(data.people, covariates=THREE, is_searched=True)
def random_intercepts_without_spread(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    cluster = frame["id"].str.slice(-1)  # drawn at random, so that the spread lies on its boundary
    fitted = random_intercept_logit(frame["e"], design, cluster, names=columns)
    return {"fit": fitted, "estimates": fitted.estimates}


@case(data.people, covariates=THREE, is_searched=True, hard=HARD | APART, refused=(*TWINS, "apart"))
def hurdle_of_poisson(frame: Frame, names: list[str]) -> Any:
    return hurdle(frame["count"], frame[names], names, effect_of="w", cluster=frame["site"])


@case(data.people, covariates=THREE, is_searched=True, hard={"far": data.far, "near": data.near})
def hurdle_of_negative_binomial(frame: Frame, names: list[str]) -> Any:
    return hurdle(frame["count"], frame[names], names, distribution="negbin", effect_of="w")


@case(data.people, covariates=THREE, is_searched=True, hard=HARD, refused=TWINS)
def censored(frame: Frame, names: list[str]) -> Any:
    return tobit(frame["days"], frame[names], names, right=3.0, cluster=frame["site"])


@case(data.people, covariates=THREE, is_searched=True, hard={"apart": data.at_the_limit}, refused=("apart",))
def censored_above(frame: Frame, names: list[str]) -> Any:
    return tobit(frame["days"], frame[names], names, left=None, right=3.0)


@case(data.people, covariates=THREE, is_searched=True, hard=HARD | SCALES, refused=TWINS)
def mixed(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    found = linear_mixed(frame["y"], design, frame["site"], names=columns)
    return {"fit": found, "estimates": found.estimates}


@case(data.people, covariates=THREE, is_searched=True)
def mixed_with_persons(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    found = linear_mixed(
        frame["y"], design, frame["site"], names=columns, person=frame["person"], method="ml"
    )
    return {"fit": found, "estimates": found.estimates}


@case(data.people, covariates=THREE, hard=HARD | SCALES | {"alone": data.alone}, refused=TWINS)
def complier(frame: Frame, names: list[str]) -> Any:
    return complier_effect(
        frame["y"], frame["received"], frame["treated"], frame["site"], covariates=frame[names], names=names
    )


@case(data.people, hard=SCALES | {"alone": data.alone})
def correlation_in_clusters(frame: Frame, _: list[str]) -> Any:
    by = frame.groupby("site")["e"].agg(["sum", "count"])
    found = anova_icc(frame["y"], frame["site"])
    return {
        "rows": found,
        "counts": anova_icc_of_counts(by["sum"], by["count"]),
        "latent": latent_icc(latent_sd(found.icc.value)),
    }


@case(data.people, covariates=THREE, hard=HARD | SCALES | {"alone": data.alone}, refused=TWINS)
def effects_of_sites(frame: Frame, names: list[str]) -> Any:
    options = {"outcome": "y", "covariates": [*names, "treated"], "site": "site", "period": "period"}
    found = {
        "plain": fixed_effects(frame, **options),
        "weighted": fixed_effects(frame, **options, weight="weight"),
        "swept": fixed_effects(frame, **options, site_effects="swept"),
    }
    return {name: (one.estimates, one.notes, one.n_rows) for name, one in found.items()}


@case(data.panel, covariates=("x", "z", "treated"), hard=HARD | SCALES, refused=TWINS)
def effects_of_units(frame: Frame, names: list[str]) -> Any:
    options = {"outcome": "y", "covariates": names, "unit": "site"}
    return {one.__name__: one(frame, **options) for one in (within, between, random_effects)}


@case(lambda: data.panel(seed=10), covariates=("x", "z"), hard={"far": data.far} | SCALES)
def hausmans_test(frame: Frame, names: list[str]) -> Any:
    options = {"outcome": "y", "covariates": names, "unit": "site"}
    found = hausman(within(frame, **options), random_effects(frame, **options))
    return found.statistic, found.p_value, frozenset(found.names)


@case(data.panel, covariates=("x", "z", "treated"), is_searched=True, hard=HARD | SCALES, refused=TWINS)
def generalised_least_squares(frame: Frame, names: list[str]) -> Any:
    return feasible_gls(frame, outcome="y", covariates=names, site="site", period="period")


@case(data.people, covariates=THREE, hard=HARD | SCALES, refused=TWINS)
def means_of_cells(frame: Frame, names: list[str]) -> Any:
    options = {"outcome": "y", "site": "site", "period": "period"}
    found = cell_means(frame, **options, covariates=names, weight="weight")
    return found.set_index(["site", "period"])


@case(data.panel, covariates=("x", "z"), in_order="rows are in order of time", hard=HARD, refused=TWINS)
def serial_correlation(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    return [breusch_godfrey(frame["y"], design, columns, lags=2, form=form) for form in ("chi2", "F")]


@case(data.panel, covariates=("x", "z"), hard=HARD | SCALES, refused=TWINS)
def serial_correlation_in_panels(frame: Frame, names: list[str]) -> Any:
    return [
        panel_breusch_godfrey(
            frame["y"], frame[names], names, frame["site"], frame["period"], lags=2, across_units=across
        )
        for across in (True, False)
    ]


@case(data.people, covariates=THREE, hard=HARD | SCALES | {"alone": data.alone}, refused=TWINS)
def clustered_errors(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    answers = {}
    for kind, weight in (("plain", None), ("weighted", frame["weight"])):
        sums = ClusterSums.from_rows(frame["y"], design, columns, frame["site"], weight=weight)
        fitted = fit(sums.with_cluster_effects())
        answers[kind] = {
            "errors": [error(fitted, "w") for error in (crv1, cr2)],
            "jackknife": cv3(fitted, "w"),
            "centred": cv3(fitted, "x", centre="mean"),
            "together": joint(fitted, names),
            "residual": fitted.residual_sum,
            "table": error_table(fitted, {"w": 1.0, "z": 0.5}, n_treated=3),
        }
    return answers


@case(data.people, covariates=("x", "w"), hard=SCALES)
def wild_tests(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    many = frame["site"] + frame["period"].astype(str)
    enumerated = fit(ClusterSums.from_rows(frame["y"], design, columns, frame["site"]))
    drawn = fit(ClusterSums.from_rows(frame["y"], design, columns, many))
    return {
        "enumerated": wild_bootstrap(enumerated, "w"),
        "webb": wild_bootstrap(enumerated, "x", kind="webb", n_draws=499, seed=3),
        "drawn": wild_bootstrap(drawn, "w", null=0.1, n_draws=499, seed=3),
    }


def like_pairs() -> Frame:
    """Clusters in pairs that differ in sign alone, so that many draws are as extreme as the data but for rounding."""
    frame = data.people(400, 8)
    y = np.round(frame["y"].to_numpy()[:200], 1)
    cluster = np.repeat(np.arange(5), 40)
    return pd.DataFrame(
        {
            "site": [f"{side}{c}" for side in "ab" for c in cluster],
            "y": np.concatenate([y, -y]),
            "w": np.tile(np.arange(200) % 2, 2).astype(float),
        }
    )


@case(like_pairs)
def wild_tests_with_ties(frame: Frame, _: list[str]) -> Any:
    design, columns = with_ones(frame, ["w"])
    fitted = fit(ClusterSums.from_rows(frame["y"], design, columns, frame["site"]))
    return crv1(fitted, "w"), wild_bootstrap(fitted, "w")


@case(data.people, covariates=THREE)
def steps_of_estimators(frame: Frame, names: list[str]) -> Any:
    design, columns = with_ones(frame, names)
    given = matrix(design, columns)
    independent(given, columns)
    z, back = standardised(given)
    codes, _ = groups(frame["site"], "site")
    middle, df, notes = clustered(z[:, :1] * frame[["y"]].to_numpy(), frame["site"])
    place = columns.index("x")
    return {
        "scale": back[place, place],
        "standardised": keyed(frame, z[:, place]),
        "demeaned": keyed(frame, demeaned(frame["y"].to_numpy(), codes, frame["weight"].to_numpy())),
        "middle": (middle[0, 0], df, notes),
        "cautions": small_sample_notes(8, 3),
    }


@case(data.people, hard=SCALES | {"alone": data.alone})
def analysis_of_variance(frame: Frame, _: list[str]) -> Any:
    table = two_way(frame["y"], frame["arm"], frame["sex"], names=("arm", "sex"), unit=frame["site"])
    error = table.error
    size = max(frame["y"].var(), 1e-9)
    return {
        "one way": one_way(frame["y"], frame["arm"]),
        "two way": table,
        "printed": printed_f(
            table.sources[0].sum_squares / size, 2, error.sum_squares / size, error.df, decimals=3
        ),
        "tukey": {f"{c.second} less {c.first}": c for c in tukey(frame["y"], frame["arm"])},
        "scores": keyed(frame, t_scores(frame["y"])),
    }


def tied_values() -> Frame:
    """Values that are the same number reached by different sums, so that their last bits differ."""
    frame = data.people(300, 9)
    tenths = np.round(frame["x"].to_numpy() * 5) / 10
    return frame.assign(x=np.where(np.arange(300) % 2, tenths, (tenths + 0.7) - 0.7))


@case(tied_values)
def ranks(frame: Frame, _: list[str]) -> Any:
    return {
        "kruskal": kruskal_wallis(frame["x"], frame["arm"]),
        "mann": mann_whitney(frame["x"], frame["sex"], unit=frame["id"]),
    }
