"""What a person can mend in data, arguments or a plan. Messages are plain English and name the column, key or row."""

from __future__ import annotations

__all__ = ["BadData", "BadDocument", "ImpactError", "NotIdentified"]


class ImpactError(ValueError):
    """The base of every error that this library raises on purpose."""


class BadData(ImpactError):
    """A value, shape or argument that no method can use: NaN, infinity, a negative weight, a misspelt column."""


class BadDocument(ImpactError):
    """A plan, a file of site periods or a results bundle that cannot be read; names the file, line and key."""


class NotIdentified(ImpactError):
    """The data are well formed and cannot say: collinear columns, separation, a treatment that never varies."""
