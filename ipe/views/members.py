"""Who works on the study: members, invitations, and joining by a link."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from ipe import members as acts
from ipe import roles
from ipe.errors import NotFound
from ipe.member_forms import AcceptForm, InviteForm, MemberForm
from ipe.models import Evaluation, Invitation, Member, Site, User
from ipe.pages import MemberRequest, page, perform, study_page
from ipe.words import Role


def _crumbs(study: Evaluation, *, deep: bool = True) -> list[tuple[str, str]]:
    crumbs = [("Settings", reverse("settings", kwargs={"slug": study.slug}))]
    return [*crumbs, ("Members", reverse("members", kwargs={"slug": study.slug}))] if deep else crumbs


def _member(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> Member:
    found = (
        Member.objects.visible_to(request.user).filter(evaluation=study, pk=pk).select_related("user").first()
    )
    if found is None:
        raise NotFound("There is no such member.")
    return found


@study_page("design.read")
def members(request: MemberRequest, study: Evaluation) -> HttpResponse:
    rows = Member.objects.visible_to(request.user).filter(evaluation=study)
    invitations = Invitation.objects.visible_to(request.user).filter(
        evaluation=study, accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now()
    )
    sites = Prefetch("sites", queryset=Site.objects.visible_to(request.user))
    context = {
        "rows": rows.select_related("user").prefetch_related(sites),
        "invitations": invitations.prefetch_related(sites),
        "role_words": dict(Role.choices),
        "may_edit": roles.may(request.user, "members.edit", study),
        "today": timezone.localdate(),
        "crumbs": _crumbs(study, deep=False),
    }
    return page(request, "ipe/members.html", context)


@study_page("members.edit")
def invite(request: MemberRequest, study: Evaluation) -> HttpResponse:
    """The link is shown once, here: an offline laptop sends no mail, and only the token's hash is kept."""
    form = InviteForm(request.POST or None, study=study, user=request.user)
    context: dict[str, Any] = {"form": form, "crumbs": _crumbs(study)}
    if request.method == "POST" and form.is_valid():
        made = perform(form, acts.invite, study, by=request.user, **form.cleaned_data)
        if made:
            invitation, token = made
            context |= {
                "invitation": invitation,
                "link": request.build_absolute_uri(reverse("invitation", kwargs={"token": token})),
                "hours": acts.INVITATION_HOURS,
            }
            return page(request, "ipe/invited.html", context)
    return page(request, "ipe/invite.html", context, status=400 if form.errors else 200)


@study_page("members.edit")
@require_POST
def withdraw(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    found = Invitation.objects.visible_to(request.user).filter(evaluation=study, pk=pk).first()
    if found is None:
        raise NotFound("There is no such invitation.")
    acts.withdraw_invitation(found, by=request.user)
    messages.success(request, "The invitation was withdrawn; its link no longer works.")
    return redirect("members", slug=study.slug)


@study_page("members.edit")
def edit(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    member = _member(request, study, pk)
    start = {
        "role": member.role,
        "all_sites": member.all_sites,
        "sites": list(member.sites.all()),
        "expires_on": member.expires_on,
        "is_named_for_safeguarding": member.is_named_for_safeguarding,
    }
    form = MemberForm(request.POST or None, study=study, user=request.user, initial=start)
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.change_member, member, by=request.user, **form.cleaned_data)
    ):
        messages.success(request, "Saved. The change holds from the next page they open.")
        return redirect("members", slug=study.slug)
    context = {"form": form, "member": member, "crumbs": _crumbs(study)}
    return page(request, "ipe/member.html", context, status=400 if form.errors else 200)


@study_page("members.edit")
def remove(request: MemberRequest, study: Evaluation, pk: uuid.UUID) -> HttpResponse:
    member = _member(request, study, pk)
    if request.method == "POST":
        acts.remove_member(member, by=request.user)
        messages.success(request, "The role was ended.")
        return redirect("members", slug=study.slug)
    return page(request, "ipe/member_remove.html", {"member": member, "crumbs": _crumbs(study)})


@never_cache
@sensitive_post_parameters("password")
def accept(request: MemberRequest, token: str) -> HttpResponse:
    """Behind an invitation link: a form for somebody new, a button for the invitee, or a hint to sign in."""
    invitation = acts.open_invitation(token)
    signed_in = request.user if request.user.is_authenticated else None
    is_known = User.objects.filter(email__iexact=invitation.email).exists()
    form = AcceptForm(request.POST or None)
    asks_name = signed_in is None and not is_known
    if request.method == "POST" and (not asks_name or form.is_valid()):
        given = (
            {"name": form.cleaned_data["name"], "password": form.cleaned_data["password"]}
            if asks_name
            else {}
        )
        if perform(form, acts.accept_invitation, token, by=signed_in, **given):
            if invitation.evaluation is None:
                messages.success(request, "Your account is ready. You may create studies.")
                return redirect("studies")
            messages.success(request, f"You have joined {invitation.evaluation.title}.")
            return redirect("overview", slug=invitation.evaluation.slug)
    context = {
        "form": form,
        "invitation": invitation,
        "role": Role(invitation.role).label if invitation.role else "",
        "sites": list(invitation.sites.all()),
        "asks_name": asks_name,
        "is_other": signed_in is not None and signed_in.email.lower() != invitation.email,
        "must_sign_in": signed_in is None and is_known,
    }
    return page(request, "ipe/accept.html", context, status=400 if request.method == "POST" else 200)
