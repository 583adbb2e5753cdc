import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from impact.costs import (
    RATES,
    Cost,
    StaffTime,
    Training,
    appraise,
    avoided_cases,
    deflate,
    discount_factors,
    rates_on,
    schedule,
)
from impact.errors import BadData, NotIdentified
from impact.estimate import normal
from impact.multiplicity import hochberg

READ = dt.date(2025, 12, 16)


def test_discount_factors_green_book(reference):
    expected = reference["green_book"]
    factors = discount_factors(126)
    for year, value in expected.items():
        if year.isdigit():
            assert factors[int(year)] == pytest.approx(value, abs=expected["tol"])


def test_discount_factors_formula_across_bands():
    factors = discount_factors(130)
    for year in (0, 1, 30, 31, 75, 76, 129):
        by_hand = 1.035 ** -min(year, 30) * 1.03 ** -max(0, min(year, 75) - 30) * 1.025 ** -max(0, year - 75)
        assert factors[year] == pytest.approx(by_hand, rel=1e-13)


@pytest.mark.parametrize("n_years", [1, 2, 30, 31, 32, 76, 77])
def test_discount_factors_any_length_begins_alike(n_years):
    assert discount_factors(n_years).tolist() == discount_factors(200)[:n_years].tolist()


@pytest.mark.row("001-14")
def test_appraise_published_example(reference):
    example = reference["green_book"]["example"]
    benefits = [0] + [example["benefit_y1_3"]] * 3
    found = appraise([example["cost_y0"], 0, 0, 0], benefits, on=READ)
    assert found.net_present_value == pytest.approx(example["npsv"], abs=1e-6)
    assert found.benefit_cost_ratio == pytest.approx(example["bcr"], abs=1e-6)
    assert found.notes == ()


def test_appraise_later_than_the_rates_were_read():
    found = appraise([1], [2], on=dt.date(2026, 11, 25))
    assert "16 December 2025" in found.notes[0].text
    assert found.rates is RATES[-1]


def test_appraise_nothing_spent():
    found = appraise([0, 0], [1, 1], on=READ)
    assert found.benefit_cost_ratio is None
    assert found.notes[0].code == "no_cost"


@pytest.mark.parametrize(
    ("costs", "benefits"), [([1, -1], [0, 0]), ([1], [0, 0]), ([1, np.nan], [0, 0]), ([], [])]
)
def test_appraise_bad_amounts(costs, benefits):
    with pytest.raises(BadData, match=r"[Cc]ost"):
        appraise(costs, benefits, on=READ)


def test_rates_before_the_table():
    with pytest.raises(BadData, match="1 April 2003"):
        rates_on(dt.date(2002, 5, 1))


def test_deflate_by_hand():
    index = {2021: 90.0, 2022: 100.0, 2023: 105.0}
    assert deflate([90, 100, 105], [2021, 2022, 2023], index, base_year=2022).tolist() == [100, 100, 100]
    with pytest.raises(BadData, match="2024"):
        deflate([1], [2024], index, base_year=2022)
    with pytest.raises(BadData, match="above zero"):
        deflate([1], [2021], {2021: 0.0}, base_year=2021)
    with pytest.raises(BadData, match="years"):
        deflate([1, 2], [2021], index, base_year=2022)


def test_avoided_cases_by_hand():
    effect = normal("care", -0.01, 0.004)
    found = avoided_cases(effect, n_children_per_year=1_000, pounds_per_case=50_000)
    yearly = 0.01 * 1_000 * 50_000
    assert found.cases_avoided_per_year == pytest.approx(10)
    assert found.unconditional.value == pytest.approx(yearly * discount_factors(6).sum())
    assert found.where_significant == found.unconditional.value
    scale = found.unconditional.value / 0.01
    assert found.unconditional.low == pytest.approx(-effect.high * scale)
    assert found.unconditional.high == pytest.approx(-effect.low * scale)
    assert found.unconditional.p_value == effect.p_value
    assert len(found.by_year) == 6  # years 0 to 5


@pytest.mark.row("001-14")
def test_avoided_cases_not_significant_shows_both():
    found = avoided_cases(normal("care", -0.01, 0.02), n_children_per_year=1_000, pounds_per_case=50_000)
    assert found.where_significant == 0
    assert found.unconditional.low < 0 < found.unconditional.value < found.unconditional.high
    assert found.notes[0].code == "significant_only_is_biased"


def test_avoided_cases_more_children_in_care_is_a_loss():
    found = avoided_cases(normal("care", 0.02, 0.001), n_children_per_year=10, pounds_per_case=1)
    assert found.unconditional.high < 0


def test_avoided_cases_log_odds_refused():
    with pytest.raises(BadData, match="probability"):
        avoided_cases(normal("care", -1.3, 0.2), n_children_per_year=10, pounds_per_case=1)
    with pytest.raises(NotIdentified, match="standard error"):
        avoided_cases(normal("care", -0.3, np.nan), n_children_per_year=10, pounds_per_case=1)
    with pytest.raises(BadData, match="children"):
        avoided_cases(normal("care", -0.3, 0.1), n_children_per_year=0, pounds_per_case=1)


def test_training_days_of_the_published_pilots():
    courses = [
        Training("five days", 0, 176, 5),
        Training("family finding", 0, 245, 5),
        Training("one day", 0, 445, 1),
    ]
    assert sum(course.n_people for course in courses) == 866
    assert sum(course.n_staff_days for course in courses) == 2_550


def test_schedule_by_hand():
    found = schedule(
        [
            StaffTime("practice lead", 0, 100, 20, on_costs_share=0.25),
            Training("restorative practice", 1, 10, 2, pounds_per_day=150, fees_pounds=500, other_pounds=100),
            Cost("licence", 1, 400),
            Cost("new system", 0, 1_000, "start_up"),
            Cost("office", 0, 9_000, "prerequisite"),
        ],
        n_years=3,
        n_authorities=5,
    )
    assert found.by_year == pytest.approx((700, 800, 0))
    assert found.by_kind == pytest.approx({"staff": 500, "training": 720, "start_up": 200, "recurring": 80})
    assert found.prerequisites == 1_800
    assert found.notes[0].code == "prerequisites_left_out"


@pytest.mark.parametrize(
    "cost",
    [
        Cost("a", 3, 1),
        Cost("a", -1, 1),
        Cost("a", 0, -1),
        Cost("a", 0, np.nan),
        StaffTime("a", 0, -1, 1),
        Training("a", 0, 1, -1),
    ],
)
def test_schedule_bad_cost_is_named(cost):
    with pytest.raises(BadData, match="“a”"):
        schedule([cost], n_years=3, n_authorities=1)


def test_schedule_without_authorities():
    with pytest.raises(BadData, match="authority"):
        schedule([], n_years=1, n_authorities=0)


@pytest.mark.row("ST-08")
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.1])
def test_benefit_at_the_limit_of_significance_does_not_hang_on_the_last_bit(alpha):
    effect = normal("care", -0.01, 0.004)
    for p_value in (alpha, np.nextafter(alpha, 0), np.nextafter(alpha, 1), alpha * (1 + 1e-12)):
        found = avoided_cases(
            replace(effect, p_value=float(p_value)), n_children_per_year=10, pounds_per_case=1, alpha=alpha
        )
        assert found.where_significant == found.unconditional.value
        assert hochberg([p_value], alpha=alpha).is_rejected == (True,)
    above = replace(effect, p_value=alpha * (1 + 1e-6))
    assert avoided_cases(above, n_children_per_year=10, pounds_per_case=1, alpha=alpha).where_significant == 0
