"""Bundles: no rows, no small counts, and a hash that tells a change."""

from __future__ import annotations

import json
import math

import pydantic
import pytest

from impact import bundles
from impact.errors import BadDocument
from impact.estimate import Note, normal


def bundle(**changed):
    analysis = bundles.Analysis(
        id="primary",
        role="primary",
        outcome="looked-after",
        model="wedge_logit",
        specification={"effect": "immediate"},
        n_rows=bundles.count(45_979, 10),
        n_clusters=5,
        results=(bundles.result(normal("treated", -0.25, 0.1), scale="log-odds", base=45_979, smallest=10),),
        notes=bundles.remarks([Note("few_clusters", "Five."), Note("few_clusters", "Five.")]),
    )
    parts = {
        "study": "trial",
        "title": "A trial",
        "plan_sha256": "a" * 64,
        "registered_sha256": None,
        "readings": (),
        "deviations": (),
        "seed": 7,
        "software": {"python": "3.11"},
        "data": {"care.parquet": "b" * 64},
        "smallest_count": 10,
        "samples": (bundles.Sample(outcome="looked-after", n=bundles.count(45_979, 10), left_out={}),),
        "analyses": (analysis,),
        "multiplicity": {},
    }
    return bundles.Bundle(**{**parts, **changed})


def test_a_bundle_is_read_back_as_it_was_written(tmp_path):
    made = bundle().sealed()
    bundles.write(made, tmp_path / "results.json")
    assert bundles.read(tmp_path / "results.json") == made
    assert len(made.analyses[0].notes) == 1


def test_a_changed_bundle_is_told(tmp_path):
    bundles.write(bundle(), tmp_path / "results.json")
    text = (tmp_path / "results.json").read_text()
    (tmp_path / "results.json").write_text(text.replace("-0.25", "-0.35"))
    with pytest.raises(BadDocument, match=r"results\.json: the hash does not fit"):
        bundles.read(tmp_path / "results.json")


@pytest.mark.parametrize(("n", "kept"), [(0, 0), (1, None), (9, None), (10, 10)])
def test_small_counts_are_hidden_and_said_to_be(n, kept):
    found = bundles.count(n, 10)
    assert found.n == kept
    assert found.status == ("hidden" if kept is None else "released")


def test_an_estimate_on_few_children_keeps_nothing():
    found = bundles.result(normal("treated", -0.25, 0.1), scale="log-odds", base=9, smallest=10)
    assert found.status == "hidden"
    assert {found.value, found.std_error, found.p_value, found.low, found.high, found.statistic} == {None}


def test_numbers_that_json_cannot_hold_are_null():
    found = bundles.result(normal("treated", 1.0, math.nan), scale="days", base=99, smallest=10)
    assert found.value == 1.0
    assert found.p_value is None
    assert json.loads(found.model_dump_json())["std_error"] is None


def test_rows_of_data_do_not_fit_into_a_bundle():
    with pytest.raises(pydantic.ValidationError, match="a bundle holds results, not rows of data"):
        bundles.Figures(kind="trends", columns=("value",), rows=tuple((float(n),) for n in range(601)))
    with pytest.raises(pydantic.ValidationError, match="“child” is a column about single children"):
        bundles.Figures(kind="trends", columns=("Child", "value"), rows=(("c1", 1.0),))
    with pytest.raises(pydantic.ValidationError, match="Extra inputs"):
        bundle(rows=[{"child": "c1"}])


def test_a_file_that_is_no_bundle_is_refused_by_name(tmp_path):
    for text in ("", "{", "[]", '{"schema": 2}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(BadDocument, match=r"^x\.json"):
            bundles.read(tmp_path / "x.json")
