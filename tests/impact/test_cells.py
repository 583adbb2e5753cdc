"""The database's cells against the same sums made row by row in numpy, and what it refuses."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from impact import cells
from impact.clusters import ClusterSums, error_table, fit
from impact.errors import BadData, NotIdentified


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


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("weight", [None, "weight"])
def test_columns_that_rows_are_grouped_by_enter_the_same_sums(rows, tmp_path, weight, kind):
    path, given = stored(rows, tmp_path, kind), {"outcome": "y", "cluster": "site", "period": "year"}
    found = cells.cluster_cells(path, columns=["age", "income"], by=["treated"], weight=weight, **given)
    whole = cells.cluster_sums(
        path,
        columns=["age", "income", "treated"],
        weight=weight,
        centres={**found.sums.centres, "y": found.sums.outcome_centre},
        **given,
    )
    assert found.sums.names == whole.names
    for part in ("n", "xx", "xy", "yy", "xx_plain", "xy_plain", "xx_square"):
        made, wanted = getattr(found.sums, part), getattr(whole, part)
        assert (made is None) == (wanted is None)
        if wanted is not None:
            assert made == pytest.approx(wanted, rel=1e-10, abs=1e-7)
    counts = rows.groupby(["site", "year", "treated"]).size()
    assert list(zip(*found.cells.values(), strict=True)) == counts.index.tolist()
    assert list(found.n) == counts.tolist()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (np.arange(400.0), "“treated” has more than 100 values"),
        ([None, *[1.0] * 399], "“treated” is missing in 1 rows"),
        ([np.inf, *[1.0] * 399], "“treated” is missing or infinite in 1 rows"),
        (["yes"] * 400, "“treated” has to be numeric"),
    ],
)
def test_columns_that_rows_are_grouped_by_are_checked(rows, tmp_path, values, complaint):
    path = stored(rows.assign(treated=values), tmp_path)
    with pytest.raises(BadData, match=complaint):
        cells.cluster_cells(path, outcome="y", columns=["age"], by=["treated"], cluster="site", period="year")


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
    with pytest.raises(BadData, match=r"“site” has to be numeric, but .* holds varchar"):
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


def test_weights_reach_cr2(rows, tmp_path):
    found = cells.cluster_sums(
        stored(rows, tmp_path), outcome="y", columns=["age"], cluster="site", period="year", weight="weight"
    )
    assert found.weighted
    design = np.column_stack(
        [np.ones(len(rows)), rows["age"], *[rows["year"] == year for year in (2019, 2020, 2021)]]
    ).astype(float)
    names = ["one", "age", "year 2019", "year 2020", "year 2021"]
    expected = ClusterSums.from_rows(rows["y"], design, names, rows["site"], weight=rows["weight"])
    made, wanted = (error_table(fit(sums), "age") for sums in (found, expected))
    assert made.cr2.std_error == pytest.approx(wanted.cr2.std_error, rel=1e-9)
    assert made.cr2.df == pytest.approx(wanted.cr2.df, rel=1e-9)


def test_a_fraction_late_in_a_csv_is_not_rounded(tmp_path):
    # The database guesses types from the first twenty thousand rows, and rounds what comes later to fit.
    path = tmp_path / "late.csv"
    path.write_text("site,year,x,y\n" + "A,1,1,0\nB,2,2,1\n" * 15_000 + "B,2,1.5,0.25\n")
    found = cells.cluster_sums(
        path, outcome="y", columns=["x"], cluster="site", period="year", centres={"x": 0.0}
    )
    assert found.xx[1, 0, 1] == 30_001.5
    assert found.xy[1, 0] == 15_000.25
    with pytest.raises(BadData, match="“y” must be 0 or 1; 1 rows"):
        cells.binomial(path, outcome="y", by=["site"])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_are_matched_by_name_and_take_the_widest_type(tmp_path, kind):
    parts = [
        pd.DataFrame({"site": ["A", "B"], "year": [1, 1], "x": [1, 2], "y": [0, 1]}),
        pd.DataFrame({"y": [0, 1], "x": [1.5, 2.25], "year": [2, 2], "site": ["A", "B"]}),
    ]
    paths = [tmp_path / f"{place}.{kind}" for place in range(2)]
    for part, path in zip(parts, paths, strict=True):
        part.to_csv(path, index=False) if kind == "csv" else part.to_parquet(path)
    found = cells.cluster_sums(
        paths, outcome="y", columns=["x"], cluster="site", period="year", centres={"x": 0.0}
    )
    assert found.xx[:, 0, 1].tolist() == [2.5, 4.25]
    assert cells.binomial(paths, outcome="y", by=["x"])["x"].tolist() == [1.0, 1.5, 2.0, 2.25]


def test_a_file_that_lacks_a_column_counts_as_missing_there(rows, tmp_path):
    rows.to_parquet(tmp_path / "1.parquet")
    rows.drop(columns="age").to_parquet(tmp_path / "2.parquet")
    both = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    with pytest.raises(BadData, match="“age” is missing in 400 rows"):
        cells.cluster_sums(both, outcome="y", columns=["age"], cluster="site", period="year")
    with pytest.raises(BadData, match="a file is named twice"):
        cells.binomial([both[0], both[0]], outcome="y", by=["site"])


@pytest.mark.parametrize("name", ["it's", 'a "b"', "st*", "r[1]", "what?", "{a,b}", "a b é", "site=Z"])
def test_a_file_name_is_only_a_name(rows, tmp_path, name):
    stored(rows, tmp_path).rename(tmp_path / f"{name}.parquet")
    rows.to_parquet(tmp_path / "stX.parquet")  # what “st*” would match too
    found = cells.binomial(tmp_path / f"{name}.parquet", outcome="y", by=["site"])
    assert found["trials"].sum() == len(rows)
    assert "Z" not in found["site"].tolist()


def test_a_folder_named_like_a_column_adds_none(rows, tmp_path):
    (tmp_path / "region=north").mkdir()
    rows.to_parquet(tmp_path / "region=north" / "rows.parquet")
    with pytest.raises(BadData, match="no column “region”"):
        cells.binomial(tmp_path / "region=north" / "rows.parquet", outcome="y", by=["region"])


@pytest.mark.parametrize(
    "name", ["n", "key0", "others", "records", "w0", "held0", "cluster_", "select", "a.b", "%s"]
)
def test_columns_named_like_parts_of_the_statement_are_only_names(rows, tmp_path, name):
    found = cells.binomial(
        stored(rows.rename(columns={"age": name}), tmp_path), outcome="y", by=[name, "site"]
    )
    expected = cells.binomial(stored(rows, tmp_path), outcome="y", by=["age", "site"])
    assert found.columns.tolist() == [name, "site", "trials", "events"]
    assert found.to_numpy().tolist() == expected.to_numpy().tolist()
    made, wanted = (
        cells.cluster_sums(
            stored(rows.rename(columns={"age": called}), tmp_path),
            outcome="y",
            columns=[called],
            cluster="site",
            period="year",
        )
        for called in (name, "age")
    )
    assert made.xx == pytest.approx(wanted.xx, rel=1e-12, abs=1e-9)


def test_names_that_the_result_needs_are_refused(rows, tmp_path):
    for name in ("trials", "events"):
        path = stored(rows.rename(columns={"age": name}), tmp_path)
        with pytest.raises(BadData, match=f"“{name}” is what the counts are called"):
            cells.binomial(path, outcome="y", by=[name])
    path = stored(rows.rename(columns={"age": "one"}), tmp_path)
    for columns, complaint in (
        (["one"], "the constant is called"),
        (["y"], "named twice"),
        (["treated"] * 2, "twice"),
    ):
        with pytest.raises(BadData, match=complaint):
            cells.cluster_sums(path, outcome="y", columns=columns, cluster="site", period="year")
    with pytest.raises(BadData, match="named twice"):
        cells.binomial(path, outcome="y", by=["site", "site"])


def test_names_that_differ_in_case_are_told_apart(rows, tmp_path):
    with pytest.raises(BadData, match="no column “AGE”"):
        cells.binomial(stored(rows, tmp_path), outcome="y", by=["AGE"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["age", "weight", "y"])
def test_nan_and_infinity_in_parquet_are_refused_like_null(rows, tmp_path, column, value):
    spoiled = rows.astype({column: "float64"})
    spoiled.loc[[3, 9], column] = value
    path = tmp_path / "rows.parquet"
    pq.write_table(
        pa.Table.from_pandas(spoiled).set_column(
            spoiled.columns.get_loc(column), column, pa.array(spoiled[column].to_numpy(), from_pandas=False)
        ),
        path,
    )
    with pytest.raises(BadData, match=f"“{column}” is missing or infinite in 2 rows"):
        cells.cluster_sums(
            path, outcome="y", columns=["treated", "age"], cluster="site", period="year", weight="weight"
        )


def test_nan_keys_and_outcomes_in_parquet_are_refused(tmp_path):
    table = {"site": pa.array([1.0, float("nan"), None]), "y": pa.array([0.0, 1.0, float("nan")])}
    pq.write_table(pa.table(table), tmp_path / "n.parquet")
    with pytest.raises(BadData, match="“y” must be 0 or 1; 1 rows hold"):
        cells.binomial(tmp_path / "n.parquet", outcome="y", by=["site"])
    pq.write_table(pa.table(table | {"y": pa.array([0, 1, 1])}), tmp_path / "n.parquet")
    with pytest.raises(BadData, match="“site” is missing in 2 rows"):
        cells.binomial(tmp_path / "n.parquet", outcome="y", by=["site"])


@pytest.mark.parametrize(
    ("word", "complaint"),
    [("NaN", "missing or infinite in 1 rows"), ("inf", "missing or infinite in 1 rows"), ("", "missing in 1 rows"),
     ("NA", "“x” has to be numeric, but rows.csv holds varchar"), ("1,5", "cannot be read|no column|varchar")],
)  # fmt: skip
def test_words_for_missing_numbers_in_csv_are_refused(tmp_path, word, complaint):
    path = tmp_path / "rows.csv"
    path.write_text(f"site,year,y,x\nA,1,0,1\nA,1,1,2\nB,1,0,{word}\nB,1,1,2\n")
    with pytest.raises(BadData, match=complaint):
        cells.cluster_sums(path, outcome="y", columns=["x"], cluster="site", period="year")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_without_rows_are_refused(rows, tmp_path, kind):
    with pytest.raises(BadData, match="there are no rows"):
        cells.binomial(stored(rows.iloc[:0], tmp_path, kind), outcome="y", by=["site"])
    (tmp_path / f"nothing.{kind}").write_bytes(b"")
    with pytest.raises(BadData):
        cells.binomial(tmp_path / f"nothing.{kind}", outcome="y", by=["site"])
    with pytest.raises(BadData, match="cannot be read"):
        cells.binomial(tmp_path / f"absent.{kind}", outcome="y", by=["site"])


def test_booleans_dates_and_dictionaries_keep_their_meaning(rows, tmp_path):
    kinds = rows.assign(
        site=pd.Categorical(rows["site"]),
        year=pd.to_datetime(rows["year"].astype(str)).dt.date,
        treated=rows["treated"] == 1,
        y=rows["y"] == 1,
    )
    plain = cells.binomial(stored(rows, tmp_path), outcome="y", by=["site", "year", "treated"])
    found = cells.binomial(stored(kinds, tmp_path), outcome="y", by=["site", "year", "treated"])
    assert found["events"].tolist() == plain["events"].tolist()
    assert found["site"].tolist() == plain["site"].tolist()
    sums = cells.cluster_sums(
        stored(kinds, tmp_path), outcome="y", columns=["treated"], cluster="site", period="year"
    )
    assert sums.names == ("one", "treated", "year 2019-01-01", "year 2020-01-01", "year 2021-01-01")
    assert sums.labels == ("A", "B", "C", "D")
    with pytest.raises(BadData, match=r"“year” has to be numeric, but .* holds date"):
        cells.cluster_sums(
            stored(kinds, tmp_path), outcome="y", columns=["year"], cluster="site", period="treated"
        )


def test_columns_without_any_value_are_missing(tmp_path):
    table = {"site": ["A", "B"], "year": [1, 1], "y": [0, 1], "x": pa.nulls(2)}
    pq.write_table(pa.table(table), tmp_path / "n.parquet")
    with pytest.raises(BadData, match="“x” is missing in 2 rows"):
        cells.cluster_sums(tmp_path / "n.parquet", outcome="y", columns=["x"], cluster="site", period="year")


def test_a_csv_column_without_any_value_is_missing(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("site,year,y,x\nA,1,0,\nB,1,1,\n")
    with pytest.raises(BadData, match="“x” is missing in every row"):
        cells.cluster_sums(path, outcome="y", columns=["x"], cluster="site", period="year")


def test_codes_with_leading_zeros_stay_words(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("site,y\n001,0\n01,1\n001,1\n")
    assert cells.binomial(path, outcome="y", by=["site"])["site"].tolist() == ["001", "01"]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (["10", "9", "-1"], [-1, 9, 10]),
        (["0.5", "10", "9"], [0.5, 9.0, 10.0]),
        (["1", "1.0", "2"], ["1", "1.0", "2"]),
        (["9007199254740993", "9007199254740992"], [9007199254740992, 9007199254740993]),
        (["2020-02-01", "2020-01-01 10:00:00"], ["2020-01-01 10:00:00", "2020-02-01"]),
        (["1_0", "10"], ["10", "1_0"]),
    ],
)
def test_keys_of_csv_files_are_as_written(tmp_path, written, found):
    # The first value fills more rows than the database guesses types from.
    path = tmp_path / "rows.csv"
    path.write_text("key,y\n" + f"{written[0]},1\n" * 25_000 + "".join(f"{key},1\n" for key in written[1:]))
    assert cells.binomial(path, outcome="y", by=["key"])["key"].tolist() == found


def test_a_word_late_in_a_csv_is_refused_by_name(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("site,year,x,y\n" + "A,1,1,0\nB,2,2,1\n" * 15_000 + "B,2,NA,0\n")
    with pytest.raises(BadData, match=r"“x” has to be numeric, but rows.csv holds a word there") as caught:
        cells.cluster_sums(path, outcome="y", columns=["x"], cluster="site", period="year")
    assert "NA" not in str(caught.value)


def test_a_trend_in_periods_keeps_the_names_of_a_csv(rows, tmp_path):
    path = stored(rows, tmp_path, "csv")
    found = cells.cluster_sums(path, outcome="y", columns=["year"], cluster="site", period="year")
    assert found.names[2:] == ("year 2019", "year 2020", "year 2021")


def test_a_single_thread_gives_the_same_digits_again(rows, tmp_path):
    path = stored(pd.concat([rows] * 50), tmp_path)
    with pytest.raises(BadData, match="at least 1"):
        cells.binomial(path, outcome="y", by=["site"], threads=0)
    one, two = (
        cells.cluster_sums(path, outcome="y", columns=["income"], cluster="site", period="year", threads=1)
        for _ in range(2)
    )
    assert one.xx.tolist() == two.xx.tolist()


def test_one_cluster_gives_sums_but_no_estimate(rows, tmp_path):
    path = stored(rows.assign(site="A"), tmp_path)
    found = cells.cluster_sums(path, outcome="y", columns=["age"], cluster="site", period="year")
    assert found.n.tolist() == [len(rows)]
    with pytest.raises(NotIdentified, match="only one cluster"):
        fit(found)


def test_a_sorted_file_misleads_no_centre(tmp_path):
    random = np.random.default_rng(3)
    x = np.concatenate([np.zeros(1_000), 1e9 + random.normal(0, 1, 400_000)])
    rows = pd.DataFrame({"site": np.arange(len(x)) % 5, "year": 1, "x": x, "y": random.normal(0, 1, len(x))})
    late = rows.iloc[1_000:].assign(x=1e6 + random.normal(0, 1, 400_000))
    early = rows.iloc[:1_000].assign(x=1e6 + 300 + random.normal(0, 1, 1_000))
    pd.concat([early, late]).to_parquet(tmp_path / "sorted.parquet")
    found = cells.cluster_sums(
        tmp_path / "sorted.parquet", outcome="y", columns=["x"], cluster="site", period="year"
    )
    assert abs(found.centres["x"] - late["x"].mean()) < 2


@pytest.mark.parametrize("spread", [1, 1_000])
def test_whole_numbers_too_large_for_doubles_are_refused(tmp_path, spread):
    random = np.random.default_rng(3)
    rows = pd.DataFrame({"site": np.arange(90) % 3, "year": 1, "y": random.integers(0, 2, 90)})
    rows["x"] = 2**62 + 512 * spread * random.integers(0, 9, 90)
    rows.to_parquet(tmp_path / "large.parquet")
    with pytest.raises(BadData, match="“x” varies too little beside its size"):
        cells.cluster_sums(
            tmp_path / "large.parquet", outcome="y", columns=["x"], cluster="site", period="year"
        )


def test_whole_numbers_near_the_largest_do_not_overflow(rows, tmp_path):
    large = rows.assign(age=np.where(rows["age"] > 8, 2**63 - 1, -(2**63)))
    found = cells.cluster_sums(
        stored(large, tmp_path), outcome="y", columns=["age"], cluster="site", period="year", centres={}
    )
    assert found.xx[:, 1, 1].sum() == pytest.approx(len(rows) * 2.0**126, rel=1e-12)
    huge = rows.assign(age=np.where(rows["age"] > 8, 1e200, -1e200))
    with pytest.raises(BadData, match="“age” holds numbers too large to be squared"):
        cells.cluster_sums(
            stored(huge, tmp_path), outcome="y", columns=["age"], cluster="site", period="year"
        )


def test_centres_are_checked(rows, tmp_path):
    for centres in ({"aeg": 1.0}, {"age": np.nan}):
        with pytest.raises(BadData, match="The centre of"):
            cells.cluster_sums(
                stored(rows, tmp_path),
                outcome="y",
                columns=["age"],
                cluster="site",
                period="year",
                centres=centres,
            )
    found = cells.cluster_sums(
        stored(rows, tmp_path),
        outcome="y",
        columns=["age"],
        cluster="site",
        period="year",
        centres={"age": np.float64(-9)},
    )
    assert found.centres == {"age": -9.0}


def test_repeated_people_are_counted(rows, tmp_path):
    path = stored(rows.assign(person=[0, 0, 0, *range(3, 400)]), tmp_path)
    assert cells.repeated(path, "person") == 2
    with pytest.raises(BadData, match="“person” is missing in 1 rows"):
        cells.repeated(stored(rows.assign(person=[None, *range(1, 400)]), tmp_path), "person")


def test_statements_are_understood_by_another_database(rows, tmp_path):
    plain = rows.drop(columns="income")
    with sqlite3.connect(":memory:") as database:
        plain.to_sql("records", database, index=False)
        found = database.execute(cells.binomial_sql("y", ["site", "year"])).fetchall()
        statement = cells.cluster_sums_sql(
            "y", ["treated", "age"], cluster="site", period="year", weight="weight", centres={"age": 8.5}
        )
        sums = database.execute(statement).fetchall()
        assert database.execute(cells.repeated_sql("age")).fetchall() == [(400 - rows["age"].nunique(), 0)]
    expected = cells.binomial(stored(plain, tmp_path), outcome="y", by=["site", "year"])
    assert [row[:4] for row in found] == [tuple(row) for row in expected.to_numpy().tolist()]
    assert [row[:3] for row in sums] == [tuple(row[:3]) for row in expected.to_numpy().tolist()]


def test_small_cells_are_never_written(tmp_path):
    made = pd.DataFrame({"site": list("abcde"), "trials": [9, 40, 40, 40, 40], "events": [0, 9, 31, 20, 0]})
    assert cells.write(made, tmp_path / "out.csv") == 4
    assert pd.read_csv(tmp_path / "out.csv")["site"].tolist() == ["d"]
    with pytest.raises(BadData, match="at least 2"):
        cells.write(made, tmp_path / "out.csv", smallest=1)
