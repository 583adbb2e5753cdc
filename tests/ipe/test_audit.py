import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ipe import audit
from ipe.models import AuditEvent


def record(study, lead, n=1):
    return [
        audit.record("study.change", study, by=lead, evaluation=study, counts={"rows": i}) for i in range(n)
    ]


def test_chain_of_many_events_is_whole(study, lead):
    record(study, lead, 5)
    assert audit.verify() == audit.Verified(5, AuditEvent.objects.first().code, None)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ipe_auditevent SET action = 'other' WHERE number = %s",
        "UPDATE ipe_auditevent SET counts = '{\"rows\": 9}' WHERE number = %s",
        "DELETE FROM ipe_auditevent WHERE number = %s",
    ],
)
def test_verify_finds_a_changed_or_missing_event(study, lead, damage):
    middle = record(study, lead, 5)[2]
    with connection.cursor() as cursor:
        cursor.execute(damage, [middle.number])
    assert audit.verify().broken_at in {middle.number, middle.number + 1}
    with pytest.raises(CommandError):
        call_command("audit", "verify")


def test_verify_finds_a_cut_end(study, lead):
    last = record(study, lead, 3)[-1]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ipe_auditevent WHERE number = %s", [last.number])
    assert not audit.verify().is_whole


def test_a_kept_head_tells_a_cut_end_whose_head_was_put_back(study, lead, capsys):
    record(study, lead, 3)
    call_command("audit", "head")
    kept = capsys.readouterr().out.split()
    record(study, lead, 2)
    call_command("audit", "verify", "--kept", *kept)
    assert "5 events" in capsys.readouterr().out
    fourth, third, second = AuditEvent.objects.all()[1:4]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ipe_auditevent WHERE number > %s", [second.number])
        cursor.execute("UPDATE ipe_audithead SET n_events = 2, code = %s", [second.code])
    assert audit.verify().is_whole
    assert not audit.verify(kept=(3, third.code)).is_whole
    assert not audit.verify(kept=(2, fourth.code)).is_whole
    assert audit.verify(kept=(2, second.code)).is_whole
    with pytest.raises(CommandError, match="broken"):
        call_command("audit", "verify", "--kept", *kept)
    with pytest.raises(CommandError, match="as “audit head” printed"):
        call_command("audit", "verify", "--kept", "x", "y")


def test_events_cannot_be_changed_or_hold_content(study, lead):
    record(study, lead)
    with pytest.raises(TypeError):
        AuditEvent.objects.update(action="x")
    with pytest.raises(TypeError):
        AuditEvent.objects.all().delete()
    with pytest.raises(TypeError):
        AuditEvent.objects.get().delete()
    with pytest.raises(TypeError):
        AuditEvent.objects.get().save()
    with pytest.raises(TypeError):
        audit.record("x", study, by=lead, counts={"name": "Ann"})
