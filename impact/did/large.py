"""The plain question from files larger than memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from impact.cells import cluster_cells, repeated
from impact.clusters import error_table, fit
from impact.did.answers import Did
from impact.did.design import (
    Columns,
    absorbed_by_effects,
    count_sites,
    design_notes,
    posts,
    refuse_few,
    treatment,
)
from impact.errors import BadData
from impact.panels.effects import MANY_SITES

__all__ = ["effect_in_files"]


def effect_in_files(
    files: Path | Sequence[Path],
    columns: Columns,
    *,
    centres: Mapping[str, float] | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Did:
    """`effect` of Parquet or CSV files, with the same numbers but for rounding, the same notes and the same refusals.

    One pass makes the sums that the estimators need (`impact.cells.cluster_cells`). Treatment is of sites, 0 or 1, and
    sites are the clusters. `centres` as in `cells.cluster_cells`. Checked against `effect` on the same rows. Raises as
    `effect` and `cells.cluster_cells`; BadData for a personal treatment, other clusters, and `site_effects` False,
    which need the rows.
    """
    if columns.is_personal or not columns.site_effects or columns.cluster not in (None, columns.site):
        raise BadData(
            "From files, treatment is that of sites, sites have effects, and they are the clusters. For anything else "
            "read the rows and use `effect`."
        )
    if columns.person is not None and (twice := repeated(files, columns.person, threads=threads)):
        raise BadData(f"{twice} rows repeat somebody of “{columns.person}”.")
    post = [] if columns.post is None else [columns.post]
    found = cluster_cells(
        files,
        outcome=columns.outcome,
        columns=columns.covariates,
        by=[*post, columns.treated],
        cluster=columns.site,
        period=columns.period,
        weight=columns.weight,
        centres=centres,
        threads=threads,
    )
    # Only now, since what pandas takes would stand beside what the database holds while it reads.
    import pandas as pd

    frame = pd.DataFrame(found.cells)  # a row for each kind of row, by which a design can be judged
    columns = replace(columns, person=None)  # asked above, of the rows
    d = treatment(frame, columns)
    refuse_few(frame, columns, d)
    kept, absorbed = absorbed_by_effects(frame, columns, {name: posts(frame, columns) for name in post})
    sums = found.sums.chosen([name for name in found.sums.names if name in kept or name not in post])
    n_sites, n_treated = count_sites(frame, columns, d)
    fitted = fit(sums.within() if n_sites > MANY_SITES else sums.with_cluster_effects())
    table = error_table(fitted, columns.treated, n_treated=n_treated, seed=seed)
    notes = (*absorbed, *design_notes(frame, columns, d))
    return Did("effect", {columns.treated: table}, fitted, fitted.n_rows, n_sites, n_treated, notes)
