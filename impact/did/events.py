"""Leads and lags of treatment: were trends equal before, and when does the effect come?"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from impact.clusters import ErrorTable, WaldTest, joint
from impact.columns import named
from impact.did.answers import Did, answer
from impact.did.design import Columns, since_start, treatment
from impact.errors import BadData, NotIdentified
from impact.estimate import Note

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EventStudy", "event_study"]

SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class EventStudy(Did):
    """Leads and lags; `leads_test` is joint over the leads (None where they outnumber what clusters allow)."""

    leads_test: WaldTest | None
    n_leads: int
    n_insignificant_leads: int


def event_study(
    frame: pd.DataFrame,
    columns: Columns,
    *,
    first: str,
    n_leads: int,
    n_lags: int,
    reference: int = -1,
    seed: int = 0,
) -> EventStudy:
    """y = Σ_k β_k 1[t - first = k] + x'γ + site + period effects, k ≠ `reference`: leads test for equal trends.

    `first` holds the first treated period, missing for comparators; k counts periods that occur in the data. The
    outer terms take in everything beyond them. Times k at which no treated site is observed, such as a settling-in
    time left out, are passed over with a note; the reference must lie before them. The Signs of Safety evaluation
    (2020, appendix 10) took equal trends as given where most leads are insignificant at 5%: that count (CR2) is
    returned beside the joint test. With staggered starts a lead mixes in other cohorts' effects (Sun and Abraham
    2021): compare `sun_abraham`.

    Raises as `effect`; BadData for no lead beside the reference or no lag; NotIdentified where no treated site is
    observed at the reference or at an outer term.
    """
    if n_leads < 2 or n_lags < 0 or not -n_leads < reference < 0:
        raise BadData("An event study needs a reference before the start, a lead before that, and lag 0.")
    d = treatment(frame, columns)
    since, is_ever = since_start(frame, columns, first)
    clipped = np.clip(since, -n_leads, n_lags)
    at = {k: (is_ever & (clipped == k)).astype(float) for k in range(-n_leads, n_lags + 1)}
    unseen = [k for k, values in at.items() if not values.any()]
    for k in {-n_leads, n_lags, reference} & set(unseen):
        name = _event_name(k, n_leads, n_lags)
        raise NotIdentified(
            f"No treated site is observed at {name}: ask for fewer, or for another reference."
        )
    terms = {_event_name(k, n_leads, n_lags): at[k] for k in at if k != reference and k not in unseen}
    found = answer("event study", frame, replace(columns, post=None), terms, d, seed=seed)
    leads = [name for name in terms if name.startswith("lead")]
    notes, test = list(found.notes), None
    try:
        test = joint(found.fitted, leads)
    except NotIdentified as error:
        notes.append(Note("leads_untested", str(error)))
    if unseen:
        shown = ", ".join(_event_name(k, n_leads, n_lags) for k in unseen)
        notes.append(Note("unobserved_times", f"No treated site is observed at {shown}."))
    if named(frame, first).nunique() > 1:
        text = (
            "Starts are staggered: a lead or lag mixes in other cohorts' effects. Compare Sun and Abraham's."
        )
        notes.append(Note("staggered_leads", text))
    shared = {f.name: getattr(found, f.name) for f in fields(Did)} | {"notes": tuple(notes)}
    n_quiet = sum(not _is_significant(found.terms[name]) for name in leads)
    return EventStudy(**shared, leads_test=test, n_leads=len(leads), n_insignificant_leads=n_quiet)


def _event_name(k: int, n_leads: int, n_lags: int) -> str:
    beyond = "+" if k in (-n_leads, n_lags) else ""
    return f"lead {-k}{beyond}" if k < 0 else f"lag {k}{beyond}"


def _is_significant(table: ErrorTable) -> bool:
    """By CR2, or where it does not exist by CRV1."""
    p = table.crv1.p_value if math.isnan(table.cr2.p_value) else table.cr2.p_value
    return p < SIGNIFICANT
