"""docs/protocol-file.md is true: its example can be imported, and every field stands in it."""

from __future__ import annotations

import re
import typing
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

from ipe import rooms
from ipe.protocol.reading import read_protocol
from ipe.protocol.schema import DESIGN_SECTIONS
from ipe.protocol.study import export_protocol, import_protocol
from tests.ipe.protocol.files import ROOT

TEXT = (ROOT / "docs" / "protocol-file.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def parts(annotation: Any, seen: dict[type, None]) -> dict[type, None]:
    """Every model and closed list inside a type."""
    if isinstance(annotation, type) and issubclass(annotation, (BaseModel, Enum)):
        if annotation not in seen:
            seen[annotation] = None
            for field in getattr(annotation, "model_fields", {}).values():
                parts(field.annotation, seen)
        return seen
    for inner in typing.get_args(annotation):
        if not isinstance(inner, str):
            parts(inner, seen)
    return seen


def sections() -> dict[str, Any]:
    shell = {name: adapter._type for name, adapter in DESIGN_SECTIONS.items()}
    return shell | {name: section.model for name, section in rooms.sections().items()}


def test_example_holds_up_as_the_design_alone() -> None:
    assert read_protocol(EXAMPLES[0].encode()).design.evaluation.slug == "example"


@pytest.mark.usefixtures("db")
def test_example_with_the_rooms_can_be_imported_and_changes_nothing_twice() -> None:
    data = "".join(EXAMPLES).encode()
    study = import_protocol(data, by=None).evaluation
    assert import_protocol(data, by=None).changes == []
    assert import_protocol(export_protocol(study), by=None).changes == []


def test_example_has_every_section() -> None:
    given = set(re.findall(r"^(\w+):", "".join(EXAMPLES), re.MULTILINE))
    assert given == set(sections())


def test_every_field_stands_in_the_example() -> None:
    example = "".join(EXAMPLES)
    missing = [
        f"{model.__name__}.{name}"
        for section in sections().values()
        for model in parts(section, {})
        for name in getattr(model, "model_fields", {})
        if not re.search(rf"(?<![\w-]){name}:", example)
    ]
    assert missing == []


def test_every_word_of_a_closed_list_stands_in_the_text() -> None:
    missing = [
        f"{kind.__name__}.{member.value}"
        for section in sections().values()
        for kind in parts(section, {})
        if issubclass(kind, Enum)
        for member in kind
        if not re.search(rf"(?<![\w-]){re.escape(str(member.value))}(?![\w-])", TEXT)
    ]
    assert missing == []
