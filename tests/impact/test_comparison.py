"""Two bundles: what agrees, what went in and differs, and every kind of difference, each seen alone."""

from __future__ import annotations

import pytest

from impact import bundles, comparison
from impact.bundles import Count, Figures
from impact.commands import comparing
from impact.comparison import agree, compare
from impact.errors import BadDocument
from impact.estimate import Note, normal
from tests.impact.test_bundles import OLD, bundle

ANALYSIS = (
    bundle()
    .analyses[0]
    .model_copy(
        update={
            "diagnostics": {"sd": 0.15, "logit called for": "yes", "gone": None},
            "figures": (
                Figures(
                    kind="trends",
                    columns=("group", "period", "value"),
                    rows=(("A", 0.0, 5.5), ("A", 1.0, None)),
                ),
                Figures(kind="anova", columns=("source", "f"), rows=(("group", 3.5), ("error", None))),
            ),
        }
    )
)


def made(*, results=None, bundled=None, **changed):
    analysis = ANALYSIS.model_copy(update=changed)
    if results is not None:
        analysis = analysis.model_copy(
            update={"results": (analysis.results[0].model_copy(update=results), *analysis.results[1:])}
        )
    return bundle(
        **({"analyses": (analysis,), "multiplicity": {"primary: looked-after": 0.04}} | (bundled or {}))
    )


def test_a_bundle_agrees_with_itself():
    found = compare(made(), made())
    assert found.agrees
    assert found.ids[0] == found.ids[1] == made().sealed().id
    assert (found.inputs, found.differences, found.furthest) == ((), (), None)
    # value … level without df, adjusted p, sd, and the figures' three periods and values, and F
    assert found.n_numbers == 7 + 1 + 1 + 3 + 1


@pytest.mark.parametrize(
    ("one", "other", "size", "expected"),
    [
        (1.0, 1.0 + 0.9e-6, 0.0, True),
        (1.0, 1.0 + 1.1e-6, 0.0, False),
        (-1e9, -1e9 - 900, 0.0, True),
        (1e-12, -1e-12, 0.0, True),
        (1e-9, 3e-9, 0.0, False),
        (0.001, 0.001 + 0.9e-6, 1.0, True),
        (None, None, 0.0, True),
        (None, 0.0, 0.0, False),
        (0.0, None, 0.0, False),
    ],
)
def test_numbers_agree_to_a_part_in_a_million(one, other, size, expected):
    assert agree(one, other, size=size) is expected
    assert agree(other, one, size=size) is expected


def test_what_is_far_below_the_standard_error_is_no_difference():
    """The error is 0.1: an estimate of nearly nil need not have six digits, but its error does."""
    found = compare(made(results={"value": 1e-9}), made(results={"value": 6e-8}))
    assert found.agrees
    assert found.furthest.where == "primary, looked-after: treated, log-odds: value"
    assert found.furthest.apart == pytest.approx(5.9e-8)
    assert not compare(made(results={"std_error": 0.1}), made(results={"std_error": 0.1 + 2e-7})).agrees
    assert compare(made(results={"p_value": 1e-8}), made(results={"p_value": 9e-7})).agrees
    assert not compare(made(results={"p_value": 0.04}), made(results={"p_value": 0.040002})).agrees


@pytest.mark.parametrize(
    ("changed", "where", "kind", "first", "second"),
    [
        ({"results": {"value": -0.26}}, ": treated, log-odds: value", "number", -0.25, -0.26),
        ({"results": {"low": None}}, ": treated, log-odds: low", "number", made().analyses[0].results[0].low, None),
        ({"results": {"df": 4.0}}, ": treated, log-odds: df", "number", None, 4.0),
        ({"results": {"status": "hidden"}}, ": treated, log-odds", "status", "released", "hidden"),
        ({"results": {"name": "untreated"}}, ": treated, log-odds", "absent", "is there", None),
        ({"n_rows": Count(n=45_980, status="released")}, ": rows", "count", 45_979, 45_980),
        ({"n_rows": Count(n=None, status="hidden")}, ": rows", "status", "released", "hidden"),
        ({"n_clusters": 6}, ": clusters", "count", 5.0, 6.0),
        ({"failed": "It broke."}, ": failed", "words", None, "It broke."),
        ({"diagnostics": ANALYSIS.diagnostics | {"sd": 0.16}}, ": sd", "number", 0.15, 0.16),
        ({"diagnostics": ANALYSIS.diagnostics | {"sd": None}}, ": sd", "number", 0.15, None),
        ({"diagnostics": ANALYSIS.diagnostics | {"logit called for": "no"}}, ": logit called for", "words", "yes", "no"),
        ({"diagnostics": {"sd": 0.15, "logit called for": "yes"}}, ": gone", "absent", "is there", None),
        ({"notes": ()}, ": note few_clusters", "words", "Five.", None),
        ({"notes": bundles.remarks([Note("few_clusters", "Six.")])}, ": note few_clusters", "words", "Five.", "Six."),
        ({"figures": ANALYSIS.figures[1:]}, ": trends", "absent", "is there", None),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_found_and_named(changed, where, kind, first, second):
    found = compare(made(), made(**changed))
    assert not found.agrees
    told = next(one for one in found.differences if one.where == f"primary, looked-after{where}")
    assert (told.kind, told.first, told.second) == (kind, first, second)
    back = next(one for one in compare(made(**changed), made()).differences if one.where == told.where)
    assert (back.kind, back.first, back.second) == (kind, second, first)


def test_a_number_that_differs_says_by_how_much_and_what_was_allowed():
    [told] = compare(made(results={"std_error": 0.1}), made(results={"std_error": 0.2})).differences
    assert (told.apart, told.allowed) == (pytest.approx(0.1), pytest.approx(2e-7))


@pytest.mark.parametrize(
    ("rows", "where", "kind"),
    [
        ((("A", 0.0, 5.6), ("A", 1.0, None)), "trends: value, row 1", "number"),
        ((("A", 0.0, 5.5), ("A", 1.0, 2.0)), "trends: value, row 2", "number"),
        ((("B", 0.0, 5.5), ("A", 1.0, None)), "trends: group, row 1", "words"),
        ((("A", 0.0, 5.5),), "trends", "words"),
    ],
)
def test_figures_are_compared_row_by_row(rows, where, kind):
    trends = Figures(kind="trends", columns=("group", "period", "value"), rows=rows)
    [told] = compare(made(), made(figures=(trends, ANALYSIS.figures[1]))).differences
    assert (told.where, told.kind) == (f"primary, looked-after: {where}", kind)


def test_what_is_nothing_beside_its_column_is_no_difference():
    rows = ((1.0, 900.0), (2.0, 1e-8)), ((1.0, 900.0), (2.0, -1e-8))
    one, other = (Figures(kind="bacon", columns=("weight", "estimate"), rows=each) for each in rows)
    assert compare(made(figures=(one,)), made(figures=(other,))).agrees


def test_an_analysis_or_sample_that_only_one_has_is_a_difference():
    twin = ANALYSIS.model_copy(update={"id": "second"})
    both = {"bundled": {"analyses": (ANALYSIS, twin)}}
    [told] = compare(made(), made(**both)).differences
    assert (told.where, told.kind, told.first, told.second) == (
        "second, looked-after",
        "absent",
        None,
        "is there",
    )
    [told] = compare(made(), made(bundled={"samples": ()})).differences
    assert (told.where, told.kind) == ("sample, looked-after", "absent")
    [told] = compare(made(), made(bundled={"multiplicity": {}})).differences
    assert (told.where, told.kind) == ("adjusted p, primary: looked-after", "absent")


def test_the_order_of_analyses_and_results_does_not_matter():
    twin = ANALYSIS.model_copy(update={"id": "second", "results": (*ANALYSIS.results, bundles.result(
        normal("other", 1.0, 0.1), scale="days", base=99, smallest=10))})  # fmt: skip
    turned = twin.model_copy(update={"results": twin.results[::-1]})
    one, other = made(bundled={"analyses": (ANALYSIS, twin)}), made(bundled={"analyses": (turned, ANALYSIS)})
    assert compare(one, other).agrees


def test_counts_of_who_was_left_out_are_exact():
    left = [
        (bundles.Sample(outcome="looked-after", n=bundles.count(45_979, 10), left_out=found),)
        for found in (
            {"too old": Count(n=20, status="released")},
            {"too old": Count(n=21, status="released")},
        )
    ]
    [told] = compare(*(made(bundled={"samples": each}) for each in left)).differences
    assert (told.where, told.kind) == ("sample, looked-after: left out, too old", "count")


def test_inputs_that_differ_are_named_and_are_no_difference():
    other = made(
        specification={"effect": "immediate", "nodes": 9.0},
        bundled={
            "plan_sha256": "c" * 64,
            "registered_sha256": "a" * 64,
            "deviations": ({"on": "2026-02-01", "what": "Another seed", "why": "A slip"},),
            "seed": 8,
            "software": {"python": "3.11", "numpy": "2.4"},
            "data": {"care.parquet": "d" * 64},
            "smallest_count": 20,
            "title": "Another title",
            "readings": ({"on": "2026-01-01", "says": "Days are working days"},),
        },
    )
    found = compare(made(), other)
    assert found.agrees
    assert {one.name: (one.first, one.second) for one in found.inputs} == {
        "plan": ("a" * 64, "c" * 64),
        "plan: nodes of primary, looked-after": (None, 9.0),
        "plan: title": (made().title, "Another title"),
        "plan: readings": (None, "2026-01-01, Days are working days"),
        "plan: smallest count": (10, 20),
        "registered plan": (None, "a" * 64),
        "deviations": (None, "2026-02-01, Another seed, A slip"),
        "data: care.parquet": ("b" * 64, "d" * 64),
        "seed": ("7", "8"),
        "software: numpy": (None, "2.4"),
    }


def test_two_studies_cannot_be_compared():
    with pytest.raises(BadDocument, match="One bundle is of the study “trial”, the other of “another”"):
        compare(made(), made(bundled={"study": "another"}))


def test_a_bundle_of_schema_1_is_compared_by_the_id_it_would_have():
    old = bundles.read(OLD)
    new = old.model_copy(update={"schema_": 2}).sealed()
    found = compare(old, new)
    assert found.agrees
    assert found.ids == (new.id, new.id)
    assert found.inputs == ()


def test_a_statistic_near_nil_agrees_as_its_estimate_does():
    one, other = ({"value": size, "std_error": 0.1, "statistic": size / 0.1} for size in (1e-9, 4e-8))
    assert compare(made(results=one), made(results=other)).agrees
    assert not compare(made(results=one), made(results=other | {"statistic": 1e-5})).agrees


def test_counts_too_large_for_a_float_are_compared():
    one, other = (made(n_clusters=n) for n in (10**400, 10**400 + 1))
    found = compare(one, other)
    assert [d.kind for d in found.differences] == ["count"]
    assert found.differences[0].first == 10**400
    comparing._print(found, "one.json", "other.json")


def test_the_help_of_the_command_states_the_tolerance():
    assert comparison.TOLERANCE == 1 / 1_000_000
    assert "one part in 1,000,000" in comparing.AGREE
