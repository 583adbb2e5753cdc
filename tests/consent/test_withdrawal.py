import datetime as dt
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from consent import withdrawal
from consent.models import Consent, Contact, DeletionLedger, Membership, Participant, RosterDraft, Withdrawal
from ipe import jobs, vault
from ipe.errors import Invalid, KeyDestroyed, NotFound, Refused
from ipe.models import AuditEvent, Job, KeyDestruction, WrappedKey

CANARY = "Quillon Vastermark"


@pytest.fixture
def person(add, form, sign, wave, site_a):
    made = add(
        CANARY,
        details={"email": "quillon@canary.example", "address": "7 Vastermark Row"},
        wave=wave(site_a, "12m"),
        group="practitioners",
        role_title="Vastermark lead",
    )
    sign(made, form())
    return made


@pytest.fixture
def make_draft(study, fieldwork):
    def made(site):
        draft = RosterDraft(evaluation=study, site=site, kind="staff", made_by=fieldwork)
        scope = vault.participant_scope(draft.pk)
        draft.rows_sealed = vault.seal(scope, CANARY, where=draft.where)
        draft.save()
        return draft

    return made


def sealed_name(person):
    row = Contact.objects.get(participant=person)
    return vault.participant_scope(person.pk), row.sealed("name"), row.where("name")


def test_preview_counts_and_changes_nothing(person, fieldwork):
    preview = withdrawal.preview(person, scope="delete", by=fieldwork)
    assert {effect.code: effect.count for effect in preview.effects} == {
        "contact_details": 1,
        "memberships": 1,
        "consents": 1,
        "person_key": 1,
    }
    assert Contact.objects.count() == Membership.objects.count() == 1
    assert not KeyDestruction.objects.exists()


def test_delete_erases_rows_and_key_in_one_act(person, fieldwork):
    scope, sealed, where = sealed_name(person)
    preview = withdrawal.preview(person, scope="delete", by=fieldwork)
    receipt = withdrawal.withdraw(person, scope="delete", reason="privacy", by=fieldwork)
    person.refresh_from_db()
    assert (person.status, Contact.objects.count(), Membership.objects.count()) == ("erased", 0, 0)
    assert {e["code"]: e["count"] for e in receipt.counts} == {e.code: e.count for e in preview.effects}
    assert Consent.objects.get().state == "withdrawn"
    assert vault.open_many([(scope, sealed, where)]) == [None]
    with pytest.raises(KeyDestroyed):
        vault.open_sealed(scope, sealed, where=where)
    event = AuditEvent.objects.get(action="withdrawal.delete")
    assert event.counts == {"contact_details": 1, "memberships": 1, "consents": 1, "person_key": 1}


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_wrapped_key_is_gone_when_the_act_has_committed(person, fieldwork):
    scope = vault.participant_scope(person.pk)
    assert WrappedKey.objects.using("keys").filter(scope=scope).exists()
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    assert not WrappedKey.objects.using("keys").filter(scope=scope).exists()


def test_receipt_is_pending_until_the_job_is_done(person, fieldwork, run_jobs):
    receipt = withdrawal.withdraw(person, scope="delete", by=fieldwork)
    assert receipt.is_pending
    assert Withdrawal.objects.with_open_jobs().get().has_open_jobs
    assert run_jobs() == 1
    assert not receipt.is_pending
    assert not Withdrawal.objects.with_open_jobs().get().has_open_jobs
    assert Job.objects.get(name=withdrawal.FINISH).state == "done"


def test_whoever_withdrew_a_person_cannot_stop_the_rest_of_it(person, fieldwork):
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    with pytest.raises(NotFound):
        jobs.cancel(Job.objects.get(), by=fieldwork)


def test_withdrawal_whose_job_failed_is_taken_up_when_asked_again(
    person, fieldwork, lead, study, login, run_jobs
):
    receipt = withdrawal.withdraw(person, scope="delete", by=fieldwork)
    Job.objects.update(state="failed", ended_at=receipt.at)
    page = reverse("consent:receipt", kwargs={"slug": study.slug, "pk": receipt.pk})
    assert "once more" in login(fieldwork).get(page).content.decode()
    assert "The fieldwork lead of the site" in login(lead).get(page).content.decode()
    assert (receipt.is_pending, receipt.has_stopped) == (True, True)
    for _ in range(2):
        assert withdrawal.withdraw(person, scope="delete", by=fieldwork) == receipt
    assert (receipt.is_pending, receipt.has_stopped, Job.objects.count()) == (True, False, 2)
    assert run_jobs() == 1
    assert (receipt.is_pending, receipt.has_stopped) == (False, False)
    assert not Withdrawal.objects.with_open_jobs().get().has_open_jobs


def test_files_under_the_persons_key_go_with_the_job(person, fieldwork, study, run_jobs):
    stored = vault.store_file(
        b"x" * 100, scope=vault.participant_scope(person.pk), kind="scan", evaluation=study
    )
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    with pytest.raises(KeyDestroyed):
        vault.read_file(stored)
    run_jobs()
    stored.refresh_from_db()
    assert stored.erased_at is not None
    assert withdrawal.finish(person.pk) >= 1


@pytest.mark.parametrize("scope", ["contact", "future"])
def test_lesser_scopes_keep_what_was_collected(scope, person, fieldwork):
    receipt = withdrawal.withdraw(person, scope=scope, by=fieldwork)
    person.refresh_from_db()
    assert (person.status, Contact.objects.count(), Consent.objects.get().state) == ("withdrawn", 1, "given")
    assert not receipt.is_pending


def test_unfinished_list_that_may_name_the_person_goes_too(
    person, fieldwork, study, site_a, site_b, make_draft
):
    here, there = make_draft(site_a), make_draft(site_b)
    key = vault.participant_scope(here.pk)
    preview = withdrawal.preview(person, scope="delete", by=fieldwork)
    assert {effect.code: effect.count for effect in preview.effects}["unfinished_lists"] == 1
    withdrawal.withdraw(person, scope="future", by=fieldwork)
    assert RosterDraft.objects.count() == 2
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    assert list(RosterDraft.objects.all()) == [there]
    assert vault.open_many([(key, bytes(here.rows_sealed), here.where)]) == [None]


def test_twice_gives_the_same_receipt(person, fieldwork):
    first = withdrawal.withdraw(person, scope="delete", by=fieldwork)
    for scope in ("delete", "future", "contact"):
        assert withdrawal.withdraw(person, scope=scope, by=fieldwork) == first
    assert Withdrawal.objects.count() == DeletionLedger.objects.count() == 1
    assert AuditEvent.objects.filter(action__startswith="withdrawal.").count() == 1
    assert Job.objects.count() == 1


def test_withdrawal_can_go_further_later(person, fieldwork):
    withdrawal.withdraw(person, scope="contact", by=fieldwork)
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    person.refresh_from_db()
    assert (person.status, Withdrawal.objects.count()) == ("erased", 2)


@pytest.mark.row("CN-15", "000-42")
def test_cut_off_is_shown_and_kept(person, study, fieldwork):
    study.analysis_cut_off_on = dt.date(2026, 12, 1)
    study.save()
    person = Participant.objects.get(pk=person.pk)
    before = withdrawal.preview(person, scope="delete", by=fieldwork)
    assert (before.is_after_cut_off, "begins on 1 Dec 2026" in before.cut_off_rule) == (False, True)
    study.analysis_cut_off_on = dt.date(2026, 11, 21)
    study.save()
    person = Participant.objects.get(pk=person.pk)
    after = withdrawal.preview(person, scope="delete", by=fieldwork)
    assert (after.is_after_cut_off, "began on 21 Nov 2026" in after.cut_off_rule) == (True, True)
    receipt = withdrawal.withdraw(person, scope="delete", by=fieldwork)
    assert (receipt.cut_off_on, receipt.is_after_cut_off) == (dt.date(2026, 11, 21), True)


@pytest.mark.parametrize("role", ["lead", "researcher", "writer"])
def test_withdraw_by_a_role_that_may_not(role, person, request):
    user = request.getfixturevalue(role)
    with pytest.raises(Refused):
        withdrawal.withdraw(person, scope="contact", by=user)
    with pytest.raises(Refused):
        withdrawal.preview(person, scope="contact", by=user)


def test_withdraw_by_data_protection_lead(person, data_protection):
    assert withdrawal.withdraw(person, scope="delete", by=data_protection).by == data_protection


def test_withdraw_at_another_site(person, other_site, outsider):
    for user in (other_site, outsider):
        with pytest.raises(NotFound):
            withdrawal.withdraw(person, scope="contact", by=user)


def test_withdraw_with_free_text_as_reason_or_scope(person, fieldwork):
    with pytest.raises(Invalid):
        withdrawal.withdraw(person, scope="contact", reason=f"{CANARY} moved", by=fieldwork)
    with pytest.raises(Invalid):
        withdrawal.withdraw(person, scope="everything", by=fieldwork)
    with pytest.raises(Invalid):
        withdrawal.preview(person, scope="everything", by=fieldwork)


def logical_dump() -> str:
    """Every value of every table, as text; sealed bytes as they are."""
    from django.apps import apps

    found = []
    for model in apps.get_models(include_auto_created=True):
        using = "keys" if model is WrappedKey else "default"
        for row in model._default_manager.using(using).values():
            found += [
                bytes(v).decode("latin-1") if isinstance(v, memoryview | bytes) else str(v)
                for v in row.values()
            ]
    return "\n".join(found)


@pytest.mark.row("V16.2.5")
@pytest.mark.parametrize("is_withdrawn", [False, True])
def test_name_stands_nowhere_in_plain(is_withdrawn, person, fieldwork, login, study, caplog, run_jobs):
    client = login(fieldwork)
    slug = study.slug
    client.post(reverse("consent:contact-reveal", kwargs={"slug": slug, "pk": person.pk}))
    client.get(reverse("consent:people", kwargs={"slug": slug}))
    if is_withdrawn:
        withdrawal.withdraw(person, scope="delete", by=fieldwork)
        run_jobs()
    dump = logical_dump()
    wanted = [CANARY, "quillon@canary.example", "7 Vastermark Row"]
    if is_withdrawn:
        wanted.append("Vastermark")  # the role title too
    for text in wanted:
        assert text.casefold() not in dump.casefold()
        assert text.casefold() not in caplog.text.casefold()


def test_name_search_finds_what_is_planted(person, study):
    """The search of the test above sees what it looks for where it does stand: in the role title."""
    assert "Vastermark lead" in logical_dump()


# The ledger


@pytest.mark.row("CN-21")
def test_replay_over_a_restored_database(person, fieldwork, tmp_path, add):
    """The backup knows the person and not the withdrawal; the key store's ledger row was lost too."""
    withdrawal.withdraw(person, scope="delete", reason="distress", by=fieldwork)
    kept = tmp_path / "ledger.jsonl"
    call_command("ledger", "export", "--out", str(kept))
    entry = json.loads(kept.read_text())
    assert set(entry) == set(DeletionLedger.FIELDS)
    assert CANARY not in kept.read_text()
    DeletionLedger.objects.all().delete()
    Withdrawal.objects.all().delete()
    KeyDestruction.objects.all().delete()
    Participant.objects.update(status="active")
    out = io.StringIO()
    call_command("ledger", "replay", "--from", str(kept), stdout=out)
    assert out.getvalue() == "1 entries: 1 carried out again, 0 without a person in this database.\n"
    person.refresh_from_db()
    assert person.status == "erased"
    assert Withdrawal.objects.get().reason == "distress"
    assert KeyDestruction.objects.filter(scope=vault.participant_scope(person.pk)).exists()
    out = io.StringIO()
    call_command("ledger", "replay", "--from", str(kept), stdout=out)
    assert "0 carried out again" in out.getvalue()


def test_replay_without_the_person_destroys_the_key(person, fieldwork, tmp_path):
    withdrawal.withdraw(person, scope="delete", by=fieldwork)
    records = withdrawal.export_ledger()
    scope = vault.participant_scope(person.pk)
    DeletionLedger.objects.all().delete()
    KeyDestruction.objects.all().delete()
    person.delete()
    done = withdrawal.replay_ledger(records)
    assert (done.n_entries, done.n_repeated, done.n_without_person) == (1, 0, 1)
    assert KeyDestruction.objects.filter(scope=scope).exists()


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"at": "2026-01-01"}'])
def test_replay_of_a_file_that_is_no_ledger(line, tmp_path, study):
    kept = tmp_path / "ledger.jsonl"
    kept.write_text(line)
    with pytest.raises(CommandError):
        call_command("ledger", "replay", "--from", str(kept))


def test_finish_without_a_withdrawal_does_nothing(person):
    assert withdrawal.finish(person.pk) == 0


def test_jobs_know_the_task():
    jobs.load_tasks()
    assert withdrawal.FINISH in jobs._tasks
