"""Bundles: no rows, no small counts, a hash that tells a change, and an id of what went in."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

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


# The id, and bundles from before there was one


@pytest.mark.parametrize(
    "went_in",
    [
        {"plan_sha256": "c" * 64},
        {"seed": 8},
        {"data": {"care.parquet": "d" * 64}},
        {"data": {"care.parquet": "b" * 64, "more.parquet": "b" * 64}},
        {"software": {"python": "3.12"}},
        {"software": {"python": "3.11", "numpy": "2.0"}},
    ],
)
def test_the_id_changes_with_everything_that_went_in(went_in):
    assert bundle(**went_in).sealed().id != bundle().sealed().id


def test_the_id_is_that_of_what_went_in_and_the_hash_that_of_everything():
    analysis = bundle().analyses[0]
    last_digit = analysis.results[0].model_copy(update={"value": -0.250000000001})
    other = bundle(analyses=(analysis.model_copy(update={"results": (last_digit,)}),)).sealed()
    assert other.id == bundle().sealed().id
    assert other.sha256 != bundle().sealed().sha256
    late = bundle(deviations=({"on": "2026-02-01", "what": "w", "why": "y"},), title="Another").sealed()
    assert late.id == bundle().sealed().id


def test_the_id_is_known_without_our_code():
    """From the file alone, as docs/impact/bundles.md says."""
    made = bundle().sealed()
    names = {"plan": made.plan_sha256, "data": made.data, "seed": made.seed, "software": made.software}
    text = json.dumps(names, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert made.id == hashlib.sha256(text.encode()).hexdigest()


def test_an_id_that_does_not_fit_is_told_though_the_hash_does(tmp_path):
    forged = bundle().sealed().model_copy(update={"id": "e" * 64})
    plain = forged.model_copy(update={"sha256": forged.fingerprint}).plain()
    (tmp_path / "results.json").write_text(json.dumps(plain))
    with pytest.raises(BadDocument, match=r"results\.json: the id does not fit"):
        bundles.read(tmp_path / "results.json")


# Written by version 0.1 of this library, as it stands in somebody's archive.
OLD = Path(__file__).with_name("bundle_of_schema_1.json")


def test_a_bundle_of_schema_1_is_read_and_its_hash_checked(tmp_path):
    found = bundles.read(OLD)
    assert (found.schema_, found.id, found.study) == (1, "", "small")
    assert found.identity == found.model_copy(update={"schema_": 2}).sealed().id
    (tmp_path / "old.json").write_text(OLD.read_text().replace('"seed": 7', '"seed": 8'))
    with pytest.raises(BadDocument, match="the hash does not fit"):
        bundles.read(tmp_path / "old.json")


def test_a_bundle_of_schema_1_is_written_back_as_it_was(tmp_path):
    bundles.write(bundles.read(OLD), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == OLD.read_bytes()


def test_a_bundle_of_schema_1_has_no_id_and_one_of_schema_2_needs_it(tmp_path):
    plain = json.loads(OLD.read_text())
    for changed, words in (
        ({"id": "a" * 64}, "a bundle of schema 1 has no “id”"),
        ({"schema": 2}, "the hash does not fit"),
        ({"schema": 3}, "schema: Input should be 1 or 2"),
    ):
        (tmp_path / "old.json").write_text(json.dumps(plain | changed))
        with pytest.raises(BadDocument, match=words):
            bundles.read(tmp_path / "old.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"words"',
        b"PK\x03\x04",
        b"\xff\xfe",
        b"\x00" * 9,
        b"[" * 100_000,
        b'{"seed": ' + b"9" * 5_000 + b"}",
        b'{"study": "a", "study": "b"}',
        b'{"study": "\\ud800"}',
    ],
    ids=["empty", "cut", "list", "null", "words", "zip", "utf16", "nul", "deep", "long", "twice", "half"],
)
def test_what_is_no_bundle_is_refused_by_name(tmp_path, data):
    path = tmp_path / "results.json"
    path.write_bytes(data)
    with pytest.raises(BadDocument, match=r"^results\.json: this is not a results bundle\.$"):
        bundles.read(path)


def test_a_file_that_is_not_there_or_cannot_be_read_is_not_called_another_kind_of_file(tmp_path):
    with pytest.raises(BadDocument, match=r"^results\.json: there is no such file\.$"):
        bundles.read(tmp_path / "results.json")
    (tmp_path / "results.json").mkdir()
    with pytest.raises(BadDocument, match=r"^results\.json: cannot be read \(Is a directory\)\.$"):
        bundles.read(tmp_path / "results.json")


@pytest.mark.parametrize("place", ["title", "analyses.0.id", "software.numpy", "samples.0.outcome"])
def test_half_a_character_anywhere_is_refused(tmp_path, place):
    plain = bundle().sealed().plain()
    *way, last = (int(part) if part.isdecimal() else part for part in place.split("."))
    part = plain
    for step in way:
        part = part[step]
    part[last] = "\udcff"
    (tmp_path / "results.json").write_text(json.dumps(plain))
    with pytest.raises(BadDocument, match=r"^results\.json: this is not a results bundle\.$"):
        bundles.read(tmp_path / "results.json")


@pytest.mark.parametrize("part", ["analyses", "samples"])
def test_what_stands_twice_is_refused(tmp_path, part):
    plain = bundle().sealed().plain()
    plain[part] += [plain[part][0] | {}]
    (tmp_path / "results.json").write_text(json.dumps(plain))
    with pytest.raises(BadDocument, match="stands twice"):
        bundles.read(tmp_path / "results.json")


def test_a_file_that_is_far_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "results.json"
    with path.open("wb") as file:
        file.truncate(bundles.MAX_BYTES + 1)
    with pytest.raises(BadDocument, match=r"^results\.json: larger than 64 MB"):
        bundles.read(path)


def test_every_cut_of_a_bundle_is_refused(tmp_path):
    bundles.write(bundle(), tmp_path / "whole.json")
    text = (tmp_path / "whole.json").read_text()
    for end in range(0, len(text.rstrip()), 97):
        (tmp_path / "cut.json").write_text(text[:end])
        with pytest.raises(BadDocument, match=r"cut\.json: this is not a results bundle\."):
            bundles.read(tmp_path / "cut.json")
