"""The report says all that the bundle says, and nothing that the bundle hides."""

from __future__ import annotations

import datetime as dt
import io

import docx
import pytest
from lxml import html

from impact import bundles, plots, reports
from impact.estimate import Note, normal
from tests.impact.test_bundles import bundle

MADE = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
FIGURES = {
    "forest": (("label", "value", "low", "high"), (("a", -0.2, -0.4, 0.0), ("b", None, None, None))),
    "event_study": (("period", "value", "low", "high"), ((-1.0, 0.1, 0.0, 0.2), (0.0, None, None, None))),
    "trends": (("group", "period", "value"), (("A", 1.0, 5.5), ("A", 2.0, None), ("B", 1.0, 4.0))),
    "balance": (("covariate", "before", "after"), (("age", 0.4, 0.1), ("sex", 0.2, 0.0))),
    "permutation": (("statistic", "observed"), tuple((float(n - 6), float(n == 12)) for n in range(13))),
    "bacon": (
        ("kind", "weight", "estimate"),
        (("earlier", 0.25, 2.0), ("earlier", 0.75, 4.0), ("later", 0.1, None)),
    ),
}


def made(**changed):
    analysis = bundle().analyses[0]
    figures = tuple(bundles.Figures(kind=kind, columns=c, rows=rows) for kind, (c, rows) in FIGURES.items())
    hidden = bundles.result(normal("few", 1.2345, 0.1), scale="log-odds", base=4, smallest=10)
    changed = {
        "figures": figures,
        "results": (*analysis.results, hidden),
        "diagnostics": {"sd": 0.15},
        "notes": bundles.remarks([Note("few_clusters", "There are only 5 clusters.")]),
    } | changed
    return bundle(
        analyses=(analysis.model_copy(update=changed),),
        readings=({"point": "18 or 24 months", "taken": "18 months", "because": "the table"},),
        deviations=({"on": "2024-05-01", "what": "later data", "why": "the return was late"},),
        multiplicity={"primary: looked-after": 0.0432},
    )


def test_the_page_holds_estimates_notes_readings_and_deviations():
    page = html.document_fromstring(reports.html(made(), made_at=MADE).decode())
    text = page.text_content()
    for words in (
        "The plan was not registered.",
        "the return was late",
        "18 or 24 months",
        "There are only 5 clusters.",
        "Hochberg): 0.0432",
        "-0.2500",
        "45,979 rows in 5 clusters",
        "Counts below 10 and what rests on them are hidden",
    ):
        assert words in text
    assert len(page.xpath("//img[@alt]")) == 7  # one forest of all analyses and the six kinds


def test_what_is_hidden_stays_hidden():
    data = reports.html(made(), made_at=MADE).decode()
    assert "1.2345" not in data
    assert "[c]" in data


def test_the_same_report_is_a_word_document():
    word = docx.Document(io.BytesIO(reports.docx(made(), made_at=MADE)))
    cells = [cell.text for table in word.tables for row in table.rows for cell in row.cells]
    assert "-0.2500" in cells
    assert len(word.inline_shapes) == 7


def test_an_analysis_that_failed_says_why_and_shows_no_table():
    failed = made(failed="“treated” never varies.", results=(), figures=())
    text = html.document_fromstring(reports.html(failed, made_at=MADE).decode()).text_content()
    assert "Could not be estimated: “treated” never varies." in text


@pytest.mark.parametrize(
    ("registered", "words"),
    [("a" * 64, "This is the registered plan"), ("c" * 64, "CHANGED after its registration")],
)
def test_the_report_says_whether_the_plan_is_the_registered_one(registered, words):
    page = reports.html(bundle(registered_sha256=registered), made_at=MADE).decode()
    assert words in page


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("forest", "a: -0.2, from -0.4 to 0. b: not shown [c]."),
        ("event_study", "Period -1: 0.1, from 0 to 0.2. Period 0: not shown [c]."),
        ("trends", "A: 5.5, [c]. B: 4."),
        ("balance", "age: 0.4 before, 0.1 after."),
        ("permutation", "13 allowed orders; 2 of them lie as far from zero as the observed 6."),
        ("bacon", "earlier: 2 pairs with weight 1 and mean estimate 3.5."),
    ],
)
def test_every_plot_says_in_words_what_it_shows(kind, words):
    columns, rows = FIGURES[kind]
    plot = plots.draw(bundles.Figures(kind=kind, columns=columns, rows=rows))
    assert plot.png.startswith(b"\x89PNG")
    assert words in plot.alt


def test_figures_that_are_a_table_only_or_empty_are_not_drawn():
    assert plots.draw(bundles.Figures(kind="matches", columns=("site",), rows=(("A",),))) is None
    assert plots.draw(bundles.Figures(kind="forest", columns=("label",), rows=())) is None


def test_figures_of_which_everything_is_hidden_are_not_drawn():
    rows = (("A", 1.0, None), ("A", 2.0, None))
    assert plots.draw(bundles.Figures(kind="trends", columns=("group", "period", "value"), rows=rows)) is None


def test_a_point_without_an_interval_is_not_called_hidden():
    columns = ("label", "value", "low", "high")
    plot = plots.draw(bundles.Figures(kind="forest", columns=columns, rows=(("a", 1.5, None, None),)))
    assert "a: 1.5, without an interval." in plot.alt


def test_trends_stand_in_a_row_for_each_group():
    page = html.document_fromstring(reports.html(made(), made_at=MADE).decode())
    [table] = [t for t in page.xpath("//table") if "Outcome by period" in t.text_content()]
    rows = [[cell.text_content().strip() for cell in row.xpath("./*")] for row in table.xpath(".//tr")]
    assert rows == [["Outcome by period", "1", "2"], ["A", "5.50", "[c]"], ["B", "4.00", ""]]


def test_the_report_says_in_words_what_the_plan_chose():
    chosen = {"effect": "dose", "score": "fidelity", "matched": True, "covariates": False, "by": None}
    page = reports.html(made(model="did", specification=chosen), made_at=MADE).decode()
    assert (
        "Linear difference-in-differences; effect of the dose, the score “fidelity”; matched children, weighted; "
        "without covariates." in page
    )


def test_a_tiny_p_is_not_nil():
    tiny = bundles.result(normal("treated", -1.0, 0.1), scale="days", base=500, smallest=10)
    assert "&lt; 0.0001" in reports.html(made(results=(tiny,)), made_at=MADE).decode()


def test_greatest_gap_is_the_first_of_those_that_tie() -> None:
    periods = ["2019", "2020", "2021"]
    for other in ([0.1, 0.1 + 0.2, 0.3], [0.1, 0.3, 0.1 + 0.2]):
        found = plots.small_multiples(periods, ("Camden", [0.0, 0.0, 0.0]), [("Leeds", other)])
        assert "never further apart than 0.3, in 2020." in found.alt
