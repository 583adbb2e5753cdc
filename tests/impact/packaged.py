"""Published data sets that a package among the test requirements ships, in the columns of the files that others know them by."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

import pandas as pd

# In the order of R's `plm::Grunfeld`, which leaves out the eleventh firm of the older file.
FIRMS = [
    "General Motors", "US Steel", "General Electric", "Chrysler", "Atlantic Refining", "IBM", "Union Oil",
    "Westinghouse", "Goodyear", "Diamond Match",
]  # fmt: skip


def affairs() -> pd.DataFrame:
    """Fair (1978), survey of Psychology Today; as R's `AER::Affairs`, without its two columns of words."""
    frame = pd.read_csv(str(resources.files("statsmodels.datasets.fair") / "fair_pt.csv"))
    names = {
        "naffairs": "affairs",
        "nmarried": "yearsmarried",
        "religious": "religiousness",
        "rate_marriage": "rating",
    }
    kept = ["affairs", "age", "yearsmarried", "religiousness", "education", "occupation", "rating"]
    return frame.rename(columns=names)[kept]


def grunfeld() -> pd.DataFrame:
    """Grunfeld (1958), investment of ten firms in twenty years; as R's `plm::Grunfeld`."""
    from statsmodels.datasets import grunfeld as shipped

    frame = shipped.load_pandas().data.rename(columns={"invest": "inv"})
    frame = frame[frame["firm"].isin(FIRMS)].astype({"year": int})
    frame["firm"] = frame["firm"].map(FIRMS.index) + 1
    ordered = frame.sort_values(["firm", "year"], ignore_index=True)
    return ordered[["firm", "year", "inv", "value", "capital"]]


def mpdta() -> pd.DataFrame:
    """Callaway and Sant'Anna (2021), minimum wages and teenage employment in 500 counties; as R's `did::mpdta`."""
    import moderndid

    return pd.DataFrame(moderndid.load_mpdta().to_dict(as_series=False))


PACKAGED: dict[str, Callable[[], pd.DataFrame]] = {"affairs": affairs, "grunfeld": grunfeld, "mpdta": mpdta}
