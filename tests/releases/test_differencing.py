from __future__ import annotations

import pytest

from releases.differencing import Clash, Published, cell_of, clashes, with_rests


def people(first: int, last: int) -> frozenset[str]:
    return frozenset(map(str, range(first, last)))


def published(*sets: frozenset[str]) -> list[Published]:
    return [Published(f"cell {n}", f"R{n}", each) for n, each in enumerate(sets, 1)]


@pytest.mark.parametrize(
    ("earlier", "new", "n_people"),
    [
        (people(0, 50), people(0, 51), 1),  # one more answered
        (people(0, 50), people(0, 59), 9),
        (people(0, 50), people(0, 60), None),  # ten more: enough
        (people(0, 50), people(0, 49), 1),  # one fewer
        (people(0, 50), people(0, 41), 9),
        (people(0, 50), people(0, 40), None),
        (people(0, 50), people(0, 50), None),  # the same people: nothing new
        (people(0, 50), people(1, 51), None),  # one exchanged: neither lies inside the other
        (people(0, 50), people(100, 150), None),
        (people(0, 0), people(0, 5), None),  # nobody lies inside everybody
    ],
)
def test_nested_sets_that_differ_by_a_few_clash(earlier, new, n_people):
    expected = [] if n_people is None else [Clash("new", "R1", n_people)]
    assert clashes([("new", new)], published(earlier), 10) == expected


def test_the_same_cell_clashes_for_any_small_difference():
    assert clashes([("cell 1", people(1, 51))], published(people(0, 50)), 10) == [Clash("cell 1", "R1", 2)]
    assert clashes([("cell 1", people(5, 55))], published(people(0, 50)), 10) == []
    assert clashes([("cell 1", people(5, 55))], published(people(0, 50)), 11) == [Clash("cell 1", "R1", 10)]


def test_a_set_published_before_is_no_news_in_another_table():
    earlier = published(people(0, 50), people(0, 47))
    assert clashes([("elsewhere", people(0, 47))], earlier, 10) == []


def test_every_new_cell_is_named_once():
    earlier = published(people(0, 50), people(0, 49))
    found = clashes([("a", people(0, 48)), ("b", people(0, 51)), ("c", people(0, 90))], earlier, 10)
    assert [clash.digest for clash in found] == ["a", "b"]


def test_a_part_and_its_whole_bring_the_rest_where_both_are_shown():
    sets = {"agree": people(0, 20), "base": people(0, 50), "lone": people(0, 30)}
    found = with_rests(sets, {"agree": "base", "lone": "hidden"})
    (rest,) = found.keys() - sets.keys()
    assert found == sets | {rest: people(20, 50)}
    assert cell_of(rest) == cell_of("agree") == "agree"
