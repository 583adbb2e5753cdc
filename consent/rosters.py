"""Reading a list of people: pasted text, CSV or XLSX in, checked rows or errors out. No database, nothing
stored.

Problems name the row and the column, never what stands there: the message is shown and logged, the cell is a
name.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from consent.states import AgeBand, Kind
from ipe.errors import BadFile

MAX_ROWS = 500  # a list is stored in one transaction, and others wait for it no longer than they can
LENGTHS = {"name": 200, "address": 500, "safe_note": 1000, "preference": 200, "role_title": 120, "family": 20}

HEADINGS: dict[str, str] = {
    "name": "name",
    "full name": "name",
    "e-mail": "email",
    "email": "email",
    "e-mail address": "email",
    "email address": "email",
    "phone": "phone",
    "telephone": "phone",
    "mobile": "phone",
    "phone number": "phone",
    "address": "address",
    "role": "role_title",
    "role title": "role_title",
    "job title": "role_title",
    "group": "group",
    "team": "teams",
    "teams": "teams",
    "family": "family",
    "age": "age_band",
    "age band": "age_band",
    "safe contact": "safe_note",
    "safe contact note": "safe_note",
    "contact preference": "preference",
    "preference": "preference",
}
TITLES = {
    "name": "name",
    "email": "e-mail",
    "phone": "phone",
    "address": "address",
    "role_title": "role",
    "group": "group",
    "teams": "team",
    "family": "family",
    "age_band": "age band",
    "safe_note": "safe contact note",
    "preference": "contact preference",
}
KNOWN_COLUMNS = ", ".join(TITLES.values())

# What openpyxl and the parsers below it raise over parts that are cut off, changed or missing; bad XML is a
# SyntaxError.
DAMAGED = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
)

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")


@dataclass(frozen=True)
class Problem:
    """Something to correct: the row as the file counts it (headings are row 1), the column, and what is
    wrong."""

    row: int
    column: str
    text: str

    def __str__(self) -> str:
        return f"Row {self.row}, {self.column}: {self.text}"


@dataclass(frozen=True)
class Listed:
    """One person as listed."""

    row: int
    name: str
    email: str = ""
    phone: str = ""
    address: str = ""
    safe_note: str = ""
    preference: str = ""
    role_title: str = ""
    group: str = ""
    teams: tuple[str, ...] = ()
    family: str = ""
    age_band: str = AgeBand.ADULT


@dataclass(frozen=True)
class Roster:
    people: tuple[Listed, ...] = ()
    problems: tuple[Problem, ...] = ()
    columns: tuple[str, ...] = field(default=())


def normal_email(text: str) -> str:
    """The form in which two spellings of one address are equal; empty when it is not an address."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold().removeprefix("mailto:")
    return plain if _EMAIL.fullmatch(plain) and len(plain) <= 254 else ""


def normal_phone(text: str) -> str:
    """Digits only, UK numbers with a leading nought; empty when there are fewer than 7 or more than 15."""
    plain = unicodedata.normalize("NFKC", text).replace("(0)", "").strip()
    if not re.fullmatch(r"\+?[\d\s().\-/]+", plain):
        return ""
    digits = re.sub(r"\D", "", plain)
    if plain.startswith("+44"):
        digits = "0" + digits[2:]
    elif digits.startswith("0044"):
        digits = "0" + digits[4:]
    return digits if 7 <= len(digits) <= 15 else ""


def plain_name(text: str) -> str:
    """The form in which two spellings of one name are equal: case, blanks and composed letters do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


def is_bare(person: Listed) -> bool:
    """Whether only the name tells who it is."""
    return not normal_email(person.email) and not normal_phone(person.phone)


def has_control_characters(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" and character not in "\n\t" for character in text)


def rows_of_text(text: str) -> list[list[str]]:
    """Pasted text or a CSV file as rows. The heading row decides between tab, semicolon and comma.

    Raises
        BadFile: A quotation mark is never closed, or closed in the middle of a cell.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    heading = text.split("\n", 1)[0]
    delimiter = next((mark for mark in "\t;," if mark in heading), ",")
    try:
        return [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        ]
    except csv.Error as error:
        raise BadFile(
            "A quotation mark is opened and not closed, or closed in the middle of a cell."
        ) from error


def rows_of_workbook(data: bytes) -> list[list[str]]:
    """The first sheet of a workbook as rows of text; formulas count as the value last calculated.

    Raises
        BadFile: The bytes are no readable workbook.
    """
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = [
            _without_tail(["" if cell is None else _cell_text(cell) for cell in row])
            for row in sheet.iter_rows(values_only=True, max_row=MAX_ROWS + 2, max_col=60)
        ]
        book.close()
    except DAMAGED as error:
        raise BadFile("This is not a workbook that can be read.") from error
    return rows


def _without_tail(cells: list[str]) -> list[str]:
    """Sheets pad their rows with empty cells."""
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _cell_text(cell: object) -> str:
    """Numbers that a spreadsheet made of telephone numbers lose their leading nought; whole ones at least
    lose ".0"."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _headings(row: Sequence[str]) -> tuple[dict[int, str], list[Problem]]:
    columns: dict[int, str] = {}
    problems: list[Problem] = []
    for place, heading in enumerate(row):
        plain = " ".join(heading.replace("_", " ").split()).casefold()
        if not plain:
            continue
        known = HEADINGS.get(plain)
        if known is None:
            # The heading itself may be a name when the heading row was forgotten, so it is not repeated here.
            problems.append(Problem(1, f"column {place + 1}", f"is not one of: {KNOWN_COLUMNS}."))
        elif known in columns.values():
            problems.append(Problem(1, TITLES[known], "stands twice in the headings."))
        else:
            columns[place] = known
    if "name" not in columns.values():
        problems.insert(0, Problem(1, "name", "is missing. The first row has to name the columns."))
    return columns, problems


def _age_band(text: str) -> str | None:
    plain = text.strip().casefold()
    if not plain:
        return AgeBand.ADULT
    if plain.isdecimal():  # a raised ² is a digit and no number
        age = int(plain)
        return AgeBand.CHILD if age < 16 else AgeBand.YOUNG_PERSON if age < 18 else AgeBand.ADULT
    for band in AgeBand:
        if plain in {band.value, band.label.casefold()}:
            return band
    return {"under 16": AgeBand.CHILD, "16-17": AgeBand.YOUNG_PERSON, "16–17": AgeBand.YOUNG_PERSON}.get(
        plain
    )


class _Reader:
    """Reads the rows one by one and collects what is wrong with them."""

    def __init__(
        self,
        kind: str,
        groups: Mapping[str, str],
        teams: Mapping[str, str],
        default_group: str,
        needs_group: bool,
    ) -> None:
        self.kind, self.groups, self.teams = kind, groups, teams
        self.default_group, self.needs_group = default_group, needs_group
        self.problems: list[Problem] = []
        self.emails: dict[str, int] = {}
        self.named: dict[str, list[Listed]] = {}

    def wrong(self, row: int, column: str, text: str) -> None:
        self.problems.append(Problem(row, TITLES.get(column, column), text))

    def read(self, row: int, cells: Mapping[str, str]) -> Listed:
        for column, cell in cells.items():
            if has_control_characters(cell):
                self.wrong(row, column, "holds a character that cannot be printed.")
            if len(cell) > LENGTHS.get(column, 254):
                self.wrong(row, column, f"is longer than {LENGTHS.get(column, 254)} characters.")
        if not cells.get("name"):
            self.wrong(row, "name", "is empty.")
        person = Listed(
            row=row,
            name=cells.get("name", ""),
            email=self.email(row, cells.get("email", "")),
            phone=self.phone(row, cells.get("phone", "")),
            address=cells.get("address", ""),
            safe_note=cells.get("safe_note", ""),
            preference=cells.get("preference", ""),
            role_title=cells.get("role_title", ""),
            group=self.group(row, cells.get("group", "")),
            teams=self.team_codes(row, cells.get("teams", "")),
            family=cells.get("family", ""),
            age_band=self.age_band(row, cells.get("age_band", "")),
        )
        self.namesakes(person)
        return person

    def namesakes(self, person: Listed) -> None:
        """One person under two codes would withdraw under one of them only."""
        earlier = self.named.setdefault(plain_name(person.name), []) if person.name else []
        phone = normal_phone(person.phone)
        for other in earlier:
            if phone and phone == normal_phone(other.phone):
                self.wrong(person.row, "name", f"and telephone number are those of row {other.row}.")
            elif is_bare(person) or is_bare(other):
                self.wrong(
                    person.row,
                    "name",
                    f"is the same as in row {other.row}. Give both an e-mail address or a telephone number, or "
                    "leave one out.",
                )
            else:
                continue
            break
        earlier.append(person)

    def email(self, row: int, text: str) -> str:
        if not text:
            return ""
        plain = normal_email(text)
        if not plain:
            self.wrong(row, "email", "is not an e-mail address.")
        elif plain in self.emails:
            self.wrong(row, "email", f"is the same as in row {self.emails[plain]}.")
        else:
            self.emails[plain] = row
        return text

    def phone(self, row: int, text: str) -> str:
        if text and not normal_phone(text):
            self.wrong(row, "phone", "is not a telephone number.")
        return text

    def group(self, row: int, text: str) -> str:
        if not text and (self.default_group or not self.needs_group):
            return self.default_group
        known = self.groups.get(text.strip().casefold(), "")
        if not known:
            self.wrong(
                row,
                "group",
                f"has to be one of: {', '.join(self._group_labels())}." if text else "is empty.",
            )
        return known

    def _group_labels(self) -> list[str]:
        return sorted(word for word in self.groups if "_" not in word)

    def team_codes(self, row: int, text: str) -> tuple[str, ...]:
        named = [part.strip() for part in re.split(r"[;|]", text) if part.strip()]
        codes = [self.teams.get(part.casefold(), "") for part in named]
        if "" in codes:
            self.wrong(row, "teams", "is not a team of this site. Separate several teams by a semicolon.")
        return tuple(dict.fromkeys(code for code in codes if code))

    def age_band(self, row: int, text: str) -> str:
        band = _age_band(text)
        if band is None:
            self.wrong(row, "age_band", "has to be an age, or one of: under 16, 16 or 17, 18 or over.")
            return AgeBand.ADULT
        if self.kind == Kind.STAFF and band != AgeBand.ADULT:
            self.wrong(row, "age_band", "is under 18, but this is a list of staff.")
            return AgeBand.ADULT
        return band


def read_roster(
    rows: Sequence[Sequence[str]],
    *,
    kind: str,
    groups: Mapping[str, str],
    teams: Mapping[str, str],
    default_group: str = "",
    needs_group: bool = True,
) -> Roster:
    """Check a list. `groups` and `teams` map what may be written (casefolded) to the stored value or code.

    Each person needs a group when the list is for a wave (`needs_group`).

    Any problem makes the whole list unusable: `people` is then empty (all or nothing).
    """
    if not rows or not any(any(cell.strip() for cell in row) for row in rows):
        return Roster(problems=(Problem(1, "list", "is empty."),))
    if len(rows) > MAX_ROWS + 1:
        return Roster(
            problems=(Problem(MAX_ROWS + 2, "list", f"has more than {MAX_ROWS} people. Divide it."),)
        )
    columns, problems = _headings(rows[0])
    if problems:
        return Roster(problems=tuple(problems))
    reader = _Reader(kind, groups, teams, default_group, needs_group)
    people = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if any(cell.strip() for cell in row[max(columns) + 1 :]):
            reader.wrong(number, "row", "has more cells than there are headings.")
        cells = {column: row[place].strip() for place, column in columns.items() if place < len(row)}
        people.append(reader.read(number, cells))
    if not people:
        reader.wrong(2, "list", "holds no people below the headings.")
    if reader.problems:
        return Roster(problems=tuple(reader.problems), columns=tuple(columns.values()))
    return Roster(people=tuple(people), columns=tuple(columns.values()))
