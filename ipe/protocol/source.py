"""Reads a protocol file's bytes into plain data, and remembers the line of everything.

Safe on any bytes: size, depth and number of values are limited; anchors and aliases are refused, so there are
no cycles and nothing can grow; tags are refused, so nothing is constructed but text, numbers, dates, true,
false and null. Unlike YAML 1.1, `yes`, `no`, `on` and `off` stay words: they are answers in this field.
Numbers with a decimal point become Decimal, exactly as written.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import BaseConstructor
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from ipe.protocol.problems import Path, Problem, ProtocolRefused

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_VALUES = 30_000

TRUE, NULL, INT, FLOAT, DATE, TEXT = (
    f"tag:yaml.org,2002:{name}" for name in ("bool", "null", "int", "float", "timestamp", "str")
)


@dataclass(frozen=True)
class Source:
    """The file's data (a mapping at the top) and the line, from 1, of each path into it."""

    data: dict[str, Any]
    lines: dict[Path, int]


class _Stop(Exception):
    """Reading cannot go on; carries what is wrong."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.problem = Problem(line, "", message)


class _Composer(Parser, Composer):
    """Composes nodes under the limits; refuses what a protocol never needs."""

    depth = 0
    values = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it bare
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _Stop(
                "Anchors (&) and aliases (*) are not used in protocol files; write the value out.",
                line,
            )
        if getattr(event, "tag", None) is not None:
            raise _Stop(
                f"Tags such as {str(event.tag)[:40]} are not used in protocol files.",
                line,
            )
        self.depth += 1
        self.values += 1
        if self.depth > MAX_DEPTH:
            raise _Stop(f"The file is nested more than {MAX_DEPTH} levels deep.", line)
        if self.values > MAX_VALUES:
            raise _Stop(f"The file holds more than {MAX_VALUES:,} values.", line)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Loader(Reader, Scanner, _Composer, BaseConstructor, BaseResolver):
    """PyYAML's parser with a resolver of our own: fewer magic words than YAML 1.1."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseConstructor.__init__(self)
        BaseResolver.__init__(self)


# Each pattern is narrower than PyYAML's own, so that its dumper quotes every text that would match here.
_Loader.add_implicit_resolver(TRUE, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(INT, re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(FLOAT, re.compile(r"^[-+]?[0-9]+\.[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(DATE, re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), list("0123456789"))


def read_source(data: bytes, *, filename: str = "") -> Source:
    """The file's data and line numbers. Raises ProtocolRefused, naming every fault that reading can find."""
    try:
        text = _decoded(data)
        root = _composed(text)
        problems: list[Problem] = []
        lines: dict[Path, int] = {(): 1}
        plain = _plain(root, (), lines, problems)
    except _Stop as stop:
        raise ProtocolRefused([stop.problem], file=filename) from None
    if problems:
        raise ProtocolRefused(problems, file=filename)
    if not isinstance(plain, dict):
        raise ProtocolRefused(
            [Problem(1, "", "The file should begin with sections such as “evaluation:”.")],
            file=filename,
        )
    return Source(plain, lines)


def _decoded(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Stop(
            "The file is larger than 1 MB; a protocol is far smaller.",
            0,
        )
    if not data.strip():
        raise _Stop("The file is empty.", 0)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Stop("The file is saved as UTF-16; save it as UTF-8.", 0)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Stop("The file is not UTF-8 text; save it as UTF-8.", line) from None


def _composed(text: str) -> Node:
    try:
        node = _Loader(text).get_single_node()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 0
        raise _Stop("There is a control character here that YAML does not allow.", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Stop(_syntax(error), mark.line + 1 if mark else 0) from None
    if node is None:
        raise _Stop("The file is empty.", 0)
    return node


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or "")
    if "\\t" in problem or "tab" in problem:
        return "Indent with spaces; there is a tab here."
    if "another document" in str(error.context or "") + problem or "single document" in str(
        error.context or ""
    ):
        return "The file holds more than one document; remove the line “---” that begins the second."
    if "mapping values are not allowed" in problem:
        return "There is a colon where none is expected; put the text in quotes or check the indentation."
    if "found unexpected end of stream" in problem:
        return "A quote that was opened is never closed."
    if "but got '" in problem:  # a sign of YAML's own in the middle of a text
        return f"This cannot be read as YAML ({problem}); put text with signs such as ? or : in quotes."
    return f"This cannot be read as YAML ({problem or 'unknown fault'}); check indentation and punctuation."


def _plain(node: Node, path: Path, lines: dict[Path, int], problems: list[Problem]) -> Any:
    if isinstance(node, MappingNode):
        return _mapping(node, path, lines, problems)
    if isinstance(node, SequenceNode):
        entries = []
        for index, child in enumerate(node.value):
            lines[(*path, index)] = child.start_mark.line + 1
            entries.append(_plain(child, (*path, index), lines, problems))
        return entries
    return _scalar(node, path, problems)


def _mapping(
    node: MappingNode, path: Path, lines: dict[Path, int], problems: list[Problem]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode) or key_node.tag == NULL:
            problems.append(Problem(line, "", "A field needs a plain name before its colon."))
            continue
        key = str(key_node.value)
        if key in found:
            first = lines[(*path, key)]
            problems.append(Problem(line, "", f"“{key}” is given twice; the first is on line {first}."))
            continue
        lines[(*path, key)] = line
        found[key] = _plain(value_node, (*path, key), lines, problems)
    return found


def _scalar(node: Node, path: Path, problems: list[Problem]) -> Any:
    value = str(node.value)
    place = " › ".join(part for part in path if isinstance(part, str))
    match node.tag:
        case t if t == NULL:
            return None
        case t if t == TRUE:
            return value.lower() == "true"
        case t if t in (INT, FLOAT) and len(value) > 40:
            problems.append(Problem(node.start_mark.line + 1, place, "This number has too many digits."))
            return None
        case t if t == INT:
            return int(value)
        case t if t == FLOAT:
            return Decimal(value)
        case t if t == DATE:
            try:
                return dt.date.fromisoformat(value)
            except ValueError:
                problems.append(
                    Problem(
                        node.start_mark.line + 1,
                        place,
                        f"“{value}” is not a day of the calendar (YYYY-MM-DD).",
                    )
                )
                return None
        case _:
            return value


class _Dumper(yaml.SafeDumper):
    """Writes Decimal as the number it is, indents lists under their field, and never makes an anchor."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _decimal(dumper: yaml.SafeDumper, value: Decimal) -> ScalarNode:
    if value == value.to_integral_value():
        return dumper.represent_int(int(value))
    return dumper.represent_scalar(FLOAT, f"{value:f}")


def _text(dumper: yaml.SafeDumper, value: str) -> ScalarNode:
    return dumper.represent_scalar(TEXT, value)


_Dumper.add_representer(Decimal, _decimal)
_Dumper.add_multi_representer(str, _text)  # members of the closed lists are written as their value


def write_source(data: dict[str, Any]) -> bytes:
    """The bytes of a protocol file; read_source gives the same data back."""
    text = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=False,
    )
    return text.encode()
