"""Turns and codings to HTML, by joining strings.

A template engine takes about ten times as long for ten thousand marks. Every piece of text passes `_text` or
`_attribute`; nothing else reaches the page except integers and class names made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from coding.segments import Span, sweep

MOST_LINES = 3  # stacked underlines below the first code's own; more become "+n"


class CodeLook(NamedTuple):
    """What the page must know of a code: public id, name as the user wrote it, colour index 0-23."""

    id: str
    name: str
    colour: int


class TurnBlock(NamedTuple):
    """One turn to draw: its place in the document, its span in code points, who speaks."""

    ordinal: int
    start: int
    end: int
    speaker: str
    is_interviewer: bool


def _text(piece: str) -> str:
    return piece.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(piece: str) -> str:
    return _text(piece).replace('"', "&quot;").replace("'", "&#x27;")


Opening = Callable[[tuple[int, ...]], str]


def _opener(codes: Sequence[CodeLook], ordered: Sequence[Span]) -> Opening:
    """Gives the opening tag of a mark from the numbers of its spans.

    A closure over look-up tables instead of an object: this runs ten thousand times for one page, and reading an
    attribute would be a third of it. What depends on codes alone is made once per combination.
    """
    code_of = [span[3] for span in ordered]
    id_of = [str(span[2]) for span in ordered]
    names = [_attribute(code.name) for code in codes]
    # class names of a code as first, second, third and fourth of a stretch
    first, second, third, fourth = ([f"{letter}{code.colour}" for code in codes] for letter in "cuvw")
    alone = [
        f'<mark class="{look}" title="coded: {name}" data-codings="'
        for look, name in zip(first, names, strict=True)
    ]
    heads: dict[tuple[int, ...], str] = {}

    def head(codes: tuple[int, ...]) -> str:
        depth = len(codes)
        if depth == 1:
            return alone[codes[0]]
        classes = f"{first[codes[0]]} d{min(depth, MOST_LINES + 1)} {second[codes[1]]}"
        if depth > 2:
            classes += f" {third[codes[2]]}"
        if depth > 3:
            classes += f" {fourth[codes[3]]}"
        if depth > MOST_LINES + 1:
            classes += f'" data-more="{depth - MOST_LINES - 1}'
        named = ", ".join([names[code] for code in codes])
        return f'<mark class="{classes}" title="coded: {named}" data-codings="'

    def opening(numbers: tuple[int, ...]) -> str:
        if len(numbers) == 1:
            return f'{alone[code_of[numbers[0]]]}{id_of[numbers[0]]}">'
        codes = tuple(dict.fromkeys([code_of[number] for number in numbers]))
        made = heads.get(codes)
        if made is None:
            made = heads[codes] = head(codes)
        return f'{made}{" ".join([id_of[number] for number in numbers])}">'

    return opening


def blocks(
    text: str,
    turns: Iterable[TurnBlock],
    spans: Iterable[Span],
    codes: Sequence[CodeLook],
    *,
    offset: int = 0,
) -> list[tuple[int, str]]:
    """(ordinal, HTML) of each turn, in order.

    `text` may be a slice of the document that begins at code point `offset`. Turns must be sorted and must not
    overlap; text between turns is not drawn, and a coding over such a gap simply has no mark there.
    """
    ordered, cut = sweep(spans)
    opening = _opener(codes, ordered)
    drawn: list[tuple[int, str]] = []
    at = 0
    for turn in turns:
        parts, at = _pieces(text, offset, turn, cut, at, opening)
        drawn.append((turn.ordinal, "".join(parts)))
    return drawn


def _pieces(
    text: str,
    offset: int,
    turn: TurnBlock,
    cut: Sequence[tuple[int, int, tuple[int, ...]]],
    at: int,
    opening: Opening,
) -> tuple[list[str], int]:
    """The parts of one turn, and the number of the first piece that the next turn must look at."""
    _, start, end, _, _ = turn
    parts = [_turn_opening(turn)]
    position = start
    last = len(cut)
    while at < last:
        piece_start, piece_end, numbers = cut[at]
        if piece_end <= start:
            at += 1
            continue
        if piece_start >= end:
            break
        if piece_start > position:
            parts.append(_text(text[position - offset : piece_start - offset]))
            position = piece_start
        stop = piece_end if piece_end < end else end
        parts.append(f"{opening(numbers)}{_text(text[position - offset : stop - offset])}</mark>")
        position = stop
        if piece_end > end:
            break  # the same piece goes on in the next turn
        at += 1
    if position < end:
        parts.append(_text(text[position - offset : end - offset]))
    parts.append("</p></div>")
    return parts, at


def _turn_opening(turn: TurnBlock) -> str:
    kind = "turn interviewer" if turn.is_interviewer else "turn"
    n = turn.ordinal
    return (
        f'<div class="{kind}" id="t{n}" data-turn="{n}"><span class="who" id="w{n}">'
        f"<b>{n}</b> {_text(turn.speaker)}</span>"
        f'<p class="said" data-start="{turn.start}" data-end="{turn.end}">'
    )


def index_of(spans: Iterable[Span]) -> str:
    """The interval index for the browser: JSON rows [start, end, id, code] by start, safe inside a script."""
    return json.dumps(sorted(spans), separators=(",", ":"))


def codes_json(codes: Sequence[CodeLook]) -> str:
    """Codes for the browser, as a JSON list [[id, name, colour], …] that cannot close its script element."""
    body = json.dumps(codes, separators=(",", ":"), ensure_ascii=False)
    return body.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class TreeRow(NamedTuple):
    """A code beside the text."""

    look: CodeLook
    level: int
    full_name: str
    is_codable: bool
    definition: str
    n_codings: int


def code_tree(rows: Iterable[TreeRow], address: str) -> str:
    """The codes as list items; `address` leads to a code's page, with "CODE" where its id goes."""
    parts = []
    for (id_, name, colour), level, _, is_codable, definition, n in rows:
        title = f' title="{_attribute(definition[:300])}"' if definition else ""
        parts.append(
            f'<li class="level-{level}" data-code="{id_}" data-level="{level}"{" data-codable" if is_codable else ""}>'
            f'<a class="code-chip c{colour}" href="{address.replace("CODE", id_)}"{title}>{_text(name)}</a> '
            f'<span class="count">{n}</span></li>'
        )
    return "".join(parts)


def code_options(rows: Iterable[TreeRow]) -> str:
    """The codes as options of a select, by their full names."""
    return "".join([f'<option value="{row.look.id}">{_text(row.full_name)}</option>' for row in rows])
