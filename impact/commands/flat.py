"""One model on one flat file. The file is read by one pass into cells or sums, so that its size does not matter."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from impact import bundles, cells, clusters, did
from impact.columns import Floats
from impact.errors import BadData
from impact.estimate import Estimate, Note, normal
from impact.glmm import average_effect, random_intercept_logit
from impact.icc import latent_icc
from impact.mixed import linear_mixed
from impact.wedge import Wedge, WedgeEffect, immediate, prepare
from impact.wedge.design import base_columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Roles:
    """Which column is what."""

    outcome: str
    site: str
    period: str
    treated: str
    covariates: tuple[str, ...] = ()
    weight: str | None = None
    post: str | None = None
    person: str | None = None

    def __post_init__(self) -> None:
        names = [self.outcome, self.site, self.period, self.treated, *self.covariates]
        names += [name for name in (self.weight, self.post, self.person) if name]
        for name in names:
            if names.count(name) > 1:
                raise BadData(f"The column “{name}” is named in two places.")


def difference_in_differences(
    path: Path, roles: Roles, *, seed: int, level: float, smallest: int
) -> bundles.Analysis:
    """`did.effect_in_files` with its four errors. Raises as it does."""
    columns = did.Columns(
        outcome=roles.outcome,
        site=roles.site,
        period=roles.period,
        treated=roles.treated,
        post=roles.post,
        covariates=roles.covariates,
        weight=roles.weight,
        person=roles.person,
    )
    # One thread, for the same last digits every time.
    found = did.effect_in_files(path, columns, seed=seed, threads=1)
    table = clusters.error_table(
        found.fitted, roles.treated, n_treated=found.n_treated, seed=seed, level=level
    )
    groups, is_binary = _groups(path, roles)
    scale = "share" if is_binary else "units of the outcome"
    diagnostics: dict[str, float | str | None] = {"treated sites": float(found.n_treated)}
    if table.wild is not None:
        diagnostics["smallest p that the wild bootstrap can give"] = table.wild.floor
    return _analysis(
        "did",
        roles,
        found.n_rows,
        found.n_sites,
        [(estimate, scale) for estimate in _four(table)],
        diagnostics,
        (*table.notes, *found.notes),
        base=min(groups),
        smallest=smallest,
    )


def _groups(path: Path, roles: Roles) -> tuple[list[int], bool]:
    """Sizes of the groups that the estimate tells of, and whether the outcome is 0 or 1."""
    try:
        found = cells.binomial(path, outcome=roles.outcome, by=[roles.treated])
    except BadData:  # gaps were refused before, so that only other values are left
        counts = cells.binomial(path, outcome=roles.treated, by=[roles.site])
        n_treated = int(counts["events"].sum())
        return [n_treated, int(counts["trials"].sum()) - n_treated], False
    return _with_and_without(found), True


def _with_and_without(found: pd.DataFrame) -> list[int]:
    return [*found["events"].tolist(), *(found["trials"] - found["events"]).tolist()]


def _four(table: clusters.ErrorTable) -> list[Estimate]:
    first = table.crv1
    named = [("CRV1", first), ("CR2", table.cr2), ("CV3", table.cv3)]
    found = [replace(estimate, name=f"treated, {name}") for name, estimate in named]
    wild = table.wild
    if wild is not None:
        how = "all sign changes" if wild.is_exact else f"{wild.n_draws:,} draws"
        found.append(
            Estimate(
                name=f"treated, wild bootstrap ({how})",
                value=wild.value,
                std_error=math.nan,
                df=None,
                statistic=wild.statistic,
                p_value=wild.p_value,
                low=wild.low,
                high=wild.high,
                level=wild.level,
            )
        )
    return found


def stepped_wedge(
    path: Path,
    roles: Roles,
    *,
    model: Literal["logit", "linear"],
    nodes: int,
    level: float,
    smallest: int,
) -> bundles.Analysis:
    """`wedge.immediate`: a 0/1 outcome from exact cells, any other outcome (linear alone) from rows in memory."""
    keys = [roles.site, roles.period, roles.treated, *roles.covariates]
    try:
        found = cells.binomial(path, outcome=roles.outcome, by=keys)
    except BadData as error:
        # Whatever else is wrong with the outcome is told when the rows are read.
        if model == "logit" or "must be 0 or 1" not in str(error):
            raise
        return _from_rows(path, roles, level=level, smallest=smallest)
    for name in keys[2:]:
        if found[name].dtype.kind not in "biuf":
            raise BadData(
                f"“{name}” holds text. Make a column of 0 and 1 for each of its categories but one."
            )
    trials, events = (found[name].to_numpy(dtype=np.float64) for name in ("trials", "events"))
    wedge = _prepared(found, roles, events / trials)
    fitted = (
        _logit(wedge, events, trials, nodes, level)
        if model == "logit"
        else _linear(wedge, events, trials, level)
    )
    return _analysis(
        f"wedge_{model}",
        roles,
        int(trials.sum()),
        len(wedge.clusters),
        fitted.results,
        fitted.diagnostics,
        (*fitted.notes, *wedge.notes),
        base=min(_with_and_without(found.groupby(roles.treated)[["trials", "events"]].sum())),
        smallest=smallest,
    )


@dataclass(frozen=True)
class _Fitted:
    results: list[tuple[Estimate, str]]
    diagnostics: dict[str, float | str | None]
    notes: tuple[Note, ...]


def _logit(wedge: Wedge, events: Floats, trials: Floats, nodes: int, level: float) -> _Fitted:
    x, names = _design(wedge)
    fit = random_intercept_logit(
        events, x, wedge.cluster, names=names, trials=trials, nodes=nodes, level=level
    )
    everybody, nobody = (np.column_stack([x[:, :-1], np.full(len(x), t)]) for t in (1.0, 0.0))
    points = average_effect(fit, everybody, nobody, name="treated, average effect", row_weights=trials)
    results = [(fit.contrast("treated", {"treated": 1.0}), "log-odds"), (points, "percentage points")]
    return _Fitted(results, _spread(fit.sd, latent_icc(fit.sd), fit.log_likelihood), fit.notes)


def _linear(wedge: Wedge, events: Floats, trials: Floats, level: float) -> _Fitted:
    x, names = _design(wedge)
    fit = linear_mixed(events, x, wedge.cluster, names=names, trials=trials, level=level)
    share = fit.contrast("treated", {"treated": 1.0})
    points = normal("treated", 100 * share.value, 100 * share.std_error, level=level)
    return _Fitted(
        [(points, "percentage points")], _spread(fit.sd_cluster, fit.icc, fit.log_likelihood), fit.notes
    )


def _design(wedge: Wedge) -> tuple[Floats, list[str]]:
    """The columns of `wedge.immediate`, with treatment last."""
    x, names = base_columns(wedge)
    return np.column_stack([x, wedge.treated]), [*names, "treated"]


def _spread(sd: float, icc: float, log_likelihood: float) -> dict[str, float | str | None]:
    return {
        "standard deviation between sites": sd,
        "intracluster correlation": icc,
        "log-likelihood": log_likelihood,
    }


def _prepared(frame: pd.DataFrame, roles: Roles, outcome: Floats | pd.Series) -> Wedge:
    return prepare(
        outcome,
        frame[roles.site],
        frame[roles.period],
        treated=frame[roles.treated],
        covariates=frame[list(roles.covariates)].to_numpy(dtype=np.float64) if roles.covariates else None,
        names=roles.covariates,
    )


def _from_rows(path: Path, roles: Roles, *, level: float, smallest: int) -> bundles.Analysis:
    import pandas as pd

    frame = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_csv(path)
    wedge = _prepared(frame, roles, frame[roles.outcome])
    found: WedgeEffect = immediate(wedge, model="linear", level=level)
    return _analysis(
        "wedge_linear",
        roles,
        found.n_rows,
        found.n_clusters,
        [(estimate, found.unit) for estimate in found.effects],
        _spread(found.sd_cluster, found.icc, found.log_likelihood),
        found.notes,
        base=min(found.n_treated, found.n_rows - found.n_treated),
        smallest=smallest,
    )


def _analysis(
    model: str,
    roles: Roles,
    n_rows: int,
    n_sites: int,
    results: list[tuple[Estimate, str]],
    diagnostics: dict[str, float | str | None],
    notes: Iterable[Note],
    *,
    base: int,
    smallest: int,
) -> bundles.Analysis:
    """In the shape of an analysis of a bundle, with the same rule for small counts."""
    return bundles.Analysis(
        id="estimate",
        role="exploratory",
        outcome=roles.outcome,
        model=model,
        specification={"covariates": ", ".join(roles.covariates) or None, "weight": roles.weight},
        n_rows=bundles.count(n_rows, smallest),
        n_clusters=n_sites,
        results=tuple(
            bundles.result(estimate, scale=scale, base=base, smallest=smallest) for estimate, scale in results
        ),
        diagnostics=bundles.diagnostics(diagnostics),
        notes=bundles.remarks(notes),
    )
