"""The file of site periods: what is read, and what is refused with its line."""

from __future__ import annotations

import datetime as dt

import pytest

from impact import site_periods
from impact.errors import BadDocument

GOOD = """schema: 1
study: trial
sites:
  - code: WAL
    name: Walsall
    live: {planned: 2020-06-01, actual: 2021-09-01}
    readiness: low
    embedding: {from: 2021-06-01, until: 2021-09-01}
    scores:
      - {phase: 12m, fidelity: 3.5}
  - code: CMP
"""


def written(tmp_path, text):
    path = tmp_path / "sites.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_is_read(tmp_path):
    found = site_periods.read(written(tmp_path, GOOD))
    walsall = found.site("WAL")
    assert walsall.live.used == dt.date(2021, 9, 1)
    assert walsall.embedding.from_ == dt.date(2021, 6, 1)
    assert walsall.scores[0].fidelity == 3.5
    assert found.site("CMP").live.used is None


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("readiness: low", "readyness: low", "line 7, sites.0.readyness: .*Did you mean “readiness”"),
        ("readiness: low", "readiness: medium", "line 7, sites.0.readiness: .*'high' or 'low'"),
        ("until: 2021-09-01", "until: 2021-06-01", "line 8, sites.0.embedding: “until” has to come after"),
        ("- code: CMP", "- code: WAL", "line 3, sites: stands twice: WAL"),
        ("- code: CMP", "- name: CMP", "line 11, sites.1.code: is missing"),
        ("schema: 1", "schema: 2", "line 1, schema: "),
        ("    name: Walsall\n", "    name: Walsall\n    name: Walsall\n", "Line 6: “name” stands twice"),
        ("name: Walsall", "name: &a [*a]", "anchors and aliases"),
        ("fidelity: 3.5", "fidelity: .nan", "line 10, sites.0.scores.0.fidelity: .*finite"),
        ("name: Walsall", "name: [", "Line 7: expected"),
    ],
)
def test_a_faulty_file_is_refused_with_line_and_key(tmp_path, before, after, complaint):
    assert before in GOOD
    with pytest.raises(BadDocument, match=f"^sites.yaml.*{complaint}"):
        site_periods.read(written(tmp_path, GOOD.replace(before, after)))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "the file: should begin with keys such as “schema:”"),
        (b"\xc3\x28", "not a text file"),
        (b"a: " + b"x" * (1 << 20), "larger than 1 MB"),
    ],
)
def test_a_file_that_is_no_document_is_refused(tmp_path, data, complaint):
    with pytest.raises(BadDocument, match=complaint):
        site_periods.read(written(tmp_path, data))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadDocument, match=r"none.yaml: cannot be read \(No such file"):
        site_periods.read(tmp_path / "none.yaml")
