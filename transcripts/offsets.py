"""Arithmetic on texts that never change: edits, and what becomes of a span when they are made.

Offsets are Unicode code points, half-open `[start, end)`. An `Edit` replaces a span of one text; a list of
edits that do not overlap makes the next text. Nothing here looks for text: every new position follows from
the edits alone, and `verify` proves that it does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put `text` in place of `[start, end)`. An empty span inserts; an empty text removes."""

    start: int
    end: int
    text: str

    @property
    def growth(self) -> int:
        return len(self.text) - (self.end - self.start)

    def as_list(self) -> list[int | str]:
        return [self.start, self.end, self.text]


class BadEdits(ValueError):
    """The edits overlap, run backwards or leave the text. The message holds numbers only."""


def ordered(edits: Iterable[Edit | Sequence[int | str]], length: int | None = None) -> tuple[Edit, ...]:
    """The edits in order of position, checked. `length` is the number of code points of the text they
    change."""
    rows = sorted(e if isinstance(e, Edit) else Edit(int(e[0]), int(e[1]), str(e[2])) for e in edits)
    for edit in rows:
        if edit.start < 0 or edit.end < edit.start:
            raise BadEdits(f"An edit runs from {edit.start} to {edit.end}.")
        if length is not None and edit.end > length:
            raise BadEdits(f"An edit ends at {edit.end}, after the end of the text at {length}.")
    for one, other in pairwise(rows):
        if other.start < one.end or (one.start, one.end) == (other.start, other.end):
            raise BadEdits(f"Two edits meet at {other.start}.")
    return tuple(rows)


def apply(text: str, edits: Iterable[Edit | Sequence[int | str]]) -> str:
    """The text after the edits."""
    pieces: list[str] = []
    at = 0
    for edit in ordered(edits, len(text)):
        pieces += (text[at : edit.start], edit.text)
        at = edit.end
    pieces.append(text[at:])
    return "".join(pieces)


class Mover:
    """Moves positions and spans over one list of edits; each question costs a binary search."""

    def __init__(self, edits: Iterable[Edit | Sequence[int | str]]) -> None:
        self.edits = ordered(edits)
        self._starts = [e.start for e in self.edits]
        self._ends = [e.end for e in self.edits]
        self._growth = [0]
        for edit in self.edits:
            self._growth.append(self._growth[-1] + edit.growth)

    def placeholders(self) -> list[Span]:
        """Where the replacements stand in the new text; removals leave none."""
        return [
            (e.start + grown, e.start + grown + len(e.text))
            for e, grown in zip(self.edits, self._growth, strict=False)
            if e.text
        ]

    def start(self, position: int) -> int:
        """Where a span that begins at `position` begins now: inside or at the start of a replaced span,
        before its replacement.

        Text inserted exactly at `position` stays outside.
        """
        i = bisect_right(self._ends, position)
        if i < len(self.edits) and self.edits[i].start <= position:
            return self.edits[i].start + self._growth[i]
        return position + self._growth[i]

    def end(self, position: int) -> int:
        """Where a span that ends at `position` ends now: inside or at the end of a replaced span, after its
        replacement.

        Text inserted exactly at `position` stays outside.
        """
        i = bisect_left(self._starts, position)
        if i and self.edits[i - 1].end > position:
            edit = self.edits[i - 1]
            return edit.start + self._growth[i - 1] + len(edit.text)
        return position + self._growth[i]

    def span(self, span: Span) -> Span | None:
        """The span over the new text, snapped outward to whole replacements; None when nothing of it is
        left."""
        start, end = span
        if start == end:
            return None
        moved = (self.start(start), self.end(end))
        return moved if moved[0] < moved[1] else None

    def snapped(self, span: Span) -> Span:
        """The span over the *old* text, widened to the whole of each edit that it cuts or that it ends or
        begins with."""
        start, end = span
        i = bisect_right(self._ends, start)
        if i < len(self.edits) and self.edits[i].start <= start:
            start = self.edits[i].start
        j = bisect_left(self._starts, end)
        if j and self.edits[j - 1].end > end:
            end = self.edits[j - 1].end
        return start, end

    def predicted(self, before: str, span: Span) -> str:
        """What the edits say must stand under the moved span, computed from the old text alone."""
        start, end = self.snapped(span)
        inside = [
            Edit(e.start - start, e.end - start, e.text)
            for e in self.edits
            if start <= e.start and e.end <= end and not (e.start == e.end and e.start in (start, end))
        ]
        return apply(before[start:end], inside)

    def back(self, span: Span) -> Span:
        """A span of the new text as a span of the old one, widened to the whole of each replacement it
        touches."""
        start, end = span
        return self._back(start, is_end=False), self._back(end, is_end=True)

    def _back(self, position: int, *, is_end: bool) -> int:
        # The replacements' places in the new text, in order; removals have width nought and touch nothing.
        for edit, grown in zip(self.edits, self._growth, strict=False):
            left, right = edit.start + grown, edit.start + grown + len(edit.text)
            if left < position < right or (left == position < right and not is_end):
                return edit.end if is_end else edit.start
            if left < position == right and is_end:
                return edit.end
            if position < left or (position == left and is_end):
                return position - grown
        return position - self._growth[-1]


def verify(before: str, after: str, edits: Iterable[Edit | Sequence[int | str]]) -> None:
    """Raise unless `after` is exactly `before` with the edits: every unchanged run equal, every replacement
    in place, nothing more."""
    at = then = 0
    rows = ordered(edits, len(before))
    for edit in (*rows, Edit(len(before), len(before), "")):
        run = edit.start - at
        if before[at : edit.start] != after[then : then + run]:
            raise BadEdits(f"The text before {edit.start} changed without an edit.")
        then += run
        if not after.startswith(edit.text, then):
            raise BadEdits(f"The replacement at {edit.start} is not in the new text.")
        then += len(edit.text)
        at = edit.end
    if then != len(after):
        raise BadEdits("The new text is longer than the edits say.")


def revise(original: str, before: Iterable[Edit], after: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits that turn `apply(original, before)` into `apply(original, after)`.

    Where both lists treat a stretch of the original alike there is no edit; where they differ, the stretch is
    replaced as a whole.
    """
    was, now = ordered(before, len(original)), ordered(after, len(original))
    clusters: list[tuple[int, int, list[Edit], list[Edit]]] = []
    for edit, is_new in sorted([(e, False) for e in was] + [(e, True) for e in now]):
        joins = clusters and (
            edit.start < clusters[-1][1] or (edit.start == edit.end == clusters[-1][0] == clusters[-1][1])
        )
        if joins:
            start, end, old, new = clusters[-1]
            clusters[-1] = (start, max(end, edit.end), old, new)
        else:
            clusters.append((edit.start, edit.end, [], []))
        *_, old, new = clusters[-1]
        (new if is_new else old).append(edit)
    edits: list[Edit] = []
    shift = 0
    for start, end, old, new in clusters:
        stretch = original[start:end]
        old_text = apply(stretch, [Edit(e.start - start, e.end - start, e.text) for e in old])
        new_text = apply(stretch, [Edit(e.start - start, e.end - start, e.text) for e in new])
        if old_text != new_text:
            made = Edit(start + shift, start + shift + len(old_text), new_text)
            if edits and edits[-1].start == edits[-1].end == made.start == made.end:
                # Two removals side by side, both undone: in the old text they share one point.
                made = Edit(made.start, made.end, edits.pop().text + made.text)
            edits.append(made)
        shift += len(old_text) - (end - start)
    return ordered(edits)


def is_clear_of(span: Span, others: Iterable[Span]) -> bool:
    """Whether the span overlaps none of the others. Touching is not overlapping."""
    return all(span[1] <= start or end <= span[0] for start, end in others)
