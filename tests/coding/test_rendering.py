import html
import itertools
import json
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from coding.rendering import CodeLook, TurnBlock, blocks, codes_json, index_of
from coding.segments import Span

CODES = [
    CodeLook(str(n), name, n) for n, name in enumerate(["Workload", 'Time & "space"', "<b>", "D", "E", "F"])
]
TEXT = "At first it felt like one more thing on top of everything else."
TURN = TurnBlock(3, 0, len(TEXT), "P-014", False)


class Reader(HTMLParser):
    """Collects, per turn, its text and for every character the codings of the mark around it."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.turns, self.inside, self.active = [], False, ()
        self.attributes = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.attributes.append((tag, attrs))
        if tag == "p":
            self.turns.append((int(attrs["data-start"]), []))
            self.inside = True
        if tag == "mark":
            self.active = tuple(int(i) for i in attrs["data-codings"].split())

    def handle_endtag(self, tag):
        if tag == "p":
            self.inside = False
        if tag == "mark":
            self.active = ()

    def handle_data(self, data):
        if self.inside:
            self.turns[-1][1].extend((character, frozenset(self.active)) for character in data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def drawn(text, turns, spans, codes=CODES, **kwargs):
    return "".join(page for _, page in blocks(text, turns, spans, codes, **kwargs))


def test_blocks_name_every_code_of_a_stretch():
    page = drawn(TEXT, [TURN], [Span(0, 20, 7, 0), Span(9, 30, 8, 1)])
    names = re.findall(r'title="([^"]*)"', page)
    assert [html.unescape(name) for name in names] == [
        "coded: Workload",
        'coded: Workload, Time & "space"',
        'coded: Time & "space"',
    ]


def test_blocks_first_code_is_background_others_are_lines():
    page = drawn(TEXT, [TURN], [Span(0, 9, n, n) for n in range(3)])
    assert '<mark class="c0 d3 u1 v2" title="coded: Workload' in page


def test_blocks_beyond_three_lines_say_how_many_more():
    page = drawn(TEXT, [TURN], [Span(0, 9, n, n) for n in range(6)])
    assert '<mark class="c0 d4 u1 v2 w3" data-more="2" title=' in page
    assert 'data-codings="0 1 2 3 4 5"' in page


def test_blocks_same_code_by_two_coders_is_one_layer_with_two_codings():
    page = drawn(TEXT, [TURN], [Span(0, 9, 1, 0), Span(0, 9, 2, 0)])
    assert '<mark class="c0" title="coded: Workload" data-codings="1 2">At first </mark>' in page


def test_blocks_escape_text_speaker_and_code_names():
    text = "<script>alert('&')</script>"
    page = drawn(text, [TurnBlock(1, 0, len(text), "<i>", False)], [Span(0, 8, 1, 2)])
    assert "<script>" not in page
    assert "<i>" not in page
    assert 'title="coded: &lt;b&gt;"' in page


def test_blocks_carry_one_coding_over_two_turns_and_a_gap():
    text = "First turn.\n\nSecond turn."
    turns = [TurnBlock(1, 0, 11, "A", False), TurnBlock(2, 13, 25, "B", True)]
    reader = read(drawn(text, turns, [Span(6, 19, 5, 0)]))
    coded = ["".join(c for c, ids in said if ids == {5}) for _, said in reader.turns]
    assert coded == ["turn.", "Second"]


def test_blocks_of_a_slice_equal_those_of_the_whole():
    text = "First turn.\n\nSecond 😀 turn.\nThird."
    turns = [
        TurnBlock(1, 0, 11, "A", False),
        TurnBlock(2, 13, 27, "B", False),
        TurnBlock(3, 28, 34, "A", False),
    ]
    spans = [Span(6, 20, 5, 0), Span(15, 34, 6, 1)]
    whole = blocks(text, turns, spans, CODES)
    assert blocks(text[13:27], turns[1:2], spans, CODES, offset=13) == whole[1:2]


@given(
    st.text(alphabet="ab <&\"'\n😀é\u202e", min_size=1, max_size=80),
    st.lists(st.tuples(st.integers(0, 79), st.integers(1, 40), st.integers(0, 5)), max_size=12),
    st.sets(st.integers(1, 79), max_size=6),
)
def test_blocks_show_every_character_once_under_its_codings(text, rows, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    turns = [TurnBlock(n, a, b, "P", False) for n, (a, b) in enumerate(itertools.pairwise(edges), start=1)]
    spans = [
        Span(a, min(a + length, len(text)), n, code)
        for n, (a, length, code) in enumerate(rows)
        if a < len(text)
    ]
    reader = read(drawn(text, turns, spans))
    shown = [pair for _, said in reader.turns for pair in said]
    assert shown == [
        (character, frozenset(s.id for s in spans if s.start <= at < s.end))
        for at, character in enumerate(text)
    ]
    assert [start for start, _ in reader.turns] == edges[:-1]


def test_json_for_the_browser_cannot_close_its_element():
    assert "</script>" not in codes_json([CodeLook("1", "</script><script>", 3)])
    assert json.loads(codes_json(CODES)) == [list(code) for code in CODES]
    assert json.loads(index_of([Span(5, 9, 2, 1), Span(0, 3, 1, 0)])) == [[0, 3, 1, 0], [5, 9, 2, 1]]
