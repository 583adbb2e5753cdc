"""A job has the rights of who asked for it, as they are when it runs; people's answers are never exempt."""

from __future__ import annotations

import pytest

from ipe import jobs
from ipe.models import Indicator, Job, Member
from surveys import intake, results, tables
from surveys.frames import Scope
from surveys.models import Response
from tests.surveys.conftest import answers, fifty


@pytest.mark.row("V8.3.3")
def test_a_file_is_not_stored_for_somebody_who_lost_the_role_since(opened, fieldwork, run_jobs):
    draft = opened(fifty())
    job = intake.confirm(draft, by=fieldwork)
    Member.objects.filter(user=fieldwork).update(role="report_writer")
    run_jobs()
    job.refresh_from_db()
    assert (job.state, Response.objects.count()) == (Job.State.FAILED, 0)
    assert "Your role" in job.error
    draft.refresh_from_db()
    assert draft.is_open


@pytest.mark.row("V8.3.3")
def test_a_file_is_not_stored_for_somebody_who_left(opened, fieldwork, run_jobs):
    job = intake.confirm(opened(fifty()), by=fieldwork)
    fieldwork.is_active = False
    fieldwork.save()
    run_jobs()
    job.refresh_from_db()
    assert (job.state, Response.objects.count()) == (Job.State.FAILED, 0)


def test_the_command_line_asks_nobody(opened, run_jobs):
    job = intake.confirm(opened(fifty()), by=None)
    assert jobs.run(job.pk)
    assert Response.objects.count() == 54


def test_answers_of_people_are_hidden_though_the_protocol_calls_them_organisational(study, stored):
    Indicator.objects.filter(evaluation=study, code="enough-time").update(output_class="organisational")
    stored(
        [
            *answers(4, attended="Yes", useful="Agree", time="Agree"),
            *answers(40, time="Disagree", attended="No"),
        ]
    )
    found = results.computed(Scope(study)).results
    [row] = [r for r in results.as_json(study) if r["indicator"] == "enough-time" and r["scope"] == "overall"]
    assert (row["numerator"], row["percent"]) == (None, None)
    assert {tables.class_of(one) for one in found if one.indicator.code == "enough-time"} == {"survey"}
