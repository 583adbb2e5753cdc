"""A results bundle as a report for people: tables, plots and every note, as HTML and DOCX."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from exports.table import Block, Cell, Column, Cover, Document, Figure, Heading, Hidden, Paragraph, Table
from impact import plots
from impact.bundles import Analysis, Bundle, Count, Figures, Result

__all__ = ["document", "docx", "html"]

ROLES = {
    "primary": "Primary analysis",
    "secondary": "Secondary analyses",
    "sensitivity": "Sensitivity analyses",
    "exploratory": "Exploratory analyses",
}
RESULT_COLUMNS = (
    Column("name", "Estimate", width=30),
    Column("scale", "Unit"),
    Column("value", "Value", "number", decimals=4),
    Column("std_error", "Standard error", "number", decimals=4),
    Column("low", "Interval from", "number", decimals=4),
    Column("high", "to", "number", decimals=4),
    Column("p_value", "p", "number", decimals=4),
    Column("df", "df", "number", decimals=1),
)


def html(bundle: Bundle, *, made_at: dt.datetime) -> bytes:
    """One page of HTML with everything inside. `made_at` is in UTC."""
    from exports import as_html

    return as_html.write(document(bundle, made_at=made_at))


def docx(bundle: Bundle, *, made_at: dt.datetime) -> bytes:
    """The same as a Word document. `made_at` is in UTC."""
    from exports import as_docx

    return as_docx.write(document(bundle, made_at=made_at))


def document(bundle: Bundle, *, made_at: dt.datetime) -> Document:
    """The report in reading order: the plan, the samples, a forest of all results, then each analysis with its notes."""
    cover = Cover(
        bundle.study,
        made_at,
        version=f"impact {bundle.software.get('impact', '')}".strip(),
        data_hash=bundle.sha256,
        rule=f"Counts below {bundle.smallest_count} and what rests on them are hidden",
    )
    blocks = [*_plan(bundle), _samples(bundle), *_overview(bundle)]
    for role, title in ROLES.items():
        own = [analysis for analysis in bundle.analyses if analysis.role == role]
        if own:
            blocks.append(Heading(title))
            blocks += [block for analysis in own for block in _analysis(analysis, bundle)]
    return Document(bundle.title, tuple(blocks), cover, is_landscape=True)


def _plan(bundle: Bundle) -> Iterator[Block]:
    yield Heading("The plan")
    if bundle.registered_sha256 is None:
        yield Paragraph.of("The plan was not registered.")
    elif bundle.registered_sha256 == bundle.plan_sha256:
        yield Paragraph.of("This is the registered plan: its hash is the registered one.")
    else:
        yield Paragraph.of("The plan was CHANGED after its registration: its hash is not the registered one.")
    yield Paragraph.of(f"Plan {bundle.plan_sha256}. Seed {bundle.seed}.")
    if bundle.readings:
        yield _words_table(
            "How open points of the protocol were read", bundle.readings, ("point", "taken", "because")
        )
    if bundle.deviations:
        yield _words_table("Deviations after registration", bundle.deviations, ("on", "what", "why"))
    else:
        yield Paragraph.of("No deviations were recorded.")


def _words_table(title: str, rows: Sequence[dict[str, str]], keys: Sequence[str]) -> Table:
    columns = [Column(key, key.capitalize()) for key in keys]
    return Table.of(title, columns, [[row.get(key, "") for key in keys] for row in rows])


def _count(found: Count) -> Cell:
    return Hidden("c") if found.n is None else found.n


def _samples(bundle: Bundle) -> Table:
    rows: list[list[Cell]] = []
    for sample in bundle.samples:
        rows.append([sample.outcome, "in the analysis", _count(sample.n)])
        rows += [[sample.outcome, f"left out: {why}", _count(n)] for why, n in sample.left_out.items()]
    columns = [Column("outcome", "Outcome"), Column("what", "Children"), Column("n", "Number", "number")]
    return Table.of("Who was in the analyses", columns, rows)


def _overview(bundle: Bundle) -> Iterator[Block]:
    """One forest for each unit, of the first result of every analysis."""
    first = [(analysis, analysis.results[0]) for analysis in bundle.analyses if analysis.results]
    for scale in dict.fromkeys(result.scale for _, result in first):
        rows = tuple(
            (f"{analysis.id}: {analysis.outcome}", result.value, result.low, result.high)
            for analysis, result in first
            if result.scale == scale
        )
        yield from _picture(
            Figures(kind="forest", columns=("label", "value", "low", "high"), rows=rows),
            f"All analyses, {scale}",
        )


def _analysis(analysis: Analysis, bundle: Bundle) -> Iterator[Block]:
    yield Heading(f"{analysis.id}: {analysis.outcome}", 2)
    if analysis.failed:
        yield Paragraph.of(f"Could not be estimated: {analysis.failed}")
        return
    n = "[c]" if analysis.n_rows.n is None else f"{analysis.n_rows.n:,}"
    chosen = "; ".join(f"{name}: {value}" for name, value in analysis.specification.items())
    yield Paragraph.of(f"Model {analysis.model} on {n} rows in {analysis.n_clusters} clusters. {chosen}.")
    rows = [_row(result) for result in analysis.results]
    yield Table.of("Estimates", RESULT_COLUMNS, rows, notes=[note.text for note in analysis.notes])
    adjusted = bundle.multiplicity.get(f"{analysis.id}: {analysis.outcome}")
    if adjusted is not None:
        yield Paragraph.of(f"p adjusted for multiple comparisons (Hochberg): {adjusted:.4f}.")
    if analysis.diagnostics:
        pairs: list[list[Cell]] = [[name, value] for name, value in analysis.diagnostics.items()]
        yield Table.of("Diagnostics", [Column("name", "What"), Column("value", "Value", "number")], pairs)
    for figures in analysis.figures:
        yield from _picture(figures, f"{analysis.id}: {analysis.outcome}")
        yield _as_table(figures)


def _row(result: Result) -> list[Cell]:
    hidden: Cell = Hidden("c") if result.status == "hidden" else Hidden("x")
    numbers = (result.value, result.std_error, result.low, result.high, result.p_value)
    # The normal distribution has no degrees of freedom to show.
    df: Cell = hidden if result.status == "hidden" else result.df
    return [result.name, result.scale, *(hidden if n is None else n for n in numbers), df]


def _picture(figures: Figures, caption: str) -> Iterator[Block]:
    plot = plots.draw(figures)
    if plot is not None:
        yield Figure(plot.png, plot.alt, f"{plot.title}. {caption}")


def _as_table(figures: Figures) -> Table:
    columns = [Column(name, name.replace("_", " ").capitalize()) for name in figures.columns]
    rows = [[Hidden("c") if value is None else value for value in row] for row in figures.rows]
    return Table.of(figures.kind.replace("_", " ").capitalize(), columns, rows)
