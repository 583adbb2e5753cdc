import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from coding.evidence import Evidence, Reach, Staleness, by_cell, staleness, uncovered

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def coding(id, start=0, end=5, version="v", code="c", at=NOON):
    return Evidence(id, version, start, end, code, at)


def test_reach_by_speaker_and_by_document():
    reach = Reach()
    reach.add_document("v", "group")
    reach.add_turns("v", "P-1", [(0, 10), (20, 30)])
    reach.add_turns("v", "P-2", [(10, 20)])
    assert reach.cases("v", 5, 8) == {"group", "P-1"}
    assert reach.cases("v", 8, 12) == {"group", "P-1", "P-2"}
    assert reach.cases("v", 10, 20) == {"group", "P-2"}
    assert reach.cases("other", 0, 5) == set()


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from("abc")), max_size=12),
    st.integers(0, 60),
    st.integers(1, 20),
)
def test_reach_finds_what_a_search_through_all_finds(lengths, start, length):
    reach, turns, at = Reach(), [], 0
    for size, case in lengths:
        turns.append((at, at + size, case))
        at += size + 1
    for case in "abc":
        reach.add_turns("v", case, [(a, b) for a, b, c in turns if c == case])
    assert reach.cases("v", start, start + length) == {
        c for a, b, c in turns if a < start + length and start < b
    }


def test_by_cell_one_coding_may_feed_two_cells():
    reach = Reach()
    reach.add_document("v", "P-1")
    reach.add_document("v", "site A")
    found = by_cell([coding(1), coding(2, code="other")], reach, {"c": ["2.1"]})
    assert found == {("P-1", "2.1"): [coding(1)], ("site A", "2.1"): [coding(1)]}


def test_staleness_says_what_is_new_changed_and_gone():
    later = NOON + dt.timedelta(hours=1)
    now = [coding(1), coding(2, at=later), coding(4)]
    stale = staleness(now, [1, 2, 3], NOON)
    assert stale == Staleness((4,), (2,), (3,))
    assert stale.words == "1 new, 1 changed, 1 gone"


def test_staleness_is_false_when_nothing_happened():
    assert not staleness([coding(1)], [1], NOON)


def test_uncovered_lists_codings_that_no_link_touches():
    now = [coding(1, 0, 5), coding(2, 10, 20), coding(3, 0, 5, version="w")]
    assert uncovered(now, [("v", 4, 8)]) == [coding(2, 10, 20), coding(3, 0, 5, version="w")]
