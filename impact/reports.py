"""A results bundle as a report for people: tables, plots and every note, as HTML and DOCX."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from exports.digits import printed, snapped
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
MODELS = {
    "wedge_logit": "Stepped-wedge logit with random intercepts of sites",
    "wedge_linear": "Stepped-wedge linear model with random intercepts",
    "permutation": "Permutation test over the allowed orders",
    "did": "Linear difference-in-differences",
    "did_logit": "Logistic difference-in-differences",
    "fgls": "Feasible GLS on means of sites and periods",
    "random_effects": "Random effects of children",
    "bacon": "Goodman-Bacon decomposition",
    "callaway_santanna": "Callaway and Sant’Anna",
    "sun_abraham": "Sun and Abraham",
    "hurdle": "Hurdle model, negative binomial",
    "tobit": "Tobit model",
    "anova": "Analysis of variance of means of sites and periods",
}
EFFECTS = {
    "by_time_since": "effects by time since the start",
    "readiness": "effects by readiness",
    "leads_and_lags": "leads and lags",
    "placebo": "placebo",
    "dose": "effect of the dose, the score “{score}”",
    "triple_difference": "how the effect differs by “{by}”",
    "common_shock": "whether the shock “{by}” struck treated sites differently",
    "against_comparators": "effects against comparison sites by “{by}”",
}
TREATMENTS = {
    "half_open_time": "treated if half of the open time fell under the programme",
    "four_weeks": "treated if four weeks of open time fell under the programme",
}
NO_EFFECT = {"leads_and_lags", "placebo", "common_shock"}  # their first line is no effect of the programme
RESULT_COLUMNS = (
    Column("name", "Estimate", width=30),
    Column("scale", "Unit"),
    Column("error", "Standard error by"),
    Column("value", "Value", "number", decimals=4),
    Column("std_error", "Standard error", "number", decimals=4),
    Column("low", "Interval from", "number", decimals=4),
    Column("high", "to", "number", decimals=4),
    Column("p_value", "p"),
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
    shown: dict[Figures, str] = {}
    for role, title in ROLES.items():
        own = [analysis for analysis in bundle.analyses if analysis.role == role]
        if own:
            blocks.append(Heading(title))
            blocks += [block for analysis in own for block in _analysis(analysis, bundle, shown)]
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
    yield Paragraph.of(
        f"Id {bundle.identity}: the same plan, data, seed and software give it on every machine."
    )
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
        rows.append([sample.outcome, "in the first analysis of it", _count(sample.n)])
        rows += [["", f"left out: {why}", _count(n)] for why, n in sample.left_out.items()]
    columns = [Column("outcome", "Outcome"), Column("what", "Children"), Column("n", "Number", "number")]
    return Table.of("Who was in the analyses", columns, rows)


def _overview(bundle: Bundle) -> Iterator[Block]:
    """One forest for each unit, of the first result of every analysis."""
    first = [
        (analysis, analysis.results[0])
        for analysis in bundle.analyses
        if analysis.results and analysis.specification.get("effect") not in NO_EFFECT
    ]
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


def _analysis(analysis: Analysis, bundle: Bundle, shown: dict[Figures, str]) -> Iterator[Block]:
    """`shown` remembers figures, as several analyses of one matched sample have the same balance."""
    yield Heading(f"{analysis.id}: {analysis.outcome}", 2)
    if analysis.failed:
        yield Paragraph.of(f"Could not be estimated: {analysis.failed}")
        return
    n = "[c]" if analysis.n_rows.n is None else f"{analysis.n_rows.n:,}"
    words = "; ".join([MODELS.get(analysis.model, analysis.model), *_chosen(analysis.specification)])
    yield Paragraph.of(f"{words}. {n} rows in {analysis.n_clusters} clusters.")
    yield _estimates(analysis)
    adjusted = bundle.multiplicity.get(f"{analysis.id}: {analysis.outcome}")
    if adjusted is not None:
        yield Paragraph.of(f"p adjusted for multiple comparisons (Hochberg): {_p(adjusted)}.")
    if analysis.diagnostics:
        pairs: list[list[Cell]] = [[name, _single(value)] for name, value in analysis.diagnostics.items()]
        yield Table.of("Diagnostics", [Column("name", "What"), Column("value", "Value", "number")], pairs)
    label = f"{analysis.id}: {analysis.outcome}"
    for figures in analysis.figures:
        if (before := shown.setdefault(figures, label)) != label:
            yield Paragraph.of(f"{figures.kind.replace('_', ' ').capitalize()}: as in {before}.")
            continue
        yield from _picture(figures, label)
        yield _as_table(figures)


def _estimates(analysis: Analysis) -> Table:
    """All lines; a column that would be empty throughout is left out."""
    rows = [_row(result) for result in analysis.results]
    kept = [
        place for place in range(len(RESULT_COLUMNS)) if any(row[place] not in (None, "") for row in rows)
    ]
    return Table.of(
        "Estimates",
        [RESULT_COLUMNS[place] for place in kept],
        [[row[place] for place in kept] for row in rows],
        notes=[note.text for note in analysis.notes],
    )


def _chosen(specification: Mapping[str, str | float | bool | None]) -> Iterator[str]:
    """What the plan chose beside the model, in words; what is as usual is not said."""
    chosen = dict(specification)
    effect, treatment = str(chosen.get("effect")), str(chosen.get("treatment"))
    if effect in EFFECTS:
        yield EFFECTS[effect].format_map({"by": chosen.get("by"), "score": chosen.get("score")})
    if effect == "placebo":
        yield f"a start {printed(float(chosen.get('shift') or 1), 'g')} periods too early"
    if treatment in TREATMENTS:
        yield TREATMENTS[treatment]
    if chosen.get("periods") == "financial_year":
        yield "financial years"
    if chosen.get("matched"):
        yield "matched children, weighted"
    if chosen.get("covariates") is False:
        yield "without covariates"
    if chosen.get("site_effects") is False:
        yield "a dummy for treated sites in place of site effects"
    if chosen.get("leave_out_embedding"):
        yield "without children who entered in an embedding window"
    if chosen.get("leave_out_sites"):
        yield f"without {chosen['leave_out_sites']}"
    if chosen.get("referred_from"):
        yield f"who entered from {chosen['referred_from']} on"
    if isinstance(nodes := chosen.get("nodes"), int | float) and nodes > 1:
        yield f"{printed(nodes, 'g')} quadrature nodes"


def _p(value: float | None) -> str | None:
    """Four decimals; a p-value is never nil."""
    if value is None:
        return None
    return "< 0.0001" if snapped(value) < 0.0001 else printed(value, ".4f")


def _single(value: float | str | None) -> Cell:
    """A diagnostic: four digits, and one decimal of what is large."""
    if value is None:
        return Hidden("x")
    if isinstance(value, str):
        return value
    return printed(value, ",.1f" if abs(snapped(value)) >= 10_000 else ",.4g")


def _row(result: Result) -> list[Cell]:
    hidden: Cell = Hidden("c") if result.status == "hidden" else Hidden("x")
    numbers = (result.value, result.std_error, result.low, result.high, _p(result.p_value))
    # The normal distribution has no degrees of freedom to show.
    df: Cell = hidden if result.status == "hidden" else result.df
    return [result.name, result.scale, result.error, *(hidden if n is None else n for n in numbers), df]


def _picture(figures: Figures, caption: str) -> Iterator[Block]:
    plot = plots.draw(figures)
    if plot is not None:
        yield Figure(plot.png, plot.alt, f"{plot.title}. {caption}")


def _as_table(figures: Figures) -> Table:
    if figures.kind == "trends":
        return _trends(figures)
    columns = [Column(name, name.replace("_", " ").capitalize()) for name in figures.columns]
    # The error of an analysis of variance has no F: that is not a hidden number.
    nothing = Hidden("z" if figures.kind == "anova" else "c")
    rows = [[nothing if value is None else value for value in row] for row in figures.rows]
    return Table.of(figures.kind.replace("_", " ").capitalize(), columns, rows)


def _trends(figures: Figures) -> Table:
    """A row for each group and a column for each period."""
    periods = sorted({float(row[1]) for row in figures.rows if row[1] is not None})
    values = {(row[0], row[1]): row[2] for row in figures.rows}
    columns = [
        Column("group", "Outcome by period"),
        *(Column(f"p{printed(when, 'g')}", printed(when, "g"), "number", decimals=2) for when in periods),
    ]
    rows: list[list[Cell]] = []
    for group in dict.fromkeys(row[0] for row in figures.rows):
        found: list[Cell] = [group]
        for when in periods:
            value = values.get((group, when), "")
            found.append(Hidden("c") if value is None else None if value == "" else value)
        rows.append(found)
    return Table.of("Trends", columns, rows)
