"""Published values with their sources, and the data sets that they were computed from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.impact.packaged import PACKAGED


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """Expected values with tolerance and source, by name."""
    return dict(json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def outside_table(outside: Callable[[str], Path]) -> Callable[[str], pd.DataFrame]:
    """`outside_table("cbpp")`: a data set from the file that others published."""
    return lambda name: pd.read_csv(outside(f"impact/{name}.csv"))


@pytest.fixture(scope="session")
def published(outside_table: Callable[[str], pd.DataFrame]) -> Callable[[str], pd.DataFrame]:
    """`published("grunfeld")`: a data set written by others, from a package that ships it or else from its file.

    Where neither is at hand the test is skipped by the file's name. Beside each such test stands one on data of our own
    with a second program.
    """
    return lambda name: PACKAGED[name]() if name in PACKAGED else outside_table(name)
