"""What is recorded about one child: values that cannot change, dates, categories."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from exports.digits import printed
from impact.columns import Floats, groups, named
from impact.covariates.recoded import Recoded
from impact.errors import BadData
from impact.estimate import Note

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ages", "ages", "known_categories", "one_value_per_child"]


@dataclass(frozen=True)
class Ages:
    """Completed years, NaN where a date is missing (or, if so asked, before birth)."""

    years: Floats
    n_before_birth: int
    notes: tuple[Note, ...]


def one_value_per_child(
    frame: pd.DataFrame,
    child: str,
    column: str,
    *,
    rule: Literal["agree", "maximum"],
    missing_codes: Sequence[Hashable] = (),
) -> Recoded:
    """A covariate that cannot change over time, made the same in all rows of a child.

    `"agree"` (date of birth, sex, ethnicity): the one value recorded, in all rows; two or more different ones make it
    missing for the child. `"maximum"` (disability, free school meals, unaccompanied): any sign counts. `missing_codes` are
    recorded values that mean missing; they give way to a real one, and come out as gaps. Source: evaluation protocol of Family
    Valued, footnote 22, which names no rule for dates of birth: they are treated as sex is. Raises BadData for a missing
    child, an unknown column, or words under "maximum". The note counts the children who contradict themselves.
    """
    import pandas as pd  # half a second that `import impact.covariates` need not pay

    codes, labels = groups(named(frame, child).to_numpy(), child)
    recorded = named(frame, column)
    known = recorded.mask(recorded.isin(list(missing_codes)))
    if rule == "maximum" and not pd.api.types.is_numeric_dtype(known):
        raise BadData(f"“{column}” must hold numbers for the maximum.")
    by_child = known.groupby(codes)
    n_values = by_child.nunique()
    contradicting = n_values.index[n_values > 1]
    settled = by_child.max() if rule == "maximum" else by_child.first().mask(n_values > 1)
    # By place and not by label: the index of the frame may repeat.
    values = pd.Series(settled.reindex(range(len(labels))).array.take(codes), index=frame.index, name=column)
    same = (values.isna() & recorded.isna()) | (values == recorded).fillna(False).astype(bool)
    notes: tuple[Note, ...] = ()
    if len(contradicting):
        outcome = "were given the largest" if rule == "maximum" else "are now missing"
        notes = (
            Note(
                "contradictions",
                f"“{column}” differs between rows of {len(contradicting)} children; they {outcome}.",
            ),
        )
    return Recoded(values, (column,), int((~same).sum()), notes)


def ages(
    born_on: pd.Series,
    happened_on: pd.Series,
    *,
    before_birth: Literal["refuse", "unborn", "missing"] = "refuse",
    oldest: int = 120,
) -> Ages:
    """Completed years from birth to an event: the difference of years, less one before the birthday.

    Who was born on 29 February has a birthday on 1 March in other years.

    Both are datetime columns of shape (n,), compared row by row. An event before birth raises BadData, unless the children are
    known to be unborn (age 0) or the age is to be missing; a note counts them. An age above `oldest` raises BadData. Missing
    dates give NaN and a note.
    """
    born, event = _dates(born_on, "date of birth"), _dates(happened_on, "date of the event")
    if len(born) != len(event):
        raise BadData(f"There are {len(born)} dates of birth and {len(event)} events.")
    later = (event.month * 100 + event.day) >= (born.month * 100 + born.day)
    years = np.asarray(event.year - born.year - 1 + later, dtype=np.float64)
    years[np.asarray(born.isna()) | np.asarray(event.isna())] = np.nan
    before = np.asarray(event < born)
    if before.any() and before_birth == "refuse":
        raise BadData(
            f"The event is before birth in {int(before.sum())} rows, first in row {int(np.argmax(before)) + 1}."
        )
    if (years > oldest).any():
        row = int(np.argmax(years > oldest))
        raise BadData(f"Row {row + 1} gives an age of {printed(years[row], '.0f')} years.")
    years[before] = 0.0 if before_birth == "unborn" else np.nan
    notes = []
    if before.any():
        as_what = "count as age 0" if before_birth == "unborn" else "have no age"
        notes.append(Note("before_birth", f"{int(before.sum())} events are before birth and {as_what}."))
    if n_missing := int(np.isnan(years).sum() - (before.sum() if before_birth == "missing" else 0)):
        notes.append(Note("dates_missing", f"{n_missing} rows lack a date and have no age."))
    return Ages(years, int(before.sum()), tuple(notes))


def known_categories(
    values: pd.Series, allowed: Sequence[Hashable], *, unknown: Literal["refuse", "missing"] = "refuse"
) -> Recoded:
    """A column that holds nothing but the categories allowed, and gaps.

    An unknown category raises BadData that suggests the nearest, or becomes a gap with a note. Gaps stay gaps.
    """
    strange = values.notna() & ~values.isin(list(allowed))
    name = str(values.name)
    if not strange.any():
        return Recoded(values, (name,), 0, ())
    first = values[strange].iloc[0]
    names = {str(one).casefold(): str(one) for one in allowed}
    near = [names[key] for key in difflib.get_close_matches(str(first).casefold(), names, n=1)]
    if unknown == "refuse":
        hint = f" Did you mean “{near[0]}”?" if near else ""
        raise BadData(
            f"“{name}” holds “{first}” in row {int(np.argmax(strange)) + 1}, which is no category.{hint}"
        )
    text = f"{int(strange.sum())} rows of “{name}” hold an unknown category, such as “{first}”, and count as missing."
    return Recoded(values.mask(strange), (name,), int(strange.sum()), (Note("unknown_categories", text),))


def _dates(column: pd.Series, name: str) -> pd.DatetimeIndex:
    import pandas as pd  # half a second that `import impact.covariates` need not pay

    try:
        return pd.DatetimeIndex(pd.to_datetime(column))
    except (TypeError, ValueError):
        raise BadData(f"The {name} holds something that is not a date.") from None
