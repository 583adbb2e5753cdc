"""A mapping: which column is which item, which value is which scale point, and who the respondent is.

Pure. A mapping is written once for an instrument, saved, and used again for later waves; `differences` says
what is new in a later file, `suggest` proposes a first mapping, `apply` reads a sheet with it. docs/survey-
mapping.md describes the file form.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ipe.errors import BadFile
from ipe.protocol.problems import Problem, ProtocolRefused
from ipe.protocol.schema import LongCode, MaybeProse, Name, Part
from ipe.protocol.source import read_source, write_source

from .bases import DONT_KNOW, NOT_APPLICABLE, SUBSTANTIVE
from .questionnaire import (
    FREE_TEXT,
    NUMBER,
    SEVERAL_CHOICES,
    InstrumentSpec,
    ItemSpec,
    ScaleSpec,
    folded,
)
from .readers.qualtrics import stem_and_item
from .readers.sheet import Line, Sheet
from .screening import Skipped, screen
from .verdicts import plain

_NUMERIC = re.compile(r"[-+]?\d+(?:[.,]\d+)?\Z")
FEWEST_ALIKE = 0.78  # share of matching characters from which a heading is offered as an item's wording


def _text(value: object) -> object:
    """Values in a file are text; a YAML number or date stands for what is written."""
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]


class ColumnPart(Part):
    """Where something stands: by import id (which Qualtrics never changes) or by heading."""

    import_id: str = ""
    column: str = ""
    text: MaybeProse = ""  # the wording seen when the mapping was made, to notice a changed question

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if bool(self.import_id) == bool(self.column):
            raise ValueError("give “import_id” or “column”, one of them.")
        return self

    @property
    def label(self) -> str:
        return self.column or self.import_id


class LabelledPart(ColumnPart):
    """A column of the respondent (role, team, tenure); values not listed are taken as they are."""

    values: dict[Text, Text] = Field(default_factory=dict)
    separator: Annotated[str, Field(max_length=3)] = ""


class RespondentPart(Part):
    """Who answered. `response_id` finds duplicates; `link` pairs the waves of one person; `participant`
    names a pseudonym of a linked survey. None of the three is kept in readable form except the
    participant's.
    """

    response_id: ColumnPart | None = None
    role: LabelledPart | None = None
    teams: LabelledPart | None = None
    tenure: LabelledPart | None = None
    link: ColumnPart | None = None
    participant: ColumnPart | None = None


class ItemPart(ColumnPart):
    """One item's column. Values not listed must be the labels of the scale; numbers must be listed or
    confirmed.
    """

    values: dict[Text, Text] = Field(default_factory=dict)
    not_applicable: list[Text] = Field(default_factory=list)
    dont_know: list[Text] = Field(default_factory=list)
    blank: list[Text] = Field(default_factory=list)
    reverse: bool = False
    numbers_are_codes: bool = False
    separator: Annotated[str, Field(max_length=3)] = ""


class MappingPart(Part):
    """The whole mapping file."""

    mapping: Literal[1]
    name: Name
    instrument: LongCode | None = None
    keep_unfinished: bool = False
    keep_previews: bool = False
    unknown_columns: Literal["refuse", "ignore"] = "refuse"
    respondent: RespondentPart = Field(default_factory=RespondentPart)
    items: dict[LongCode, ItemPart]
    ignore: list[Text] = Field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the file, found all together so that a person can correct them in one go."""

    row: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = ", ".join(
            p for p in (f"row {self.row}" if self.row else "", f"“{self.field}”" if self.field else "") if p
        )
        return f"{place}: {self.message}" if place else self.message


@dataclass(frozen=True)
class Difference:
    """What is not as it was when the mapping was made. `is_blocking`: the file cannot be read until it is
    settled.
    """

    kind: Literal["missing column", "new column", "changed wording"]
    field: str
    message: str
    is_blocking: bool


@dataclass(frozen=True)
class Given:
    """One respondent as read. `answers` hold point codes; `numbers` and `texts` the other kinds of item."""

    row: int
    response_id: str
    role: str
    teams: tuple[str, ...]
    tenure: str
    link: str
    participant: str
    answers: Mapping[str, frozenset[str]]
    numbers: Mapping[str, Decimal]
    texts: Mapping[str, str]
    is_finished: bool = True
    content: str = field(default="", repr=False)

    @property
    def n_answers(self) -> int:
        return sum(len(points) for points in self.answers.values()) + len(self.numbers) + len(self.texts)


@dataclass(frozen=True)
class Read:
    """A sheet read through a mapping. Nothing may be stored while `faults` is not empty."""

    given: tuple[Given, ...]
    skipped: tuple[Skipped, ...]
    faults: tuple[Fault, ...]
    n_rows: int


def load(data: bytes, *, file: str = "") -> MappingPart:
    """A mapping file (YAML, or JSON, which is YAML too).

    Raises
        ProtocolRefused: It cannot be read, or has fields that are not known; every fault with its line.
    """
    source = read_source(data, filename=file)
    return checked(source.data, lines=source.lines, file=file)


def checked(
    document: Any, *, lines: Mapping[tuple[str | int, ...], int] | None = None, file: str = ""
) -> MappingPart:
    try:
        return MappingPart.model_validate(document)
    except ValidationError as error:
        from ipe.protocol.problems import line_of

        known = lines or {}
        raise ProtocolRefused(
            [
                Problem(line_of(known, one["loc"]), ".".join(map(str, one["loc"])), _words(one))
                for one in error.errors(include_url=False, include_input=False)
            ],
            file=file,
        ) from None


def _words(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "this field is not known."
    if error["type"] == "missing":
        return "is missing."
    return str(error["msg"]).removeprefix("Value error, ")


def as_document(mapping: MappingPart) -> dict[str, Any]:
    """Plain data that `checked` takes again; what is left at its default is left out."""
    return mapping.model_dump(mode="json", exclude_defaults=True) | {"mapping": 1, "name": mapping.name}


def as_file(mapping: MappingPart) -> bytes:
    return write_source(as_document(mapping))


def sha256(mapping: MappingPart) -> str:
    return hashlib.sha256(json.dumps(as_document(mapping), sort_keys=True).encode()).hexdigest()


def check_against(mapping: MappingPart, instrument: InstrumentSpec) -> list[Fault]:
    """What the mapping says that the instrument does not know: items, points, missing "not applicable"
    points.
    """
    faults = []
    for code, part in mapping.items.items():
        item = instrument.items.get(code)
        if item is None:
            close = difflib.get_close_matches(code, instrument.items, n=1)
            hint = f" Is “{close[0]}” meant?" if close else ""
            faults.append(Fault(None, f"items.{code}", f"the instrument has no such item.{hint}"))
            continue
        if item.kind in (NUMBER, FREE_TEXT):
            if part.values or part.not_applicable or part.dont_know or part.reverse:
                faults.append(Fault(None, f"items.{code}", "only items with a scale take values."))
            continue
        scale = instrument.scale_of(item)
        for point in set(part.values.values()) - {p.code for p in scale.points}:
            faults.append(Fault(None, f"items.{code}.values", f"the scale has no point “{point}”."))
        for kind, given in ((NOT_APPLICABLE, part.not_applicable), (DONT_KNOW, part.dont_know)):
            if given and scale.by_kind(kind) is None:
                words = kind.replace("_", " ").replace("dont", "don’t")
                faults.append(Fault(None, f"items.{code}", f"the scale has no point for “{words}”."))
    if mapping.respondent.participant and not instrument.is_linked:
        faults.append(
            Fault(None, "respondent.participant", "the instrument is anonymous; it cannot name participants.")
        )
    return faults


def _places(mapping: MappingPart) -> list[tuple[str, ColumnPart]]:
    respondent = mapping.respondent
    named = [(name, getattr(respondent, name)) for name in type(respondent).model_fields]
    return [(name, part) for name, part in named if part is not None] + list(mapping.items.items())


# Columns every Qualtrics export has; a mapping need not name them.
_USUAL = {
    folded(name)
    for name in (
        "startDate", "endDate", "status", "progress", "duration", "finished", "recordedDate", "_recordId",
        "externalDataReference", "distributionChannel", "userLanguage", "ResponseID", "ResponseSet",
        "ExternalDataReference", "Start Date", "End Date", "Response Type", "Duration (in seconds)",
        "Recorded Date", "Response ID", "External Data Reference", "Distribution Channel", "User Language",
        "ExternalReference",
    )
}  # fmt: skip


def differences(mapping: MappingPart, sheet: Sheet) -> list[Difference]:
    """What a file has, lacks or words otherwise than the mapping expects."""
    found: list[Difference] = []
    used: set[int] = set()
    for name, part in _places(mapping):
        at = sheet.find(import_id=part.import_id, column=part.column)
        used.update(at)
        if not at:
            found.append(
                Difference(
                    "missing column", part.label, f"needed for {name}; the file has no such column.", True
                )
            )
        elif len(at) > 1:
            found.append(
                Difference("missing column", part.label, "the file has more than one such column.", True)
            )
        elif part.text and folded(part.text) != folded(sheet.columns[at[0]].text):
            found.append(
                Difference(
                    "changed wording", part.label, f"the wording of {name} is not the one it was.", False
                )
            )
    ignored = {folded(name) for name in mapping.ignore}
    for at_column, column in enumerate(sheet.columns):
        names = {folded(column.name), folded(column.import_id), folded(column.text)} - {""}
        if at_column in used or names & ignored or names & _USUAL:
            continue
        blocking = mapping.unknown_columns == "refuse"
        words = "the mapping does not say what it is." if blocking else "it is left out."
        found.append(Difference("new column", column.label, words, blocking))
    return found


class _Values:
    """The values of one item's column, looked up as people write them."""

    def __init__(self, part: ItemPart, item: ItemSpec, scale: ScaleSpec) -> None:
        self.reverse = part.reverse
        self.scale = scale
        self.listed = {folded(value): point for value, point in part.values.items()}
        for kind, given in ((NOT_APPLICABLE, part.not_applicable), (DONT_KNOW, part.dont_know)):
            point = scale.by_kind(kind)
            if point is not None:
                self.listed |= {folded(value): point.code for value in given}
        self.blank = {folded(value) for value in part.blank}
        self.labels = scale.by_label()
        self.codes = scale.by_code()
        self.numbers_are_codes = part.numbers_are_codes

    def point(self, value: str) -> str | None:
        key = folded(value)
        code = self.listed.get(key)
        if code is None and (not _NUMERIC.match(value) or self.numbers_are_codes):
            code = self.labels.get(key) or self.codes.get(key)
        if code is None:
            return None
        return self.scale.mirrored(code) if self.reverse else code


def apply(mapping: MappingPart, sheet: Sheet, instrument: InstrumentSpec) -> Read:
    """Read every row. Values are never repeated in a fault: they may be what a person wrote.

    Missing answers: a blank cell is no answer. Rows that are screened out are not looked at further.
    """
    faults = check_against(mapping, instrument)
    faults += [
        Fault(None, d.field, d.message) for d in differences(mapping, sheet) if d.is_blocking
    ]  # fmt: skip
    if faults:
        return Read((), (), tuple(faults), len(sheet.lines))
    at = {name: sheet.find(import_id=p.import_id, column=p.column)[0] for name, p in _places(mapping)}
    kept, skipped = screen(
        sheet,
        response_id=at.get("response_id"),
        keep_unfinished=mapping.keep_unfinished,
        keep_previews=mapping.keep_previews,
    )
    labels = {name: sheet.columns[place].label for name, place in at.items()}
    reader = _RowReader(mapping, instrument, at, labels)
    given = []
    first_rows: dict[str, int] = {}
    for row in kept:
        one = reader.read(row.line, is_finished=row.is_finished, faults=faults)
        if not one.n_answers:
            skipped.append(Skipped(row.line.number, "no answers"))
            continue
        given.append(one)
        first = first_rows.setdefault(one.participant.casefold(), one.row) if one.participant else one.row
        if first != one.row:
            faults.append(Fault(one.row, labels["participant"], f"the participant of row {first} again."))
    return Read(tuple(given), tuple(sorted(skipped, key=lambda s: s.row)), tuple(faults), len(sheet.lines))


class _RowReader:
    def __init__(
        self,
        mapping: MappingPart,
        instrument: InstrumentSpec,
        at: Mapping[str, int],
        labels: Mapping[str, str],
    ) -> None:
        self.mapping, self.instrument, self.at, self.labels = mapping, instrument, at, labels
        self.values = {
            code: _Values(part, instrument.items[code], instrument.scale_of(instrument.items[code]))
            for code, part in mapping.items.items()
            if instrument.items[code].kind not in (NUMBER, FREE_TEXT)
        }
        self.roles = {folded(role): role for role in instrument.roles}

    def read(self, line: Line, *, is_finished: bool, faults: list[Fault]) -> Given:
        def fault(name: str, message: str) -> None:
            faults.append(Fault(line.number, self.labels[name], message))

        answers: dict[str, frozenset[str]] = {}
        numbers: dict[str, Decimal] = {}
        texts: dict[str, str] = {}
        for code, part in self.mapping.items.items():
            item = self.instrument.items[code]
            cell = line.cells[self.at[code]]
            if not cell or folded(cell) in {folded(value) for value in part.blank}:
                continue
            if item.kind == FREE_TEXT:
                texts[code] = cell
            elif item.kind == NUMBER:
                number, problem = _number(cell, item)
                if number is None:
                    fault(code, problem)
                else:
                    numbers[code] = number
            else:
                points, problem = self._points(cell, item, part)
                if problem:
                    fault(code, problem)
                elif points:
                    answers[code] = points
        return Given(
            row=line.number,
            response_id=self._cell(line, "response_id"),
            role=self._role(line, fault),
            teams=self._teams(line, fault),
            tenure=self._labelled(line, self.mapping.respondent.tenure, "tenure"),
            link=self._cell(line, "link"),
            participant=self._cell(line, "participant"),
            answers=answers,
            numbers=numbers,
            texts=texts,
            is_finished=is_finished,
            content="\x1f".join(line.cells),
        )

    def _cell(self, line: Line, name: str) -> str:
        return line.cells[self.at[name]] if name in self.at else ""

    def _points(self, cell: str, item: ItemSpec, part: ItemPart) -> tuple[frozenset[str], str]:
        values = self.values[item.code]
        if item.kind != SEVERAL_CHOICES:
            point = values.point(cell)
            return (frozenset([point]), "") if point else (frozenset(), _impossible(cell, values))
        separator = part.separator or ","
        found = []
        for piece in _pieces(cell, separator):
            point = values.point(piece)
            if point is None:
                return frozenset(), _impossible(piece, values)
            found.append(point)
        kinds = {values.scale.kinds[point] for point in found}
        if len(kinds) > 1 and kinds != {SUBSTANTIVE}:
            return frozenset(), "“not applicable” or “don’t know” stands beside an answer."
        return frozenset(found), ""

    def _labelled(self, line: Line, part: LabelledPart | None, name: str) -> str:
        if part is None:
            return ""
        cell = self._cell(line, name)
        return {folded(value): label for value, label in part.values.items()}.get(folded(cell), cell)

    def _role(self, line: Line, fault: Any) -> str:
        part = self.mapping.respondent.role
        role = self._labelled(line, part, "role")
        if part is None or not role or not self.roles:
            return role[:120]
        if folded(role) not in self.roles:
            fault("role", "this is none of the instrument’s roles.")
        return self.roles.get(folded(role), "")

    def _teams(self, line: Line, fault: Any) -> tuple[str, ...]:
        part = self.mapping.respondent.teams
        if part is None:
            return ()
        named = {folded(value): label for value, label in part.values.items()}
        cell = self._cell(line, "teams")
        whole = named.get(folded(cell), cell)
        pieces = (
            [whole]
            if folded(whole) in self.instrument.teams or not part.separator
            else _pieces(cell, part.separator)
        )
        found: list[str] = []
        for piece in pieces:
            if not piece:
                continue
            team = self.instrument.teams.get(folded(named.get(folded(piece), piece)))
            if team is None:
                fault("teams", "this is none of the site’s teams.")
            elif team not in found:
                found.append(team)
        return tuple(found)


def _pieces(cell: str, separator: str) -> list[str]:
    return [piece.strip() for piece in cell.split(separator) if piece.strip()]


def _impossible(cell: str, values: _Values) -> str:
    if _NUMERIC.match(cell) and not values.numbers_are_codes:
        return (
            "this is a number; list in the mapping what the numbers mean, "
            "or confirm that they are the scale’s codes."
        )
    return "this is none of the answers of the scale."


def _number(cell: str, item: ItemSpec) -> tuple[Decimal | None, str]:
    try:
        number = Decimal(cell)
    except InvalidOperation:
        return None, "this is not a number."
    if "_" in cell:  # which Python reads as 10 in 1_0
        return None, "this is not a number."
    if not number.is_finite():
        return None, "this is not a number."
    if item.minimum is not None and number < item.minimum:
        return None, f"this is less than {plain(item.minimum)}, the least that is possible."
    if item.maximum is not None and number > item.maximum:
        return None, f"this is more than {plain(item.maximum)}, the most that is possible."
    if abs(number) >= 10**8:
        return None, "this number is too large."
    return number, ""


def refuse_faults(faults: Sequence[Fault], *, file: str) -> None:
    """All or nothing: raise with the first faults in words, and how many there are.

    Raises
        BadFile: There is a fault; names the file, the row and the field of the first, and lists up to 20.
    """
    if not faults:
        return
    first = faults[0]
    more = [str(fault) for fault in faults[1:20]]
    message = first.message
    if more:
        rest = "" if len(faults) <= 20 else f" (and {len(faults) - 20} more)"
        message += f" Also {'; '.join(more)}{rest}."
    raise BadFile(message.rstrip(".") + ". Nothing was stored.", file=file, row=first.row, field=first.field)


def _likeness(text: str, wording: str) -> float:
    left, right = folded(text).removesuffix("..."), folded(wording)
    if not left or not right:
        return 0.0
    if text.endswith("...") and len(left) > 40 and right.startswith(left):
        return 1.0
    return difflib.SequenceMatcher(None, left, right, autojunk=False).ratio()


ROLE_HINTS, TEAM_HINTS = ("your role", "job role", "job title", "role"), ("team", "district")
TENURE_HINTS = ("how long have you", "length of service", "tenure")


def suggest(sheet: Sheet, instrument: InstrumentSpec, *, name: str) -> MappingPart:
    """A first mapping by wording: each item takes the most alike column that is alike enough; the rest is
    ignored.

    Columns of numbers are never confirmed here: a person must say what the numbers mean.
    """
    pairs = []
    for item in instrument.items.values():
        for at, column in enumerate(sheet.columns):
            likeness = max(
                _likeness(column.text, item.wording),
                _likeness(stem_and_item(column.text)[1], item.wording),
                1.0 if folded(column.name) == folded(item.code) else 0.0,
            )
            if likeness >= FEWEST_ALIKE:
                pairs.append((likeness, item.code, at))
    items: dict[str, ItemPart] = {}
    taken: set[int] = set()
    for _, code, at in sorted(pairs, key=lambda pair: (-pair[0], pair[2])):
        if code not in items and at not in taken:
            items[code] = ItemPart.model_validate(_place(sheet, at))
            taken.add(at)
    respondent: dict[str, Any] = {}
    for field_name, hints in (("role", ROLE_HINTS), ("teams", TEAM_HINTS), ("tenure", TENURE_HINTS)):
        if field_name == "teams" and not instrument.teams:
            continue
        found = _first_hint(sheet, hints, taken)
        if found is not None:
            respondent[field_name] = LabelledPart.model_validate(_place(sheet, found))
            taken.add(found)
    identity = sheet.find(import_id="_recordId")
    if identity:
        respondent["response_id"] = ColumnPart(import_id="_recordId")
        taken.add(identity[0])
    ignore = [
        column.import_id or column.name
        for at, column in enumerate(sheet.columns)
        if at not in taken
        and not {folded(column.name), folded(column.import_id), folded(column.text)} & _USUAL
    ]
    return MappingPart(
        mapping=1,
        name=name,
        instrument=instrument.name,
        respondent=RespondentPart(**respondent),
        items={code: items[code] for code in instrument.items if code in items},
        ignore=ignore,
    )


def _place(sheet: Sheet, at: int) -> dict[str, str]:
    column = sheet.columns[at]
    where = {"import_id": column.import_id} if column.import_id else {"column": column.name}
    return where | ({"text": column.text} if column.text and column.text != column.name else {})


def _first_hint(sheet: Sheet, hints: Sequence[str], taken: Iterable[int]) -> int | None:
    gone = set(taken)
    for hint in hints:
        for at, column in enumerate(sheet.columns):
            text = folded(column.text) or folded(column.name)
            if (
                at not in gone
                and not {text, folded(column.name)} & _USUAL
                and hint in text
                and len(text) < 80
            ):
                return at
    return None
