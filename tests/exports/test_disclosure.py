"""Small counts and all that follows from them, with cases published by others."""

from __future__ import annotations

import itertools
import math
import random
import time

import pytest

from exports.attack import Bounds, Contradiction, Sum, bounds
from exports.disclosure import Rule, narrowed, protect, protect_all, protect_document
from exports.table import (
    Attribution,
    Band,
    Column,
    Count,
    Document,
    Hidden,
    Quote,
    Ref,
    Relation,
    Run,
    Share,
    Table,
    across,
    down,
)

TEN = Rule(10)
C = Hidden("c")


def answers(agree: int, base: int, **more: object) -> Table:
    columns = [
        Column("item", "Item"),
        Column("agree", "Agree", "count", part_of="base"),
        Column("base", "Base", "count"),
        Column("percent", "Agree %", "percent", depends=("agree", "base")),
        Column("low", "Interval from", "percent", depends=("percent",)),
        Column("verdict", "Verdict", depends=("percent",)),
    ]
    row = ["Useful", Count(agree), Count(base), Share(agree, base), 12.5, "met"]
    return Table.of("Answers", columns, [row], **more)


def shown(agree: int, base: int, rule: Rule = TEN) -> list[object]:
    return list(protect(answers(agree, base), rule).table.rows[0][1:])


# Small counts, their complements, small bases


def test_enough_on_both_sides_is_shown_as_it_is():
    assert shown(35, 50) == [Count(35), Count(50), Share(35, 50), 12.5, "met"]


@pytest.mark.row("SD-01")
@pytest.mark.parametrize("agree", [1, 9])
def test_small_count_hides_what_is_worked_out_from_it(agree):
    assert shown(agree, 50) == [C, Count(50), Band("≤ 20%"), C, C]


def test_smallest_count_itself_is_shown():
    assert shown(10, 50)[0] == Count(10)
    assert shown(40, 50)[0] == Count(40)


@pytest.mark.row("SD-01")
def test_zero_is_the_study_s_choice():
    assert shown(0, 50)[0] == Count(0)
    assert shown(0, 50, Rule(10, is_zero_disclosive=True)) == [C, Count(50), Band("≤ 20%"), C, C]


@pytest.mark.row("SD-02")
@pytest.mark.parametrize("base", [1, 9])
def test_small_base_hides_the_whole_row(base):
    assert shown(base, base) == [C, C, C, C, C]


@pytest.mark.row("SD-03")
def test_28_of_30_agree_tells_of_two():
    assert shown(28, 30) == [C, Count(30), Band("≥ 66%"), C, C]


def test_everyone_agrees_is_the_study_s_choice():
    assert shown(50, 50)[0] == Count(50)
    assert shown(50, 50, Rule(10, is_zero_disclosive=True))[0] == C


@pytest.mark.row("SD-03")
@pytest.mark.parametrize("agree", range(20))
def test_below_twice_the_smallest_count_no_band_says_which_side_is_small(agree):
    first, base, percent, *_ = shown(agree, 19, Rule(10, is_zero_disclosive=True))
    assert (first, base, percent) == (C, Count(19), C)


@pytest.mark.row("SD-03")
@pytest.mark.parametrize(("base", "k"), [(base, k) for k in (3, 5, 10) for base in range(2 * k, 80, 7)])
def test_a_band_leaves_at_least_k_plus_one_counts(base, k):
    for agree in range(base + 1):
        percent = shown(agree, base, Rule(k, is_zero_disclosive=True))[2]
        if isinstance(percent, Band):
            limit = int(percent.text[2:-1])
            possible = [
                n
                for n in range(base + 1)
                if (100 * n / base >= limit if percent.text[0] == "≥" else 100 * n / base <= limit)
            ]
            assert agree in possible
            assert len(possible) >= k + 1


def test_share_without_count_columns_brings_its_own():
    table = Table.of(
        "Shares",
        [Column("site", "Site"), Column("p", "Agree %", "percent")],
        [["A", Share(35, 50)], ["B", Share(2, 50)], ["C", Share(3, 5)], ["D", Share(0, 0)]],
    )
    protected = protect(table, TEN)
    assert [row[1] for row in protected.table.rows] == [Share(35, 50), Band("≤ 20%"), C, Hidden("z")]
    # A share of nobody is [z]; that its base is 0 is a count like any other.
    assert {count.value for count in protected.counts if count.is_hidden} == {2, 3, 5}


def test_a_hidden_base_of_nought_is_told_by_no_symbol_and_no_empty_cell():
    """Where nought discloses, a base of 0 looks like one of 1 to 9."""
    columns = answers(1, 1).columns
    nobody = ["Useful", Count(0), Count(0), Share(0, 0), None, "not met"]
    zero_too = Rule(10, is_zero_disclosive=True)
    assert protect(Table.of("T", columns, [nobody]), zero_too).table.rows[0][1:] == (C, C, C, C, C)
    assert protect(Table.of("T", columns, [nobody]), TEN).table.rows[0][3:5] == (Hidden("z"), None)
    alone = Table.of("T", [Column("site", "Site"), Column("p", "%", "percent")], [["D", Share(0, 0)]])
    assert protect(alone, zero_too).table.rows[0][1] == C


def test_plain_numbers_in_count_columns_are_counts_and_empty_cells_stay_empty():
    table = Table.of(
        "Cases", [Column("t", "Team"), Column("n", "n", "count")], [["1", 4], ["2", 40], ["3", None]]
    )
    assert [row[1] for row in protect(table, TEN).table.rows] == [C, 40, None]


@pytest.mark.row("SD-01")
def test_hidden_table_holds_no_hidden_value_anywhere():
    table = protect(answers(7, 53), TEN).table
    assert "7" not in repr(table.rows).replace("53", "")


@pytest.mark.row("SD-01", "TH-05")
def test_an_order_by_a_hidden_figure_is_given_up():
    columns = answers(1, 1).columns
    rows = [
        ["b", Count(3), Count(50), Share(3, 50), 1.0, "not met"],
        ["c", Count(20), Count(50), Share(20, 50), 1.0, "not met"],
        ["a", Count(30), Count(50), Share(30, 50), 1.0, "met"],
    ]
    by_percent = protect(Table.of("T", columns, rows, sorted_by="percent"), TEN)
    assert [row[0] for row in by_percent.table.rows] == ["a", "b", "c"]
    assert [count.ref.row for count in by_percent.counts if count.is_hidden] == [1]
    by_item = protect(Table.of("T", columns, rows, sorted_by="item"), TEN)
    assert [row[0] for row in by_item.table.rows] == ["b", "c", "a"]


def test_exempt_rule_hides_nothing_but_lists_the_counts():
    protected = protect(answers(3, 5), Rule(1, is_exempt=True))
    assert protected.table == answers(3, 5)
    assert [count.value for count in protected.counts] == [3, 5]


def test_smallest_count_one_hides_nothing():
    assert shown(1, 2, Rule(1)) == [Count(1), Count(2), Share(1, 2), 12.5, "met"]


# Everybody or nobody


@pytest.mark.row("SD-04")
def test_all_or_none_of_a_group_is_flagged():
    assert protect(answers(50, 50), TEN).flags == (
        "Everyone in the base is counted here: Answers · Useful · Agree",
    )
    assert protect(answers(0, 50), TEN).flags == (
        "No one in the base is counted here: Answers · Useful · Agree",
    )
    assert protect(answers(25, 50), TEN).flags == ()


# What stays hidden, and definitions


def test_definition_is_the_same_in_another_layout_and_unlike_between_cells():
    first = protect(answers(35, 50, subject="indicators"), TEN).counts
    other = Table.of(
        "Another title",
        [Column("base", "N", "count"), Column("item", "Question")],
        [[Count(60), "Useful"]],
        subject="indicators",
    )
    assert protect(other, TEN).counts[0].digest == first[1].digest
    assert first[0].digest != first[1].digest


def test_rows_that_look_alike_are_told_apart():
    table = Table.of("T", [Column("a", "A"), Column("n", "N", "count")], [["x", 20], ["x", 30]])
    assert len({count.digest for count in protect(table, TEN).counts}) == 2


@pytest.mark.row("SD-10")
def test_once_hidden_stays_hidden_with_what_depends_on_it():
    digest = protect(answers(7, 50), TEN).counts[0].digest
    later = protect(answers(30, 60), TEN, kept_hidden={digest}).table.rows[0]
    assert later[1:] == (C, Count(60), C, C, C)


# What an attacker can work out


def grid(inner: list[list[int]]) -> tuple[dict[object, int], list[Sum[object]]]:
    """A two-way table with margins and grand total, as cells and sums."""
    n_rows, n_columns = len(inner), len(inner[0])
    cells: dict[object, int] = {(r, c): inner[r][c] for r in range(n_rows) for c in range(n_columns)}
    sums: list[Sum[object]] = []
    for r in range(n_rows):
        cells[r, "all"] = sum(inner[r])
        sums.append(Sum((r, "all"), tuple((r, c) for c in range(n_columns))))
    for c in range(n_columns):
        cells["all", c] = sum(row[c] for row in inner)
        sums.append(Sum(("all", c), tuple((r, c) for r in range(n_rows))))
    return cells, sums


def attacked(inner: list[list[int]], hidden: list[tuple[int, int]]) -> dict[object, Bounds]:
    cells, sums = grid(inner)
    return bounds({cell: n for cell, n in cells.items() if cell not in hidden}, hidden, sums)


@pytest.mark.row("SD-05")
def test_one_hidden_cell_beside_totals_is_disclosed():
    assert attacked([[35, 15], [26, 4]], [(1, 1)]) == {(1, 1): Bounds(4, 4)}


def test_all_four_cells_hidden_leave_room():
    everything = list(itertools.product(range(2), range(2)))
    assert attacked([[35, 15], [26, 4]], everything) == {
        (0, 0): Bounds(31, 50),
        (0, 1): Bounds(0, 19),
        (1, 0): Bounds(11, 30),
        (1, 1): Bounds(0, 19),
    }


@pytest.mark.row("SD-05")
def test_pattern_of_the_gausssuppression_vignette():
    """Old and young by Iceland, Portugal, Spain (example1, 2014), with the pattern the vignette hides."""
    assert attacked([[3, 4, 6], [2, 0, 5]], [(0, 0), (0, 1), (1, 0), (1, 1)]) == {
        (0, 0): Bounds(3, 5),
        (0, 1): Bounds(2, 4),
        (1, 0): Bounds(0, 2),
        (1, 1): Bounds(0, 2),
    }
    assert attacked([[3, 4, 6], [2, 0, 5]], [(1, 1)]) == {(1, 1): Bounds(0, 0)}


def test_a_hidden_cell_in_no_sum_is_unbounded_above():
    assert bounds({}, ["a"], []) == {"a": Bounds(0, math.inf)}


def test_a_part_is_no_larger_than_its_whole():
    assert bounds({"base": 50}, ["agree"], [], wholes={"agree": "base"}) == {"agree": Bounds(0, 50)}
    assert bounds({"agree": 30}, ["base"], [], wholes={"agree": "base"}) == {"base": Bounds(30, math.inf)}


def test_arithmetic_for_one_sum_gives_what_the_programme_gives():
    """The same unknowns once alone, and once beside a second sum that forces the linear programme."""
    source = random.Random(7)
    for _ in range(20):
        values = [source.randrange(30) for _ in range(4)]
        known = {"total": sum(values), "base": 25, "d": values[3]}
        plain_sum = Sum("total", ("a", "b", "c", "d"))
        again = Sum("twice", ("a", "b", "c"))
        alone = bounds(known, ["a", "b", "c"], [plain_sum], wholes={"a": "base"} if values[0] <= 25 else {})
        both = bounds(
            known | {"twice": sum(values[:3])},
            ["a", "b", "c"],
            [plain_sum, again],
            wholes={"a": "base"} if values[0] <= 25 else {},
        )
        assert alone == both


def test_counts_that_do_not_add_up_are_named():
    with pytest.raises(Contradiction):
        bounds({"a": 1, "b": 2, "total": 4}, [], [Sum("total", ("a", "b"))])
    with pytest.raises(Contradiction):
        bounds({"a": 5, "total": 4}, ["b"], [Sum("total", ("a", "b"))])


def test_narrowed_names_the_cells_given_away():
    from exports.disclosure import Equation

    shown_cells, sums = {"a": 40, "total": 44}, [Equation("total", ("a", "b"))]
    assert narrowed(shown_cells, ["b"], sums, {}, 10) == ("b",)
    assert narrowed({"a": 40}, ["b"], sums, {}, 10) == ()


# More cells hidden


def two_way(inner: list[list[int]]) -> Table:
    n_rows, n_columns = len(inner), len(inner[0])
    keys = [f"c{c}" for c in range(n_columns)]
    columns = [
        Column("row", "Row"),
        *(Column(key, key, "count") for key in keys),
        Column("all", "All", "count"),
    ]
    rows = [[f"r{number}", *row, sum(row)] for number, row in enumerate(inner)]
    rows.append(["All", *(sum(row[c] for row in inner) for c in range(n_columns)), sum(map(sum, inner))])
    relations = (
        *across(range(n_rows + 1), total="all", parts=keys),
        *down([*keys, "all"], total=n_rows, parts=range(n_rows)),
    )
    return Table.of("Cases", columns, rows, relations=relations)


def hidden_cells(table: Table, rule: Rule) -> set[tuple[int, str]]:
    return {(count.ref.row, count.ref.key) for count in protect(table, rule).counts if count.is_hidden}


@pytest.mark.row("SD-06")
def test_secondary_cells_of_the_gausssuppression_vignette():
    """Nought hidden (young, Portugal): the vignette hides Iceland and Portugal in both rows, no total, not
    Spain.
    """
    rule = Rule(2, is_zero_disclosive=True)
    assert hidden_cells(two_way([[3, 4, 6], [2, 0, 5]]), rule) == {(0, "c0"), (0, "c1"), (1, "c0"), (1, "c1")}


@pytest.mark.row("SD-06")
def test_one_primary_cell_of_four_regions_by_gender_needs_three_more():
    """sdcTable's test-protectTable: OPT, HYPERCUBE, HITAS and SIMPLEHEURISTIC all find three."""
    table = two_way([[20, 25], [30, 35], [4, 22], [40, 45]])
    hidden = hidden_cells(table, Rule(5))
    assert len(hidden) == 4
    assert (2, "c0") in hidden
    assert all(row < 4 and key != "all" for row, key in hidden)


@pytest.mark.row("SD-05")
def test_every_hidden_cell_keeps_a_span_of_k():
    """Property over random tables: whatever is hidden, the attacker is left with k or more."""
    source = random.Random(20261121)
    for _ in range(10):
        inner = [[source.choice([0, 1, 3, 8, 12, 25, 60]) for _ in range(3)] for _ in range(4)]
        table, rule = two_way(inner), Rule(10)
        protected = protect(table, rule)
        shown_cells = {count.ref: count.value for count in protected.counts if not count.is_hidden}
        hidden = [count.ref for count in protected.counts if count.is_hidden]
        sums = [Sum(each.total, each.parts) for each in table.relations]
        found = bounds(shown_cells, hidden, sums)
        # Only a table of which nothing more can be hidden may leave less room than that.
        assert all(bound.width >= 10 for bound in found.values()) or not shown_cells


def test_a_study_s_worth_of_sums_is_protected_in_seconds():
    """600 overall figures, each the sum of five roles of which two are small: half a second on a quiet
    machine.
    """
    columns = [Column("item", "Item"), Column("role", "Role"), Column("n", "N", "count")]
    rows: list[list[object]] = []
    relations: list[Relation] = []
    for item in range(600):
        parts = [3, 30 + item % 7, 25, 40, 6]
        first = len(rows)
        rows += [[f"i{item}", f"r{role}", n] for role, n in enumerate(parts)]
        rows.append([f"i{item}", "all", sum(parts)])
        relations.append(Relation(Ref(first + 5, "n"), tuple(Ref(first + n, "n") for n in range(5))))
    started = time.perf_counter()
    protected = protect(Table.of("T", columns, rows, relations=relations), TEN)
    assert time.perf_counter() - started < 30
    # 3 and 6 add up to 9, which leaves less room than 10: the smallest of the others goes as well.
    assert protected.n_hidden == 3 * 600


def test_a_percentage_of_a_count_that_adds_up_gets_no_band():
    columns = [
        Column("item", "Item"),
        Column("no", "No", "count", part_of="base"),
        Column("yes", "Yes", "count", part_of="base"),
        Column("base", "Base", "count"),
        Column("p", "Yes %", "percent", depends=("yes", "base")),
    ]
    table = Table.of(
        "T",
        columns,
        [["a", 28, 2, 30, Share(2, 30)]],
        relations=across([0], total="base", parts=["no", "yes"]),
    )
    row = protect(table, TEN).table.rows[0]
    assert row == ("a", C, C, 30, C)


# Tables that leave together


@pytest.mark.row("SD-08")
def test_cell_hidden_in_one_table_is_hidden_in_the_other():
    small = answers(7, 50, subject="s")
    columns = [Column("item", "Item"), Column("agree", "Agree", "count")]
    # Without its base beside it 45 looks harmless; its complement is small in the other table.
    large = answers(45, 50, subject="s")
    alone = Table.of("Agree", columns, [["Useful", 45]], subject="s")
    assert protect_all([alone, large], TEN)[0].table.rows == (("Useful", C),)
    assert protect_all([small], TEN)[0].table.rows[0][1] == C


# Quotes


def filtered(*rows: tuple[str, range, range]) -> Table:
    """One row an item: its name, who agrees, who was asked."""
    columns = [
        Column("item", "Item"),
        Column("agree", "Agree", "count", part_of="base"),
        Column("base", "Base", "count"),
    ]
    people = [(item, Count.of(map(str, agree)), Count.of(map(str, asked))) for item, agree, asked in rows]
    return Table.of("Filtered", columns, people)


def test_a_base_of_just_the_people_whom_another_row_hides_is_hidden_with_its_row():
    """37 of 46 attended is hidden, since it tells of the 9 who did not; “of the 37 who attended” would tell it again."""
    table = filtered(("Attended", range(37), range(46)), ("Useful", range(20), range(37)))
    assert [row[1:] for row in protect(table, TEN).table.rows] == [(C, Count.of(map(str, range(46)))), (C, C)]


def test_a_base_that_lacks_just_the_people_whom_another_row_hides_is_hidden():
    """5 said “not applicable”; an item asked of the other 45 gives them away beside the base of 50."""
    table = filtered(("Not applicable", range(45, 50), range(50)), ("Useful", range(20), range(45)))
    assert [row[2] for row in protect(table, TEN).table.rows] == [Count.of(map(str, range(50))), C]


@pytest.mark.row("SD-08")
def test_the_same_is_seen_between_tables_that_leave_together():
    one, two = filtered(("Attended", range(37), range(46))), filtered(("Useful", range(20), range(37)))
    assert protect_all([one, two], TEN)[1].table.rows[0][1:] == (C, C)
    assert protect(two, TEN).table.rows[0][2] == Count.of(map(str, range(37)))


def test_bases_that_differ_by_people_whom_nothing_counts_stay():
    table = filtered(("First", range(20), range(50)), ("Second", range(30), range(48)))
    assert protect(table, TEN).n_hidden == 0


@pytest.mark.parametrize(
    ("size", "general", "words"),
    [(3, "", "Team manager"), (2, "Manager", "Manager"), (2, "", "[c]"), (None, "Manager", "Manager")],
)
def test_attribution_to_a_small_group_is_made_general(size, general, words):
    rule = Rule(3, quote_minimum_group=3)
    quote = Quote((Run("words"),), Attribution("Team manager", size, general))
    document, _ = protect_document(Document("Q", (quote,)), rule)
    assert document.blocks[0].attribution.text == words
    table = Table.of("Q", [Column("who", "Who")], [[Attribution("Team manager", size, general)]])
    cell = protect(table, rule).table.rows[0][0]
    assert (cell.text if isinstance(cell, Attribution) else str(cell)) == words


def test_rule_says_itself_in_words():
    assert Rule(10).describe().startswith("Counts of 1 to 9 are shown as [c]")
    assert Rule(2).describe().startswith("Counts of 1 are shown as [c]")
    assert Rule(10, is_zero_disclosive=True).describe().startswith("Counts of 1 to 9 and of 0")
    assert Rule(1).describe() == "Every count may be shown."
    assert "nothing is hidden" in Rule(1, is_exempt=True).describe()
    with pytest.raises(ValueError, match="at least 1"):
        Rule(0)
