"""Rows made into what a page shows: blocks of text with marks, each knowing its offset so that the browser
can count from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from transcripts import sealing
from transcripts.identifiers import folded
from transcripts.models import Document, OriginalTurn, Replacement, ReplacementStatus, Speaker, Turn, Version
from transcripts.offsets import Mover, Span
from transcripts.rendering import Rendered
from transcripts.turns import CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Segment:
    """A run of text from `start` on, under one mark or none."""

    start: int
    text: str
    mark: Any = None


@dataclass(frozen=True)
class Block:
    """A turn, or what stands between turns (`ordinal` None)."""

    start: int
    end: int
    segments: tuple[Segment, ...]
    ordinal: int | None = None
    speaker: Speaker | None = None
    label: str = ""
    clock: str = ""
    is_same_speaker: bool = False


def clock(at_ms: int | None) -> str:
    if at_ms is None:
        return ""
    minutes, seconds = divmod(at_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def segments(text: str, start: int, end: int, marks: Sequence[tuple[Span, Any]]) -> tuple[Segment, ...]:
    """The text of a block cut at its marks, which are in order and do not overlap."""
    pieces = []
    at = start
    for (a, b), mark in marks:
        if b <= start or end <= a:
            continue
        a, b = max(a, start), min(b, end)
        if at < a:
            pieces.append(Segment(at, text[at:a]))
        pieces.append(Segment(a, text[a:b], mark))
        at = b
    if at < end:
        pieces.append(Segment(at, text[at:end]))
    return tuple(pieces)


def blocks(
    text: str,
    turns: Iterable[OriginalTurn | Turn],
    marks: Sequence[tuple[Span, Any]],
    labels: Mapping[UUID, str],
    *,
    with_gaps: bool,
) -> list[Block]:
    """Turns in order with their marks; with gaps, also the headings and notes between them, but never a label
    or its punctuation."""
    found: list[Block] = []
    at = index = 0
    ordered = sorted(marks, key=lambda row: row[0])
    before: UUID | None = None
    for turn in turns:
        if with_gaps:
            found += _gap(text, at, turn, ordered)
        while index < len(ordered) and ordered[index][0][1] <= turn.start:
            index += 1
        within = []
        for row in ordered[index:]:
            if row[0][0] >= turn.end:
                break
            within.append(row)
        speaker = turn.speaker
        found.append(
            Block(
                turn.start,
                turn.end,
                segments(text, turn.start, turn.end, within),
                turn.ordinal,
                speaker,
                labels.get(turn.speaker_id, speaker.label if speaker else "") if turn.speaker_id else "",
                clock(turn.at_ms),
                turn.speaker_id is not None and turn.speaker_id == before,
            )
        )
        before = turn.speaker_id
        at = turn.end
    if with_gaps:
        found += _gap(text, at, None, ordered, until=len(text))
    return found


# What a caption file has around what is said: numbers of cues, times, their settings, tags of voices.
_APPARATUS = re.compile(
    rf"^\s*WEBVTT\b|^[^\S\n]*\d{{1,5}}[^\S\n]*\n(?=[^\S\n]*{CLOCK}[^\S\n]+-->)|{CLOCK}|-->|"
    r"\b(?:align|position|size|line|vertical|region):\S+|<v(?:\.[^\s>]{0,100})?[^\S\n]*\Z|</v>",
    re.MULTILINE,
)


def _gap(
    text: str, start: int, turn: OriginalTurn | Turn | None, marks: Sequence[tuple[Span, Any]], until: int = 0
) -> Iterator[Block]:
    """What stands before a turn and its label, and between the label and what is said, when there is anything
    to read in it: a number alone may be somebody's."""
    if turn is None:
        stretches = [(start, until)]
    elif turn.label_start is not None and turn.label_end is not None:
        stretches = [(start, turn.label_start), (turn.label_end, turn.start)]
    else:
        stretches = [(start, turn.start)]
    for a, b in stretches:
        piece = text[a:b]
        if not any(sign.isalnum() for sign in _APPARATUS.sub("", piece)):
            continue
        a, b = a + len(piece) - len(piece.lstrip()), b - (len(piece) - len(piece.rstrip()))
        yield Block(a, b, segments(text, a, b, [row for row in marks if a < row[0][1] and row[0][0] < b]))


def _typed(document: Document, speakers: Iterable[Speaker]) -> dict[UUID, str]:
    """Labels as typed, on one line."""
    found = sealing.labels_of(document, speakers)
    return {pk: label.replace("\n", " / ") for pk, label in found.items()}


# --- the review ---


@dataclass(frozen=True)
class Item:
    """One row of the list beside the text."""

    row: Replacement
    surface: str
    before: str
    after: str
    n_same: int
    is_current: bool

    @property
    def tone(self) -> str:
        return {"suggested": "warn", "accepted": "good", "rejected": "neutral"}[self.row.status]

    @property
    def shape(self) -> str:
        return {"suggested": "?", "accepted": "✓", "rejected": "–"}[self.row.status]


@dataclass(frozen=True)
class Review:
    blocks: list[Block]
    items: list[Item]
    current: Item | None
    n_undecided: int
    n_accepted: int
    n_rejected: int
    speakers: list[tuple[Speaker, str]]


CONTEXT = 40


def review(document: Document, at: UUID | None) -> Review:
    """The whole review of a document whose original the reader may open. `at` is the item in hand, else the
    first undecided."""
    text = sealing.text_of(sealing.original_of(document))
    speakers = list(Speaker.objects.filter(document=document).select_related("document", "participant"))
    labels = _typed(document, speakers)
    rows = list(Replacement.objects.filter(document=document).select_related("entity"))
    undecided = [row for row in rows if row.status == ReplacementStatus.SUGGESTED]
    current = next((row for row in rows if row.pk == at), None) or (undecided[0] if undecided else None)
    same: dict[str, int] = {}
    for row in undecided:
        key = folded(text[row.start : row.end])
        same[key] = same.get(key, 0) + 1
    items = [
        Item(
            row,
            text[row.start : row.end],
            text[max(0, row.start - CONTEXT) : row.start],
            text[row.end : row.end + CONTEXT],
            same.get(folded(text[row.start : row.end]), 0),
            current is not None and row.pk == current.pk,
        )
        for row in rows
    ]
    turns = OriginalTurn.objects.filter(document=document).select_related("speaker")
    return Review(
        blocks(
            text, turns, [((item.row.start, item.row.end), item) for item in items], labels, with_gaps=True
        ),
        items,
        next((item for item in items if item.is_current), None),
        len(undecided),
        sum(row.status == ReplacementStatus.ACCEPTED for row in rows),
        sum(row.status == ReplacementStatus.REJECTED for row in rows),
        [(row, labels.get(row.pk, "")) for row in speakers],
    )


def next_undecided(document: Document, after: int) -> UUID | None:
    """The first undecided place from this offset on, else the first of all."""
    rows = Replacement.objects.filter(document=document, status=ReplacementStatus.SUGGESTED)
    found = rows.filter(start__gte=after).first() or rows.first()
    return found.pk if found else None


# --- cleared text ---


def reading(version: Version) -> list[Block]:
    """Turns of a cleared text with their placeholders marked, and what stands between them."""
    turns = Turn.objects.filter(version=version).select_related("speaker")
    marks = [((int(a), int(b)), "placeholder") for a, b in version.placeholders]
    return blocks(version.text, turns, marks, {}, with_gaps=True)


def preview_of_clearance(document: Document, rendered: Rendered) -> list[Block]:
    """Blocks of the text as it will be cleared, rendered in memory from the list as it is now."""
    mover = Mover(rendered.edits)
    turns = []
    for turn in OriginalTurn.objects.filter(document=document).select_related("speaker"):
        span = mover.span((turn.start, turn.end))
        if span is None:
            continue
        turn.start, turn.end = span
        if turn.label_start is not None and turn.label_end is not None:
            turn.label_start, turn.label_end = mover.start(turn.label_start), mover.end(turn.label_end)
        turns.append(turn)
    marks = [(span, "placeholder") for span in rendered.placeholders]
    return blocks(rendered.text, turns, marks, {}, with_gaps=True)


# --- turns before they are confirmed ---


def turns_preview(document: Document) -> tuple[list[Block], list[tuple[Speaker, str, int]]]:
    """Blocks of the original with its turns as proposed, and each speaker with the label as typed and the
    number of turns."""
    text = sealing.text_of(sealing.original_of(document))
    speakers = list(Speaker.objects.filter(document=document).select_related("document", "participant"))
    labels = _typed(document, speakers)
    turns = list(OriginalTurn.objects.filter(document=document).select_related("speaker"))
    counted: dict[UUID | None, int] = {}
    for turn in turns:
        counted[turn.speaker_id] = counted.get(turn.speaker_id, 0) + 1
    shown = blocks(text, turns, [], labels, with_gaps=True)
    return shown, [(row, labels.get(row.pk, ""), counted.get(row.pk, 0)) for row in speakers]
