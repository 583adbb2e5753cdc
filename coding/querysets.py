"""What a member of a study may list of its codings and matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db.models import Count, Q

from ipe.scoped import Scoped

if TYPE_CHECKING:
    from uuid import UUID

    # Named in quotes below, where the linter does not look.
    from coding.models import (
        Case,
        Cell,
        Code,
        Codebook,
        Coding,
        CodingEvent,
        Column,
        Matrix,
        Memo,
        QuoteLink,
    )
    from ipe.models import Evaluation, User


class CodebookQuerySet(Scoped["Codebook"]):
    verb = "text.read"
    to_site = None


class CodeQuerySet(Scoped["Code"]):
    verb = "text.read"
    to_evaluation = "codebook__evaluation"
    to_site = None

    def in_use(self) -> Self:
        """Neither retired nor merged away."""
        return self.filter(retired_at__isnull=True)

    def of(self, evaluation: Evaluation) -> Self:
        return self.filter(codebook__evaluation=evaluation)


class CodingQuerySet(Scoped["Coding"]):
    verb = "text.read"
    to_evaluation = "version__document__evaluation"
    to_site = "version__document__wave__site"

    def of(self, evaluation: Evaluation) -> Self:
        return self.filter(version__document__evaluation=evaluation)

    def touching(self, version_id: UUID, start: int, end: int) -> Self:
        return self.filter(version_id=version_id, start__lt=end, end__gt=start)

    def counts_by_code(self, user: User, evaluation: Evaluation) -> dict[UUID, int]:
        """Codings per code, of the sites that the person may read only."""
        rows = self.visible_to(user).of(evaluation).order_by().values_list("code_id")
        return {code: n for code, n in rows.annotate(n=Count("id"))}  # noqa: C416 (typed as two columns)


class MemoQuerySet(Scoped["Memo"]):
    verb = "text.read"
    sees_rows_without_site = True


class CodingEventQuerySet(Scoped["CodingEvent"]):
    verb = "text.read"
    to_site = "version__document__wave__site"
    sees_rows_without_site = True


class CaseQuerySet(Scoped["Case"]):
    verb = "text.read"

    def shown(self) -> Self:
        """With what a row header shows."""
        return self.select_related("site", "wave__phase", "participant", "document")


class MatrixQuerySet(Scoped["Matrix"]):
    verb = "text.read"
    to_evaluation = "theme__codebook__evaluation"
    to_site = None


class ColumnQuerySet(Scoped["Column"]):
    verb = "text.read"
    to_evaluation = "matrix__theme__codebook__evaluation"
    to_site = None


class CellQuerySet(Scoped["Cell"]):
    verb = "text.read"
    to_evaluation = "case__evaluation"
    to_site = "case__site"

    def written(self) -> Self:
        return self.exclude(Q(runs=[]) & Q(state="not_started"))


class QuoteLinkQuerySet(Scoped["QuoteLink"]):
    verb = "text.read"
    to_evaluation = "cell__case__evaluation"
    to_site = "cell__case__site"
