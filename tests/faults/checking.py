"""What must hold of an installation after a process was killed in it. Runs inside it."""

from __future__ import annotations

from typing import Any


def whole() -> list[str]:
    """What is wrong with the databases and the audit chain; empty when nothing is."""
    from django.db import connections

    from ipe import audit

    wrong = []
    for alias in ("default", "keys"):
        if connections[alias].vendor == "sqlite":
            with connections[alias].cursor() as cursor:
                cursor.execute("PRAGMA integrity_check")
                if (found := cursor.fetchall()) != [("ok",)]:
                    wrong.append(f"{alias}: {found}")
                cursor.execute("PRAGMA foreign_key_check")
                wrong += [f"{alias}: {row}" for row in cursor.fetchall()]
    if not audit.verify().is_whole:
        wrong.append("the audit chain is broken")
    return wrong


def saves(case: str, column: str, code: str) -> dict[str, Any]:
    """What is stored of the three kinds of saves that the test posts, each with everything that belongs to it."""
    from coding.models import Cell, CellHistory, Coding, CodingEvent
    from consent.contact import names_of
    from consent.models import Contact, Participant
    from ipe.models import AuditEvent

    def n_events(action: str) -> int:
        return AuditEvent.objects.filter(action=action).count()

    cell = Cell.objects.get(case=case, column=column)
    history = CellHistory.objects.filter(cell=cell).order_by("version").values_list("version", "runs")
    applied = [
        row[0]
        for event in CodingEvent.objects.filter(verb="apply", kind="do")
        for row in event.after["codings"]
        if row[4] == code
    ]
    names = names_of(Contact.objects.all())
    return {
        "cell": [cell.version, cell.runs],
        "history": list(history),
        "n_histories": CellHistory.objects.count(),
        "n_histories_audited": n_events("coding.cell_saved"),
        "codings": list(Coding.objects.filter(code=code).values_list("pk", "start", "end")),
        "applied": applied,
        "n_applied": CodingEvent.objects.filter(verb="apply", kind="do").count(),
        "n_applied_audited": n_events("coding.apply"),
        "people": [names.get(pk) for pk in Participant.objects.values_list("pk", flat=True)],
        "n_added_audited": n_events("participant.added"),
        "wrong": whole(),
    }


def stored(intake: str, job: str) -> dict[str, Any]:
    """What is stored of one survey file, and how its job stands."""
    from ipe.models import AuditEvent, Job, StoredFile
    from surveys.models import Answer, Intake, Response

    row = Intake.objects.get(pk=intake)
    of_job = Job.objects.get(pk=job)
    responses = Response.objects.filter(intake=row)
    return {
        "state": row.state,
        "job": of_job.state,
        "attempts": of_job.attempts,
        "message": of_job.message,
        "error": of_job.error,
        "result": of_job.result,
        "n_responses": responses.count(),
        "n_respondents": responses.values("respondent_key").distinct().count(),
        "n_answers": Answer.objects.filter(response__intake=row).count(),
        "n_audited": AuditEvent.objects.filter(action="surveys.intake_stored", subject_id=intake).count(),
        "n_in_use": Intake.objects.filter(instrument=row.instrument, wave=row.wave, state="stored").count(),
        "n_sheets": StoredFile.objects.filter(kind="survey-draft", erased_at=None).count(),
    }
