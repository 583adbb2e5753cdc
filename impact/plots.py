"""Plots of a bundle's figures, each with the words that replace it. Colour never carries meaning alone.

What is hidden in the figures is null there, so that no plot can show it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from exports.digits import printed
from impact.bundles import Figures
from impact.ties import reaches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plot", "draw", "small_multiples"]

INK, TEAL, RUST, GREY = "#292524", "#0F5C5C", "#9A3412", "#A8A29E"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Plot:
    """A picture as PNG with its title and the words that replace it."""

    png: bytes
    title: str
    alt: str


def draw(figures: Figures) -> Plot | None:
    """The plot of these figures; None where there is nothing to draw or they are a table only."""
    drawn = _DRAWN.get(figures.kind)
    rows = [dict(zip(figures.columns, row, strict=True)) for row in figures.rows]
    if drawn is None or not any(_shown(row, *_WANTED[figures.kind]) for row in rows):
        return None
    title, paint, words = drawn
    import matplotlib  # a quarter of a second, and only where something is drawn
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        height = 1.4 + 0.3 * len(rows) if figures.kind in {"forest", "balance"} else 3.4
        canvas = Figure(figsize=(7.2, height), layout="constrained")
        FigureCanvasAgg(canvas)
        paint(canvas.subplots(), rows)
        out = io.BytesIO()
        canvas.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return Plot(out.getvalue(), title, f"{title}. {words(rows)}")


Series = tuple[str, Sequence[float]]


def small_multiples(periods: Sequence[str], own: Series, others: Sequence[Series]) -> Plot:
    """One small plot for each of `others` (label, values by period) with `own` behind it, all on the same axes.

    The words give the greatest gap of each; the values themselves belong in a table.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide = min(3, max(1, len(others)))
    rows = -(-len(others) // wide)
    canvas = Figure(figsize=(7.2, 0.4 + 1.7 * rows), layout="constrained")
    FigureCanvasAgg(canvas)
    grid = canvas.subplots(rows, wide, sharex=True, sharey=True, squeeze=False).ravel()
    words = []
    for axes, (label, values) in zip(grid, others, strict=False):
        axes.plot(range(len(periods)), own[1], color=INK, linewidth=1, linestyle=(0, (4, 2)), label=own[0])
        axes.plot(range(len(periods)), values, "o-", color=TEAL, linewidth=1, markersize=2.5)
        axes.set_title(label.replace("$", r"\$"), fontsize=8, loc="left")
        axes.set_xticks([0, len(periods) - 1], [periods[0], periods[-1]], fontsize=7)
        axes.tick_params(axis="y", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        gaps = [abs(one - two) for one, two in zip(values, own[1], strict=True)]
        widest = int(np.argmax(reaches(gaps, max(gaps))))
        words.append(
            f"{label}: never further apart than {printed(gaps[widest], '.3g')}, in {periods[widest]}."
        )
    for axes in grid[len(others) :]:
        axes.set_axis_off()
    out = io.BytesIO()
    canvas.savefig(out, format="png", dpi=150, metadata={"Software": None})
    title = f"Standardised series of {own[0]} (dashed) and of each neighbour"
    return Plot(out.getvalue(), title, f"{title}, {periods[0]} to {periods[-1]}. {' '.join(words)}")


def _shown(row: dict[str, Any], *names: str) -> bool:
    return all(row[name] is not None for name in names)


def _intervals(axes: Axes, rows: Rows, label: str) -> None:
    """Points with whiskers, one a row from the top; hidden ones are said to be."""
    for place, row in enumerate(rows):
        if not _shown(row, "value"):
            axes.text(0, place, "not shown [c]", va="center", style="italic", color=INK)
            continue
        if _shown(row, "low", "high"):
            axes.plot([row["low"], row["high"]], [place, place], color=INK, linewidth=1)
        axes.plot(row["value"], place, "s", color=TEAL, markersize=5)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [str(row[label])[:60].replace("$", r"\$") for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("estimate with its interval")


def _forest(axes: Axes, rows: Rows) -> None:
    _intervals(axes, rows, "label")


def _forest_words(rows: Rows) -> str:
    return " ".join(f"{row['label']}: {_interval_words(row)}." for row in rows)


def _interval_words(row: dict[str, Any]) -> str:
    if not _shown(row, "value"):
        return "not shown [c]"
    if not _shown(row, "low", "high"):
        return f"{printed(row['value'], '.3g')}, without an interval"
    return (
        f"{printed(row['value'], '.3g')}, from {printed(row['low'], '.3g')} to {printed(row['high'], '.3g')}"
    )


def _event_study(axes: Axes, rows: Rows) -> None:
    seen = [row for row in rows if _shown(row, "period", "value", "low", "high")]
    for row in seen:
        axes.plot([row["period"]] * 2, [row["low"], row["high"]], color=INK, linewidth=1)
    axes.plot(
        [r["period"] for r in seen], [r["value"] for r in seen], "o-", color=TEAL, linewidth=1, markersize=5
    )
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axvline(-0.5, color=RUST, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set_xlabel("periods since going live")
    _whole(axes)
    axes.set_ylabel("estimate")


def _whole(axes: Axes) -> None:
    """Periods are whole numbers."""
    from matplotlib.ticker import MaxNLocator  # matplotlib waits until something is drawn

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _event_words(rows: Rows) -> str:
    return " ".join(
        f"Period {printed(row['period'], 'g')}: {_interval_words(row)}."
        for row in rows
        if row["period"] is not None
    )


def _trends(axes: Axes, rows: Rows) -> None:
    for number, group in enumerate(dict.fromkeys(row["group"] for row in rows)):
        own = [row for row in rows if row["group"] == group and _shown(row, "period", "value")]
        axes.plot(
            [row["period"] for row in own],
            [row["value"] for row in own],
            marker=MARKERS[number % len(MARKERS)],
            linewidth=1,
            markersize=4,
            color=(TEAL, RUST, INK, GREY)[number % 4],
            label=str(group).replace("$", r"\$"),
        )
    axes.set_xlabel("period")
    _whole(axes)
    axes.set_ylabel("mean of the outcome (percent of a yes or no)")
    axes.legend(frameon=False, fontsize=8)


def _trend_words(rows: Rows) -> str:
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        values = ", ".join(printed(row["value"], ".3g") if row["value"] is not None else "[c]" for row in own)
        lines.append(f"{group}: {values}.")
    return " ".join(lines)


def _balance(axes: Axes, rows: Rows) -> None:
    for place, row in enumerate(rows):
        if _shown(row, "before", "after"):
            axes.plot([row["before"], row["after"]], [place, place], color=GREY, linewidth=1)
            axes.plot(
                row["before"],
                place,
                "o",
                markerfacecolor="white",
                color=RUST,
                label="before" if not place else None,
            )
            axes.plot(row["after"], place, "s", color=TEAL, label="after" if not place else None)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [str(row["covariate"])[:60].replace("$", r"\$") for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("standardised difference")
    axes.legend(frameon=False, fontsize=8)


def _balance_words(rows: Rows) -> str:
    seen = [row for row in rows if _shown(row, "before", "after")]
    return " ".join(
        f"{row['covariate']}: {printed(row['before'], '.3g')} before, {printed(row['after'], '.3g')} after."
        for row in seen
    )


def _permutation(axes: Axes, rows: Rows) -> None:
    values = sorted(float(row["statistic"]) for row in rows if row["statistic"] is not None)
    axes.hist(values, bins=min(30, max(6, len(values) // 3)), color=GREY, edgecolor="white")
    for row in rows:
        if row["observed"]:
            axes.axvline(float(row["statistic"]), color=RUST, linewidth=1.5)
            axes.annotate(
                "observed", (float(row["statistic"]), 0.97), xycoords=("data", "axes fraction"), color=RUST
            )
    axes.set_xlabel("statistic under each allowed order")
    axes.set_ylabel("orders")


def _permutation_words(rows: Rows) -> str:
    observed = next((row["statistic"] for row in rows if row["observed"]), None)
    if observed is None:
        return f"{len(rows)} allowed orders."
    further = int(reaches([abs(row["statistic"]) for row in rows], abs(observed)).sum())
    return f"{len(rows)} allowed orders; {further} of them lie as far from zero as the observed {printed(observed, '.3g')}."


def _bacon(axes: Axes, rows: Rows) -> None:
    for number, kind in enumerate(dict.fromkeys(row["kind"] for row in rows)):
        own = [row for row in rows if row["kind"] == kind and _shown(row, "weight", "estimate")]
        axes.plot(
            [row["weight"] for row in own],
            [row["estimate"] for row in own],
            MARKERS[number % len(MARKERS)],
            color=(TEAL, RUST, INK, GREY)[number % 4],
            label=str(kind),
            linestyle="none",
        )
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel("weight")
    axes.set_ylabel("estimate of the pair")
    axes.legend(frameon=False, fontsize=8)


def _bacon_words(rows: Rows) -> str:
    lines = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind and _shown(row, "weight", "estimate")]
        weight = sum(row["weight"] for row in own)
        mean = sum(row["weight"] * row["estimate"] for row in own) / weight if weight else 0.0
        lines.append(
            f"{kind}: {len(own)} pairs with weight {printed(weight, '.3g')} and mean estimate {printed(mean, '.3g')}."
        )
    return " ".join(lines)


_DRAWN: dict[str, tuple[str, Callable[[Axes, Rows], None], Callable[[Rows], str]]] = {
    "forest": ("Estimates", _forest, _forest_words),
    "event_study": ("Effect by time since going live", _event_study, _event_words),
    "trends": ("Outcome by period", _trends, _trend_words),
    "balance": ("Balance before and after matching", _balance, _balance_words),
    "permutation": ("Permutation distribution", _permutation, _permutation_words),
    "bacon": ("Goodman-Bacon decomposition", _bacon, _bacon_words),
}
# Without these a row is not drawn, and without such rows there is no plot.
_WANTED: dict[str, tuple[str, ...]] = {
    "forest": ("value",),
    "event_study": ("period", "value", "low", "high"),
    "trends": ("period", "value"),
    "balance": ("before", "after"),
    "permutation": ("statistic",),
    "bacon": ("weight", "estimate"),
}
