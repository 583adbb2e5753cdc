"""What every reader returns: columns that say who they are, and lines of text with their row number in the
file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ipe.errors import BadFile

from ..questionnaire import folded

# Headings and import ids of what identifies a person and is of no use to an evaluation: removed at the door.
IDENTIFYING = frozenset(
    folded(name)
    for name in (
        "IPAddress", "IP Address", "IP-Adresse",
        "RecipientLastName", "RecipientFirstName", "RecipientEmail", "Recipient Last Name",
        "Recipient First Name", "Recipient Email", "EmailAddress", "Email", "E-mail", "Email address", "Name",
        "First name", "Last name", "Full name",
        "LocationLatitude", "LocationLongitude", "LocationAccuracy", "Location Latitude",
        "Location Longitude",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """`import_id` is Qualtrics' own name of a question, the only one that never changes; `text` is the
    wording.
    """

    index: int
    name: str
    text: str = ""
    import_id: str = ""

    @property
    def label(self) -> str:
        return self.name or self.import_id or f"column {self.index + 1}"


@dataclass(frozen=True)
class Line:
    """`number` is the row as a spreadsheet shows it, headings included."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """`cells` of every line run parallel to `columns`. `labels` are the value labels a file brings itself
    (SPSS).
    """

    form: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    removed: tuple[str, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def find(self, *, import_id: str = "", column: str = "") -> list[int]:
        """Positions in `cells` of the columns so named. By import id where one is given, else by heading or
        wording.
        """
        if import_id:
            return [at for at, one in enumerate(self.columns) if one.import_id == import_id]
        exact = [at for at, one in enumerate(self.columns) if one.name == column]
        needle = folded(column)
        return exact or [
            at for at, one in enumerate(self.columns) if needle in (folded(one.name), folded(one.text))
        ]


def without_identifiers(sheet: Sheet) -> Sheet:
    """The sheet without the columns that name, address or locate a person."""
    kept = [
        at
        for at, one in enumerate(sheet.columns)
        if not IDENTIFYING & {folded(one.name), folded(one.import_id), folded(one.text)}
    ]
    gone = tuple(one.label for at, one in enumerate(sheet.columns) if at not in set(kept))
    return replace(
        sheet,
        columns=tuple(replace(sheet.columns[old], index=new) for new, old in enumerate(kept)),
        lines=tuple(Line(line.number, tuple(line.cells[at] for at in kept)) for line in sheet.lines),
        removed=gone,
    )


def lines_of(rows: Sequence[Sequence[str]], *, first: int, width: int, file: str) -> tuple[Line, ...]:
    """Data rows as lines of exactly `width` cells. Blank rows are left out; a row of another width is an
    error.
    """
    lines = []
    for number, row in enumerate(rows[first:], start=first + 1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            row = row[:width]
        if len(row) != width:
            raise BadFile(f"There are {len(row)} values but {width} headings.", file=file, row=number)
        lines.append(Line(number, tuple(cell.strip() for cell in row)))
    return tuple(lines)


def drop_empty_tail(rows: list[list[str]], n_heading_rows: int) -> list[list[str]]:
    """Without the last column where its headings and all its values are empty (a comma at every line's
    end).
    """
    if not rows or not rows[0]:
        return rows
    # One look at each row, however many columns are empty: the last cell of each row that says something.
    first = width = len(rows[0])
    used = 1
    for number, row in enumerate(rows):
        if len(row) > first and (number < n_heading_rows or any(cell.strip() for cell in row[first:])):
            return rows
        last = min(len(row), first)
        while last > used and not row[last - 1].strip():
            last -= 1
        used = max(used, last)
    width = min(width, used)
    return rows if width == first else [row[:width] for row in rows]


def pack(sheet: Sheet) -> bytes:
    """The sheet as bytes to be sealed between upload and storing."""
    return json.dumps(
        {
            "form": sheet.form,
            "columns": [[one.name, one.text, one.import_id] for one in sheet.columns],
            "lines": [[line.number, *line.cells] for line in sheet.lines],
            "removed": sheet.removed,
            "labels": sheet.labels,
        },
        ensure_ascii=False,
    ).encode("utf-8", "surrogatepass")


def unpack(data: bytes) -> Sheet:
    found = json.loads(data.decode("utf-8", "surrogatepass"))
    return Sheet(
        found["form"],
        tuple(Column(at, *parts) for at, parts in enumerate(found["columns"])),
        tuple(Line(line[0], tuple(line[1:])) for line in found["lines"]),
        tuple(found["removed"]),
        found["labels"],
    )
