"""Brings a study's rows up to a protocol file, section by section, inside the transaction of the import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models

from ipe import rooms
from ipe.errors import Conflict, Invalid
from ipe.models import (
    ContextEvent,
    Evaluation,
    Indicator,
    Phase,
    ResearchQuestion,
    Site,
    Team,
    Threshold,
    ThresholdChange,
    Wave,
)
from ipe.protocol.canonical import canonical, event_key, single
from ipe.protocol.checks import every_question
from ipe.protocol.problems import Path, Problem, ProtocolRefused, line_of
from ipe.protocol.reading import Protocol
from ipe.protocol.report import Report
from ipe.protocol.schema import (
    NOT_PLANNED,
    EvaluationPart,
    IndicatorPart,
    QuestionPart,
    SitePart,
    ThresholdPart,
    WaveDates,
)
from ipe.protocol.stored import indicators_of, phases_of, questions_of, read_design, threshold_part
from ipe.study import THRESHOLD_FIELDS, effects_of_removing

RowT = TypeVar("RowT", Phase, ResearchQuestion, Site, Team)


def clean(row: models.Model, label: str) -> None:
    """The models' own rules, in words; what passed the schema is not expected to fail here."""
    try:
        row.full_clean()
    except ValidationError as error:
        raise ProtocolRefused([Problem(0, label, " ".join(error.messages))]) from None


class Writer:
    """Brings a study's design up to a file and counts; what may not be done is kept as problems."""

    def __init__(self, study: Evaluation, protocol: Protocol, report: Report) -> None:
        self.study, self.report = study, report
        self.given, self.source = protocol.design, protocol.source
        self.stored = read_design(study)
        self.whole = canonical(self.given.with_gaps_from(self.stored))
        self.problems: list[Problem] = []
        # Rows that something else may still point to go last: (path in the file, row, its label).
        self.leaving: list[tuple[Path, models.Model, str]] = []
        self.counted: set[object] = set()

    def write(self) -> None:
        self._evaluation()
        if self.given.research_questions is not None:
            self._questions()
        if self.given.phases is not None:
            self._phases()
        if self.given.sites is not None:
            self._sites()
        if self.given.waves is not None or self.given.sites is not None or self.given.phases is not None:
            self._waves()
        if self.given.context_events is not None:
            self._events()
        if self.given.indicators is not None:
            self._indicators()

    def finish(self) -> list[Problem]:
        """Remove what the file no longer names, once the rooms' sections have let go of it."""
        for path, row, label in self.leaving:
            self._remove(path, row, label)
        return self.problems

    def _problem(self, path: Path, message: str) -> None:
        place = " › ".join(str(part) for part in path if not isinstance(part, int))
        self.problems.append(Problem(line_of(self.source.lines, path), place, message))

    def _put(self, row: models.Model, values: Mapping[str, Any], label: str, *, is_new: bool) -> None:
        """Set values on a row, and save and count it when it is new or anything is different."""
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        for name in changed:
            setattr(row, name, values[name])
        if is_new or changed:
            clean(row, label)
            row.save(force_insert=is_new)
            self._count(row, label, is_new=is_new)

    def _count(self, row: models.Model, label: str, *, is_new: bool = False) -> None:
        """Each row counts once, however many of its parts change."""
        if row.pk not in self.counted:
            self.counted.add(row.pk)
            self.report.count(label, added=int(is_new), changed=int(not is_new))

    def _synced(
        self,
        wanted: Iterable[tuple[str, Mapping[str, Any]]],
        present: Mapping[str, RowT],
        make: Callable[[str], RowT],
        *,
        label: str,
        path: Path,
    ) -> dict[str, RowT]:
        """Add and change by code, and mark for removal what the file does not name."""
        rows: dict[str, RowT] = {}
        for code, values in wanted:
            is_new = code not in present
            rows[code] = make(code) if is_new else present[code]
            self._put(rows[code], values, label, is_new=is_new)
        self.leaving += [(path, row, label) for code, row in present.items() if code not in rows]
        return rows

    def _remove(self, path: Path, row: models.Model, label: str) -> None:
        try:
            effects_of_removing(row)
        except Conflict as error:
            name = getattr(row, "code", "") or str(row)
            self._problem(path, f"“{name}” is not in the file. {error.message}")
            return
        row.delete()
        self.report.count(label, removed=1)

    @staticmethod
    def _order(wanted: Sequence[Any], stored: Sequence[Any], present: Iterable[Any]) -> list[int]:
        """Each row's place. Rows that already stand in this order keep their numbers, whatever those are."""
        return [row.order for row in present] if list(wanted) == list(stored) else list(range(len(wanted)))

    def _evaluation(self) -> None:
        values = {name: getattr(self.whole.evaluation, name) for name in EvaluationPart.model_fields}
        if self.report.is_new:
            self._count(self.study, "study", is_new=True)
        self._put(self.study, values, "study", is_new=False)

    def _questions(self) -> None:
        wanted = list(_parents(self.whole.research_questions or []))
        stored = list(_parents(self.stored.research_questions or []))
        texts = {one.code: one.text for _, one in every_question(self.whole.research_questions or [])}
        present = {row.code: row for row in questions_of(self.study)}
        order = self._order(wanted, stored, (present[code] for code, _ in wanted))
        rows = self._synced(
            [(code, {"text": texts[code], "order": at}) for at, (code, _) in zip(order, wanted, strict=True)],
            present,
            lambda code: ResearchQuestion(evaluation=self.study, code=code),
            label="research questions",
            path=("research_questions",),
        )
        for code, parent in wanted:
            self._put_parent(rows[code], rows.get(parent or ""), "research questions")
        self._unhook(row for _, row, _ in self.leaving if isinstance(row, ResearchQuestion))

    def _put_parent(self, row: Team | ResearchQuestion, parent: Any, label: str) -> None:
        """Parents are set once every row exists."""
        if row.parent_id != (parent.pk if parent else None):
            row.parent = parent
            row.save(update_fields=["parent"])
            self._count(row, label)

    def _unhook(self, rows: Iterable[Team | ResearchQuestion]) -> None:
        """Rows that go let go of their parents, which may go with them: the key protects a parent."""
        for row in rows:
            row.parent = None
            row.save(update_fields=["parent"])

    def _phases(self) -> None:
        phases = self.whole.phases or []
        codes = [one.code for one in phases]
        present = {row.code: row for row in phases_of(self.study)}
        stored = [one.code for one in self.stored.phases or []]
        order = self._order(codes, stored, (present[code] for code in codes))
        self._synced(
            [
                (one.code, {"name": one.name, "offset_months": one.offset_months, "order": at})
                for at, one in zip(order, phases, strict=True)
            ],
            present,
            lambda code: Phase(evaluation=self.study, code=code),
            label="phases",
            path=("phases",),
        )

    def _sites(self) -> None:
        own = ("name", "readiness", "live_planned_on", "live_actual_on", "live_analysis_on")
        sites = self.whole.sites or []
        codes = [one.code for one in sites]
        present = {row.code: row for row in self.study.sites.prefetch_related("teams")}
        stored = [one.code for one in self.stored.sites or []]
        order = self._order(codes, stored, (present[code] for code in codes))
        rows = self._synced(
            [
                (one.code, {**{name: getattr(one, name) for name in own}, "order": at})
                for at, one in zip(order, sites, strict=True)
            ],
            present,
            lambda code: Site(evaluation=self.study, code=code),
            label="sites",
            path=("sites",),
        )
        gone = [row for code, row in present.items() if code not in rows]
        self._unhook(Team.objects.filter(site__in=gone, parent__isnull=False))
        for at, part in enumerate(self.given.sites or []):
            self._teams(rows[part.code], part, ("sites", at))

    def _teams(self, site: Site, part: SitePart, path: Path) -> None:
        present = {row.code: row for row in site.teams.all()}
        kept = {team.code for team in part.teams}
        self._unhook(row for code, row in present.items() if code not in kept)
        rows = self._synced(
            [(team.code, {"name": team.name}) for team in part.teams],
            present,
            lambda code: Team(site=site, code=code),
            label="teams",
            path=path,
        )
        for team in part.teams:
            self._put_parent(rows[team.code], rows.get(team.parent or ""), "teams")

    def _waves(self) -> None:
        sites = {row.code: row for row in self.study.sites.all()}
        phases = {row.code: row for row in phases_of(self.study)}
        present = {
            (row.site.code, row.phase.code): row
            for row in Wave.objects.filter(site__evaluation=self.study).select_related("site", "phase")
        }
        for site_code, waves in (self.whole.waves or {}).items():
            for phase_code, part in waves.items():
                row = present.get((site_code, phase_code))
                values = {
                    "is_planned": part != NOT_PLANNED,
                    "starts_on": part.starts_on if isinstance(part, WaveDates) else None,
                    "ends_on": part.ends_on if isinstance(part, WaveDates) else None,
                }
                if (
                    row is not None
                    and row.is_planned
                    and part == NOT_PLANNED
                    and (found := rooms.evidence(row))
                ):
                    listed = ", ".join(f"{n} {label}" for label, n in sorted(found.items()))
                    told = (
                        f"This phase cannot become “not planned”, because something stands on it: {listed}."
                    )
                    self._problem(("waves", site_code, phase_code), told)
                    continue
                is_new = row is None
                wave = Wave(site=sites[site_code], phase=phases[phase_code]) if row is None else row
                self._put(wave, values, "waves", is_new=is_new)

    def _events(self) -> None:
        sites = {row.code: row for row in self.study.sites.all()}
        present: dict[tuple[str, str, str], ContextEvent] = {
            (row.happened_on.isoformat(), row.title, row.site.code if row.site else ""): row
            for row in self.study.context_events.select_related("site")
        }
        kept = set()
        for part in self.whole.context_events or []:
            key = event_key(part)
            kept.add(key)
            row = present.get(key) or ContextEvent(
                evaluation=self.study,
                site=sites[part.site] if part.site else None,
                happened_on=part.happened_on,
                title=part.title,
            )
            self._put(row, {"kind": part.kind}, "context events", is_new=key not in present)
        gone = [row for key, row in present.items() if key not in kept]
        self.leaving += [(("context_events",), row, "context events") for row in gone]

    def _indicators(self) -> None:
        questions = {row.code: row for row in questions_of(self.study)}
        phases = {row.code: row for row in phases_of(self.study)}
        own = ("title", "heading", "unit", "output_class", "note")
        present = {row.code: row for row in indicators_of(self.study)}
        places = {one.code: ("indicators", at) for at, one in enumerate(self.given.indicators or [])}
        parts = self.whole.indicators or []
        codes, stored = [one.code for one in parts], [one.code for one in self.stored.indicators or []]
        order = self._order(codes, stored, (present[code] for code in codes))
        for at, part in zip(order, parts, strict=True):
            path: Path = places[part.code]
            row = present.get(part.code)
            is_new = row is None
            indicator = Indicator(evaluation=self.study, code=part.code) if row is None else row
            if row is not None and row.unit != part.unit and rooms.evidence(row):
                self._problem(
                    (*path, "unit"), f"The unit of “{part.code}” cannot change: data have arrived for it."
                )
                continue
            values: dict[str, Any] = {name: getattr(part, name) for name in own}
            values["unit"], values["output_class"] = part.unit.value, part.output_class.value
            values["question_id"] = questions[part.question].pk if part.question else None
            values["methods"] = [method.value for method in part.methods]
            values["order"] = at
            self._put(indicator, values, "indicators", is_new=is_new)
            wanted = {phases[code] for code in part.phases}
            if is_new or wanted != set(indicator.phases.all()):
                indicator.phases.set(wanted)
                self._count(indicator, "indicators")
            self._thresholds(indicator, part, phases, path, is_new=is_new)
        # Indicators go before the questions and phases that they name.
        gone = [row for code, row in present.items() if code not in places]
        self.leaving[:0] = [(("indicators",), row, "indicators") for row in gone]

    def _thresholds(
        self,
        indicator: Indicator,
        part: IndicatorPart,
        phases: Mapping[str, Phase],
        path: Path,
        *,
        is_new: bool,
    ) -> None:
        present = {} if is_new else {(row.phase.code, row.scope): row for row in indicator.thresholds.all()}
        kept = set()
        for one in single(part.thresholds):
            key = (one.phases[0], one.scope.value)
            kept.add(key)
            row = present.get(key)
            if row is not None and threshold_part(row) == one:
                continue
            before = threshold_record(row) if row is not None else None
            threshold = row or Threshold(indicator=indicator, phase=phases[key[0]], scope=key[1])
            self._put(threshold, _stored(one), "thresholds", is_new=row is None)
            self._keep_change(threshold, before, threshold_record(threshold), path, is_new=is_new)
        for key, row in present.items():
            if key not in kept:
                self._keep_change(row, threshold_record(row), None, path, is_new=is_new)
                row.delete()
                self.report.count("thresholds", removed=1)

    def _keep_change(
        self,
        threshold: Threshold,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        path: Path,
        *,
        is_new: bool,
    ) -> None:
        """TH-08: a changed threshold is kept with its date; after data have arrived it needs a reason."""
        indicator = threshold.indicator
        had_data = not is_new and bool(rooms.evidence(indicator))
        if before is None and not had_data:
            return
        try:
            reason = self.report.kept_reason("A threshold", had_data=had_data)
        except Invalid as error:
            self._problem((*path, "thresholds"), error.message)
            return
        change = ThresholdChange(
            indicator=indicator,
            phase=threshold.phase,
            scope=threshold.scope,
            before=before,
            after=after,
            reason=reason,
            had_data=had_data,
            changed_by=self.report.by,
        )
        clean(change, "thresholds")
        change.save(force_insert=True)


def _parents(
    questions: Iterable[QuestionPart], parent: str | None = None
) -> Iterable[tuple[str, str | None]]:
    for question in questions:
        yield question.code, parent
        yield from _parents(question.questions, question.code)


def _stored(part: ThresholdPart) -> dict[str, Any]:
    """A threshold's values as its row holds them; the numbers of bands are kept as text."""
    values = {name: getattr(part, name) for name in THRESHOLD_FIELDS}
    values["comparator"] = part.comparator.value
    values["bands"] = [
        {
            name: value if isinstance(value, str) else f"{value:f}"
            for name, value in band.model_dump(exclude_none=True).items()
        }
        for band in part.bands
    ]
    return values


def threshold_record(threshold: Threshold) -> dict[str, Any]:
    """The threshold as it stands in the record of changes, numbers as text."""
    values = {name: getattr(threshold, name) for name in THRESHOLD_FIELDS}
    plain = {
        name: f"{one.normalize():f}" if isinstance(one, Decimal) else one for name, one in values.items()
    }
    return plain | {"phase": threshold.phase.code, "scope": threshold.scope}
