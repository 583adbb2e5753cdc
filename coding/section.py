"""The protocol's section `codebook`: the framework as planned, three levels deep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

from django.utils import timezone
from pydantic import BaseModel, Field, model_validator

from coding.acts.columns import follow_codebook
from coding.models import Code, Codebook, CodeRevision, Level
from coding.palette import SIZE, next_colour
from ipe.errors import Invalid
from ipe.models import Evaluation
from ipe.protocol.schema import MaybeProse, Name, Part

AnyPart = TypeVar("AnyPart", bound="CodePart")


class CodePart(Part):
    """A code under a subtheme."""

    name: Name
    definition: MaybeProse = ""
    colour: Annotated[int, Field(ge=0, lt=SIZE)] | None = None
    codable: bool = True


class SubthemePart(CodePart):
    codes: list[CodePart] = Field(default_factory=list)

    @model_validator(mode="after")
    def _once(self) -> SubthemePart:
        return _different(self, self.codes)


class ThemePart(CodePart):
    codable: bool = False
    subthemes: list[SubthemePart] = Field(default_factory=list)

    @model_validator(mode="after")
    def _once(self) -> ThemePart:
        return _different(self, self.subthemes)


def _different(part: AnyPart, below: Sequence[CodePart]) -> AnyPart:
    names = [row.name.casefold() for row in below]
    if len(set(names)) < len(names):
        raise ValueError("holds two codes of the same name.")
    return part


class CodebookSection:
    """Reads and writes the study's codebook, in the order of the tree."""

    name = "codebook"
    model = cast(type[BaseModel], list[ThemePart])

    def read(self, evaluation: Evaluation) -> list[ThemePart]:
        codes = list(Code.objects.in_use().of(evaluation).order_by("order", "name"))

        def under(parent: Code | None) -> list[Code]:
            return [code for code in codes if code.parent_id == (parent.pk if parent else None)]

        def said(code: Code) -> dict[str, Any]:
            return {
                "name": code.name,
                "definition": code.definition,
                "colour": code.colour,
                "codable": code.is_codable,
            }

        return [
            ThemePart(
                **said(theme),
                subthemes=[
                    SubthemePart(**said(subtheme), codes=[CodePart(**said(code)) for code in under(subtheme)])
                    for subtheme in under(theme)
                ],
            )
            for theme in under(None)
        ]

    def write(self, evaluation: Evaluation, section: list[ThemePart], report: Any) -> None:
        """Make the codebook what the section says, in the caller's transaction. Codes are known by their name in their place.

        A code that the section leaves out is retired when nothing uses it.

        Raises
            Invalid: Two themes share a name, or a code that is used is left out or becomes a heading.
        """
        if len({part.name.casefold() for part in section}) < len(section):
            raise Invalid("The codebook holds two themes of the same name.")
        book, _ = Codebook.objects.get_or_create(evaluation=evaluation)
        kept: set[Any] = set()
        for order, theme in enumerate(section, start=1):
            top = _write(book, theme, None, Level.THEME, order, kept)
            for place, subtheme in enumerate(theme.subthemes, start=1):
                middle = _write(book, subtheme, top, Level.SUBTHEME, place, kept)
                for spot, code in enumerate(subtheme.codes, start=1):
                    _write(book, code, middle, Level.CODE, spot, kept)
        left_out = Code.objects.in_use().filter(codebook=book).exclude(pk__in=kept)
        for unused in left_out.order_by("-level"):
            if (
                unused.codings.exists()
                or unused.columns.filter(cells__isnull=False).exists()
                or hasattr(unused, "matrix")
            ):
                raise Invalid(f"The code “{unused.name}” is used and cannot be left out of the codebook.")
            unused.retired_at = timezone.now()
            unused.save(update_fields=["retired_at"])
        follow_codebook(book)


def _write(
    book: Codebook, part: CodePart, parent: Code | None, level: int, order: int, kept: set[Any]
) -> Code:
    code = Code.objects.in_use().filter(codebook=book, parent=parent, name__iexact=part.name).first()
    if code is None:
        used = list(Code.objects.in_use().filter(codebook=book).values_list("colour", flat=True))
        code = Code(codebook=book, parent=parent, level=level, colour=next_colour(used))
    if code.is_codable and not part.codable and code.codings.exists():
        raise Invalid(f"The code “{code.name}” is used and cannot become a heading.")
    before = (code.name, code.definition, code.colour, code.is_codable)
    code.name, code.definition, code.order, code.is_codable = part.name, part.definition, order, part.codable
    if part.colour is not None:
        code.colour = part.colour
    code.full_clean(exclude=["revision", "merged_into"])
    code.save()
    if before != (code.name, code.definition, code.colour, code.is_codable):
        code.revision = CodeRevision.objects.create(
            code=code,
            name=code.name,
            definition=code.definition,
            colour=code.colour,
            is_codable=code.is_codable,
            reason="Protocol",
        )
        code.save(update_fields=["revision"])
    kept.add(code.pk)
    return code
