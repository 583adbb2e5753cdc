"""Suggestions: what in a text may identify somebody, by the study's own names and by patterns. A person
decides each one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction

from consent.contact import known_names
from consent.models import Participant
from ipe import audit
from ipe.models import Team
from transcripts import sealing
from transcripts.identifiers import Known, folded, suggest, surname, variants
from transcripts.listing import changed, label_spans, opened, turn_spans
from transcripts.models import SEVERAL, Category, Document, Entity, Replacement, Speaker
from transcripts.naming import entities_for, entity_for_key, names_in, offer_people
from transcripts.rendering import crosses

if TYPE_CHECKING:
    from ipe.models import User


def known_in(document: Document) -> list[Known]:
    """What the study knows by name, for comparing with a text whose reader was checked: its entities, the
    people of the site, the members of the team, sites and teams. Keys lead back to rows; names stay inside
    the act.
    """
    evaluation, site = document.evaluation, document.wave.site
    entities = {row.pk: row for row in entities_for(document)}
    called = sealing.names_by_entity(evaluation)
    known = [Known(f"entity:{pk}", row.category, called[pk]) for pk, row in entities.items() if pk in called]
    people = {row.participant_id: f"entity:{pk}" for pk, row in entities.items() if row.participant_id}
    codes = dict(Participant.objects.filter(evaluation=evaluation, site=site).values_list("code", "pk"))
    for name, code in known_names(evaluation, site=site):
        # Also who was met before: by another name, or before the vault had this one.
        known.append(Known(people.get(codes[code], ""), Category.PERSON, variants(name)))
        # A surname alone may be anybody of the family: found, but nobody's by itself.
        known.append(Known("", Category.PERSON, (surname(name),)))
    known += _speakers_in(document, known, people)
    members = evaluation.members.in_force().select_related("user")
    known += [
        Known(f"user:{pk}", Category.PERSON, variants(name))
        for pk, name in sorted({(str(m.user_id), m.user.name) for m in members if m.user.name})
    ]
    known += [Known(f"site:{row.pk}", Category.PLACE, (row.name,)) for row in evaluation.sites.all()]
    teams = Team.objects.filter(site=site)
    known += [
        Known(f"team:{row.pk}", Category.TEAM, (row.name,))
        for row in teams
        if not re.fullmatch(r"team \w{1,2}", folded(row.name))
    ]
    return known


def _speakers_in(document: Document, known: list[Known], people: Mapping[uuid.UUID, str]) -> list[Known]:
    """The document's speakers by the labels typed for them, unless the study already knows somebody by that
    name."""
    rows = list(Speaker.objects.filter(document=document).select_related("document"))
    labels = sealing.labels_of(document, rows)
    called = {folded(name) for one in known if one.key for name in one.called}
    found = []
    for row in rows:
        for label in names_in(labels.get(row.pk, "")):
            key = f"speaker:{row.pk}"
            if row.participant_id is not None:
                key = people.get(row.participant_id, key)
            elif folded(label) in called:
                continue
            found += [
                Known(key, Category.PERSON, variants(label)),
                Known("", Category.PERSON, (surname(label),)),
            ]
    return found


@transaction.atomic
def find_identifiers(document: Document, *, by: User) -> int:
    """Add suggestions for what is not yet in the list; decided ones are left alone. Running twice adds
    nothing.

    Returns the number of new suggestions.
    """
    held = opened(document, by)
    text = sealing.text_of(sealing.original_of(held))
    existing = list(Replacement.objects.filter(document=held).values_list("start", "end"))
    offer_people(held)
    known = known_in(held)
    called: dict[str, Known] = {}
    for one in known:
        held_names = called[one.key].called if one.key in called else ()
        called[one.key] = Known(one.key, one.category, tuple(dict.fromkeys([*held_names, *one.called])))
    turns = turn_spans(held)
    meant: dict[str, Entity | None] = {"": None}
    rows = []
    for found in suggest(text, known, taken=[*existing, *label_spans(held)]):
        if crosses((found.start, found.end), turns):
            continue
        for key in found.keys:
            if key not in meant:
                meant[key] = entity_for_key(held, called[key])
        entity = meant[found.keys[0]] if len(found.keys) == 1 else None
        rows.append(
            Replacement(
                document=held,
                start=found.start,
                end=found.end,
                category=found.category,
                entity=entity,
                text=entity.pseudonym if entity else "",
                found_by=SEVERAL if len(found.keys) > 1 else found.found_by,
            )
        )
    Replacement.objects.bulk_create(rows, batch_size=500)
    if rows:
        changed(held)
        audit.record(
            "document.identifiers_suggested",
            held,
            by=by,
            evaluation=held.evaluation,
            counts={"suggestions": len(rows)},
        )
    return len(rows)
