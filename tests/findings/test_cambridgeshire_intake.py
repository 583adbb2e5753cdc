"""The pilot's files through its own protocol and mappings: every published percentage comes out again."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from findings.studies.cambridgeshire import write_responses
from findings.studies.cambridgeshire.appendix import appendix
from ipe.models import Evaluation
from surveys.models import Answer, Intake, Response

pytestmark = pytest.mark.django_db

STUDIES = Path(write_responses.__file__).resolve().parents[1]
MAPPINGS = {"interim": "mapping-interim.yaml", "follow-up": "mapping-follow-up.yaml"}
WAVES = {"interim": "interim", "follow-up": "follow_up"}
MET, NOT_MET, NO_TARGET = "met", "not_met", "no_target"

# indicator: (count, base, printed percent, verdict) at interim and at follow-up; None where the item was not
# asked. The percent is None where the report prints none, or another (see docs/cambridgeshire-report.md).
PUBLISHED = {
    "1a-group-supervision": ((21, 38, 55, NOT_MET), (24, 31, 77, MET)),
    "1a-clinical-supervision": ((33, 44, None, MET), (26, 29, None, MET)),
    "1a-mi-training": ((50, 52, 96, MET), (34, 40, 85, MET)),
    "1a-mi-follow-up": (None, (14, 39, 36, NOT_MET)),
    "1a-intervention-programme": ((12, 37, None, NOT_MET), (18, 29, None, NOT_MET)),
    "1a-workbook": ((34, 44, 77, NO_TARGET), (21, 31, 68, NO_TARGET)),
    "1b-training-useful": ((42, 50, 84, MET), (32, 34, 94, MET)),
    "1b-mi-effective": ((43, 52, None, MET), (35, 40, 88, MET)),
    "1b-practice-improved": ((18, 52, 35, NOT_MET), (18, 40, 45, NOT_MET)),
    "1b-kept-informed": ((35, 50, 70, MET), (29, 39, 74, MET)),
    "1b-introduction-managed": ((18, 50, 36, NOT_MET), (15, 39, 38, NOT_MET)),
    "1b-satisfied-in-job": ((36, 50, 72, MET), (25, 37, 68, NOT_MET)),
    "1b-intends-to-remain": ((37, 50, 74, MET), (29, 37, 78, MET)),
    "1b-stressed": ((16, 50, 32, NO_TARGET), (13, 37, None, NO_TARGET)),
    "1c-direct-work-time": ((20, 42, 48, NOT_MET), (10, 25, 40, NOT_MET)),
    "1c-model-time": ((16, 50, 32, NOT_MET), (11, 37, 30, NOT_MET)),
    "1c-understands-model": ((42, 52, 81, NO_TARGET), (34, 40, 85, NO_TARGET)),
    "1c-confident-mi": ((38, 46, 83, NO_TARGET), (30, 35, 86, NO_TARGET)),
    "1c-supervision-helpful": ((35, 46, 76, NO_TARGET), (31, 37, 84, NO_TARGET)),
    "1c-prepared": ((23, 52, 44, NO_TARGET), (18, 40, 45, NO_TARGET)),
    "1c-leadership-support": ((24, 50, 48, NOT_MET), (26, 39, 67, NOT_MET)),
    "2a-uses-mi": ((39, 51, 76, NO_TARGET), (31, 40, 78, NO_TARGET)),
    "2b-expects-outcomes": ((35, 51, None, NO_TARGET), None),
    "2b-manages-risk": (None, (27, 37, None, NO_TARGET)),
    "2b-family-engagement": (None, (25, 37, None, NO_TARGET)),
    "2b-improves-outcomes": (None, (27, 37, None, NO_TARGET)),
}


@pytest.fixture
def pilot(tmp_path: Path) -> Evaluation:
    """The study from its protocol, with both files taken in by the command."""
    out = io.StringIO()
    call_command("protocol", "import", STUDIES / "cambridgeshire-pilot" / "protocol.yaml", stdout=out)
    paths = dict(zip(MAPPINGS, write_responses.write(tmp_path), strict=True))
    for phase, name in MAPPINGS.items():
        call_command(
            "survey",
            "ingest",
            paths[phase],
            "--evaluation=cambridgeshire-pilot",
            "--instrument=staff-survey",
            "--site=cambridgeshire",
            f"--phase={phase}",
            f"--mapping={STUDIES / 'cambridgeshire' / name}",
            f"--eligible={appendix().waves[WAVES[phase]].eligible}",
            "--eligible-source=Published report, Methods",
            stdout=out,
        )
    return Evaluation.objects.get(slug="cambridgeshire-pilot")


def indicators(as_: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The overall rows of the command's JSON that were read from the survey, by indicator and phase."""
    out = io.StringIO()
    call_command("indicators", "cambridgeshire-pilot", f"--as={as_}", stdout=out)
    rows = json.loads(out.getvalue())
    return {
        (row["indicator"], row["phase"]): row for row in rows if row["item"] and row["scope"] == "overall"
    }


@pytest.mark.row("003-04", "003-05")
def test_every_percentage_comes_out_as_published_and_nobody_is_stored(pilot: Evaluation):
    """One test, because taking in both files takes longer than all that is asked of them."""
    working = indicators("working")
    its_percentages_are_the_published_ones(working)
    # Released too: the study's smallest count is 1, because its tables are public.
    its_percentages_are_the_published_ones(indicators("released"))
    its_items_that_a_wave_did_not_ask_have_no_figure(working)
    # Exactly on the threshold.
    row = working["1b-kept-informed", "interim"]
    assert (row["percent"], row["threshold"], row["verdict"]) == (70, 70, MET)
    all_its_respondents_are_stored_and_nothing_that_identifies_them(pilot)


def its_percentages_are_the_published_ones(rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert {code for code, _ in rows} == set(PUBLISHED)
    for code, pair in PUBLISHED.items():
        for phase, expected in zip(WAVES, pair, strict=True):
            if expected is None:
                continue
            numerator, base, printed, verdict = expected
            row = rows[code, phase]
            assert (row["numerator"], row["base"], row["verdict"]) == (numerator, base, verdict), (
                code,
                phase,
            )
            assert row["percent"] == pytest.approx(100 * numerator / base, abs=1e-12)
            assert row["eligible"] == appendix().waves[WAVES[phase]].eligible
            if printed is not None:
                assert int(Fraction(100 * numerator, base) + Fraction(1, 2)) == printed


def its_items_that_a_wave_did_not_ask_have_no_figure(rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    silent = [
        (code, phase)
        for code, pair in PUBLISHED.items()
        for phase, one in zip(WAVES, pair, strict=True)
        if not one
    ]
    assert len(silent) == 5
    for key in silent:
        assert key not in rows or (rows[key]["base"], rows[key]["percent"]) == (0, None)


def all_its_respondents_are_stored_and_nothing_that_identifies_them(pilot: Evaluation) -> None:
    stored = Intake.objects.filter(instrument__evaluation=pilot, state="stored").order_by(
        "wave__phase__order"
    )
    assert [(row.n_rows, row.n_read) for row in stored] == [(54, 54), (43, 43)]
    assert [row.removed_columns for row in stored] == [6, 6]  # address, place, names and e-mail
    assert Response.objects.filter(intake__in=stored).count() == 97
    assert not Answer.objects.filter(response__intake__in=stored, text_sealed__isnull=False).exists()
    two_districts = [row for row in Response.objects.filter(intake__in=stored) if row.teams.count() == 2]
    assert len(two_districts) == 1
