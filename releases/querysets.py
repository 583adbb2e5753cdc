"""Who sees which releases, and the filters that the list is made of."""

from __future__ import annotations

from typing import Any, Self

from django.db.models import Count, Exists, OuterRef, Q

from ipe import roles
from ipe.models import Evaluation, User
from ipe.scoped import Scoped

SORTS = {"number": "number", "made": "made_at", "title": "title", "hidden": "n_hidden"}


class ReleaseQuerySet(Scoped[Any]):
    """A release of the whole study is not visible to members of single sites: it holds other sites' figures. Fieldwork
    leads see the schedules that they released themselves.
    """

    verb = "releases.read"

    def visible_to(self, user: User) -> Self:
        own = Q(made_by=user) & roles.reach(user, "releases.own_schedule")
        return self.filter(roles.reach(user, self.verb) | own)

    def listed(self) -> Self:
        from releases.models import Recall  # models reads this module

        waiting = Recall.objects.filter(release=OuterRef("pk"), settled_at=None)
        return self.select_related("site", "made_by").annotate(
            n_recipients=Count("recipients", distinct=True), waits_for_recall=Exists(waiting)
        )

    def matching(
        self, *, output_class: str = "", state: str = "", site: str = "", file_format: str = ""
    ) -> Self:
        wanted = Q()
        if output_class:
            wanted &= Q(output_class=output_class)
        if state:
            wanted &= Q(state=state)
        if site:
            wanted &= Q(site__code=site)
        if file_format:
            wanted &= Q(file_format=file_format)
        return self.filter(wanted)

    def sorted_by(self, name: str) -> Self:
        """By a column of the list, "-" in front for descending; newest first when the name is unknown."""
        column = SORTS.get(name.removeprefix("-"))
        if column is None:
            return self.order_by("-number")
        return self.order_by(f"-{column}" if name.startswith("-") else column, "-number")


class OfReleaseQuerySet(Scoped[Any]):
    """Rows that belong to a release and are seen by whoever sees it."""

    verb = "releases.read"
    to_evaluation = "release__evaluation"
    to_site = "release__site"

    def visible_to(self, user: User) -> Self:
        from releases.models import Release  # models reads this module

        return self.filter(release__in=Release.objects.visible_to(user))


class PublishedCellQuerySet(OfReleaseQuerySet):
    def of_study(self, evaluation: Evaluation) -> Self:
        return self.filter(release__evaluation=evaluation)

    def hidden_digests(self, evaluation: Evaluation) -> frozenset[str]:
        """Definitions that some release of the study hid: they stay hidden (SD-10)."""
        cells = self.of_study(evaluation).filter(is_hidden=True)
        return frozenset(cells.values_list("digest", flat=True).distinct())
