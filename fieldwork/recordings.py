"""Recordings: taken into the vault only when everybody who takes part agreed to be recorded (CN-04)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from consent import gates
from consent.states import ItemCode
from fieldwork.frames import standing_bookings
from fieldwork.models import Activity, Recording
from fieldwork.states import ActivityState
from ipe import audit, roles, vault
from ipe.errors import KeyDestroyed, NotReady, Refused
from ipe.models import User

KINDS = ("m4a", "mp3", "wav")


def may_add(user: User, activity: Activity) -> bool:
    """The site's fieldwork lead, and a researcher to whom the activity is assigned."""
    evaluation, site = activity.evaluation, activity.wave.site
    if roles.may(user, "originals.edit", evaluation, site):
        return True
    is_assigned = activity.researchers.filter(pk=user.pk).exists()
    return is_assigned and roles.may(user, "originals.add", evaluation, site)


@transaction.atomic
def add_recording(activity: Activity, *, upload: Any, by: User) -> Recording:
    """Keep a checked recording of an activity: under the person's key, or the study's when several take part.

    Raises
        Refused, NotFound: Neither fieldwork lead of the site nor assigned to the activity.
        NotReady: Nobody is booked, it was cancelled, or somebody did not agree to be recorded: the message
            names the item and the code, and nothing of the file is kept.
    """
    if not may_add(by, activity):
        roles.require(by, "originals.add", activity.evaluation, activity.wave.site)
        raise Refused("You can add recordings of activities that are assigned to you.")
    held = (
        Activity.objects.select_for_update(of=("self",))
        .select_related("wave__phase", "wave__site", "evaluation")
        .get(pk=activity.pk)
    )
    people = [booking.participant for booking in standing_bookings(held)]
    if held.state == ActivityState.CANCELLED or not people:
        raise NotReady(f"{held.code} has nobody who takes part.")
    for person in people:
        gates.require(person, ItemCode.RECORD, held.wave.phase)
    is_shared = len(people) > 1
    scope = vault.evaluation_scope(held.evaluation) if is_shared else vault.participant_scope(people[0].pk)
    # The file's own name is not kept: it is often the person's.
    stored = vault.store_file(upload, scope=scope, kind="recording", evaluation=held.evaluation)
    recording = Recording(activity=held, file=stored, is_shared=is_shared, added_by=by)
    recording.full_clean()
    recording.save(force_insert=True)
    counts = {"participants": len(people), "bytes": stored.n_bytes}
    audit.record("recording.added", recording, by=by, evaluation=held.evaluation, counts=counts)
    return recording


@transaction.atomic
def read_recording(recording: Recording, *, by: User) -> bytes:
    """The recording's bytes; on record, so never the answer to a GET.

    Raises
        Refused, NotFound: No right to originals at this site.
        KeyDestroyed: It was destroyed.
    """
    activity = recording.activity
    roles.require(by, "originals.read", activity.evaluation, activity.wave.site)
    if recording.destroyed_at is not None:
        raise KeyDestroyed("This recording was destroyed.")
    data = vault.read_file(recording.file)
    audit.record("recording.read", recording, by=by, evaluation=activity.evaluation)
    return data


@transaction.atomic
def destroy_recording(recording: Recording, *, by: User) -> Recording:
    """Destroy a recording for good, for instance when its transcript has been checked. Twice: nothing
    happens.

    Raises
        Refused, NotFound: No right to originals at this site.
    """
    activity = recording.activity
    evaluation, site = activity.evaluation, activity.wave.site
    if not roles.may(by, "originals.erase", evaluation, site):
        roles.require(by, "originals.edit", evaluation, site)
    held = Recording.objects.select_for_update(of=("self",)).select_related("file").get(pk=recording.pk)
    if held.destroyed_at is None:
        erase(held)
        audit.record("recording.destroyed", held, by=by, evaluation=evaluation)
    return held


def erase(recording: Recording) -> None:
    """Destroy key and bytes, in the caller's transaction."""
    vault.erase_file(recording.file)
    recording.destroyed_at = timezone.now()
    recording.save(update_fields=["destroyed_at"])
