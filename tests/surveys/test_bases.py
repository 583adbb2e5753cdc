from hypothesis import given
from hypothesis import strategies as st

from surveys.bases import BaseRule, Condition, Respondent, distribution, tally

KINDS = {"sa": "answer", "a": "answer", "d": "answer", "na": "not_applicable", "dk": "dont_know"}
TOP = frozenset({"a", "sa"})


def person(number, useful="", attended="yes", role="Social worker", teams=()):
    answers = {"attended": frozenset([attended])}
    if useful:
        answers["useful"] = frozenset([useful])
    return Respondent(f"p{number}", answers, role, frozenset(teams))


def count(people, rule):
    return tally(people, item="useful", counted=TOP, rule=rule, point_kinds=KINDS)


PEOPLE = [
    person(1, "sa"),
    person(2, "a"),
    person(3, "d"),
    person(4, "na"),
    person(5, "dk"),
    person(6, ""),
    person(7, "a", attended="no"),
]


def test_tally_leaves_out_not_applicable_dont_know_and_blank():
    found = count(PEOPLE, BaseRule("all", "All"))
    assert (found.numerator, found.base) == (3, 4)
    assert (found.n_not_applicable, found.n_dont_know, found.n_blank, found.n_outside) == (1, 1, 1, 0)
    assert found.counted_keys == {"p1", "p2", "p7"}


def test_tally_with_not_applicable_and_dont_know_in_the_base():
    rule = BaseRule("all", "All", not_applicable_in=True, dont_know_in=True)
    found = count(PEOPLE, rule)
    assert (found.numerator, found.base) == (3, 6)


def test_tally_over_those_who_attended():
    rule = BaseRule("trained", "Trained", (Condition("attended", frozenset({"yes"})),))
    found = count(PEOPLE, rule)
    assert (found.numerator, found.base, found.n_outside) == (2, 3, 1)


def test_tally_over_a_role_and_a_team():
    people = [
        person(1, "a", role="Manager"),
        person(2, "a", teams=["north"]),
        person(3, "d", teams=["north", "south"]),
    ]
    role = BaseRule("r", "R", (Condition("role", frozenset({"Social worker"})),))
    team = BaseRule(
        "t", "T", (Condition("team", frozenset({"north"})), Condition("role", frozenset({"Manager"})))
    )
    assert (count(people, role).numerator, count(people, role).base) == (1, 2)
    assert count(people, team).base == 0


def test_distribution_keeps_the_order_of_the_scale():
    found = distribution(PEOPLE, item="useful", rule=BaseRule("all", "All"), points=list(KINDS))
    assert {point: len(keys) for point, keys in found.items()} == {"sa": 1, "a": 2, "d": 1, "na": 1, "dk": 1}
    assert list(found) == list(KINDS)


@given(
    st.lists(st.tuples(st.sampled_from(["", *KINDS]), st.sampled_from(["yes", "no"]))),
    st.booleans(),
    st.booleans(),
)
def test_everybody_is_counted_exactly_once(given_answers, na, dk):
    rule = BaseRule("r", "R", (Condition("attended", frozenset({"yes"})),), na, dk)
    people = [person(number, useful, attended) for number, (useful, attended) in enumerate(given_answers)]
    found = count(people, rule)
    whole = found.base + found.n_blank + found.n_not_applicable + found.n_dont_know + found.n_outside
    assert whole == len(people)
    assert found.counted_keys <= found.base_keys
    assert (len(found.counted_keys), len(found.base_keys)) == (found.numerator, found.base)
