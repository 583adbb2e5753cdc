"""Setting up matrices: one per theme, with its columns; and the cases that are rows of every matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from coding.acts.columns import follow_codebook
from coding.models import Case, CaseKind, Code, Column, Level, Matrix
from ipe import audit, roles
from ipe.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from consent.models import Participant
    from ipe.models import Evaluation, Site, User, Wave
    from transcripts.models import Document


def create_matrix(theme: Code, *, by: User) -> Matrix:
    """The matrix of a theme: a column for each of its subthemes and one for what emerged. Needs text.edit.

    Raises Invalid for anything but a theme in use, Conflict when the theme has its matrix already.
    """
    with transaction.atomic():
        evaluation = theme.codebook.evaluation
        roles.require(by, "text.edit", evaluation)
        if theme.level != Level.THEME or theme.retired_at is not None:
            raise Invalid("A matrix belongs to a theme. Choose one.", fields={"theme": "Choose a theme."})
        if Matrix.objects.filter(theme=theme).exists():
            raise Conflict(
                "This theme has its matrix already.", fields={"theme": "It has its matrix already."}
            )
        matrix = Matrix.objects.create(theme=theme)
        Column.objects.create(matrix=matrix, subtheme=None)
        follow_codebook(theme.codebook)
        audit.record(
            "coding.matrix_created",
            matrix,
            by=by,
            evaluation=evaluation,
            counts={"columns": matrix.columns.count()},
        )
    return matrix


def add_case(
    evaluation: Evaluation,
    *,
    by: User,
    participant: Participant | None = None,
    document: Document | None = None,
    site: Site | None = None,
    wave: Wave | None = None,
) -> Case:
    """A row in every matrix of the study: a participant, a group (its document) or a site. Needs text.edit there.

    With a wave the row holds what was said in that wave only; a group's wave is its document's.

    Raises
        Invalid: Not exactly one thing, or the wave is another site's. NotFound: not in this study.
        Conflict: There is such a row already.
    """
    with transaction.atomic():
        case = _case(evaluation, participant, document, site, wave)
        if case.site.evaluation_id != evaluation.pk:
            raise NotFound("There is no such record in this study.")
        roles.require(by, "text.edit", evaluation, case.site)
        if case.wave is not None and case.wave.site_id != case.site_id:
            raise Invalid("Choose a wave of the same site.", fields={"wave": "This is another site's wave."})
        last = Case.objects.filter(evaluation=evaluation, site=case.site).aggregate(last=Max("order"))["last"]
        case.order = (last or 0) + 1
        try:
            case.full_clean()
        except ValidationError:
            raise Conflict("There is such a row already.") from None
        case.save()
        audit.record("coding.case_added", case, by=by, evaluation=evaluation)
    return case


def _case(
    evaluation: Evaluation,
    participant: Participant | None,
    document: Document | None,
    site: Site | None,
    wave: Wave | None,
) -> Case:
    if sum(thing is not None for thing in (participant, document, site)) != 1:
        raise Invalid("A row is one participant, one group or one site.")
    if participant is not None:
        if participant.is_erased:
            raise NotFound("There is no such record in this study.")
        kind, its_site = CaseKind.PARTICIPANT, participant.site
    elif document is not None:
        kind, its_site, wave = CaseKind.GROUP, document.wave.site, document.wave
    else:
        assert site is not None  # exactly one of the three, checked above
        kind, its_site = CaseKind.SITE, site
    return Case(
        evaluation=evaluation,
        site=its_site,
        wave=wave,
        kind=kind,
        participant=participant,
        document=document,
    )
