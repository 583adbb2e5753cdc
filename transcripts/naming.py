"""Entities: who or what a name means in this study, and the pseudonym it keeps in every document and wave."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from consent.models import Participant
from ipe.errors import Invalid, NotFound
from transcripts import sealing
from transcripts.identifiers import Known, words
from transcripts.models import Category, Document, Entity, EntityName
from transcripts.names import ROLES
from transcripts.rendering import bracketed

if TYPE_CHECKING:
    from ipe.models import Evaluation

WORDS = {
    Category.PERSON: "Person",
    Category.PLACE: "Place",
    Category.TEAM: "Team",
    Category.SCHOOL: "School",
    Category.HEALTH: "Health service",
    Category.STREET: "Street",
    Category.ORGANISATION: "Organisation",
}
# Labels that name nobody: P-014, SW2, F.
CODE_LABEL = re.compile(r"[A-Z]{1,2}|[A-Z]{1,4}[- ]?\d{1,3}")
_ASIDE = re.compile(r"\(([^()\n]*)\)")


def names_in(label: str) -> list[str]:
    """The names that a speaker's label holds, of which merged speakers have several: those on each line and in
    brackets. “Social worker 2 (F)” names nobody.
    """
    found = []
    for line in label.split("\n"):
        for part in (_ASIDE.sub(" ", line), *_ASIDE.findall(line)):
            name = " ".join(part.split())
            if any(sign.isalpha() for sign in name) and not _is_role(name):
                found.append(name)
    return found


def _is_role(name: str) -> bool:
    return bool(CODE_LABEL.fullmatch(name)) or all(word.folded in ROLES for word in words(name))


def entities_of(document: Document) -> QuerySet[Entity]:
    """Entities that this text may mean: people of its site only, everything else of the whole study.

    Which codes another site's people have, and who is spoken of there, is not this site's to know.
    """
    site = document.wave.site
    here = Q(participant__site=site) | Q(replacements__document__wave__site=site)
    rows = Entity.objects.filter(evaluation_id=document.evaluation_id)
    return rows.filter(~Q(category=Category.PERSON) | here).distinct()


def entities_for(document: Document) -> list[Entity]:
    return list(entities_of(document))


def require_known(entity: Entity, document: Document) -> None:
    """Raise unless this text may mean the entity.

    Raises
        NotFound: It is another study's, or a person of another site.
    """
    if not entities_of(document).filter(pk=entity.pk).exists():
        raise NotFound("There is no such pseudonym in this study, or it is a person's of another site.")


def offer_people(document: Document) -> None:
    """An entity for each person of the site, so that a reviewer can choose whom the text means; names follow when
    they are met."""
    site = document.wave.site
    people = Participant.objects.filter(evaluation_id=document.evaluation_id, site=site)
    unmet = people.exclude(status="erased").filter(entities=None)
    # Two reviews may begin at once: whoever comes second finds the rows there.
    Entity.objects.bulk_create(
        [
            Entity(
                evaluation_id=document.evaluation_id,
                category=Category.PERSON,
                pseudonym=f"[{person.code}]",
                participant=person,
            )
            for person in unmet
        ],
        ignore_conflicts=True,
    )


def entity_for_key(document: Document, known: Known) -> Entity | None:
    """The entity of a name that the study knows, made when it is met for the first time."""
    kind, _, pk = known.key.partition(":")
    evaluation = document.evaluation
    if kind == "entity":
        entity: Entity = Entity.objects.select_related("evaluation").get(pk=pk)
        sealing.add_names(entity, known.called)
        return entity
    if kind == "speaker":
        return None  # nobody's yet: the reviewer maps the speaker or gives a pseudonym
    word = {"user": "Researcher", "site": "Site", "team": "Team"}[kind]
    index = sealing.name_index(evaluation, known.called[0])
    held = Entity.objects.filter(
        evaluation=evaluation, category=known.category, names__name_index=index
    ).first()
    return held or make_entity(evaluation, known.category, word=word, called=known.called)


def entity_of_participant(participant: Participant, called: Iterable[str] = ()) -> Entity:
    """The one entity of a participant: its pseudonym is their code, its names are sealed under their key."""
    entity, _ = Entity.objects.get_or_create(
        evaluation_id=participant.evaluation_id,
        participant=participant,
        defaults={"category": Category.PERSON, "pseudonym": f"[{participant.code}]"},
    )
    names = list(called)
    sealing.add_names(entity, names)
    return entity


def make_entity(evaluation: Evaluation, category: str, *, word: str, called: Iterable[str]) -> Entity:
    """A new entity with the next number of its word: [Team manager 2]. Numbers follow the order of meeting,
    not the alphabet."""
    inner = bracketed(word).strip("[]")
    if not inner or len(inner) > 60:
        raise Invalid(
            "Use a few words for the pseudonym.", fields={"word": "Use a few words, such as “Team manager”."}
        )
    used = [
        int(match[1])
        for pseudonym in Entity.objects.select_for_update()
        .filter(evaluation=evaluation, pseudonym__istartswith=f"[{inner} ")
        .values_list("pseudonym", flat=True)
        if (match := re.fullmatch(re.escape(f"[{inner} ") + r"(\d+)\]", pseudonym, re.IGNORECASE))
    ]
    entity = Entity(
        evaluation=evaluation, category=category, pseudonym=f"[{inner} {max(used, default=0) + 1}]"
    )
    entity.full_clean()
    entity.save(force_insert=True)
    names = list(called)
    sealing.add_names(entity, names)
    return entity


def candidates(document: Document, category: str, surface: str) -> list[Entity]:
    """Entities that are called like this and may be meant in this document, in a fixed order."""
    index = sealing.name_index(document.evaluation, surface)
    ids = EntityName.objects.filter(entity__evaluation_id=document.evaluation_id, name_index=index)
    wanted = set(ids.values_list("entity_id", flat=True))
    rows = [row for row in entities_for(document) if row.pk in wanted and row.category == category]
    return sorted(rows, key=lambda row: (row.participant_id is None, row.created_at, row.pk))
