import pytest
from django.db import transaction

from ipe import audit, vault
from ipe.errors import BadFile, Conflict, Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent, StoredFile
from surveys import intake, mapping
from surveys.models import Answer, Intake, Mapping, Response
from tests.surveys.conftest import MAPPING, answers, as_csv, fifty

ONE = answers(1, role="Team manager", attended="Yes", useful="Agree", comment="Canary sentence")


def actions():
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


def test_open_keeps_the_sheet_sealed_and_the_file_name_sealed(instrument, wave, site_a, lead):
    data = b"role,comment\r\nTeam manager,Canary sentence\r\n"
    row = intake.open_intake(
        instrument, wave=wave(site_a, "12m"), file_name="Mrs Smith.csv", data=data, by=lead
    )
    assert row.state == "draft"
    assert row.file_name() == "Mrs Smith.csv"
    assert b"Smith" not in bytes(row.file_name_sealed)
    assert intake.sheet_of(row).lines[0].cells == ("Team manager", "Canary sentence")
    assert actions()[-1] == "surveys.intake_opened"
    assert audit.verify().is_whole


def test_open_strips_identifying_columns_at_the_door(instrument, wave, site_a):
    data = b"role,Email,IPAddress\r\nTeam manager,a@example.org,10.0.0.1\r\n"
    row = intake.open_intake(instrument, wave=wave(site_a, "12m"), file_name="a.csv", data=data, by=None)
    assert row.removed_columns == 2
    assert b"example.org" not in vault.read_file(row.sheet_file)


def test_open_is_refused_to_those_who_only_read(
    instrument, wave, site_a, researcher, writer, other_site, outsider
):
    for person, error in (
        (researcher, Refused),
        (writer, Refused),
        (other_site, NotFound),
        (outsider, NotFound),
    ):
        with pytest.raises(error):
            intake.open_intake(
                instrument, wave=wave(site_a, "12m"), file_name="a.csv", data=as_csv(ONE), by=person
            )
    assert not Intake.objects.exists()


def test_open_refuses_waves_that_are_not_planned_and_files_without_answers(instrument, wave, site_a):
    here = wave(site_a, "24m")
    here.is_planned = False
    here.save()
    with pytest.raises(Invalid, match="No data collection is planned"):
        intake.open_intake(instrument, wave=here, file_name="a.csv", data=as_csv(ONE), by=None)
    with pytest.raises(BadFile, match="no answers"):
        intake.open_intake(instrument, wave=wave(site_a, "12m"), file_name="a.csv", data=as_csv([]), by=None)
    assert not Intake.objects.exists()


def test_eligible_needs_its_source_and_cannot_be_smaller_than_the_answers(instrument, wave, site_a, opened):
    with pytest.raises(Invalid, match="Say where the number"):
        intake.open_intake(
            instrument, wave=wave(site_a, "12m"), file_name="a.csv", data=as_csv(ONE), by=None, eligible=5
        )
    draft = opened(fifty())
    with pytest.raises(Invalid, match="more respondents than people asked") as caught:
        intake.confirm(draft, by=None, eligible=53, eligible_source="staff list")
    assert "54" in caught.value.fields["eligible"]
    assert intake.confirm(draft, by=None, eligible=54, eligible_source="staff list").state == "waiting"


def test_mapping_is_versioned_and_saved_once_when_nothing_changed(instrument, saved_mapping, lead):
    again = intake.save_mapping(instrument, part=mapping.checked(MAPPING), by=lead)
    changed = intake.save_mapping(instrument, part=mapping.checked(MAPPING | {"ignore": ["x"]}), by=lead)
    assert again == saved_mapping
    assert (changed.name, changed.version) == ("plain", 2)
    assert list(Mapping.objects.newest()) == [changed]


def test_mapping_of_unknown_items_is_refused(instrument):
    part = mapping.checked({"mapping": 1, "name": "m", "items": {"nothing": {"column": "x"}}})
    with pytest.raises(BadFile, match="no such item"):
        intake.save_mapping(instrument, part=part, by=None)
    with pytest.raises(BadFile, match="another instrument"):
        intake.save_mapping(instrument, part=mapping.checked(MAPPING | {"instrument": "other"}), by=None)


def test_preview_counts_and_writes_nothing(opened):
    draft = opened([*fifty(), {}])
    before = Response.objects.count(), Answer.objects.count(), AuditEvent.objects.count()
    seen = intake.preview(draft)
    assert (seen.n_rows, seen.n_read, seen.n_skipped) == (55, 54, 1)
    assert seen.skipped == {"no answers": 1}
    assert seen.roles == {"Senior practitioner": 15, "Social worker": 35, "Team manager": 4}
    assert seen.answered["useful"] == 54
    assert (Response.objects.count(), Answer.objects.count(), AuditEvent.objects.count()) == before


def test_store_writes_answers_and_destroys_the_sheet(stored):
    row = stored(fifty(), eligible=78, eligible_source="staff list")
    assert (row.state, row.n_rows, row.n_read, row.eligible) == ("stored", 54, 54, 78)
    assert row.sheet_file is None
    assert StoredFile.objects.filter(kind="survey-draft", erased_at=None).count() == 0
    assert Response.objects.filter(intake=row).count() == 54
    assert Answer.objects.filter(item__code="useful", point__code="a").count() == 35
    assert Answer.objects.filter(item__code="useful", point__code="na").count() == 4
    assert Response.objects.filter(teams__code="team-1").count() == 35
    assert actions()[-1] == "surveys.intake_stored"
    assert audit.verify().is_whole


def test_free_text_is_sealed(stored):
    stored(ONE)
    answer = Answer.objects.get(item__code="comment")
    assert b"Canary" not in bytes(answer.text_sealed)
    scope = vault.evaluation_scope(answer.response.intake.evaluation)
    assert vault.open_sealed(scope, bytes(answer.text_sealed), where=answer.where) == "Canary sentence"


def test_faulty_file_is_refused_as_a_whole(opened):
    draft = opened([*ONE, {"role": "Judge", "useful": "Perhaps"}])
    with pytest.raises(BadFile) as caught:
        intake.confirm(draft, by=None, label="wave.csv")
    assert "wave.csv, row 3, “useful”" in caught.value.message
    assert "“role”" in caught.value.message
    assert not Response.objects.exists()
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_confirm_twice_and_the_same_file_again_are_told(opened, stored, run_jobs):
    draft = opened(ONE)
    intake.confirm(draft, by=None)
    with pytest.raises(NotReady, match="being stored"):
        intake.confirm(draft, by=None)
    run_jobs()
    assert run_jobs() == 0
    assert Response.objects.count() == 1
    with pytest.raises(Conflict, match="already stored"):
        intake.confirm(opened(ONE), by=None, replace=True)


def test_second_file_of_a_wave_replaces_only_when_asked(stored, opened):
    first = stored(fifty())
    with pytest.raises(Conflict, match="already stored"):
        intake.confirm(opened(fifty(30)), by=None)
    second = stored(fifty(30), replace=True)
    first.refresh_from_db()
    assert (first.state, first.superseded_by) == ("superseded", second)
    assert Intake.objects.stored().get() == second


def test_the_same_respondent_keeps_its_key_in_a_later_file(stored):
    first, second = stored(fifty()), stored([*fifty(), *answers(2, useful="Agree")], replace=True)
    one = set(first.responses.values_list("respondent_key", flat=True))
    two = set(second.responses.values_list("respondent_key", flat=True))
    assert len(one) == 54
    assert one < two
    assert len(two - one) == 2


def test_a_job_that_fails_leaves_the_intake_open(opened, run_jobs, wave, site_a):
    draft, rival = opened(ONE), opened(fifty())
    intake.confirm(draft, by=None)
    job = intake.confirm(rival, by=None)
    run_jobs()
    job.refresh_from_db()
    rival.refresh_from_db()
    assert job.state == "failed"
    assert "already stored" in job.error
    assert rival.is_open
    intake.drop(rival, by=None)
    assert Intake.objects.get() == draft


def test_drop_destroys_the_sheet(opened, lead, researcher):
    draft = opened(ONE)
    with pytest.raises(Refused):
        intake.drop(draft, by=researcher)
    intake.drop(draft, by=lead)
    assert not Intake.objects.exists()
    assert not StoredFile.objects.filter(erased_at=None).exists()
    assert actions()[-1] == "surveys.intake_dropped"


def test_drop_of_a_stored_intake_is_refused(stored):
    with pytest.raises(NotReady):
        intake.drop(stored(ONE), by=None)


def test_withdraw_deletes_answers_and_brings_back_what_was_replaced(stored, lead):
    first, second = stored(fifty()), stored(fifty(30), replace=True)
    told = {effect.code: effect.count for effect in intake.withdrawal_effects(second)}
    done = {effect.code: effect.count for effect in intake.withdraw_intake(second, by=lead)}
    assert told == done
    assert done["responses"] == 54
    assert done["reinstated"] == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.superseded_by, second.state) == ("stored", None, "withdrawn")
    assert second.responses.count() == 0
    assert actions()[-1] == "surveys.intake_withdrawn"
    with pytest.raises(NotReady):
        intake.withdraw_intake(second, by=lead)


def test_withdraw_of_the_middle_of_three_keeps_the_chain(stored, lead):
    first = stored(fifty())
    second = stored(fifty(30), replace=True)
    third = stored(fifty(20), replace=True)
    second.refresh_from_db()
    intake.withdraw_intake(second, by=lead)
    first.refresh_from_db()
    assert (first.state, first.superseded_by) == ("superseded", third)
    intake.withdraw_intake(third, by=lead)
    first.refresh_from_db()
    assert first.state == "stored"


def test_withdraw_is_refused_to_those_who_only_read(stored, researcher, other_site):
    row = stored(ONE)
    with pytest.raises(Refused):
        intake.withdraw_intake(row, by=researcher)
    with pytest.raises(NotFound):
        intake.withdraw_intake(row, by=other_site)


def test_linked_survey_names_active_participants_and_skips_the_others(
    study, instrument, wave, site_a, run_jobs, lead
):
    from consent.models import Participant

    instrument.is_linked = True
    instrument.save()
    known = Participant.objects.create(evaluation=study, site=site_a, code="P-001", kind="staff")
    Participant.objects.create(evaluation=study, site=site_a, code="P-002", kind="staff", status="withdrawn")
    part = mapping.checked(
        {
            "mapping": 1,
            "name": "linked",
            "respondent": {"participant": {"column": "who"}},
            "items": {"useful": {"column": "useful"}, "comment": {"column": "comment"}},
        }
    )
    rows = [
        {"who": "p-001", "useful": "Agree", "comment": "mine"},
        {"who": "P-002", "useful": "Agree"},
        {"who": "P-999", "useful": "Agree"},
        {"useful": "Disagree"},
    ]
    data = as_csv(rows, ["who", "useful", "comment"])
    draft = intake.open_intake(instrument, wave=wave(site_a, "12m"), file_name="a.csv", data=data, by=lead)
    intake.choose_mapping(draft, mapping=intake.save_mapping(instrument, part=part, by=lead), by=lead)
    intake.confirm(draft, by=lead)
    run_jobs()
    draft.refresh_from_db()
    assert draft.n_read == 2
    assert [row["row"] for row in draft.skipped] == [3, 4]
    answer = Answer.objects.get(item__code="comment")
    assert answer.response.participant == known
    scope = vault.participant_scope(known.pk)
    assert vault.open_sealed(scope, bytes(answer.text_sealed), where=answer.where) == "mine"


def test_a_participant_who_stands_twice_in_a_linked_file_is_counted_by_nobody(
    study, instrument, wave, site_a, lead
):
    instrument.is_linked = True
    instrument.save()
    part = mapping.checked(
        {
            "mapping": 1,
            "name": "linked",
            "respondent": {"participant": {"column": "who"}},
            "items": {"useful": {"column": "useful"}},
        }
    )
    rows = [{"who": "P-001", "useful": "Agree"}, {"who": "P-002"}, {"who": "p-001", "useful": "Disagree"}]
    data = as_csv(rows, ["who", "useful"])
    draft = intake.open_intake(instrument, wave=wave(site_a, "12m"), file_name="a.csv", data=data, by=lead)
    intake.choose_mapping(draft, mapping=intake.save_mapping(instrument, part=part, by=lead), by=lead)
    with pytest.raises(BadFile, match="row 4, “who”: the participant of row 2 again"):
        intake.confirm(draft, by=lead)
    assert not Response.objects.exists()


def test_who_withdraws_between_reading_and_storing_is_left_out(study, instrument, wave, site_a, lead):
    from consent.models import Participant
    from surveys import storing

    instrument.is_linked = True
    instrument.save()
    gone, here = (
        Participant.objects.create(evaluation=study, site=site_a, code=code, kind="staff")
        for code in ("P-001", "P-002")
    )
    part = mapping.checked(
        {
            "mapping": 1,
            "name": "linked",
            "respondent": {"participant": {"column": "who"}},
            "items": {"useful": {"column": "useful"}, "comment": {"column": "comment"}},
        }
    )
    data = as_csv(
        [{"who": p.code, "useful": "Agree", "comment": "mine"} for p in (gone, here)],
        ["who", "useful", "comment"],
    )
    draft = intake.open_intake(instrument, wave=wave(site_a, "12m"), file_name="a.csv", data=data, by=lead)
    intake.choose_mapping(draft, mapping=intake.save_mapping(instrument, part=part, by=lead), by=lead)
    intake.confirm(draft, by=lead)
    draft.refresh_from_db()
    prepared = storing.prepare(draft)
    Participant.objects.filter(pk=gone.pk).update(status="withdrawn")
    with transaction.atomic():
        storing.store(draft, prepared, by=lead, replace=False)
    draft.refresh_from_db()
    assert [response.participant for response in draft.responses.all()] == [here]
    assert draft.n_read == 1
    assert draft.skipped == [{"row": 2, "reason": storing.NOT_TAKING_PART}]


def test_a_worker_that_dies_while_writing_leaves_nothing_and_the_next_one_finishes(opened, run_jobs, clock):
    from ipe import jobs
    from surveys import storing

    draft = opened(fifty())
    job = intake.confirm(draft, by=None)
    running = jobs.Running(jobs.claim(job.pk))
    waiting = Intake.objects.listed().get(pk=draft.pk)
    prepared = storing.prepare(waiting)

    def write_and_die():
        with running.completes():
            storing.store(waiting, prepared, by=None, replace=False)
            raise SystemExit

    with pytest.raises(SystemExit):
        write_and_die()
    assert not Response.objects.exists()
    draft.refresh_from_db()
    assert draft.state == "waiting"
    assert len(intake.sheet_of(draft).lines) == 54
    assert run_jobs() == 0  # the lease of the dead worker still holds
    clock.shift(jobs.LEASE_SECONDS + 1)
    assert run_jobs() == 1
    assert Response.objects.count() == 54
    with pytest.raises(jobs.LeaseLost), running.completes():
        raise AssertionError("the first worker came back and must not write")
    assert Intake.objects.stored().count() == 1


def test_a_cancelled_job_stores_nothing(opened, run_jobs, lead):
    from ipe import jobs

    draft = opened(fifty())
    job = intake.confirm(draft, by=lead)
    jobs.cancel(job, by=lead)
    assert run_jobs() == 0
    draft.refresh_from_db()
    assert draft.is_open
    assert not Response.objects.exists()
    again = intake.confirm(draft, by=lead)
    assert again != job
    run_jobs()
    assert Response.objects.count() == 54
