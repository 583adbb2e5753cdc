"""A staff survey of the small study, and files of answers to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

STAFF_SURVEY = {
    "name": "staff-survey",
    "title": "Survey of staff",
    "roles": ["Social worker", "Senior practitioner", "Team manager"],
    "scales": [
        {
            "code": "agree5",
            "points": [
                {"code": "sd", "label": "Strongly disagree"},
                {"code": "d", "label": "Disagree"},
                {"code": "n", "label": "Neither agree nor disagree"},
                {"code": "a", "label": "Agree"},
                {"code": "sa", "label": "Strongly agree"},
                {"code": "na", "label": "Not applicable", "kind": "not_applicable"},
                {"code": "dk", "label": "Don’t know", "kind": "dont_know"},
            ],
        },
        {"code": "yesno", "points": [{"code": "yes", "label": "Yes"}, {"code": "no", "label": "No"}]},
        {
            "code": "posts",
            "points": [
                {"code": "dv", "label": "Domestic abuse"},
                {"code": "mh", "label": "Mental health"},
                {"code": "none", "label": "None of these"},
            ],
        },
    ],
    "items": [
        {"code": "attended", "wording": "I attended the training", "scale": "yesno"},
        {"code": "useful", "wording": "The training I attended was useful", "scale": "agree5"},
        {"code": "time", "wording": "I have enough time for direct work with families", "scale": "agree5"},
        {
            "code": "in-team",
            "wording": "Which of these roles does your team have?",
            "kind": "several_choices",
            "scale": "posts",
        },
        {"code": "caseload", "wording": "How many children do you hold?", "kind": "number", "maximum": 80},
        {"code": "comment", "wording": "Is there anything else?", "kind": "free_text"},
    ],
    "bases": [
        {"code": "all", "title": "All who answered"},
        {
            "code": "trained",
            "title": "All who attended the training",
            "when": [{"item": "attended", "values": ["yes"]}],
        },
    ],
    "indicators": [
        {
            "indicator": "training-useful",
            "items": ["useful"],
            "counted": ["a", "sa"],
            "base": "trained",
        },
        {"indicator": "enough-time", "items": ["time"], "counted": ["a", "sa"], "base": "all"},
    ],
}

MAPPING = {
    "mapping": 1,
    "name": "plain",
    "instrument": "staff-survey",
    "respondent": {
        "response_id": {"column": "id"},
        "role": {"column": "role"},
        "teams": {"column": "team", "separator": ";"},
    },
    "items": {
        "attended": {"column": "attended"},
        "useful": {"column": "useful", "not_applicable": ["N/A"]},
        "time": {"column": "time"},
        "in-team": {"column": "posts", "separator": ";"},
        "caseload": {"column": "caseload"},
        "comment": {"column": "comment"},
    },
}

HEADINGS = ["id", "role", "team", "attended", "useful", "time", "posts", "caseload", "comment"]


def answers(n: int, **given: str) -> list[dict[str, str]]:
    return [dict(given) for _ in range(n)]


def as_csv(rows: list[dict[str, str]], headings: list[str] = HEADINGS) -> bytes:
    """Rows with an id each unless they bring one; empty cells where a row says nothing."""
    out = io.StringIO()
    writer = csv.DictWriter(out, headings, restval="", lineterminator="\r\n")
    writer.writeheader()
    for number, row in enumerate(rows, start=1):
        writer.writerow({"id": f"r{number}"} | row if "id" in headings else row)
    return out.getvalue().encode()


def make_indicators(study: Any) -> None:
    from ipe.models import Indicator, Threshold

    for order, (code, title) in enumerate(
        [
            ("training-useful", "Staff found the training useful"),
            ("enough-time", "Enough time for direct work"),
        ]
    ):
        row = Indicator.objects.create(
            evaluation=study, code=code, title=title, methods=["survey"], order=order
        )
        for phase in study.phases.exclude(code="pre"):
            Threshold.objects.create(indicator=row, phase=phase, value=70)
    admin = [
        ("vacancy", "percent", "at_most", 20),
        ("caseload", "rate", "at_most", 17),
        ("separate", "yes_no", "yes", None),
    ]
    for order, (code, unit, comparator, value) in enumerate(admin, start=5):
        row = Indicator.objects.create(
            evaluation=study,
            code=code,
            title=code.title(),
            unit=unit,
            methods=["admin_data"],
            output_class="organisational",
            order=order,
        )
        for phase in study.phases.all():
            Threshold.objects.create(indicator=row, phase=phase, comparator=comparator, value=value)


def make_instrument(study: Any, part: dict[str, Any] = STAFF_SURVEY) -> Any:
    from ipe.protocol.study import Report
    from surveys.section import InstrumentPart, Instruments

    with transaction.atomic():  # as an import does
        Instruments().write(
            study, [InstrumentPart.model_validate(part, strict=False)], Report(study, None, False)
        )
    return study.instruments.get(name=part["name"])


@pytest.fixture
def instrument(study: Any) -> Any:
    make_indicators(study)
    return make_instrument(study)


@pytest.fixture
def saved_mapping(instrument: Any) -> Any:
    from surveys import intake, mapping

    return intake.save_mapping(instrument, part=mapping.checked(MAPPING), by=None)


@pytest.fixture
def opened(instrument: Any, saved_mapping: Any, wave: Any, site_a: Any) -> Callable[..., Any]:
    """`opened(rows)`: a draft intake at site A, mapped."""
    from surveys import intake

    def make(rows: list[dict[str, str]], phase: str = "12m", site: Any = None, **kwargs: Any) -> Any:
        draft = intake.open_intake(
            instrument,
            wave=wave(site or site_a, phase),
            file_name="answers.csv",
            data=as_csv(rows),
            by=kwargs.pop("by", None),
            **kwargs,
        )
        return intake.choose_mapping(draft, mapping=saved_mapping, by=None)

    return make


@pytest.fixture
def stored(opened: Any, run_jobs: Any) -> Callable[..., Any]:
    """`stored(rows)`: answers stored at site A."""
    from surveys import intake

    def make(rows: list[dict[str, str]], *, replace: bool = False, by: Any = None, **kwargs: Any) -> Any:
        draft = opened(rows, **kwargs)
        job = intake.confirm(draft, by=by, replace=replace)
        run_jobs()
        job.refresh_from_db()
        assert job.state == "done", job.error
        draft.refresh_from_db()
        return draft

    return make


def fifty(met: int = 35) -> list[dict[str, str]]:
    """Fifty who attended, `met` of whom found it useful, and four who did not attend."""
    return [
        *answers(met, role="Social worker", team="team-1", attended="Yes", useful="Agree", time="Agree"),
        *answers(50 - met, role="Senior practitioner", attended="Yes", useful="Disagree", time="Disagree"),
        *answers(4, role="Team manager", attended="No", useful="N/A", time="Agree"),
    ]
