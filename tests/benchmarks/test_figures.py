"""What a benchmark's line says of its limits, and the page made of such lines."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks import BENCHMARKS, figures, page
from benchmarks.apart import ROOT
from benchmarks.figures import Figure, Found
from benchmarks.pairs import Pairs

AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
MACHINE = {"processor": "Invented 9", "cores": 2, "memory_gb": 8.0, "system": "Linux x86_64"}
PEER = "peer 1.0"


def made(
    *found: Figure, paces: Any = ((1.0, 1.0),), name: str = "matrix_xlsx", busy: Any = (0.0, 0.02)
) -> Any:
    return figures.line(
        name,
        Found("writing a matrix", found, {"python": "3.11.2", "peer": "1.0"}),
        paces,
        at=AT,
        busy=busy,
        machine=MACHINE,
    )


@pytest.mark.parametrize(
    ("figure", "is_met"),
    [
        (Figure("f", 1.5, 1.5, PEER), True),
        (Figure("f", 1.51, 1.5, PEER), False),
        (Figure("f", 10.0, 10, PEER, at_least=True), True),
        (Figure("f", 9.9, 10, PEER, at_least=True), False),
        (Figure("f", 9.9, None, PEER), None),
        (Figure("f", None, 10, PEER), None),
    ],
)
def test_figure_is_judged_by_its_limit(figure, is_met):
    assert figures.judged(figure, (1.0, 1.0))["is_met"] is is_met


def test_ratio_does_not_follow_the_pace_and_seconds_do():
    slow = (2.0, 2.0)
    ratio = figures.judged(Figure("f", 1.6, 1.5, PEER), slow)
    seconds = figures.judged(Figure("f", 0.5, 0.3, "", unit=figures.SECONDS), slow)
    assert (ratio["limit"], ratio["is_met"]) == (1.5, False)
    assert (seconds["limit"], seconds["limit_at_pace_1"], seconds["is_met"]) == (0.6, 0.3, True)
    assert figures.judged(Figure("f", 0.5, 0.3, "", unit=figures.SECONDS), (1.0, 1.0))["is_met"] is False


def test_line_says_paces_limit_measured_peer_versions_date_and_machine():
    line = json.loads(json.dumps(made(Figure("writing", 1.23456, 1.5, PEER), paces=[(1.0, 1.3), (1.1, 1.2)])))
    assert line["figures"][0]["measured"] == 1.235
    assert (line["figures"][0]["limit"], line["figures"][0]["peer"]) == (1.5, PEER)
    assert (line["paces"], line["restless_tries"]) == ([1.1, 1.2], [[1.0, 1.3]])
    assert line["versions"] == {"python": "3.11.2", "peer": "1.0"}
    assert (line["date"], line["machine"]) == ("2026-03-02 09:30 UTC", MACHINE)


@pytest.mark.parametrize(
    ("found", "is_met"),
    [
        ([Figure("a", 1.0, 2.0, PEER), Figure("b", 9.0, None, PEER)], True),
        ([Figure("a", 1.0, 2.0, PEER), Figure("b", 9.0, 2.0, PEER)], False),
        ([Figure("a", 1.0, 2.0, PEER), Figure("b", None, 2.0, PEER)], None),
        ([Figure("a", 3.0, 2.0, PEER), Figure("b", None, 2.0, PEER)], False),
    ],
)
def test_line_is_met_only_when_every_limit_is(found, is_met):
    assert made(*found)["is_met"] is is_met


def test_figures_survive_the_way_out_of_the_process_that_measured():
    found = Found("writing", (Figure("f", 1.2, 1.5, PEER, ours=0.3, theirs=0.25),), {"python": "3"}, {"n": 1})
    assert Found.received(json.loads(json.dumps(found.sent()))) == found


def test_ratio_is_the_median_of_the_ratios_within_rounds():
    """The machine slowed down threefold in the last round: both took longer, and the ratio does not move."""
    pairs = Pairs([(1.0, 2.0), (1.2, 2.0), (3.0, 6.0)])
    assert pairs.ratio == 0.5
    assert (pairs.ours, pairs.theirs) == (1.2, 2.0)


def test_every_benchmark_measures_and_has_its_promise_on_the_page():
    text = (ROOT / "docs" / "performance.md").read_text()
    promised = text.partition(page.BEGIN)[0]
    for name in BENCHMARKS:
        assert callable(importlib.import_module(f"benchmarks.{name}").measure)
        assert f"`{name}`" in promised
    assert page.BEGIN in text
    assert page.END in text


PAGE = f"# Speeds\n\nBefore.\n\n{page.BEGIN}\n\nold\n\n{page.END}\n\nAfter.\n"


def test_page_takes_the_figures_and_keeps_the_rest():
    lines = [
        made(Figure("writing", 1.4, 1.5, PEER, ours=0.42, theirs=1.3), paces=[(1.0, 1.4), (0.98, 1.02)]),
        made(Figure("request", 0.6, 0.5, PEER), name="apply_code"),
        made(Figure("fit", None, 60, PEER, at_least=True), name="impact_glmm"),
    ]
    text = page.written(PAGE, lines)
    assert text.startswith("# Speeds\n\nBefore.\n\n")
    assert text.endswith(f"{page.END}\n\nAfter.\n")
    assert "old" not in text
    assert (
        "| `matrix_xlsx` | writing | peer 1.0 | 1.40 | ≤ 1.5 | met, 7% to spare | 420 ms | 1.3 s | 0.98, 1.02 |"
        in text
    )
    assert (
        "| `apply_code` | request | peer 1.0 | 0.600 | ≤ 0.5 | **missed** | | | 1.00, 1.00 |"
        in text.replace("  ", " ")
    )
    assert "| – | ≥ 60 | not measured |" in text
    assert "| `impact_did` | not measured in this run |" in text
    assert "* Measured 2026-03-02 09:30 UTC.\n" in text
    assert "* Machine: Invented 9, 2 cores, 8 GB, Linux x86_64.\n" in text
    assert "* `matrix_xlsx` was repeated: the paces of the tries before were 1.00 and 1.40.\n" in text
    assert "* Versions: peer 1.0, python 3.11.2.\n" in text


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (Figure("f", 1.2, 1.5, PEER), "met, 25% to spare"),
        (Figure("f", 12.0, 10, PEER, at_least=True), "met, 20% to spare"),
        (Figure("f", 0.2, 1.5, PEER), "met, could double"),
        (Figure("f", 1e-9, 1e-8, PEER, unit=""), "| met |"),
        (Figure("f", 1.6, 1.5, PEER), "**missed**"),
    ],
)
def test_page_says_how_much_a_limit_has_to_spare(figure, said):
    assert said in page.written(PAGE, [made(figure)])


def test_page_written_twice_from_the_same_lines_is_the_same():
    lines = [made(Figure("writing", 1.4, 1.5, PEER))]
    once = page.written(PAGE, lines)
    assert page.written(once, lines) == once


def test_later_line_of_a_benchmark_stands_for_it():
    text = page.written(
        PAGE, [made(Figure("writing", 1.4, 1.5, PEER)), made(Figure("writing", 1.3, 1.5, PEER))]
    )
    assert "| 1.30 |" in text
    assert "| 1.40 |" not in text


@pytest.mark.parametrize(("busy", "said"), [((0.0, 0.04), "was quiet:"), ((0.02, 0.6), "was not quiet:")])
def test_page_says_whether_the_machine_was_quiet(busy, said):
    assert said in page.written(PAGE, [made(Figure("writing", 1.4, 1.5, PEER), busy=busy)])


def test_page_shows_a_benchmark_that_failed_with_its_reason():
    line = figures.failed("apply_code", "The machine was too restless: …", at=AT, machine=MACHINE)
    assert "| `apply_code` | The machine was too restless: … |" in page.written(PAGE, [line])


def test_page_without_a_place_for_figures_is_refused():
    with pytest.raises(ValueError, match="needs a line"):
        page.written("# Speeds\n", [])


def test_lines_are_found_among_other_output():
    line = made(Figure("writing", 1.4, 1.5, PEER))
    assert page.lines_of(f"Collecting taguette\n{json.dumps(line)}\n\n") == [line]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_writes_a_page_from_kept_lines_without_measuring(tmp_path):
    kept, target = tmp_path / "lines", tmp_path / "page.md"
    kept.write_text(json.dumps(made(Figure("writing", 1.4, 1.5, PEER))))
    target.write_text(PAGE)
    assert command("--lines", str(kept), "--write", str(target)).returncode == 0
    assert "| `matrix_xlsx` | writing | peer 1.0 | 1.40 |" in target.read_text()


def test_command_writes_a_missed_limit_and_ends_with_one(tmp_path):
    kept, target = tmp_path / "lines", tmp_path / "page.md"
    kept.write_text(json.dumps(made(Figure("writing", 1.6, 1.5, PEER))))
    target.write_text(PAGE)
    assert command("--lines", str(kept), "--write", str(target)).returncode == 1
    assert "**missed**" in target.read_text()


def test_command_empties_no_page_for_a_file_without_lines(tmp_path):
    kept, target = tmp_path / "lines", tmp_path / "page.md"
    kept.write_text("Collecting taguette\n")
    target.write_text(PAGE)
    done = command("--lines", str(kept), "--write", str(target))
    assert done.returncode == 2
    assert "holds no line of a benchmark" in done.stderr
    assert target.read_text() == PAGE


def test_command_refuses_a_name_that_is_none():
    done = command("matrix_ods")
    assert done.returncode == 2
    assert "There is no benchmark “matrix_ods”" in done.stderr


def test_command_refuses_to_write_a_page_of_some_benchmarks(tmp_path):
    target = tmp_path / "page.md"
    target.write_text(PAGE)
    assert command("matrix_xlsx", "--write", str(target)).returncode == 2
    assert target.read_text() == PAGE
