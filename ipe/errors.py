"""The error tree. Every error that a user may see is a DomainError: plain English, never content or names."""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """Something that was asked for cannot be done, said in a sentence for the person who asked.

    `fields` holds further sentences by form field. One page handler and one JSON handler answer it with `status`.
    """

    status = 400
    title = "That could not be done"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})


class Invalid(DomainError):
    """A value is not acceptable."""

    title = "Something needs to be corrected"


class BadFile(Invalid):
    """A file was refused. Names the file, the row and the field where they are known; nothing was kept of it."""

    title = "The file could not be used"

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        row: int | None = None,
        field: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> None:
        place = ", ".join(
            part
            for part in (file, f"row {row}" if row is not None else "", f"“{field}”" if field else "")
            if part
        )
        super().__init__(f"{place}: {message}" if place else message, fields=fields)
        self.file, self.row, self.field = file, row, field


class Refused(DomainError):
    """The person has no right to do this."""

    status = 403
    title = "You cannot do this"


class NotFound(DomainError):
    """There is no such thing, or the person may not know that there is."""

    status = 404
    title = "Page not found"


class Conflict(DomainError):
    """Somebody else changed the same thing in the meantime."""

    status = 409
    title = "Somebody else changed this"


class NotReady(DomainError):
    """Something else has to be done first."""

    status = 409
    title = "Not yet"


class NoRoom(DomainError):
    """The disk is full; what was to be kept was not, and nothing of it is left."""

    status = 507
    title = "There is no room left"

    def __init__(self) -> None:
        super().__init__(
            "There is no room left to keep files. Nothing of this file was kept. Tell whoever runs the application."
        )


class KeyDestroyed(DomainError):
    """The key of this record was destroyed when it was erased; the content is gone for good."""

    status = 410
    title = "This was erased"
