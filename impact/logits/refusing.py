"""The refusal of a logit whose outcome is predicted perfectly, in words."""

from __future__ import annotations

from collections.abc import Sequence

from impact.columns import Floats
from impact.errors import NotIdentified
from impact.separation import listed, separating

__all__ = ["refuse_separation"]


def refuse_separation(signed: Floats, names: Sequence[str], *, mute: Sequence[int] = ()) -> None:
    """Raises NotIdentified, naming columns, where some b ≠ 0 has signed @ b ≥ 0 everywhere and > 0 somewhere.

    `signed` (n, k) are the rows times +1 for outcome 1 and -1 for outcome 0, or within-stratum differences of cases
    less controls. Quasi-complete separation counts. See `impact.separation`.
    """
    guilty = separating(signed, names, mute=mute)
    if guilty:
        raise NotIdentified(
            f"The outcome is predicted perfectly for some rows by {listed(guilty)}: no finite estimate exists. Merge rare "
            "categories, or leave out the rows that are predicted."
        )
