"""Forms of the surveys room. Choices are those of the study and of the sites the person may edit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet

from ipe import roles
from ipe.forms import CheckedFileField, StudyForm
from ipe.models import Indicator, Wave
from ipe.words import Method, OutputClass, ThresholdScope, Unit
from releases.models import FileFormat

from .mapping import ItemPart, LabelledPart, MappingPart, checked
from .models import BaseRule, IndicatorRule, Instrument, Intake, ItemKind, Mapping
from .questionnaire import folded
from .readers.reading import KINDS
from .readers.sheet import Sheet
from .returns import FigureGiven, problem_of

MOST_VALUES = 12


def _offer(form: forms.Form, name: str, rows: QuerySet[Any]) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = rows


def _choose(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


class WaveField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable at run time
    def label_from_instance(self, obj: Wave) -> str:
        return f"{obj.site.name}, {obj.phase.name}"


class IntakeForm(StudyForm):
    """Choose a file, the instrument it answers and the wave it belongs to."""

    instrument = forms.ModelChoiceField(queryset=Instrument.objects.none(), empty_label=None)
    wave = WaveField(queryset=Wave.objects.none(), label="Site and phase")
    file = CheckedFileField(kinds=KINDS, label="File of answers")
    mapping = forms.ModelChoiceField(
        queryset=Mapping.objects.none(),
        required=False,
        empty_label="Suggest one from the headings",
        label="Mapping",
        help_text="A mapping used before says which column is which question.",
    )
    eligible = forms.IntegerField(required=False, min_value=1, label="Number of people asked")
    eligible_source = forms.CharField(
        required=False,
        max_length=200,
        label="Where that number comes from",
        help_text="Such as: staff list of 3 May.",
    )

    def prepare(self) -> None:
        surveys = Instrument.objects.visible_to(self.user).filter(evaluation=self.study, method=Method.SURVEY)
        _offer(self, "instrument", surveys)
        waves = Wave.objects.visible_to(self.user).filter(site__evaluation=self.study, is_planned=True)
        reached = roles.sites_for(self.user, "intake.edit", self.study)
        if reached is not None:
            waves = waves.filter(site__in=reached)
        _offer(self, "wave", waves.select_related("site", "phase"))
        _offer(self, "mapping", Mapping.objects.newest().filter(instrument__in=surveys))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("eligible") and not given.get("eligible_source"):
            self.add_error("eligible_source", "Say where the number of people asked comes from.")
        if given.get("mapping") and given.get("instrument") != given["mapping"].instrument:
            self.add_error("mapping", "This mapping is for another instrument.")
        return given


@dataclass(frozen=True)
class ItemLine:
    """One item in the mapping form: its fields, and the values that stand in the column chosen for it."""

    code: str
    wording: str
    has_values: bool
    column: forms.BoundField
    values: forms.BoundField | None
    not_applicable: forms.BoundField | None
    reverse: forms.BoundField | None
    codes: forms.BoundField | None
    seen: tuple[str, ...]
    is_numeric: bool


RESPONDENT_FIELDS = (
    ("response_id", "Response id", "Finds responses that stand twice."),
    ("role", "Role", ""),
    ("teams", "Team or teams", ""),
    ("tenure", "Time in the team", ""),
    ("link", "Linking code", "Made up by the person, to pair their answers over waves. Kept as a code only."),
    ("participant", "Participant code", "For linked surveys only, such as P-014."),
)


class MappingForm(StudyForm):
    """Which column is which item. Made for one sheet and one instrument, prefilled from a suggestion."""

    name = forms.CharField(max_length=120, label="Name of this mapping")
    keep_unfinished = forms.BooleanField(required=False, label="Keep unfinished responses")

    def __init__(
        self,
        *args: Any,
        sheet: Sheet,
        instrument: Instrument,
        suggested: MappingPart,
        team_names: Collection[str] = (),
        **kwargs: Any,
    ) -> None:
        self.sheet, self.instrument, self.suggested = sheet, instrument, suggested
        self.team_names = team_names
        self.items = list(instrument.items.select_related("scale").prefetch_related("scale__points"))
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        columns = [("", "– not in this file –")]
        columns += [(str(at), self._column_label(at)) for at in range(len(self.sheet.columns))]
        self.fields["name"].initial = self.suggested.name
        self.fields["keep_unfinished"].initial = self.suggested.keep_unfinished
        for name, label, words in RESPONDENT_FIELDS:
            if name == "participant" and not self.instrument.is_linked:
                continue
            part = getattr(self.suggested.respondent, name)
            self.fields[f"who_{name}"] = forms.ChoiceField(
                choices=columns, required=False, label=label, help_text=words, initial=self._at(part)
            )
            if name in ("role", "teams"):
                self.fields[f"meaning_{name}"] = forms.CharField(
                    required=False,
                    widget=forms.Textarea(attrs={"rows": 3}),
                    label=f"What the values of {label.lower()} mean",
                    help_text=self._meaning_help(name, part),
                    initial="\n".join(f"{value} = {meant}" for value, meant in part.values.items())
                    if part
                    else "",
                )
        self.fields["team_separator"] = forms.CharField(
            max_length=3,
            required=False,
            label="What parts several teams",
            initial=(self.suggested.respondent.teams or LabelledPart(column="-")).separator,
        )
        for item in self.items:
            part = self.suggested.items.get(item.code) or ItemPart(column="-")
            label = f"Column of {item.code}"
            self.fields[f"column_{item.code}"] = forms.ChoiceField(
                choices=columns, required=False, label=label, initial=self._at(part)
            )
            if item.scale is None:
                continue
            self.fields[f"values_{item.code}"] = forms.CharField(
                required=False,
                widget=forms.Textarea(attrs={"rows": 3}),
                label=f"Values of {item.code}",
                initial="\n".join(f"{value} = {point}" for value, point in part.values.items()),
            )
            self.fields[f"na_{item.code}"] = forms.CharField(
                required=False,
                label=f"Not applicable in {item.code}",
                initial="; ".join(part.not_applicable),
            )
            self.fields[f"reverse_{item.code}"] = forms.BooleanField(
                required=False, label=f"{item.code} runs the other way round", initial=part.reverse
            )
            self.fields[f"codes_{item.code}"] = forms.BooleanField(
                required=False,
                label=f"Numbers of {item.code} are the scale’s codes",
                initial=part.numbers_are_codes,
            )

    def _meaning_help(self, name: str, part: LabelledPart | None) -> str:
        """The values that have no meaning yet, where the column is known and they are few."""
        words = "One a line, as: value in the file = its name here. Only for values that differ."
        at = self._at(part)
        if not at:
            return words
        known = {folded(role) for role in self.instrument.roles} if name == "role" else set(self.team_names)
        named = {folded(value) for value in part.values} if part else set()
        if not known:
            return words
        separator = part.separator if part else ""
        strange = [
            value
            for value in self._seen(int(at))
            if not {folded(v.strip()) for v in (value.split(separator) if separator else [value])}
            <= known | named
        ]
        return f"{words} Not understood so far: {' · '.join(strange)}." if strange else words

    def _column_label(self, at: int) -> str:
        column = self.sheet.columns[at]
        text = f" · {column.text[:70]}" if column.text and column.text != column.name else ""
        return f"{column.label[:70]}{text}"

    def _at(self, part: Any) -> str:
        if part is None:
            return ""
        found = self.sheet.find(import_id=part.import_id, column=part.column)
        return str(found[0]) if found else ""

    def lines(self) -> Iterator[ItemLine]:
        for item in self.items:
            column = self[f"column_{item.code}"]
            at = column.value()
            seen = self._seen(int(at)) if item.scale is not None and at not in (None, "") else ()
            yield ItemLine(
                code=item.code,
                wording=item.wording,
                has_values=item.scale is not None,
                column=column,
                values=self[f"values_{item.code}"] if item.scale else None,
                not_applicable=self[f"na_{item.code}"] if item.scale else None,
                reverse=self[f"reverse_{item.code}"] if item.scale else None,
                codes=self[f"codes_{item.code}"] if item.scale else None,
                seen=seen,
                is_numeric=bool(seen) and all(value.lstrip("-").isdigit() for value in seen),
            )

    def _seen(self, at: int) -> tuple[str, ...]:
        """The different values of a column, where they are few: many would be free text, which is not
        shown.
        """
        values = (
            {line.cells[at] for line in self.sheet.lines if line.cells[at]}
            if at < len(self.sheet.columns)
            else set()
        )
        return tuple(sorted(values)) if len(values) <= MOST_VALUES else ()

    def respondent_fields(self) -> Iterator[forms.BoundField]:
        for name, _, _ in RESPONDENT_FIELDS:
            if f"who_{name}" in self.fields:
                yield self[f"who_{name}"]
            if f"meaning_{name}" in self.fields:
                yield self[f"meaning_{name}"]
        yield self["team_separator"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        taken: dict[str, str] = {}
        for name in [n for n in self.fields if n.startswith(("column_", "who_"))]:
            at = given.get(name)
            if at and at in taken:
                self.add_error(name, f"This column is already used for {self.fields[taken[at]].label}.")
            elif at:
                taken[at] = name
        if not any(name.startswith("column_") for name in taken.values()):
            raise forms.ValidationError("Say for at least one question in which column its answers stand.")
        for name in [n for n in self.fields if n.startswith(("values_", "meaning_"))]:
            if any("=" not in line for line in _lines(given.get(name, ""))):
                self.add_error(name, "Write one value a line, as: value = what it means.")
        return given

    def part(self) -> MappingPart:
        """The mapping as filled in; columns that stand for nothing are left out by name."""
        given = self.cleaned_data
        used: set[int] = set()

        def place(name: str) -> dict[str, str] | None:
            if not given.get(name):
                return None
            at = int(given[name])
            used.add(at)
            column = self.sheet.columns[at]
            where = {"import_id": column.import_id} if column.import_id else {"column": column.name}
            return where | ({"text": column.text} if column.text and column.text != column.name else {})

        respondent = {}
        for name, _, _ in RESPONDENT_FIELDS:
            found = place(f"who_{name}")
            if found is None:
                continue
            held = getattr(self.suggested.respondent, name)
            more: dict[str, Any] = {"values": dict(held.values)} if isinstance(held, LabelledPart) else {}
            if f"meaning_{name}" in self.fields:
                more["values"] = _pairs(given[f"meaning_{name}"])
            if name == "teams":
                more["separator"] = given["team_separator"]
            respondent[name] = found | more
        items = {}
        for item in self.items:
            found = place(f"column_{item.code}")
            if found is None:
                continue
            held = self.suggested.items.get(item.code)
            more = {"blank": list(held.blank) if held else []}
            if item.scale is not None:
                more |= {
                    "values": _pairs(given[f"values_{item.code}"]),
                    "not_applicable": [v.strip() for v in given[f"na_{item.code}"].split(";") if v.strip()],
                    "reverse": given[f"reverse_{item.code}"],
                    "numbers_are_codes": given[f"codes_{item.code}"],
                    "dont_know": list(held.dont_know) if held else [],
                    "separator": held.separator if held else "",
                }
                if item.kind == ItemKind.SEVERAL_CHOICES and not more["separator"]:
                    more["separator"] = self._separator(int(given[f"column_{item.code}"]))
            items[item.code] = found | more
        ignore = [c.import_id or c.name for at, c in enumerate(self.sheet.columns) if at not in used]
        return checked(
            {
                "mapping": 1,
                "name": given["name"],
                "instrument": self.instrument.name,
                "keep_unfinished": given["keep_unfinished"],
                "keep_previews": self.suggested.keep_previews,
                "respondent": respondent,
                "items": items,
                "ignore": ignore,
            }
        )

    def _separator(self, at: int) -> str:
        text = "".join(line.cells[at] for line in self.sheet.lines[:500])
        return ";" if ";" in text else ","


def _pairs(text: str) -> dict[str, str]:
    """Lines of "value = meaning"; the last equals sign parts them, because a value may hold one."""
    parted = (line.rpartition("=") for line in _lines(text))
    return {value.strip(): meaning.strip() for value, _, meaning in parted}


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


class ConfirmIntakeForm(StudyForm):
    """Store what the preview showed."""

    replace = forms.BooleanField(required=False, label="Replace the answers that are stored for this wave")
    eligible = forms.IntegerField(required=False, min_value=1, label="Number of people asked")
    eligible_source = forms.CharField(required=False, max_length=200, label="Where that number comes from")

    def __init__(self, *args: Any, intake: Intake, is_replacing: bool, **kwargs: Any) -> None:
        self.intake, self.is_replacing = intake, is_replacing
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        if not self.is_replacing:
            del self.fields["replace"]
        self.fields["eligible"].initial = self.intake.eligible
        self.fields["eligible_source"].initial = self.intake.eligible_source

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("eligible") and not given.get("eligible_source"):
            self.add_error("eligible_source", "Say where the number of people asked comes from.")
        return given


class RuleForm(StudyForm):
    """Change how an indicator is read."""

    counted = forms.MultipleChoiceField(label="Answers that count", widget=forms.CheckboxSelectMultiple)
    base_rule = forms.ModelChoiceField(
        queryset=BaseRule.objects.none(), required=False, label="Base", empty_label="All who answered"
    )
    combine = forms.ChoiceField(choices=IndicatorRule.Combine.choices, label="Several items")
    reason = forms.CharField(
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Why",
        help_text="Shown with the indicator.",
    )

    def __init__(self, *args: Any, rule: IndicatorRule, **kwargs: Any) -> None:
        self.rule = rule
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        scales = {
            item.scale for item in self.rule.items.select_related("scale").prefetch_related("scale__points")
        }
        self.points = {str(p.pk): p for scale in scales if scale for p in scale.points.all()}
        _choose(self, "counted", [(pk, point.label) for pk, point in self.points.items()])
        self.fields["counted"].initial = [str(point.pk) for point in self.rule.counted.all()]
        _offer(self, "base_rule", self.rule.instrument.base_rules.all())
        self.fields["base_rule"].initial = self.rule.base_rule
        self.fields["combine"].initial = self.rule.combine

    def chosen_points(self) -> list[Any]:
        return [self.points[pk] for pk in self.cleaned_data["counted"]]


@dataclass(frozen=True)
class ReturnLine:
    """One figure to enter. Fields that its unit does not have are None."""

    indicator: Indicator
    role: str
    team: str
    is_first: bool
    numerator: forms.BoundField | None
    base: forms.BoundField | None
    value: forms.BoundField | None
    answer: forms.BoundField | None


class ReturnForm(StudyForm):
    """The administrative return of one wave: every indicator read from administrative data, by role and
    team where its threshold or its rule names them.
    """

    source = forms.CharField(max_length=200, label="Where the figures come from")
    as_of_on = forms.DateField(
        required=False, label="Figures as of", widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, wave: Wave, current: Any = None, **kwargs: Any) -> None:
        self.wave, self.current = wave, current
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        if self.current is not None:
            self.fields["source"].initial = self.current.source
            self.fields["as_of_on"].initial = self.current.as_of_on
        held = {}
        if self.current is not None:
            for value in self.current.values.select_related("indicator", "team"):
                held[value.indicator_id, value.role, value.team.code if value.team else ""] = value
        self.places: list[tuple[str, Indicator, str, str]] = []
        rows = Indicator.objects.filter(evaluation=self.study).prefetch_related("rules__items", "thresholds")
        teams = list(self.wave.site.teams.order_by("code").values_list("code", flat=True))
        for indicator in rows:
            if Method.ADMIN_DATA not in indicator.methods or indicator.unit == Unit.TEXT:
                continue
            names = _roles_of(indicator)
            scopes = [("", "")]
            scopes += [(role, "") for role in names]
            if (
                indicator.unit == Unit.FTE
            ):  # posts are counted team by team: a mean would hide a team without anybody
                scopes += [(role, team) for role in names for team in teams]
            if any(threshold.scope == ThresholdScope.EACH_TEAM for threshold in indicator.thresholds.all()):
                scopes += [("", team) for team in teams]
            scopes += [(r, t) for i, r, t in held if i == indicator.pk and (r, t) not in scopes]
            for role, team in scopes:
                self._add(indicator, role, team, held.get((indicator.pk, role, team)))

    def _add(self, indicator: Indicator, role: str, team: str, held: Any) -> None:
        prefix = f"f{len(self.places)}"
        self.places.append((prefix, indicator, role, team))
        words = ", ".join(part for part in (indicator.code, role, team) if part)
        if indicator.unit == Unit.YES_NO:
            self.fields[f"{prefix}_answer"] = forms.ChoiceField(
                choices=[("", "–"), ("yes", "Yes"), ("no", "No")], required=False, label=f"{words}: yes or no"
            )
            if held is not None and held.is_yes is not None:
                self.fields[f"{prefix}_answer"].initial = "yes" if held.is_yes else "no"
            return
        names = ["value"]
        if indicator.unit in (Unit.PERCENT, Unit.RATE):
            names = ["numerator", "base", "value"]
        labels = {"numerator": "number", "base": "out of", "value": str(Unit(indicator.unit).label)}
        for name in names:
            initial = getattr(held, name, None)
            self.fields[f"{prefix}_{name}"] = forms.DecimalField(
                required=False,
                min_value=Decimal(0),
                max_digits=12,
                decimal_places=4,
                label=f"{words}: {labels[name]}",
                initial=None if initial is None else initial.normalize(),
            )

    def lines(self) -> Iterator[ReturnLine]:
        last = None
        for prefix, indicator, role, team in self.places:
            bound = {
                name: self[f"{prefix}_{name}"] if f"{prefix}_{name}" in self.fields else None
                for name in ("numerator", "base", "value", "answer")
            }
            yield ReturnLine(indicator, role, team, indicator != last, **bound)
            last = indicator

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        self.figures: list[FigureGiven] = []
        for prefix, indicator, role, team in self.places:
            answer = given.get(f"{prefix}_answer", "")
            figure = FigureGiven(
                indicator=indicator.code,
                role=role,
                team=team,
                numerator=given.get(f"{prefix}_numerator"),
                base=given.get(f"{prefix}_base"),
                value=given.get(f"{prefix}_value"),
                is_yes=None if not answer else answer == "yes",
            )
            if all(v is None for v in (figure.numerator, figure.base, figure.value, figure.is_yes)):
                continue
            if problem := problem_of(figure, indicator.unit):
                first = next(n for n in ("numerator", "value", "answer") if f"{prefix}_{n}" in self.fields)
                self.add_error(f"{prefix}_{first}", f"{indicator.code}: {problem}")
            self.figures.append(figure)
        return given


def _roles_of(indicator: Indicator) -> list[str]:
    found: list[str] = []
    for rule in indicator.rules.all():
        if not rule.items.all():
            found += [role for role in rule.roles if folded(role) not in {folded(name) for name in found}]
    return found


FORMATS = [
    (FileFormat.XLSX.value, "Excel workbook"),
    (FileFormat.CSV_PLAIN.value, "CSV for statistics programs"),
    (FileFormat.CSV_GUARDED.value, "CSV for spreadsheets"),
    (FileFormat.PDF.value, "PDF"),
]


class ExportForm(StudyForm):
    """What every release asks: the format, why, and who gets it."""

    file_format = forms.ChoiceField(
        choices=FORMATS,
        label="Format",
    )
    output_class = forms.ChoiceField(choices=OutputClass.choices, label="Class of output", required=False)
    purpose = forms.CharField(max_length=500, label="What it is for")
    recipients = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Who gets it",
        help_text="One a line. Kept encrypted; needed if the release is ever recalled.",
    )
    site = forms.CharField(required=False, widget=forms.HiddenInput)
    phase = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, classes: list[str] | None = None, has_chart: bool = False, **kwargs: Any
    ) -> None:
        self.classes, self.has_chart = classes, has_chart
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        if self.classes is None or len(self.classes) < 2:
            del self.fields["output_class"]
        else:
            _choose(self, "output_class", [(c, str(OutputClass(c).label)) for c in self.classes])
        if self.has_chart:
            _choose(self, "file_format", [*FORMATS, ("chart", "PDF with a chart")])

    def recipients_given(self) -> list[str]:
        return _lines(self.cleaned_data["recipients"])
