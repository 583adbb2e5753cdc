"""Code colours: 12 hues in 2 lightnesses, for light and dark pages, and the stylesheet made from them.

Chosen in OKLCH at equal lightness within a tone, so that no code shouts; told apart by hue, by tone and by the
style of the underline, which also survives forced colours and print. `tests/coding/test_palette.py` measures
the contrast and keeps `static/coding/codes.css` equal to `stylesheet()`.
"""

from __future__ import annotations

from typing import NamedTuple


class Swatch(NamedTuple):
    """`fill` lies behind text, `line` draws underlines and stripes; the dark pair is for dark pages."""

    name: str
    fill: str
    line: str
    dark_fill: str
    dark_line: str


SWATCHES: tuple[Swatch, ...] = (
    Swatch("pale rose", "#fddfe2", "#a64355", "#4f272d", "#ec8a97"),
    Swatch("pale vermilion", "#ffe0d6", "#a54a28", "#4f2a1d", "#eb9070"),
    Swatch("pale amber", "#fbe4c8", "#8f5d04", "#48300d", "#d99e4d"),
    Swatch("pale olive", "#eceac8", "#736c01", "#3a370d", "#b6af4d"),
    Swatch("pale leaf", "#dbefd1", "#467922", "#283c1b", "#89bc6d"),
    Swatch("pale jade", "#cff2de", "#007d51", "#133f2b", "#5dc291"),
    Swatch("pale teal", "#c7f2ee", "#007974", "#023e3c", "#2ac3bb"),
    Swatch("pale sky", "#c9efff", "#027493", "#043b4c", "#41bae4"),
    Swatch("pale blue", "#dbe9fe", "#3568b2", "#213654", "#7aacf6"),
    Swatch("pale violet", "#e6e5fd", "#675aaf", "#343052", "#a79ef2"),
    Swatch("pale plum", "#f5dffc", "#874e99", "#422b49", "#ca92dc"),
    Swatch("pale magenta", "#fddeee", "#9b467a", "#4b283c", "#e08bbc"),
    Swatch("deep rose", "#feb8c0", "#812a3b", "#763640", "#fdb4bc"),
    Swatch("deep vermilion", "#ffbba4", "#81300f", "#753a24", "#feb79e"),
    Swatch("deep amber", "#f1c590", "#6a4404", "#6b4300", "#f7bf77"),
    Swatch("deep olive", "#d6d190", "#554f02", "#544f06", "#d5cf77"),
    Swatch("deep leaf", "#b6dba3", "#2d5a04", "#375822", "#acdb92"),
    Swatch("deep jade", "#9cdfbb", "#075c3b", "#0c5c3c", "#87e1b2"),
    Swatch("deep teal", "#89e0da", "#025956", "#085955", "#67e2da"),
    Swatch("deep sky", "#8fdaf8", "#00566e", "#04556d", "#77d9ff"),
    Swatch("deep blue", "#b1d0fe", "#1e4b8d", "#2c4d7d", "#abcdfe"),
    Swatch("deep violet", "#cbc6fe", "#4c3f8a", "#4b447b", "#c7c3fe"),
    Swatch("deep plum", "#e5bdf2", "#673477", "#613c6d", "#e9b4f9"),
    Swatch("deep magenta", "#f7b8db", "#782c5c", "#6f3758", "#feaddb"),
)
SIZE = len(SWATCHES)
TEXT_LIGHT, PAGE_LIGHT = "#1f1d1a", "#ffffff"
TEXT_DARK, PAGE_DARK = "#f3f0ea", "#1b1a18"
# By hue in turn: neighbours in the wheel never share a style.
UNDERLINES = ("solid", "dashed", "dotted", "double")


def next_colour(used: list[int]) -> int:
    """The colour index used least so far; the pale tone first, hues spread round the wheel."""
    spread = [tone * 12 + (step * 5) % 12 for tone in (0, 1) for step in range(12)]
    return min(spread, key=lambda colour: (used.count(colour), spread.index(colour)))


def contrast(first: str, second: str) -> float:
    """WCAG 2.2 contrast ratio of two #rrggbb colours."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def stylesheet() -> str:
    """static/coding/codes.css, whole.

    `.cN` sets the colours of a code, on marks, stripes and chips alike. On a mark the first code is the
    background and the text underline; `.uN .vN .wN` colour the second to fourth code's stacked lines.
    """
    lines = ["/* Made by coding/palette.py: change it there, then run its test. */", ":root {"]
    lines += [
        f"  --code-{n}: light-dark({s.fill}, {s.dark_fill}); --line-{n}: light-dark({s.line}, {s.dark_line});"
        for n, s in enumerate(SWATCHES)
    ]
    lines += ["}"]
    for n in range(SIZE):
        style = UNDERLINES[n % len(UNDERLINES)]
        lines.append(f".c{n} {{ --fill: var(--code-{n}); --stroke: var(--line-{n}); --style: {style}; }}")
        lines.append(f".u{n} {{ --u: var(--line-{n}); }} .v{n} {{ --v: var(--line-{n}); }}")
        lines.append(f".w{n} {{ --w: var(--line-{n}); }}")
    return "\n".join(lines) + "\n" + _MARKS


_MARKS = """\
mark[data-codings] {
  background-color: var(--fill);
  color: inherit;
  border: 0;
  box-shadow: none;
  text-decoration: underline var(--style) 2px var(--stroke);
  text-underline-offset: 3px;
  text-decoration-skip-ink: none;
  background-repeat: no-repeat;
  cursor: pointer;
}
mark.d2 { padding-bottom: 3px; background-image: linear-gradient(var(--u), var(--u));
  background-size: 100% 2px; background-position: 0 100%; }
mark.d3 { padding-bottom: 6px; background-image: linear-gradient(var(--u), var(--u)),
  linear-gradient(var(--v), var(--v)); background-size: 100% 2px;
  background-position: 0 calc(100% - 3px), 0 100%; }
mark.d4 { padding-bottom: 9px; background-image: linear-gradient(var(--u), var(--u)),
  linear-gradient(var(--v), var(--v)), linear-gradient(var(--w), var(--w)); background-size: 100% 2px;
  background-position: 0 calc(100% - 6px), 0 calc(100% - 3px), 0 100%; }
mark[data-more]::after { content: "+" attr(data-more); font-size: 0.65em; vertical-align: super;
  padding-inline-start: 1px; }
mark[data-codings]:focus-visible { outline: 2px solid currentColor; outline-offset: 1px; }
.stripe, .code-chip { border-inline-start: 5px solid var(--stroke); }
.stripe.c12, .stripe.c13, .stripe.c14, .stripe.c15, .stripe.c16, .stripe.c17, .stripe.c18, .stripe.c19,
.stripe.c20, .stripe.c21, .stripe.c22, .stripe.c23 { border-inline-start-style: double; }
@media (forced-colors: active) {
  mark[data-codings] { background: Mark; color: MarkText; text-decoration-color: currentColor; }
  mark.d2, mark.d3, mark.d4 { border-bottom: 1px solid currentColor; }
}
@media print { mark[data-codings] { print-color-adjust: exact; } }
"""
