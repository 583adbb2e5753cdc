"""Forms of the coding pages. What a script sends is checked by the same forms."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from coding import frames
from coding.models import Case, CellState, Code, Level
from coding.palette import SWATCHES
from consent.models import Participant
from ipe.forms import StudyForm
from ipe.models import Site, Wave
from transcripts.models import Document, DocumentKind

# What the database can hold: a larger number is an error of the form, not of the server.
MOST_POINTS, MOST_ID = 2**31 - 1, 2**63 - 1
INDENT = "\u2003"  # browsers keep it in an option, unlike a blank


class CodeChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic for the checker only
    """Codes of the study in the order of the tree, each with its place."""

    def label_from_instance(self, code: Any) -> str:
        return f"{INDENT * (code.level - 1)}{code.name}"


def codes_in_tree(form: StudyForm, *, codable: bool = False) -> Any:
    """A queryset for the field, and choices in tree order."""
    rows = Code.objects.in_use().of(form.study)
    return rows.filter(is_codable=True) if codable else rows


def order_choices(field: Any, nodes: list[frames.Node], empty: str | None = None) -> None:
    chosen = [(str(node.code.pk), INDENT * (node.code.level - 1) + node.code.name) for node in nodes]
    field.choices = ([("", empty)] if empty is not None else []) + chosen


class SpanForm(StudyForm):
    """A passage: code points from `start` to `end`, or a whole turn by its number."""

    start = forms.IntegerField(min_value=0, max_value=MOST_POINTS, required=False)
    end = forms.IntegerField(min_value=1, max_value=MOST_POINTS, required=False)
    turn = forms.IntegerField(min_value=1, max_value=MOST_POINTS, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        has_span = data.get("start") is not None and data.get("end") is not None
        if not has_span and data.get("turn") is None and not self.errors:
            raise forms.ValidationError("Select some text, or name a turn.")
        return data


class ApplyForm(SpanForm):
    code = forms.UUIDField(error_messages={"required": "Choose a code.", "invalid": "Choose a code."})


class ResizeForm(SpanForm):
    coding = forms.IntegerField(min_value=1, max_value=MOST_ID)


class CodingForm(StudyForm):
    coding = forms.IntegerField(min_value=1, max_value=MOST_ID)


class RecodeForm(CodingForm):
    code = forms.UUIDField()


class MemoOnSpanForm(SpanForm):
    body = forms.CharField(max_length=10_000, strip=True)


class MemoForm(forms.Form):
    body = forms.CharField(label="Memo", max_length=10_000, widget=forms.Textarea(attrs={"rows": 8}))


class CodeForm(StudyForm):
    """Name and meaning of a code."""

    name = forms.CharField(max_length=120)
    definition = forms.CharField(
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="When to use it, and when not. Coders see this while they choose.",
    )
    parent = CodeChoice(queryset=Code.objects.none(), required=False, label="Under")
    colour = forms.TypedChoiceField(
        coerce=int,
        choices=[(n, swatch.name.capitalize()) for n, swatch in enumerate(SWATCHES)],
        required=False,
    )
    is_codable = forms.BooleanField(required=False, label="Can be applied to text", initial=True)
    reason = forms.CharField(
        max_length=200,
        required=False,
        label="Reason for the change",
        help_text="Kept with the codebook’s history.",
    )

    def __init__(self, *args: Any, is_new: bool = True, **kwargs: Any) -> None:
        self.is_new = is_new
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        if not self.is_new:
            del self.fields["parent"]
            return
        del self.fields["reason"]
        del self.fields["colour"]
        parents = Code.objects.in_use().of(self.study).filter(level__lt=Level.CODE)
        self.fields["parent"].queryset = parents
        nodes = [node for node in frames.tree(self.study) if node.code.level < Level.CODE]
        order_choices(self.fields["parent"], nodes, "The top: a new theme")


class MoveForm(StudyForm):
    parent = CodeChoice(queryset=Code.objects.none(), required=False, label="Under")
    position = forms.IntegerField(
        min_value=1, required=False, label="Place", help_text="1 is first; empty puts it last."
    )

    def prepare(self) -> None:
        self.fields["parent"].queryset = Code.objects.in_use().of(self.study).filter(level__lt=Level.CODE)
        nodes = [node for node in frames.tree(self.study) if node.code.level < Level.CODE]
        order_choices(self.fields["parent"], nodes, "The top: a theme")


class MergeForm(StudyForm):
    into = CodeChoice(queryset=Code.objects.none(), label="Merge into")

    def prepare(self) -> None:
        self.fields["into"].queryset = codes_in_tree(self)
        order_choices(self.fields["into"], frames.tree(self.study), "")


class MatrixForm(StudyForm):
    theme = CodeChoice(queryset=Code.objects.none())

    def prepare(self) -> None:
        themes = Code.objects.in_use().of(self.study).filter(level=Level.THEME, matrix__isnull=True)
        self.fields["theme"].queryset = themes


class WaveChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic for the checker only
    def label_from_instance(self, wave: Any) -> str:
        return f"{wave.site.name}, {wave.phase.name}"


class CaseForm(StudyForm):
    """One row: choose exactly one of participant, group and site."""

    participant = forms.ModelChoiceField(
        queryset=Participant.objects.none(), required=False, empty_label="None"
    )
    document = forms.ModelChoiceField(
        queryset=Document.objects.none(),
        required=False,
        empty_label="None",
        label="Focus group or observation",
    )
    site = forms.ModelChoiceField(
        queryset=Site.objects.none(), required=False, empty_label="None", label="Site as a whole"
    )
    wave = WaveChoice(
        queryset=Wave.objects.none(), required=False, empty_label="All phases in one row", label="Phase"
    )

    def prepare(self) -> None:
        def choose(name: str, rows: Any) -> None:
            self.fields[name].queryset = rows

        choose(
            "participant", Participant.objects.visible_to(self.user).filter(evaluation=self.study).active()
        )
        groups = Document.objects.cleared_for(self.user).filter(evaluation=self.study)
        choose("document", groups.exclude(kind=DocumentKind.INTERVIEW))
        choose("site", Site.objects.visible_to(self.user).filter(evaluation=self.study))
        choose(
            "wave",
            Wave.objects.visible_to(self.user)
            .filter(site__evaluation=self.study)
            .select_related("site", "phase"),
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if sum(bool(data.get(name)) for name in ("participant", "document", "site")) != 1:
            raise forms.ValidationError("Choose a participant, a group or a site: exactly one.")
        return data


class RunsField(forms.CharField):
    """A JSON list of runs, as the editor sends it; checked by `coding.runs`."""

    def to_python(self, value: Any) -> Any:
        try:
            return json.loads(value) if value else []
        except (ValueError, RecursionError):
            raise forms.ValidationError(
                "The text of the cell was damaged on its way. Nothing was saved."
            ) from None


class CellForm(StudyForm):
    """A cell as a script sends it: `runs` as JSON."""

    runs = RunsField(required=False, max_length=200_000)
    state = forms.ChoiceField(choices=CellState.choices)
    expected_version = forms.IntegerField(min_value=0, max_value=MOST_POINTS)
    read_at = forms.DateTimeField(required=False)


class PlainCellForm(StudyForm):
    """A cell without scripts: one field per run, and one to add. Emptying a field removes its run."""

    state = forms.ChoiceField(choices=CellState.choices)
    expected_version = forms.IntegerField(min_value=0, max_value=MOST_POINTS, widget=forms.HiddenInput)
    read_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def runs_from(self, sent: Any) -> list[dict[str, Any]]:
        """The runs of the numbered fields kind-N, text-N, quote-N, bold-N, italic-N."""
        found: list[dict[str, Any]] = []
        for number in range(400):
            kind = sent.get(f"kind-{number}")
            if kind is None:
                break
            run: dict[str, Any] = {"kind": kind}
            if kind == "verbatim":
                if sent.get(f"keep-{number}") != "on":
                    continue
                run["quote"] = sent.get(f"quote-{number}", "")
            else:
                run["text"] = sent.get(f"text-{number}", "")
            for style in ("bold", "italic"):
                if sent.get(f"{style}-{number}") == "on":
                    run[style] = True
            found.append(run)
        return found


class QuoteForm(StudyForm):
    """A passage to quote: a coding, or a span of a version."""

    coding = forms.IntegerField(min_value=1, max_value=MOST_ID, required=False)
    version = forms.UUIDField(required=False)
    start = forms.IntegerField(min_value=0, max_value=MOST_POINTS, required=False)
    end = forms.IntegerField(min_value=1, max_value=MOST_POINTS, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("coding") and not (data.get("version") and data.get("end")):
            raise forms.ValidationError("Choose a passage to quote.")
        return data


class ExportForm(StudyForm):
    FORMATS = (("xlsx", "Excel workbook"), ("docx", "Word document"))
    file_format = forms.ChoiceField(choices=FORMATS, label="Format")
    purpose = forms.CharField(max_length=200, help_text="What it is for; kept in the register of releases.")
    recipients = forms.CharField(
        max_length=500, required=False, help_text="Who will have it, separated by commas."
    )

    def only_spreadsheet(self) -> None:
        """For a matrix, which has no form for reading yet."""
        self.fields["file_format"] = forms.ChoiceField(choices=self.FORMATS[:1], label="Format")


class CaseFilter(forms.Form):
    """Which rows of a matrix to show."""

    site = forms.CharField(required=False)
    kind = forms.ChoiceField(
        choices=[("", "Every kind"), *Case._meta.get_field("kind").flatchoices], required=False
    )
    show = forms.ChoiceField(choices=[("", "All cells"), ("stale", "With new evidence")], required=False)
