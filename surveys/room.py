"""What surveys answer to the other rooms' questions."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from ipe import roles, vault
from ipe.models import Evaluation, Indicator, Phase, Site, Team, Threshold, User, Wave
from ipe.rooms import Due, Effect, Erasure, Hit, NavPage, Progress, Retention, Room
from ipe.words import Method

from .models import AdminReturn, AdminValue, Answer, Instrument, Intake, Response
from .section import Instruments

DRAFT_DAYS = 7
SOON_DAYS = 28


def erase(erasure: Erasure) -> list[Effect]:
    """Answers and comments of a participant of a linked survey; anonymous answers name nobody and stay.

    Files still being prepared for a linked survey may hold the person's row: they are destroyed as a whole
    and have to be uploaded again.
    """
    if erasure.scope != "delete":
        return []
    responses = Response.objects.filter(participant=erasure.participant)
    answers = Answer.objects.filter(response__in=responses)
    texts = answers.filter(text_sealed__isnull=False)
    drafts = [row for row in _drafts(erasure.evaluation) if row.instrument.is_linked and row.is_open]
    effects = [
        Effect("survey_responses", "survey responses deleted", responses.count()),
        Effect("survey_comments", "of their written comments deleted", texts.count()),
        Effect("survey_drafts", "survey files in preparation discarded", len(drafts)),
    ]
    if not erasure.dry_run:
        for intake in {response.intake for response in responses.select_related("intake")}:
            n_gone = responses.filter(intake=intake).count()
            Intake.objects.filter(pk=intake.pk).update(n_read=max(intake.n_read - n_gone, 0))
        answers.delete()
        responses.delete()
        for draft in drafts:
            if draft.sheet_file is not None:
                vault.erase_file(draft.sheet_file)
            draft.delete()
    return effects


def _drafts(evaluation: Evaluation) -> Iterable[Intake]:
    rows = Intake.objects.filter(instrument__evaluation=evaluation, state__in=["draft", "waiting"])
    return rows.select_related("instrument", "job", "sheet_file")


def _planned(evaluation: Evaluation, user: User, method: Method) -> list[tuple[Instrument | None, Wave]]:
    """Waves in which a method is planned: by the phases of the indicators that are read with it."""
    phases: set[uuid.UUID] = set()
    for row in Indicator.objects.filter(evaluation=evaluation).prefetch_related("phases", "thresholds"):
        if method in row.methods:
            phases |= {phase.pk for phase in row.phases.all()}
            phases |= {threshold.phase_id for threshold in row.thresholds.all()}
    waves = Wave.objects.filter(site__evaluation=evaluation, is_planned=True, phase__in=phases)
    waves = waves.visible_to(user).select_related("site", "phase")
    if method == Method.ADMIN_DATA:
        return [(None, wave) for wave in waves]
    surveys = Instrument.objects.filter(evaluation=evaluation, method=Method.SURVEY)
    return [(instrument, wave) for instrument in surveys for wave in waves]


def _done(evaluation: Evaluation, method: Method) -> set[tuple[object, object]]:
    if method == Method.ADMIN_DATA:
        rows = AdminReturn.objects.current().filter(wave__site__evaluation=evaluation)
        return {(None, wave) for wave in rows.values_list("wave_id", flat=True)}
    stored = Intake.objects.stored().filter(instrument__evaluation=evaluation)
    return set(stored.values_list("instrument_id", "wave_id"))


def due(evaluation: Evaluation, user: User, today: dt.date) -> list[Due]:
    """Surveys and returns not yet in, of waves that have begun or begin within four weeks; files left half-way."""
    if not roles.may(user, "intake.edit", evaluation):
        return []
    found = []
    for method, words in ((Method.SURVEY, "Survey answers"), (Method.ADMIN_DATA, "Administrative return")):
        done = _done(evaluation, method)
        for instrument, wave in _planned(evaluation, user, method):
            first, last = wave.starts_on or wave.ends_on, wave.ends_on or wave.starts_on
            if (instrument.pk if instrument else None, wave.pk) in done or first is None:
                continue
            is_soon = first - today <= dt.timedelta(days=SOON_DAYS)
            if not is_soon or not roles.may(user, "intake.edit", evaluation, wave.site):
                continue
            title = f"{words}: {instrument.title}" if instrument else words
            found.append(
                Due(
                    label=f"{title}, {wave.site.name}, {wave.phase.name}",
                    url=_url(evaluation, wave, method),
                    due_on=last,
                    site_id=wave.site_id,
                    is_overdue=last is not None and last < today,
                )
            )
    drafts = Intake.objects.filter(state__in=["draft", "waiting"], instrument__evaluation=evaluation)
    for draft in drafts.visible_to(user).listed():
        if draft.is_open:
            found.append(
                Due(
                    label=f"Survey file not yet stored: {draft.wave.site.name}, {draft.wave.phase.name}",
                    url=reverse("surveys:intake", kwargs={"slug": evaluation.slug, "pk": draft.pk}),
                    site_id=draft.wave.site_id,
                )
            )
    return found


def _url(evaluation: Evaluation, wave: Wave, method: Method) -> str:
    if method == Method.ADMIN_DATA:
        return reverse("surveys:return", kwargs={"slug": evaluation.slug, "wave": wave.pk})
    return f"{reverse('surveys:intake_new', kwargs={'slug': evaluation.slug})}?wave={wave.pk}"


def find(evaluation: Evaluation, needle: str) -> list[Hit]:
    """Free-text answers and names of files that hold the text."""
    wanted = needle.casefold()
    if not wanted.strip():
        return []
    scope = vault.evaluation_scope(evaluation)
    hits: dict[str, Hit] = {}
    texts = Answer.objects.filter(
        response__intake__instrument__evaluation=evaluation, text_sealed__isnull=False
    )
    rows = list(texts.select_related("item", "response__intake__wave"))
    scopes = [
        vault.participant_scope(row.response.participant_id) if row.response.participant_id else scope
        for row in rows
    ]
    sealed = [(s, bytes(row.text_sealed or b""), row.where) for s, row in zip(scopes, rows, strict=True)]
    for row, text in zip(rows, vault.open_many(sealed), strict=True):
        if text is not None and wanted in text.casefold():
            url = reverse("surveys:intake", kwargs={"slug": evaluation.slug, "pk": row.response.intake_id})
            label = f"Survey comment, row {row.response.row}, item {row.item.code}"
            site_id = row.response.intake.wave.site_id
            hits[f"{url}{label}"] = Hit("surveys", label, url, "intake.read", site_id)
    files = list(Intake.objects.filter(instrument__evaluation=evaluation).select_related("wave"))
    names = vault.open_many([(scope, bytes(row.file_name_sealed), row.where) for row in files])
    for intake, name in zip(files, names, strict=True):
        if name is not None and wanted in name.casefold():
            url = reverse("surveys:intake", kwargs={"slug": evaluation.slug, "pk": intake.pk})
            hits[url] = Hit("surveys", "Name of a survey file", url, "intake.read", intake.wave.site_id)
    return list(hits.values())


def retain(evaluation: Evaluation, today: dt.date) -> list[Retention]:
    """Files that were opened and never stored are to be dropped after a week."""
    oldest = timezone.now() - dt.timedelta(days=DRAFT_DAYS)
    n_rows = sum(row.is_open and row.created_at < oldest for row in _drafts(evaluation))
    if not n_rows:
        return []
    url = reverse("surveys:intakes", kwargs={"slug": evaluation.slug})
    words = f"dropped after {DRAFT_DAYS} days"
    return [Retention("survey files in preparation", words, timezone.localdate(oldest), n_rows, url=url)]


def progress(evaluation: Evaluation, user: User, today: dt.date) -> list[Progress]:
    """Whether each planned survey and return of a wave is in."""
    found = []
    for method in (Method.SURVEY, Method.ADMIN_DATA):
        done = _done(evaluation, method)
        waves: dict[Wave, list[bool]] = {}
        for instrument, wave in _planned(evaluation, user, method):
            waves.setdefault(wave, []).append((instrument.pk if instrument else None, wave.pk) in done)
        for wave, stored in waves.items():
            last = wave.ends_on or wave.starts_on
            is_open = not all(stored)
            found.append(
                Progress(
                    site_id=wave.site_id,
                    phase_id=wave.phase_id,
                    method=method.value,
                    n_done=sum(stored),
                    target=len(stored),
                    is_due=is_open and wave.starts_on is not None and wave.starts_on <= today,
                    is_overdue=is_open and last is not None and last < today,
                    url=_url(evaluation, wave, method) if is_open else _list(evaluation, wave, method),
                )
            )
    return found


def _list(evaluation: Evaluation, wave: Wave, method: Method) -> str:
    name = "surveys:returns" if method == Method.ADMIN_DATA else "surveys:intakes"
    return f"{reverse(name, kwargs={'slug': evaluation.slug})}?site={wave.site.code}&phase={wave.phase.code}"


def evidence(row: Model) -> Mapping[str, int]:
    """Stored answers and returned figures that stand on a row of the study design."""
    kept = Intake.objects.filter(state__in=["stored", "superseded", "waiting", "draft"])
    returned = AdminReturn.objects.exclude(state="withdrawn")
    if isinstance(row, Wave):
        found = {"survey files": kept.filter(wave=row), "returns": returned.filter(wave=row)}
    elif isinstance(row, Site):
        found = {"survey files": kept.filter(wave__site=row), "returns": returned.filter(wave__site=row)}
    elif isinstance(row, Phase):
        found = {"survey files": kept.filter(wave__phase=row), "returns": returned.filter(wave__phase=row)}
    elif isinstance(row, Team):
        found = {
            "survey responses": Response.objects.filter(teams=row),
            "returned figures": AdminValue.objects.filter(team=row),
        }
    elif isinstance(row, Indicator):
        found = {
            "survey files": kept.filter(instrument__rules__indicator=row),
            "returned figures": AdminValue.objects.filter(indicator=row),
        }
    elif isinstance(row, Threshold):
        in_phase = {"admin_return__wave__phase": row.phase_id, "admin_return__state": "current"}
        found = {
            "survey files": Intake.objects.stored().filter(
                instrument__rules__indicator=row.indicator_id, wave__phase=row.phase_id
            ),
            "returned figures": AdminValue.objects.filter(indicator=row.indicator_id, **in_phase),
        }
    else:
        return {}
    return {label: rows.count() for label, rows in found.items()}


ROOM = Room(
    name="surveys",
    label="Surveys",
    order=40,
    pages=(
        NavPage(
            "Surveys", "surveys:instruments", ("intake.read",), 70, key="", icon="clipboard-document-list"
        ),
        NavPage("Indicators", "surveys:indicators", ("intake.read",), 80, key="i", icon="flag"),
    ),
    owns=frozenset({"surveys.Response", "surveys.Response_teams", "surveys.Answer"}),
    erase=erase,
    due=due,
    find=find,
    retain=retain,
    progress=progress,
    evidence=evidence,
    protocol_section=Instruments(),
)
