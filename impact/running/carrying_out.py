"""From a plan and its data to a results bundle."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impact import bundles, multiplicity, plans
from impact.bundles import Analysis, Bundle, Figures
from impact.errors import ImpactError
from impact.plans import AnalysisPlan, OutcomePlan, Plan
from impact.running.answering import Answer, answer
from impact.running.inputs import Inputs
from impact.running.samples import Sample, drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["run"]

LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels", "pyarrow", "duckdb")
MANY_SITES = 8  # from which trends are drawn for two groups instead of each site


def run(plan_path: Path, data_folder: Path, *, say: Callable[[str], None] | None = None) -> Bundle:
    """Carry out every analysis of the plan in its order.

    An analysis that cannot be estimated is in the bundle with its reason; the others go on. `say` is told what is being
    done. Raises BadDocument for a faulty plan, and BadData where the tables themselves cannot be read.
    """
    plan = plans.read(plan_path)
    inputs = Inputs(plan, plan_path.parent, data_folder)
    outcomes = {outcome.id: outcome for outcome in plan.outcomes}
    made: list[Analysis] = []
    samples: dict[str, bundles.Sample] = {}
    for analysis in plan.analyses:
        for outcome in (outcomes[name] for name in analysis.outcomes):
            if say:
                say(f"{analysis.id}: {outcome.id}")
            made.append(_one(plan, inputs, analysis, outcome, samples))
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
        samples=tuple(samples.values()),
        analyses=tuple(made),
        multiplicity=_adjusted(plan, made),
    ).sealed()


def _versions() -> dict[str, str]:
    found = {}
    for name in ("ipe", *LIBRARIES):
        try:
            found["impact" if name == "ipe" else name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found["impact" if name == "ipe" else name] = "development"
    return found


def _one(
    plan: Plan,
    inputs: Inputs,
    analysis: AnalysisPlan,
    outcome: OutcomePlan,
    samples: dict[str, bundles.Sample],
) -> Analysis:
    smallest = plan.smallest_count
    specification: dict[str, str | float | bool | None] = {
        name: value
        for name, value in analysis.model_dump(mode="json").items()
        if name in {"effect", "treatment", "leave_out_embedding", "covariates", "matched", "nodes"}
    }
    specification["leave_out_sites"] = ", ".join(analysis.leave_out_sites) or None
    try:
        sample = drawn(inputs, outcome, analysis)
        found = answer(sample, analysis, inputs)
    except ImpactError as error:
        nobody = bundles.count(0, smallest)
        return _analysis(analysis, outcome, specification, nobody, failed=str(error))
    samples.setdefault(
        outcome.id,
        bundles.Sample(
            outcome=outcome.id,
            n=bundles.count(sample.frame["child"].nunique(), smallest),
            left_out={why: bundles.count(n, smallest) for why, n in sample.left_out.items()},
        ),
    )
    return _analysis(
        analysis,
        outcome,
        specification,
        bundles.count(len(sample.frame), smallest),
        n_clusters=found.n_clusters,
        results=_results(sample, found, smallest),
        diagnostics=bundles.diagnostics({**sample.diagnostics, **found.diagnostics}),
        figures=(*_figures(sample, analysis, smallest), *sample.figures, *found.figures),
        notes=bundles.remarks((*sample.notes, *found.notes)),
    )


def _analysis(
    analysis: AnalysisPlan,
    outcome: OutcomePlan,
    specification: dict[str, str | float | bool | None],
    n_rows: bundles.Count,
    *,
    n_clusters: int = 0,
    results: tuple[bundles.Result, ...] = (),
    **more: Any,
) -> Analysis:
    return Analysis(
        id=analysis.id,
        role=analysis.role,
        outcome=outcome.id,
        model=analysis.model,
        specification=specification,
        n_rows=n_rows,
        n_clusters=n_clusters,
        results=results,
        **more,
    )


def _results(sample: Sample, found: Answer, smallest: int) -> tuple[bundles.Result, ...]:
    base = min(_bases(sample.frame, sample.outcome.is_binary))
    return tuple(
        bundles.result(estimate, scale=scale, base=base, smallest=smallest)
        for estimate, scale in found.results
    )


def _bases(frame: pd.DataFrame, is_binary: bool) -> Iterator[int]:
    """Sizes of the groups that a comparison tells of: treated and not, and among them with the outcome and not."""
    for _, part in frame.groupby("treated"):
        yield len(part)
        if is_binary:
            yield int(part["value"].sum())
            yield int(len(part) - part["value"].sum())


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
        n, events = len(part), float(part["value"].sum())
        is_small = n < smallest or (is_binary and min(events, n - events) < smallest)
        value = None if is_small else float(part["value"].mean()) * (100 if is_binary else 1)
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
