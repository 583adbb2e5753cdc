"""Reads YAML files of this library into pydantic models. Every fault is named with its line and key, all at once."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from impact.errors import BadDocument

__all__ = ["Part", "read"]

MAX_BYTES = 1 << 20
Place = tuple[str | int, ...]


class Part(pydantic.BaseModel):
    """The base of every part of a document: frozen, and no key that nobody reads."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Read = TypeVar("Read", bound=Part)


class _Loader(yaml.SafeLoader):
    """Safe loading without aliases, which can grow without bound, and without keys that stand twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]  # bare in the stubs
            raise BadDocument(f"Line {line}: anchors and aliases are not used here; write the value out.")
        return super().compose_node(parent, index)


# Unlike YAML 1.1, “on”, “off”, “yes” and “no” stay words: `on` is a key of ours.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path, model: type[Read]) -> Read:
    """The document at `path`. Raises BadDocument that names the file and every faulty line and key."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadDocument(f"{path.name}: cannot be read ({error.strerror}).") from None
    if len(data) > MAX_BYTES:
        raise BadDocument(f"{path.name}: larger than 1 MB, which no such file is.")
    try:
        plain, lines = _parsed(data)
        return model.model_validate(plain)
    except BadDocument as error:
        raise BadDocument(f"{path.name}: {error}") from None
    except pydantic.ValidationError as error:
        faults = [_in_words(fault, lines, model) for fault in error.errors(include_url=False)]
        raise BadDocument("\n".join(f"{path.name}, {words}" for words in faults)) from None


def _parsed(data: bytes) -> tuple[Any, dict[Place, int]]:
    try:
        loader = _Loader(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, yaml.reader.ReaderError):
        raise BadDocument("This is not a text file in UTF-8.") from None
    try:
        root = loader.get_single_node()
        lines: dict[Place, int] = {}
        if root is not None:
            _walk(root, (), lines)
        return (loader.construct_document(root) if root is not None else None), lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"Line {mark.line + 1}: " if mark else ""
        raise BadDocument(f"{line}{getattr(error, 'problem', None) or 'this is not YAML'}.") from None
    finally:
        loader.dispose()


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    """Remember the line of everything; refuse a key that stands twice in one mapping."""
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            _walk(child, (*place, number), lines)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if key.value in seen:
                raise BadDocument(f"Line {key.start_mark.line + 1}: “{key.value}” stands twice.")
            seen.add(key.value)
            _walk(child, (*place, key.value), lines)
            lines[(*place, key.value)] = key.start_mark.line + 1


def _in_words(fault: Any, lines: dict[Place, int], model: type[Part]) -> str:
    place: Place = ()
    for part in fault["loc"]:
        # Pydantic also names the member of a union, which stands in no file.
        if (*place, part) in lines:
            place = (*place, part)
    missing = fault["loc"][-1] if fault["type"] == "missing" and fault["loc"] else None
    name = ".".join(map(str, (*place, missing) if missing else place)) or "the file"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(fault["loc"][-1]), _keys(model), n=1)
        message = "there is no such key." + (f" Did you mean “{near[0]}”?" if near else "")
    if missing:
        message = "is missing"
    if not fault["loc"] and fault["type"] == "model_type":
        message = f"should begin with keys such as “{next(iter(model.model_json_schema()['properties']))}:”"
    return f"line {lines.get(place, 1)}, {name}: {message}"


def _keys(model: type[Part]) -> list[str]:
    """Every key that any part of the document knows."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return sorted({key for part in parts for key in part.get("properties", {})})
