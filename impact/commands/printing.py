"""What the commands print: aligned tables, numbers, notes beside them, or the same as JSON."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from exports.cleaning import clean
from exports.digits import printed, snapped

if TYPE_CHECKING:
    from exports.table import Block, Table

WIDTH = 110


class Remarkable(Protocol):
    """A note of a result or of a bundle."""

    @property
    def text(self) -> str: ...


def say(text: str = "") -> None:
    """One line on standard output, without what would steer a terminal: names and words may come from anybody."""
    sys.stdout.write(clean(text) + "\n")


def tell(text: str) -> None:
    """One line beside the results, on standard error, as clean."""
    sys.stderr.write(clean(text) + "\n")


def number(value: float | None) -> str:
    """Six significant digits of what is measured, counts in full; a dash where there is no number.

    Whether a measured number is whole is never asked: its last digits would answer.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, Integral):
        return f"{value:,}"
    value = float(printed(value, ".6g"))
    return printed(value, ",.0f" if 1e6 <= abs(value) < 1e15 else ",.6g")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns that line up."""
    lines = [tuple(clean(word).replace("\n", " ") for word in line) for line in (header, *rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(header))]
    for line in lines:
        say("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def notes(found: Iterable[Remarkable], *, heading: str = "Read beside it:") -> None:
    """Every note once, under the numbers that it belongs to."""
    texts = list(dict.fromkeys(note.text for note in found))
    if texts:
        say()
        say(heading)
    for text in texts:
        say(textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  "))


def as_json(value: Any) -> None:
    """The same as JSON: numbers to twelve digits, as in a bundle, and what is not finite is null."""
    say(json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """Dataclasses, tuples, dates and NaN as JSON can hold them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return snapped(value) if math.isfinite(value) else None
    return value


def page(path: Path, title: str, blocks: Sequence[Block]) -> None:
    """One page of HTML with everything inside."""
    from exports import as_html
    from exports.table import Document

    path.write_bytes(as_html.write(Document(title, tuple(blocks))))


def csv(path: Path | None, rows: Table) -> None:
    """A plain CSV file for statistics programs, or the same on standard output."""
    from exports import as_csv

    made = as_csv.write_plain(rows)
    if path is None:
        sys.stdout.write(made.decode().replace("\r\n", "\n"))
    else:
        path.write_bytes(made)


def finite(text: str) -> float:
    """A number of the command line; neither NaN nor infinity."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"“{text}” is not a number")
    return value


def with_ending(*endings: str) -> Any:
    """A path of the command line that ends in one of these, so that a slip is told before hours of work."""

    def checked(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(f"“{text}” has to end in {' or '.join(endings)}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"there is no folder “{path.parent}”")
        return path

    return checked
