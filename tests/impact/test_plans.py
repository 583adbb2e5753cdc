"""Plans: what is refused, what the hash covers, and whether a plan is the registered one."""

from __future__ import annotations

import pytest

from impact import plans
from impact.errors import BadDocument

PLAN = """schema: 1
study: trial
title: A trial
protocol: Version 2
seed: 7
site_periods: sites.yaml
trial: {opens_on: 2020-01-01, closes_on: 2023-01-01, data_until: 2026-01-31}
tables: {children: children.parquet, referrals: referrals.parquet, care: care.parquet}
readings:
  - {point: 18 or 24 months, taken: 18 months, because: the table goes before the text}
outcomes:
  - {id: looked-after, coding: looked_after, oldest: 12, months: 18}
analyses:
  - {id: primary, role: primary, outcomes: [looked-after], model: wedge_logit}
  - {id: permuted, role: sensitivity, outcomes: [looked-after], model: permutation}
multiplicity: {method: hochberg, analyses: [primary, permuted]}
"""


def written(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return path


def test_a_plan_is_read_and_hashed_the_same_however_it_is_spaced(tmp_path):
    plan = plans.read(written(tmp_path, PLAN))
    spaced = plans.read(written(tmp_path, PLAN.replace("seed: 7", "# the seed\n\nseed:    7")))
    assert plan.sha256 == spaced.sha256
    assert plan.is_as_registered is None
    assert plan.outcomes[0].is_binary


def test_the_hash_tells_a_change_and_leaves_out_registration_and_deviations(tmp_path):
    plan = plans.read(written(tmp_path, PLAN))
    registered = f"registration: {{where: the register, on: 2020-01-01, sha256: {plan.sha256}}}\n"
    deviations = "deviations:\n  - {what: later data, why: the return was late, on: 2024-05-01}\n"
    assert plans.read(written(tmp_path, PLAN + registered + deviations)).is_as_registered is True
    changed = PLAN.replace("months: 18", "months: 24") + registered
    assert plans.read(written(tmp_path, changed)).is_as_registered is False


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("title: A trial", "titel: A trial", r"line 3, titel: there is no such key\. Did you mean “title”"),
        ("model: permutation", "model: permutaton", r"line 15, analyses\.1\.model: .*'permutation'"),
        (
            "outcomes: [looked-after], model: wedge",
            "outcomes: [looked_after], model: wedge",
            "which is not in the plan",
        ),
        ("id: permuted", "id: primary", "analyses: “primary” stands twice"),
        ("[primary, permuted]", "[primary, permutation]", "multiplicity names the analysis “permutation”"),
        ("role: sensitivity", "role: primary", "exactly one analysis"),
        ("closes_on: 2023-01-01", "closes_on: 2019-01-01", "line 7, trial: .*have to follow one another"),
        ("care: care.parquet", "care: ../care.parquet", r"tables\.care: has to be the name of a \.parquet"),
        ("oldest: 12", "oldest: -1", r"outcomes\.0\.oldest: .*greater than or equal to 0"),
        ("seed: 7\n", "seed: 7\nsmallest_count: 5\n", "smallest_count: .*greater than or equal to 10"),
    ],
)
def test_a_faulty_plan_is_refused_with_line_and_key(tmp_path, before, after, complaint):
    assert before in PLAN
    with pytest.raises(BadDocument, match=complaint):
        plans.read(written(tmp_path, PLAN.replace(before, after)))
