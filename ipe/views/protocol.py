"""The protocol file of a study: export, import with a preview, and a new study from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from ipe import roles
from ipe.errors import Invalid, Refused
from ipe.models import Evaluation
from ipe.pages import MemberRequest, download, page, perform, study_page
from ipe.protocol.problems import Problem, ProtocolRefused
from ipe.protocol.report import Report
from ipe.protocol.study import export_protocol, import_protocol, preview_protocol
from ipe.protocol_forms import ProtocolConfirmForm, ProtocolFileForm


@dataclass
class Step:
    """Where a visitor stands: handing in a file, reading its preview, or done."""

    form: ProtocolFileForm = field(default_factory=ProtocolFileForm)
    confirm: ProtocolConfirmForm | None = None
    report: Report | None = None
    problems: tuple[Problem, ...] = ()
    is_done: bool = False

    @property
    def status(self) -> int:
        return 400 if self.form.errors or (self.confirm and self.confirm.errors) else 200


@study_page("design.read")
def protocol(request: MemberRequest, study: Evaluation) -> HttpResponse:
    """The file in and out. What was handed in is previewed; a second POST with `confirm` imports it."""
    step = Step()
    if request.method == "POST":
        roles.require_whole_study(request.user, "design.edit", study)
        step = _taken(request, evaluation=study)
        if step.is_done:
            messages.success(request, "The protocol was imported.")
            return redirect("protocol", slug=study.slug)
    context = {
        "form": step.form,
        "step": step,
        "crumbs": [("Settings", reverse("settings", kwargs={"slug": study.slug}))],
        "may_edit": roles.sites_for(request.user, "design.edit", study) is None,
    }
    return page(request, "ipe/protocol.html", context, status=step.status)


@login_required
def protocol_new(request: MemberRequest) -> HttpResponse:
    """A new study from a file, for accounts that may create studies."""
    if not request.user.may_create_studies:
        raise Refused("Your account may not create studies. An administrator can allow it.")
    step = _taken(request, evaluation=None) if request.method == "POST" else Step()
    if step.is_done and step.report:
        return redirect("overview", slug=step.report.evaluation.slug)
    return page(request, "ipe/protocol_new.html", {"form": step.form, "step": step}, status=step.status)


@study_page("design.edit")
def protocol_export(request: MemberRequest, study: Evaluation) -> HttpResponse:
    """The file holds every site and the sections of every room, so it is for who may edit the whole study."""
    roles.require_whole_study(request.user, "design.edit", study)
    data = export_protocol(study)
    return download(data, filename=f"{study.slug}-protocol.yaml", content_type="application/yaml")


def _taken(request: MemberRequest, *, evaluation: Evaluation | None) -> Step:
    """What a POST leads to: a preview with its confirmation, an import, or a form with what is wrong."""
    if "confirm" in request.POST:
        confirm = ProtocolConfirmForm(request.POST)
        step = Step(confirm=confirm)
        if confirm.is_valid():
            given = confirm.cleaned_data
            step.report, step.problems = _performed(
                confirm, import_protocol, request, given["content"], given["reason"], evaluation
            )
            step.is_done = step.report is not None
        return step
    form = ProtocolFileForm(request.POST, request.FILES)
    step = Step(form=form)
    if form.is_valid():
        data, reason = form.cleaned_data["file"].read(), form.cleaned_data["reason"]
        step.report, step.problems = _performed(form, preview_protocol, request, data, reason, evaluation)
        if step.report is not None:
            step.confirm = ProtocolConfirmForm.carrying(data, reason=reason)
    return step


def _performed(
    form: forms.Form,
    act: Callable[..., Report],
    request: MemberRequest,
    data: bytes,
    reason: str,
    evaluation: Evaluation | None,
) -> tuple[Report | None, tuple[Problem, ...]]:
    """The act's report; or nothing, with one sentence on the form and every problem to list below it."""
    problems: list[Problem] = []

    def told() -> Report:
        try:
            return act(
                data, by=request.user, evaluation=evaluation, must_be_new=evaluation is None, reason=reason
            )
        except ProtocolRefused as error:
            problems.extend(error.problems)
            n = len(problems)
            listed = "One thing to correct is" if n == 1 else f"{n} things to correct are"
            raise Invalid(f"The file was not imported. {listed} listed below; nothing was changed.") from None

    return perform(form, told), tuple(problems)
