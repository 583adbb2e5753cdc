from django import forms

from ipe.forms import StudyForm
from ipe.words import OutputClass
from releases.models import FileFormat, State


class RecipientForm(StudyForm):
    who = forms.CharField(
        label="Who has the file",
        max_length=200,
        help_text="A person or an organisation. Kept encrypted; needed if the release is ever recalled.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ReleaseFilter(StudyForm):
    """Which releases to list; unknown values count as none."""

    output_class = forms.ChoiceField(choices=[("", "Every class"), *OutputClass.choices], required=False)
    state = forms.ChoiceField(choices=[("", "Every state"), *State.choices], required=False)
    file_format = forms.ChoiceField(choices=[("", "Every format"), *FileFormat.choices], required=False)
    site = forms.ChoiceField(required=False)

    def prepare(self) -> None:
        sites = self.study.sites.visible_to(self.user)
        choice = self.fields["site"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [("", "Every site"), *((site.code, site.name) for site in sites)]

    def chosen(self) -> dict[str, str]:
        self.full_clean()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}
