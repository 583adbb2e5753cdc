"""Published values with their sources, and the data sets that they were computed from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """Expected values with tolerance and source, by name."""
    return dict(json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8")))


@pytest.fixture
def published(data_dir: Path) -> Callable[[str], pd.DataFrame]:
    """`published("cbpp")`: a data set written by others. The test is skipped by name where the folder is absent."""
    return lambda name: pd.read_csv(data_dir / "impact" / f"{name}.csv")
