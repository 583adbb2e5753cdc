"""What is wrong with a protocol file, said by line and field in plain English."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ipe.errors import BadFile

Path = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to correct. `line` counts from 1; 0 means that the file as a whole is meant."""

    line: int
    place: str
    message: str

    def __str__(self) -> str:
        where = f"Line {self.line}" if self.line else "The file"
        return f"{where}, {self.place}: {self.message}" if self.place else f"{where}: {self.message}"


class ProtocolRefused(BadFile):
    """The file cannot be imported. `problems` holds all that was found, by line; nothing was stored."""

    def __init__(self, problems: Iterable[Problem], *, file: str = "") -> None:
        self.problems = tuple(sorted(set(problems)))
        n = len(self.problems)
        head = "There is one thing to correct." if n == 1 else f"There are {n} things to correct."
        super().__init__(" ".join([head, *map(str, self.problems)]), file=file)


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int:
    """The line of the deepest part of `path` that stands in the file; parts that the file lacks are skipped.

    Validators put words into a path that no file holds (the name of a union's member, a missing field), so a
    part that does not extend a known path is passed over instead of ending the search.
    """
    known: Path = ()
    line = lines.get(known, 0)
    for part in path:
        if (*known, part) in lines:
            known = (*known, part)
            line = lines[known]
    return line


def place_of(data: object, path: Sequence[str | int]) -> str:
    """The path in a reader's words: entries of a list go by their code or name, not by their number."""
    words: list[str] = []
    for part in path:
        below = _below(data, part)
        if isinstance(part, int):
            words.append(_entry_name(below, part))
        else:
            words.append(part)
        data = below
    return " › ".join(words)


def _below(data: object, part: str | int) -> object:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data):
        return data[part]
    return None


def _entry_name(entry: object, index: int) -> str:
    if isinstance(entry, dict):
        for key in ("code", "name"):
            if isinstance(entry.get(key), (str, int)) and not isinstance(entry.get(key), bool):
                return f"“{entry[key]}”"
    return f"entry {index + 1}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """' Did you mean “…”?' for a near miss, else the list of what is known; empty when nothing is."""
    options = list(dict.fromkeys(known))
    near = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    if near:
        return f" Did you mean “{near[0]}”?"
    if not options:
        return ""
    shown = ", ".join(options[:30])
    return f" Known here: {shown}{' and others' if len(options) > 30 else ''}."
