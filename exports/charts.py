"""Charts from a table that has been through `disclosure`: diverging stacked bars, as SVG and PNG with words.

Disagreement runs to the left of the middle line and agreement to the right; the neutral answers stand in a
bar of their own *beside* it, because in the middle they hide how long the agreement is (Heiberger and Robbins
2014, doi:10.18637/jss.v057.i05, and its critics). A threshold is a line on the agreement side. A bar of which
any segment is hidden is not drawn at all: the other segments would leave a gap of its size.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from exports import bidi, glyphs
from exports.cleaning import clean
from exports.digits import printed
from exports.showing import shown
from exports.table import Count, Hidden, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
# Orange-brown to teal: told apart in the three common colour blindnesses and in grey print.
_NEGATIVE = ("#9A3412", "#EA9A62")
_POSITIVE = ("#7FBFB5", "#0F5C5C")
_NEUTRAL = "#A8A29E"
_INK = "#292524"


@dataclass(frozen=True, slots=True)
class Answers:
    """Which count columns are which answers, from the middle outwards: disagree before strongly disagree."""

    negative: tuple[str, ...]
    positive: tuple[str, ...]
    neutral: str = ""
    base: str = "base"

    @property
    def keys(self) -> tuple[str, ...]:
        """In reading order: strongest disagreement first."""
        return (*reversed(self.negative), *self.positive, *([self.neutral] if self.neutral else []))


@dataclass(frozen=True, slots=True)
class Chart:
    svg: bytes
    png: bytes
    alt: str


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    base: int | None
    percents: dict[str, float] | None


def diverging(
    table: Table, *, label: str, answers: Answers, threshold_percent: float | None = None, dpi: int = 200
) -> Chart:
    """The chart of a *released* table, one bar a row; `label` is the column that names the rows.

    Percentages are of the base column. Raises ValueError for a table without rows.
    """
    import matplotlib  # a quarter of a second, and only where something is drawn

    if not table.rows:
        raise ValueError("there is nothing to draw: the table has no rows")
    bars = [_bar(table, number, label, answers) for number in range(len(table.rows))]
    alt = _words(table, bars, answers, threshold_percent)
    with matplotlib.rc_context({"svg.hashsalt": "exports", "svg.fonttype": "path", "font.size": 8.5}):
        plot = _draw(table, bars, answers, threshold_percent)
        svg, png = io.BytesIO(), io.BytesIO()
        plot.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        plot.savefig(png, format="png", dpi=dpi, metadata={"Software": None})
    return Chart(_described(svg.getvalue(), clean(table.title), alt), png.getvalue(), alt)


def _bar(table: Table, row: int, label: str, answers: Answers) -> _Bar:
    name = clean(shown(table.cell(row, label), table.column(label)))
    base = _number(table.cell(row, answers.base))
    counts = {key: _number(table.cell(row, key)) for key in answers.keys}
    if base is None or base == 0 or any(count is None for count in counts.values()):
        return _Bar(name, base, None)
    return _Bar(name, base, {key: 100 * (count or 0) / base for key, count in counts.items()})


def _number(cell: object) -> int | None:
    if isinstance(cell, Count):
        return cell.value
    return cell if isinstance(cell, int) and not isinstance(cell, bool) else None


def _draw(table: Table, bars: Sequence[_Bar], answers: Answers, threshold: float | None) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # as in `diverging`
    from matplotlib.figure import Figure

    plot = Figure(figsize=(8.2, 1.5 + 0.34 * len(bars)), layout="constrained")
    FigureCanvasAgg(plot)
    ratios = (5, 1) if answers.neutral else (1,)
    grid = plot.subplots(1, len(ratios), sharey=True, width_ratios=ratios, squeeze=False)
    main: Axes = grid[0][0]
    places = list(range(len(bars)))
    for side, keys, tones in (
        (-1, answers.negative, _tones(_NEGATIVE[::-1], len(answers.negative))),
        (1, answers.positive, _tones(_POSITIVE, len(answers.positive))),
    ):
        starts = [0.0] * len(bars)
        for key, tone in zip(keys, tones, strict=True):
            drawn = [(n, bar.percents[key]) for n, bar in enumerate(bars) if bar.percents is not None]
            main.barh(
                [n for n, _ in drawn],
                [side * value for _, value in drawn],
                left=[starts[n] for n, _ in drawn],
                height=0.72,
                color=tone,
                edgecolor="white",
                linewidth=0.6,
                label=_plain(table.column(key).label),
            )
            for number, value in drawn:
                starts[number] += side * value
    main.axvline(0, color=_INK, linewidth=0.8)
    if threshold is not None:
        main.axvline(threshold, color=_INK, linewidth=1.2, linestyle=(0, (4, 2)))
        main.annotate(
            f"threshold {printed(threshold, 'g')}%", (threshold, 1.0), xycoords=("data", "axes fraction"),
            xytext=(0, 3), textcoords="offset points", ha="center", fontsize=7.5, color=_INK,
        )  # fmt: skip
    for number, bar in enumerate(bars):
        if bar.percents is None:
            main.text(1, number, "not shown [c]", va="center", fontsize=7.5, color=_INK, style="italic")
    main.set_xlim(-100, 100)
    main.set_xticks([-100, -50, 0, 50, 100], ["100%", "50%", "0", "50%", "100%"])
    main.set_yticks(places, [_plain(f"{bar.label}{_base(bar)}") for bar in bars])
    main.invert_yaxis()
    if answers.neutral:
        beside: Axes = grid[0][1]
        drawn = [(n, bar.percents[answers.neutral]) for n, bar in enumerate(bars) if bar.percents is not None]
        neutral = _plain(table.column(answers.neutral).label)
        beside.barh(
            [n for n, _ in drawn], [value for _, value in drawn], height=0.72, color=_NEUTRAL, label=neutral
        )
        beside.set_xlim(0, 100)
        beside.set_xticks([0, 100], ["0", "100%"])
        beside.set_title(neutral, fontsize=8)
    for axes in grid[0]:
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
    plot.legend(loc="outside lower center", ncols=len(answers.keys), frameon=False, fontsize=7.5)
    plot.suptitle(_plain(table.title), x=0.01, ha="left", fontsize=10, color=_INK)
    return plot


def _tones(ends: Sequence[str], n: int) -> list[str]:
    return [ends[0] if place < n - 1 else ends[1] for place in range(n)]


def _base(bar: _Bar) -> str:
    return f"  (n = {bar.base})" if bar.base is not None else "  (n = [c])"


def _plain(text: str) -> str:
    """Text as matplotlib may draw it: no mathematics between dollar signs, never more than a line.

    matplotlib 3.11 orders right-to-left text itself; the mark in front keeps "(n = 50)" behind such a label.
    """
    text = glyphs.drawable(" ".join(clean(text).split()))
    text = text if len(text) <= 60 else f"{text[:57]}…"
    mark = "\u200e" if bidi.has_rtl(text) else ""
    return mark + text.replace("$", r"\$")


def _words(table: Table, bars: Sequence[_Bar], answers: Answers, threshold: float | None) -> str:
    """What the picture says, with nothing that it does not draw."""
    lines = [
        f"{clean(table.title)}. Stacked bars of the answers in each row, in per cent of those who answered."
    ]
    if threshold is not None:
        lines.append(f"The threshold is {printed(threshold, 'g')}% agreement.")
    for bar in bars:
        if bar.percents is None:
            lines.append(f"{bar.label}: not shown, {Hidden('c')}.")
            continue
        parts = [
            f"{clean(table.column(key).label)} {printed(bar.percents[key], '.0f')}%" for key in answers.keys
        ]
        lines.append(f"{bar.label} ({bar.base} answers): {', '.join(parts)}.")
    return " ".join(lines)


def _described(svg: bytes, title: str, alt: str) -> bytes:
    """The picture with a role, a title and a description, which screen readers read out."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(svg)  # noqa: S314  matplotlib wrote it a line ago
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    root.set("role", "img")
    root.set("aria-labelledby", "chart-title chart-words")
    words = ElementTree.Element(f"{{{_SVG}}}desc", {"id": "chart-words"})
    words.text = alt
    name = ElementTree.Element(f"{{{_SVG}}}title", {"id": "chart-title"})
    name.text = title
    root.insert(0, words)
    root.insert(0, name)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
