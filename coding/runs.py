"""The content of a matrix cell: a list of runs, never HTML or Markdown.

A run is {"kind", "text", "bold", "italic", "quote"}. A *verbatim* run names a quote link and holds no text of
its own: the words are cut from the transcript whenever the cell is shown, so that a redaction or a withdrawal
reaches them. *summary* is the researcher's charting, *comment* the researcher's remark; both are plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast
from uuid import UUID

RunKind = Literal["verbatim", "summary", "comment"]
KINDS = ("verbatim", "summary", "comment")
MOST_RUNS = 400
MOST_CHARACTERS = 20_000
KEYS = frozenset({"kind", "text", "bold", "italic", "quote"})
# What no text may hold: C0 controls except tab and newline, and lone surrogates, which UTF-8 cannot store.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class BadRuns(ValueError):
    """The runs cannot be stored; the message is plain English and quotes none of their text."""


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of a cell. `quote` is the id of a quote link, on verbatim runs only."""

    kind: RunKind
    text: str = ""
    bold: bool = False
    italic: bool = False
    quote: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The stored form: keys that say nothing are left out."""
        stored: dict[str, Any] = {"kind": self.kind}
        if self.text:
            stored["text"] = self.text
        if self.bold:
            stored["bold"] = True
        if self.italic:
            stored["italic"] = True
        if self.quote:
            stored["quote"] = self.quote
        return stored


def parse(value: object) -> list[Run]:
    """Runs from untrusted JSON, tidied: empty runs dropped, neighbours of the same kind and style joined; none at
    all where there is only blank space.

    Line ends become \\n. Raises BadRuns for anything that is not a list of runs as described above, for a
    verbatim run without a quote link, for more than MOST_RUNS runs or MOST_CHARACTERS characters.
    """
    if not isinstance(value, list):
        raise BadRuns("A cell is a list of runs.")
    if len(value) > MOST_RUNS:
        raise BadRuns(f"A cell can hold {MOST_RUNS} runs at most.")
    runs = tidy(_run(item) for item in value)
    if sum(len(run.text) for run in runs) > MOST_CHARACTERS:
        raise BadRuns(f"A cell can hold {MOST_CHARACTERS:,} characters at most; this is a summary.")
    # An editor leaves blanks where words were deleted; a cell of blanks says nothing.
    return runs if any(run.kind == "verbatim" or run.text.strip() for run in runs) else []


def _run(item: object) -> Run:
    if not isinstance(item, Mapping) or not KEYS.issuperset(item):
        raise BadRuns("A run has a kind, a text, bold, italic and a quote, and nothing else.")
    kind, text, quote = item.get("kind"), item.get("text", ""), item.get("quote")
    if kind not in KINDS:
        raise BadRuns("A run is verbatim, summary or comment.")
    if not isinstance(text, str):
        raise BadRuns("The text of a run must be text.")
    bold, italic = item.get("bold", False), item.get("italic", False)
    if not isinstance(bold, bool) or not isinstance(italic, bool):
        raise BadRuns("Bold and italic are yes or no.")
    if kind == "verbatim":
        return Run("verbatim", "", bold, italic, _quote_id(quote))
    if quote is not None:
        raise BadRuns("Only the participant's own words can carry a quote link.")
    clean = _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return Run(cast("RunKind", kind), clean, bold, italic)


def _quote_id(quote: object) -> str:
    try:
        return str(UUID(str(quote)))
    except ValueError:
        raise BadRuns("The participant's own words need a quote link.") from None


def tidy(runs: Iterable[Run]) -> list[Run]:
    """Without empty runs; neighbours alike in kind and style joined, verbatim runs kept apart."""
    kept: list[Run] = []
    for run in runs:
        if run.kind != "verbatim" and not run.text:
            continue
        last = kept[-1] if kept else None
        if last and run.kind != "verbatim" and replace(last, text="") == replace(run, text=""):
            kept[-1] = replace(last, text=last.text + run.text)
        else:
            kept.append(run)
    return kept


def stored(runs: Iterable[Run]) -> list[dict[str, Any]]:
    return [run.as_dict() for run in runs]


def quotes(runs: Iterable[Run]) -> list[str]:
    """Ids of the quote links, in order of first use."""
    return list(dict.fromkeys(run.quote for run in runs if run.quote))


def without_quotes(runs: Iterable[Run], gone: Iterable[str]) -> list[Run]:
    """The runs without the verbatim runs that rest on these quote links."""
    lost = set(gone)
    return tidy(run for run in runs if run.quote not in lost)


def plain(runs: Iterable[Run], words: Mapping[str, str]) -> str:
    """One line of reading: verbatim in quotation marks, comments in square brackets.

    `words` gives the text of each quote link; a link without words reads "quote removed".
    """
    parts: list[str] = []
    for run in runs:
        if run.kind == "verbatim":
            said = words.get(run.quote or "")
            parts.append(f"“{said}”" if said is not None else "[quote removed]")
        elif run.kind == "comment":
            parts.append(f"[{run.text.strip()}]")
        else:
            parts.append(run.text)
    return "".join(parts)
