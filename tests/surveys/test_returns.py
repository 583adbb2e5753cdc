import datetime as dt
from decimal import Decimal

import pytest

from ipe.errors import Invalid, NotFound, NotReady, Refused
from ipe.models import AuditEvent
from surveys import returns
from surveys.models import AdminReturn, AdminValue
from surveys.returns import FigureGiven, problem_of


@pytest.fixture
def here(instrument, wave, site_a):
    return wave(site_a, "12m")


def record(here, by, *figures, source="HR"):
    return returns.record_return(here, figures=figures, source=source, by=by, as_of_on=dt.date(2026, 11, 1))


def test_record_stores_and_is_audited(here, lead):
    row = record(here, lead, FigureGiven("vacancy", numerator=Decimal("2.5"), base=Decimal(20)))
    assert (row.state, row.source, row.values.count()) == ("current", "HR", 1)
    assert AuditEvent.objects.first().action == "surveys.return_recorded"


def test_second_return_replaces_the_first_and_withdrawal_brings_it_back(here, lead):
    first = record(here, lead, FigureGiven("caseload", value=Decimal(15)))
    second = record(here, lead, FigureGiven("caseload", value=Decimal(16)))
    first.refresh_from_db()
    assert (first.state, first.superseded_by) == ("superseded", second)
    told = returns.withdrawal_effects(second)
    assert returns.withdraw_return(second, by=lead) == told
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("current", "withdrawn")
    assert AdminValue.objects.get().value == 15
    with pytest.raises(NotReady):
        returns.withdraw_return(second, by=lead)


def test_refusals(here, researcher, writer, other_site, outsider):
    for person, error in (
        (researcher, Refused),
        (writer, Refused),
        (other_site, NotFound),
        (outsider, NotFound),
    ):
        with pytest.raises(error):
            record(here, person, FigureGiven("caseload", value=Decimal(15)))
    assert not AdminReturn.objects.exists()


def test_all_faults_are_told_and_nothing_is_stored(here, lead):
    with pytest.raises(Invalid) as caught:
        record(
            here,
            lead,
            FigureGiven("vacancy", numerator=Decimal(30), base=Decimal(20)),
            FigureGiven("training-useful", value=Decimal(1)),
            FigureGiven("caseload", team="nowhere", value=Decimal(1)),
            FigureGiven("separate", value=Decimal(1)),
        )
    assert set(caught.value.fields) == {"vacancy", "training-useful", "caseload · nowhere", "separate"}
    assert not AdminReturn.objects.exists()


def test_same_figure_twice_no_source_and_no_figures(here, lead):
    one = FigureGiven("caseload", value=Decimal(1))
    with pytest.raises(Invalid, match="given twice"):
        record(here, lead, one, one)
    with pytest.raises(Invalid, match="where the figures come from"):
        record(here, lead, one, source=" ")
    with pytest.raises(Invalid, match="at least one"):
        record(here, lead)


@pytest.mark.parametrize(
    ("unit", "figure", "problem"),
    [
        ("percent", {"numerator": 1, "base": 2}, ""),
        ("percent", {"value": 101}, "between 0 and 100"),
        ("percent", {"numerator": 1}, "both numbers"),
        ("percent", {"numerator": 1, "base": 0}, "above nought"),
        ("count", {"value": Decimal("1.5")}, "whole number"),
        ("count", {"numerator": 1, "base": 2}, "one number"),
        ("fte", {"value": Decimal("0.5")}, ""),
        ("rate", {"numerator": 40, "base": 2}, ""),
        ("yes_no", {"is_yes": False}, ""),
        ("yes_no", {}, "yes or no"),
        ("rate", {"is_yes": True}, "in numbers"),
        ("fte", {"value": -1}, "below nought"),
        ("text", {"value": 1}, "in words"),
        ("fte", {}, "Give a number"),
    ],
)
def test_figures_fit_their_unit(unit, figure, problem):
    given = FigureGiven("x", **{k: Decimal(v) if k != "is_yes" else v for k, v in figure.items()})
    found = problem_of(given, unit)
    assert (found == "") if not problem else (problem in found)
