"""Callaway and Sant'Anna's group-time average effects and their aggregates, with analytic influence functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from exports.digits import printed
from impact.columns import Floats, Ints
from impact.errors import BadData, NotIdentified
from impact.estimate import Estimate, Note, normal
from impact.information import EQUAL
from impact.staggered.rollout import BalancedPanel, balanced, first_periods
from impact.staggered.two_periods import Method, two_period_effect

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Aggregate", "CellEffect", "GroupTimeEffects", "aggregate", "group_time_effects"]

Controls = Literal["never", "not_yet"]
Kind = Literal["simple", "group", "dynamic", "calendar"]
FEW_UNITS = 5  # below it, R's did warns of small groups


@dataclass(frozen=True)
class CellEffect:
    """ATT(g, t): the effect in `period` on units first treated in `group`; before `group`, a placebo."""

    group: float
    period: float
    base: float
    estimate: Estimate
    n_treated: int
    n_controls: int


@dataclass(frozen=True, eq=False)
class GroupTimeEffects:
    """All ATT(g, t). `influence` is (n, cells): the variance of a cell is Σ influence²/n², over clusters where given."""

    cells: tuple[CellEffect, ...]
    influence: Floats
    first: Floats
    weight: Floats
    cluster: Ints
    level: float
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Aggregate:
    """An overall effect and its parts: by group, by time since treatment, or by calendar period."""

    kind: Kind
    overall: Estimate
    parts: dict[float, Estimate]


def group_time_effects(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    period: str,
    first: str,
    covariates: Sequence[str] = (),
    method: Method = "doubly_robust",
    controls: Controls = "never",
    base: Literal["varying", "universal"] = "varying",
    never: float | None = 0,
    weight: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
) -> GroupTimeEffects:
    """ATT(g, t) = E[Y_t - Y_b | G = g] less the same of the controls, adjusted for covariates at the earlier period.

    The base b is the last period before g; for t < g it is the period before t (“varying”) or still that before g
    (“universal”). Controls are the never treated, or all units not yet treated by the later of t and b. The frame has
    one row for each unit and period; `first` as in `bacon`. `weight` and `cluster` must not change within a unit. Units
    treated from the first period on are left out. Errors come from the influence functions (normal), by unit or cluster;
    cells that lack controls are left out with a note. Source: Callaway and Sant'Anna 2021,
    doi:10.1016/j.jeconom.2020.12.001. Checked against R did (points and analytic errors), diff-diff, moderndid.

    Raises BadData for gaps, duplicates, missing values; NotIdentified without controls, for collinear covariates and
    for covariates that predict a group perfectly.
    """
    start = first_periods(frame, unit=unit, period=period, first=first, never=never)
    panel = balanced(
        frame,
        outcome=outcome,
        unit=unit,
        period=period,
        first=start,
        covariates=covariates,
        weight=weight,
        cluster=cluster,
    )
    panel, notes = _without_always_treated(panel)
    groups = np.unique(panel.first[np.isfinite(panel.first)])
    if not len(groups):
        raise NotIdentified("No unit is treated between the second and the last period.")
    if controls == "never" and not np.isinf(panel.first).any():
        raise NotIdentified("No unit is never treated: use controls that are not yet treated.")
    cells, influence = [], []
    for g in groups:
        for t, b in _pairs(panel.periods, g, base):
            found = _cell(panel, g, t, b, controls, covariates, method, level)
            if found is None:
                text = f"No control is left for group {printed(g, 'g')} in {period} {printed(panel.periods[t], 'g')}."
                notes.append(Note("no_controls", text))
                continue
            cells.append(found[0])
            influence.append(found[1])
    if not cells:
        raise NotIdentified("No group has controls in any period.")
    notes += [
        Note(
            "small_group",
            f"Only {n} units are first treated in {printed(g, 'g')}: large-sample errors say little.",
        )
        for g in groups
        if (n := int((panel.first == g).sum())) < FEW_UNITS
    ]
    table = np.column_stack(influence)
    return GroupTimeEffects(
        tuple(cells), table, panel.first, panel.weight, panel.cluster, level, tuple(notes)
    )


def aggregate(effects: GroupTimeEffects, kind: Kind = "simple") -> Aggregate:
    """Average the ATT(g, t), with group shares P(G = g) estimated and their influence counted.

    simple: all t ≥ g by group share. group: mean over t ≥ g of each group, then by share. dynamic: by e = t - g with
    shares among the groups seen at e; overall the mean over e ≥ 0. calendar: by t with shares among groups treated; overall
    the mean over t. Source: Callaway and Sant'Anna 2021, section 3. Checked against R did's aggte.

    Raises NotIdentified where no cell lies under treatment.
    """
    cells = effects.cells
    after = [i for i, c in enumerate(cells) if c.period >= c.group]
    if not after:
        raise NotIdentified("No group is observed under treatment with controls.")
    if kind == "simple":
        return Aggregate(kind, _estimate(effects, "simple", *_by_share(effects, after)), {})
    keys = {
        "group": {i: cells[i].group for i in after},
        "calendar": {i: cells[i].period for i in after},
        "dynamic": {i: c.period - c.group for i, c in enumerate(cells)},
    }[kind]
    parts: dict[float, tuple[float, Floats]] = {}
    for key in sorted(set(keys.values())):
        members = [i for i, own in keys.items() if own == key]
        parts[key] = _plain_mean(effects, members) if kind == "group" else _by_share(effects, members)
    chosen = [key for key in parts if kind != "dynamic" or key >= 0]
    values, curves = np.array([parts[k][0] for k in chosen]), np.column_stack([parts[k][1] for k in chosen])
    if kind == "group":
        overall = _weighted(effects, np.array(chosen), values, curves)
    else:
        overall = float(values.mean()), curves.mean(axis=1)
    estimates = {key: _estimate(effects, printed(key, "g"), *part) for key, part in parts.items()}
    return Aggregate(kind, _estimate(effects, kind, *overall), estimates)


def _without_always_treated(panel: BalancedPanel) -> tuple[BalancedPanel, list[Note]]:
    first = np.where(panel.first > panel.periods[-1], np.inf, panel.first)
    keep = first > panel.periods[0]
    notes = []
    if not keep.all():
        text = f"{int((~keep).sum())} units treated from the first period on have no period before and were left out."
        notes.append(Note("always_treated", text))
    if not keep.any():
        raise NotIdentified("Every unit is treated from the first period on.")
    weight = panel.weight[keep] / panel.weight[keep].mean()
    cluster = np.unique(panel.cluster[keep], return_inverse=True)[1]
    return (
        BalancedPanel(
            panel.units[keep],
            panel.periods,
            first[keep],
            panel.outcome[keep],
            panel.covariates[keep],
            weight,
            cluster,
        ),
        notes,
    )


def _pairs(periods: Floats, g: float, base: str) -> list[tuple[int, int]]:
    """Places (t, b) of the period and its base for a group."""
    last_before = int(np.flatnonzero(periods < g)[-1])
    if base == "universal":
        return [(t, last_before) for t in range(len(periods)) if t != last_before]
    return [(t, last_before if periods[t] >= g else t - 1) for t in range(1, len(periods))]


def _cell(
    panel: BalancedPanel,
    g: float,
    t: int,
    b: int,
    controls: Controls,
    covariates: Sequence[str],
    method: Method,
    level: float,
) -> tuple[CellEffect, Floats] | None:
    treated = panel.first == g
    later = max(panel.periods[t], panel.periods[b])
    other = np.isinf(panel.first) if controls == "never" else (panel.first > later) & ~treated
    if not other.any():
        return None
    use = treated | other
    x = np.column_stack([np.ones(int(use.sum())), panel.covariates[use, min(t, b)]])
    change = panel.outcome[use, t] - panel.outcome[use, b]
    try:
        value, curve = two_period_effect(
            change, treated[use].astype(float), x, ["constant", *covariates], panel.weight[use], method
        )
    except NotIdentified as error:
        raise NotIdentified(
            f"Group {printed(g, 'g')}, period {printed(panel.periods[t], 'g')}: {error}"
        ) from None
    # Outcomes without error leave rounding.
    if np.abs(curve).max() <= EQUAL * np.abs(panel.outcome[use]).max():
        curve = np.zeros_like(curve)
    influence = np.zeros(len(use))
    influence[use] = curve * len(use) / use.sum()
    name = f"ATT({printed(g, 'g')}, {printed(panel.periods[t], 'g')})"
    estimate = normal(name, value, _error(influence, panel.cluster), level=level)
    return (
        CellEffect(
            g,
            float(panel.periods[t]),
            float(panel.periods[b]),
            estimate,
            int(treated.sum()),
            int(other.sum()),
        ),
        influence,
    )


def _error(influence: Floats, cluster: Ints) -> float:
    return float(np.sqrt((np.bincount(cluster, influence) ** 2).sum()) / len(influence))


def _estimate(effects: GroupTimeEffects, name: str, value: float, influence: Floats) -> Estimate:
    return normal(name, value, _error(influence, effects.cluster), level=effects.level)


def _plain_mean(effects: GroupTimeEffects, members: list[int]) -> tuple[float, Floats]:
    values = [effects.cells[i].estimate.value for i in members]
    return float(np.mean(values)), effects.influence[:, members].mean(axis=1)


def _by_share(effects: GroupTimeEffects, members: list[int]) -> tuple[float, Floats]:
    values = np.array([effects.cells[i].estimate.value for i in members])
    groups = np.array([effects.cells[i].group for i in members])
    return _weighted(effects, groups, values, effects.influence[:, members])


def _weighted(
    effects: GroupTimeEffects, groups: Floats, values: Floats, influence: Floats
) -> tuple[float, Floats]:
    """Σ p_g·value/Σ p_g and its influence, that of the estimated shares p_g included."""
    member = effects.weight[:, None] * (effects.first[:, None] == groups)
    share = member.mean(axis=0)
    total = share.sum()
    of_shares = (member - share) / total - (member - share).sum(axis=1)[:, None] * share / total**2
    curve: npt.NDArray[np.float64] = influence @ (share / total) + of_shares @ values
    if total <= 0:
        raise BadData("The groups have no weight.")
    return float(values @ share / total), curve
