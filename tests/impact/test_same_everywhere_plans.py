"""Every shipped plan says the same with rows and columns in another order, with one thread, and with other last digits.

The same verdicts, statuses and notes, the same printed text of command and report, and numbers that agree as `impact compare` has
it. What another processor does to the last digits, threads and moved data do here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import threadpoolctl
import yaml

from impact import bundles, plans, running, simulator, site_periods
from impact.commands import main
from impact.comparison import compare
from tests.impact.same import moved, shuffled, turned
from tests.impact.test_running import PLAN, analysis, folder

SHIPPED = Path(running.__file__).parents[1] / "shipped"
# Children and a rate of care at which nearly every analysis has an answer.
SIZES = {
    "family-safeguarding-trial": (3_000, 0.15),
    "family-valued-did": (4_000, 0.12),
    "signs-of-safety-did": (3_000, 0.30),
}
# Numbers that are neither counts nor dates, nor a yes or no.
MEASURED = {"site_months": ["caseload", "share_free_meals", "share_white_british"]}
# Dozens of terms with four errors each take half of that plan's time: they are in the whole plans alone, and the questions in
# tests/impact/test_same_everywhere_draws.py.
LONG = {"time-since", "leads-and-lags"}
Tables = dict[str, pd.DataFrame]


def _each(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Tables], Tables]:
    return lambda tables: {name: change(table) for name, table in tables.items()}


def _last_digits(tables: Tables) -> Tables:
    return {name: moved(table, MEASURED.get(name, [])) for name, table in tables.items()}


ALIKE: dict[str, tuple[Callable[[Tables], Tables], int]] = {
    "rows": (_each(shuffled), 2),
    "columns": (_each(turned), 2),
    "one thread": (_each(lambda table: table), 1),
    "last digits": (_last_digits, 2),
}


def _all_at_once(tables: Tables) -> Tables:
    return {name: shuffled(turned(table), seed=3) for name, table in _last_digits(tables).items()}


@dataclass(frozen=True)
class Told:
    """What a run left: the bundle, what the command printed, and the report; hashes are not the same for other files."""

    code: int
    bundle: bundles.Bundle
    printed: str
    report: str


def _kinds(text: str) -> str:
    """The plan with one analysis of each kind of question, with at most two outcomes; two imputations do for a test."""
    plan = yaml.safe_load(text.replace("imputations: 5", "imputations: 2"))
    asked, kept = set(), []
    for one in plan["analyses"]:
        kind = tuple(str(one.get(key)) for key in ("model", "effect", "treatment", "site_effects", "score"))
        if kind not in asked and not (one["id"] in LONG and one.get("model") == "did"):
            asked.add(kind)
            kept.append(one | {"outcomes": one["outcomes"][-2:]})
    named = {one["id"] for one in kept}
    plan["analyses"] = kept
    if "multiplicity" in plan:
        plan["multiplicity"]["analyses"] = [a for a in plan["multiplicity"]["analyses"] if a in named]
    return yaml.safe_dump(plan, sort_keys=False, allow_unicode=True)


def _invented(name: str) -> Tables:
    plan, sites = (
        plans.read(SHIPPED / name / "plan.yaml"),
        site_periods.read(SHIPPED / name / "sites.yaml"),
    )
    n_children, rate = SIZES[name]
    study = simulator.of_plan(plan, sites, n_children=n_children, base_rate=rate)
    return simulator.make(study, seed=1)


def _run(
    at: Path, name: str, tables: Tables, threads: int, capsys: pytest.CaptureFixture[str], *, whole: bool
) -> Told:
    at.mkdir(parents=True)
    shutil.copy(SHIPPED / name / "sites.yaml", at)
    text = (SHIPPED / name / "plan.yaml").read_text("utf-8")
    (at / "plan.yaml").write_text(text if whole else _kinds(text), encoding="utf-8")
    simulator.save(tables, at / "data")
    out, report = at / "results.json", at / "report.html"
    words = ["run", at / "plan.yaml", "--data", at / "data", "--out", out, "--report", report, "--quiet"]
    with threadpoolctl.threadpool_limits(threads):
        code = main([str(word) for word in words])
    printed = capsys.readouterr().out.replace(str(at), "")
    page = re.sub(r"base64,[A-Za-z0-9+/=]+", "", report.read_text("utf-8"))
    # What another file or another moment changes by right.
    other = r"\b[0-9a-f]{64}\b|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    return Told(code, bundles.read(out), re.sub(other, "…", printed), re.sub(other, "…", page))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The run that the others are held against, one of each plan, made when it is asked for."""
    made: dict[tuple[str, bool], tuple[Tables, Told]] = {}

    def once(name: str, capsys: pytest.CaptureFixture[str], *, whole: bool) -> tuple[Tables, Told]:
        if (name, whole) not in made:
            tables = _invented(name)
            folder = tmp_path_factory.mktemp("first") / name
            made[name, whole] = tables, _run(folder, name, tables, 2, capsys, whole=whole)
        return made[name, whole]

    return once


def _hold(one: Told, other: Told) -> None:
    found = compare(one.bundle, other.bundle)
    assert found.differences == ()
    assert {given.name.partition(":")[0] for given in found.inputs} <= {"data"}
    assert found.n_numbers > 100
    assert other.code == one.code
    assert other.printed == one.printed
    assert other.report == one.report


# The two with pairs of sites take half a minute each, most of it for matching and for the pictures of the report.
LANDS = pytest.mark.slow(lands=True)


@pytest.mark.row("ST-12")
@pytest.mark.parametrize(
    "name", [name if "trial" in name else pytest.param(name, marks=LANDS) for name in SIZES]
)
def test_every_kind_of_analysis_of_a_shipped_plan_says_the_same(first, name, tmp_path, capsys):
    tables, one = first(name, capsys, whole=False)
    answered = [analysis for analysis in one.bundle.analyses if not analysis.failed]
    assert len(answered) > 0.8 * len(one.bundle.analyses)
    _hold(one, _run(tmp_path / name, name, _all_at_once(tables), 1, capsys, whole=False))


@pytest.mark.slow  # each plan in full five times, which takes minutes
@pytest.mark.parametrize("change", list(ALIKE))
@pytest.mark.parametrize("name", list(SIZES))
def test_a_whole_shipped_plan_says_the_same(first, name, change, tmp_path, capsys):
    tables, one = first(name, capsys, whole=True)
    alter, threads = ALIKE[change]
    _hold(one, _run(tmp_path / name, name, alter(tables), threads, capsys, whole=True))


def test_every_shipped_plan_is_held():
    assert set(SIZES) == {path.name for path in SHIPPED.iterdir() if path.is_dir()}


def test_rows_that_differ_only_beside_their_keys_give_the_same_in_any_order(tmp_path):
    """Two episodes on the same days with other placements, two referrals on one day with other needs, needs as frequent."""
    text = PLAN.replace("{name: sex, kind: category}", "{name: main_need, kind: category, of: referral}")
    text += analysis(id="kin", role="secondary", outcomes="[kinship]", model="did_logit")
    found = []
    for seed in (None, 1, 2):
        at = folder(tmp_path / str(seed), text=text, n_children=1_200)
        tables = {path.stem: pd.read_parquet(path) for path in (at / "data").iterdir()}
        care, referrals = tables["care"], tables["referrals"]
        other = care["placement"].map({"U1": "K2", "U3": "U6", "U6": "U1", "K2": "U3"})
        tables["care"] = pd.concat([care, care.assign(placement=other)])
        turn = referrals["main_need"].map({"disability": "dysfunction"}).fillna("disability")
        tables["referrals"] = pd.concat([referrals, referrals.assign(main_need=turn)])
        if seed is not None:
            tables = {name: shuffled(table, seed=seed) for name, table in tables.items()}
        simulator.save(tables, at / "data")
        found.append(running.run(at / "plan.yaml", at / "data"))
    assert [one.failed for one in found[0].analyses] == [None, None]
    assert [one.analyses for one in found[1:]] == [found[0].analyses] * 2
