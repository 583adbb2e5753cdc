"""The database's cells against the same sums made row by row in numpy, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from impact import cells
from impact.clusters import ClusterSums
from impact.errors import BadData


@pytest.fixture
def rows() -> pd.DataFrame:
    random = np.random.default_rng(5)
    n = 400
    return pd.DataFrame(
        {
            "site": random.choice(["A", "B", "C", "D"], n),
            "year": random.integers(2018, 2022, n),
            "treated": random.integers(0, 2, n),
            "age": random.integers(0, 18, n),
            "income": 1e9 + random.normal(0, 3, n),
            "weight": random.uniform(0.5, 2, n),
            "y": random.integers(0, 2, n),
        }
    )


def stored(rows: pd.DataFrame, tmp_path: Path, kind: str = "parquet") -> Path:
    path = tmp_path / f"rows.{kind}"
    rows.to_parquet(path) if kind == "parquet" else rows.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_binomial_cells_add_up(rows, tmp_path, kind):
    found = cells.binomial(stored(rows, tmp_path, kind), outcome="y", by=["site", "year", "treated"])
    expected = rows.groupby(["site", "year", "treated"], as_index=False).agg(
        trials=("y", "size"), events=("y", "sum")
    )
    assert found.values.tolist() == expected.values.tolist()


def test_several_files_are_one(rows, tmp_path):
    rows.iloc[:150].to_parquet(tmp_path / "1.parquet")
    rows.iloc[150:].to_parquet(tmp_path / "2.parquet")
    parts = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    whole = cells.binomial(stored(rows, tmp_path), outcome="y", by=["site"])
    assert cells.binomial(parts, outcome="y", by=["site"]).equals(whole)


@pytest.mark.parametrize("weight", [None, "weight"])
def test_cluster_sums_equal_those_of_the_rows(rows, tmp_path, weight):
    columns = ["treated", "age", "income"]
    found = cells.cluster_sums(
        stored(rows, tmp_path), outcome="y", columns=columns, cluster="site", period="year", weight=weight
    )
    years = sorted(rows["year"].unique())
    design = np.column_stack(
        [np.ones(len(rows)), rows[columns], *[(rows["year"] == year) for year in years[1:]]]
    ).astype(float)
    expected = ClusterSums.from_rows(
        rows["y"],
        design,
        ["one", *columns, *[f"year {year}" for year in years[1:]]],
        rows["site"],
        weight=None if weight is None else rows[weight],
        centres=found.centres,
        outcome_centre=found.outcome_centre,
    )
    assert found.names == expected.names
    assert found.labels == expected.labels
    assert found.n.tolist() == expected.n.tolist()
    for part in ("xx", "xy", "yy", "xx_plain", "xy_plain", "xx_square"):
        made, wanted = getattr(found, part), getattr(expected, part)
        assert (made is None) == (wanted is None)
        if wanted is not None:  # sums of some hundred terms of size 10: ten digits are what they can agree to
            assert made == pytest.approx(wanted, rel=1e-10, abs=1e-8)


def test_an_offset_of_a_thousand_million_costs_no_digits(rows, tmp_path):
    found = cells.cluster_sums(
        stored(rows, tmp_path), outcome="y", columns=["income"], cluster="site", period="year"
    )
    place = found.names.index("income")
    centred = rows["income"] - found.centres["income"]
    assert abs(found.centres["income"] - 1e9) < 1
    assert found.xx[:, place, place].sum() == pytest.approx((centred**2).sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        ({"y": 2}, "“y” must be 0 or 1; 1 rows hold something else"),
        ({"y": None}, "“y” must be 0 or 1; 1 rows hold something else or nothing"),
        ({"site": None}, "“site” is missing in 1 rows"),
    ],
)
def test_binomial_cells_refuse_what_they_cannot_count(rows, tmp_path, spoil, complaint):
    rows = rows.astype({"y": "float64", "site": "object"})
    rows.loc[7, next(iter(spoil))] = next(iter(spoil.values()))
    with pytest.raises(BadData, match=complaint):
        cells.binomial(stored(rows, tmp_path), outcome="y", by=["site"])


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("age", None, "“age” is missing in 1 rows"),
        ("y", None, "“y” is missing in 1 rows"),
        ("weight", None, "“weight” is missing in 1 rows"),
        ("weight", 0.0, "“weight” must be above zero"),
        ("year", None, "“year” is missing in 1 rows"),
        ("age", np.inf, "missing or infinite"),
    ],
)
def test_cluster_sums_refuse_gaps_that_sum_would_pass_over(rows, tmp_path, column, value, complaint):
    rows = rows.astype({column: "float64"})
    rows.loc[3, column] = value
    with pytest.raises(BadData, match=complaint):
        cells.cluster_sums(
            stored(rows, tmp_path),
            outcome="y",
            columns=["treated", "age"],
            cluster="site",
            period="year",
            weight="weight",
        )


def test_text_where_numbers_should_be_and_misspelt_columns_are_named(rows, tmp_path):
    path = stored(rows, tmp_path)
    with pytest.raises(BadData, match="has to be numeric holds text"):
        cells.cluster_sums(path, outcome="y", columns=["site"], cluster="site", period="year")
    with pytest.raises(BadData, match=r"no column “aeg”\. Did you mean “age”"):
        cells.cluster_sums(path, outcome="y", columns=["aeg"], cluster="site", period="year")


def test_files_that_are_no_tables_are_refused_by_name(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"not a table")
    with pytest.raises(BadData, match=r"a\.parquet: cannot be read"):
        cells.binomial(tmp_path / "a.parquet", outcome="y", by=["site"])
    with pytest.raises(BadData, match=r"ending in \.parquet or \.csv"):
        cells.binomial(tmp_path / "a.txt", outcome="y", by=["site"])


def test_a_column_with_quotation_marks_is_only_a_name(rows, tmp_path):
    odd = 'y"; DROP VIEW records; --'
    found = cells.binomial(stored(rows.rename(columns={"y": odd}), tmp_path), outcome=odd, by=["site"])
    assert found["trials"].sum() == len(rows)


def test_small_cells_are_never_written(tmp_path):
    made = pd.DataFrame({"site": list("abcde"), "trials": [9, 40, 40, 40, 40], "events": [0, 9, 31, 20, 0]})
    assert cells.write(made, tmp_path / "out.csv") == 4
    assert pd.read_csv(tmp_path / "out.csv")["site"].tolist() == ["d"]
    with pytest.raises(BadData, match="at least 2"):
        cells.write(made, tmp_path / "out.csv", smallest=1)
