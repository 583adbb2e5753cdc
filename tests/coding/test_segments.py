from hypothesis import given
from hypothesis import strategies as st

from coding.segments import IntervalIndex, Segment, Span, segments, trimmed


def flat(spans):
    return [(s.start, s.end, [x.id for x in s.spans]) for s in segments(spans)]


def test_segments_same_code_twice_keeps_its_tail():
    # OpenQDA kept a set of codes, so closing the first coding lost the tail of the second.
    assert flat([Span(0, 10, 1, 0), Span(5, 20, 2, 0)]) == [(0, 5, [1]), (5, 10, [1, 2]), (10, 20, [2])]


def test_segments_touching_spans_do_not_overlap():
    assert flat([Span(0, 5, 1, 0), Span(5, 9, 2, 1)]) == [(0, 5, [1]), (5, 9, [2])]


def test_segments_begin_together_are_ordered_by_code():
    assert flat([Span(3, 6, 9, 1), Span(3, 8, 4, 0)]) == [(3, 6, [4, 9]), (6, 8, [4])]


def test_segments_ignores_empty_spans():
    assert segments([Span(4, 4, 1, 0), Span(6, 5, 2, 0)]) == []


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(0, 4)).map(
        lambda t: (t[0], t[0] + t[1], t[2])
    ),
    max_size=25,
).map(lambda rows: [Span(a, b, n, code) for n, (a, b, code) in enumerate(rows)])


@given(spans)
def test_segments_say_of_every_character_which_codings_cover_it(rows):
    cut = segments(rows)
    by_position = {
        position: {span.id for span in segment.spans}
        for segment in cut
        for position in range(segment.start, segment.end)
    }
    expected = {
        position: {span.id for span in rows if span.start <= position < span.end} for position in range(100)
    }
    assert by_position == {position: ids for position, ids in expected.items() if ids}
    assert cut == sorted(cut, key=lambda segment: segment.start)
    assert all(isinstance(segment, Segment) and segment.start < segment.end for segment in cut)


@given(spans, st.integers(0, 90), st.integers(1, 30))
def test_interval_index_finds_what_a_search_through_all_finds(rows, start, length):
    found = IntervalIndex.of(rows).touching(start, start + length)
    assert {span.id for span in found} == {
        span.id for span in rows if span.start < start + length and span.end > start
    }
    assert [span.start for span in found] == sorted(span.start for span in found)


def test_trimmed_drops_outer_whitespace_of_every_kind():
    text = "one \u00a0\n two\u2003 three"
    assert trimmed(text, 3, 11) == (7, 10)
    assert text[7:10] == "two"


def test_trimmed_refuses_blank():
    assert trimmed("one  \n two", 3, 7) is None


def test_trimmed_counts_code_points():
    assert trimmed("😀 😀 ", 1, 4) == (2, 3)
