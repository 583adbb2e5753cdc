"""The least that a browser can do for a coded text: the same spans over the same words, drawn by the CSS Custom Highlight API.

No element stands around a coded passage, hence there is nothing to click, no name of a code, no stripe beside the text, no list
of codes and no page around it. It is a floor for the browser's work, not a page that anybody could code with.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence

N_LOOKS = 24  # of the palette's colours

_STYLE = """
body { margin: 0 auto; max-inline-size: 58ch; font: 1rem/1.6 system-ui, sans-serif; }
p { margin: 0; padding-block: 0.5rem; white-space: pre-wrap; content-visibility: auto; contain-intrinsic-size: auto 6rem; }
"""

# Static ranges: live ones would have to follow every change of the text.
_SCRIPT = """
const nodes = Array.from(document.querySelectorAll("p"), (said) => said.firstChild);
const looks = new Map();
for (const [look, first, start, last, end] of JSON.parse(document.getElementById("spans").textContent)) {
  const range = new StaticRange({
    startContainer: nodes[first], startOffset: start, endContainer: nodes[last], endOffset: end,
  });
  if (!looks.has(look)) looks.set(look, []);
  looks.get(look).push(range);
}
for (const [look, ranges] of looks) CSS.highlights.set(`look-${look}`, new Highlight(...ranges));
document.body.dataset.ready = "";
"""

COUNT = "() => Array.from(CSS.highlights.values()).reduce((sum, highlight) => sum + highlight.size, 0)"


def page(turns: Sequence[str], spans: Sequence[tuple[int, int, int]]) -> str:
    """The page. `spans` are (start, end, number of the look) over the turns joined by one character, as our versions are."""
    looks = "\n".join(
        f"::highlight(look-{n}) {{ background-color: hsl({n * 15} 80% 88%); text-decoration: underline hsl({n * 15} 60% 35%); }}"
        for n in range(N_LOOKS)
    )
    said = "".join(f"<p>{html.escape(turn, quote=False)}</p>" for turn in turns)
    placed = json.dumps(_placed(turns, spans), separators=(",", ":"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Floor</title><style>{_STYLE}{looks}</style>'
        f'<body>{said}<script type="application/json" id="spans">{placed}</script><script>{_SCRIPT}</script>'
    )


def _placed(
    turns: Sequence[str], spans: Sequence[tuple[int, int, int]]
) -> list[tuple[int, int, int, int, int]]:
    """(look, turn and place of the start, turn and place of the end) of each span, in UTF-16 units; the words are ASCII."""
    where: list[tuple[int, int]] = []
    for number, turn in enumerate(turns):
        where += [(number, place) for place in range(len(turn) + 1)]
    return [(look, *where[start], *where[end]) for start, end, look in spans]
