"""A frame or column after a rule was applied to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from impact.estimate import Note

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recoded"]


@dataclass(frozen=True)
class Recoded:
    """A frame or column after a rule, how many rows it changed, and what to print. `names` are the columns to model."""

    values: pd.DataFrame | pd.Series
    names: tuple[str, ...]
    n_changed: int
    notes: tuple[Note, ...]
