"""Covariates with gaps: too many to keep, or marked as missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impact.columns import named
from impact.covariates.recoded import Recoded
from impact.errors import BadData
from impact.estimate import Note

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Missingness", "Screened", "missing_indicators", "screen"]


@dataclass(frozen=True)
class Missingness:
    name: str
    n_missing: int
    missing_share: float


@dataclass(frozen=True)
class Screened:
    """Covariates kept and dropped, with their missing shares in the rows given."""

    kept: tuple[Missingness, ...]
    dropped: tuple[Missingness, ...]
    limit_share: float
    n_rows: int
    notes: tuple[Note, ...]


def screen(frame: pd.DataFrame, names: Sequence[str], *, limit_share: float = 0.30) -> Screened:
    """Drops covariates whose share of missing values is above the limit; one of exactly 30% stays.

    Source: trial protocol of Family Safeguarding and evaluation protocol of Family Valued, Handling missing data. `frame` holds
    the analysis sample before matching, rows without an outcome already left out: the share is of its rows, and depends on
    them, which a note records. Raises BadData for an empty frame or an unknown column.
    """
    if not len(frame):
        raise BadData("There are no rows.")
    found = [
        Missingness(name, int(n := named(frame, name).isna().sum()), float(n / len(frame))) for name in names
    ]
    kept, dropped = (
        tuple(one for one in found if (one.missing_share > limit_share) is above) for above in (False, True)
    )
    notes = (
        Note(
            "missing_share_of_sample",
            f"Missing shares are of the {len(frame)} rows given, before any matching.",
        ),
    )
    return Screened(kept, dropped, limit_share, len(frame), notes)


def missing_indicators(
    frame: pd.DataFrame, names: Sequence[str], *, is_randomised: bool, fill: float = 0.0
) -> Recoded:
    """Null imputation: a gap in a number becomes `fill` and a 1 in `<name>_is_missing`; in other columns, a category “Missing”.

    Source: trial protocol of Family Safeguarding, Handling missing data; White and Thompson (2005), Statistics in Medicine
    24:993, doi:10.1002/sim.1981, for why it suits baseline covariates of a randomised comparison. For confounders of a
    difference-in-differences study it is biased, and unless `is_randomised` a note says so. Columns without gaps stay as they
    are. Raises BadData for an unknown column or a name already taken, and where a category “Missing” exists beside gaps.
    """
    import pandas as pd  # half a second that `import impact.covariates` need not pay

    columns = {str(c): frame[c] for c in frame.columns}
    model, n_changed = [], 0
    for name in names:
        gaps = named(frame, name).isna()
        model.append(name)
        if not gaps.any():
            continue
        n_changed += int(gaps.sum())
        if pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name]):
            flag = f"{name}_is_missing"
            if flag in columns:
                raise BadData(f"There is already a column “{flag}”.")
            columns[name] = frame[name].astype("float64").fillna(fill)
            columns[flag] = gaps.astype("int8")
            model.append(flag)
            continue
        if (frame[name].astype(object) == "Missing").any():
            raise BadData(f"“{name}” has gaps and a category “Missing” as well; make them one.")
        columns[name] = frame[name].astype(object).where(~gaps, "Missing")
    notes = (
        ()
        if is_randomised
        else (
            Note(
                "null_imputation_confounders",
                "Filling gaps with a constant is biased where the covariate is a confounder.",
            ),
        )
    )
    return Recoded(pd.DataFrame(columns), tuple(model), n_changed, notes)
