"""Forms of the protocol file: one to hand it in, one to confirm what its preview says."""

from __future__ import annotations

import base64
import binascii

from django import forms
from django.core.exceptions import ValidationError

from ipe.forms import CheckedFileField


class ProtocolFileForm(forms.Form):
    file = CheckedFileField(
        label="Protocol file",
        kinds=("yaml", "yml"),
        max_mb=1,
        error_messages={"required": "Choose a protocol file."},
    )
    reason = forms.CharField(
        label="Reason for changed thresholds or readings",
        required=False,
        max_length=300,
        help_text="Needed only where data have arrived; reports show it with the change.",
    )


class ProtocolConfirmForm(forms.Form):
    """The file travels inside the page between preview and confirmation; nothing of it is stored before."""

    content = forms.CharField(widget=forms.HiddenInput, strip=False)
    reason = forms.CharField(widget=forms.HiddenInput, required=False, max_length=300)

    def clean_content(self) -> bytes:
        try:
            return base64.b64decode(self.cleaned_data["content"], validate=True)
        except (binascii.Error, ValueError):
            raise ValidationError("The file was damaged on its way. Choose it again.") from None

    @classmethod
    def carrying(cls, data: bytes, *, reason: str) -> ProtocolConfirmForm:
        return cls(initial={"content": base64.b64encode(data).decode(), "reason": reason})
