import pytest

from consent import gates, signing, withdrawal
from consent.models import Participant
from ipe.errors import NotReady


@pytest.mark.row("CN-03")
def test_require_names_item_and_code(add, form, sign, study):
    person, phase = add(), study.phases.get(code="12m")
    sign(person, form(), quote="no", record="not_asked")
    gates.require(person, "take_part", phase)
    with pytest.raises(NotReady, match="P-001 said no to “being quoted” for 12 months"):
        gates.require(person, "quote", phase)
    with pytest.raises(NotReady, match="P-001 was not asked about “being recorded”"):
        gates.require(person, "record", phase)


def test_quotable_in_the_same_queries_for_one_and_three(add, form, sign, study, django_assert_num_queries):
    version, phase = form(), study.phases.get(code="12m")
    people = [add(f"Person {n}") for n in range(3)]
    sign(people[0], version)
    sign(people[1], version, quote="no")
    for wanted in (people[:1], people):
        with django_assert_num_queries(5):
            found = gates.quotable([p.pk for p in wanted], phase)
        assert found == {p.pk: p == people[0] for p in wanted}


def test_quotable_of_an_unknown_id_is_false(study):
    assert gates.quotable([study.pk]) == {study.pk: False}


def test_erased_person_agreed_to_nothing(add, form, sign, fieldwork):
    person = add()
    sign(person, form())
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    person = Participant.objects.get(pk=person.pk)
    assert set(gates.answers(person).values()) == {"no"}
    assert gates.quotable([person.pk]) == {person.pk: False}


@pytest.mark.row("CN-13")
def test_readiness_needs_consent_for_the_phase(add, form, sign, study):
    person = add()
    sign(person, form(), phases=("pre",))
    assert gates.readiness(person, study.phases.get(code="pre")).is_ready
    later = gates.readiness(person, study.phases.get(code="12m"))
    assert later.reasons == ("P-001 has no consent that covers 12 months.",)


@pytest.mark.row("CN-09")
def test_readiness_of_a_child_needs_both(add, form, sign, study):
    child = add(kind="family", age_band="under_16")
    phase = study.phases.get(code="12m")
    own = form("child", items=[("take_part", "I want to take part.")])
    adult = form("responsible_adult", items=[("take_part", "My child may take part.")])
    assert len(gates.readiness(child, phase).reasons) == 2
    sign(child, own)
    child.refresh_from_db()
    assert child.recruitment == "informed"
    assert gates.readiness(child, phase).reasons == (
        "P-001 is under 16 and no consent of an adult responsible covers 12 months.",
    )
    sign(child, adult, signatory="parent")
    child.refresh_from_db()
    assert child.recruitment == "consented"
    assert gates.readiness(child, phase).is_ready
    sign(child, adult, signatory="local_authority", take_part="no")
    assert gates.readiness(child, phase).reasons == ("An adult responsible for P-001 said no to 12 months.",)


def test_new_version_that_asks_again_blocks_until_signed(add, form, sign, study, fieldwork):
    person, version = add(), form()
    phase = study.phases.get(code="12m")
    sign(person, version)
    second = signing.publish(
        signing.new_version(version, by=fieldwork), by=fieldwork, requires_reconsent=True
    )
    assert list(signing.to_ask_again(second)) == [person]
    assert gates.readiness(person, phase).reasons == (
        "P-001 has to be asked again: “Form for staff” is now version 2.",
    )
    sign(person, second)
    assert gates.readiness(person, phase).is_ready
    assert list(signing.to_ask_again(second)) == []


def test_withdrawn_person_is_not_ready(add, form, sign, study, fieldwork):
    person = add()
    sign(person, form())
    withdrawal.withdraw(person, scope="contact", by=fieldwork)
    person.refresh_from_db()
    ready = gates.readiness(person, study.phases.get(code="12m"))
    assert ready.reasons == ("P-001 has withdrawn.",)


@pytest.mark.parametrize("scope", ["contact", "future"])
def test_withdrawn_person_is_not_contacted_again(scope, add, form, sign, study, fieldwork):
    person = add()
    sign(person, form(items=[("take_part", "I take part."), ("recontact", "Contact me again.")]))
    assert gates.answer(person, "recontact") == "yes"
    withdrawal.withdraw(person, scope=scope, by=fieldwork)
    person = Participant.objects.get(pk=person.pk)
    assert gates.answer(person, "recontact") == gates.answers(person)["recontact"] == "no"
    assert gates.answers(person)["take_part"] == "yes"
