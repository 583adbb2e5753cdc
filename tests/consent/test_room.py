import datetime as dt
from types import SimpleNamespace

import pytest
from django.urls import reverse
from pydantic import TypeAdapter, ValidationError

from consent import recruiting, room, signing, withdrawal
from consent.models import RosterDraft
from consent.rosters import Listed
from consent.section import ConsentForms
from ipe.errors import Invalid

TODAY = dt.date(2026, 11, 21)
STAFF = {
    "code": "staff",
    "title": "Staff interviews",
    "audience": "staff",
    "in_use": True,
    "text": "We ask you to take part.",
    "items": [{"code": "take_part", "wording": "I take part."}, {"code": "quote", "wording": "Quote me."}],
}
ADULTS = {**STAFF, "code": "adults", "title": "Families", "audience": "adult", "in_use": False}


def parts(*rows):
    return TypeAdapter(ConsentForms.model).validate_python(list(rows))


def write(study, *rows):
    ConsentForms().write(study, parts(*rows), SimpleNamespace())


def test_section_reads_what_it_wrote(study):
    write(study, ADULTS, STAFF)
    assert ConsentForms().read(study) == parts(ADULTS, STAFF)
    write(study, STAFF)
    write(study, STAFF)
    assert ConsentForms().read(study) == parts(STAFF)
    assert [v.number for v in study.consent_forms.get().versions.all()] == [1]


def test_section_with_new_wording_of_an_answered_form_makes_a_version(study, add, sign):
    write(study, STAFF)
    version = study.consent_forms.get().versions.get()
    sign(add(), version)
    write(study, {**STAFF, "text": "New words."})
    versions = {v.number: (v.text, v.is_live) for v in study.consent_forms.get().versions.all()}
    assert versions == {1: ("We ask you to take part.", False), 2: ("New words.", True)}
    version.refresh_from_db()
    assert signing.is_as_signed(version.consents.get())
    with pytest.raises(Invalid, match="cannot be left out"):
        write(study)


def test_section_with_new_wording_of_an_unanswered_form_changes_it(study):
    write(study, STAFF)
    write(study, {**STAFF, "text": "New words."})
    assert [v.text for v in study.consent_forms.get().versions.all()] == ["New words."]


@pytest.mark.parametrize(
    "changes",
    [
        {"items": []},
        {"items": [{"code": "quote", "wording": "x"}]},
        {"items": STAFF["items"] * 2},
        {"audience": "everybody"},
        {"unknown": 1},
        {"text": ""},
    ],
)
def test_section_refuses_bad_parts(changes):
    with pytest.raises(ValidationError):
        parts({**STAFF, **changes})


def test_section_refuses_one_code_twice(study):
    with pytest.raises(Invalid, match="Two consent forms"):
        write(study, STAFF, STAFF)


def test_due_lists_people_to_ask_again_and_unfinished_withdrawals(
    study, add, form, sign, fieldwork, other_site, run_jobs
):
    one, two, version = add("One"), add("Two"), form()
    sign(one, version)
    signing.publish(signing.new_version(version, by=fieldwork), by=fieldwork, requires_reconsent=True)
    withdrawal.withdraw(two, scope="delete", by=fieldwork)
    labels = [item.label for item in room.due(study, fieldwork, TODAY)]
    assert labels == [
        "Ask P-001 again: “Form for staff” has a new version",
        "Withdrawal of P-002 is not finished",
    ]
    assert room.due(study, other_site, TODAY) == []
    run_jobs()
    assert [item.label for item in room.due(study, fieldwork, TODAY)] == labels[:1]


def test_find_names_places_and_repeats_nothing(study, add, form, wave, site_a):
    add("Ann Canary", wave=wave(site_a, "12m"), group="managers", role_title="Canary manager")
    form(title="Canary form", items=[("take_part", "The canary takes part.")])
    hits = room.find(study, "canary")
    assert [hit.label for hit in hits] == [
        "Role of P-001",
        "Consent form, Canary form, version 1",
        "Contact details of P-001",
    ]
    assert room.find(study, " ") == []


def test_retain_lists_old_drafts_and_contact_details(study, site_a, fieldwork, add):
    add()
    people = [Listed(row=2, name="Ann")]
    draft = recruiting.stage_roster(study, site=site_a, kind="staff", people=people, by=fieldwork)
    assert room.retain(study, TODAY) == []
    RosterDraft.objects.filter(pk=draft.pk).update(created_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC))
    study.analysis_cut_off_on = TODAY
    found = {item.data_class: item.n_rows for item in room.retain(study, TODAY)}
    assert found == {"unfinished lists": 1, "contact details": 1}


def test_overview_says_what_is_kept_too_long_to_who_answers_for_it(
    study, add, lead, data_protection, fieldwork, login
):
    add()
    study.analysis_cut_off_on = TODAY
    study.save()
    page = reverse("overview", kwargs={"slug": study.slug})
    for user, is_told in ((lead, True), (data_protection, True), (fieldwork, False)):
        assert ("Still kept: 1 contact details" in login(user).get(page).content.decode()) == is_told


def test_evidence_keeps_sites_waves_and_phases(study, site_a, wave, add, form, sign):
    person = add(wave=wave(site_a, "12m"), group="managers")
    sign(person, form())
    assert room.evidence(site_a) == {"people": 1}
    assert room.evidence(wave(site_a, "12m")) == {"roles of people": 1}
    assert room.evidence(study.phases.get(code="12m")) == {"roles of people": 1, "consents": 1}
    assert room.evidence(study) == {}
