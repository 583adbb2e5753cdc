"""Consent forms, their versions, and what people answered."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from consent import signing
from consent.forms import ConsentRecordForm, NewFormForm, PublishForm, SetAsideForm, WordingForm
from consent.models import Consent, ConsentForm, FormVersion
from consent.states import ConsentState
from consent.views.people import crumbs, fetch
from ipe import roles
from ipe.errors import NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page


def _form_crumbs(study: Evaluation, form: ConsentForm | None = None) -> list[tuple[str, str]]:
    trail = [*crumbs(study), ("Forms", reverse("consent:forms", kwargs={"slug": study.slug}))]
    if form is not None:
        trail.append((form.title, reverse("consent:form", kwargs={"slug": study.slug, "pk": form.pk})))
    return trail


def _version(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> FormVersion:
    versions = FormVersion.objects.filter(form__evaluation=study, pk=pk).visible_to(request.user)
    version = versions.select_related("form__evaluation").prefetch_related("items").first()
    if version is None:
        raise NotFound("There is no such version of a form.")
    return version


@study_page("consent.read")
def forms(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = ConsentForm.objects.filter(evaluation=study).visible_to(request.user).prefetch_related("versions")
    context = {
        "rows": rows,
        "crumbs": crumbs(study),
        "may_edit": roles.may(request.user, "consent.edit", study),
    }
    return page(request, "consent/forms.html", context)


@study_page("consent.edit")
def form_add(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = NewFormForm(request.POST or None, study=study, user=request.user)
    if request.method == "POST" and form.is_valid():
        head = {name: form.cleaned_data[name] for name in ("title", "audience")}
        version = perform(form, signing.create_form, study, by=request.user, **head, **form.wording())
        if version:
            messages.success(request, "The form is stored. Put it in use when it is ready.")
            return redirect("consent:form", slug=study.slug, pk=version.form_id)
    context = {"form": form, "crumbs": _form_crumbs(study)}
    return page(request, "consent/form_add.html", context, status=400 if form.errors else 200)


@study_page("consent.read")
def form(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = ConsentForm.objects.filter(evaluation=study, pk=pk).visible_to(request.user).first()
    if found is None:
        raise NotFound("There is no such consent form.")
    versions = list(found.versions.order_by("-number").prefetch_related("items"))
    live = next((version for version in versions if version.is_live), None)
    again = signing.to_ask_again(live).visible_to(request.user) if live is not None else []
    context = {
        "consent_form": found,
        "versions": versions,
        "has_draft": any(version.published_at is None for version in versions),
        "ask_again": again,
        "may_edit": roles.may(request.user, "consent.edit", study),
        "crumbs": _form_crumbs(study),
    }
    return page(request, "consent/form.html", context)


@study_page("consent.edit")
def version_edit(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    version = _version(request, study, pk)
    initial = {"text": version.text, **{item.code: item.wording for item in version.items.all()}}
    form = WordingForm(request.POST or None, study=study, user=request.user, initial=initial)
    is_sent = request.method == "POST" and form.is_valid()
    if (
        is_sent
        and perform(form, signing.edit_version, version, by=request.user, **form.wording()) is not None
    ):
        messages.success(request, "The wording is stored.")
        return redirect("consent:form", slug=study.slug, pk=version.form_id)
    context = {"form": form, "version": version, "crumbs": _form_crumbs(study, version.form)}
    return page(request, "consent/version_edit.html", context, status=400 if form.errors else 200)


@study_page("consent.edit")
def version_publish(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    version = _version(request, study, pk)
    form = PublishForm(request.POST if request.method == "POST" else None)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and perform(form, signing.publish, version, by=request.user, **form.cleaned_data) is not None:
        messages.success(request, f"Version {version.number} is in use.")
        return redirect("consent:form", slug=study.slug, pk=version.form_id)
    n_signed = Consent.objects.filter(version__form=version.form_id, state=ConsentState.GIVEN).visible_to(
        request.user
    )
    context = {
        "form": form,
        "version": version,
        "n_signed": n_signed.values("participant").distinct().count(),
        "crumbs": _form_crumbs(study, version.form),
    }
    return page(request, "consent/version_publish.html", context, status=400 if form.errors else 200)


@study_page("consent.edit")
@require_POST
def version_copy(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    copy = signing.new_version(_version(request, study, pk), by=request.user)
    messages.success(request, f"Version {copy.number} is a copy; change its wording, then put it in use.")
    return redirect("consent:version-edit", slug=study.slug, pk=copy.pk)


@study_page("consent.edit")
def sign(request: MemberRequest, study: Evaluation, pk: uuid.UUID, version: uuid.UUID) -> HttpResponse:
    found, asked = fetch(request, study, pk), _version(request, study, version)
    roles.require(request.user, "consent.edit", study, found.site)
    form = ConsentRecordForm(request.POST or None, study=study, user=request.user, version=asked)
    if request.method == "POST" and form.is_valid():
        consent = perform(
            form, signing.record_consent, found, version=asked, by=request.user, **form.record()
        )
        if consent:
            messages.success(request, f"Recorded: {consent.get_state_display().lower()}.")
            return redirect("consent:signed", slug=study.slug, pk=consent.pk)
    context = {"form": form, "person": found, "version": asked, "crumbs": crumbs(study, found)}
    return page(request, "consent/sign.html", context, status=400 if form.errors else 200)


def _consent(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Consent:
    consents = Consent.objects.filter(participant__evaluation=study, pk=pk).visible_to(request.user)
    related = ("participant__site", "participant__evaluation", "version__form", "taken_by")
    consent = consents.select_related(*related).prefetch_related("phases", "answers__item").first()
    if consent is None:
        raise NotFound("There is no such consent.")
    return consent


@study_page("consent.read")
def signed(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """The form as it was answered, printable as the participant's copy."""
    consent = _consent(request, study, pk)
    context = {
        "consent": consent,
        "is_as_signed": signing.is_as_signed(consent),
        "may_set_aside": consent.state in {ConsentState.GIVEN, ConsentState.REFUSED}
        and roles.may(request.user, "consent.edit", study, consent.participant.site),
        "crumbs": crumbs(study, consent.participant),
    }
    return page(request, "consent/signed.html", context)


@study_page("consent.edit")
def set_aside(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    consent = _consent(request, study, pk)
    form = SetAsideForm(request.POST if request.method == "POST" else None)
    is_sent = request.method == "POST" and form.is_valid()
    if (
        is_sent
        and perform(form, signing.set_aside, consent, by=request.user, **form.cleaned_data) is not None
    ):
        messages.success(request, "The consent is set aside. Ask the person again.")
        return redirect("consent:person", slug=study.slug, pk=consent.participant_id)
    context = {"form": form, "consent": consent, "crumbs": crumbs(study, consent.participant)}
    return page(request, "consent/set_aside.html", context, status=400 if form.errors else 200)
