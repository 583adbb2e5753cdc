"""Form pieces that every room uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ipe import uploads
from ipe.errors import BadFile
from ipe.models import Evaluation, User

BLANK = "---------"  # what Django shows for no choice; words say more


class StudyForm(forms.Form):
    """A form of one study: knows the study and who fills it in, so that its choices are theirs."""

    def __init__(self, *args: Any, study: Evaluation, user: User, **kwargs: Any) -> None:
        self.study, self.user = study, user
        super().__init__(*args, **kwargs)
        self.prepare()
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField) and field.empty_label == BLANK:
                field.empty_label = "Choose" if field.required else "None"

    def prepare(self) -> None:
        """Set the choices that depend on the study and the person."""


class CheckedFileField(forms.FileField):
    """A file whose kind, size and structure were checked; gives a SealedUpload with its `kind` set."""

    def __init__(self, *, kinds: Sequence[str], max_mb: int = 20, **kwargs: Any) -> None:
        self.kinds, self.max_mb = tuple(kinds), max_mb
        kwargs.setdefault("help_text", f"{', '.join('.' + kind for kind in kinds)}, up to {max_mb} MB.")
        super().__init__(**kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "accept": ",".join("." + kind for kind in self.kinds)}

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if upload:
            try:
                upload.kind = uploads.check(upload.name, upload.read(), self.kinds, max_mb=self.max_mb)
            except BadFile as error:
                raise ValidationError(error.message) from None
        return upload


class ConfirmForm(forms.Form):
    """Nothing to fill in: the button is the confirmation."""
