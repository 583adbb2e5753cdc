"""Quotes under a code: the words, who may be said to have said them, and whether they may leave."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from coding import frames
from coding.attribution import ANYBODY, People, Standing, attribution, people_behind
from coding.models import Code, Coding
from consent import gates
from consent.models import Membership, Participant
from consent.states import Answer, ItemCode
from ipe.models import Evaluation, User, Wave
from transcripts.models import Document, DocumentKind, SpeakerRole, Turn, Version

METHODS = {
    DocumentKind.INTERVIEW: "interview",
    DocumentKind.FOCUS_GROUP: "focus group",
    DocumentKind.OBSERVATION: "observation",
    DocumentKind.OTHER: "",
}
NO_SPEAKER = "the speaker is not linked to a participant"
REASONS = {
    Answer.NO: "the person said no to being quoted",
    Answer.NOT_ASKED: "the person was not asked about being quoted",
}


@dataclass(frozen=True, slots=True)
class Quote:
    """A coded passage. `people` are ids of those whose words it holds; `barrier` says why it may not leave, if so."""

    coding_id: int
    version_id: UUID
    start: int
    end: int
    text: str
    code: str
    document: str
    turn: int
    site: str
    phase: str
    attribution: str
    people: frozenset[UUID]
    barrier: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a version, with where it was said."""

    version_id: UUID
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Said:
    """Who says a passage: participants by id, whether a speaker is unknown, whether only the interviewer speaks."""

    people: frozenset[UUID]
    turn: int
    has_unknown: bool
    is_interviewer: bool


class Source:
    """What the quotes of one study need to know, read once: texts' places, speakers, standings and consents."""

    def __init__(
        self, evaluation: Evaluation, version_ids: Iterable[UUID], *, shows_site: bool = False
    ) -> None:
        self.evaluation = evaluation
        self.shows_site = shows_site
        versions = (
            Version.objects.current()
            .open()
            .filter(pk__in=set(version_ids), document__evaluation=evaluation)
            .defer("text", "edits", "placeholders")
            .select_related("document__wave__site", "document__wave__phase")
        )
        self.documents: dict[UUID, Document] = {version.pk: version.document for version in versions}
        self.turns: dict[UUID, list[tuple[int, int, int, UUID | None, str | None]]] = defaultdict(list)
        voices: dict[UUID, set[UUID]] = defaultdict(set)
        rows = Turn.objects.filter(version_id__in=self.documents).order_by("version_id", "start")
        fields = ("version_id", "ordinal", "start", "end", "speaker__participant_id", "speaker__role")
        for version, ordinal, start, end, person, role, voice in rows.values_list(*fields, "speaker_id"):
            self.turns[version].append((start, end, ordinal, person, role))
            if voice is not None and role != SpeakerRole.INTERVIEWER:
                voices[version].add(voice)
        # Where a partner or a colleague speaks as well, words without a person may be theirs.
        self._is_shared = {version for version, heard in voices.items() if len(heard) > 1}
        self.standings, self.people = _standings(evaluation)
        self._answers: dict[tuple[UUID, UUID], Answer] = {}

    def said(self, passage: Passage) -> Said:
        """Who speaks in a passage. In an interview the one voice beside the interviewer's is the participant's.

        What stands in no turn (a heading, a line that nobody was given) may be anybody's words, and so may those of
        a second voice that is linked to nobody.
        """
        document = self.documents[passage.version_id]
        whole = None if passage.version_id in self._is_shared else document.participant_id
        people: set[UUID] = set()
        first, unknown, spoken, asked, has_speaker = 0, False, False, False, False
        for start, end, ordinal, speaker, role in self.turns[passage.version_id]:
            if start >= passage.end or end <= passage.start:
                continue
            first = first or ordinal
            if role == SpeakerRole.INTERVIEWER:
                asked = True
                continue
            spoken = True
            has_speaker = has_speaker or role is not None
            person = speaker or whole
            if person is None:
                unknown = True
            else:
                people.add(person)
        if not spoken and not asked:
            unknown = whole is None
            people |= {whole} if whole else set()
        if document.kind == DocumentKind.OBSERVATION and not people and not has_speaker:
            unknown = False  # a researcher's notes: nobody is quoted
        return Said(frozenset(people), first, unknown, asked and not spoken)

    def label(self, said: Said, document: Document) -> str:
        """The attribution of a passage, by the one function that honours small groups."""
        phase, method = document.wave.phase.code, METHODS[DocumentKind(document.kind)]
        if said.is_interviewer:
            return "[Interviewer]"
        if document.kind == DocumentKind.OBSERVATION and not said.people:
            return f"[Observation notes, {phase}]"
        standings = [
            self.standings.get((person, document.wave_id, method), Standing("", "", phase, method))
            for person in sorted(said.people)
        ]
        people = self.people[document.wave.site_id if self.shows_site else None]
        return attribution(standings, people, minimum=self.evaluation.quote_minimum_group)

    def barrier(self, said: Said, document: Document) -> str:
        """Why the passage may not leave the study; empty when everybody in it agreed to be quoted."""
        if said.has_unknown:
            return NO_SPEAKER
        for person in said.people:
            answer = self._answer(person, document.wave.phase_id)
            if answer != Answer.YES:
                return REASONS[answer]
        return ""

    def _answer(self, person: UUID, phase: UUID) -> Answer:
        if not self._answers:
            wanted = {p for turns in self.turns.values() for _, _, _, p, _ in turns if p}
            wanted |= {d.participant_id for d in self.documents.values() if d.participant_id}
            phases = {d.wave.phase_id for d in self.documents.values()}
            for participant in Participant.objects.filter(pk__in=wanted).with_consents():
                for one in phases:
                    self._answers[(participant.pk, one)] = gates.answer(participant, ItemCode.QUOTE, one)
        return self._answers.get((person, phase), Answer.NOT_ASKED)


Crowds = Mapping[UUID | None, People]
"""People behind each label, of the whole study (None) and of each site: a reader who sees the site knows more."""


def _standings(evaluation: Evaluation) -> tuple[dict[tuple[UUID, UUID, str], Standing], Crowds]:
    """(person, wave, method) → standing, and who answers to each label, in the study and at each site.

    Counted are the people who have a text of that method in that phase.
    """
    spoke: set[tuple[UUID, UUID, str]] = set()
    rows = Version.objects.current().filter(document__evaluation=evaluation).order_by()
    for wave, kind, whole, speaker in rows.values_list(
        "document__wave_id",
        "document__kind",
        "document__participant_id",
        "document__speakers__participant_id",
    ).distinct():
        for person in (whole, speaker):
            if person is not None:
                spoke.add((person, wave, METHODS[DocumentKind(kind)]))
    memberships = {
        (row.participant_id, row.wave_id): row
        for row in Membership.objects.filter(participant__evaluation=evaluation).select_related("wave__phase")
    }
    found: dict[tuple[UUID, UUID, str], Standing] = {}
    for person, wave, method in spoke:
        row = memberships.get((person, wave))
        if row is not None:
            found[(person, wave, method)] = Standing(
                row.role_title, row.get_group_display(), row.wave.phase.code, method
            )
    waves = {
        wave: (site, phase)
        for wave, site, phase in Wave.objects.filter(site__evaluation=evaluation).values_list(
            "pk", "site_id", "phase__code"
        )
    }
    crowds: dict[UUID | None, list[tuple[str, Standing]]] = defaultdict(list)
    for key in spoke:
        person, wave, method = key
        site, phase = waves[wave]
        stands = (str(person), found.get(key) or Standing("", "", phase, method))
        crowds[None].append(stands)
        crowds[site].append(stands)
    people = {place: people_behind(stands) for place, stands in crowds.items()}
    return found, defaultdict(dict, people)


def codes_below(code: Code) -> list[UUID]:
    """The code and every code in use under it."""
    found = [code.pk]
    found += Code.objects.in_use().filter(parent=code).values_list("pk", flat=True)
    found += Code.objects.in_use().filter(parent__parent=code).values_list("pk", flat=True)
    return found


def quotes_under(
    code: Code, user: User, *, coding_ids: Sequence[int] | None = None, shows_site: bool = False
) -> list[Quote]:
    """Every passage under a code or what stands below it, of the sites that the person may read, in order of place.

    `shows_site` where the reader will know the site: a label must then fit enough people of that site.

    A fixed number of queries. The same passage coded twice (by two coders) is one quote.
    """
    evaluation = code.codebook.evaluation
    rows = Coding.objects.visible_to(user).of(evaluation).filter(code_id__in=codes_below(code))
    if coding_ids is not None:
        rows = rows.filter(pk__in=coding_ids)
    rows = rows.select_related("code").order_by(
        "version__document__wave__site__order", "version__document__number", "start", "end", "id"
    )
    codings = list(rows)
    source = Source(evaluation, {coding.version_id for coding in codings}, shows_site=shows_site)
    texts = frames.words((coding.version_id, coding.start, coding.end) for coding in codings)
    found: dict[tuple[UUID, int, int, UUID], Quote] = {}
    for coding in codings:
        key = (coding.version_id, coding.start, coding.end, coding.code_id)
        text = texts.get(key[:3])
        if text is None or key in found:
            continue
        found[key] = _quote(source, Passage(*key[:3]), text, coding.pk, coding.code.name)
    return list(found.values())


def quote_of(source: Source, passage: Passage, text: str) -> Quote:
    """One passage as a quote, for a matrix."""
    return _quote(source, passage, text, 0, "")


def _quote(source: Source, passage: Passage, text: str, coding_id: int, code: str) -> Quote:
    document = source.documents[passage.version_id]
    said = source.said(passage)
    return Quote(
        coding_id,
        passage.version_id,
        passage.start,
        passage.end,
        text,
        code,
        document.code,
        said.turn,
        document.wave.site.code,
        document.wave.phase.code,
        source.label(said, document),
        said.people,
        source.barrier(said, document),
    )


@dataclass(frozen=True, slots=True)
class Gathered:
    """Quotes that may leave, and how many may not, by reason."""

    quotes: tuple[Quote, ...]
    left_out: dict[str, int]

    @property
    def n_left_out(self) -> int:
        return sum(self.left_out.values())

    def notes(self) -> list[str]:
        """Sentences for the export."""
        return [
            f"{n} quote{'s' if n > 1 else ''} left out: {reason}."
            for reason, n in sorted(self.left_out.items())
        ]


def gather(quotes: Iterable[Quote]) -> Gathered:
    """Separate what may leave from what may not (CN-04)."""
    rows = list(quotes)
    return Gathered(
        tuple(quote for quote in rows if not quote.barrier),
        dict(Counter(quote.barrier for quote in rows if quote.barrier)),
    )


def headers(cases: Sequence[Any], user_may_see_roles: bool) -> dict[UUID, dict[str, str]]:
    """Attributes of each case for its row header and for exports: site, phase, group and role.

    Group and role are generalised as in an attribution, among the people of the same site, unless the reader works
    with participants' statuses anyway.
    """
    if not cases:
        return {}
    evaluation = cases[0].evaluation
    rows = Membership.objects.filter(
        participant_id__in=[case.participant_id for case in cases if case.participant_id]
    ).select_related("wave__phase")
    by_person: dict[UUID, list[Membership]] = defaultdict(list)
    for row in rows.order_by("wave__phase__order"):
        by_person[row.participant_id].append(row)
    _, people = _standings(evaluation)
    found: dict[UUID, dict[str, str]] = {}
    for case in cases:
        shown = {
            "site": case.site.code,
            "phase": case.wave.phase.code if case.wave else "",
            "group": "",
            "role": "",
        }
        mine = [row for row in by_person.get(case.participant_id, ()) if case.wave_id in (None, row.wave_id)]
        if mine:
            latest = mine[-1]
            shown["group"], shown["role"] = latest.get_group_display(), latest.role_title
            if not user_may_see_roles:
                shown["group"], shown["role"] = _generalised(
                    latest, people[case.site_id], evaluation.quote_minimum_group
                )
        found[case.pk] = shown
    return found


def _generalised(row: Membership, people: People, minimum: int) -> tuple[str, str]:
    """(group, role), each only when enough people answer to it in the phase, by whatever method."""

    def n(words: str) -> int:
        same = [
            ids
            for (label, phase, _), ids in people.items()
            if label == words and phase == row.wave.phase.code
        ]
        return len(frozenset().union(*same))

    group, role = row.get_group_display(), row.role_title
    return (group if n(group) >= minimum else ANYBODY), (role if role and n(role) >= minimum else "")
