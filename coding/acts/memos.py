"""Memos: a researcher's notes on a passage, a code or a case."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from coding.acts.applying import open_version
from coding.models import Case, Code, Memo
from ipe import audit, roles
from ipe.errors import Invalid, Refused

if TYPE_CHECKING:
    from ipe.models import Evaluation, Site, User

MOST = 10_000


def write_memo(
    *,
    body: str,
    by: User,
    version_id: UUID | None = None,
    start: int | None = None,
    end: int | None = None,
    code: Code | None = None,
    case: Case | None = None,
) -> Memo:
    """Write a note on a passage (version, start, end), a code or a case: exactly one. Needs text.edit there.

    Raises Invalid for an empty or overlong note and for a passage outside the text.
    """
    with transaction.atomic():
        evaluation: Evaluation
        site: Site | None = None
        if version_id is not None:
            version = open_version(version_id)
            evaluation, site = version.document.evaluation, version.document.wave.site
            if start is None or end is None or not 0 <= start < end <= version.n_characters:
                raise Invalid("Select at least one character of this text.")
        elif case is not None:
            evaluation, site = case.evaluation, case.site
        elif code is not None:
            evaluation = code.codebook.evaluation
        else:
            raise Invalid("A memo belongs to a passage, a code or a case.")
        roles.require(by, "text.edit", evaluation, site)
        memo = Memo.objects.create(
            evaluation=evaluation,
            site=site,
            author=by,
            version_id=version_id,
            start=start if version_id else None,
            end=end if version_id else None,
            code=code,
            case=case,
            body=_body(body),
        )
        audit.record("coding.memo_written", memo, by=by, evaluation=evaluation)
    return memo


def edit_memo(memo: Memo, *, body: str, by: User) -> Memo:
    """Change one's own note. Raises Refused for another person's."""
    with transaction.atomic():
        _own(memo, by)
        memo.body = _body(body)
        memo.save(update_fields=["body"])
        audit.record("coding.memo_edited", memo, by=by, evaluation=memo.evaluation, fields=["body"])
    return memo


def delete_memo(memo: Memo, *, by: User) -> None:
    """Delete one's own note for good. Raises Refused for another person's."""
    with transaction.atomic():
        _own(memo, by)
        audit.record("coding.memo_deleted", memo, by=by, evaluation=memo.evaluation)
        memo.delete()


def _own(memo: Memo, by: User) -> None:
    roles.require(by, "text.edit", memo.evaluation, memo.site)
    if memo.author_id != by.pk:
        raise Refused("This memo is somebody else's. Write one of your own beside it.")


def _body(body: str) -> str:
    tidy = body.replace("\r\n", "\n").replace("\x00", "").strip()
    if not tidy:
        raise Invalid("Write something first.", fields={"body": "Write something first."})
    if len(tidy) > MOST:
        raise Invalid(f"A memo can hold {MOST:,} characters.", fields={"body": "This is too long."})
    return tidy
