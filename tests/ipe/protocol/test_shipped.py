"""The two studies that come with the application say what their sources say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cache

import pytest

from ipe.models import Evaluation, Threshold, Wave
from ipe.phasing import add_months
from ipe.protocol.checks import every_question
from ipe.protocol.schema import DESIGN_SECTIONS, Design, IndicatorPart, ThresholdPart, WaveDates
from ipe.protocol.source import read_source
from ipe.protocol.study import import_protocol
from tests.ipe.protocol.files import SHIPPED, shipped

TRIAL, PILOT = SHIPPED


@cache
def design(slug: str) -> Design:
    data = read_source(shipped(slug)).data
    return Design(**{name: adapter.validate_python(data[name]) for name, adapter in DESIGN_SECTIONS.items()})


def indicators(slug: str) -> dict[str, IndicatorPart]:
    return {one.code: one for one in design(slug).indicators or []}


def targets(slug: str, code: str) -> dict[str, ThresholdPart]:
    return {phase: one for one in indicators(slug)[code].thresholds for phase in one.phases}


def test_trial_questions_and_counts() -> None:
    trial = design(TRIAL)
    codes = [question.code for _, question in every_question(trial.research_questions or [])]
    assert codes == ["1", "1a", "1b", "2", "2a", "3", "3a", "3b", "4", "4a", "4b", "4c"]
    by_question = [one.question for one in trial.indicators or []]
    assert {code: by_question.count(code) for code in codes if code in by_question} == {
        "1a": 14,
        "1b": 5,
        "2a": 3,
        "3a": 2,
        "3b": 7,
        "4a": 4,
        "4b": 1,
        "4c": 1,
    }
    assert [(phase.code, phase.offset_months) for phase in trial.phases or []] == [
        ("pre", -3),
        ("3m", 3),
        ("12m", 12),
        ("24m", 24),
    ]


def test_trial_sites_start_half_a_year_apart() -> None:
    assert [(site.name, site.live_planned_on, site.readiness) for site in design(TRIAL).sites or []] == [
        ("Walsall", dt.date(2020, 4, 1), "high"),
        ("Lancashire", dt.date(2020, 10, 1), "high"),
        ("Telford & Wrekin", dt.date(2021, 4, 1), "low"),
        ("Wandsworth", dt.date(2021, 10, 1), "low"),
        ("Swindon", dt.date(2022, 4, 1), "low"),
    ]


@pytest.mark.row("SC-01")
def test_trial_waves_follow_the_live_date_but_for_the_first_baseline() -> None:
    trial = design(TRIAL)
    offsets = {phase.code: phase.offset_months for phase in trial.phases or []}
    for site in trial.sites or []:
        assert site.live_planned_on is not None
        waves = (trial.waves or {})[site.code]
        assert list(waves) == list(offsets)
        for phase, wave in waves.items():
            offset = -1 if (site.code, phase) == ("walsall", "pre") else offsets[phase]
            first = add_months(site.live_planned_on, offset)
            assert wave == WaveDates(starts_on=first, ends_on=add_months(first, 1) - dt.timedelta(days=1))


@pytest.mark.row("000-17")
@pytest.mark.parametrize(
    ("code", "comparator", "values"),
    [
        ("1a-specialist-time", "at_least", {"3m": "0.5", "12m": "0.5", "24m": "0.5"}),
        ("1a-specialists-in-post", "at_least", {"3m": "50", "12m": "70", "24m": "70"}),
        ("1a-mi-training", "at_least", {"3m": "80", "12m": "80", "24m": "80"}),
        ("1a-mi-workshops", "at_least", {"3m": "30", "12m": "80"}),
        ("1a-developer-workshops", "at_least", {"3m": "80", "12m": "80", "24m": "80"}),
        ("1a-group-supervision", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("1a-workbooks", "at_least", {"3m": "80", "12m": "80", "24m": "80"}),
        ("1a-uses-mi", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("1a-uses-programme", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("1a-clinical-supervision", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("1b-vacancies", "at_most", {"pre": "20", "3m": "20", "12m": "20", "24m": "20"}),
        ("1b-caseload", "at_most", {"pre": "17", "3m": "17", "12m": "17", "24m": "17"}),
        ("1b-leadership-support", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("1b-direct-work-time", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("1b-model-time", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("3b-change-managed", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("3b-satisfied-in-job", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("3b-intends-to-remain", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("3b-prepared-and-supported", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
        ("3b-confident-to-change", "at_least", {"3m": "70", "12m": "70", "24m": "70"}),
    ],
)
def test_trial_thresholds(code: str, comparator: str, values: dict[str, str]) -> None:
    found = targets(TRIAL, code)
    assert {phase: one.value for phase, one in found.items()} == {p: Decimal(v) for p, v in values.items()}
    assert {one.comparator for one in found.values()} == {comparator}


@pytest.mark.row("000-17")
def test_trial_has_no_other_thresholds() -> None:
    trial = indicators(TRIAL)
    assert [one.scope for one in targets(TRIAL, "1a-specialist-time").values()] == ["each_role"] * 3
    assert {phase: one.role_minimum for phase, one in targets(TRIAL, "1a-specialists-in-post").items()} == {
        "3m": None,
        "12m": 40,
        "24m": 40,
    }
    assert {one.comparator for one in targets(TRIAL, "1a-separate-functions").values()} == {"yes"}
    assert sum(bool(one.thresholds) for one in trial.values()) == 21
    # Without a target, but measured: shown as "no target".
    assert trial["1a-mi-workshops"].phases == ["3m", "12m", "24m"]
    assert [code for code, one in trial.items() if one.unit != "text" and not one.thresholds] == [
        "1a-case-mix",
        "3a-families-reached",
        "3a-families-with-specialists",
    ]


def test_pilot_phases_live_date_and_waves() -> None:
    pilot = design(PILOT)
    (site,) = pilot.sites or []
    assert site.live_actual_on == dt.date(2020, 2, 10)
    assert len(site.teams) == 5
    assert (pilot.waves or {})["cambridgeshire"] == {
        "baseline": WaveDates(starts_on=dt.date(2019, 10, 1), ends_on=dt.date(2019, 12, 31)),
        "interim": WaveDates(starts_on=dt.date(2020, 2, 1), ends_on=dt.date(2020, 4, 30)),
        "follow-up": WaveDates(starts_on=dt.date(2020, 9, 1), ends_on=dt.date(2020, 12, 31)),
    }
    assert pilot.evaluation.smallest_count_survey == 1
    codes = [question.code for _, question in every_question(pilot.research_questions or [])]
    assert codes == ["1", "1a", "1b", "1c", "2", "2a", "2b", "2c", "3", "3a", "3b", "3c"]
    assert {one.question for one in pilot.indicators or []} == {code for code in codes if len(code) == 2}


def test_pilot_thresholds() -> None:
    values = {
        code: sorted({one.value for one in targets(PILOT, code).values() if one.value is not None})
        for code, one in indicators(PILOT).items()
        if one.thresholds
    }
    others = {"1a-specialist-posts": [80], "1a-mi-follow-up": [60], "1a-co-located": []}
    assert {code: value for code, value in values.items() if value != [70]} == others
    assert list(targets(PILOT, "1a-mi-follow-up")) == ["follow-up"]
    assert not any(
        code in values for code in ("1b-stressed", "1a-workbook", "1c-caseload", "2b-improves-outcomes")
    )


@pytest.mark.row("000-21")
@pytest.mark.usefixtures("db")
def test_both_can_be_imported() -> None:
    for slug in SHIPPED:
        import_protocol(shipped(slug), by=None)
    trial = Evaluation.objects.get(slug=TRIAL)
    assert [trial.sites.count(), trial.phases.count(), trial.indicators.count()] == [5, 4, 37]
    assert Wave.objects.filter(site__evaluation=trial, starts_on__isnull=False).count() == 20
    assert Threshold.objects.filter(indicator__evaluation=trial).count() == 64
    plan = {row.code: (row.number, sorted(p.code for p in row.phases.all())) for row in trial.plan_rows.all()}
    assert plan["leaders"] == (2, ["12m", "pre"])
    assert plan["specialists"] == (3, ["12m"])
    assert plan["practice-with-families"] == (6, ["12m", "pre"])
    assert plan["young-people"] == (4, ["12m"])
    assert trial.plan_rows.get(code="staff-focus-group").people_each == 6
    assert len(plan) == 10
    _trial_instruments_feed_its_indicators(trial)
    pilot = Evaluation.objects.get(slug=PILOT)
    assert pilot.instruments.get(name="staff-survey").rules.count() > 20


def _trial_instruments_feed_its_indicators(trial: Evaluation) -> None:
    """Every figure from the survey or from returns has a reading; returns about posts ask for four roles."""
    read = {
        instrument.name: {rule.indicator.code: rule for rule in instrument.rules.all()}
        for instrument in trial.instruments.prefetch_related("rules__indicator", "rules__base_rule")
    }
    measured = trial.indicators.exclude(unit="text")
    for name, method in (("staff-survey", "survey"), ("authority-return", "admin_data")):
        assert set(read[name]) == {row.code for row in measured if method in row.methods}
    bases = {code: rule.base_rule.code for code, rule in read["staff-survey"].items() if rule.base_rule}
    assert {code: base for code, base in bases.items() if base != "staff"} == {
        "1a-uses-mi": "social-workers",
        "1a-uses-programme": "social-workers",
        "1a-clinical-supervision": "practitioners",
    }
    assert len(bases) == 11
    counted = [point.code for point in read["staff-survey"]["1a-clinical-supervision"].counted.all()]
    assert counted == ["monthly", "more"]
    by_role = {code: len(rule.roles) for code, rule in read["authority-return"].items() if rule.roles}
    by_post = dict.fromkeys(("1a-specialist-time", "1a-specialists-in-post"), 4)
    assert by_role == by_post | {"3a-families-with-specialists": 4}
