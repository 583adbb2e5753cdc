from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveys import verdicts
from surveys.verdicts import Figure, Groups, Target, judge


def share(count, base, **more):
    return Figure(value=verdicts.share_percent(count, base), base=base, **more)


SEVENTY = Target("at_least", Fraction(70))


@pytest.mark.row("TH-03")
@pytest.mark.parametrize(
    ("count", "base", "verdict"),
    [
        (35, 50, "met"),
        (34, 50, "not_met"),
        (7, 10, "met"),
        (696, 1000, "not_met"),
        (699999, 1000000, "not_met"),
    ],
)
def test_share_against_70_is_compared_unrounded(count, base, verdict):
    assert judge(share(count, base), SEVENTY).verdict == verdict


def test_at_most_includes_its_value():
    twenty = Target("at_most", Fraction(20))
    assert [judge(share(n, 10), twenty).verdict for n in (1, 2, 3)] == ["met", "met", "not_met"]


def test_no_target_without_threshold():
    assert judge(share(1, 2), None).verdict == "no_target"


def test_empty_base_cannot_say():
    assert judge(share(0, 0), SEVENTY).verdict == "cannot_say"


def test_yes_or_no():
    assert judge(Figure(yes=True), Target("yes")).verdict == "met"
    assert judge(Figure(yes=False), Target("yes")).verdict == "not_met"
    assert judge(Figure(yes=False), Target("no")).verdict == "met"
    assert judge(Figure(), Target("yes")).verdict == "cannot_say"


@pytest.mark.row("TH-04")
def test_minimum_base_and_response_are_rules_of_their_own():
    small = Target("at_least", Fraction(70), minimum_base=51)
    response = Target("at_least", Fraction(70), minimum_response_percent=Fraction(60))
    assert judge(share(50, 50), small).verdict == "cannot_say"
    assert judge(share(51, 51), small).verdict == "met"
    assert judge(share(50, 50), response).verdict == "cannot_say"
    assert judge(share(50, 50, response_percent=Fraction(5999, 100)), response).verdict == "cannot_say"
    assert judge(share(50, 50, response_percent=Fraction(60)), response).verdict == "met"


@pytest.mark.row("TH-04")
def test_interval_that_straddles_cannot_say_only_when_the_rule_asks():
    strict = Target("at_least", Fraction(70), must_clear_interval=True)
    figure = share(35, 50, interval_percent=(56.25, 80.9))
    assert judge(figure, SEVENTY).verdict == "met"
    assert judge(figure, strict).verdict == "cannot_say"
    assert judge(share(49, 50, interval_percent=(89.5, 99.6)), strict).verdict == "met"
    assert judge(share(35, 50), strict).verdict == "met"  # a census has no interval


def test_each_role_must_meet():
    target = Target("at_least", Fraction(70), scope="each_role")
    groups = Groups(by_role={"A": share(7, 10), "B": share(6, 10)})
    ruling = judge(share(99, 100), target, groups)
    assert ruling.verdict == "not_met"
    assert "B" in ruling.reasons[0]
    assert judge(share(0, 100), target, Groups(by_role={"A": share(7, 10)})).verdict == "met"
    assert judge(share(99, 100), target, Groups()).verdict == "cannot_say"


def test_each_team_must_meet():
    target = Target("at_least", Fraction(70), scope="each_team")
    assert judge(share(1, 2), target, Groups(by_team={"t": share(3, 4)})).verdict == "met"
    assert judge(share(1, 2), target, Groups(by_team={"t": share(1, 4)})).verdict == "not_met"


def test_role_minimum_beside_an_overall_value():
    target = Target("at_least", Fraction(70), role_minimum=Fraction(40))
    assert judge(share(70, 100), target, Groups(by_role={"A": share(4, 10)})).verdict == "met"
    assert judge(share(70, 100), target, Groups(by_role={"A": share(3, 10)})).verdict == "not_met"
    assert judge(share(69, 100), target, Groups(by_role={"A": share(9, 10)})).verdict == "not_met"
    assert judge(share(70, 100), target).verdict == "cannot_say"


def test_settle_all_and_any():
    met, not_met = verdicts.Ruling("met"), verdicts.Ruling("not_met")
    assert verdicts.settle({"a": met, "b": not_met}, rule="all").verdict == "not_met"
    assert verdicts.settle({"a": met, "b": not_met}, rule="any").verdict == "met"
    assert verdicts.settle({"a": verdicts.Ruling("suppressed"), "b": met}, rule="any").verdict == "suppressed"
    assert verdicts.settle({}, rule="all").verdict == "no_target"
    assert verdicts.settle({"a": verdicts.Ruling("no_target")}, rule="all").verdict == "no_target"


@pytest.mark.row("TH-03")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("69.6", "69.6"),
        ("69.4", "69"),
        ("70", "70"),
        ("84.2", "84"),
        ("69.96", "69.96"),
        ("70.4", "70"),
        ("69.9999999", "<70"),
    ],
)
def test_a_figure_is_never_shown_across_its_threshold(value, text):
    assert verdicts.shown(Fraction(value), SEVENTY) == text


def test_half_is_shown_away_from_zero():
    assert verdicts.shown(Fraction(85, 10) * 10) == "85"
    assert verdicts.shown(Fraction("84.5")) == "85"


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.integers(0, 100))
def test_what_is_shown_gives_the_same_verdict_as_what_is_true(pair, limit):
    count, base = pair
    for comparator in ("at_least", "at_most"):
        target = Target(comparator, Fraction(limit))
        text = verdicts.shown(verdicts.share_percent(count, base), target)
        if text[0] in "<>":
            continue
        assert (
            judge(Figure(value=Fraction(text), base=base), target).verdict
            == judge(share(count, base), target).verdict
        )


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_one_more_who_agrees_never_turns_met_into_not_met(pair):
    count, base = pair
    before = judge(share(count, base), SEVENTY).verdict
    after = judge(share(min(count + 1, base), base), SEVENTY).verdict
    assert not (before == "met" and after == "not_met")


def test_target_in_words():
    assert verdicts.target_in_words(SEVENTY, unit="%") == "≥ 70%"
    assert verdicts.target_in_words(Target("at_most", Fraction(17))) == "≤ 17"
    assert (
        verdicts.target_in_words(Target("at_least", Fraction(1, 2), scope="each_role")) == "≥ 0.5, each role"
    )
    assert verdicts.target_in_words(None) == "no target"
