"""What every writer takes: a `Table` of typed cells, or a `Document` of headings, quotes and tables.

Nothing here formats or hides anything. Cells say what they *are* (a count of people, a share of a base, a run
of rich text), so that `disclosure` can decide and each writer can draw them in its own way.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "count", "percent", "number", "date"]
RunKind = Literal["plain", "verbatim", "summary", "comment"]
Symbol = Literal["c", "z", "x"]

SYMBOLS: Mapping[str, str] = {
    "c": "hidden to protect people: the count is small, or a small count could be worked out from it",
    "z": "not applicable",
    "x": "not available",
}


@dataclass(frozen=True, slots=True)
class Count:
    """A count of people. `respondents` are the ids counted (any opaque strings), or None where nobody knows
    them.
    """

    value: int
    respondents: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("a count cannot be negative")
        if self.respondents is not None and len(self.respondents) != self.value:
            raise ValueError("a count must equal the number of respondents it names")

    @classmethod
    def of(cls, respondents: Iterable[str]) -> Count:
        people = frozenset(respondents)
        return cls(len(people), people)


@dataclass(frozen=True, slots=True)
class Share:
    """A percentage that carries its counts. Shown as a percentage; None as `percent` when the base is 0."""

    numerator: int
    base: int
    respondents: frozenset[str] | None = None
    base_respondents: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.numerator <= self.base:
            raise ValueError("a share's numerator lies between 0 and its base")
        if self.respondents is not None and len(self.respondents) != self.numerator:
            raise ValueError("a share's numerator must equal the number of respondents it names")
        if self.base_respondents is not None and len(self.base_respondents) != self.base:
            raise ValueError("a share's base must equal the number of respondents it names")

    @property
    def percent(self) -> float | None:
        return 100 * self.numerator / self.base if self.base else None


@dataclass(frozen=True, slots=True)
class Band:
    """What is shown in place of a percentage whose count may not be known exactly: "≥ 70%"."""

    text: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """A cell that holds no value: [c] hidden, [z] not applicable, [x] not available. The value is not
    kept.
    """

    symbol: Symbol = "c"

    def __str__(self) -> str:
        return f"[{self.symbol}]"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text with one look. `link` names the `anchor` of another cell in the same workbook."""

    text: str
    bold: bool = False
    italic: bool = False
    kind: RunKind = "plain"
    link: str = ""


@dataclass(frozen=True, slots=True)
class Rich:
    """A cell of runs, with an optional comment and an optional `anchor` that links may point at."""

    runs: tuple[Run, ...]
    comment: str = ""
    anchor: str = ""

    def __str__(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who said a quote, as the study prints it, with the size of the group that the words single out.

    `general` is what is printed when fewer people than the study's minimum fit the words: "Practitioner"
    instead of "Practitioner, Site A, 12m". Empty means that nothing is printed but [c].
    """

    text: str
    group_size: int | None = None
    general: str = ""


Cell = (
    str
    | int
    | float
    | bool
    | dt.date
    | dt.datetime
    | Count
    | Share
    | Band
    | Hidden
    | Rich
    | Attribution
    | None
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `key` is the name statistics programs see. `part_of` names the base column of a count ("numerator" is part
    of "base"). `depends` names the count columns from which this one's values are computed: a percentage, an
    interval, a verdict, a mean. Whatever depends on a hidden count is hidden with it. `identifies` says
    whether the column is part of what a row *is* (its definition across releases); by default every text and
    date column that depends on nothing. Percentages are given 0 to 100, unrounded, or as `Share`.
    """

    key: str
    label: str
    kind: Kind = "text"
    part_of: str = ""
    depends: tuple[str, ...] = ()
    identifies: bool | None = None
    decimals: int | None = None
    width: int | None = None

    @property
    def is_identity(self) -> bool:
        if self.identifies is not None:
            return self.identifies
        return self.kind in ("text", "date") and not self.depends


@dataclass(frozen=True, slots=True)
class Ref:
    """One cell of a table: row index from 0, column key."""

    row: int
    key: str


@dataclass(frozen=True, slots=True)
class Relation:
    """The parts add up to the total, and a reader knows it. Every part counts different people."""

    total: Ref
    parts: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """What the first sheet or page says. `made_at` is UTC; `version` is the application's; nobody is
    named.
    """

    study: str
    made_at: dt.datetime
    filter: str = "Everything"
    base: str = ""
    version: str = ""
    data_hash: str = ""
    release: str = ""
    rule: str = ""
    is_draft: bool = False

    def __post_init__(self) -> None:
        if self.made_at.utcoffset() != dt.timedelta(0):
            raise ValueError("the time on a cover is in UTC")

    def lines(self) -> tuple[tuple[str, str], ...]:
        """Label and value of every line that has something to say, in the order of printing."""
        status = "DRAFT: not for publication" if self.is_draft else ""
        lines = (
            ("Study", self.study),
            ("Status", status),
            ("Filter", self.filter),
            ("Base", self.base),
            ("Made at (UTC)", self.made_at.strftime("%Y-%m-%d %H:%M:%S")),
            ("Version", self.version),
            ("Data hash (SHA-256)", self.data_hash),
            ("Release", self.release),
            ("Disclosure rule", self.rule),
        )
        return tuple((label, value) for label, value in lines if value)


@dataclass(frozen=True, slots=True)
class Table:
    """A rectangle of cells under typed columns.

    `subject` names what the table counts, the same in every layout and filter of it ("indicators"); with a
    row's identity columns it makes the definition that `disclosure` remembers between releases. `relations`
    are the sums a reader can know besides `part_of`. `sorted_by` names the column whose values ordered the
    rows, if one did: an order by a hidden figure gives the figure away.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    cover: Cover | None = None
    subject: str = ""
    relations: tuple[Relation, ...] = ()
    sorted_by: str = ""
    freeze_columns: int = 0

    def __post_init__(self) -> None:
        keys = [column.key for column in self.columns]
        if len(set(keys)) != len(keys):
            raise ValueError(f"column keys repeat in {self.title!r}")
        known = set(keys)
        for column in self.columns:
            named = {column.part_of, *column.depends} - {""}
            if unknown := named - known:
                raise ValueError(f"column {column.key!r} names unknown columns: {', '.join(sorted(unknown))}")
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(keys):
                raise ValueError(f"row {number} has {len(row)} cells for {len(keys)} columns")
        for relation in self.relations:
            for ref in (relation.total, *relation.parts):
                if ref.key not in known or not 0 <= ref.row < len(self.rows):
                    raise ValueError(f"a relation names a cell that is not there: {ref}")

    @classmethod
    def of(
        cls,
        title: str,
        columns: Sequence[Column],
        rows: Iterable[Mapping[str, Cell] | Sequence[Cell]],
        *,
        notes: Sequence[str] = (),
        cover: Cover | None = None,
        subject: str = "",
        relations: Sequence[Relation] = (),
        sorted_by: str = "",
        freeze_columns: int = 0,
    ) -> Table:
        """A table from rows given as mappings by column key (missing keys are empty cells) or as
        sequences.
        """
        keys = [column.key for column in columns]
        made: list[tuple[Cell, ...]] = []
        for row in rows:
            if isinstance(row, Mapping):
                if unknown := set(row) - set(keys):
                    raise ValueError(f"a row names unknown columns: {', '.join(sorted(unknown))}")
                made.append(tuple(row.get(key) for key in keys))
            else:
                made.append(tuple(row))
        return cls(
            title,
            tuple(columns),
            tuple(made),
            tuple(notes),
            cover,
            subject,
            tuple(relations),
            sorted_by,
            freeze_columns,
        )

    def column(self, key: str) -> Column:
        return self.columns[self.position(key)]

    def position(self, key: str) -> int:
        for position, column in enumerate(self.columns):
            if column.key == key:
                return position
        raise KeyError(key)

    def cell(self, row: int, key: str) -> Cell:
        return self.rows[row][self.position(key)]

    def with_cover(self, cover: Cover | None) -> Table:
        return dataclasses.replace(self, cover=cover)

    def records(self) -> list[dict[str, str | int | float | bool | None]]:
        """Rows as plain values by column key, as JSON wants them: unrounded; hidden and empty cells are
        None.
        """
        return [
            {column.key: plain(cell) for column, cell in zip(self.columns, row, strict=True)}
            for row in self.rows
        ]

    def data_hash(self) -> str:
        """SHA-256 of title, column keys and every cell, independent of format, cover and time of making."""
        digest = hashlib.sha256()
        digest.update(json.dumps([self.title, [c.key for c in self.columns]], ensure_ascii=False).encode())
        for row in self.rows:
            digest.update(json.dumps([_canonical(cell) for cell in row], ensure_ascii=False).encode())
        return digest.hexdigest()


def plain(cell: Cell) -> str | int | float | bool | None:
    """The value of a cell without its dress: a share as its percentage 0-100, dates in ISO form.

    Hidden cells and bands have no value: None.
    """
    match cell:
        case Count(value=value):
            return value
        case Share():
            return cell.percent
        case Attribution(text=text):
            return text
        case Hidden() | Band():
            return None
        case Rich():
            return str(cell)
        case dt.date():
            return cell.isoformat()
        case float() if not math.isfinite(cell):
            return None
        case _:
            return cell


def _canonical(cell: Cell) -> object:
    match cell:
        case Share(numerator=numerator, base=base):
            return ["share", numerator, base]
        case Count(value=value):
            return ["count", value]
        case Hidden():
            return ["hidden", cell.symbol]
        case Band(text=text):
            return ["band", text]
        case Rich():
            return [
                [[run.text, run.bold, run.italic, run.kind, run.link] for run in cell.runs],
                cell.comment,
            ]
        case _:
            return plain(cell)


def across(rows: Iterable[int], *, total: str, parts: Sequence[str]) -> tuple[Relation, ...]:
    """In each of these rows the `parts` columns add up to the `total` column."""
    return tuple(Relation(Ref(row, total), tuple(Ref(row, key) for key in parts)) for row in rows)


def down(keys: Iterable[str], *, total: int, parts: Sequence[int]) -> tuple[Relation, ...]:
    """In each of these columns the `parts` rows add up to the `total` row."""
    return tuple(Relation(Ref(total, key), tuple(Ref(row, key) for row in parts)) for key in keys)


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, text: str) -> Paragraph:
        return cls((Run(text),))


@dataclass(frozen=True, slots=True)
class Quote:
    """A participant's own words. `quoted_id` is the participant's database id, never printed."""

    runs: tuple[Run, ...]
    attribution: Attribution
    quoted_id: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with the words that replace it. `width_mm` is its printed width."""

    png: bytes
    alt: str
    caption: str = ""
    width_mm: float = 160


Block = Heading | Paragraph | Quote | Figure | Table


@dataclass(frozen=True, slots=True)
class Document:
    """Headings, paragraphs, quotes, figures and tables in reading order."""

    title: str
    blocks: tuple[Block, ...]
    cover: Cover | None = None
    is_landscape: bool = False
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, content: Table | Document, *, is_landscape: bool | None = None) -> Document:
        """A document that holds just this table, or the document itself. Wide tables lie on their side."""
        if isinstance(content, Document):
            return content
        wide = len(content.columns) > 6 if is_landscape is None else is_landscape
        return cls(
            content.title,
            (dataclasses.replace(content, cover=None, notes=()),),
            content.cover,
            wide,
            content.notes,
        )

    @property
    def tables(self) -> Iterator[Table]:
        return (block for block in self.blocks if isinstance(block, Table))

    @property
    def quoted_ids(self) -> frozenset[str]:
        return frozenset(b.quoted_id for b in self.blocks if isinstance(b, Quote) and b.quoted_id)

    def with_cover(self, cover: Cover | None) -> Document:
        return dataclasses.replace(self, cover=cover)

    def data_hash(self) -> str:
        """SHA-256 over the texts and tables, independent of format, cover and time of making."""
        digest = hashlib.sha256(self.title.encode("utf-8", "replace"))
        for block in self.blocks:
            match block:
                case Table():
                    part = block.data_hash()
                case Heading(text=text, level=level):
                    part = json.dumps(["heading", level, text])
                case Paragraph(runs=runs):
                    part = json.dumps(["paragraph", [run.text for run in runs]])
                case Quote(runs=runs, attribution=attribution):
                    part = json.dumps(["quote", [run.text for run in runs], attribution.text])
                case Figure(png=png, alt=alt):
                    part = json.dumps(["figure", hashlib.sha256(png).hexdigest(), alt])
            digest.update(part.encode())
        return digest.hexdigest()
