"""What an import adds, changes and removes, in counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from ipe.errors import Invalid
from ipe.models import Evaluation, User

REASON_AT_MOST = 300  # as long as the histories of thresholds and readings keep it


@dataclass
class Line:
    """How many rows of one kind an import adds, changes and removes."""

    label: str
    added: int = 0
    changed: int = 0
    removed: int = 0


@dataclass
class Report:
    """What an import did, or in a preview would do. Rooms add theirs with `count`; `by` is who imports, and
    `reason` what they say for changes that are kept with one (TH-08)."""

    evaluation: Evaluation
    by: User | None
    is_new: bool
    is_preview: bool = False
    reason: str = ""
    lines: dict[str, Line] = field(default_factory=dict)

    def count(self, label: str, *, added: int = 0, changed: int = 0, removed: int = 0) -> None:
        line = self.lines.setdefault(label, Line(label))
        line.added += added
        line.changed += changed
        line.removed += removed

    def kept_reason(self, what: str, *, had_data: bool) -> str:
        """The reason with which a change is kept; `what` changes, in words.

        Raises
            Invalid: Nobody changes it, or data have arrived and no reason is given, or it is too long.
        """
        if len(self.reason) > REASON_AT_MOST:
            raise Invalid(f"The reason is longer than {REASON_AT_MOST} characters.")
        if had_data and not self.reason:
            raise Invalid(f"{what} changes although data have arrived. Give a reason: reports will show it.")
        if self.by is None:
            raise Invalid(f"{what} changes: say who changes it (--by).")
        return self.reason or "Changed before any data arrived."

    @property
    def changes(self) -> list[Line]:
        """The kinds of rows in which something changes."""
        return [line for line in self.lines.values() if line.added or line.changed or line.removed]
