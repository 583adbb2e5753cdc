"""How many identifiers the suggestions find in texts where a person has marked every one of them.

A marked identifier is found when the suggestions cover all of its words; covering some of them is a miss,
because what is left over still points at somebody. Precision is the share of suggestions that touch a marked
identifier: low precision costs the reviewer time, low recall costs somebody their privacy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from transcripts.identifiers import Known, suggest, surname, variants, words
from transcripts.names import TITLES
from transcripts.offsets import Span

_MARK = re.compile(r"\{\{(\w+)\|([^{}]+)\}\}")
_KNOWN = re.compile(r"# known (\w+): (.+)")


@dataclass(frozen=True)
class Gold:
    """A text with the spans that a person marked, by category, and what the study knows by name."""

    text: str
    marked: tuple[tuple[Span, str], ...]
    known: tuple[Known, ...]


@dataclass(frozen=True)
class Recall:
    """Counts by category of what was marked and of that what was found, and of all suggestions those that
    touch a mark."""

    marked: Mapping[str, int]
    found: Mapping[str, int]
    n_suggested: int
    n_touching: int
    missed: tuple[tuple[str, str], ...] = field(repr=False, default=())

    @property
    def n_marked(self) -> int:
        return sum(self.marked.values())

    @property
    def n_found(self) -> int:
        return sum(self.found.values())


def parse(source: str) -> Gold:
    """A gold text from its file. Raises ValueError when a mark is left open."""
    lines = source.split("\n")
    known: list[Known] = []
    while lines and (match := _KNOWN.fullmatch(lines[0])):
        category, name = match[1], match[2]
        key = f"{category}:{len(known)}"
        called = variants(name) if category == "person" else (name,)
        known.append(Known(key, category, called))
        if category == "person" and surname(name):
            known.append(Known("", category, (surname(name),)))
        lines.pop(0)
    marked_text = "\n".join(lines)
    pieces: list[str] = []
    spans: list[tuple[Span, str]] = []
    at = length = 0
    for match in _MARK.finditer(marked_text):
        before = marked_text[at : match.start()]
        pieces += (before, match[2])
        length += len(before)
        spans.append(((length, length + len(match[2])), match[1]))
        length += len(match[2])
        at = match.end()
    pieces.append(marked_text[at:])
    text = "".join(pieces)
    if "{{" in text or "}}" in text:
        raise ValueError("A mark is not closed.")
    return Gold(text, tuple(spans), tuple(known))


def measure(texts: Iterable[Gold]) -> Recall:
    """Recall and precision over all texts together."""
    marked: Counter[str] = Counter()
    found: Counter[str] = Counter()
    missed: list[tuple[str, str]] = []
    n_suggested = n_touching = 0
    for gold in texts:
        covered = bytearray(len(gold.text))
        suggestions = suggest(gold.text, gold.known)
        for one in suggestions:
            covered[one.start : one.end] = b"\1" * (one.end - one.start)
        for (start, end), category in gold.marked:
            marked[category] += 1
            inside = words(gold.text[start:end])
            if category == "person" and len(inside) > 1 and inside[0].folded in TITLES:
                inside = inside[1:]
            if all(all(covered[start + word.start : start + word.end]) for word in inside):
                found[category] += 1
            else:
                missed.append((category, gold.text[start:end]))
        n_suggested += len(suggestions)
        n_touching += sum(
            any(one.start < end and start < one.end for (start, end), _ in gold.marked) for one in suggestions
        )
    return Recall(dict(marked), dict(found), n_suggested, n_touching, tuple(missed))


FIRST = (
    112,
    154,
    32,
    63,
)  # found and marked in all, then people, in the first folder before any rule was changed


def report(first: Recall, second: Recall, kinds: Mapping[str, str]) -> str:
    """The page of the documentation: the held-out texts, and those that were measured first."""
    found, marked, people_found, people = FIRST
    return "\n".join(
        [
            "# How many identifiers are found",
            "",
            "Suggestions help a reviewer; they do not replace reading. This page says what they find and what they",
            "miss in invented transcripts (`tests/transcripts/gold/`) in which a person marked every identifier. An",
            "identifier counts as found when all of its words are covered. `python manage.py identifier_recall --write`",
            "writes this page again; a test fails when it is not what the rules do now.",
            "",
            "## Held-out texts",
            "",
            "Written after that rule of the first measurement (below) was added, and measured once. Corrections made since",
            "left these figures as they were: a word that the same text also writes small is no name; the O of O’Brien goes",
            "with it; National Insurance numbers, more ways of writing telephone numbers, postcodes and ages.",
            "",
            *_table(second, kinds),
            "",
            "## Texts of the first measurement",
            "",
            f"The first measurement found {found} of {marked} ({_percent(found, marked)}), and {people_found} of {people} "
            f"people ({_percent(people_found, people)}), counting",
            "a title as part of the name. Then one rule was added: a capitalised word that no list knows is suggested as a",
            "name. These texts are therefore no longer held out. Now:",
            "",
            *_table(first, kinds),
            "",
        ]
    )


def _table(recall: Recall, kinds: Mapping[str, str]) -> list[str]:
    rows = [(kinds.get(name, name), n, recall.found.get(name, 0)) for name, n in recall.marked.items()]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return [
        "| Kind | Marked | Found | Missed | Found of marked |",
        "|---|---:|---:|---:|---:|",
        *(f"| {kind} | {n} | {found} | {n - found} | {_percent(found, n)} |" for kind, n, found in rows),
        f"| **All** | **{recall.n_marked}** | **{recall.n_found}** | **{recall.n_marked - recall.n_found}** | "
        f"**{_percent(recall.n_found, recall.n_marked)}** |",
        "",
        f"Of {recall.n_suggested} suggestions, {recall.n_touching} ({_percent(recall.n_touching, recall.n_suggested)}) "
        "touch something that was marked; the rest are words that a reviewer keeps.",
        "",
        "Missed: "
        + "; ".join(f"“{words}” ({kinds.get(name, name).lower()})" for name, words in recall.missed)
        + ".",
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "–"
