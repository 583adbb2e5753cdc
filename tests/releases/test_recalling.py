"""A withdrawal reaches files that have left: a list of whom to tell, and nothing of the person kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from ipe import rooms
from ipe.errors import Invalid, NotReady, Refused
from ipe.models import AuditEvent
from ipe.rooms import Erasure
from releases import ledger, recipients
from releases.models import QuotedPerson, Recall, Release
from releases.recalling import Recalled, recall
from releases.room import ROOM
from tests.releases.conftest import answers_table, people


@pytest.fixture
def counted(publish: Any, participant: Any) -> Release:
    """A release that counts the participant, in one wave, among 50 people."""
    answered = [*people(0, 49), f"{participant.pk}@wave-12m"]
    return publish(answers_table(("Useful", people(0, 35), answered)), recipients=["The funder"]).release


@pytest.fixture
def quoting(publish: Any, participant: Any) -> Release:
    return publish(
        answers_table(("Other", people(200, 235), people(200, 250))),
        quoted=[participant],
        recipients=["The funder", "The council"],
    ).release


def erasure(study: Any, participant: Any, by: Any, **changes: Any) -> Erasure:
    return Erasure(
        **{
            "evaluation": study,
            "participant": participant,
            "scope": "delete",
            "by": by,
            "at": timezone.now(),
            **changes,
        }
    )


def effects(asked: Erasure) -> dict[str, int]:
    return {effect.code: effect.count for effect in ROOM.erase(asked)}


def test_preview_counts_and_changes_nothing(study, participant, data_protection, counted, quoting):
    asked = erasure(study, participant, data_protection, dry_run=True)
    assert effects(asked) == {"releases_quoting": 1, "releases_counting": 1}
    assert QuotedPerson.objects.count() == 1
    assert not Recall.objects.exists()


def test_withdrawal_lists_recalls_and_keeps_nothing_of_the_person(
    study, participant, data_protection, counted, quoting
):
    assert effects(erasure(study, participant, data_protection)) == {
        "releases_quoting": 1,
        "releases_counting": 1,
    }
    assert {(each.release.number, each.cause) for each in Recall.objects.all()} == {
        (counted.number, "counted"),
        (quoting.number, "quoted"),
    }
    assert set(Release.objects.values_list("state", flat=True)) == {"recalled"}
    assert not QuotedPerson.objects.exists()
    held = ledger.open_sets(Release.objects.all())
    assert str(participant.pk) not in repr(held)
    assert AuditEvent.objects.filter(action="releases.recall").count() == 2


def test_withdrawal_done_twice_recalls_once(study, participant, data_protection, counted, quoting):
    ROOM.erase(erasure(study, participant, data_protection))
    again = effects(erasure(study, participant, data_protection))
    assert again == {"releases_quoting": 0, "releases_counting": 0}
    assert Recall.objects.count() == 2


def test_set_keeps_its_size_so_that_the_difference_is_still_refused(
    study, participant, data_protection, counted, publish
):
    """Without the stand-in, 49 people now would be held against 49 then, and the one answer could be worked
    out.
    """
    ROOM.erase(erasure(study, participant, data_protection))
    counted.refresh_from_db()
    sizes = sorted(len(members) for members in ledger.open_sets([counted])[counted].values())
    assert sizes == [35, 50]
    with pytest.raises(NotReady, match="almost the same people"):
        publish(answers_table(("Useful", people(0, 35), people(0, 49))))


@pytest.mark.parametrize("scope", ["contact", "future"])
def test_lesser_withdrawals_leave_releases_alone(
    study, participant, data_protection, counted, quoting, scope
):
    assert effects(erasure(study, participant, data_protection, scope=scope)) == {}
    assert QuotedPerson.objects.count() == 1
    assert not Recall.objects.exists()


@pytest.mark.row("CN-15")
def test_after_the_cut_off_counts_stand_but_the_person_goes(
    study, participant, data_protection, counted, quoting
):
    asked = erasure(study, participant, data_protection, after_cut_off=True)
    assert effects(asked) == {"releases_quoting": 1, "releases_counting": 0}
    assert [each.cause for each in Recall.objects.all()] == ["quoted"]
    assert str(participant.pk) not in repr(ledger.open_sets(Release.objects.all()))


def test_anonymous_answers_are_recalled_by_the_ids_of_the_responses(study, data_protection, counted):
    outcome = recall(study, respondents={"r7"}, by=data_protection, at=timezone.now())
    assert outcome == Recalled(0, 1)
    assert "r7" not in {
        person
        for sets in ledger.open_sets([Release.objects.get()]).values()
        for s in sets.values()
        for person in s
    }


# Whom to tell


def test_recall_is_due_until_every_recipient_was_told(
    study, participant, data_protection, writer, researcher, quoting, clock
):
    ROOM.erase(erasure(study, participant, data_protection))
    today = dt.date(2026, 11, 21)
    labels = [item.label for item in rooms.due(study, writer, today)]
    assert labels == ["Tell whoever has release R1: it quoted a person who has withdrawn"]
    assert ROOM.due(study, researcher, today) == []

    clock.shift(60)
    first, second = quoting.recipients.all()
    recipients.tell(first, by=writer)
    assert len(ROOM.due(study, writer, today)) == 1
    recipients.tell(second, by=data_protection)
    assert ROOM.due(study, writer, today) == []
    assert Recall.objects.get().settled_by == data_protection
    assert AuditEvent.objects.filter(action="releases.recipient_told").count() == 2


def test_telling_twice_is_telling_once(study, participant, data_protection, writer, quoting, clock):
    ROOM.erase(erasure(study, participant, data_protection))
    clock.shift(60)
    recipient = quoting.recipients.first()
    told_at = recipients.tell(recipient, by=writer).told_at
    clock.shift(60)
    assert recipients.tell(recipient, by=writer).told_at == told_at
    assert AuditEvent.objects.filter(action="releases.recipient_told").count() == 1


def test_a_later_recall_has_to_be_told_again(study, participant, data_protection, writer, counted, clock):
    recall(study, respondents={"r1"}, by=data_protection, at=timezone.now())
    clock.shift(60)
    recipients.tell(counted.recipients.get(), by=writer)
    clock.shift(60)
    recall(study, respondents={"r2"}, by=data_protection, at=timezone.now())
    assert len(recipients.untold(Release.objects.get())) == 1


def test_nothing_to_tell_without_a_recall(quoting, writer):
    with pytest.raises(NotReady, match="not recalled"):
        recipients.tell(quoting.recipients.first(), by=writer)


def test_roles_that_do_not_tell_are_refused(study, participant, data_protection, researcher, quoting):
    ROOM.erase(erasure(study, participant, data_protection))
    with pytest.raises(Refused):
        recipients.tell(quoting.recipients.first(), by=researcher)
    with pytest.raises(Refused):
        recipients.settle(quoting, by=researcher)


def test_recall_without_recipients_is_closed_by_hand(study, participant, data_protection, writer, publish):
    bare = publish(
        answers_table(("Useful", people(0, 35), people(0, 50))), quoted=[participant], recipients=[]
    ).release
    ROOM.erase(erasure(study, participant, data_protection))
    assert recipients.settle(bare, by=writer) == 1
    assert recipients.settle(bare, by=writer) == 0
    assert AuditEvent.objects.filter(action="releases.recall_settled").count() == 1


def test_recall_is_not_closed_over_recipients(study, participant, data_protection, writer, quoting):
    ROOM.erase(erasure(study, participant, data_protection))
    with pytest.raises(NotReady, match="2 recipients have not been told"):
        recipients.settle(quoting, by=writer)


# Recipients


def test_recipient_is_sealed_listed_once_and_audited_without_the_name(quoting, writer):
    first = recipients.add(quoting, "  Jo   Recipient ", by=writer)
    assert recipients.add(quoting, "jo recipient", by=writer) == first
    assert b"Recipient" not in bytes(first.sealed_who)
    listed = list(quoting.recipients.all())
    assert recipients.names(quoting, listed) == ["The funder", "The council", "Jo Recipient"]
    event = AuditEvent.objects.get(action="releases.recipient_add")
    assert (event.counts, event.fields) == ({}, [])


def test_recipient_needs_a_name_and_the_right(quoting, writer, lead):
    with pytest.raises(Invalid):
        recipients.add(quoting, "   ", by=writer)
    with pytest.raises(Invalid):
        recipients.add(quoting, "x" * 201, by=writer)
    with pytest.raises(Refused):
        recipients.add(quoting, "The council", by=lead)


def test_maker_of_a_draft_adds_recipients_to_it(publish, researcher, site_a):
    made = publish(
        answers_table(("Useful", people(0, 35), people(0, 50))), by=researcher, site=site_a
    ).release
    assert recipients.add(made, "A colleague", by=researcher).release == made


# The port


def test_find_reaches_the_register_s_own_words(study, publish, quoting):
    publish(answers_table(("Ashcombe's needle?", people(300, 340), people(300, 350))), purpose="For Nadia")
    assert [hit.label for hit in ROOM.find(study, "needle?")] == ["Release R2"]
    assert [hit.label for hit in ROOM.find(study, "nadia")] == ["Release R2"]
    assert ROOM.find(study, "nowhere") == []


def test_room_declares_what_reaches_a_participant():
    assert ROOM.owns == {"releases.QuotedPerson"}
    assert "releases" in [room.name for room in rooms.all_rooms()]
