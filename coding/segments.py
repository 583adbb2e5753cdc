"""Cut overlapping codings into flat segments.

A sweep over the *codings*, never over the set of codes: when the same code is applied to 0-10 and to 5-20,
closing the first must not close the second. Positions are code points, spans half-open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """One coding as the sweep needs it: half-open, in code points; `code` is an index into the code list."""

    start: int
    end: int
    id: int
    code: int


class Segment(NamedTuple):
    """A stretch over which the same codings are active; `spans` in the order in which they began."""

    start: int
    end: int
    spans: tuple[Span, ...]


_BITS = 32
_MASK = (1 << _BITS) - 1


def sweep(spans: Iterable[Span]) -> tuple[list[Span], list[tuple[int, int, tuple[int, ...]]]]:
    """The spans in drawing order, and flat pieces (start, end, numbers of the active spans in that order).

    The fast form, for pages with thousands of codings; `segments` is the comfortable one. Spans that begin
    together are ordered by code, then by id, so that the same page is drawn twice alike. Empty or inverted
    spans are ignored (the database refuses them).
    """
    ordered = [entry[3] for entry in sorted([(s[0], s[3], s[2], s) for s in spans if s[1] > s[0]])]
    # One integer for each end: position, then closing before opening, then the number. Integers sort about three
    # times as fast as tuples, and this is most of the sweep.
    events = [((span[0] << 1) | 1) << _BITS | number for number, span in enumerate(ordered)]
    events += [(span[1] << 1) << _BITS | number for number, span in enumerate(ordered)]
    events.sort()
    found: list[tuple[int, int, tuple[int, ...]]] = []
    active: dict[int, None] = {}
    previous = -1
    for event in events:
        position = event >> _BITS + 1
        number = event & _MASK
        if position > previous:
            if active:
                found.append((previous, position, tuple(active)))
            previous = position
        if event >> _BITS & 1:
            active[number] = None
        else:
            del active[number]
    return ordered, found


def segments(spans: Iterable[Span]) -> list[Segment]:
    """Flat, sorted, non-empty segments covering exactly the union of the spans."""
    ordered, found = sweep(spans)
    return [Segment(start, end, tuple([ordered[n] for n in numbers])) for start, end, numbers in found]


def _by_start(span: Span) -> tuple[int, int, int]:
    return (span.start, span.code, span.id)


def trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without its outer whitespace, or None when nothing but whitespace is left."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return None
    lead = len(piece) - len(piece.lstrip())
    return start + lead, start + lead + len(stripped)


@dataclass(frozen=True, slots=True)
class IntervalIndex:
    """Which spans touch a stretch, in O(log n + answer) for spans of ordinary length.

    `reach[i]` is the furthest end among the first i+1 spans sorted by start, so the walk to the left can stop.
    """

    ordered: tuple[Span, ...]
    starts: tuple[int, ...]
    reach: tuple[int, ...]

    @classmethod
    def of(cls, spans: Iterable[Span]) -> IntervalIndex:
        ordered = tuple(sorted(spans, key=_by_start))
        reach: list[int] = []
        furthest = 0
        for span in ordered:
            furthest = max(furthest, span.end)
            reach.append(furthest)
        return cls(ordered, tuple(span.start for span in ordered), tuple(reach))

    def touching(self, start: int, end: int) -> list[Span]:
        """Spans sharing at least one code point with [start, end), by start."""
        found: list[Span] = []
        at = bisect_right(self.starts, end - 1) - 1
        while at >= 0 and self.reach[at] > start:
            if self.ordered[at].end > start:
                found.append(self.ordered[at])
            at -= 1
        found.reverse()
        return found
