"""Matched children of treated sites and their comparison sites, with weights and what the matching did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from impact import coarsening
from impact.bundles import Figures, kept
from impact.errors import BadData
from impact.estimate import Note
from impact.plans import Covariate, Matching
from impact.running.inputs import Inputs
from impact.running.joining import joined
from impact.ties import is_nil

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Pairs", "paired"]


@dataclass(frozen=True)
class Pairs:
    """`frame` has the columns `pair` (the treated site), `post` (after its start) and `weight`; one row a child and pair."""

    frame: pd.DataFrame
    n_lost: int
    diagnostics: dict[str, float | str | None]
    figures: tuple[Figures, ...]
    notes: tuple[Note, ...]


def paired(
    frame: pd.DataFrame, outcome: str, inputs: Inputs, *, left_out: Collection[str], settles: bool
) -> Pairs:
    """Match children exactly on coarsened columns within pairs of sites and times, as the plan says.

    A comparison site of two treated sites stands in both pairs, as matching with replacement wants it. Children are
    matched once, also where an outcome has several rows of each. Sites of the pairs that are absent are noted, but for
    those `left_out` on purpose. With `settles`, the embedding window of a treated site is
    the time in which it settles in: its comparison sites lose that time too, and `post` begins after it. Raises BadData
    for an outcome without pairs.
    """
    plan = inputs.plan.matching
    assert plan is not None  # a plan without it has no matched analysis
    stacked = _stacked(frame, outcome, plan, inputs, settles)
    notes: tuple[Note, ...] = ()
    absent = sorted(_all(plan.of(outcome)) - set(frame["site"]) - set(left_out))
    if absent:
        text = f"Nobody in the sample is from these matched sites: {', '.join(absent)}."
        notes = (*notes, Note("sites_absent", text))
    people = stacked.drop_duplicates(["pair", "child"]).reset_index(drop=True)
    people = joined(people, inputs, [Covariate(name=name, kind="number") for name in plan.columns])
    is_treated, keys = people["is_treated_site"], _keys(people, plan)
    found = coarsening.match(
        is_treated, keys, within=people[["pair", "when"]], cutpoints=plan.cutpoints, rule="exact"
    )
    weight = people[["pair", "child"]].assign(weight=found.weights)
    kept = stacked.merge(weight, on=["pair", "child"])
    kept = kept[kept["weight"] > 0].drop(columns=["is_treated_site", "when"]).reset_index(drop=True)
    diagnostics, figures = _told(is_treated, keys, found, inputs.plan.smallest_count)
    n_lost = int((found.weights == 0).sum())
    return Pairs(kept, n_lost, diagnostics, figures, (*notes, *found.notes))


def _stacked(
    frame: pd.DataFrame, outcome: str, plan: Matching, inputs: Inputs, settles: bool
) -> pd.DataFrame:
    import pandas as pd

    pairs = plan.of(outcome)
    if not pairs:
        raise BadData(f"The plan has no matched sites for the outcome “{outcome}”.")
    there, parts = set(frame["site"]), []
    for site, others in pairs.items():
        live = inputs.sites.site(site).live.used
        if live is None:
            raise BadData(f"The plan pairs the site “{site}”, but it has no live date.")
        if wrong := [code for code in others if inputs.sites.site(code).live.used]:
            raise BadData(f"“{wrong[0]}” goes live itself, so it is no comparison for “{site}”.")
        if site not in there or not there & set(others):
            continue
        part = frame[frame["site"].isin([site, *others])]
        window = inputs.sites.site(site).embedding
        if settles and window:
            inside = part["referred_on"].between(
                pd.Timestamp(window.from_), pd.Timestamp(window.until), inclusive="left"
            )
            part, live = part[~inside], max(live, window.until)
        post = (part["referred_on"] >= pd.Timestamp(live)).astype(float)
        year = part["referred_on"].dt.year - (part["referred_on"].dt.month < 4)
        when = {"period": part["period"], "financial_year": year, "before_and_after": post}[plan.within]
        treated = (part["site"] == site).astype(float)
        parts.append(part.assign(pair=site, post=post, when=when, is_treated_site=treated))
    if not parts:
        raise BadData(f"The data hold no pair of matched sites for the outcome “{outcome}”.")
    return pd.concat(parts, ignore_index=True)


def _all(pairs: Mapping[str, Sequence[str]]) -> set[str]:
    return {code for site, others in pairs.items() for code in (site, *others)}


def _keys(people: pd.DataFrame, plan: Matching) -> pd.DataFrame:
    """The columns to match on. What was not recorded is a category, except where cutpoints want a number."""
    keys = people[list(plan.columns)].copy()
    for name in keys:
        if keys[name].isna().any():
            if name in plan.cutpoints:
                raise BadData(f"“{name}” is missing for some children, and has cutpoints to be matched by.")
            keys[name] = keys[name].astype(object).where(keys[name].notna(), "Missing")
        if keys[name].dtype == object:
            keys[name] = keys[name].astype(str)
    return keys


def _told(
    is_treated: pd.Series, keys: pd.DataFrame, found: coarsening.Matched, smallest: int
) -> tuple[dict[str, float | str | None], tuple[Figures, ...]]:
    """Shares, imbalance on the columns as they are (not coarsened), and the balance of each column or category."""
    import pandas as pd

    wide = pd.DataFrame(
        {
            label: column
            for name in keys
            for label, column in (
                ((name, keys[name].astype(float)),)
                if pd.api.types.is_numeric_dtype(keys[name])
                else (
                    (f"{name}: {word}", (keys[name] == word).astype(float))
                    for word in sorted(keys[name].unique())
                )
            )
        }
    )
    before = coarsening.balance(is_treated, wide)
    after = coarsening.balance(is_treated, wide, weights=found.weights)
    rows = tuple(
        (one.name, _finite(one.standardised_difference), _finite(two.standardised_difference))
        for one, two in zip(before, after, strict=True)
    )
    first, then = (coarsening.imbalance(is_treated, keys, weights=w) for w in (None, found.weights))
    told: dict[str, float | str | None] = {
        "children of treated sites matched, percent": _share(
            found.n_matched_treated, found.n_treated, smallest
        ),
        "children of comparison sites matched, percent": _share(
            found.n_matched_controls, found.n_controls, smallest
        ),
        "L1 before matching": first.l1,
        "L1 after matching": then.l1,
        "local common support before, percent": first.local_common_support_percent,
        "local common support after, percent": then.local_common_support_percent,
    }
    return told, (Figures(kind="balance", columns=("covariate", "before", "after"), rows=rows),)


def _finite(value: float) -> float | None:
    """In standard deviations; what is left of nil is nil."""
    return 0.0 if is_nil(value, size=1.0) else kept(value)


def _share(n: int, total: int, smallest: int) -> float | None:
    """In percent; nothing where it would give away how few there are on either side."""
    is_small = 0 < n < smallest or 0 < total - n < smallest
    return None if is_small else 100 * n / total
