"""Rows in the order of their keys, whatever the order of rows and columns in the file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from impact.errors import BadData
from impact.keys import in_order, order


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "child": ["b", "a", "b", "a", "c"],
            "term": [2, 1, 1, 2, 1],
            "on": pd.to_datetime(["2021-01-02", "2021-01-01", None, "2021-01-01", "2020-05-05"]),
            "factors": [["x"], ["y", "z"], [], ["x"], ["x"]],
            "mixed": [1, "1", None, 2.5, True],
            "value": [0.5, np.nan, 0.1, 0.2, 0.3],
        }
    )


def test_order_goes_by_the_first_key_and_then_by_the_next(rows):
    assert order(rows, ["child", "term"]).tolist() == [1, 3, 2, 0, 4]
    assert order(rows, ["term", "child"]).tolist() == [1, 2, 4, 3, 0]


def test_numbers_go_by_size_and_words_by_letters():
    frame = pd.DataFrame({"n": [10, 9, 100], "w": ["10", "9", "100"]})
    assert order(frame, ["n"]).tolist() == [1, 0, 2]
    assert order(frame, ["w"]).tolist() == [0, 2, 1]


def test_keys_that_do_not_tell_rows_apart_are_refused(rows):
    with pytest.raises(BadData, match="2 rows have the same “child” as another"):
        order(rows, ["child"])
    with pytest.raises(BadData, match="The key “on” is missing in 1 rows"):
        order(rows, ["child", "on"])
    with pytest.raises(BadData, match="Did you mean “child”"):
        order(rows, ["chidl"])
    with pytest.raises(BadData, match="at least one column"):
        order(rows, [])


def test_every_order_of_rows_and_columns_becomes_the_same_frame(rows):
    expected = in_order(rows, ["child"])
    assert expected["child"].tolist() == list("aabbc")
    random = np.random.default_rng(1)
    for _ in range(20):
        mixed = rows.iloc[random.permutation(len(rows))][list(random.permutation(rows.columns))]
        pd.testing.assert_frame_equal(in_order(mixed, ["child"])[list(rows.columns)], expected)


def test_rows_that_tie_in_their_first_columns_go_by_the_others():
    frame = pd.DataFrame(
        {"child": ["a"] * 4, "placement": ["U6", "K2", "U1", "K2"], "n": [1.0, 2.0, 3.0, 0.5]}
    )
    for places in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        assert in_order(frame.iloc[places])["n"].tolist() == [0.5, 2.0, 3.0, 1.0]


def test_an_empty_frame_stays_empty():
    assert in_order(pd.DataFrame({"child": []})).empty
    assert in_order(pd.DataFrame()).empty


@pytest.mark.row("ST-08")
@pytest.mark.parametrize(
    "values",
    [
        [-3, 9, 10, 100, 2**70],
        [0.5, 9.0, 10.25, 100.0, 1e300],
        [-1, 9.5, 10, 100.0, 2000],
        [Decimal("-1.5"), Decimal(9), Decimal("10.0"), Decimal(100), Decimal("1e9")],
        [False, True],
        [dt.date(987, 1, 1), dt.date(2019, 12, 31), dt.date(2020, 1, 2)],
        [dt.datetime(987, 1, 1), dt.datetime(2019, 12, 31, 9), dt.datetime(2019, 12, 31, 10)],
        ["10", "100", "9"],
    ],
    ids=["integers", "floats", "both", "decimals", "booleans", "dates", "times", "words"],
)
def test_objects_of_one_kind_go_by_size(values):
    for seed in range(5):
        places = np.random.default_rng(seed).permutation(len(values))
        column = pd.Series([values[place] for place in places], dtype=object)
        assert order(pd.DataFrame({"key": column}), ["key"]).tolist() == np.argsort(places).tolist()


def test_columns_need_not_be_named_by_words():
    frame = pd.DataFrame({2019: [2, 1, 1], "2019": [1, 2, 1], 2020.5: [0.1, 0.2, 0.3]})
    expected = in_order(frame)
    assert expected[2019].tolist() == [1, 1, 2]
    for columns in ([2020.5, "2019", 2019], ["2019", 2019, 2020.5]):
        pd.testing.assert_frame_equal(in_order(frame.iloc[[2, 0, 1]][columns])[list(frame.columns)], expected)


def test_times_with_and_without_a_zone_have_an_order_of_their_words():
    values = [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC), dt.datetime(2019, 1, 1)]
    assert order(pd.DataFrame({"key": pd.Series(values, dtype=object)}), ["key"]).tolist() == [2, 0, 1]
