"""Who sees which rows of consent, and the filters that lists are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from consent.states import ConsentState, Status
from ipe.models import Job
from ipe.scoped import Scoped

if TYPE_CHECKING:
    from collections.abc import Iterable

    # Named in quotes below, where the linter does not look.
    from consent.models import (
        Consent,
        ConsentAnswer,
        ConsentForm,
        ConsentItem,
        Contact,
        Family,
        FormVersion,
        Membership,
        Participant,
        RosterDraft,
        Withdrawal,
    )
    from ipe.models import Phase


class ParticipantQuerySet(Scoped["Participant"]):
    """A researcher sees that P-014 exists and what P-014 agreed to, hence the wider verb."""

    verb = "consent.status"

    def active(self) -> Self:
        return self.filter(status=Status.ACTIVE)

    def with_consents(self) -> Self:
        """With everything `gates` needs to weigh a person's consents, in a fixed number of queries."""
        from consent.models import Consent  # models reads this module

        consents = (
            Consent.objects.exclude(state=ConsentState.PROCESS_ERROR)
            .select_related("version__form")
            .prefetch_related("phases", "answers__item")
        )
        return self.prefetch_related(Prefetch("consents", queryset=consents))

    def listed(self) -> Self:
        """With what the people list shows of each person."""
        return self.select_related("site").prefetch_related("memberships__wave__phase", "memberships__teams")

    def matching(
        self, *, code: str = "", site: str = "", state: str = "", group: str = "", status: str = ""
    ) -> Self:
        wanted = Q()
        if code:
            wanted &= Q(code__icontains=code)
        if site:
            wanted &= Q(site__code=site)
        if state:
            wanted &= Q(recruitment=state)
        if status:
            wanted &= Q(status=status)
        rows = self.filter(wanted)
        return rows.filter(memberships__group=group).distinct() if group else rows


class FamilyQuerySet(Scoped["Family"]):
    verb = "consent.read"


class ContactQuerySet(Scoped["Contact"]):
    verb = "contacts.read"
    to_evaluation = "participant__evaluation"
    to_site = "participant__site"


class MembershipQuerySet(Scoped["Membership"]):
    verb = "consent.status"
    to_evaluation = "participant__evaluation"
    to_site = "participant__site"


class RosterDraftQuerySet(Scoped["RosterDraft"]):
    verb = "consent.edit"


class FormQuerySet(Scoped["ConsentForm"]):
    """Forms carry the study's wording, not people's answers."""

    verb = "consent.read"
    to_site = None


class FormVersionQuerySet(Scoped["FormVersion"]):
    verb = "consent.read"
    to_evaluation = "form__evaluation"
    to_site = None

    def live(self) -> Self:
        return self.filter(is_live=True)


class ConsentItemQuerySet(Scoped["ConsentItem"]):
    verb = "consent.read"
    to_evaluation = "version__form__evaluation"
    to_site = None


class ConsentQuerySet(Scoped["Consent"]):
    verb = "consent.read"
    to_evaluation = "participant__evaluation"
    to_site = "participant__site"

    def standing(self) -> Self:
        return self.filter(state__in=[ConsentState.GIVEN, ConsentState.REFUSED])

    def covering(self, phases: Iterable[Phase]) -> Self:
        return self.filter(phases__in=list(phases)).distinct()


class ConsentAnswerQuerySet(Scoped["ConsentAnswer"]):
    verb = "consent.read"
    to_evaluation = "consent__participant__evaluation"
    to_site = "consent__participant__site"


class WithdrawalQuerySet(Scoped["Withdrawal"]):
    verb = "consent.read"
    to_evaluation = "participant__evaluation"
    to_site = "participant__site"

    def with_open_jobs(self) -> Self:
        """With `has_open_jobs`: whether something that the withdrawal asked for is not done yet."""
        jobs = Job.objects.filter(subject_id=OuterRef("participant"), created_at__gte=OuterRef("at"))
        return self.annotate(has_open_jobs=Exists(still_open(jobs)))


def still_open(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Those not done, and not made up for by a later job of the same name for the same person."""
    later = Job.objects.filter(
        name=OuterRef("name"),
        subject_id=OuterRef("subject_id"),
        created_at__gt=OuterRef("created_at"),
        state=Job.State.DONE,
    )
    return jobs.exclude(state=Job.State.DONE).exclude(Exists(later))
