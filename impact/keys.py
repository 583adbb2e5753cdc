"""Rows in the order of what names them, so that nothing hangs on the place in which a row happens to stand."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from impact.columns import Ints, named
from impact.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["in_order", "order"]

# What pandas calls a column of objects whose values have an order.
ORDERED = {
    "boolean", "date", "datetime", "decimal", "empty", "floating", "integer", "mixed-integer-float", "string", "timedelta",
}  # fmt: skip


def order(frame: pd.DataFrame, keys: Sequence[str]) -> Ints:
    """The places of the rows, shape (n,), in the order of their keys: by the first, then by the second, and so on.

    Numbers and dates go by size, words by their letters. Raises BadData without keys, for a column that is not there, a
    missing key, and keys that do not tell two rows apart: their order would be that of the file.
    """
    if not keys:
        raise BadData("Name at least one column whose values tell the rows apart.")
    codes = [_codes(named(frame, key)) for key in keys]
    for key, code in zip(keys, codes, strict=True):
        if (code < 0).any():
            raise BadData(f"The key “{key}” is missing in {int((code < 0).sum())} rows.")
    places = np.lexsort(codes[::-1])
    same = np.ones(max(0, len(frame) - 1), dtype=bool)
    for code in codes:
        same &= np.diff(code[places]) == 0
    if same.any():
        raise BadData(
            f"{int(same.sum())} rows have the same {_listed(keys)} as another; keys have to tell rows apart."
        )
    return places.astype(np.int64)


def in_order(frame: pd.DataFrame, first: Sequence[str] = ()) -> pd.DataFrame:
    """The frame with its rows sorted by all of its columns, those in `first` before the others, and numbered anew.

    Rows that are still alike are the same row twice. Neither the order of the rows nor that of the columns matters; columns of
    numbers come last, so that a change in the last digits moves nobody.
    """
    import pandas as pd  # half a second that `import impact.keys` need not pay

    def rank(name: Hashable) -> tuple[int, bool, str, str]:
        place = first.index(str(name)) if str(name) in first else len(first)
        return place, pd.api.types.is_float_dtype(frame[name]), str(name), type(name).__name__

    names = sorted(frame.columns, key=rank)
    if not len(frame) or not names:
        return frame.reset_index(drop=True)
    places = np.lexsort([_codes(frame[name]) for name in reversed(names)])
    return frame.iloc[places].reset_index(drop=True)


def _codes(column: pd.Series) -> npt.NDArray[np.int64]:
    """Whole numbers in the order of the values; -1 for what is missing."""
    import pandas as pd  # as above

    if column.dtype == object:
        # Lists cannot be hashed, and words and numbers beside each other not be compared: their words can.
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind not in ORDERED or (
            kind == "datetime" and len({each.tzinfo is None for each in column.dropna()}) > 1
        ):
            column = column.map(str, na_action="ignore")
    codes, _ = pd.factorize(column, sort=True)
    return codes.astype(np.int64)


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(f"“{key}”" for key in keys)
