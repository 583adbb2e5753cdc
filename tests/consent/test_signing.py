import datetime as dt

import pytest

from consent import gates, signing
from consent.models import Consent
from ipe.errors import Conflict, Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent


def test_record_consent_works(add, form, sign, study):
    person, version = add(), form()
    consent = sign(person, version, quote="no")
    person.refresh_from_db()
    version.refresh_from_db()
    assert (consent.state, person.recruitment, version.is_frozen) == ("given", "consented", True)
    assert {a.item.code: a.answer for a in consent.answers.all()} == {
        "take_part": "yes",
        "record": "yes",
        "quote": "no",
    }
    assert signing.is_as_signed(consent)
    event = AuditEvent.objects.get(action="consent.given")
    assert (event.subject_id, event.counts) == (str(consent.pk), {"items": 3, "replaced": 0})


def test_record_consent_twice_is_recorded_once(add, form, sign):
    person, version = add(), form()
    assert sign(person, version) == sign(person, version)
    assert Consent.objects.count() == 1
    assert AuditEvent.objects.filter(action="consent.given").count() == 1


def test_record_consent_refused_twice_is_recorded_once(add, form, sign):
    person, version = add(), form()
    first = sign(person, version, take_part="no", record="not_asked", quote="not_asked")
    assert sign(person, version, take_part="no", record="not_asked", quote="not_asked") == first
    person.refresh_from_db()
    assert (first.state, person.recruitment) == ("refused", "declined")


@pytest.mark.row("CN-01")
def test_version_with_an_answer_cannot_be_edited(add, form, sign, fieldwork):
    person, version = add(), form()
    signing.edit_version(version, text="Clearer words.", items=[("take_part", "I take part.")], by=fieldwork)
    sign(person, version)
    with pytest.raises(NotReady, match="Make a new version"):
        signing.edit_version(version, text="Other words", items=[("take_part", "x")], by=fieldwork)
    copy = signing.new_version(version, by=fieldwork)
    assert (copy.number, copy.text, copy.is_live, copy.is_frozen) == (2, "Clearer words.", False, False)
    assert [item.wording for item in copy.items.all()] == ["I take part."]


def test_new_version_while_one_is_being_written(form, fieldwork):
    version = form()
    signing.new_version(version, by=fieldwork)
    with pytest.raises(Conflict, match="Version 2 has not been in use"):
        signing.new_version(version, by=fieldwork)


def test_publish_replaces_the_version_in_use_and_twice_changes_nothing(form, fieldwork):
    version = form()
    second = signing.publish(signing.new_version(version, by=fieldwork), by=fieldwork)
    again = signing.publish(second, by=fieldwork)
    version.refresh_from_db()
    assert (version.is_live, again.is_live, again.published_at) == (False, True, second.published_at)
    with pytest.raises(Conflict, match="later version"):
        signing.publish(version, by=fieldwork)


def test_old_consent_reads_as_signed_after_a_new_version(add, form, sign, fieldwork):
    person, version = add(), form()
    consent = sign(person, version)
    second = signing.new_version(version, by=fieldwork)
    signing.edit_version(second, text="New wording.", items=[("take_part", "New item.")], by=fieldwork)
    signing.publish(second, by=fieldwork)
    consent = Consent.objects.get(pk=consent.pk)
    assert signing.snapshot(consent)["text"] == "We would like to talk with you about your work."
    assert signing.is_as_signed(consent)


def test_changed_wording_is_noticed(add, form, sign):
    consent = sign(add(), form())
    consent.version.items.filter(code="quote").update(wording="I agree that my name is printed.")
    assert not signing.is_as_signed(consent)


def test_later_consent_replaces_the_earlier_when_it_covers_its_phases(add, form, sign):
    person, version = add(), form()
    first = sign(person, version, phases=("pre",))
    later = dt.datetime(2026, 11, 10, 9, 0, tzinfo=dt.UTC)
    second = sign(person, version, phases=("12m",), taken_at=later)
    first.refresh_from_db()
    assert first.state == "given"
    third = sign(person, version, phases=("pre", "12m"), taken_at=later + dt.timedelta(days=1))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.replaced_by, second.state) == ("superseded", third, "superseded")


def test_set_aside_is_kept_and_counts_for_nothing(add, form, sign, fieldwork, study):
    person, version = add(), form()
    consent = sign(person, version)
    signing.set_aside(consent, reason="wrong_person", by=fieldwork)
    again = signing.set_aside(consent, reason="not_signed", by=fieldwork)
    person.refresh_from_db()
    assert (again.state, again.process_error, person.recruitment) == (
        "process_error",
        "wrong_person",
        "informed",
    )
    assert gates.answer(person, "take_part") == "not_asked"
    assert AuditEvent.objects.filter(action="consent.set_aside").count() == 1


def test_set_aside_needs_a_reason(add, form, sign, fieldwork):
    with pytest.raises(Invalid):
        signing.set_aside(sign(add(), form()), reason="I typed her name: Ann", by=fieldwork)


@pytest.mark.parametrize("role", ["lead", "researcher", "writer", "data_protection"])
def test_record_consent_by_a_role_that_may_not(role, add, form, sign, request):
    with pytest.raises(Refused):
        sign(add(), form(), by=request.getfixturevalue(role))


def test_record_consent_by_somebody_of_another_site(add, form, sign, other_site, outsider):
    person, version = add(), form()
    for user in (other_site, outsider):
        with pytest.raises(NotFound):
            sign(person, version, by=user)


def test_record_consent_before_the_person_is_informed(add, form, sign):
    with pytest.raises(NotReady, match="has to be informed"):
        sign(add(informed=False), form())


def test_record_consent_on_a_form_of_another_audience(add, form, sign):
    with pytest.raises(Invalid, match="is not"):
        sign(add(), form(audience="adult"))


def test_record_consent_in_the_future(add, form, sign):
    with pytest.raises(Invalid) as caught:
        sign(add(), form(), taken_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    assert set(caught.value.fields) == {"taken_at"}


def test_record_consent_without_phases(add, form, sign):
    with pytest.raises(Invalid) as caught:
        sign(add(), form(), phases=())
    assert set(caught.value.fields) == {"phases"}


def test_record_consent_without_the_answer_about_taking_part(add, form, sign):
    with pytest.raises(Invalid, match="taking part"):
        sign(add(), form(), take_part="not_asked")


def test_record_consent_with_an_item_that_is_not_asked(add, form, sign):
    with pytest.raises(Invalid, match="archive"):
        sign(add(), form(), archive="yes")


def test_record_consent_on_a_version_not_in_use(add, form, sign, fieldwork):
    person, version = add(), form()
    draft = signing.new_version(version, by=fieldwork)
    with pytest.raises(NotReady, match="not in use"):
        sign(person, draft)


def test_form_without_the_item_about_taking_part(study, fieldwork):
    with pytest.raises(Invalid, match="taking part"):
        signing.create_form(
            study, title="A", audience="staff", text="x", items=[("record", "Yes")], by=fieldwork
        )


def test_two_forms_of_one_title(form, study):
    form(title="Staff")
    with pytest.raises(Invalid) as caught:
        form(title="Staff")
    assert set(caught.value.fields) == {"title"}


def test_forms_in_scripts_that_leave_no_code(study, form):
    titles = ("استمارة الموافقة", "אישור השתתפות", "Staff!", "Staff?")
    versions = [form(title=title) for title in titles]
    assert [version.form.code for version in versions] == ["form", "form-2", "staff", "staff-2"]
    with pytest.raises(Invalid, match="Another form has this title"):
        form(title="staff!")
