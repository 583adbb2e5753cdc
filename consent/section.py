"""The protocol's section `consent_forms`: each form with the newest wording of its text and items."""

from __future__ import annotations

from typing import Annotated, Any, cast

from django.utils import timezone
from pydantic import BaseModel, Field, StringConstraints, model_validator

from consent import signing
from consent.models import ConsentForm, FormVersion
from consent.states import Audience, ItemCode
from ipe.errors import Invalid
from ipe.models import Evaluation
from ipe.protocol.schema import Line, Name, Part, Prose

Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]+\z", max_length=40)]


class ItemPart(Part):
    """One question of the form, answered yes or no by itself."""

    code: Annotated[ItemCode, Field(strict=False)]
    wording: Line


class FormPart(Part):
    """A consent form for one audience. `in_use` forms can be signed."""

    code: Slug
    title: Name
    audience: Annotated[Audience, Field(strict=False)]
    in_use: bool = False
    text: Prose
    items: Annotated[list[ItemPart], Field(min_length=1)]

    @model_validator(mode="after")
    def _items_fit(self) -> FormPart:
        codes = [item.code for item in self.items]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"asks about “{twice[0]}” twice.")
        if ItemCode.TAKE_PART not in codes:
            raise ValueError("has to ask about “take_part”.")
        return self


class ConsentForms:
    """Reads and writes the study's consent forms, in the order of their codes."""

    name = "consent_forms"
    model = cast(type[BaseModel], list[FormPart])

    def read(self, evaluation: Evaluation) -> list[FormPart]:
        forms = evaluation.consent_forms.order_by("code").prefetch_related("versions__items")
        return [_part(form, version) for form in forms if (version := _newest(form)) is not None]

    def write(self, evaluation: Evaluation, section: list[FormPart], report: Any) -> None:
        """Make the forms what the section says, in the caller's transaction.

        New wording of a version that was answered becomes its next version. A form that the section leaves
        out goes, unless somebody answered it.

        Raises
            Invalid: Two forms share a code, or an answered form is left out or changes its audience.
        """
        codes = [part.code for part in section]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise Invalid(f"Two consent forms have the code “{twice[0]}”.")
        held = {form.code: form for form in evaluation.consent_forms.select_for_update()}
        for code in sorted(set(held) - set(codes)):
            if held[code].versions.filter(frozen_at__isnull=False).exists():
                raise Invalid(f"The consent form “{code}” has been answered and cannot be left out.")
            held[code].delete()
        for part in section:
            _write(evaluation, part, held.get(part.code))


def _newest(form: ConsentForm) -> FormVersion | None:
    return max(form.versions.all(), key=lambda version: version.number, default=None)


def _part(form: ConsentForm, version: FormVersion) -> FormPart:
    return FormPart(
        code=form.code,
        title=form.title,
        audience=Audience(form.audience),
        in_use=version.is_live,
        text=version.text,
        items=[ItemPart(code=ItemCode(item.code), wording=item.wording) for item in version.items.all()],
    )


def _write(evaluation: Evaluation, part: FormPart, form: ConsentForm | None) -> None:
    version = _newest(form) if form is not None else None
    if form is not None and version is not None and _part(form, version) == part:
        return
    if form is None:
        form = ConsentForm(evaluation=evaluation, code=part.code)
    if version is not None and version.is_frozen and form.audience != part.audience:
        raise Invalid(f"The consent form “{part.code}” has been answered; its audience cannot change.")
    form.title, form.audience = part.title, part.audience
    form.full_clean()
    form.save()
    wording = [(str(item.code), item.wording) for item in part.items]
    said = [(item.code, item.wording) for item in version.items.all()] if version is not None else []
    if version is None or ((version.text, said) != (part.text, wording) and version.is_frozen):
        version = FormVersion(form=form, number=(version.number if version is not None else 0) + 1)
    if version._state.adding or (version.text, said) != (part.text, wording):
        signing.write_wording(version, part.text, wording)
    if part.in_use and not version.is_live:
        form.versions.filter(is_live=True).update(is_live=False)
        version.is_live, version.published_at = True, timezone.now()
        version.save(update_fields=["is_live", "published_at"])
    elif not part.in_use and version.is_live and not version.is_frozen:
        version.is_live = False
        version.save(update_fields=["is_live"])
