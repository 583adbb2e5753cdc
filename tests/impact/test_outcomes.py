"""Each outcome on a handful of children whose coding was worked out by hand from the protocols' outcome tables."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from impact import cohorts, outcomes
from impact.errors import BadData

OPENS, CLOSES, UNTIL = dt.date(2021, 1, 1), dt.date(2023, 7, 1), dt.date(2026, 12, 31)


def frame(columns: str, *rows: tuple[Any, ...]) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=columns.split())
    for name in made.columns[made.columns.str.endswith("_on")]:
        made[name] = pd.to_datetime(made[name])
    return made


def cohort(*referred: tuple[str, str], born: str = "2015-05-05") -> cohorts.Cohort:
    """One child a row, at site A, aged 5 or so."""
    referrals = frame("child site referred_on", *[(child, "A", day) for child, day in referred])
    children = frame("child birth_on", *[(child, born) for child in sorted({child for child, _ in referred})])
    return cohorts.first_referrals(referrals, children, opens_on=OPENS, closes_on=CLOSES, oldest=12)


def values(coded: outcomes.Coded) -> dict[str, float]:
    return dict(zip(coded.frame["child"], coded.frame["value"], strict=True))


def test_the_first_referral_in_the_trial_period_counts_and_no_other():
    found = cohort(("a", "2020-12-31"), ("a", "2021-01-01"), ("a", "2021-06-01"), ("b", "2023-07-01"))
    assert found.frame["child"].tolist() == ["a"]
    assert found.frame["referred_on"].tolist() == [pd.Timestamp("2021-01-01")]
    assert found.left_out == {"referred outside the trial period": 1}


def test_episodes_of_the_same_days_make_the_same_period_in_any_order_of_the_file():
    episodes = frame(
        "child started_on ended_on placement end_reason",
        ("a", "2021-02-01", "2021-06-01", "U1", "E11"),
        ("a", "2021-02-01", "2021-06-01", "K2", "E4A"),
        ("b", "2021-02-01", None, "U3", None),
        ("b", "2021-02-01", None, "K2", None),
    )
    found = cohorts.periods_of_care(episodes)
    assert found["placement"].tolist() == ["U1", "K2"]
    pd.testing.assert_frame_equal(found, cohorts.periods_of_care(episodes[::-1]))


def test_age_is_in_completed_years_at_the_referral():
    referrals = frame("child site referred_on", ("a", "A", "2022-03-04"), ("b", "A", "2022-03-05"))
    children = frame("child birth_on", ("a", "2009-03-05"), ("b", "2009-03-05"))
    found = cohorts.first_referrals(referrals, children, opens_on=OPENS, closes_on=CLOSES, oldest=12)
    assert found.frame["child"].tolist() == ["a"]
    assert found.frame[["age", "age_months"]].values.tolist() == [[12, 155]]
    assert found.left_out == {"older than 12": 1}


def test_a_child_referred_before_birth_is_aged_nought_and_one_born_a_year_later_is_a_mistake():
    referrals = frame("child site referred_on", ("a", "A", "2022-01-01"))
    unborn = frame("child birth_on", ("a", "2022-06-01"))
    found = cohorts.first_referrals(referrals, unborn, opens_on=OPENS, closes_on=CLOSES, oldest=12)
    assert found.frame[["age", "age_months"]].values.tolist() == [[0, 0]]
    late = frame("child birth_on", ("a", "2023-01-01"))
    with pytest.raises(BadData, match="more than 300 days after"):
        cohorts.first_referrals(referrals, late, opens_on=OPENS, closes_on=CLOSES, oldest=12)


@pytest.mark.parametrize(
    ("children", "complaint"),
    [
        (frame("child birth_on", ("b", "2015-01-01")), "1 referred children are not in the table"),
        (frame("child birth_on", ("a", "2015-01-01"), ("a", "2015-01-02")), "stand twice"),
        (frame("child birth_on", ("a", None)), "“birth_on” of children is missing in 1 rows, first in row 1"),
        (frame("child born_on", ("a", "2015-01-01")), "no column “birth_on”. Did you mean “born_on”"),
    ],
)
def test_a_table_of_children_that_does_not_fit_is_refused(children, complaint):
    referrals = frame("child site referred_on", ("a", "A", "2022-01-01"))
    with pytest.raises(BadData, match=complaint):
        cohorts.first_referrals(referrals, children, opens_on=OPENS, closes_on=CLOSES, oldest=12)


def test_two_sites_on_the_day_of_the_first_referral_are_refused():
    referrals = frame("child site referred_on", ("a", "A", "2022-01-01"), ("a", "B", "2022-01-01"))
    with pytest.raises(BadData, match="1 children were referred at two sites"):
        cohorts.first_referrals(
            referrals,
            frame("child birth_on", ("a", "2015-01-01")),
            opens_on=OPENS,
            closes_on=CLOSES,
            oldest=12,
        )


def test_only_referrals_whose_assessment_found_a_factor_count_where_factors_are_named():
    referrals = frame(
        "child site referred_on", ("a", "A", "2021-02-01"), ("a", "A", "2021-09-01"), ("b", "A", "2021-02-01")
    )
    assessments = frame(
        "child referred_on factors",
        ("a", "2021-02-01", ["neglect"]),
        ("a", "2021-09-01", ["neglect", "domestic abuse"]),
        ("b", "2021-02-01", []),
    )
    children = frame("child birth_on", ("a", "2015-01-01"), ("b", "2015-01-01"))
    found = cohorts.first_referrals(
        referrals,
        children,
        opens_on=OPENS,
        closes_on=CLOSES,
        oldest=12,
        assessments=assessments,
        factors=["domestic abuse", "substance misuse"],
    )
    assert found.frame["referred_on"].tolist() == [pd.Timestamp("2021-09-01")]
    assert found.left_out == {"no assessment found one of the factors": 1}


def test_a_change_of_placement_is_no_new_period_of_care():
    episodes = frame(
        "child started_on ended_on placement end_reason",
        ("a", "2021-01-01", "2021-02-01", "U1", "X1"),
        ("a", "2021-02-01", "2021-03-01", "K2", "E4A"),
        ("a", "2021-03-02", None, "U6", None),
        ("b", "2021-01-01", "2021-06-01", "U4", "E4A"),
        ("b", "2021-02-01", "2021-03-01", "U1", "X1"),
    )
    found = cohorts.periods_of_care(episodes)
    assert found["child"].tolist() == ["a", "a", "b"]
    assert found["started_on"].dt.strftime("%m-%d").tolist() == ["01-01", "03-02", "01-01"]
    assert found["ended_on"].dt.strftime("%m-%d").fillna("open").tolist() == ["03-01", "open", "06-01"]
    assert found["placement"].tolist() == ["U1", "U6", "U4"]
    assert found["end_reason"].fillna("").tolist() == ["E4A", "", "E4A"]


def test_looked_after_is_a_period_of_care_that_begins_within_eighteen_months():
    people = cohort(*[(child, "2021-01-31") for child in "abcdef"])
    episodes = frame(
        "child started_on ended_on",
        ("a", "2021-01-31", None),  # on the day of the referral
        ("b", "2022-07-30", "2022-08-01"),  # the last day of the window
        ("c", "2022-07-31", "2022-08-01"),  # the day after it
        ("d", "2020-12-01", None),  # in care already
        ("e", "2020-12-01", "2021-01-31"),  # left care on the day: at risk, and
        ("e", "2021-01-31", "2021-05-01"),  # moved placement only, so still in care
    )
    found = outcomes.looked_after(people, episodes, data_until=UNTIL)
    assert values(found) == {"a": 1, "b": 1, "c": 0, "f": 0}
    assert found.left_out == {"in care when referred": 2}


def test_children_whose_window_is_not_over_are_left_out_whatever_was_seen():
    people = cohort(("a", "2021-01-01"), ("b", "2021-01-02"))
    episodes = frame("child started_on ended_on", ("b", "2021-02-01", None))
    found = outcomes.looked_after(people, episodes, data_until=dt.date(2022, 6, 30))
    assert values(found) == {"a": 0}
    assert found.left_out == {"follow-up not complete": 1}


def test_a_plan_started_within_twelve_months():
    people = cohort(*[(child, "2021-03-01") for child in "abc"])
    plans = frame(
        "child kind started_on ended_on",
        ("a", "cpp", "2022-02-28", None),
        ("b", "cpp", "2022-03-01", None),
        ("c", "cin", "2021-04-01", None),
    )
    assert values(outcomes.started_plan(people, plans, data_until=UNTIL)) == {"a": 1, "b": 0, "c": 0}


def test_a_return_needs_a_closed_plan_and_a_later_start():
    people = cohort(*[(child, "2021-01-01") for child in "abcdef"])
    plans = frame(
        "child kind started_on ended_on",
        ("a", "cpp", "2021-02-01", "2021-08-01"),
        ("a", "cin", "2021-08-01", "2021-12-01"),  # a step down on the day of closing
        ("b", "cpp", "2021-02-01", "2021-08-01"),
        ("b", "cin", "2021-08-02", "2021-12-01"),
        ("c", "cpp", "2021-02-01", None),  # never closed
        ("d", "cpp", "2020-02-01", "2020-08-01"),  # closed before the referral
        ("d", "cin", "2021-08-02", None),
        ("e", "cpp", "2021-02-01", "2021-08-01"),  # then care
        ("f", "cpp", "2021-02-01", "2021-08-01"),
        ("f", "cpp", "2024-01-01", None),  # after 36 months
    )
    care = frame("child started_on ended_on", ("e", "2022-01-01", None))
    found = outcomes.returned(people, plans, care, data_until=UNTIL)
    assert values(found) == {"a": 0, "b": 1, "c": 0, "d": 0, "e": 1, "f": 0}
    stepped = outcomes.returned(people, plans, care, data_until=UNTIL, gap_days=0)
    assert values(stepped)["a"] == 1
    without = outcomes.returned(people, plans, care, data_until=UNTIL, leave_out_care=True)
    assert values(without) == {"a": 0, "b": 1, "c": 0, "d": 0, "f": 0}
    assert without.left_out == {"went into care": 1}


def test_plan_duration_is_cut_at_two_years_and_says_so():
    people = cohort(*[(child, "2021-01-01") for child in "abcd"])
    plans = frame(
        "child kind started_on ended_on",
        ("a", "cpp", "2021-02-01", "2021-02-11"),
        ("a", "cpp", "2021-05-01", "2021-12-01"),  # a second plan is another outcome's matter
        ("b", "cpp", "2021-02-01", "2023-02-01"),  # two years to the day
        ("c", "cpp", "2021-02-01", None),
        ("d", "cpp", "2022-01-01", "2022-02-01"),  # begun after twelve months
    )
    found = outcomes.plan_duration(people, plans, data_until=UNTIL)
    assert values(found) == {"a": 10, "b": 730, "c": 730}
    assert found.frame["censored"].tolist() == [False, False, True]
    assert found.left_out == {"no plan within 12 months": 1}


def test_days_on_plans_counts_no_day_twice_and_none_outside_the_window():
    people = cohort(*[(child, "2021-01-01") for child in "abcd"])
    plans = frame(
        "child kind started_on ended_on",
        ("a", "cpp", "2021-01-11", "2021-01-21"),  # 10
        ("a", "cpp", "2021-01-16", "2021-01-26"),  # 5 more
        ("a", "cpp", "2021-01-12", "2021-01-13"),  # inside the first
        ("a", "cin", "2021-03-01", "2021-03-11"),  # 10 of another kind
        ("b", "cpp", "2020-12-01", "2021-01-08"),  # 7 after the referral
        ("c", "cpp", "2020-12-01", None),  # the whole window
    )
    found = outcomes.days_on_plans(people, plans, months=36, data_until=UNTIL)
    assert values(found) == {"a": 15, "b": 7, "c": 1095, "d": 0}
    assert found.frame["censored"].tolist() == [False, False, True, False]
    both = outcomes.days_on_plans(people, plans, months=18, kinds=("cpp", "cin"), data_until=UNTIL)
    assert values(both)["a"] == 25


def test_care_proceedings_within_sixteen_weeks_of_the_first_meeting():
    people = cohort(*[(child, "2021-01-01") for child in "abcd"])
    meetings = frame(
        "child met_on", ("a", "2021-03-01"), ("a", "2021-06-01"), ("b", "2021-03-01"), ("c", "2022-07-01")
    )
    issued = frame("child issued_on", ("a", "2021-06-20"), ("b", "2021-06-21"))
    found = outcomes.care_proceedings(people, meetings, issued, data_until=UNTIL)
    assert values(found) == {"a": 1, "b": 0}
    assert found.left_out == {"no pre-proceedings within 18 months": 2}


def test_a_re_referral_is_a_later_one_within_the_window():
    referred = [("a", "2021-01-01"), ("b", "2021-01-01"), ("a", "2022-06-30"), ("b", "2022-07-01")]
    people = cohort(*referred)
    referrals = frame("child referred_on", *referred)
    assert values(outcomes.re_referred(people, referrals, data_until=UNTIL)) == {"a": 1, "b": 0}


def test_kinship_is_told_by_the_first_placement_of_the_first_period():
    people = cohort(*[(child, "2021-01-01") for child in "abcd"])
    episodes = frame(
        "child started_on ended_on placement",
        ("a", "2021-02-01", "2021-03-01", "U3"),
        ("a", "2021-03-01", None, "K2"),
        ("b", "2021-02-01", "2021-03-01", "K2"),
        ("b", "2021-03-01", None, "U1"),
        ("c", "2021-02-01", "2021-03-01", None),
        ("c", "2021-03-01", "2021-04-01", "U1"),
    )
    found = outcomes.kinship_first(people, episodes, data_until=UNTIL)
    assert values(found) == {"a": 1, "b": 0}
    assert found.left_out == {"not looked after in the window": 1, "placement not recorded": 1}


def test_reunified_is_a_return_home_within_eighteen_months_of_entering_care():
    children = frame(
        "child site birth_on", *[(child, "A", "2015-05-05") for child in "abcd"], ("e", "A", "2004-06-01")
    )
    episodes = frame(
        "child started_on ended_on end_reason",
        ("a", "2021-02-01", "2022-07-31", "E4A"),
        ("b", "2021-02-01", "2022-08-01", "E4A"),  # a day too late
        ("c", "2021-02-01", "2021-03-01", "E4B"),  # not as part of the plan
        ("d", "2021-02-01", None, None),
        ("e", "2021-02-01", "2022-06-01", "E7"),  # leaves at 18
    )
    found = outcomes.reunified(children, episodes, opens_on=OPENS, closes_on=CLOSES, data_until=UNTIL)
    assert values(found) == {"a": 1, "b": 0, "c": 0, "d": 0}
    assert found.left_out == {"turned 18 in care": 1}


def test_absence_takes_the_three_terms_that_begin_next():
    people = cohort(("a", "2021-09-01"), ("b", "2021-08-31"), ("c", "2021-09-01"))
    terms = ["2021-09-01", "2022-01-04", "2022-04-25", "2022-09-01"]
    rows = [(child, day, 100, n) for child in "ab" for n, day in enumerate(terms)]
    rows[5] = ("b", terms[1], 0, 0)
    found = outcomes.absence(people, frame("child term_starts_on possible unauthorised", *rows))
    assert found.frame[["child", "term", "value"]].values.tolist() == [
        ["a", 1, 1.0],
        ["a", 2, 2.0],
        ["a", 3, 3.0],
        ["b", 1, 0.0],
        ["b", 3, 2.0],
    ]
    assert found.left_out == {"terms without possible sessions": 1, "children without a term": 1}


@pytest.mark.parametrize(("possible", "missed"), [(10, 11), (10, -1)])
def test_absence_of_more_than_all_sessions_is_refused(possible, missed):
    people = cohort(("a", "2021-09-01"))
    sessions = frame("child term_starts_on possible unauthorised", ("a", "2022-01-04", possible, missed))
    with pytest.raises(BadData, match="missed fewer than 0 or more than all"):
        outcomes.absence(people, sessions)


def test_spells_that_end_before_they_start_and_unknown_kinds_are_refused():
    people = cohort(("a", "2021-01-01"))
    with pytest.raises(BadData, match="1 rows of plans end before they start, first row 2"):
        outcomes.started_plan(
            people,
            frame(
                "child kind started_on ended_on",
                ("a", "cpp", "2021-01-01", None),
                ("a", "cpp", "2021-02-01", "2021-01-01"),
            ),
            data_until=UNTIL,
        )
    with pytest.raises(BadData, match="“cpp” or “cin”; the table also holds: CPP"):
        outcomes.started_plan(
            people,
            frame("child kind started_on ended_on", ("a", "CPP", "2021-01-01", None)),
            data_until=UNTIL,
        )
    with pytest.raises(BadData, match="“started_on” of care episodes holds something that is not a date"):
        outcomes.looked_after(
            people,
            pd.DataFrame({"child": ["a"], "started_on": ["soon"], "ended_on": [None]}),
            data_until=UNTIL,
        )


def test_assessment_days_are_working_days_of_the_first_assessment_of_the_referral():
    """Friday to Tuesday are two working days; an assessment that is still open says nothing yet."""
    day = pd.to_datetime
    people = pd.DataFrame({"child": ["a", "b", "c", "d"], "birth_on": day(["2015-01-01"] * 4)})
    referrals = people[["child"]].assign(site="north", referred_on=day("2021-03-01"))
    cohort = cohorts.first_referrals(
        referrals, people, opens_on=dt.date(2021, 1, 1), closes_on=dt.date(2022, 1, 1), oldest=12
    )
    assessments = pd.DataFrame(
        {
            "child": ["a", "a", "b", "c"],
            "referred_on": day(["2021-03-01"] * 4),
            "started_on": day(["2021-03-05", "2021-04-01", "2021-03-05", "2021-03-08"]),
            "ended_on": day(["2021-03-09", "2021-05-01", None, "2021-03-08"]),
        }
    )
    found = outcomes.assessment_days(cohort, assessments, data_until=dt.date(2022, 12, 31))
    assert dict(zip(found.frame["child"], found.frame["value"], strict=True)) == {"a": 2, "c": 0}
    assert found.left_out == {"no assessment": 1, "assessment not over": 1}


@pytest.mark.parametrize("value", ["03/04/2021", 20210403, 1.5])
def test_dates_in_another_notation_are_refused_instead_of_guessed(value):
    with pytest.raises(BadData, match="not a date such as 2021-04-30"):
        cohorts.days(pd.DataFrame({"on": [value]}), "on", table="plans")
