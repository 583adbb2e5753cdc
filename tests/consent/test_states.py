"""No path of moves leaves the tables, and what a consent brings about is never set by hand."""

import random

import pytest

from consent import recruiting, signing
from consent.states import (
    BY_CONSENT_ONLY,
    CONSENT_MOVES,
    RECRUITMENT_MOVES,
    ConsentState,
    Recruitment,
    covers,
    may_become,
    may_move,
    moves_by_hand,
)
from ipe.errors import NotReady


def test_every_state_has_its_moves():
    assert set(RECRUITMENT_MOVES) == set(Recruitment)
    assert set(CONSENT_MOVES) == set(ConsentState)


@pytest.mark.parametrize("frm", Recruitment)
@pytest.mark.parametrize("to", Recruitment)
def test_hand_moves_are_the_table_without_what_a_consent_brings_about(frm, to):
    assert may_move(frm, to) == (to in RECRUITMENT_MOVES[frm] and (frm, to) not in BY_CONSENT_ONLY)
    assert (to in moves_by_hand(frm)) == may_move(frm, to)


def test_nobody_becomes_consented_by_hand():
    assert [frm for frm in Recruitment if may_move(frm, Recruitment.CONSENTED)] == []


def test_ended_consents_stay_ended():
    assert CONSENT_MOVES[ConsentState.WITHDRAWN] == CONSENT_MOVES[ConsentState.PROCESS_ERROR] == frozenset()
    assert [s for s in ConsentState if may_become(s, ConsentState.GIVEN)] == []


def test_scopes_include_the_ones_before():
    assert [
        covers(a, b) for a in ("contact", "future", "delete") for b in ("contact", "future", "delete")
    ] == [
        *(True, False, False),
        *(True, True, False),
        *(True, True, True),
    ]
    assert not covers("", "contact")


@pytest.mark.parametrize("seed", range(25))
def test_random_walks_through_the_acts_follow_the_table(seed, add, fieldwork):
    """Any sequence of wishes: what the table allows happens, all else is refused and changes nothing."""
    chance = random.Random(seed)
    person = add(informed=False)
    state = person.recruitment
    for _ in range(12):
        to = chance.choice([*Recruitment.values, "unheard of", ""])
        if to == state:
            assert recruiting.move_recruitment(person, to=to, by=fieldwork).recruitment == state
        elif to in Recruitment.values and may_move(state, to):
            state = recruiting.move_recruitment(person, to=to, by=fieldwork).recruitment
            assert state == to
        else:
            with pytest.raises(NotReady):
                recruiting.move_recruitment(person, to=to, by=fieldwork)
        person.refresh_from_db()
        assert person.recruitment == state


@pytest.mark.parametrize("seed", range(10))
def test_random_walks_of_a_consent_follow_the_table(seed, add, form, sign):
    chance = random.Random(seed)
    consent = sign(add(), form())
    for _ in range(6):
        frm, to = consent.state, chance.choice(ConsentState.values)
        changes = {"process_error": "wrong_person"} if to == ConsentState.PROCESS_ERROR else {}
        if may_become(frm, to):
            signing._become(consent, to, **changes)
            expected = to
        else:
            with pytest.raises(NotReady):
                signing._become(consent, to, **changes)
            expected = frm
        consent.refresh_from_db()
        assert consent.state == expected
