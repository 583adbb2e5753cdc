from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from exports.charts import Answers, diverging
from exports.disclosure import Rule, protect
from exports.table import Column, Table, across
from tests.exports.hostile import TEXTS

KEYS = ("sd", "d", "n", "a", "sa")
LABELS = ("Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree")
ANSWERS = Answers(negative=("d", "sd"), positive=("a", "sa"), neutral="n")


def table(*rows: list[object], title: str = "Training") -> Table:
    columns = [
        Column("item", "Item"),
        *(Column(key, label, "count", part_of="base") for key, label in zip(KEYS, LABELS, strict=True)),
        Column("base", "Base", "count"),
    ]
    relations = across(range(len(rows)), total="base", parts=KEYS)
    return Table.of(title, columns, [[*row, sum(row[1:])] for row in rows], relations=relations)


SHOWN = ["Useful", 20, 20, 40, 80, 40]
SMALL = ["Time", 3, 27, 40, 80, 40]


def drawn(svg: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def bars(svg: bytes) -> int:
    """Filled patches: legend keys and background are the same in every chart of these answers."""
    return sum(
        1
        for path in drawn(svg).iter("{http://www.w3.org/2000/svg}path")
        if "fill: #" in path.get("style", "")
    )


def test_chart_says_in_words_what_it_draws():
    chart = diverging(table(SHOWN), label="item", answers=ANSWERS, threshold_percent=70)
    assert chart.alt == (
        "Training. Stacked bars of the answers in each row, in per cent of those who answered. "
        "The threshold is 70% agreement. "
        "Useful (200 answers): Strongly disagree 10%, Disagree 10%, Agree 40%, Strongly agree 20%, "
        "Neither 20%."
    )
    root = drawn(chart.svg)
    assert root.get("role") == "img"
    assert [root[0].text, root[1].text] == ["Training", chart.alt]
    assert Image.open(io.BytesIO(chart.png)).format == "PNG"


@pytest.mark.row("SD-01")
def test_a_bar_with_a_hidden_segment_is_not_drawn():
    protected = protect(table(SHOWN, SMALL), Rule(10)).table
    chart = diverging(protected, label="item", answers=ANSWERS)
    alone = diverging(table(SHOWN), label="item", answers=ANSWERS)
    both = diverging(table(SHOWN, ["Time", 20, 27, 40, 80, 40]), label="item", answers=ANSWERS)
    assert bars(chart.svg) == bars(alone.svg)
    assert bars(both.svg) == bars(alone.svg) + 5
    assert "Time: not shown, [c]." in chart.alt
    assert "27" not in chart.alt


@pytest.mark.row("SD-01")
def test_hidden_values_do_not_reach_the_picture():
    """Two tables that differ in hidden counts only give the same picture."""
    first = protect(table(SHOWN, ["Time", 3, 27, 40, 80, 40]), Rule(10)).table
    second = protect(table(SHOWN, ["Time", 4, 26, 40, 80, 40]), Rule(10)).table
    one, two = (diverging(each, label="item", answers=ANSWERS) for each in (first, second))
    assert (one.svg, one.png, one.alt) == (two.svg, two.png, two.alt)


def test_charts_are_reproducible_and_name_nobody():
    one, two = (diverging(table(SHOWN), label="item", answers=ANSWERS) for _ in range(2))
    assert one == two
    assert b"<metadata" not in one.svg
    assert Image.open(io.BytesIO(one.png)).info.keys() <= {"dpi"}


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_labels_are_drawn_as_text(text):
    chart = diverging(table([text, 20, 20, 40, 80, 40], title=text), label="item", answers=ANSWERS)
    drawn(chart.svg)
    assert chart.png.startswith(b"\x89PNG")


def test_a_table_without_rows_is_named():
    with pytest.raises(ValueError, match="nothing to draw"):
        diverging(table(), label="item", answers=ANSWERS)
