import datetime as dt
import uuid

import pytest

from consent.standing import Signed, standing

FORM, OTHER = uuid.uuid4(), uuid.uuid4()
PRE, LATER = uuid.uuid4(), uuid.uuid4()


def signed(state="given", *, form=FORM, who="own", day=1, phases=(LATER,), **answers):
    return Signed(
        form_id=form,
        signatory=who,
        taken_at=dt.datetime(2026, 11, day, tzinfo=dt.UTC),
        state=state,
        phases=frozenset(phases),
        answers={"take_part": "yes", **answers},
    )


def answer(*records, item="quote", phase=LATER, needs_adult=False):
    return standing(records, item, phase, needs_adult=needs_adult)


def test_nothing_signed_is_not_asked():
    assert answer() == "not_asked"


@pytest.mark.row("CN-03")
def test_item_that_is_not_on_the_form_is_not_asked():
    assert answer(signed(record="yes")) == "not_asked"


@pytest.mark.row("CN-03")
@pytest.mark.parametrize("said", ["yes", "no", "not_asked"])
def test_answer_is_what_was_said(said):
    assert answer(signed(quote=said)) == said


@pytest.mark.parametrize("state", ["refused", "withdrawn"])
def test_refusal_and_withdrawal_are_no_to_everything(state):
    assert answer(signed(state, quote="yes")) == "no"


@pytest.mark.parametrize("state", ["superseded", "process_error"])
def test_replaced_and_set_aside_count_for_nothing(state):
    assert answer(signed(state, quote="yes")) == "not_asked"


def test_no_to_taking_part_is_no_to_every_item():
    assert answer(signed(take_part="no", quote="yes")) == "no"


@pytest.mark.row("CN-13")
def test_consent_of_another_phase_does_not_cover_this_one():
    assert answer(signed(phases=(PRE,), quote="yes")) == "not_asked"


def test_latest_of_a_form_counts():
    assert answer(signed(day=1, quote="yes"), signed(day=2, quote="no")) == "no"
    assert answer(signed(day=1, quote="no"), signed(day=2, quote="yes")) == "yes"


def test_no_on_one_form_outweighs_yes_on_another():
    assert answer(signed(quote="yes"), signed(form=OTHER, quote="no")) == "no"


def test_without_a_phase_a_no_for_any_counts():
    records = signed(phases=(PRE,), quote="no"), signed(day=2, quote="yes")
    assert answer(*records, phase=None) == "no"
    assert answer(*records, phase=LATER) == "yes"


@pytest.mark.row("CN-09")
@pytest.mark.parametrize(
    ("child", "adult", "expected"),
    [
        ("yes", "yes", "yes"),
        ("yes", "no", "no"),
        ("no", "yes", "no"),
        ("yes", "not_asked", "not_asked"),
        ("not_asked", "yes", "not_asked"),
        ("not_asked", "no", "no"),
    ],
)
def test_child_under_16_needs_both(child, adult, expected):
    records = signed(quote=child), signed(form=OTHER, who="parent", quote=adult)
    assert answer(*records, needs_adult=True) == expected


def test_two_adults_who_disagree_block():
    records = (
        signed(quote="yes"),
        signed(form=OTHER, who="parent", quote="yes"),
        signed(form=OTHER, who="local_authority", quote="no"),
    )
    assert answer(*records, needs_adult=True) == "no"


def test_adult_of_a_young_person_of_16_does_not_answer_for_them():
    assert answer(signed(form=OTHER, who="parent", quote="yes")) == "not_asked"
