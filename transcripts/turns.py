"""Who speaks where in a transcript: a first reading that the user then corrects.

A turn is a half-open span of code points over the untouched text, without its speaker's label; gaps
(headings, time lines, numbers of cues) belong to no turn. Nothing is trimmed from the text itself, only from
the spans.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from transcripts.offsets import Span

LABELS, VTT, SRT, PARAGRAPHS, LINES = "labels", "vtt", "srt", "paragraphs", "lines"
STYLES = (LABELS, VTT, SRT, PARAGRAPHS, LINES)


@dataclass(frozen=True, slots=True)
class Turn:
    """`[start, end)` is what was said; `label` is where the speaker's name stands, if it does; `at_ms` the
    time code."""

    start: int
    end: int
    label: Span | None = None
    speaker: str | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    style: str
    turns: tuple[Turn, ...]

    @property
    def speakers(self) -> dict[str, int]:
        """Each label as typed, in order of first speaking, with its number of turns."""
        return dict(Counter(turn.speaker for turn in self.turns if turn.speaker is not None))


CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_SPACE = r"[^\S\n]"
_NAME = r"[^\W\d_][^:\n\t\[\]<>]{0,39}?"
# Name and colon, with a time code before the name, after it in brackets, or after it plain.
_COLON = re.compile(
    rf"^{_SPACE}*(?:[\[(]?(?P<before>{CLOCK})[\])]?{_SPACE}+)?(?P<name>{_NAME}|[A-Z]{{1,3}}\d{{1,2}}){_SPACE}*"
    rf"(?:[\[(]?(?P<after>{CLOCK})[\])]?{_SPACE}*)?:(?=\s|$)",
    re.MULTILINE,
)
# A line of its own: "Name  01:02", "Name (01:02)", "Name<tab>01:02"; what was said begins on the next line.
_LINE = re.compile(
    rf"^{_SPACE}*(?P<name>{_NAME})(?:{_SPACE}{{2,}}|\t|{_SPACE}*(?=[\[(])|{_SPACE}(?=\d))[\[(]?(?P<after>{CLOCK})[\])]?{_SPACE}*$",
    re.MULTILINE,
)
# A row of a table: the name in a cell of its own, with or without a cell for the time.
_ROW = re.compile(
    rf"^(?:[\[(]?(?P<before>{CLOCK})[\])]?\t)?(?P<name>{_NAME})(?:\t[\[(]?(?P<after>{CLOCK})[\])]?)?\t(?=\S)",
    re.MULTILINE,
)
_ARROW = re.compile(rf"^{_SPACE}*(?P<from>{CLOCK}){_SPACE}+-->{_SPACE}+{CLOCK}[^\n]*$", re.MULTILINE)
_VOICE = re.compile(r"<v(?:\.[^\s>]{0,100})?\s{1,10}(?P<name>[^>\n]{1,200})>")
_BLANK = re.compile(rf"\n(?:{_SPACE}*\n)+")
_TITLE = re.compile(r"^(?:Dr|Mr|Mrs|Ms|Prof|Rev)\.\s")
# Labels when there are several of them, and the heading of something else when there is one.
_TOGETHER = frozenset(["question", "q", "answer", "speaker", "name", "who"])
# Words that open a line and a colon without speaking.
_NOT_SPEAKERS = frozenset(
    [
        "note",
        "notes",
        "date",
        "time",
        "place",
        "location",
        "site",
        "venue",
        "present",
        "duration",
        "length",
        "title",
        "subject",
        "re",
        "file",
        "recording",
        "interview",
        "interviewed",
        "transcript",
        "transcribed",
        "attendees",
        "apologies",
        "start",
        "end",
        "page",
        "https",
        "http",
        "however",
    ]
)


def milliseconds(clock: str) -> int:
    """ "1:02", "00:01:02.500" or "00:01:02,500" in milliseconds."""
    whole, _, part = clock.replace(",", ".").partition(".")
    seconds = 0
    for piece in whole.split(":"):
        seconds = seconds * 60 + int(piece)
    return seconds * 1000 + int((part or "0").ljust(3, "0"))


def trimmed(text: str, start: int, end: int) -> Span:
    """The span without white space at its ends; empty, at its start, when there is nothing else in it."""
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = end - (len(piece) - len(piece.rstrip()))
    return (left, right) if left < right else (start, start)


def guess_style(text: str) -> str:
    """The style that fits the text best; paragraphs when no label is found."""
    if text.lstrip().startswith("WEBVTT"):
        return VTT
    if len(_ARROW.findall(text)) >= 2:
        return SRT
    if _labels(text):
        return LABELS
    # A word processor ends a paragraph with one line end; typed text breaks its lines near column 80.
    lines = [line for line in text.split("\n") if line.strip()]
    is_wrapped = max(map(len, lines), default=0) <= 100
    return PARAGRAPHS if is_wrapped or _BLANK.search(text.strip()) else LINES


def read(text: str, style: str | None = None) -> Reading:
    """Turns and speakers of a text in one style, guessed unless named. Empty turns are left out."""
    chosen = style or guess_style(text)
    if chosen not in STYLES:
        raise ValueError(f"Unknown style of transcript: {chosen}")
    turns = _READERS[chosen](text)
    return Reading(chosen, tuple(turn for turn in turns if turn.start < turn.end))


def _is_label(name: str) -> bool:
    words = name.split()
    untitled = _TITLE.sub("", name)
    if not words or len(words) > 5 or re.search(r"[?!;“”\"]|\w\w\.\s", untitled):
        return False
    return name.casefold() not in _NOT_SPEAKERS


def _looks_like_a_name(name: str) -> bool:
    words = [word.lstrip("(") for word in name.split()]
    return len(words) <= 4 and all(word and not word[0].islower() for word in words)


Label = tuple[int, Span, str, int | None]


def _labels(text: str) -> list[Label]:
    """(where what was said begins, label, name, time) of each label. One that speaks once must look like a
    name."""
    found = max(_matches(text, (_COLON, _LINE)), _rows(text), key=len)
    spoken = Counter(name for _, _, name, _ in found)
    return [
        row
        for row in found
        if spoken[row[2]] > 1 or (_looks_like_a_name(row[2]) and row[2].casefold() not in _TOGETHER)
    ]


def _rows(text: str) -> list[Label]:
    """Labels in the first cells of a table, when most lines are such rows: other tables hold other things."""
    found = _matches(text, (_ROW,))
    spoken = Counter(name for _, _, name, _ in found)
    n_again = sum(n for n in spoken.values() if n > 1)
    n_lines = sum(bool(line.strip()) for line in text.split("\n"))
    return found if 2 * n_again > n_lines else []


def _matches(text: str, patterns: Iterable[re.Pattern[str]]) -> list[Label]:
    found: list[Label] = []
    for pattern in patterns:
        for match in pattern.finditer(text):
            name = match["name"].rstrip()
            if _is_label(name):
                groups = match.groupdict()
                clock = groups.get("before") or groups.get("after")
                span = (match.start("name"), match.start("name") + len(name))
                found.append((match.end(), span, name, milliseconds(clock) if clock else None))
    return sorted(found)


def _by_labels(text: str) -> list[Turn]:
    found = _labels(text)
    turns = []
    for n, (begins, label, name, at_ms) in enumerate(found):
        until = found[n + 1][1][0] if n + 1 < len(found) else len(text)
        # A time code before the next label belongs to the next turn.
        line = text.rfind("\n", begins, until)
        until = line if n + 1 < len(found) and line != -1 else until
        turns.append(Turn(*trimmed(text, begins, until), label, name, at_ms))
    return turns


def _by_paragraphs(text: str) -> list[Turn]:
    turns = []
    at = 0
    for match in _BLANK.finditer(text):
        turns.append(Turn(*trimmed(text, at, match.start())))
        at = match.end()
    turns.append(Turn(*trimmed(text, at, len(text))))
    return turns


def _by_cues(text: str, voices: Callable[[str, int, int, int], Iterable[Turn]]) -> list[Turn]:
    """Each cue runs from its time line to the next blank line, at most to the next time line."""
    turns: list[Turn] = []
    matches = list(_ARROW.finditer(text))
    for n, match in enumerate(matches):
        begins = match.end()
        limit = matches[n + 1].start() if n + 1 < len(matches) else len(text)
        blank = _BLANK.search(text, begins, limit)
        until = blank.start() if blank else limit
        turns += voices(text, begins, until, milliseconds(match["from"]))
    return turns


def _spoken(text: str, begins: int, until: int, at_ms: int) -> Iterable[Turn]:
    match = _COLON.search(text[begins:until].lstrip("\n- "))
    skipped = len(text[begins:until]) - len(text[begins:until].lstrip("\n- "))
    if match and match.start() == 0 and _is_label(match["name"].rstrip()):
        at = begins + skipped
        name = match["name"].rstrip()
        label = (at + match.start("name"), at + match.start("name") + len(name))
        yield Turn(*trimmed(text, at + match.end(), until), label, name, at_ms)
    else:
        yield Turn(*trimmed(text, begins, until), None, None, at_ms)


def _voiced(text: str, begins: int, until: int, at_ms: int) -> Iterable[Turn]:
    voices = list(_VOICE.finditer(text, begins, until))
    if not voices:
        yield from _spoken(text, begins, until, at_ms)
        return
    for n, voice in enumerate(voices):
        stop = voices[n + 1].start() if n + 1 < len(voices) else until
        closing = text.find("</v>", voice.end(), stop)
        name = voice["name"].strip()
        at = voice.start("name") + len(voice["name"]) - len(voice["name"].lstrip())
        said = trimmed(text, voice.end(), closing if closing != -1 else stop)
        yield Turn(*said, (at, at + len(name)), name, at_ms)


_READERS: dict[str, Callable[[str], list[Turn]]] = {
    LABELS: _by_labels,
    PARAGRAPHS: _by_paragraphs,
    LINES: lambda text: [Turn(*trimmed(text, *match.span())) for match in re.finditer(r"[^\n]+", text)],
    VTT: lambda text: _by_cues(text, _voiced),
    SRT: lambda text: _by_cues(text, _spoken),
}


def without_label(turns: Sequence[Turn], name: str) -> tuple[Turn, ...]:
    """The turns after the user says that `name` is no speaker: each of its turns, with its label, joins the
    turn before it.

    One that comes first keeps its place, without speaker, and its label becomes part of what is said.
    """
    kept: list[Turn] = []
    for turn in turns:
        if turn.speaker != name:
            kept.append(turn)
        elif kept:
            kept[-1] = replace(kept[-1], end=turn.end)
        else:
            kept.append(Turn(turn.label[0] if turn.label else turn.start, turn.end, None, None, turn.at_ms))
    return tuple(kept)


def joined(turns: Sequence[Turn], ordinal: int) -> tuple[Turn, ...]:
    """The turns with the one at `ordinal` (from nought) joined to the one before it."""
    if not 0 < ordinal < len(turns):
        raise ValueError("The first turn has nothing before it.")
    before, turn = turns[ordinal - 1], turns[ordinal]
    return (*turns[: ordinal - 1], replace(before, end=turn.end), *turns[ordinal + 1 :])


def split(text: str, turns: Sequence[Turn], ordinal: int, at: int) -> tuple[Turn, ...]:
    """The turns with the one at `ordinal` cut in two at the offset `at`; the second half has no speaker
    yet."""
    turn = turns[ordinal]
    first, second = trimmed(text, turn.start, at), trimmed(text, at, turn.end)
    if not turn.start < at < turn.end or first[0] == first[1] or second[0] == second[1]:
        raise ValueError("Choose a place inside what was said.")
    halves = (replace(turn, start=first[0], end=first[1]), Turn(*second))
    return (*turns[:ordinal], *halves, *turns[ordinal + 1 :])


def problems(turns: Sequence[Turn], length: int) -> list[str]:
    """What is wrong with the turns as spans over a text of this length; empty when nothing is."""
    found = []
    at = 0
    for n, turn in enumerate(turns, 1):
        start = turn.label[0] if turn.label else turn.start
        if not 0 <= start <= turn.start < turn.end <= length:
            found.append(f"Turn {n} does not lie inside the text.")
        if start < at:
            found.append(f"Turn {n} begins before the turn above it ends.")
        at = turn.end
    return found
