"""Rows in the order of their keys, whatever the order of rows and columns in the file."""

from __future__ import annotations

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
