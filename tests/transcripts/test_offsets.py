"""Moving spans by arithmetic: properties over arbitrary texts, and the long random walk."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from transcripts.offsets import (
    BadEdits,
    Edit,
    Mover,
    apply,
    is_clear_of,
    ordered,
    revise,
    verify,
)

ALPHABET = "abc \n[]😀é\u00a0\u202eש"


@st.composite
def texts_with_edits(draw: st.DrawFn, lists: int = 1) -> tuple[str, list[list[Edit]]]:
    text = draw(st.text(ALPHABET, max_size=40))
    every = []
    for _ in range(lists):
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
        edits = []
        for start, end in zip(cuts[::2], cuts[1::2], strict=False):
            if edits and (start, end) == (edits[-1].start, edits[-1].end):
                continue
            edits.append(Edit(start, end, draw(st.text(ALPHABET, max_size=5))))
        every.append(edits)
    return text, every


def test_apply_replaces_removes_and_inserts():
    assert apply("Tom met Ann", [Edit(0, 3, "[P-014]"), Edit(4, 8, ""), Edit(11, 11, "!")]) == "[P-014] Ann!"


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 3, "x"), Edit(2, 4, "y")],
        [Edit(3, 2, "x")],
        [Edit(0, 99, "x")],
        [Edit(-1, 2, "x")],
        [Edit(1, 1, "x"), Edit(1, 1, "y")],
        [Edit(1, 3, "x"), Edit(2, 2, "y")],
    ],
)
def test_edits_that_overlap_or_leave_the_text_are_refused(edits):
    with pytest.raises(BadEdits):
        ordered(edits, 10)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 3), "Yes"),
        ((4, 7), "[P-014]"),  # the name itself
        ((5, 7), "[P-014]"),  # begins inside it
        ((0, 6), "Yes [P-014]"),  # ends inside it
        ((5, 6), "[P-014]"),  # lies wholly inside it
        ((5, 11), "[P-014] met"),
        ((7, 11), " met"),
        ((8, 14), "met [P-002]"),
    ],
)
def test_a_span_that_cuts_a_name_snaps_outward_to_the_whole_placeholder(span, expected):
    before = "Yes Tom met Ann too"
    edits = [Edit(4, 7, "[P-014]"), Edit(12, 15, "[P-002]")]
    start, end = Mover(edits).span(span)
    assert apply(before, edits)[start:end] == expected


def test_a_span_whose_text_is_removed_is_gone_and_one_that_is_cut_shrinks():
    edits = [Edit(4, 12, "")]
    assert Mover(edits).span((5, 11)) is None
    assert Mover(edits).span((4, 12)) is None
    assert Mover(edits).span((0, 6)) == (0, 4)
    assert Mover(edits).span((10, 15)) == (4, 7)


def test_text_inserted_at_the_edge_of_a_span_stays_outside():
    edits = [Edit(3, 3, "xx")]
    assert Mover(edits).span((0, 3)) == (0, 3)
    assert Mover(edits).span((3, 5)) == (5, 7)
    assert Mover(edits).span((1, 5)) == (1, 7)


@given(texts_with_edits(), st.data())
def test_a_moved_span_covers_exactly_what_the_edits_predict(case, data):
    text, [edits] = case
    a, b = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    mover, after = Mover(edits), apply(text, edits)
    moved = mover.span((a, b))
    if moved is None:
        assert a == b or mover.predicted(text, (a, b)) == ""
    else:
        assert after[slice(*moved)] == mover.predicted(text, (a, b)) != ""


@given(texts_with_edits(), st.data())
def test_order_and_nesting_of_spans_survive(case, data):
    text, [edits] = case
    points = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    mover = Mover(edits)
    outer, inner = mover.span((points[0], points[3])), mover.span((points[1], points[2]))
    if inner is not None:
        assert outer is not None
        assert outer[0] <= inner[0] < inner[1] <= outer[1]


@given(texts_with_edits())
def test_verify_accepts_the_true_text_only(case):
    text, [edits] = case
    after = apply(text, edits)
    verify(text, after, edits)
    with pytest.raises(BadEdits):
        verify(text, after + "x", edits)
    if after:
        wrong = "z" + after[1:]
        with pytest.raises(BadEdits):
            verify(text, wrong, edits)


@given(texts_with_edits(lists=2))
def test_revise_turns_one_rendering_into_the_other(case):
    text, [before, after] = case
    assert apply(apply(text, before), revise(text, before, after)) == apply(text, after)


@given(texts_with_edits())
def test_revise_of_the_same_list_is_no_edit(case):
    text, [edits] = case
    assert revise(text, edits, edits) == ()


@given(texts_with_edits(), st.data())
def test_back_covers_the_span_it_came_from(case, data):
    text, [edits] = case
    edits = [
        e for e in edits if e.start < e.end
    ]  # an insertion is made of no old text, so nothing leads back from it
    mover, after = Mover(edits), apply(text, edits)
    a, b = sorted((data.draw(st.integers(0, len(after))), data.draw(st.integers(0, len(after)))))
    assume(a < b)
    start, end = mover.back((a, b))
    moved = mover.span((start, end))
    assert moved is not None
    assert moved[0] <= a
    assert b <= moved[1]


@given(texts_with_edits())
def test_placeholders_stand_where_they_are_said_to_stand(case):
    text, [edits] = case
    after = apply(text, edits)
    spans = Mover(edits).placeholders()
    assert [after[a:b] for a, b in spans] == [e.text for e in ordered(edits) if e.text]


def test_touching_is_not_overlapping():
    assert is_clear_of((3, 5), [(0, 3), (5, 9)])
    assert not is_clear_of((3, 5), [(4, 5)])


@pytest.mark.row("PS-07")
@pytest.mark.parametrize(
    ("seed", "n_steps"), [(0, 60), *(pytest.param(seed, 500, marks=pytest.mark.slow) for seed in range(3))]
)
def test_random_replace_undo_redact_and_correct_steps_leave_every_coding_where_the_edits_predict(
    seed, n_steps
):
    """The oracle knows nothing of the arithmetic: it carries each character's identity through the
    steps one by one."""
    dice = random.Random(seed)
    original = "".join(dice.choice("abcde fgh\n😀é") for _ in range(600))
    accepted: dict[tuple[int, int], str] = {}
    undone: list[tuple[tuple[int, int], str]] = []
    # Every character of the current text as the original characters it stands for, with a mark for its
    # placeholder.
    codings = [sorted(dice.sample(range(600), 2)) for _ in range(60)]
    spans: list[tuple[int, int] | None] = [(a, b) for a, b in codings]
    current = original
    # What each coding must cover, as a set of original positions (or nothing once all of it is removed).
    owed: list[set[int]] = [set(range(a, b)) for a, b in codings]
    kinds = set()
    for step in range(n_steps):
        before_list = [Edit(a, b, t) for (a, b), t in accepted.items()]
        kind = dice.choice(["replace", "undo", "redact", "correct", "replace"])
        if kind == "replace" or (kind == "redact" and step % 5 == 0):
            a = dice.randrange(590)
            span = (a, a + dice.randrange(1, 10))
            if not is_clear_of(span, accepted):
                continue
            accepted[span] = "" if kind == "redact" else f"[P{dice.randrange(99)}]"
        elif kind == "undo" and accepted:
            span = dice.choice(sorted(accepted))
            undone.append((span, accepted.pop(span)))
        elif kind == "correct" and accepted:
            span = dice.choice(sorted(accepted))
            if accepted[span]:
                accepted[span] = f"[Place {dice.randrange(999)}]"
        else:
            continue
        kinds.add(kind)
        after_list = [Edit(a, b, t) for (a, b), t in accepted.items()]
        edits = revise(original, before_list, after_list)
        after = apply(current, edits)
        verify(current, after, edits)
        assert after == apply(original, after_list)
        mover = Mover(edits)
        # Each character of the text knows which original positions it stands for.
        stands_for: list[frozenset[int]] = []
        at = 0
        for edit in ordered(after_list):
            stands_for += [frozenset([i]) for i in range(at, edit.start)]
            stands_for += [frozenset(range(edit.start, edit.end))] * len(edit.text)
            at = edit.end
        stands_for += [frozenset([i]) for i in range(at, 600)]
        present = set().union(*stands_for)
        placed = [set(range(a, b)) for (a, b), t in accepted.items() if t]
        once_placed = set().union(*(set(range(*s)) for s, _ in undone), set())
        for n, old in enumerate(spans):
            if old is None:
                continue
            moved = mover.span(old)
            if moved is None:
                # Gone only when every character that it covered has been removed from the text.
                assert not present & owed[n]
                spans[n], owed[n] = None, set()
                continue
            assert after[slice(*moved)] == mover.predicted(current, old)
            covered = set().union(*stands_for[slice(*moved)])
            assert present & owed[n] <= covered
            # Whatever it covers beyond what it covered before belongs to a placeholder that it touches.
            touched = set().union(*(p for p in placed if p & owed[n]), set())
            assert covered <= owed[n] | touched | once_placed
            spans[n], owed[n] = moved, covered
        current = after
    assert kinds == {"replace", "undo", "redact", "correct"}


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_revising_step_by_step_is_the_same_as_revising_at_once(seed):
    dice = random.Random(seed)
    original = "".join(dice.choice("abc ") for _ in range(50))
    lists: list[list[Edit]] = [[]]
    for _ in range(4):
        spans: list[tuple[int, int]] = []
        for _ in range(5):
            a = dice.randrange(45)
            span = (a, a + dice.randrange(1, 5))
            if is_clear_of(span, spans):
                spans.append(span)
        lists.append([Edit(a, b, f"[{dice.randrange(9)}]") for a, b in spans])
    text = original
    for before, after in pairwise(lists):
        text = apply(text, revise(original, before, after))
    assert text == apply(original, lists[-1])
