"""Every command: what it prints, what it refuses, and its exit codes."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from impact import bundles, did, plans, simulator, wedge
from impact.commands import main, printing
from tests.impact.small import PLAN, SITES, written

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def impact(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder: exit code, output, complaint."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as stopped:  # how argparse leaves
            code = int(stopped.code or 0)
        out, complaint = capsys.readouterr()
        assert "Traceback" not in complaint
        return code, out, complaint

    return run


@pytest.fixture
def children() -> pd.DataFrame:
    """6,000 children in 12 sites, 5 of them treated from 2018; nothing in it is rare."""
    random = np.random.default_rng(3)
    site, period = random.integers(0, 12, 6_000), random.integers(0, 6, 6_000)
    treated = ((site < 5) & (period >= 3)).astype(int)
    return pd.DataFrame(
        {
            "site": [f"s{number:02}" for number in site],
            "year": 2015 + period,
            "treated": treated,
            "age": random.integers(0, 18, 6_000),
            "weight": random.uniform(0.5, 2, 6_000),
            "sex": random.choice(["female", "male"], 6_000),
            "entered": (random.random(6_000) < 0.3 - 0.1 * treated).astype(int),
            "days": random.normal(100, 20, 6_000) - 5 * treated,
        }
    )


@pytest.fixture
def wedged(children: pd.DataFrame) -> pd.DataFrame:
    """The same children in 4 sites that go live one after another."""
    site = children["site"].str[1:].astype(int) // 3
    treated = (site + 1 <= children["year"] - 2015).astype(int)
    return children.assign(site="s" + site.astype(str), treated=treated)


COLUMNS = ("--outcome", "entered", "--site", "site", "--period", "year", "--treated", "treated")


# The command itself


def test_nothing_asked_shows_the_commands_and_fails(impact):
    code, _, complaint = impact()
    assert code == 2
    assert "COMMAND" in complaint


def test_a_misspelt_command_suggests_the_nearest(impact):
    assert impact("chek") == (2, "", "There is no command or plan “chek”. Did you mean “check”?\n")


def test_version_is_told(impact):
    code, out, _ = impact("--version")
    assert code == 0
    assert out.startswith("impact")


# Plans


@pytest.fixture
def ready(impact: Run, tmp_path: Path) -> Path:
    """The small plan with invented data in the folder `data`."""
    plan = written(tmp_path)
    code, _, complaint = impact("simulate", plan, "--out", "data", "--seed", 1, "--children", 6_000)
    assert (code, complaint) == (0, "")
    return plan


def test_check_prints_the_hash_and_the_readings(impact, tmp_path):
    code, out, _ = impact("check", written(tmp_path))
    assert code == 0
    assert "Hash to register: " in out
    assert "The plan is not registered." in out
    assert "Sites: 3, of which 3 go live from 2020-07-01 to 2021-07-01." in out
    assert "- How long children are followed: 18 months. Because: The table says so" in out


def test_check_says_whether_the_registered_plan_was_changed(impact, tmp_path):
    sha256 = json.loads(impact("check", written(tmp_path), "--json")[1])["sha256"]
    registered = PLAN + f"registration: {{where: OSF, on: 2026-01-05, sha256: {sha256}}}\n"
    out = impact("check", written(tmp_path, plan=registered))[1]
    assert "Registered on 2026-01-05 at OSF, and unchanged since." in out
    changed = registered.replace("seed: 7", "seed: 8")
    deviation = "deviations: [{what: Another seed, why: A slip, on: 2026-02-01}]\n"
    code, out, _ = impact("check", written(tmp_path, plan=changed + deviation))
    assert code == 0
    assert "CHANGED after its registration on 2026-01-05 at OSF." in out
    assert "- 2026-02-01: Another seed. Why: A slip" in out
    assert json.loads(impact("check", tmp_path / "plan.yaml", "--json")[1])["is_as_registered"] is False


SHIPPED = sorted(path.parent.name for path in (Path(plans.__file__).parent / "shipped").glob("*/plan.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_check_and_simulate_take_the_name_of_a_shipped_plan(impact, name):
    assert impact("check", name)[0] == 0
    assert impact("simulate", name, "--out", "data", "--seed", 1, "--children", 500)[0] == 0
    code, out, _ = impact("check", name, "--data", "data")
    assert code == 0
    assert out.endswith("Every table and column that the outcomes need is there.\n")


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        (
            PLAN.replace("seed:", "sead:"),
            "plan.yaml, line 6, sead: there is no such key. Did you mean “seed”?",
        ),
        (PLAN.replace("seed: 7", "seed: .nan"), "plan.yaml, line 6, seed: "),
        (PLAN + "title: twice\n", "plan.yaml: Line "),
        ("{", "plan.yaml: Line "),
        (
            PLAN.replace("model: permutation", "model: permutation, leave_out_sites: [a]"),
            "plan.yaml: the site “a” is not in sites.yaml.",
        ),
    ],
)
def test_check_names_file_line_and_key(impact, tmp_path, plan, complaint):
    code, out, found = impact("check", written(tmp_path, plan=plan))
    assert (code, out) == (2, "")
    assert complaint in found


def test_check_names_a_fault_of_the_site_periods(impact, tmp_path):
    code, _, complaint = impact("check", written(tmp_path, sites=SITES.replace("planned", "planed", 1)))
    assert code == 2
    assert "sites.yaml, line 5" in complaint
    assert "Did you mean “planned”?" in complaint


def test_check_without_a_file(impact):
    code, _, complaint = impact("check", "absent.yaml")
    assert (code, complaint) == (2, "absent.yaml: cannot be read (No such file or directory).\n")


def test_check_with_data_finds_everything_or_names_every_gap(impact, ready):
    code, out, _ = impact("check", ready, "--data", "data")
    assert code == 0
    assert "Every table and column that the outcomes need is there." in out
    assert json.loads(impact("check", ready, "--data", "data", "--json")[1])["tables_and_columns_are_there"]
    children = pd.read_parquet("data/children.parquet")
    children.rename(columns={"birth_on": "birth_onn"}).to_parquet("data/children.parquet")
    Path("data/care.parquet").write_text("no Parquet")
    code, out, complaint = impact("check", ready, "--data", "data")
    assert (code, out) == (2, "")
    assert "care.parquet: is not there or cannot be read." in complaint
    assert "children.parquet: there is no column “birth_on”. Did you mean “birth_onn”?" in complaint
    assert impact("check", ready, "--data", "nowhere")[0] == 2


def test_check_with_data_wants_files_that_the_plan_does_not_name(impact, ready, tmp_path):
    bare = written(tmp_path, plan=PLAN.replace(", care: care.parquet", ""))
    code, _, complaint = impact("check", bare, "--data", "data")
    assert code == 2
    assert "the plan names no file for the table “care”" in complaint


def test_check_reads_the_header_of_csv_files(impact, tmp_path):
    plan = written(tmp_path, plan=PLAN.replace(".parquet", ".csv"))
    assert impact("simulate", plan, "--out", "data", "--seed", 1, "--children", 300)[0] == 0
    assert impact("check", plan, "--data", "data")[0] == 0


def test_simulate_gives_the_same_data_for_the_same_seed(impact, ready):
    assert impact("simulate", ready, "--out", "again", "--seed", 1, "--children", 6_000)[0] == 0
    for path in Path("data").iterdir():
        assert (Path("again") / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "words", [("--seed", "-1"), ("--seed", "1", "--children", "1"), ("--seed", "1", "--rate", "1.5"), ()]
)
def test_simulate_refuses(impact, tmp_path, words):
    code, _, complaint = impact("simulate", written(tmp_path), "--out", "data", *words)
    assert code == 2
    assert complaint


def test_run_writes_bundle_and_report_and_prints_bases_and_notes(impact, ready):
    code, out, told = impact(ready, "--data", "data", "--out", "results.json", "--report", "report.html")
    assert code == 0
    assert told == "primary: looked-after\npermutation: looked-after\n"
    bundle = bundles.read(Path("results.json"))
    assert bundle.sha256 in out
    primary = bundle.analyses[0]
    assert f"{primary.n_rows.n:,}" in out
    assert "There are only 3 clusters." in out
    assert "can never reject at 5%" in out
    page = Path("report.html").read_text(encoding="utf-8")
    assert bundle.sha256 in page


def test_run_gives_the_same_bundle_twice(impact, ready):
    for name in ("one.json", "two.json"):
        assert impact("run", ready, "--data", "data", "--out", name, "--quiet")[0] == 0
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()


def test_run_needs_no_column_that_check_does_not_name(impact, ready):
    from impact.commands.needed import needed

    plan = plans.read(ready)
    for table, columns in needed(plan).items():
        path = Path("data") / getattr(plan.tables, table)
        pd.read_parquet(path)[sorted(columns)].to_parquet(path)
    assert impact(ready, "--data", "data", "--out", "r.json", "--quiet")[0] == 0


def test_run_writes_a_word_document(impact, ready):
    assert impact(ready, "--data", "data", "--out", "r.json", "--report", "r.docx", "--quiet")[0] == 0
    assert Path("r.docx").read_bytes()[:2] == b"PK"


def test_run_fails_with_1_where_an_analysis_failed(impact, ready, tmp_path):
    nobody = PLAN.replace("role: sensitivity", "role: sensitivity, leave_out_sites: [A, B, C]")
    plan = written(tmp_path, plan=nobody)
    code, out, _ = impact(plan, "--data", "data", "--out", "r.json", "--quiet")
    assert code == 1
    assert "FAILED permutation, looked-after: " in out
    assert bundles.read(Path("r.json")).analyses[1].failed


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--data", "nowhere", "--out", "r.json"), "There is no folder “nowhere”."),
        (("--data", "data", "--out", "r.txt"), "has to end in .json"),
        (("--data", "data", "--out", "nowhere/r.json"), "there is no folder “nowhere”"),
        (("--data", "data", "--out", "r.json", "--report", "r.pdf"), "has to end in .html or .docx"),
        (("--data", "data"), "--out"),
    ],
)
def test_run_refuses_before_it_begins(impact, ready, words, complaint):
    code, out, found = impact(ready, *words)
    assert (code, out) == (2, "")
    assert complaint in found


def test_run_names_a_plan_that_is_not_there(impact, tmp_path):
    code, _, complaint = impact("absent.yaml", "--data", tmp_path, "--out", "r.json")
    assert (code, complaint) == (2, "absent.yaml: cannot be read (No such file or directory).\n")


# Two bundles


@pytest.fixture
def twins(impact: Run, ready: Path) -> tuple[Path, Path]:
    """The bundle of the small plan twice, made by two runs."""
    for name in ("one.json", "two.json"):
        assert impact("run", ready, "--data", "data", "--out", name, "--quiet")[0] == 0
    return Path("one.json"), Path("two.json")


def resealed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The bundle with something else in it, as another run would have written it."""
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    bundles.write(bundles.Bundle.model_validate(plain), path)


def test_compare_of_two_runs_agrees_and_says_that_the_inputs_are_the_same(impact, twins):
    code, out, complaint = impact("compare", *twins)
    made = bundles.read(twins[0])
    assert (code, complaint) == (0, "")
    assert out == (
        f"The same inputs: both have the id {made.id}.\n\n"
        "All 49 numbers agree to one part in 1,000,000, and so do all words.\n"
    )


def test_run_prints_the_id_beside_the_hash(impact, ready):
    out = impact("run", ready, "--data", "data", "--out", "one.json", "--report", "one.html", "--quiet")[1]
    made = bundles.read(Path("one.json"))
    assert f"\nBundle {made.sha256} in one.json.\nId {made.id}: " in out
    assert f"Id {made.id}: " in Path("one.html").read_text(encoding="utf-8")


def test_compare_names_inputs_that_differ_and_still_agrees(impact, twins):
    def change(plain: dict[str, Any]) -> None:
        plain["seed"] = 8
        plain["software"]["numpy"] = "1.0"
        plain["data"]["care.parquet"] = "f" * 64
        plain["plan_sha256"] = "0" * 64

    resealed(twins[1], change)
    code, out, _ = impact("compare", *twins)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert out.startswith("Inputs that differ:\ninput ")
    assert ["seed", "7", "8"] in lines
    assert ["software:", "numpy", np.__version__, "1.0"] in lines
    assert any(line[:2] == ["data:", "care.parquet"] and line[3] == "ffffffff…" for line in lines if line)
    assert any(line[0] == "plan" and line[2] == "00000000…" for line in lines if line)
    assert "All 49 numbers agree" in out


def test_compare_says_where_numbers_differ_and_by_how_much(impact, twins):
    def change(plain: dict[str, Any]) -> None:
        plain["analyses"][0]["results"][0]["value"] += 0.001
        plain["analyses"][1]["notes"][0]["text"] = "Other words."
        plain["analyses"][0]["n_rows"] = {"n": None, "status": "hidden"}

    resealed(twins[1], change)
    code, out, _ = impact("compare", *twins)
    assert code == 1
    assert "3 differences, and 49 numbers compared:" in out
    rows = [re.split(r"  +", line) for line in out.splitlines()]
    [value] = [row for row in rows if row[0] == "primary, looked-after: treated, log-odds: value"]
    assert value[3] == "0.001"
    assert float(value[2]) - float(value[1]) == pytest.approx(0.001)
    assert ["primary, looked-after: rows", "released", "hidden"] in [row[:3] for row in rows]
    assert any(row[0].endswith("note permutation_floor") and "Other words." in row for row in rows)


def test_compare_within_the_tolerance_says_what_is_furthest_apart(impact, twins):
    def change(plain: dict[str, Any]) -> None:
        plain["analyses"][0]["results"][0]["std_error"] *= 1 + 1e-8

    resealed(twins[1], change)
    code, out, _ = impact("compare", *twins)
    assert code == 0
    assert (
        "Furthest apart of those that agree: primary, looked-after: treated, log-odds: std error, by " in out
    )


def test_compare_prints_one_object_for_programs(impact, twins):
    code, out, complaint = impact("compare", *twins, "--json")
    found = json.loads(out)
    assert (code, complaint) == (0, "")
    assert found["is_comparable"] is found["agrees"] is True
    assert found["ids"][0] == found["ids"][1]
    assert (found["inputs"], found["differences"], found["tolerance"]) == ([], [], 1e-6)
    resealed(twins[1], lambda plain: plain["analyses"].pop())
    code, out, complaint = impact("compare", *twins, "--json")
    [told] = json.loads(out)["differences"]
    assert (code, complaint, told["kind"], told["first"], told["second"]) == (
        1,
        "",
        "absent",
        "is there",
        None,
    )


def _another_study(path: Path) -> None:
    resealed(path, lambda plain: plain.update(study="other"))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda path: path.unlink(), "two.json: there is no such file."),
        (lambda path: path.write_text("title: a plan"), "two.json: this is not a results bundle."),
        (lambda path: path.write_bytes(b"\x00"), "two.json: this is not a results bundle."),
        (
            lambda path: path.write_text(path.read_text().replace('"seed": 7', '"seed": 8')),
            "two.json: the hash does not fit; the bundle was changed after it was made.",
        ),
        (_another_study, "One bundle is of the study “small”, the other of “other”."),
    ],
)
def test_compare_refuses_what_cannot_be_compared(impact, twins, spoil, complaint):
    spoil(twins[1])
    assert impact("compare", *twins) == (2, "", complaint + "\n")
    code, out, told = impact("compare", *twins, "--json")
    assert (code, told) == (2, complaint + "\n")
    assert json.loads(out) == {"is_comparable": False, "because": complaint}


@pytest.mark.parametrize("hostile", ["\x1b[2J\x1b]0;owned\x07", "\x9b31m", "a\nb\u202ec"])
def test_names_in_a_bundle_cannot_steer_the_terminal(impact, twins, hostile):
    resealed(twins[1], lambda plain: plain["analyses"][0].update(id=f"p{hostile}"))
    code, out, _ = impact("compare", *twins)
    assert code == 1
    assert not set(out) & set("\x1b\x9b\x07\u202e")
    assert len([line for line in out.splitlines() if line.startswith("b")]) == 0
    resealed(twins[1], lambda plain: plain.update(study=f"other{hostile}"))
    code, _, told = impact("compare", *twins)
    assert (code, set(told) & set("\x1b\x9b\x07\u202e")) == (2, set())


def test_compare_needs_two_bundles_and_says_how_close_is_close(impact):
    assert impact("compare", "one.json")[0] == 2
    code, out, _ = impact("compare", "--help")
    assert code == 0
    assert "one part in 1,000,000" in " ".join(out.split())
    assert "Exit code 0: they agree" in " ".join(out.split())


# Designs


@pytest.mark.row("000-06")
def test_power_of_the_protocol_names_the_reading_and_prints_both(impact):
    words = ("power", "wedge", "--cell-size", 1700, "--baseline", 0.06, "--icc", 0.00722)
    code, out, _ = impact(*words)
    assert code == 0
    assert "total (taken)            0.010476           0.010476" in out
    assert "within                   0.010514           0.010514" in out
    assert "There are only 5 clusters." in out
    found = json.loads(impact(*words, "--effect", "-0.0105", "--json")[1])
    assert found["taken"]["reading"] == "total"
    assert abs(found["taken"]["power"] - 0.8018) < 1e-4
    total, within = found["readings"][:2]
    assert abs(total["smallest_increase"] - 0.010476) < 1e-6
    assert abs(within["smallest_increase"] - 0.010514) < 1e-6
    assert total["cell_size_needed"] < 1700 < within["cell_size_needed"]
    assert (total["copies_needed"], within["copies_needed"]) == (1, 2)


def test_power_reads_a_design_with_gaps(impact):
    Path("design.csv").write_text("0,1,1,1\n0,,1,1\n0,0,0,1\n")
    words = ("power", "wedge", "--design", "design.csv", "--cell-size", 50, "--sd", 10, "--icc", 0.05)
    code, out, _ = impact(*words)
    assert code == 0
    assert "3 clusters and 4 periods, 550 children in all" in out
    assert "Cells without data carry no weight." in out
    Path("design.csv").write_text("0,x\n")
    assert impact(*words)[2].startswith("design.csv: a design has one row for each cluster")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--cell-size", "nan", "--baseline", 0.06, "--icc", 0.01), "“nan” is not a number"),
        (("--cell-size", 100, "--baseline", 6, "--icc", 0.01), "The baseline rate must lie between 0 and 1"),
        (("--cell-size", 100, "--baseline", 0.06, "--icc", 1), "An intracluster correlation must lie from 0"),
        (("--cell-size", 100, "--sd", 2, "--icc", 0.1, "--reading", "mean"), "needs a baseline rate"),
        (("--cell-size", 100, "--sd", 2, "--icc", 0.1, "--clusters", 1), "two clusters or more"),
        (("--cell-size", 100, "--sd", 2, "--icc", 0.1, "--design", "no.csv"), "no.csv: No such file"),
        (("--cell-size", 100, "--icc", 0.1), "--baseline"),
    ],
)
def test_power_refuses(impact, words, complaint):
    code, out, found = impact("power", "wedge", *words)
    assert (code, out) == (2, "")
    assert complaint in found


DID_DESIGN = (
    "--treated", 5, "--controls", 5, "--before", 2, "--after", 1, "--cell-size", 5200, "--icc", 0.01566,
)  # fmt: skip


def test_power_of_a_difference_in_differences_prints_both_ends(impact):
    code, out, _ = impact("power", "did", *DID_DESIGN, "--baseline", 0.04)
    assert code == 0
    assert "a cluster's own effect never changes  1            0.0299      0.59" in out
    assert "it is new in each period              0            0.2732      5.35" in out
    words = (*DID_DESIGN, "--autocorrelation", 0.8, "--effect", 0.13, "--json")
    given, still, new = json.loads(impact("power", "did", *words)[1])["readings"]
    assert given["design"]["autocorrelation"] == 0.8
    assert new["power"] < 0.8 < given["power"] < still["power"]
    assert new["cell_size_needed"] is None
    assert still["cell_size_needed"] < given["cell_size_needed"] < 5200


def test_power_of_a_difference_in_differences_needs_clusters(impact):
    words = [str(word) for word in DID_DESIGN]
    words[words.index("--controls") + 1] = "0"
    assert impact("power", "did", *words)[0] == 2


STRATA = ("--stratum", "high=Walsall,Lancashire", "--stratum", "low=Swindon,Telford,Wandsworth")


def test_randomise_prints_order_seed_and_floor(impact):
    code, out, _ = impact("randomise", *STRATA, "--seed", 20201001)
    assert code == 0
    assert out == impact("randomise", *STRATA, "--seed", 20201001)[1]
    assert "Seed 20201001" in out
    assert "1/12 = 0.0833" in out
    found = json.loads(impact("randomise", *STRATA, "--seed", 20201001, "--json", "--list-orders")[1])
    assert out.startswith(f"Order: {' → '.join(found['order'])}\n")
    assert len(found["allowed"]) == 12
    assert found["allowed"][found["number"] - 1] == found["order"]
    assert json.loads(impact("randomise", *STRATA, "--seed", 20201001, "--json")[1])["allowed"] is None
    listed = impact("randomise", *STRATA, "--seed", 20201001, "--list-orders")[1]
    assert "  12  Walsall → Lancashire → Wandsworth → Telford → Swindon" in listed


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--stratum", "high", "--seed", 1), "“high” is no stratum; write NAME=SITE,SITE."),
        (("--stratum", "a=x", "--stratum", "a=y", "--seed", 1), "The stratum “a” is given twice."),
        (("--stratum", "a=x,x", "--seed", 1), "The site “x” is named twice"),
        (("--stratum", "a=", "--seed", 1), "The stratum “a” must be a list of sites"),
        (("--stratum", "a=x,y", "--seed", "-1"), "The seed must be a whole number from 0"),
        (("--stratum", "a=x,y"), "--seed"),
    ],
)
def test_randomise_refuses(impact, words, complaint):
    code, out, found = impact("randomise", *words)
    assert (code, out) == (2, "")
    assert complaint in found


# Matching


@pytest.fixture
def quarters(tmp_path: Path) -> Path:
    """Thirty authorities over twelve quarters; 002 runs beside 001, which begins in 2016Q3."""
    random = np.random.default_rng(4)
    names = [f"{year}Q{quarter}" for year in (2014, 2015, 2016) for quarter in (1, 2, 3, 4)]
    table = pd.DataFrame(
        random.normal(0, 10, (30, 12)).cumsum(axis=1), [f"{n:03}" for n in range(1, 31)], names
    )
    table.loc["002"] = table.loc["001"] + 30
    path = tmp_path / "quarters.csv"
    table.rename_axis("code").to_csv(path)
    return path


@pytest.mark.row("001-04")
def test_match_ranks_neighbours_and_draws_them(impact, quarters):
    words = (quarters, "--treated", "001=2016Q3", "--treated", "005", "--exclude", "003", "--neighbours", 4)
    code, out, told = impact("match", *words, "--plot", "series.html")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "treated,rank,neighbour,distance,is_tied,n_quarters,n_pool"
    assert len(lines) == 9
    assert lines[1].startswith("001,1,002,")
    assert lines[1].endswith(",no,10,27")
    assert "003 is not in it: is excluded by the protocol." in told
    assert "look at the series" in told
    page = Path("series.html").read_text(encoding="utf-8")
    assert page.count("<img") == 2
    assert "1. 002 (" in page
    assert impact("match", *words, "--out", "near.csv")[:2] == (0, "")
    assert Path("near.csv").read_text().splitlines() == lines


def test_match_compares_the_last_quarters_only(impact, quarters):
    out = impact("match", quarters, "--treated", "001=2016Q3", "--quarters", 8, "--neighbours", 1)[1]
    assert out.splitlines()[1].startswith("001,1,002,")
    assert out.splitlines()[1].endswith(",no,8,29")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--treated", "999"), "The treated authority 999 has no row."),
        (("--treated", "001=2016Q5"), "There is no quarter “2016Q5”. Did you mean “2016Q4”?"),
        (("--treated", "001=2014Q3", "--quarters", 8), "There are only 2 quarters before 001 began."),
        (("--treated", "001", "--exclude", "999"), "The authority 999 is to be left out, but has no row."),
        (("--treated", "001", "--treated", "001"), "The treated authority “001” is given twice."),
        (("--treated", "001", "--quarters", 1), "At least two quarters have to be compared."),
        (("--treated", "001", "--out", "near.txt"), "has to end in .csv"),
    ],
)
def test_match_refuses(impact, quarters, words, complaint):
    code, out, found = impact("match", quarters, *words)
    assert (code, out) == (2, "")
    assert complaint in found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("code,2014Q1,2014Q2\n001,1,x\n", "The quarter “2014Q2” holds something that is not a number."),
        (
            "code,2014Q1,2014Q2\n001,1,\n002,1,2\n003,2,4\n",
            "The series of the treated authority 001 has 1 gaps.",
        ),
        ("code,2014Q1,2014Q2\n,1,2\n001,1,2\n", "“code” is missing in row 1."),
        ("code,2014Q1,2014Q2\n001,1,2\n001,1,2\n", "The authority 001 has more than one row."),
        ("code\n001\n", "there must be a column of codes and two quarters or more"),
        ("", "this is not a CSV file"),
    ],
)
def test_match_refuses_files(impact, text, complaint):
    Path("q.csv").write_text(text)
    code, _, found = impact("match", "q.csv", "--treated", "001")
    assert code == 2
    assert complaint in found


def test_match_without_a_file(impact):
    assert impact("match", "no.csv", "--treated", "1") == (2, "", "no.csv: No such file or directory.\n")


# One model on one file


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("weight", [None, "weight"])
def test_estimate_did_gives_the_four_errors_of_the_library(impact, children, ending, weight):
    path = Path(f"children.{ending}")
    children.to_csv(path, index=False) if ending == "csv" else children.to_parquet(path)
    extra = ("--weight", weight) if weight else ()
    words = ("estimate", path, "--model", "did", *COLUMNS, "--covariates", "age", *extra)
    code, out, _ = impact(*words, "--json")
    assert code == 0
    found = json.loads(out)
    columns = did.Columns("entered", "site", "year", "treated", covariates=("age",), weight=weight)
    expected = did.effect(children, columns).terms["treated"]
    for result, own in zip(found["results"], (expected.crv1, expected.cr2, expected.cv3), strict=False):
        assert result["value"] == pytest.approx(own.value, rel=1e-9)
        assert result["std_error"] == pytest.approx(own.std_error, rel=1e-7)
        assert result["p_value"] == pytest.approx(own.p_value, rel=1e-6)
    assert found["results"][3]["p_value"] == expected.wild.p_value
    assert found["n_rows"] == {"n": 6000, "status": "released"}
    text = impact(*words)[1]
    assert text.startswith("did of “entered” on 6,000 rows in 12 sites.\n")
    assert "treated, wild bootstrap (all sign changes)" in text
    assert "smallest p that the wild bootstrap can give: 0.000488281" in text


def test_estimate_did_sweeps_out_the_effects_of_many_sites(impact):
    random = np.random.default_rng(5)
    site, year = (part.ravel() for part in np.meshgrid(np.arange(320), np.arange(4)))
    treated = ((site % 2 == 0) & (year > 1)).astype(int)
    frame = pd.DataFrame(
        {"site": site, "year": year, "treated": treated, "y": random.normal(0, 1, len(site))}
    )
    frame.to_parquet("many.parquet")
    words = ("--model", "did", "--outcome", "y", *COLUMNS[2:], "--json")
    found = json.loads(impact("estimate", "many.parquet", *words)[1])
    expected = did.effect(frame, did.Columns("y", "site", "year", "treated")).terms["treated"]
    assert found["results"][0]["std_error"] == pytest.approx(expected.crv1.std_error, rel=1e-9)
    assert found["results"][1]["std_error"] == pytest.approx(expected.cr2.std_error, rel=1e-9)


def test_estimate_wedge_logit_is_that_of_the_library(impact, wedged):
    wedged.to_parquet("wedge.parquet")
    words = ("estimate", "wedge.parquet", "--model", "wedge_logit", *COLUMNS, "--covariates", "age")
    code, out, _ = impact(*words, "--json")
    assert code == 0
    found = json.loads(out)["results"]
    rows = wedge.prepare(
        wedged["entered"],
        wedged["site"],
        wedged["year"],
        treated=wedged["treated"],
        covariates=wedged[["age"]],
        names=["age"],
    )
    expected = wedge.immediate(rows)
    assert found[0]["value"] == pytest.approx(expected.effects[0].value, abs=1e-6)
    assert found[1]["value"] == pytest.approx(expected.points[0].value, abs=1e-4)
    assert found[1]["std_error"] == pytest.approx(expected.points[0].std_error, abs=1e-4)
    assert "There are only 4 clusters." in impact(*words)[1]


@pytest.mark.parametrize(
    ("outcome", "unit"), [("entered", "percentage points"), ("days", "units of the outcome")]
)
def test_estimate_wedge_linear_is_that_of_the_library(impact, wedged, outcome, unit):
    wedged.to_csv("wedge.csv", index=False)
    words = ("--model", "wedge_linear", "--outcome", outcome, *COLUMNS[2:], "--json")
    found = json.loads(impact("estimate", "wedge.csv", *words)[1])["results"][0]
    rows = wedge.prepare(wedged[outcome], wedged["site"], wedged["year"], treated=wedged["treated"])
    expected = wedge.immediate(rows, model="linear")
    scale = 100 if outcome == "entered" else 1
    assert found["scale"] == unit
    assert found["value"] == pytest.approx(scale * expected.effects[0].value, rel=1e-5)
    assert found["std_error"] == pytest.approx(scale * expected.effects[0].std_error, rel=1e-5)


def test_estimate_hides_what_rests_on_few_children(impact, children):
    children.assign(entered=(children.index < 8).astype(int)).to_parquet("c.parquet")
    words = ("estimate", "c.parquet", "--model", "did", *COLUMNS)
    out = impact(*words)[1]
    assert "treated, CRV1                               share  [c]" in out
    shown = json.loads(impact(*words, "--json")[1])["results"]
    assert all(result["value"] is None and result["status"] == "hidden" for result in shown)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--covariates", "agee"), "There is no column “agee”. Did you mean “age”?"),
        (("--covariates", "sex"), "“sex” has to be numeric"),
        (("--covariates", "treated"), "The column “treated” is named in two places."),
        (("--weight", "wheight"), "There is no column “wheight”. Did you mean “weight”?"),
        (("--person", "age"), "rows repeat somebody of “age”"),
        (("--post", "age"), "“age” must be 0 or 1"),
        (("--level", "nan"), "“nan” is not a number"),
        (("--level", "95"), "The confidence level must lie between 0 and 1"),
        (("--smallest-count", "1"), "The smallest count must be at least 2."),
    ],
)
def test_estimate_did_refuses(impact, children, words, complaint):
    children.to_parquet("c.parquet")
    code, out, found = impact("estimate", "c.parquet", "--model", "did", *COLUMNS, *words)
    assert (code, out) == (2, "")
    assert complaint in found


@pytest.mark.parametrize("model", ["did", "wedge_logit"])
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"site": None}, "“site” is missing in 1 rows."),
        ({"year": np.nan}, "“year” is missing in 1 rows."),
        ({"treated": np.nan}, "“treated” "),
        ({"treated": 2}, "“treated” must be 0 or 1"),
        ({"entered": np.nan}, "“entered” "),
        ({"age": np.nan}, "“age” is missing in 1 rows."),
        ({"age": np.inf}, "infinite"),
    ],
)
def test_estimate_refuses_a_bad_cell(impact, children, wedged, model, change, complaint):
    frame = (children if model == "did" else wedged).copy()
    [(column, value)] = change.items()
    frame[column] = frame[column].astype(object if value is None else float)
    frame.loc[7, column] = value
    frame.to_parquet("c.parquet")
    code, out, found = impact("estimate", "c.parquet", "--model", model, *COLUMNS, "--covariates", "age")
    assert (code, out) == (2, "")
    assert complaint in found


def test_estimate_refuses_designs_that_cannot_answer(impact, children, wedged):
    children.assign(treated=0).to_parquet("c.parquet")
    assert "No row is treated" in impact("estimate", "c.parquet", "--model", "did", *COLUMNS)[2]
    one = children.assign(treated=((children["site"] == "s00") & (children["year"] > 2017)).astype(int))
    one.to_parquet("c.parquet")
    assert "Only one site is treated" in impact("estimate", "c.parquet", "--model", "did", *COLUMNS)[2]
    back = wedged.assign(treated=((wedged["site"] == "s0") & (wedged["year"] == 2016)).astype(int))
    back.to_parquet("c.parquet")
    assert "is untreated again" in impact("estimate", "c.parquet", "--model", "did", *COLUMNS)[2]
    assert "switches back" in impact("estimate", "c.parquet", "--model", "wedge_logit", *COLUMNS)[2]
    wedged.assign(entered=0).to_parquet("c.parquet")
    assert impact("estimate", "c.parquet", "--model", "wedge_logit", *COLUMNS)[0] == 2
    wedged.to_parquet("c.parquet")
    words = ("estimate", "c.parquet", "--model", "wedge_logit", *COLUMNS)
    assert "must be 0 or 1" in impact(*words[:4], "--outcome", "days", *COLUMNS[2:])[2]
    assert "has no use for “--weight”" in impact(*words, "--weight", "weight")[2]
    assert "“sex” holds text" in impact(*words, "--covariates", "sex")[2]


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet", "table.xlsx"])
def test_estimate_without_a_file(impact, name):
    code, _, complaint = impact("estimate", name, "--model", "did", *COLUMNS)
    assert code == 2
    assert "absent" in complaint or "ending in .parquet or .csv" in complaint


# Bacon


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    """Six sites over six years; two go live in 2017, one in 2018."""
    random = np.random.default_rng(6)
    rows = [(f"s{site}", year) for site in range(6) for year in range(2015, 2021)]
    frame = pd.DataFrame(rows, columns=["site", "year"])
    frame["first"] = frame["site"].map({"s0": 2017, "s1": 2017, "s2": 2018}).fillna(0).astype(int)
    frame["rate"] = random.normal(0, 1, len(frame)) + 2 * (
        (frame["first"] > 0) & (frame["year"] >= frame["first"])
    )
    path = tmp_path / "panel.csv"
    frame.to_csv(path, index=False)
    return path


BACON = ("--outcome", "rate", "--site", "site", "--period", "year", "--first", "first")


def test_bacon_prints_kinds_and_pairs_and_draws_them(impact, panel):
    code, out, _ = impact("bacon", panel, *BACON, "--plot", "bacon.html")
    assert code == 0
    assert "treated untreated  2017          never treated" in out
    assert "already treated" in out
    found = json.loads(impact("bacon", panel, *BACON, "--json")[1])
    assert sum(one["weight"] for one in found["comparisons"]) == pytest.approx(1)
    mean = sum(one["weight"] * one["estimate"] for one in found["comparisons"])
    assert mean == pytest.approx(found["twfe"])
    assert "<img" in Path("bacon.html").read_text(encoding="utf-8")


def test_bacon_refuses(impact, panel):
    assert "Did you mean “first”?" in impact("bacon", panel, *BACON[:-1], "frist")[2]
    assert impact("bacon", "absent.csv", *BACON)[2] == "absent.csv: No such file or directory.\n"
    assert "ends in .csv or .parquet" in impact("bacon", "panel.txt", *BACON)[2]
    frame = pd.read_csv(panel)
    frame.assign(rate=frame["rate"].where(frame.index != 3)).to_csv(panel, index=False)
    code, _, complaint = impact("bacon", panel, *BACON)
    assert code == 2
    assert "“rate” is missing" in complaint
    Path("bad.parquet").write_text("no Parquet")
    assert impact("bacon", "bad.parquet", *BACON)[2] == "bad.parquet: cannot be read.\n"


# Pooling


PAIR = ("--estimate", "trial", "-0.18", "0.057", "--estimate", "did", "-0.25", "0.11")


def test_pool_prints_inputs_weights_and_cautions(impact):
    code, out, _ = impact("pool", *PAIR, "--correlation", 0)
    assert code == 0
    assert "pooled    -0.194817  0.050609 " in out
    assert "a person to judge" in out
    found = json.loads(impact("pool", *PAIR, "--correlation", 0.6, "--json")[1])
    assert {"negative_weight", "outside_inputs"} <= {note["code"] for note in found["notes"]}
    random = json.loads(impact("pool", *PAIR, "--random-effects", "--json")[1])
    assert random["tau_squared"] == 0
    assert "Pooled with random effects, from 2 estimates." in impact("pool", *PAIR, "--random-effects")[1]


def test_pool_takes_results_of_bundles_on_one_scale(impact, ready):
    assert impact(ready, "--data", "data", "--out", "r.json", "--quiet")[0] == 0
    bundle = bundles.read(Path("r.json"))
    points = next(one for one in bundle.analyses[0].results if one.scale == "percentage points")
    words = (
        "pool",
        "--bundle",
        "r.json",
        "primary",
        "--estimate",
        "did",
        "-1.2",
        "0.8",
        "--correlation",
        0.3,
    )
    found = json.loads(impact(*words, "--scale", "percentage points", "--json")[1])
    assert found["inputs"][1]["name"] == "small: primary"
    assert found["inputs"][1]["value"] == pytest.approx(points.value)
    assert "no result in days" in impact(*words, "--scale", "days")[2]
    assert "no standard error" in impact("pool", "--bundle", "r.json", "permutation", "--correlation", 0)[2]
    misspelt = impact("pool", "--bundle", "r.json", "primry", "--correlation", 0)
    assert misspelt[2] == "r.json: there is no analysis “primry”. Did you mean “primary”?\n"
    Path("r.json").write_text(Path("r.json").read_text().replace('"seed": 7', '"seed": 8'))
    assert "the hash does not fit" in impact(*words)[2]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--estimate", "a", "x", "1", "--correlation", 0), "“x” of the estimate “a” is not a number."),
        (("--estimate", "a", "1", "nan", "--correlation", 0), "“nan” of the estimate “a” is not a number."),
        (("--estimate", "a", "1", "0", "--correlation", 0), "Every standard error must be above zero."),
        ((*PAIR, "--correlation", "1"), "No estimates can be correlated in this way"),
        (("--correlation", "0"), "Give at least two estimates"),
        (PAIR, "--correlation"),
        (
            ("--bundle", "absent.json", "primary", "--correlation", "0"),
            "absent.json: there is no such file.",
        ),
    ],
)
def test_pool_refuses(impact, words, complaint):
    code, out, found = impact("pool", *words)
    assert (code, out) == (2, "")
    assert complaint in found


# Costs


COSTS = """
schema: 1
title: An invented programme
on: 2025-06-01
n_years: 4
n_authorities: 2
other:
  - {name: set up, year: 0, pounds: 200, stage: start_up}
benefits:
  - {outcome: looked after, change: -0.01, std_error: 0.004, children_per_year: 100, pounds_per_case: 50}
"""


@pytest.mark.row("000-13")
def test_costs_prints_both_figures(impact):
    Path("costs.yaml").write_text(COSTS)
    code, out, _ = impact("costs", "costs.yaml")
    assert code == 0
    assert "where significant" in out
    assert "overstates them on average" in out
    found = json.loads(impact("costs", "costs.yaml", "--json")[1])
    factors = [1, 1 / 1.035, 1 / 1.035**2, 1 / 1.035**3]
    saved = 0.01 * 100 * 50 * sum(factors)
    assert found["appraisals"]["unconditional"]["net_present_value"] == pytest.approx(saved - 100)
    assert found["appraisals"]["where_significant"]["net_present_value"] == pytest.approx(saved - 100)
    Path("costs.yaml").write_text(COSTS.replace("0.004", "0.04"))
    found = json.loads(impact("costs", "costs.yaml", "--json")[1])
    assert found["appraisals"]["unconditional"]["net_present_value"] == pytest.approx(saved - 100)
    assert found["appraisals"]["where_significant"]["net_present_value"] == -100


def test_costs_takes_staff_time_and_training(impact):
    items = """
staff: [{role: social worker, year: 1, hours: 10, pounds_per_hour: 30, on_costs_share: 0.2}]
training: [{course: two days, year: 0, n_people: 4, days_each: 2, pounds_per_day: 100, fees_pounds: 40}]
"""
    Path("costs.yaml").write_text(COSTS + items)
    found = json.loads(impact("costs", "costs.yaml", "--json")[1])["costs"]
    assert found["by_year"] == pytest.approx([100 + 420, 180, 0, 0])
    assert found["by_kind"] == pytest.approx({"staff": 180, "training": 420, "start_up": 100, "recurring": 0})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("n_years", "n_year"), "costs.yaml, line 5, n_year: there is no such key. Did you mean “n_years”?"),
        (("0.004", ".nan"), "line 10, benefits.0.std_error: "),
        (("0.004", "0"), "line 10, benefits.0.std_error: "),
        (("-0.01", "-3"), "The effect must be a change in a probability"),
        (("year: 0", "year: 9"), "“set up” falls in year 9, outside years 0 to 3."),
        (
            ("pounds: 200", "pounds: -200"),
            "“set up” has an amount, count or rate that is missing or below zero.",
        ),
        (("on: 2025-06-01", "on: 1999-06-01"), "There are no discount rates for 1 June 1999"),
    ],
)
def test_costs_refuses(impact, change, complaint):
    Path("costs.yaml").write_text(COSTS.replace(*change))
    code, out, found = impact("costs", "costs.yaml")
    assert (code, out) == (2, "")
    assert complaint in found


def test_costs_without_a_file(impact):
    assert impact("costs", "absent.yaml")[0] == 2


def test_what_check_wants_is_what_the_simulator_makes():
    """The list of columns that `check` looks for goes stale with neither the outcomes nor the simulator."""
    from impact.commands.needed import BY_CODING

    tables: dict[str, Any] = simulator.make(simulator.stepped_wedge(n_children=200), seed=1)
    for needs in BY_CODING.values():
        for table, columns in needs:
            assert set(columns) <= set(tables[table].columns), table


def _piped(*words: str, **more: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "impact", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **more,
    )


def test_output_is_utf_8_whatever_the_pipe_is():
    with _piped(
        "randomise", *STRATA, "--seed", "1", env={**os.environ, "PYTHONIOENCODING": "ascii"}
    ) as found:
        out, complaint = found.communicate()
    assert (found.returncode, complaint) == (0, b"")
    assert "→" in out.decode("utf-8")


def test_a_reader_that_goes_away_is_no_error():
    strata = "s=" + ",".join("abcdefg")  # 5,040 orders, more than a pipe holds
    with _piped("randomise", "--stratum", strata, "--seed", "1", "--list-orders") as found:
        found.stdout.readline()
        found.stdout.close()
        assert found.stderr.read() == b""
    assert found.returncode == 0


@pytest.mark.row("ST-08")
@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, "–"), (math.nan, "–"), (0.0, "0"), (-0.0, "0"), (1234, "1,234"), (1234.5, "1,234.5"),
        (1234567890123, "1,234,567,890,123"), (33991420209.04, "33,991,400,000"), (33991420209.1, "33,991,400,000"),
        (999_999.6, "1,000,000"), (1e15, "1e+15"), (math.inf, "inf"),
    ],
)  # fmt: skip
def test_measured_number_has_six_digits_and_a_count_all(value, printed):
    assert printing.number(value) == printed
