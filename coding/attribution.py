"""Who said it, as far as a reader may know: "[Team manager, 12m interview]".

The one place where a quote's attribution is made. A label that fewer than `minimum` people could answer to says
less: first the group instead of the role, then "Participant", then "Participant" without phase and method.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Standing(NamedTuple):
    """How a person stood in one wave: role ("Team manager"), group ("Managers"), phase ("12m"), method ("interview")."""

    role: str
    group: str
    phase: str
    method: str


ANYBODY = "Participant"
People = Mapping[tuple[str, str, str], frozenset[str]]


def people_behind(standings: Iterable[tuple[str, Standing]]) -> People:
    """For each label (words, phase, method): the ids of the people who answer to it.

    Give every person interviewed in the study, not only those quoted: a label protects by how many it fits.
    """
    behind: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for person, standing in standings:
        for words in {standing.role, standing.group, ANYBODY} - {""}:
            behind[(words, standing.phase, standing.method)].add(person)
    return {label: frozenset(people) for label, people in behind.items()}


def attribution(standings: Iterable[Standing], people: People, *, minimum: int) -> str:
    """The attribution in square brackets, honouring small groups.

    One standing for one speaker; several when a passage runs over several speakers: then the words are those
    that fit them all. No standing (an unknown speaker) is "Participant".
    """
    speakers = list(dict.fromkeys(standings))
    if not speakers:
        return f"[{ANYBODY}]"
    first = speakers[0]
    many = "s" if len(speakers) > 1 else ""
    same_place = all(s.phase == first.phase and s.method == first.method for s in speakers)
    if not same_place:
        return f"[{ANYBODY}{many}]"
    candidates = [first.role] if all(s.role == first.role for s in speakers) else []
    if all(s.group == first.group for s in speakers):
        candidates.append(first.group)
    where = " ".join(part for part in (first.phase, first.method) if part)
    for words in [*candidates, ANYBODY]:
        if words and len(people.get((words, first.phase, first.method), frozenset())) >= minimum:
            shown = f"{ANYBODY}{many}" if words == ANYBODY else words
            return f"[{shown}, {where}]" if where else f"[{shown}]"
    return f"[{ANYBODY}{many}]"
