"""The part of a page that holds a run's figures, written from the lines that the run printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import BENCHMARKS

BEGIN = "<!-- Figures: written by `make performance`, never by hand. -->"
END = "<!-- End of the figures. -->"
BUSY_SHARE = 0.1  # of the processor, from which the machine does not count as quiet


def lines_of(printed: str) -> list[dict[str, Any]]:
    """The benchmarks' lines among whatever else was printed."""
    return [json.loads(line) for line in printed.splitlines() if line.startswith('{"benchmark"')]


def written(page: str, lines: Iterable[dict[str, Any]]) -> str:
    """The page with the figures of these lines in place of those that stood there; of a benchmark run twice the later.

    Raises
    ------
    ValueError
        The page has no place for figures.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page needs a line “{BEGIN}” and, below it, a line “{END}”.")
    by_name = {line["benchmark"]: line for line in lines}
    return f"{before}{BEGIN}\n\n{figures(by_name)}\n{END}{after}"


def figures(by_name: dict[str, dict[str, Any]]) -> str:
    """One row a figure, then what the machine was, and the versions."""
    rows = [
        "| benchmark | figure | peer or floor | measured | limit | | ours | theirs | pace before, after |",
        "|---|---|---|---:|---:|---|---:|---:|---:|",
    ]
    for name in BENCHMARKS:
        line = by_name.get(name)
        if line is None:
            rows.append(f"| `{name}` | not measured in this run | | | | | | | |")
        elif "failed" in line:
            rows.append(f"| `{name}` | {line['failed']} | | | | **failed** | | | |")
        else:
            rows += [_row(line, figure, is_first=not n) for n, figure in enumerate(line["figures"])]
    measured = [by_name[name] for name in BENCHMARKS if name in by_name]
    return "\n".join([*rows, "", *_circumstances(measured), ""])


def _row(line: dict[str, Any], figure: dict[str, Any], *, is_first: bool) -> str:
    sign = "≥" if figure["at_least"] else "≤"
    limit = "" if figure["limit"] is None else f"{sign} {_number(figure['limit'], figure['unit'])}"
    cells = [
        f"`{line['benchmark']}`" if is_first else "",
        figure["name"],
        figure["peer"],
        "–" if figure["measured"] is None else _number(figure["measured"], figure["unit"], "#.3g"),
        limit,
        _verdict(figure),
        _part(figure.get("ours"), figure["parts"]),
        _part(figure.get("theirs"), figure["parts"]),
        f"{line['paces'][0]:.2f}, {line['paces'][1]:.2f}" if is_first else "",
    ]
    return f"| {' | '.join(cells)} |"


def _verdict(figure: dict[str, Any]) -> str:
    """Met, and by how much the figure could worsen, as a share of itself; or missed."""
    if figure["is_met"] is None:
        return "" if figure["limit"] is None else "not measured"
    if not figure["is_met"]:
        return "**missed**"
    measured, limit = figure["measured"], figure["limit"]
    if not figure["unit"] or measured <= 0:
        return "met"
    spare = measured / limit - 1 if figure["at_least"] else limit / measured - 1
    return f"met, {spare:.0%} to spare" if spare < 1 else "met, could double"


def _part(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "s" and value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def _number(value: float, unit: str, digits: str = ".3g") -> str:
    if unit == "s":
        return _part(value, unit)
    return f"{value:{digits}}" if value < 1000 else f"{value:,.0f}"


def _circumstances(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Dates, machine, how busy it was, tries that did not count, and versions; each said once where all lines agree."""
    if not lines:
        return []
    dates = sorted(line["date"] for line in lines)
    said = [f"* Measured {dates[0]}" + (f" to {dates[-1]}." if dates[-1] != dates[0] else ".")]
    for machine in _distinct(line["machine"] for line in lines):
        said.append(
            f"* Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, {machine['system']}."
        )
    whole = [line for line in lines if "failed" not in line]
    shares = [share for line in whole for share in line["busy_shares"] if share is not None]
    if shares:
        was = "not quiet: other programs" if max(shares) > BUSY_SHARE else "quiet: other programs"
        least, most = f"{min(shares):.0%}", f"{max(shares):.0%}"
        used = most if least == most else f"{least} to {most}"
        said.append(f"* The machine was {was} used {used} of the processor before and after each benchmark.")
    for line in whole:
        if line["restless_tries"]:
            pairs = ", ".join(f"{before:.2f} and {after:.2f}" for before, after in line["restless_tries"])
            said.append(f"* `{line['benchmark']}` was repeated: the paces of the tries before were {pairs}.")
    versions = {package: version for line in whole for package, version in line["versions"].items()}
    said.append(
        "* Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + "."
    )
    return said


def _distinct(values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({json.dumps(value, sort_keys=True): value for value in values}.values())
