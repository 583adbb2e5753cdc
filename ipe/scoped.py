"""Reading is guarded here: every queryset of a study's rows answers `visible_to(user)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from ipe.models import User

RowT = TypeVar("RowT", bound=models.Model, covariant=True)


class Scoped(models.QuerySet[RowT]):
    """A queryset that knows which verb reading its rows asks for, and how a row leads to its study and site.

    `to_evaluation` and `to_site` are look-up paths ("self" for the row itself; None where a row has no site).
    Rows whose site is null are visible to site-scoped members only where `sees_rows_without_site` says so.
    """

    verb: ClassVar[str]
    to_evaluation: ClassVar[str] = "evaluation"
    to_site: ClassVar[str | None] = "site"
    sees_rows_without_site: ClassVar[bool] = False

    def visible_to(self, user: User) -> Self:
        from ipe import roles  # roles reads Member, whose queryset is a Scoped

        return self.filter(
            roles.reach(
                user,
                self.verb,
                evaluation=self.to_evaluation,
                site=self.to_site,
                with_siteless=self.sees_rows_without_site,
            )
        )
