"""The order in which sites go live: drawn at random within strata, from a seed that is recorded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exports.digits import printed
from impact.columns import Floats
from impact.errors import BadData
from impact.estimate import Note

__all__ = [
    "MOST_LISTED",
    "Rollout",
    "allowed_orders",
    "floor_notes",
    "n_allowed",
    "randomise",
    "treatment_matrix",
]

MOST_LISTED = 40_320  # 8!: a longer list helps nobody

Order = tuple[str, ...]


@dataclass(frozen=True)
class Rollout:
    """The drawn order and all that another person needs to draw it again.

    `number` counts from 1 in `allowed`, which is empty (and `number` 0) above MOST_LISTED orders; then a note says so.
    """

    order: Order
    seed: int
    strata: tuple[tuple[str, Order], ...]
    n_allowed: int
    number: int
    allowed: tuple[Order, ...]
    method: str
    notes: tuple[Note, ...]


def n_allowed(strata: Mapping[str, Sequence[str]]) -> int:
    """The number of allowed orders: the product of the factorials of the strata's sizes. Raises as `allowed_orders`."""
    return math.prod(math.factorial(len(sites)) for _, sites in _checked(strata))


def allowed_orders(strata: Mapping[str, Sequence[str]]) -> tuple[Order, ...]:
    """Every order in which the sites of the first stratum come first, then those of the second, and so on.

    Sites are sorted within their stratum, so the list depends on who is in a stratum and not on how it was typed.
    Raises BadData for an empty stratum, a site named twice, or more than MOST_LISTED orders.
    """
    if n_allowed(strata) > MOST_LISTED:
        raise BadData(
            f"There are {n_allowed(strata):,} allowed orders, too many to list (at most {MOST_LISTED:,})."
        )
    parts = [itertools.permutations(sites) for _, sites in _checked(strata)]
    return tuple(tuple(itertools.chain.from_iterable(choice)) for choice in itertools.product(*parts))


def randomise(strata: Mapping[str, Sequence[str]], *, seed: int) -> Rollout:
    """Shuffle the sites of each stratum and put the strata one after another; each allowed order is equally likely.

    `strata` maps the name of each stratum, in roll-out order, to its sites. `seed` is a whole number from 0, chosen before the
    draw and kept. The shuffle is Fisher and Yates's on raw numbers of PCG64, whose stream numpy promises not to change
    (NEP 19), so that the same seed gives the same order in every version. Raises BadData as `allowed_orders`, and for the seed.
    Source: Durstenfeld, Comm. ACM 7 (1964) 420; the stratified design of the stepped-wedge protocol (two, then three sites).
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise BadData(f"The seed must be a whole number from 0, not {seed!r}.")
    checked = _checked(strata)
    stream = np.random.PCG64(seed)
    drawn: list[str] = []
    for _, sites in checked:
        left = list(sites)
        for last in range(len(left) - 1, 0, -1):
            other = _below(last + 1, stream)
            left[last], left[other] = left[other], left[last]
        drawn += left
    order, count = tuple(drawn), n_allowed(strata)
    unlisted = Note("orders_not_listed", f"More than {MOST_LISTED:,} orders are not listed.")
    listed = allowed_orders(strata) if count <= MOST_LISTED else ()
    return Rollout(
        order=order,
        seed=seed,
        strata=checked,
        n_allowed=count,
        number=listed.index(order) + 1 if listed else 0,
        allowed=listed,
        method="Fisher–Yates within strata, raw PCG64, sites sorted by name",
        notes=floor_notes(count) + (() if listed else (unlisted,)),
    )


def floor_notes(count: int) -> tuple[Note, ...]:
    """The smallest p-value that a permutation test over `count` orders can give, and whether it can ever reach 5%."""
    least = f"1/{count:,} = {printed(1 / count, '.3g')}"
    text = f"With {count:,} allowed orders no permutation test can give a p-value below {least}."
    floor = Note("permutation_floor", text)
    if 1 / count <= 0.05:
        return (floor,)
    return (floor, Note("never_at_5_percent", "That is above 0.05: the test can never reject at 5%."))


def treatment_matrix(starts: Sequence[int], n_periods: int) -> Floats:
    """1 from period `starts[i]` on (counted from 0), 0 before; shape (len(starts), n_periods). Raises BadData for a negative."""
    if n_periods < 1 or not starts or min(starts) < 0:
        raise BadData("A treatment matrix needs at least one site, one period and starts from 0 on.")
    return (np.arange(n_periods) >= np.asarray(starts)[:, None]).astype(float)


def _below(n: int, stream: np.random.PCG64) -> int:
    """A whole number from 0 to n - 1, without the slight preference that a plain remainder has."""
    limit = 2**64 - 2**64 % n
    while (value := int(stream.random_raw())) >= limit:
        pass
    return value % n


def _checked(strata: Mapping[str, Sequence[str]]) -> tuple[tuple[str, Order], ...]:
    if not strata:
        raise BadData("Name at least one stratum with its sites.")
    seen: dict[str, str] = {}
    for stratum, sites in strata.items():
        if isinstance(sites, str) or not sites:
            raise BadData(f"The stratum “{stratum}” must be a list of sites, and not empty.")
        for site in sites:
            if site in seen:
                raise BadData(f"The site “{site}” is named twice (in “{seen[site]}” and “{stratum}”).")
            seen[site] = stratum
    return tuple((stratum, tuple(sorted(sites))) for stratum, sites in strata.items())
