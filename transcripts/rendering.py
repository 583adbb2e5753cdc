"""From the original and what was decided to the text of a version: replacements and speakers' labels in
place, and every turn moved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transcripts.offsets import BadEdits, Edit, Mover, Span, apply, ordered, verify


@dataclass(frozen=True, slots=True)
class Rendered:
    """`edits` lead from the original to `text`; `placeholders` are the spans of the replacements in
    `text`."""

    text: str
    edits: tuple[Edit, ...]
    placeholders: tuple[Span, ...]

    @property
    def sha256(self) -> str:
        return digest(self.text)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def bracketed(label: str) -> str:
    """A pseudonym as it stands in a text: in one pair of square brackets, on one line."""
    inner = " ".join(label.replace("[", " ").replace("]", " ").split())
    return f"[{inner}]" if inner else ""


def render(original: str, replacements: Iterable[Edit], labels: Iterable[Edit]) -> Rendered:
    """The text that codings may use. Labels are the speakers' names before their turns; replacements may not
    reach into one.

    Raises
        BadEdits: Two replacements overlap, or one reaches into a label or out of the text.
    """
    edits = ordered([*replacements, *labels], len(original))
    text = apply(original, edits)
    verify(original, text, edits)
    return Rendered(text, edits, tuple(Mover(edits).placeholders()))


def moved(spans: Sequence[Span], edits: Iterable[Edit]) -> list[Span | None]:
    """Each span over the new text, None where nothing is left."""
    mover = Mover(edits)
    return [mover.span(span) for span in spans]


def crosses(span: Span, turns: Iterable[Span]) -> bool:
    """Whether the span begins in one turn (or gap) and ends in another, so that a replacement would tie the
    two together."""
    return any(
        start < span[1] and span[0] < end and not (start <= span[0] and span[1] <= end)
        for start, end in turns
    )


__all__ = ["BadEdits", "Rendered", "bracketed", "crosses", "digest", "moved", "render"]
