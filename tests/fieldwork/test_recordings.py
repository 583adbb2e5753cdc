import pytest

from consent import withdrawal
from fieldwork import booking, recordings
from fieldwork.models import Recording
from ipe import vault
from ipe.errors import KeyDestroyed, NotFound, NotReady, Refused
from ipe.models import AuditEvent, StoredFile

SOUND = b"RIFF\x00\x00\x00\x00WAVE" + b"canary sound " * 50


def test_recording_of_one_person_is_under_their_key(book, consented, fieldwork, researcher):
    (person,) = consented()
    recording = recordings.add_recording(book([person]), upload=SOUND, by=researcher)
    assert recording.file.scope == vault.participant_scope(person.pk)
    assert not recording.is_shared
    assert recordings.read_recording(recording, by=fieldwork) == SOUND
    actions = AuditEvent.objects.filter(action__startswith="recording").values_list("action", flat=True)
    assert sorted(actions) == ["recording.added", "recording.read"]


def test_recording_of_several_is_under_the_studys_key(book, consented, fieldwork, study):
    recording = recordings.add_recording(book(consented(2)), upload=SOUND, by=fieldwork)
    assert recording.is_shared
    assert recording.file.scope == vault.evaluation_scope(study)


@pytest.mark.row("CN-04")
@pytest.mark.parametrize("said", ["no", "not_asked"])
def test_recording_without_consent_is_refused_and_nothing_kept(said, book, consented, fieldwork):
    activity = book(consented(2, record=said))
    with pytest.raises(NotReady, match="“being recorded”"):
        recordings.add_recording(activity, upload=SOUND, by=fieldwork)
    assert StoredFile.objects.count() == Recording.objects.count() == 0


def test_recording_of_a_cancelled_activity(book, consented, fieldwork):
    activity = booking.cancel(book(consented()), by=fieldwork)
    with pytest.raises(NotReady, match="nobody"):
        recordings.add_recording(activity, upload=SOUND, by=fieldwork)


def test_recording_by_others(book, consented, lead, data_protection, other_site, researcher):
    one, two = consented(2)
    assigned, unassigned = book([one]), book([two], researchers=[])
    for user, refusal in ((lead, Refused), (data_protection, Refused), (other_site, NotFound)):
        with pytest.raises(refusal):
            recordings.add_recording(assigned, upload=SOUND, by=user)
    with pytest.raises(Refused, match="assigned to you"):
        recordings.add_recording(unassigned, upload=SOUND, by=researcher)


def test_read_and_destroy_by_others(book, consented, fieldwork, researcher, lead, other_site):
    recording = recordings.add_recording(book(consented()), upload=SOUND, by=fieldwork)
    for user, refusal in ((researcher, Refused), (lead, Refused), (other_site, NotFound)):
        with pytest.raises(refusal):
            recordings.read_recording(recording, by=user)
        with pytest.raises(refusal):
            recordings.destroy_recording(recording, by=user)


def test_destroy_twice(book, consented, fieldwork, data_protection):
    recording = recordings.add_recording(book(consented()), upload=SOUND, by=fieldwork)
    first = recordings.destroy_recording(recording, by=data_protection)
    assert recordings.destroy_recording(recording, by=fieldwork).destroyed_at == first.destroyed_at
    assert AuditEvent.objects.filter(action="recording.destroyed").count() == 1
    with pytest.raises(KeyDestroyed):
        recordings.read_recording(first, by=fieldwork)


def test_withdrawal_destroys_recordings(book, consented, fieldwork, run_jobs):
    one, two = consented(2)
    own = recordings.add_recording(book([one]), upload=SOUND, by=fieldwork)
    shared = recordings.add_recording(book([one, two], accept_clashes=True), upload=SOUND, by=fieldwork)
    preview = withdrawal.preview(one, scope="delete", by=fieldwork)
    counts = {effect.code: effect.count for effect in preview.effects}
    assert (counts["recordings"], counts["shared_recordings"]) == (1, 1)
    withdrawal.withdraw(one, scope="delete", by=fieldwork)
    run_jobs()
    for recording in (own, shared):
        recording.refresh_from_db()
        with pytest.raises(KeyDestroyed):
            recordings.read_recording(recording, by=fieldwork)


def test_withdrawal_of_somebody_taken_off_the_list_keeps_the_recording(book, consented, fieldwork, run_jobs):
    one, two, three = consented(3)
    alone = book([one, two], method="focus_group")
    values = {"starts_at": alone.starts_at, "ends_at": alone.ends_at, "place_kind": "workplace"}
    booking.change(alone, participants=[one], researchers=[], by=fieldwork, **values)
    of_one = recordings.add_recording(alone, upload=SOUND, by=fieldwork)
    group = book([one, two, three], method="focus_group", accept_clashes=True)
    of_group = recordings.add_recording(group, upload=SOUND, by=fieldwork)
    booking.mark_done(group, attended=[one, three], by=fieldwork)
    receipt = withdrawal.withdraw(two, scope="delete", by=fieldwork)
    run_jobs()
    assert not {"recordings", "shared_recordings"} & {line["code"] for line in receipt.counts}
    for recording in (of_one, of_group):
        recording.refresh_from_db()
        assert recordings.read_recording(recording, by=fieldwork) == SOUND


def test_withdrawal_reaches_the_recording_of_a_cancelled_activity(book, consented, fieldwork):
    one, two = consented(2)
    group = book([one, two], method="focus_group")
    recording = recordings.add_recording(group, upload=SOUND, by=fieldwork)
    booking.cancel(group, by=fieldwork)
    withdrawal.withdraw(two, scope="delete", by=fieldwork)
    recording.refresh_from_db()
    assert recording.destroyed_at is not None


def test_nobody_who_may_be_in_a_recording_is_taken_off(book, consented, fieldwork):
    one, two = consented(2)
    group = book([one, two], method="focus_group")
    recordings.add_recording(group, upload=SOUND, by=fieldwork)
    values = {"starts_at": group.starts_at, "ends_at": group.ends_at, "place_kind": "online"}
    with pytest.raises(NotReady, match="has a recording"):
        booking.change(group, participants=[one], researchers=[], by=fieldwork, **values)
    assert booking.change(group, participants=[one, two], researchers=[], by=fieldwork, **values)
