"""What a member of a study may list of its transcripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, Q

from ipe.roles import reach
from ipe.scoped import Scoped

if TYPE_CHECKING:
    from ipe.models import Evaluation, User

# States in which whoever a document is assigned to may open its original.
OPEN_TO_ASSIGNED = ("imported", "in_review")


def original_reach(user: User, verb: str, to_document: str = "") -> Q:
    """Rows whose document's original the person may read or edit: by role and site, or as assigned until
    clearance."""
    evaluation, site = f"{to_document}evaluation", f"{to_document}wave__site"
    by_role = reach(user, verb, evaluation=evaluation, site=site)
    if verb == "originals.erase":
        return by_role
    assigned = Q(
        **{f"{to_document}assigned_to": user.pk, f"{to_document}state__in": OPEN_TO_ASSIGNED}
    ) & reach(user, "text.edit", evaluation=evaluation, site=site)
    return by_role | assigned


class DocumentQuerySet(Scoped[Any]):
    """`visible_to` is the union of what the person may read as original and what as cleared text."""

    verb = "text.read"
    to_site = "wave__site"

    def visible_to(self, user: User) -> Self:
        return self.filter(original_reach(user, "originals.read") | self._cleared(user))

    def with_original_for(self, user: User, verb: str = "originals.read") -> Self:
        """Documents whose original this person may open now (a researcher: assigned to them, until
        clearance)."""
        return self.filter(original_reach(user, verb))

    def cleared_for(self, user: User) -> Self:
        """Documents whose cleared text this person may read."""
        return self.filter(self._cleared(user))

    def cleared(self) -> Self:
        return self.filter(state="cleared")

    def of(self, evaluation: Evaluation) -> Self:
        return self.filter(evaluation=evaluation)

    def awaiting(self) -> Self:
        return self.filter(state__in=OPEN_TO_ASSIGNED)

    def matching(self, *, site: str = "", phase: str = "", kind: str = "", state: str = "") -> Self:
        wanted = Q()
        if site:
            wanted &= Q(wave__site__code=site)
        if phase:
            wanted &= Q(wave__phase__code=phase)
        if kind:
            wanted &= Q(kind=kind)
        if state:
            wanted &= Q(state=state)
        return self.filter(wanted)

    def listed(self) -> Self:
        """With what the list shows of each document."""
        undecided = Count("replacements", filter=Q(replacements__status="suggested"), distinct=True)
        return (
            self.select_related("wave__site", "wave__phase", "assigned_to", "activity", "participant")
            .prefetch_related("speakers")
            .annotate(n_undecided=undecided)
        )

    def _cleared(self, user: User) -> Q:
        return Q(state="cleared") & reach(user, "text.read", evaluation="evaluation", site="wave__site")


class OriginalQuerySet(Scoped[Any]):
    verb = "originals.read"

    def visible_to(self, user: User) -> Self:
        return self.filter(original_reach(user, "originals.read", "document__"))


class EntityQuerySet(Scoped[Any]):
    """Pseudonyms are no secret; the names behind them stand sealed in another table."""

    verb = "originals.add"
    to_site = None


class ReplacementQuerySet(Scoped[Any]):
    verb = "originals.read"

    def visible_to(self, user: User) -> Self:
        return self.filter(original_reach(user, "originals.read", "document__"))

    def accepted(self) -> Self:
        return self.filter(status="accepted")

    def undecided(self) -> Self:
        return self.filter(status="suggested")


class VersionQuerySet(Scoped[Any]):
    """Cleared texts. Coding works on `current().open()` only."""

    verb = "text.read"
    to_evaluation = "document__evaluation"
    to_site = "document__wave__site"

    def current(self) -> Self:
        """The newest version of each document, unless it was erased."""
        return self.filter(superseded_by__isnull=True, emptied_at__isnull=True)

    def open(self) -> Self:
        """Versions whose clearance stands."""
        return self.filter(document__state="cleared")

    def of(self, evaluation: Evaluation) -> Self:
        return self.filter(document__evaluation=evaluation)


class TurnQuerySet(Scoped[Any]):
    verb = "text.read"
    to_evaluation = "version__document__evaluation"
    to_site = "version__document__wave__site"
