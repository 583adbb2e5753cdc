"""A small plan of a stepped wedge, for tests of what surrounds the estimates."""

from __future__ import annotations

from pathlib import Path

SITES = """
schema: 1
study: small
sites:
  - {code: A, name: Ashcombe, readiness: high, live: {planned: 2020-07-01}}
  - {code: B, name: Brindle, readiness: high, live: {planned: 2021-01-01}}
  - {code: C, name: Corley, readiness: low, live: {planned: 2021-07-01}}
"""

PLAN = """
schema: 1
study: small
title: A small trial
protocol: invented
seed: 7
site_periods: sites.yaml
trial: {opens_on: 2020-01-01, closes_on: 2022-01-01, data_until: 2024-06-30, period_months: 6}
readings:
  - {point: How long children are followed, taken: 18 months, because: The table says so}
tables: {children: children.parquet, referrals: referrals.parquet, care: care.parquet}
covariates:
  columns:
    - {name: age_months, kind: number}
    - {name: sex, kind: category}
outcomes:
  - {id: looked-after, coding: looked_after, oldest: 12, months: 18}
analyses:
  - {id: primary, role: primary, outcomes: [looked-after], model: wedge_logit}
  - {id: permutation, role: sensitivity, outcomes: [looked-after], model: permutation}
"""


def written(folder: Path, *, plan: str = PLAN, sites: str = SITES) -> Path:
    """The path of the plan, written into the folder beside its site periods."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sites.yaml").write_text(sites, encoding="utf-8")
    path = folder / "plan.yaml"
    path.write_text(plan, encoding="utf-8")
    return path
