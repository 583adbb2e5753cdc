from __future__ import annotations

import datetime as dt

import pytest

from exports.table import Band, Column, Count, Cover, Hidden, Rich, Run, Share, Table, across, plain

COLUMNS = [Column("a", "A"), Column("n", "N", "count")]


def test_table_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="2 cells for 1"):
        Table.of("T", COLUMNS[:1], [["x", 1]])
    with pytest.raises(ValueError, match="unknown columns: b"):
        Table.of("T", COLUMNS, [{"b": 1}])
    with pytest.raises(ValueError, match="repeat"):
        Table.of("T", [COLUMNS[0], COLUMNS[0]], [])
    with pytest.raises(ValueError, match="unknown columns: base"):
        Table.of("T", [Column("n", "N", "count", part_of="base")], [])
    with pytest.raises(ValueError, match="relation"):
        Table.of("T", COLUMNS, [["x", 1]], relations=across([1], total="n", parts=["n"]))


def test_counts_and_shares_agree_with_the_people_they_name():
    assert Count.of(["a", "b", "a"]) == Count(2, frozenset({"a", "b"}))
    with pytest.raises(ValueError, match="must equal"):
        Count(3, frozenset({"a"}))
    with pytest.raises(ValueError, match="negative"):
        Count(-1)
    with pytest.raises(ValueError, match="between"):
        Share(3, 2)
    assert Share(0, 0).percent is None


def test_records_are_plain_and_hidden_is_none():
    columns = [Column(key, key) for key in "abcdefgh"]
    row = [
        Count(3),
        Share(1, 8),
        Band("≥ 90%"),
        Hidden("c"),
        Rich((Run("x", bold=True), Run("y"))),
        dt.date(2026, 11, 21),
        None,
        float("nan"),
    ]
    assert Table.of("T", columns, [row]).records() == [
        {"a": 3, "b": 12.5, "c": None, "d": None, "e": "xy", "f": "2026-11-21", "g": None, "h": None}
    ]
    assert plain(True) is True


def test_hash_is_of_content_not_of_cover_or_time():
    table = Table.of("T", COLUMNS, [["x", 1]])
    cover = Cover("Study", dt.datetime(2026, 11, 21, tzinfo=dt.UTC))
    assert table.with_cover(cover).data_hash() == table.data_hash()
    assert Table.of("T", COLUMNS, [["x", 2]]).data_hash() != table.data_hash()


def test_cover_tells_its_time_in_utc():
    with pytest.raises(ValueError, match="UTC"):
        Cover("Study", dt.datetime(2026, 11, 21, tzinfo=dt.timezone(dt.timedelta(hours=1))))
    lines = dict(Cover("Study", dt.datetime(2026, 11, 21, tzinfo=dt.UTC), is_draft=True).lines())
    assert lines["Status"] == "DRAFT: not for publication"
