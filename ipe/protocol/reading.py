"""From a protocol file's bytes to checked sections, or to every fault in it by line and field."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from ipe.protocol.checks import design_faults
from ipe.protocol.problems import (
    Path,
    Problem,
    ProtocolRefused,
    line_of,
    place_of,
    suggestion,
)
from ipe.protocol.schema import DESIGN_SECTIONS, Design, EvaluationPart
from ipe.protocol.source import Source, read_source


@dataclass(frozen=True)
class Protocol:
    """A file that holds up: the design's sections, those of the rooms above, and where each part stands."""

    design: Design
    rooms: dict[str, Any] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source({}, {}))


def read_protocol(
    data: bytes,
    *,
    rooms: Mapping[str, Any] | None = None,
    filename: str = "",
    known: Callable[[str], Design | None] | None = None,
) -> Protocol:
    """Reads and checks a file. Raises ProtocolRefused with everything that is wrong.

    `rooms` maps the name of each section that a room above owns to its type (a pydantic model or any type
    pydantic can check). `known` gives a study's present design by slug, so that codes may refer to sections
    that the file leaves out.
    """
    source = read_source(data, filename=filename)
    adapters: dict[str, TypeAdapter[Any]] = {
        **DESIGN_SECTIONS,
        **{name: TypeAdapter(model) for name, model in (rooms or {}).items()},
    }
    problems = _unknown_sections(source, adapters)
    found: dict[str, Any] = {}
    for name, adapter in adapters.items():
        if name not in source.data:
            continue
        try:
            found[name] = adapter.validate_python(_given(source, name, problems))
        except ValidationError as error:
            problems.extend(_translated(error, name, adapter, source))
        except _Empty:
            continue
    if "evaluation" not in source.data:
        problems.append(
            Problem(
                0,
                "",
                "“evaluation” is missing; it names the study that the file describes.",
            )
        )
    design = _design(found, source)
    present = known(design.evaluation.slug) if known else None
    whole = design.with_gaps_from(present) if present else design
    # A section that could not be read has no codes to refer to: checking against it would blame the innocent.
    unread = {name for name in adapters if name in source.data and name not in found}
    problems.extend(_placed(source, path, message) for path, message in design_faults(whole, unread=unread))
    if problems:
        raise ProtocolRefused(problems, file=filename)
    return Protocol(
        design,
        {name: found[name] for name in found if name not in DESIGN_SECTIONS},
        source,
    )


def _design(found: Mapping[str, Any], source: Source) -> Design:
    """The sections that could be read; a stand-in for a bad `evaluation`, so that the rest is checked."""
    sections = {name: found[name] for name in DESIGN_SECTIONS if name in found}
    if "evaluation" not in sections:
        given = source.data.get("evaluation")
        slug = given.get("slug") if isinstance(given, dict) else None
        sections["evaluation"] = EvaluationPart.model_construct(
            slug=slug if isinstance(slug, str) else "", title=""
        )
    return Design(**sections)


def _placed(source: Source, path: Path, message: str) -> Problem:
    if path[0] not in source.data:
        return Problem(0, f"{path[0]} (left out, so as the study has them)", message)
    return Problem(line_of(source.lines, path), place_of(source.data, _shown(path, source)), message)


class _Empty(Exception):
    """A section with nothing after its colon."""


def _given(source: Source, name: str, problems: list[Problem]) -> Any:
    if source.data[name] is None:
        line = source.lines[(name,)]
        problems.append(
            Problem(
                line,
                name,
                "This section is empty. Leave it out, or write [] to say that there are none.",
            )
        )
        raise _Empty
    return source.data[name]


def _unknown_sections(source: Source, adapters: Mapping[str, Any]) -> list[Problem]:
    sections = ", ".join(adapters)
    return [
        Problem(
            source.lines[(name,)],
            name,
            f"There is no section “{name}” here.{_near(name, adapters)} The sections are: {sections}.",
        )
        for name in source.data
        if name not in adapters
    ]


def _near(word: str, known: Mapping[str, Any]) -> str:
    hint = suggestion(word, known)
    return hint if hint.startswith(" Did") else ""


def _translated(
    error: ValidationError, name: str, adapter: TypeAdapter[Any], source: Source
) -> list[Problem]:
    problems = []
    for one in error.errors():
        path: Path = (name, *one["loc"])
        line = line_of(source.lines, path)
        message = in_words(one, path, adapter)
        problems.append(Problem(line, place_of(source.data, _shown(path, source)), message))
    return problems


def _shown(path: Sequence[str | int], source: Source) -> Path:
    """The path without the words that validators put in: only parts that stand in the file."""
    known: Path = ()
    for part in path:
        if (*known, part) in source.lines:
            known = (*known, part)
    return known


_TYPES = {
    "string_type": "should be text; put it in quotes if it looks like a number or a date.",
    "int_type": "should be a whole number.",
    "is_instance_of": "should be a number.",
    "decimal_type": "should be a number.",
    "float_type": "should be a number.",
    "bool_type": "should be true or false.",
    "date_type": "should be a day, written as 2026-11-21.",
    "list_type": "should be a list: lines that begin with “- ”, or [a, b].",
    "dict_type": "should be a group of fields, one to a line.",
    "model_type": "should be a group of fields, one to a line.",
    "model_attributes_type": "should be a group of fields, one to a line.",
    "string_too_short": "should not be empty.",
    "finite_number": "should be a number.",
}


def in_words(one: Mapping[str, Any], path: Path, adapter: TypeAdapter[Any]) -> str:
    """A validator's error in a sentence about the field; pydantic's own words for types nobody thought of."""
    kind, ctx, last = one["type"], one.get("ctx", {}), path[-1]
    match kind:
        case "missing":
            return f"“{last}” is missing."
        case "extra_forbidden":
            hint = suggestion(str(last), fields_at(adapter, one["loc"][:-1]))
            return f"There is no field “{last}” here.{hint}"
        case "enum" | "literal_error":
            options = re.findall(r"'([^']*)'", str(ctx.get("expected", "")))
            given = one["input"] if isinstance(one["input"], str) else str(one["input"]).lower()
            hint = suggestion(given[:60], options)
            choices = ", ".join(f"“{option}”" for option in options)
            return f"“{given[:60]}” is not one of {choices}.{hint if hint.startswith(' Did') else ''}"
        case "string_pattern_mismatch":
            return (
                "should be letters, digits, hyphens, dots and underscores, beginning with a letter or digit."
            )
        case "string_too_long":
            return f"is longer than {ctx['max_length']} characters."
        case "too_short":
            return "should have at least one entry."
        case "greater_than_equal":
            return f"should be {ctx['ge']} or more."
        case "less_than_equal":
            return f"should be {ctx['le']} or less."
        case "decimal_max_places":
            return f"has more than {ctx['decimal_places']} decimal places."
        case "decimal_max_digits" | "decimal_whole_digits":
            return "has too many digits."
        case "value_error":
            return str(ctx["error"])
    return _TYPES.get(kind, str(one["msg"]) + ".")


def fields_at(adapter: TypeAdapter[Any], loc: Sequence[str | int]) -> list[str]:
    """The names of the fields that a type has at a place in it; empty where that is not a model."""
    found = _types_at([adapter._type], list(loc))
    return [name for one in found if _is_model(one) for name in one.model_fields]


def _types_at(annotations: list[Any], loc: list[str | int]) -> list[Any]:
    annotations = [part for one in annotations for part in _members(one)]
    if not loc:
        return annotations
    head, rest = loc[0], loc[1:]
    below: list[Any] = []
    for one in annotations:
        origin, arguments = typing.get_origin(one), typing.get_args(one)
        if _is_model(one) and head in one.model_fields:
            below.append(one.model_fields[str(head)].annotation)
        elif origin in (list, tuple, set, frozenset, Sequence) and isinstance(head, int) and arguments:
            below.append(arguments[0])
        elif origin in (dict, Mapping) and len(arguments) == 2:
            below.append(arguments[1])
    if not below:  # a word that the validator of a union put in
        return _types_at(annotations, rest)
    return _types_at(below, rest)


def _members(annotation: Any) -> list[Any]:
    """A type without Annotated, and the members of a union each for itself."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [part for one in typing.get_args(annotation) for part in _members(one)]
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
