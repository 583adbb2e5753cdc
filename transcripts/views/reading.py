"""The list of documents, and the cleared text to read."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from ipe import roles
from ipe.errors import NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, site_from, study_page
from transcripts import frames, sealing
from transcripts.models import Document, DocumentKind, DocumentState, Original, Version
from transcripts.rights import may_open, may_redact, require_open

ORDERS = {
    "code": ("number",),
    "site": ("wave__site__order", "number"),
    "phase": ("wave__phase__order", "number"),
    "kind": ("kind", "number"),
    "state": ("state", "number"),
    "length": ("n_characters", "number"),
}
TONES = {"imported": "info", "in_review": "warn", "cleared": "good", "erased": "neutral"}
NEXT = {
    DocumentState.IMPORTED: ("transcripts:turns", "Check turns"),
    DocumentState.IN_REVIEW: ("transcripts:review", "Review"),
    DocumentState.CLEARED: ("transcripts:read", "Read"),
}


def crumbs(study: Evaluation, document: Document | None = None, verb: str = "read") -> list[tuple[str, str]]:
    found = [("Transcripts", reverse("transcripts:list", kwargs={"slug": study.slug}))]
    if document is not None:
        found.append(
            (document.code, reverse(f"transcripts:{verb}", kwargs={"slug": study.slug, "pk": document.pk}))
        )
    return found


def sent(request: MemberRequest, *, files: bool = False) -> tuple[Any, ...]:
    """What a form is bound to: what was posted, even when that is nothing."""
    if request.method != "POST":
        return (None, None) if files else (None,)
    return (request.POST, request.FILES) if files else (request.POST,)


def document_of(request: MemberRequest, study: Evaluation, pk: uuid.UUID, *, original: str = "") -> Document:
    """A document that the person may see; with `original` a verb, one whose original this reaches.

    Raises
        NotFound: No such document for this person. Refused: visible, but not as original.
    """
    rows = Document.objects.of(study).select_related(
        "evaluation", "wave__site", "wave__phase", "assigned_to", "participant"
    )
    document: Document | None = rows.visible_to(request.user).filter(pk=pk).first()
    if document is None:
        raise NotFound("There is no such document, or it is not in your study or site.")
    if original:
        require_open(request.user, document, original)
    return document


@study_page("originals.read", "originals.add", "text.read")
def documents(request: MemberRequest, study: Evaluation) -> HttpResponse:
    chosen = {name: request.GET.get(name, "") for name in ("site", "phase", "kind", "state")}
    site_from(study, request.user, chosen["site"])
    rows = Document.objects.of(study).visible_to(request.user).matching(**chosen)
    is_due = request.GET.get("original") == "due"
    if is_due:
        rows = rows.filter(original__keep_until__lt=timezone.localdate())
    sort = request.GET.get("sort", "code")
    order = ORDERS.get(sort.removeprefix("-"), ORDERS["code"])
    if sort.startswith("-"):
        order = (f"-{order[0]}", *order[1:])
    page_obj = Paginator(rows.listed().order_by(*order), 100).get_page(request.GET.get("page"))
    shown = list(page_obj)
    originals = Original.objects.filter(document__in=[row.pk for row in shown]).visible_to(request.user)
    titles = sealing.titles_of(originals)
    listed = []
    for row in shown:
        name, words = NEXT.get(row.state, ("", ""))
        may_read_text = row.state == DocumentState.CLEARED and roles.may(
            request.user, "text.read", study, row.wave.site
        )
        if row.state == DocumentState.CLEARED and not may_read_text:
            name, words = ("transcripts:review", "Original") if row.pk in titles else ("", "")
        elif row.state != DocumentState.CLEARED and not may_open(request.user, row, "originals.edit"):
            name, words = (
                ("transcripts:review", "Original") if row.state == DocumentState.IN_REVIEW else ("", "")
            )
        listed.append(
            {
                "row": row,
                "title": titles.get(row.pk, ""),
                "tone": TONES[row.state],
                "next": reverse(name, kwargs={"slug": study.slug, "pk": row.pk}) if name else "",
                "next_words": words,
            }
        )
    context = {
        "page_obj": page_obj,
        "rows": listed,
        "chosen": chosen,
        "is_filtered": any(chosen.values()) or is_due,
        "sites": study.sites.visible_to(request.user),
        "phases": study.phases.all(),
        "kinds": DocumentKind.choices,
        "states": DocumentState.choices,
        "sees_originals": bool(titles),
        "may_import": roles.may(request.user, "originals.add", study),
    }
    return page(request, "transcripts/list.html", context, fragment="documents")


@study_page("text.read")
def read(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    document = document_of(request, study, pk)
    roles.require(request.user, "text.read", study, document.wave.site)
    version = Version.objects.visible_to(request.user).current().open().filter(document=document).first()
    if version is None:
        raise NotFound("This document has no cleared text.")
    context = {
        "document": document,
        "version": version,
        "blocks": frames.reading(version),
        "speakers": document.speakers.all(),
        "may_redact": may_redact(request.user, document),
        "may_open": may_open(request.user, document),
        "crumbs": crumbs(study),
    }
    return page(request, "transcripts/read.html", context)
