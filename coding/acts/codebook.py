"""Keeping the codebook: add, rename, move, merge, remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from coding.acts import log
from coding.acts.applying import apply_code
from coding.acts.columns import follow_codebook
from coding.models import Code, Codebook, CodeRevision, Coding, Column, Level, Matrix, Verb
from coding.palette import next_colour
from ipe import audit, roles
from ipe.errors import Conflict, Invalid

if TYPE_CHECKING:
    from ipe.models import Evaluation, User


def codebook_of(evaluation: Evaluation) -> Codebook:
    """The study's codebook; made when it is first written to. Call inside a transaction of an act."""
    return Codebook.objects.get_or_create(evaluation=evaluation)[0]


def add_code(
    evaluation: Evaluation,
    *,
    name: str,
    by: User,
    parent: Code | None = None,
    definition: str = "",
    is_codable: bool | None = None,
    colour: int | None = None,
) -> Code:
    """Add a theme (no parent), a subtheme or a code. A colour that is used least is chosen unless one is
    given.

    Themes only group unless told otherwise. Needs text.edit in the study. Raises Invalid for an empty or
    a double name and for a fourth level.
    """
    with transaction.atomic():
        roles.require(by, "text.edit", evaluation)
        book = codebook_of(evaluation)
        level = _level_under(parent, book)
        siblings = Code.objects.filter(codebook=book, parent=parent)
        used = list(Code.objects.in_use().filter(codebook=book).values_list("colour", flat=True))
        code = Code(
            codebook=book,
            parent=parent,
            level=level,
            name=_name(name),
            definition=definition.strip(),
            colour=next_colour(used) if colour is None else colour,
            order=(siblings.aggregate(last=Max("order"))["last"] or 0) + 1,
            is_codable=level != Level.THEME if is_codable is None else is_codable,
        )
        _save(code)
        _revise(code, by)
        _record(Verb.ADD_CODE, code, evaluation, by, before={}, after=log.state(codes=[code]))
        follow_codebook(code.codebook)
    return code


def add_and_apply(
    evaluation: Evaluation,
    *,
    name: str,
    parent: Code | None,
    version_id: UUID,
    start: int,
    end: int,
    by: User,
) -> tuple[Code, Coding]:
    """Add a code and give it to a passage, both or neither; two steps of undo. A code without a place is
    a theme that can be applied.
    """
    with transaction.atomic():
        code = add_code(evaluation, name=name, parent=parent, is_codable=True, by=by)
        coding = apply_code(version_id, start=start, end=end, code_id=code.pk, by=by)
    return code, coding


def edit_code(
    code: Code,
    *,
    by: User,
    name: str,
    definition: str,
    is_codable: bool,
    colour: int,
    reason: str = "",
) -> Code:
    """Rename or redefine a code; what it was called before stays on record. Needs text.edit in the study.

    Raises
        Invalid: An empty or double name, or codings stand under what is to become a heading.
    """
    with transaction.atomic():
        evaluation = _lock(code, by)
        after = (_name(name), definition.strip(), is_codable, colour)
        if (code.name, code.definition, code.is_codable, code.colour) == after:
            return code
        if not is_codable and code.is_codable and code.codings.exists():
            raise Invalid(
                "This code is used. Move its codings to another code before making it a heading.",
                fields={"is_codable": "This code is used."},
            )
        before = log.state(codes=[code])
        code.name, code.definition, code.is_codable, code.colour = after
        _save(code)
        _revise(code, by, reason)
        _record(Verb.RENAME_CODE, code, evaluation, by, before=before, after=log.state(codes=[code]))
    return code


def move_code(code: Code, *, parent: Code | None, by: User, position: int | None = None) -> Code:
    """Put a code, with what is under it, under another parent or at another place among its siblings.

    `position` counts from 0; without one it goes last. Needs text.edit in the study. Summaries and links
    stay with their column. Raises Invalid for a move under itself, too deep, or of a theme or subtheme
    that has a matrix or column elsewhere.
    """
    with transaction.atomic():
        evaluation = _lock(code, by)
        level = _level_under(parent, code.codebook)
        if parent is not None and (parent.pk == code.pk or parent.parent_id == code.pk):
            raise Invalid("A code cannot be moved under itself.")
        children = list(Code.objects.in_use().filter(parent=code))
        grandchildren = Code.objects.in_use().filter(parent__in=children).exists()
        if level + (2 if grandchildren else 1 if children else 0) > Level.CODE:
            raise Invalid("That would be a fourth level. There are themes, subthemes and codes.")
        if code.parent_id != (parent.pk if parent else None):
            _check_charted(code)
        siblings = list(
            Code.objects.in_use().filter(codebook=code.codebook, parent=parent).exclude(pk=code.pk)
        )
        place = len(siblings) if position is None else max(0, min(position, len(siblings)))
        everyone = [*siblings[:place], code, *siblings[place:]]
        below = [*children, *Code.objects.in_use().filter(parent__in=children)]
        before = log.state(codes=[*everyone, *below])
        shift = level - code.level
        code.parent, code.level = parent, level
        for order, row in enumerate(everyone, start=1):
            row.order = order
        for row in below:
            row.level += shift
        _save(code)
        Code.objects.bulk_update([*everyone, *below], ["order", "level"])
        _record(
            Verb.MOVE_CODE, code, evaluation, by, before=before, after=log.state(codes=[*everyone, *below])
        )
        follow_codebook(code.codebook)
    return code


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge will do, in counts."""

    n_codings: int
    n_doubles: int
    n_documents: int
    n_children: int


def merge_preview(source: Code, target: Code, *, by: User) -> MergePreview:
    """What merging source into target would do. Needs text.edit at every site, because it reaches every
    document.
    """
    evaluation = source.codebook.evaluation
    roles.require_whole_study(by, "text.edit", evaluation)
    _check_merge(source, target)
    doubles, moving = _merge_parts(source, target)
    return MergePreview(
        len(moving) + len(doubles),
        len(doubles),
        len({coding.version_id for coding in [*moving, *doubles]}),
        Code.objects.in_use().filter(parent=source).count(),
    )


def merge_codes(source: Code, *, into: Code, by: User) -> Code:
    """Give every coding and every child of `source` to `into` and retire `source`. One act, undone as one.

    Where the same coder gave the same passage both codes, one coding remains. Needs text.edit at every site.

    Raises
        Invalid: Into itself, into something under itself, into a heading, or a theme or subtheme with a
        matrix or column.
        Conflict: A child of each has the same name.
    """
    with transaction.atomic():
        evaluation = _lock(source, by)
        roles.require_whole_study(by, "text.edit", evaluation)
        _check_merge(source, into)
        doubles, moving = _merge_parts(source, into)
        children = list(Code.objects.in_use().filter(parent=source))
        if children and into.level + 1 != source.level + 1:
            raise Invalid("Merge codes of the same level, or move the codes under this one first.")
        before = log.state([*moving, *doubles], [source, *children])
        Coding.objects.filter(pk__in=[coding.pk for coding in doubles]).delete()
        moment = timezone.now()
        for coding in moving:
            coding.code, coding.changed_at = into, moment
        Coding.objects.bulk_update(moving, ["code", "changed_at"])
        for child in children:
            child.parent = into
            try:
                _save(child)
            except Invalid:
                raise Conflict(
                    "A code under each of them has the same name. Rename or merge those two first."
                ) from None
        source.retired_at, source.merged_into = moment, into
        source.save()
        follow_codebook(source.codebook)
        _record(
            Verb.MERGE_CODE,
            source,
            evaluation,
            by,
            before=before,
            after=log.state(moving, [source, *children]),
            n=len(moving) + len(doubles),
        )
    return into


def retire_code(code: Code, *, by: User) -> Code:
    """Remove a code that nothing uses any more. It can be undone. Needs text.edit at every site.

    Raises
        Conflict: It still has codings, codes under it, or a matrix or column. Merge or move those first.
    """
    with transaction.atomic():
        evaluation = _lock(code, by)
        roles.require_whole_study(by, "text.edit", evaluation)
        if code.codings.exists() or Code.objects.in_use().filter(parent=code).exists():
            raise Conflict("This code is used. Merge it into another, or move what is under it, first.")
        _check_charted(code)
        before = log.state(codes=[code])
        code.retired_at = timezone.now()
        code.save()
        follow_codebook(code.codebook)
        _record(Verb.RETIRE_CODE, code, evaluation, by, before=before, after=log.state(codes=[code]))
    return code


def _lock(code: Code, by: User) -> Evaluation:
    """The study, after the right is checked and the code is locked and read anew."""
    evaluation = code.codebook.evaluation
    roles.require(by, "text.edit", evaluation)
    fresh = Code.objects.select_for_update(of=("self",)).get(pk=code.pk)
    if fresh.retired_at is not None:
        raise Conflict("This code was merged or removed in the meantime.")
    code.parent_id, code.level, code.order = fresh.parent_id, fresh.level, fresh.order
    code.name, code.definition, code.revision_id = fresh.name, fresh.definition, fresh.revision_id
    code.colour, code.is_codable, code.merged_into_id = fresh.colour, fresh.is_codable, fresh.merged_into_id
    code.retired_at = None
    return evaluation


def _name(name: str) -> str:
    tidy = " ".join(name.split())
    if not tidy:
        raise Invalid("Give the code a name.", fields={"name": "Give the code a name."})
    return tidy


def _level_under(parent: Code | None, book: Codebook) -> int:
    if parent is None:
        return Level.THEME
    if parent.codebook_id != book.pk or parent.retired_at is not None:
        raise Invalid("Choose a place in this study's codebook.", fields={"parent": "Not in this codebook."})
    if parent.level >= Level.CODE:
        raise Invalid(
            "There are three levels: theme, subtheme, code.", fields={"parent": "Nothing goes under a code."}
        )
    return parent.level + 1


def _save(code: Code) -> None:
    try:
        code.full_clean(exclude=["merged_into", "revision"])
    except ValidationError as error:
        fields = {
            "name" if name == "__all__" else name: " ".join(texts)
            for name, texts in error.message_dict.items()
        }
        raise Invalid(next(iter(fields.values())), fields=fields) from None
    code.save()


def _revise(code: Code, by: User, reason: str = "") -> None:
    code.revision = CodeRevision.objects.create(
        code=code,
        name=code.name,
        definition=code.definition,
        colour=code.colour,
        is_codable=code.is_codable,
        by=by,
        reason=reason.strip(),
    )
    code.save(update_fields=["revision"])


def _record(
    verb: str,
    code: Code,
    evaluation: Evaluation,
    by: User,
    *,
    before: log.State,
    after: log.State,
    n: int = 0,
) -> None:
    log.add(verb, evaluation=evaluation, by=by, before=before, after=after)
    audit.record(f"coding.{verb}", code, by=by, evaluation=evaluation, counts={"codings": n})


def _check_charted(code: Code) -> None:
    if Matrix.objects.filter(theme=code).exists():
        raise Conflict("This theme has a matrix; it stays where it is.")
    if Column.objects.filter(subtheme=code, cells__isnull=False).exists():
        raise Conflict("This subtheme has a column with charted cells; it stays under its theme.")


def _check_merge(source: Code, target: Code) -> None:
    if source.pk == target.pk or source.codebook_id != target.codebook_id:
        raise Invalid("Choose another code of this codebook.", fields={"into": "Choose another code."})
    if target.retired_at is not None:
        raise Conflict("The other code was merged or removed in the meantime.")
    parent: Code | None = target
    while parent is not None:
        if parent.parent_id == source.pk:
            raise Invalid("A code cannot be merged into one that stands under it.")
        parent = parent.parent
    if not target.is_codable and source.codings.exists():
        raise Invalid(
            "The other one is a heading that only groups codes.", fields={"into": "It is a heading."}
        )
    _check_charted(source)


def _merge_parts(source: Code, target: Code) -> tuple[list[Coding], list[Coding]]:
    """(codings that would double one of the target, the others)."""
    taken = set(
        Coding.objects.filter(code=target).order_by().values_list("version_id", "start", "end", "coder_id")
    )
    doubles: list[Coding] = []
    moving: list[Coding] = []
    for coding in Coding.objects.filter(code=source):
        key = (coding.version_id, coding.start, coding.end, coding.coder_id)
        (doubles if key in taken else moving).append(coding)
    return doubles, moving
