from hypothesis import given
from hypothesis import strategies as st

from coding.history import Logged, Stacks, stacks


def test_stacks_do_undo_redo():
    log = [Logged(1, "do", None), Logged(2, "do", None), Logged(3, "undo", 2)]
    assert stacks(log) == Stacks((1,), (2,))
    assert stacks([*log, Logged(4, "redo", 2)]) == Stacks((1, 2), ())


def test_stacks_something_new_empties_redo():
    log = [Logged(1, "do", None), Logged(2, "undo", 1), Logged(3, "do", None)]
    assert stacks(log) == Stacks((3,), ())


def test_stacks_pass_over_an_undo_of_an_event_not_given():
    assert stacks([Logged(9, "undo", 2), Logged(10, "do", None)]) == Stacks((10,), ())


@given(st.lists(st.sampled_from(["do", "undo", "redo"]), max_size=60))
def test_stacks_equal_those_of_an_editor(presses):
    log, undo, redo = [], [], []
    for number, press in enumerate(presses, start=1):
        if press == "do":
            log.append(Logged(number, "do", None))
            undo.append(number)
            redo.clear()
        else:
            now = stacks(log)
            of = now.next_undo if press == "undo" else now.next_redo
            if of is None:
                assert not (undo if press == "undo" else redo)
                continue
            log.append(Logged(number, press, of))
            if press == "undo":
                redo.append(undo.pop())
            else:
                undo.append(redo.pop())
    assert stacks(log) == Stacks(tuple(undo), tuple(redo))
