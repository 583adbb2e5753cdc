"""Giving passages codes: apply, remove, change the code, change the passage."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min, Value
from django.db.models.functions import Substr
from django.utils import timezone

from coding.acts import log
from coding.models import Code, Coding, Verb
from coding.segments import trimmed
from ipe import audit, roles
from ipe.errors import Conflict, Invalid, NotFound, NotReady
from transcripts.models import Turn, Version

if TYPE_CHECKING:
    from ipe.models import User

# Everything of a version except what is long.
LONG = ("text", "edits", "placeholders")
NOT_OPEN = (
    "This text is being changed or its clearance has lapsed. Reload the page to go on with the present text."
)


def open_version(version_id: UUID, *, start: int = 0, end: int = 0) -> Version:
    """The version for writing, with `piece` (its text from start to end); locked until the transaction ends.

    Raises
        NotReady: A newer version exists, the document's clearance lapsed, or it was erased.
    """
    rows = (
        Version.objects.current()
        .open()
        .select_related("document__evaluation", "document__wave__site")
        .defer(*LONG)
        .select_for_update(of=("self",))
    )
    rows = rows.annotate(piece=Substr("text", start + 1, max(end - start, 0)) if end > start else Value(""))
    version: Version | None = rows.filter(pk=version_id).first()
    if version is None:
        raise NotReady(NOT_OPEN)
    return version


def _allow(version: Version, by: User) -> None:
    document = version.document
    roles.require(by, "text.edit", document.evaluation, document.wave.site)


def _tidy_span(version: Version, start: int, end: int) -> tuple[int, int]:
    """The span from its first turn to its last, without outer whitespace. `version.piece` must be its text.

    What stands between turns, a speaker's label or a heading, is nobody's words: never drawn and never a quote.
    """
    if start < 0 or end > version.n_characters or start >= end:
        raise Invalid("Select at least one character of this text.")
    piece: str = version.piece  # type: ignore[attr-defined]  # annotated by open_version
    turns = Turn.objects.filter(version=version, start__lt=end, end__gt=start).order_by()
    said = turns.aggregate(start=Min("start"), end=Max("end"))
    if said["start"] is None and piece.strip():
        raise Invalid("Nobody says anything there. Select some words of a turn.")
    first, last = said["start"] or start, said["end"] or end
    found = trimmed(piece, max(start, first) - start, min(end, last) - start)
    if found is None:
        raise Invalid("Only blank space was selected. Select some words.")
    return start + found[0], start + found[1]


def _codable(version: Version, code_id: UUID) -> Code:
    code: Code | None = (
        Code.objects.in_use()
        .filter(pk=code_id, codebook__evaluation_id=version.document.evaluation_id)
        .defer("definition")
        .first()
    )
    if code is None:
        raise NotFound("There is no such code in this study's codebook; it may have been merged or removed.")
    if not code.is_codable:
        raise Invalid("This heading only groups codes. Choose one of the codes under it.")
    return code


def apply_code(version_id: UUID, *, start: int, end: int, code_id: UUID, by: User) -> Coding:
    """Give a passage a code. Outer whitespace and what no turn holds are left out; the same coding twice is the same.

    Needs text.edit at the document's site.

    Raises
        Invalid: Nothing or only blank space is selected, or the code is a heading.
        NotFound: No such code in this study.
        NotReady: The version may not be coded any more.
    """
    if not 0 <= start < end:
        raise Invalid("Select at least one character of this text.")
    with transaction.atomic():
        version = open_version(version_id, start=start, end=end)
        _allow(version, by)
        start, end = _tidy_span(version, start, end)
        code = _codable(version, code_id)
        # The version's lock makes looking first safe, and spares the savepoint of get_or_create.
        place = {"version": version, "start": start, "end": end, "code": code, "coder": by}
        coding: Coding | None = Coding.objects.filter(**place).first()
        is_new = coding is None
        if coding is None:
            coding = Coding.objects.create(**place, changed_at=timezone.now())
        coding.code = code
        coding.is_new = is_new
        if is_new:
            _log(Verb.APPLY, version, by, before=[], after=[coding])
    return coding


def remove_coding(coding_id: int, *, by: User) -> Coding:
    """Take a code off a passage. Returns the coding as it was; the words, memos and quotes stay.

    Needs text.edit at the document's site. Raises NotFound when it is gone already.
    """
    with transaction.atomic():
        coding, version = _coding(coding_id, by)
        before = log.state([coding])
        pk = coding.pk
        coding.delete()
        coding.pk = pk
        _log_states(Verb.REMOVE, version, by, coding, before=before, after={})
    return coding


def change_code(coding_id: int, *, code_id: UUID, by: User) -> Coding:
    """Give the same passage another code; the coding keeps its id. Needs text.edit at the document's site.

    Raises
        Conflict: The passage has that code from the same coder already.
    """
    with transaction.atomic():
        coding, version = _coding(coding_id, by)
        code = _codable(version, code_id)
        if coding.code_id == code.pk:
            return coding
        before = log.state([coding])
        coding.code = code
        _save_changed(coding)
        _log_states(Verb.RECODE, version, by, coding, before=before, after=log.state([coding]))
    return coding


def resize_coding(coding_id: int, *, start: int, end: int, by: User) -> Coding:
    """Move the ends of a coding; it keeps its id. Needs text.edit at the document's site.

    Returns the coding with `was`, its span before. Raises Invalid for blank or outside the text, Conflict where the
    same coder has that code on the same passage.
    """
    if not 0 <= start < end:
        raise Invalid("Select at least one character of this text.")
    with transaction.atomic():
        coding, version = _coding(coding_id, by, start=start, end=end)
        was = (coding.start, coding.end)
        start, end = _tidy_span(version, start, end)
        coding.was = was
        if (start, end) == was:
            return coding
        before = log.state([coding])
        coding.start, coding.end = start, end
        _save_changed(coding)
        _log_states(Verb.RESIZE, version, by, coding, before=before, after=log.state([coding]))
    return coding


def _coding(coding_id: int, by: User, *, start: int = 0, end: int = 0) -> tuple[Coding, Version]:
    coding = Coding.objects.visible_to(by).filter(pk=coding_id).first()
    if coding is None:
        raise NotFound("This coding is not there any more, or it is not in your study or site.")
    version = open_version(coding.version_id, start=start, end=end)
    _allow(version, by)
    # Read again under the version's lock: somebody may have changed it in between.
    coding = Coding.objects.filter(pk=coding_id).first()
    if coding is None:
        raise NotFound("This coding is not there any more.")
    return coding, version


def _save_changed(coding: Coding) -> None:
    twin = Coding.objects.filter(
        version_id=coding.version_id,
        start=coding.start,
        end=coding.end,
        code_id=coding.code_id,
        coder_id=coding.coder_id,
    ).exclude(pk=coding.pk)
    if twin.exists():
        raise Conflict("The passage has this code already. Remove one of the two instead.")
    coding.changed_at = timezone.now()
    coding.save()


def _log(verb: str, version: Version, by: User, *, before: list[Coding], after: list[Coding]) -> None:
    subject = (after or before)[0]
    _log_states(verb, version, by, subject, before=log.state(before), after=log.state(after))


def _log_states(
    verb: str, version: Version, by: User, subject: Coding, *, before: log.State, after: log.State
) -> None:
    evaluation = version.document.evaluation
    log.add(verb, evaluation=evaluation, by=by, before=before, after=after, version_id=version.pk)
    audit.record(f"coding.{verb}", subject, by=by, evaluation=evaluation, counts={"codings": 1})
