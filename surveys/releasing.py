"""What leaves from this room: indicators, and answers item by item. Everything goes through `releases`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.utils import timezone

from exports import charts
from exports.table import Block, Cell, Column, Cover, Document, Figure, Table
from ipe.errors import Invalid
from ipe.models import Evaluation, Site, User
from ipe.words import OutputClass
from releases import publishing
from releases.publishing import Published

from . import tables
from .bases import SUBSTANTIVE
from .distributions import Spread, spreads
from .frames import Scope, instrument_spec, readings, survey_waves, targets
from .indicators import compute
from .models import Instrument
from .questionnaire import ScaleSpec
from .results import computed

CHART = "chart"


def _site(scope: Scope) -> Site | None:
    return scope.evaluation.sites.filter(code=scope.site).first() if scope.site else None


def filter_words(scope: Scope) -> str:
    """What a cover says of the filter."""
    chosen = [f"{name} {code}" for name, code in (("site", scope.site), ("phase", scope.phase)) if code]
    return ", ".join(chosen) or "Everything"


def _cover(scope: Scope, base: str) -> Cover:
    return Cover(
        study=scope.evaluation.title,
        made_at=timezone.now(),
        filter=filter_words(scope),
        base=base,
    )


def publish_indicators(
    scope: Scope,
    *,
    by: User | None,
    output_class: str,
    purpose: str,
    file_format: str,
    recipients: Sequence[str] = (),
) -> Published:
    """Release the indicators of one output class in the scope. Effects and errors as `publish_table`.

    Raises
        Invalid: There is nothing of this class to release.
    """
    found = computed(scope).results
    kept = [one for one in found if tables.class_of(one) == output_class]
    if not kept:
        raise Invalid("There are no figures to release with this filter.")
    table = tables.releasable_table(
        scope.evaluation,
        kept,
        output_class=output_class,
        cover=_cover(scope, "As the column “Base” says, row by row"),
    )
    return publishing.publish_table(
        table,
        by=by,
        evaluation=scope.evaluation,
        site=_site(scope),
        output_class=output_class,
        purpose=purpose,
        file_format=file_format,
        recipients=recipients,
    )


def spreads_of(scope: Scope, instrument: Instrument) -> list[Spread]:
    """Every item of choices in every wave of the scope, with the indicator that reads it."""
    waves = [wave for wave in survey_waves(scope) if wave.instrument == instrument.name]
    own = readings(scope.evaluation)
    results = compute(waves, own, targets(scope.evaluation))
    return spreads(waves, instrument_spec(instrument), own, results)


def publish_answers(
    scope: Scope,
    *,
    instrument: Instrument,
    by: User | None,
    purpose: str,
    file_format: str,
    recipients: Sequence[str] = (),
) -> Published:
    """Release an instrument's answers by item and wave: a sheet for each scale, one long CSV, or a PDF,
    with charts where `file_format` is "chart".
    """
    found = spreads_of(scope, instrument)
    if not found:
        raise Invalid("There are no answers to release with this filter.")
    cover = _cover(scope, "As the column “Base” says, row by row")
    wide = tables.spread_tables(found, title=instrument.title)
    wide[0] = wide[0].with_cover(cover)
    evaluation, site = scope.evaluation, _site(scope)
    if file_format == "xlsx":
        return publishing.publish_workbook(
            wide,
            title=instrument.title,
            by=by,
            evaluation=evaluation,
            site=site,
            output_class=OutputClass.SURVEY,
            purpose=purpose,
            recipients=recipients,
        )
    if file_format in (CHART, "pdf"):
        return publishing.publish_document(
            _document(
                evaluation, found, wide, title=instrument.title, cover=cover, has_charts=file_format == CHART
            ),
            by=by,
            evaluation=evaluation,
            site=site,
            output_class=OutputClass.SURVEY,
            purpose=purpose,
            file_format="pdf",
            recipients=recipients,
        )
    return publishing.publish_table(
        tables.long_table(found, title=instrument.title, cover=cover),
        by=by,
        evaluation=evaluation,
        site=site,
        output_class=OutputClass.SURVEY,
        purpose=purpose,
        file_format=file_format,
        recipients=recipients,
    )


def _document(
    evaluation: Evaluation,
    found: Sequence[Spread],
    wide: Sequence[Table],
    *,
    title: str,
    cover: Cover,
    has_charts: bool,
) -> Document:
    blocks: list[Block] = []
    scales = {spread.scale.code: spread.scale for spread in found}
    for table, scale in zip(wide, scales.values(), strict=True):
        answers = sides(scale, table)
        if has_charts and answers is not None:
            released = publishing.released(
                table, evaluation=evaluation, output_class=OutputClass.SURVEY
            ).table
            chart = charts.diverging(_labelled(released), label="label", answers=answers)
            blocks.append(Figure(chart.png, chart.alt, table.title))
        blocks.append(dataclasses.replace(table, cover=None))
    return Document(title, tuple(blocks), cover=cover, is_landscape=True)


def sides(scale: ScaleSpec, table: Table) -> charts.Answers | None:
    """Which answers disagree and which agree, from the order of the scale; None for scales of two or three
    names.
    """
    known = {column.key for column in table.columns}
    line = [p.code for p in scale.points if p.kind == SUBSTANTIVE and tables.answer_key(p.code) in known]
    if len(line) < 4:
        return None
    half = len(line) // 2
    keys = [tables.answer_key(code) for code in line]
    return charts.Answers(
        negative=tuple(reversed(keys[:half])),
        positive=tuple(keys[-half:]),
        neutral=keys[half] if len(keys) % 2 else "",
    )


def _labelled(table: Table) -> Table:
    """With a first column that names each bar: item, site and phase."""
    label = Column("label", "Item", identifies=False)
    rows: list[tuple[Cell, ...]] = []
    for at, row in enumerate(table.rows):
        words = " · ".join(str(table.cell(at, key)) for key in ("item", "site", "phase"))
        rows.append((words, *row))
    return dataclasses.replace(table, columns=(label, *table.columns), rows=tuple(rows))
