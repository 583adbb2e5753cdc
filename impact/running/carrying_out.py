"""From a plan and its data to a results bundle."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import math
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from impact import bundles, multiplicity, plans
from impact.bundles import Analysis, Bundle, Count, Figures
from impact.errors import ImpactError
from impact.estimate import Note
from impact.plans import AnalysisPlan, OutcomePlan, Plan
from impact.running.answering import answer
from impact.running.answers import Answer, base_of
from impact.running.inputs import Inputs
from impact.running.samples import Sample, drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["run"]

LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels", "pyarrow", "duckdb")
MANY_SITES = 8  # from which trends are drawn for two groups instead of each site


def run(plan_path: Path, data_folder: Path, *, say: Callable[[str], None] | None = None) -> Bundle:
    """Carry out every analysis of the plan in its order.

    An analysis that cannot be estimated is in the bundle with its reason; the others go on. `say` is told what is being
    done. Raises BadDocument for a faulty plan or file of site periods; BadData where the tables of children or referrals
    cannot be read, and for a site of the plan or of the data that the file of site periods lacks.
    """
    plan = plans.read(plan_path)
    inputs = Inputs(plan, plan_path.parent, data_folder)
    outcomes = {outcome.id: outcome for outcome in plan.outcomes}
    made: list[Analysis] = []
    samples: dict[str, Sample] = {}
    sizes: list[int] = []
    for analysis in plan.analyses:
        for outcome in (outcomes[name] for name in analysis.outcomes):
            if say:
                say(f"{analysis.id}: {outcome.id}")
            one, sample = _one(plan, inputs, analysis, outcome)
            made.append(one)
            if sample is not None:
                samples.setdefault(outcome.id, sample)
            sizes.append(0 if sample is None else len(sample.frame))
    smallest = plan.smallest_count
    children = {name: int(sample.frame["child"].nunique()) for name, sample in samples.items()}
    # Sizes that are nearly alike would give away a small count by subtraction.
    may_leave = bundles.unlike([*children.values(), *sizes], smallest)
    made = [
        one.model_copy(update={"n_rows": _size(n, smallest, may_leave)})
        for one, n in zip(made, sizes, strict=True)
    ]
    return Bundle(
        study=plan.study,
        title=plan.title,
        plan_sha256=plan.sha256,
        registered_sha256=plan.registration.sha256 if plan.registration else None,
        readings=tuple(reading.model_dump(mode="json") for reading in plan.readings),
        deviations=tuple(deviation.model_dump(mode="json") for deviation in plan.deviations),
        seed=plan.seed,
        software={"python": platform.python_version(), **_versions()},
        data=dict(sorted(inputs.hashes.items())),
        smallest_count=plan.smallest_count,
        samples=tuple(
            bundles.Sample(
                outcome=name,
                n=_size(children[name], smallest, may_leave),
                left_out=_left_out(sample, smallest),
            )
            for name, sample in samples.items()
        ),
        analyses=tuple(made),
        multiplicity=_adjusted(plan, made),
    ).sealed()


def _versions() -> dict[str, str]:
    """Of `impact` and its libraries. From a folder that is not installed no version says what ran: its source does."""
    try:
        own = importlib.metadata.version("ipe")
    except importlib.metadata.PackageNotFoundError:
        own = f"development, source {_source()}"
    return {"impact": own, **{name: importlib.metadata.version(name) for name in LIBRARIES}}


@functools.cache
def _source() -> str:
    """The beginning of a hash over the source of `impact` and `exports`, whatever ends its lines."""
    root = Path(__file__).parents[2]
    whole = hashlib.sha256()
    for path in sorted(path for package in ("impact", "exports") for path in (root / package).rglob("*.py")):
        whole.update(path.relative_to(root).as_posix().encode() + b"\n")
        whole.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return whole.hexdigest()[:12]


def _size(n: int, smallest: int, may_leave: set[int]) -> Count:
    found = bundles.count(n, smallest)
    return found if found.n is None or n in may_leave else Count(n=None, status="hidden")


def _left_out(sample: Sample, smallest: int) -> dict[str, Count]:
    """Who was left out. Where one count is hidden, so is the next larger one: a total elsewhere would give away a single one."""
    found = {why: bundles.count(n, smallest) for why, n in sample.left_out.items()}
    hidden = [why for why, one in found.items() if one.n is None]
    rest = sorted((n, why) for why, n in sample.left_out.items() if n and why not in hidden)
    if len(hidden) == 1 and rest:
        found[rest[0][1]] = Count(n=None, status="hidden")
    return found


def _one(
    plan: Plan, inputs: Inputs, analysis: AnalysisPlan, outcome: OutcomePlan
) -> tuple[Analysis, Sample | None]:
    """The analysis as it stands in the bundle, its size still open, and the sample if there was one."""
    smallest, sample = plan.smallest_count, None
    common: dict[str, Any] = {
        "id": analysis.id,
        "role": analysis.role,
        "outcome": outcome.id,
        "model": analysis.model,
        "specification": _specification(analysis),
        "n_rows": bundles.count(0, smallest),
    }
    try:
        sample = drawn(inputs, outcome, analysis)
        found = answer(sample, analysis, inputs)
    except ImpactError as error:
        reason = str(error)
    except np.linalg.LinAlgError as error:
        # One that our own judgements have let through: the others must not be lost over it, and nobody may take it for theirs.
        reason = f"The program failed here ({error}), which says nothing about the data. Please report it to its makers."
    else:
        is_binary = sample.outcome.is_binary
        base = min(base_of(part, is_binary=is_binary) for _, part in sample.frame.groupby("treated"))
        diagnostics, figures = {**sample.diagnostics, **found.diagnostics}, (*sample.figures, *found.figures)
        if base < smallest:  # what hangs on the estimate goes with it
            diagnostics, figures = dict.fromkeys(diagnostics), ()
        told = Analysis(
            **common,
            n_clusters=found.n_clusters,
            results=_results(found, base, smallest),
            diagnostics=bundles.diagnostics(diagnostics),
            figures=(*_figures(sample, analysis, smallest), *figures),
            notes=_notes((*sample.notes, *found.notes), smallest),
        )
        return told, sample
    n_clusters = 0 if sample is None else sample.frame["site"].nunique()
    notes = _notes(sample.notes, smallest) if sample else ()
    reason = _discreet(reason, smallest)
    return Analysis(**common, n_clusters=n_clusters, results=(), notes=notes, failed=reason), sample


def _notes(notes: Sequence[Note], smallest: int) -> tuple[bundles.Remark, ...]:
    return bundles.remarks(Note(note.code, _discreet(note.text, smallest)) for note in notes)


def _discreet(text: str, smallest: int) -> str:
    """Words that leave the lab: without small counts of people, and without rows of the data."""

    def shown(found: re.Match[str]) -> str:
        return "a few" if 0 < int(found[1].replace(",", "")) < smallest else found[0]

    text = re.sub(r",? first (in )?row \d+", "", text)
    return re.sub(
        r"\b(\d[\d,]*)(?= (?:of \d[\d,]* )?(?:treated )?(?:rows|children|referrals)\b)", shown, text
    )


def _specification(analysis: AnalysisPlan) -> dict[str, str | float | bool | None]:
    """What was chosen, without what stands elsewhere and what this model does not read."""
    found = analysis.model_dump(mode="json", exclude={"id", "role", "outcomes", "model"})
    found["leave_out_sites"] = ", ".join(analysis.leave_out_sites) or None
    found["covariates"] = analysis.has_covariates
    return found


def _results(found: Answer, base: int, smallest: int) -> tuple[bundles.Result, ...]:
    return tuple(
        bundles.result(
            line.estimate,
            scale=line.scale,
            error=line.error,
            base=base if line.base is None else min(base, line.base),
            smallest=smallest,
        )
        for line in found.lines
    )


def _figures(sample: Sample, analysis: AnalysisPlan, smallest: int) -> tuple[Figures, ...]:
    """The outcome by period, with the primary analysis: of each site, or of treated and comparison sites if there are many."""
    if analysis.role != "primary":
        return ()
    frame, is_binary = sample.frame, sample.outcome.is_binary
    group = frame["site"].astype(str)
    if group.nunique() > MANY_SITES:
        group = frame["first"].notna().map({True: "sites that go live", False: "comparison sites"})
    rows = []
    for key, part in frame.groupby([group, frame["period"]]):
        name, period = str(key[0]), float(str(key[1]))
        is_small = base_of(part, is_binary=is_binary) < smallest
        mean = float(part["value"].mean()) * (100 if is_binary else 1)
        value = None if is_small else bundles.kept(mean)
        rows.append((name, period, value))
    return (Figures(kind="trends", columns=("group", "period", "value"), rows=tuple(rows)),)


def _adjusted(plan: Plan, made: list[Analysis]) -> dict[str, float | None]:
    """Hochberg over the first result of each analysis that the plan names; one without a p counts in the family."""
    if plan.multiplicity is None:
        return {}
    family = [one for one in made if one.id in plan.multiplicity.analyses]
    known = {
        f"{one.id}: {one.outcome}": one.results[0].p_value
        for one in family
        if one.results and one.results[0].p_value is not None
    }
    if not known:
        return {}
    found = multiplicity.hochberg(
        [p if p is not None else math.nan for p in known.values()], list(known), family_size=len(family)
    )
    return dict(zip(found.names, found.adjusted, strict=True))
