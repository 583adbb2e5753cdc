import datetime as dt
from decimal import Decimal

import pytest

from ipe import rooms
from ipe import study as acts
from ipe.errors import Conflict, Invalid, NotFound, Refused
from ipe.models import (
    AuditEvent,
    ContextEvent,
    Evaluation,
    Indicator,
    Phase,
    ResearchQuestion,
    Site,
    Team,
    ThresholdChange,
    Wave,
)
from tests.conftest import make_member, make_user

DATES = {
    "live_planned_on": dt.date(2025, 10, 1),
    "live_actual_on": dt.date(2025, 12, 1),
    "live_analysis_on": None,
}


def last_event():
    return AuditEvent.objects.order_by("-number").first()


@pytest.fixture
def indicator(study):
    return Indicator.objects.create(evaluation=study, code="1a", title="Training useful", unit="percent")


@pytest.fixture
def holds_data(monkeypatch):
    """A room above that tells of evidence on whatever is asked."""
    room = rooms.Room(name="a room with data", label="Data", order=99, evidence=lambda row: {"responses": 54})
    monkeypatch.setitem(rooms._rooms, room.name, room)


@pytest.fixture
def site_lead(study, site_a):
    """An evaluation lead of site A only."""
    user = make_user("sitelead@example.org", "Sila Site")
    make_member(study, user, "evaluation_lead", site_a)
    return user


def test_create_study_makes_its_creator_the_lead(db):
    user = make_user("new@example.org", "Nia New")
    user.may_create_studies = True
    made = acts.create_study(by=user, slug="second", title="Second")
    member = made.members.get()
    assert (member.user, member.role, member.all_sites) == (user, "evaluation_lead", True)
    assert list(AuditEvent.objects.order_by("number").values_list("action", flat=True)) == [
        "study.created",
        "member.added",
    ]


def test_create_study_is_refused_without_the_right(outsider):
    with pytest.raises(Refused):
        acts.create_study(by=outsider, slug="second", title="Second")
    assert not Evaluation.objects.exists()


def test_create_study_with_a_taken_address_names_the_field(study, lead):
    lead.may_create_studies = True
    with pytest.raises(Invalid) as refused:
        acts.create_study(by=lead, slug="trial", title="Again")
    assert set(refused.value.fields) == {"slug"}


def test_change_study_records_what_changed(study, lead):
    acts.change_study(study, by=lead, title="The trial", smallest_count_survey=5)
    study.refresh_from_db()
    assert study.smallest_count_survey == 5
    assert (last_event().action, last_event().fields) == ("study.changed", ["smallest_count_survey"])


def test_change_study_twice_is_recorded_once(study, lead):
    for _ in range(2):
        acts.change_study(study, by=lead, smallest_count_survey=5)
    assert AuditEvent.objects.filter(action="study.changed").count() == 1


def test_change_study_refuses_an_impact_count_below_ten(study, lead):
    with pytest.raises(Invalid) as refused:
        acts.change_study(study, by=lead, smallest_count_impact=9)
    assert "smallest_count_impact" in refused.value.fields


def test_change_study_refuses_a_lead_of_some_sites(study, site_lead):
    with pytest.raises(Refused):
        acts.change_study(study, by=site_lead, title="Mine")


def test_new_site_gets_a_wave_for_every_phase(study, lead):
    site = acts.add(Site(evaluation=study), by=lead, code="C", name="Calderholt", order=2)
    assert [wave.phase.code for wave in site.waves.all()] == ["pre", "3m", "12m", "24m"]
    assert last_event().action == "site.added"


def test_new_phase_gets_a_wave_at_every_site(study, lead):
    phase = acts.add(
        Phase(evaluation=study), by=lead, code="36m", name="36 months", order=4, offset_months=36
    )
    assert {wave.site.code for wave in phase.waves.all()} == {"A", "B"}


def test_add_with_a_taken_code_says_so(study, lead):
    with pytest.raises(Invalid) as refused:
        acts.add(Site(evaluation=study), by=lead, code="A", name="Again", order=2)
    assert refused.value.message == "Another site of this study has this code."


def test_add_refuses_fields_that_pages_do_not_set(study, lead):
    with pytest.raises(TypeError):
        acts.add(Site(evaluation=study), by=lead, code="C", name="C", evaluation=study)


@pytest.mark.parametrize("who", ["fieldwork", "researcher", "writer", "data_protection"])
def test_add_is_refused_to_other_roles(study, who, request):
    with pytest.raises(Refused):
        acts.add(Phase(evaluation=study), by=request.getfixturevalue(who), code="x", name="X")


def test_lead_of_one_site_changes_that_site_only(study, site_lead, site_a, site_b):
    acts.change(site_a, by=site_lead, name="Ashcombe County")
    with pytest.raises(NotFound):
        acts.change(site_b, by=site_lead, name="Mine")
    with pytest.raises(Refused):
        acts.add(Site(evaluation=study), by=site_lead, code="C", name="C")


def test_event_cannot_be_moved_beyond_ones_own_site(study, site_lead, site_a, site_b):
    event = ContextEvent.objects.create(
        evaluation=study, site=site_a, happened_on=dt.date(2026, 1, 1), title="Inspection"
    )
    with pytest.raises(NotFound):
        acts.change(event, by=site_lead, site=site_b)
    event.refresh_from_db()
    assert event.site == site_a


def test_team_parent_must_be_of_the_same_site(site_a, site_b, lead):
    team, far = site_a.teams.get(code="team-1"), site_b.teams.get(code="north")
    with pytest.raises(Invalid) as refused:
        acts.change(team, by=lead, parent=far)
    assert "parent" in refused.value.fields


def test_team_and_question_cannot_stand_in_a_circle(study, site_a, lead):
    team, district = site_a.teams.get(code="team-1"), site_a.teams.get(code="north")
    with pytest.raises(Invalid):
        acts.change(district, by=lead, parent=team)
    upper = ResearchQuestion.objects.create(evaluation=study, code="1", text="Upper")
    lower = ResearchQuestion.objects.create(evaluation=study, code="1.1", text="Lower", parent=upper)
    with pytest.raises(Invalid):
        acts.change(upper, by=lead, parent=lower)


def test_question_of_another_study_is_not_found(study, lead):
    other = Evaluation.objects.create(slug="other", title="Other")
    far = ResearchQuestion.objects.create(evaluation=other, code="1", text="Far")
    with pytest.raises(NotFound):
        acts.add(ResearchQuestion(evaluation=study), by=lead, code="1", text="Near", parent=far)


def test_indicator_keeps_phases_and_methods(study, lead):
    phases = list(study.phases.filter(code__in=["3m", "12m"]))
    made = acts.add(
        Indicator(evaluation=study),
        by=lead,
        code="1a",
        title="Useful",
        methods=["survey"],
        phases=phases,
        note="",
    )
    assert set(made.phases.all()) == set(phases)
    acts.change(made, by=lead, phases=phases[:1])
    assert list(made.phases.all()) == phases[:1]
    assert last_event().fields == ["phases"]


def test_unit_cannot_change_under_thresholds(indicator, study, lead):
    acts.set_threshold(
        indicator, study.phases.get(code="3m"), "overall", by=lead, comparator="at_least", value=Decimal(70)
    )
    with pytest.raises(Conflict):
        acts.change(indicator, by=lead, unit="count")


def test_remove_counts_what_goes_with_it(study, site_a, lead):
    effects = {effect.label: effect.count for effect in acts.remove(site_a, by=lead)}
    assert effects == {"teams": 2, "waves": 4}
    assert not Site.objects.filter(pk=site_a.pk).exists()
    assert last_event().action == "site.removed"
    assert last_event().counts == {"ipe.team": 2, "ipe.wave": 4}


def test_remove_is_refused_where_evidence_hangs(site_a, lead, holds_data):
    with pytest.raises(Conflict) as refused:
        acts.remove(site_a, by=lead)
    assert "54 responses" in refused.value.message
    assert Site.objects.filter(pk=site_a.pk).exists()


def test_remove_is_refused_for_a_protected_row(site_a, lead):
    with pytest.raises(Conflict) as refused:
        acts.remove(site_a.teams.get(code="north"), by=lead)
    assert "teams" in refused.value.message
    assert site_a.teams.count() == 2


def test_a_lead_of_one_site_cannot_remove_it(site_a, site_lead):
    with pytest.raises(Refused):
        acts.remove(site_a, by=site_lead)


@pytest.mark.row("SC-01")
def test_moving_the_start_moves_future_waves_only(site_a, lead):
    before = {wave.phase.code: wave.starts_on for wave in site_a.waves.all()}
    would = [one.key.phase.code for one in acts.waves_that_would_move(site_a, live_on=dt.date(2025, 12, 1))]
    moved = acts.move_live_dates(site_a, by=lead, **DATES, with_future_waves=True)
    after = {wave.phase.code: wave.starts_on for wave in site_a.waves.all()}
    assert would == [wave.phase.code for wave in moved] == ["24m"]
    assert after["24m"] - before["24m"] == dt.timedelta(days=30)
    assert {code: after[code] for code in ("pre", "3m", "12m")} == {
        code: before[code] for code in ("pre", "3m", "12m")
    }
    assert (last_event().action, last_event().counts) == ("site.live_dates_moved", {"waves_moved": 1})


def test_moving_the_start_leaves_waves_when_asked(site_a, lead):
    before = list(site_a.waves.values_list("starts_on", flat=True))
    assert acts.move_live_dates(site_a, by=lead, **DATES, with_future_waves=False) == []
    assert list(site_a.waves.values_list("starts_on", flat=True)) == before
    site_a.refresh_from_db()
    assert site_a.live_actual_on == dt.date(2025, 12, 1)


def test_moving_the_start_twice_moves_once(site_a, lead):
    acts.move_live_dates(site_a, by=lead, **DATES, with_future_waves=True)
    once = list(site_a.waves.values_list("starts_on", flat=True))
    assert acts.move_live_dates(site_a, by=lead, **DATES, with_future_waves=True) == []
    assert list(site_a.waves.values_list("starts_on", flat=True)) == once


def test_change_of_live_dates_must_go_through_its_own_act(site_a, lead):
    with pytest.raises(TypeError):
        acts.change(site_a, by=lead, live_actual_on=dt.date(2026, 1, 1))


def test_set_wave_and_not_planned(study, site_a, lead):
    phase = study.phases.get(code="24m")
    days = {"starts_on": dt.date(2027, 11, 1), "ends_on": dt.date(2027, 12, 1)}
    assert acts.set_wave(site_a, phase, by=lead, is_planned=True, **days).starts_on == dt.date(2027, 11, 1)
    gone = acts.set_wave(site_a, phase, by=lead, is_planned=False, **days)
    assert (gone.is_planned, gone.starts_on, gone.ends_on) == (False, None, None)
    assert Wave.objects.filter(site=site_a, phase=phase).count() == 1


def test_set_wave_refuses_dates_that_end_before_they_start(study, site_a, lead):
    with pytest.raises(Invalid):
        acts.set_wave(
            site_a,
            study.phases.get(code="24m"),
            by=lead,
            is_planned=True,
            starts_on=dt.date(2027, 2, 1),
            ends_on=dt.date(2027, 1, 1),
        )


def test_wave_with_evidence_cannot_become_unplanned(study, site_a, lead, holds_data):
    with pytest.raises(Conflict):
        acts.set_wave(
            site_a, study.phases.get(code="3m"), by=lead, is_planned=False, starts_on=None, ends_on=None
        )


def threshold(indicator, lead, *, phase="12m", replaces=None, reason="", **values):
    values = {"comparator": "at_least", "value": Decimal(70), **values}
    at = indicator.evaluation.phases.get(code=phase)
    return acts.set_threshold(indicator, at, "overall", by=lead, replaces=replaces, reason=reason, **values)


def test_first_threshold_before_data_is_no_change(indicator, lead):
    made = threshold(indicator, lead)
    assert made.value == 70
    assert not ThresholdChange.objects.exists()
    assert [phase.code for phase in indicator.phases.all()] == ["12m"]
    assert last_event().action == "threshold.added"


def test_changed_threshold_is_kept_with_before_and_after(indicator, lead):
    made = threshold(indicator, lead)
    threshold(indicator, lead, replaces=made, value=Decimal(75))
    change = ThresholdChange.objects.get()
    assert (change.before["value"], change.after["value"]) == ("70.0000", "75")
    assert (change.had_data, change.reason) == (False, "Changed before any data arrived.")
    assert change.changed_by == lead


def test_saving_a_threshold_unchanged_records_nothing(indicator, lead):
    made = threshold(indicator, lead)
    made.refresh_from_db()
    n_events = AuditEvent.objects.count()
    threshold(indicator, lead, replaces=made, value=made.value)
    assert (ThresholdChange.objects.count(), AuditEvent.objects.count()) == (0, n_events)


def test_change_after_data_needs_a_reason(indicator, lead, holds_data):
    with pytest.raises(Invalid) as refused:
        threshold(indicator, lead)
    assert set(refused.value.fields) == {"reason"}
    assert not indicator.thresholds.exists()
    made = threshold(indicator, lead, reason="Agreed by the steering group.")
    acts.remove_threshold(made, by=lead, reason="Dropped from the protocol.")
    kept = list(ThresholdChange.objects.order_by("created_at").values_list("had_data", "reason"))
    assert kept == [(True, "Agreed by the steering group."), (True, "Dropped from the protocol.")]


@pytest.mark.row("TH-02")
def test_gap_between_bands_is_named(indicator, lead):
    bands = [{"name": "Go", "at_least": "70"}, {"name": "Stop", "below": "60"}]
    with pytest.raises(Invalid) as refused:
        threshold(indicator, lead, bands=bands)
    assert "no band holds values from 60 to below 70" in refused.value.fields["bands"]


@pytest.mark.parametrize(
    ("unit", "values", "field"),
    [
        ("percent", {"value": Decimal(101)}, "value"),
        ("percent", {"comparator": "yes", "value": None}, "comparator"),
        ("yes_no", {}, "comparator"),
        ("count", {"value": Decimal("1.5")}, "value"),
        ("percent", {"role_minimum": Decimal(80)}, "role_minimum"),
        ("percent", {"minimum_response_percent": Decimal(120)}, "minimum_response_percent"),
    ],
)
def test_target_must_fit_the_indicator(indicator, lead, unit, values, field):
    indicator.unit = unit
    indicator.save()
    with pytest.raises(Invalid) as refused:
        threshold(indicator, lead, **values)
    assert field in refused.value.fields
    assert not indicator.thresholds.exists()


def test_two_thresholds_for_one_phase_and_scope_are_refused(indicator, lead):
    threshold(indicator, lead)
    with pytest.raises(Invalid) as refused:
        threshold(indicator, lead, value=Decimal(75))
    assert "already has a threshold" in refused.value.message


def test_thresholds_are_refused_to_others(indicator, researcher, site_lead):
    for who in (researcher, site_lead):
        with pytest.raises(Refused):
            threshold(indicator, who)


def test_removing_a_threshold_keeps_the_record(indicator, lead):
    made = threshold(indicator, lead)
    acts.remove_threshold(made, by=lead)
    assert ThresholdChange.objects.get().after is None
    assert last_event().action == "threshold.removed"


def test_team_of_another_site_is_added_there(site_b, lead):
    made = acts.add(Team(site=site_b), by=lead, site=site_b, code="x", name="X", parent=None)
    assert made.site == site_b
