"""Protocol files for these tests."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STUDIES = ROOT / "findings" / "studies"
SHIPPED = ("family-safeguarding-trial", "cambridgeshire-pilot")

SMALL = """\
evaluation:
  slug: small
  title: A small study
research_questions:
  - code: 1
    text: First
    questions:
      - {code: 1a, text: Nested}
phases:
  - {code: pre, name: Before, offset_months: -3}
  - {code: 12m, name: After, offset_months: 12}
sites:
  - code: north
    name: North
    live_planned_on: 2024-04-01
    teams:
      - {code: t1, name: Team 1, parent: district}
      - {code: district, name: District}
  - {code: south, name: South}
waves:
  north:
    pre: {starts_on: 2024-01-01, ends_on: 2024-01-31}
    12m: not planned
context_events:
  - {happened_on: 2024-02-01, title: Inspection, site: north}
indicators:
  - code: 1a-training
    title: Training useful
    question: 1a
    methods: [survey]
    phases: [pre, 12m]
    thresholds:
      - phases: [12m]
        comparator: at_least
        value: 70.5
        bands:
          - {name: go, at_least: 70}
          - {name: amend, at_least: 50, below: 70}
          - {name: stop, below: 50}
  - {code: 1a-told, title: Told, unit: text, phases: [12m]}
"""


def shipped(slug: str) -> bytes:
    return (STUDIES / slug / "protocol.yaml").read_bytes()
