import datetime as dt

import pytest
from django.utils import timezone

from consent.models import Participant
from ipe import rooms, vault
from ipe.models import Indicator, StoredFile, Threshold
from ipe.rooms import Erasure
from surveys import intake, mapping, room
from surveys.models import Answer, Intake, Response
from tests.surveys.conftest import answers, as_csv, fifty

TODAY = dt.date(2026, 11, 21)


@pytest.fixture
def linked(study, instrument, wave, site_a, run_jobs):
    """A stored linked survey of two people, and a draft of the next wave."""
    instrument.is_linked = True
    instrument.save()
    people = [
        Participant.objects.create(evaluation=study, site=site_a, code=code, kind="staff")
        for code in ("P-001", "P-002")
    ]
    part = mapping.checked(
        {
            "mapping": 1,
            "name": "linked",
            "respondent": {"participant": {"column": "who"}},
            "items": {"useful": {"column": "useful"}, "comment": {"column": "comment"}},
        }
    )
    saved = intake.save_mapping(instrument, part=part, by=None)

    def opened(phase):
        data = as_csv(
            [{"who": p.code, "useful": "Agree", "comment": f"Canary of {p.code}"} for p in people],
            ["who", "useful", "comment"],
        )
        row = intake.open_intake(instrument, wave=wave(site_a, phase), file_name="a.csv", data=data, by=None)
        return intake.choose_mapping(row, mapping=saved, by=None)

    intake.confirm(opened("12m"), by=None)
    run_jobs()
    opened("24m")
    return people


def erasure(study, person, by, *, scope="delete", dry_run=False):
    return Erasure(study, person, scope, by, timezone.now(), dry_run)


def test_erase_previews_then_deletes_one_person_and_no_other(study, linked, lead):
    told = room.erase(erasure(study, linked[0], lead, dry_run=True))
    assert {e.code: e.count for e in told} == {
        "survey_responses": 1,
        "survey_comments": 1,
        "survey_drafts": 1,
    }
    assert Response.objects.count() == 2
    assert room.erase(erasure(study, linked[0], lead)) == told
    assert [r.participant for r in Response.objects.all()] == [linked[1]]
    assert Answer.objects.count() == 2
    assert Intake.objects.get().n_read == 1
    assert not StoredFile.objects.filter(kind="survey-draft", erased_at=None).exists()
    again = room.erase(erasure(study, linked[0], lead))
    assert all(effect.count == 0 for effect in again)


def test_erase_of_contact_or_future_leaves_answers(study, linked, lead):
    assert room.erase(erasure(study, linked[0], lead, scope="contact")) == []
    assert Response.objects.count() == 2


def test_find_looks_into_sealed_comments_and_file_names(study, linked):
    hits = room.find(study, "canary of p-001")
    assert [hit.label for hit in hits] == ["Survey comment, row 2, item comment"]
    assert len(room.find(study, "a.CSV")) == 2
    assert room.find(study, "nothing of the kind") == []
    assert room.find(study, " ") == []
    vault.destroy_key(vault.participant_scope(linked[0].pk))
    assert room.find(study, "canary of p-001") == []


def test_due_and_progress_per_wave(study, instrument, stored, lead, fieldwork, researcher, site_a):
    stored(fifty(), phase="3m")
    due = room.due(study, fieldwork, TODAY)
    labels = [item.label for item in due]
    assert "Survey answers: Survey of staff, Ashcombe, 12 months" in labels
    assert "Survey answers: Survey of staff, Ashcombe, 3 months" not in labels
    assert not any("Brindlemere" in label for label in labels)
    assert any(item.is_overdue for item in due if "returns" not in item.label)
    assert any("Brindlemere" in item.label for item in room.due(study, lead, TODAY))
    assert room.due(study, researcher, TODAY) == []
    rows = {
        (p.phase_id, p.method): p for p in room.progress(study, fieldwork, TODAY) if p.site_id == site_a.pk
    }
    three = rows[study.phases.get(code="3m").pk, "survey"]
    twelve = rows[study.phases.get(code="12m").pk, "survey"]
    assert (three.n_done, three.target, three.is_overdue) == (1, 1, False)
    assert (twelve.n_done, twelve.is_due) == (0, True)
    assert (study.phases.get(code="pre").pk, "admin_data") in rows


def test_open_drafts_are_due_and_kept_a_week(study, opened, fieldwork, clock):
    opened(answers(1, useful="Agree"))
    assert any("not yet stored" in item.label for item in room.due(study, fieldwork, TODAY))
    assert room.retain(study, TODAY) == []
    clock.shift(dt.timedelta(days=8))
    assert room.retain(study, TODAY)[0].n_rows == 1


def test_evidence_hangs_on_the_design(study, instrument, stored, site_a, wave):
    stored(fifty())
    useful = Indicator.objects.get(code="training-useful")
    threshold = Threshold.objects.get(indicator=useful, phase__code="12m")
    for row in (site_a, wave(site_a, "12m"), study.phases.get(code="12m"), useful, threshold):
        assert rooms.evidence(row)["survey files"] == 1, row
    assert rooms.evidence(site_a.teams.get(code="team-1"))["survey responses"] == 35
    assert "survey files" not in rooms.evidence(wave(site_a, "3m"))
    assert "survey files" not in rooms.evidence(Threshold.objects.get(indicator=useful, phase__code="3m"))
