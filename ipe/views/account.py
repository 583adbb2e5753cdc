"""A person's own account: name, how the desk looks, password, second factor, sessions."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from ipe import members as acts
from ipe import roles
from ipe.member_forms import AppearanceForm, NameForm
from ipe.pages import MemberRequest, page, perform
from ipe.templatetags.desk import APPEARANCE, appearance_of

YEAR_SECONDS = 365 * 24 * 60 * 60


@login_required
def account(request: MemberRequest) -> HttpResponse:
    form = NameForm(request.POST or None, initial={"name": request.user.name})
    if (
        request.method == "POST"
        and form.is_valid()
        and perform(form, acts.rename, request.user, **form.cleaned_data)
    ):
        messages.success(request, "Your name was changed.")
        return redirect("account")
    looks = {
        name: appearance_of(request.COOKIES).get(name, options[0]) for name, options in APPEARANCE.items()
    }
    context = {
        "form": form,
        "looks": AppearanceForm(initial=looks),
        "has_second_factor": is_mfa_enabled(request.user),
        "memberships": roles.memberships(request.user),
    }
    return page(request, "ipe/account.html", context, status=400 if form.errors else 200)


@login_required
def fixed_address(request: MemberRequest) -> HttpResponse:
    """Replaces the sign-in package's page: the invitation says whose account it is, not its holder."""
    return redirect("account")


@login_required
@require_POST
def appearance(request: MemberRequest) -> HttpResponse:
    """The choice lives in cookies of this browser: it is no fact about the person."""
    form = AppearanceForm(request.POST)
    response = redirect("account")
    if form.is_valid():
        for name, value in form.cleaned_data.items():
            response.set_cookie(
                f"desk_{name}",
                value,
                max_age=YEAR_SECONDS,
                httponly=True,
                samesite="Strict",
                secure=request.is_secure(),
            )
    return response
