"""The people of a study, known by their codes."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from consent import contact as contacts
from consent import gates, recruiting, signing, withdrawal
from consent.forms import AgeForm, ContactForm, MembershipForm, PersonForm, editable_sites
from consent.models import Participant
from consent.states import AgeBand, ItemCode, Kind, Recruitment, Status, moves_by_hand
from ipe import roles
from ipe.errors import NotFound
from ipe.models import Evaluation
from ipe.pages import MemberRequest, page, perform, study_page
from ipe.words import Group

SORTS = {"code": "code", "site": "site__order", "state": "recruitment"}
PER_PAGE = 50


def crumbs(study: Evaluation, person: Participant | None = None) -> list[tuple[str, str]]:
    trail = [("Consent", reverse("consent:people", kwargs={"slug": study.slug}))]
    if person is not None:
        url = reverse("consent:person", kwargs={"slug": study.slug, "pk": person.pk})
        trail.append((person.code, url))
    return trail


def fetch(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Participant:
    """The person, if this user may know of them."""
    people = Participant.objects.filter(evaluation=study, pk=pk).visible_to(request.user)
    person = people.select_related("evaluation", "site", "family").with_consents().first()
    if person is None:
        raise NotFound("There is no such person in this study.")
    return person


@study_page("consent.status", "consent.read")
def people(request: MemberRequest, study: Evaluation) -> HttpResponse:
    chosen = {
        name: request.GET.get(name, "") for name in ("code", "site", "state", "group", "status", "phase")
    }
    phase = next((row for row in study.phases.all() if row.code == chosen["phase"]), None)
    filters = {name: chosen[name] for name in ("code", "site", "state", "group", "status")}
    rows = Participant.objects.filter(evaluation=study).visible_to(request.user).matching(**filters)
    key = request.GET.get("sort", "code")
    order = SORTS.get(key.removeprefix("-"), "code")
    rows = rows.order_by(f"-{order}" if key.startswith("-") else order, "code").listed().with_consents()
    page_obj = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    reached = roles.sites_for(request.user, "consent.status", study)
    sites = study.sites.all() if reached is None else study.sites.filter(pk__in=reached)
    context = {
        "page_obj": page_obj,
        "rows": [(person, gates.answers(person, phase)) for person in page_obj],
        "chosen": chosen,
        "sites": sites,
        "phases": study.phases.all(),
        "states": Recruitment.choices,
        "statuses": Status.choices,
        "groups": Group.choices,
        "items": ItemCode.choices,
        "may_add": roles.may(request.user, "contacts.edit", study),
        "has_people": page_obj.paginator.count or any(chosen.values()),
    }
    return page(request, "consent/people.html", context, fragment="people")


def _person_context(request: MemberRequest, study: Evaluation, person: Participant) -> dict[str, Any]:
    may_edit = roles.may(request.user, "consent.edit", study, person.site)
    may_read = roles.may(request.user, "consent.read", study, person.site)
    phases = list(study.phases.all()) if may_read else []
    again = gates.versions_to_sign_again(study) if may_read else {}
    return {
        "person": person,
        "crumbs": crumbs(study),
        "may_edit_person": may_edit and person.is_active,
        "may_read_consents": may_read,
        "may_withdraw": withdrawal.may_withdraw(person, request.user),
        "may_reveal": contacts.may_reveal(request.user, person),
        "may_edit_contact": person.is_active and roles.may(request.user, "contacts.edit", study, person.site),
        "moves": [(state.value, state.label) for state in moves_by_hand(person.recruitment)],
        "age_form": AgeForm(initial={"age_band": person.age_band}) if person.kind == Kind.FAMILY else None,
        "is_child": person.age_band == AgeBand.CHILD,
        "memberships": person.memberships.select_related("wave__phase").prefetch_related("teams"),
        "items": ItemCode.choices,
        "answers": [(phase, gates.answers(person, phase)) for phase in study.phases.all()],
        "readiness": [(phase, gates.readiness(person, phase, again=again)) for phase in phases],
        "consents": sorted(person.consents.all(), key=lambda row: row.taken_at, reverse=True)
        if may_read
        else [],
        "set_aside": person.consents.filter(state="process_error").select_related("version__form")
        if may_read
        else [],
        "versions": signing.forms_for(person) if may_edit and person.is_active else [],
        "withdrawals": person.withdrawals.all() if may_read else [],
    }


@study_page("consent.status", "consent.read")
def person(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    return page(request, "consent/person.html", _person_context(request, study, found))


@sensitive_post_parameters()
@never_cache
@study_page("contacts.edit")
def add(request: MemberRequest, study: Evaluation) -> HttpResponse:
    form = PersonForm(request.POST or None, study=study, user=request.user)
    if request.method == "POST" and form.is_valid():
        made = perform(form, recruiting.add_person, study, by=request.user, **form.person())
        if made:
            messages.success(request, f"Added as {made.code}.")
            return redirect("consent:person", slug=study.slug, pk=made.pk)
    context = {
        "form": form,
        "crumbs": crumbs(study),
        "has_sites": editable_sites(study, request.user).exists(),
    }
    return page(request, "consent/person_add.html", context, status=400 if form.errors else 200)


@study_page("consent.edit")
@require_POST
def recruitment(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    moved = recruiting.move_recruitment(found, to=request.POST.get("to", ""), by=request.user)
    messages.success(request, f"{moved.code}: {moved.get_recruitment_display().lower()}.")
    return redirect("consent:person", slug=study.slug, pk=pk)


@study_page("consent.edit")
@require_POST
def age(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    recruiting.set_age_band(found, age_band=request.POST.get("age_band", ""), by=request.user)
    messages.success(request, "Age band corrected.")
    return redirect("consent:person", slug=study.slug, pk=pk)


@never_cache
@study_page("contacts.read", "consent.status")
@require_POST
def reveal(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """The person page with the contact details open: recorded, and never kept by the browser."""
    found = fetch(request, study, pk)
    details = contacts.reveal_contact(found, by=request.user)
    context = {**_person_context(request, study, found), "details": details}
    return page(request, "consent/person.html", context, fragment="contact")


@sensitive_post_parameters()
@never_cache
@study_page("contacts.edit")
def contact(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    """Replaces what is given; what is stored is not shown."""
    found = fetch(request, study, pk)
    roles.require(request.user, "contacts.edit", study, found.site)
    form = ContactForm(request.POST or None, study=study, user=request.user)
    if request.method == "POST" and form.is_valid():
        values = {"details": form.details(), "remove": form.cleaned_data["remove"]}
        if perform(form, contacts.edit_contact, found, by=request.user, **values) is not None:
            messages.success(request, "Contact details changed.")
            return redirect("consent:person", slug=study.slug, pk=pk)
    context = {"form": form, "person": found, "crumbs": crumbs(study, found)}
    return page(request, "consent/contact.html", context, status=400 if form.errors else 200)


@study_page("consent.edit")
def membership(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = fetch(request, study, pk)
    roles.require(request.user, "consent.edit", study, found.site)
    form = MembershipForm(request.POST or None, study=study, user=request.user, person=found)
    is_sent = request.method == "POST" and form.is_valid()
    if (
        is_sent
        and perform(form, recruiting.set_membership, found, by=request.user, **form.cleaned_data) is not None
    ):
        messages.success(request, "Role stored.")
        return redirect("consent:person", slug=study.slug, pk=pk)
    context = {"form": form, "person": found, "crumbs": crumbs(study, found)}
    return page(request, "consent/membership.html", context, status=400 if form.errors else 200)
