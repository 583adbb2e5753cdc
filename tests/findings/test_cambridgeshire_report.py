"""The page of disagreements: equal to what the data give, complete for what is known, silent elsewhere."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from findings.studies.cambridgeshire import contradictions, disagreements, doubts
from findings.studies.cambridgeshire.figures import AGREES, CUT, DIFFERS, compared, figures, percent, shown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cambridgeshire-report.md"


@pytest.mark.row("003-22")
def test_page_is_what_the_code_generates():
    assert PAGE.read_text(encoding="utf-8") == disagreements.page()


def found(finder) -> dict[str, contradictions.Disagreement]:
    return {one.what: one for one in finder()}


def test_numbers_that_differ_between_text_and_table():
    numbers = {
        what: (one.says[0][1], one.says[1][1])
        for what, one in found(contradictions.different_numbers).items()
    }
    assert numbers == {
        "Abuse or neglect as the primary need of new cases (Aug–Oct 2019)": (
            "over 70% in every period",
            "108 of 159, printed as 70%",
        ),
        "Domestic abuse as secondary need, highest": ("51%", "267 of 545, 49.0%"),
        "Substance misuse as secondary need, highest": ("40%", "202 of 545, 37.1%"),
        "Stressed in the job (follow-up)": ("30%", "13 of 37"),
        "Re-referrals, Feb–Apr 2020": ("47%", "58%"),
        "Re-referrals, May–Jul 2020": ("49%", "62%"),
        "Looked after, October 2019": ("233", "223"),
    }


def test_claims_that_the_counts_contradict():
    claims = {
        what: (one.says[0][1], one.says[1][1])
        for what, one in found(contradictions.contradicted_claims).items()
    }
    assert claims.keys() >= {
        "Whether stress rose between the waves",
        "Whether re-referrals fell after the launch",
        "The most common secondary need (May–Jul 2020)",
        "Which roles answered at follow-up",
    }
    assert claims["Who was interviewed at interim"] == (
        "3 social workers and 2 senior practitioners",
        "interviews with social workers: 5",
    )
    assert claims["How many completed the survey"] == (
        "54 (69%) and 43 (48%) did",
        "52 down to 50 answers, then 40 down to 37",
    )


def test_bases_and_sources_in_doubt():
    bases, sources = found(doubts.bases_in_doubt), found(doubts.two_sources)
    assert [value for _, value in bases["How many respondents hold no cases"].says] == [
        "7, later 9",
        "3, later 5",
    ]
    assert "of 50 and 37" in bases["Time for the model: frontline staff or all staff"].arithmetic
    assert sources["When there were ten teams"].says[1][1] == (
        "9 on 30 April 2020, after the launch; 10 on 31 July 2020"
    )


def test_tables_that_do_not_add_up():
    totals = {
        what: (one.says[0][1], one.says[1][1])
        for what, one in found(contradictions.tables_that_do_not_add_up).items()
    }
    assert totals == {
        "How often you receive case supervision (interim)": ("34", "1 + 32 + 8 + 3 + 0 = 44"),
        "The model helps to manage risk (follow-up)": ("39", "4 + 23 + 9 + 1 + 0 = 37"),
        "The model improves families' engagement (follow-up)": ("39", "6 + 19 + 11 + 1 + 0 = 37"),
        "The model improves outcomes (follow-up)": ("39", "6 + 21 + 9 + 1 + 0 = 37"),
        "Primary need of new cases (Feb–Apr 2020)": ("505", "add to 478"),
    }


def test_shares_that_were_cut():
    shares = [(one.says[0][1], one.says[1][1]) for one in contradictions.shares_cut()]
    assert shares == [
        ("66%", "4 of 6"),
        ("82%", "43 of 52"),
        ("68%", "35 of 51"),
        ("0.5%", "3 of 545"),
        ("0.5%", "3 of 545"),
        ("35%", "519 of 1,454"),
    ]


def test_every_percentage_of_the_table_of_cases_is_listed_or_agrees():
    """81 are printed. The four that do not agree are the three that look cut and 108 of 159."""
    wrong = [
        (one.n, one.base, str(one.printed))
        for one in contradictions.shares_in_the_table_of_cases()
        if compared(one.share, one.printed) != AGREES
    ]
    assert len(list(contradictions.shares_in_the_table_of_cases())) == 81
    assert wrong == [(108, 159, "70"), (3, 545, "0.5"), (3, 545, "0.5"), (519, 1454, "35")]


def test_every_figure_of_the_text_is_listed_agrees_or_says_why_not():
    page = PAGE.read_text(encoding="utf-8")
    for figure in figures():
        if not figure.is_checked:
            assert figure.why_not.replace("'", "’") in page
        elif figure.outcome != AGREES:
            assert f"**{figure.printed}" in page or f"**over {figure.printed}" in page, figure
    assert sum(figure.is_checked for figure in figures()) == 137


@pytest.mark.parametrize(
    "finder", [finder for _, _, finder in disagreements.SECTIONS], ids=lambda f: f.__name__
)
def test_every_disagreement_names_two_places_and_speaks(finder):
    listed = list(finder())
    assert listed
    for one in listed:
        assert len(one.says) >= 2
        assert one.arithmetic.endswith(".")
        assert "|" not in one.what + one.arithmetic + "".join(place + value for place, value in one.says)


@pytest.mark.parametrize(
    ("numerator", "base", "printed", "outcome"),
    [
        (35, 40, "88", AGREES),  # 87.5: a half goes up
        (35, 50, "70", AGREES),
        (43, 52, "82", CUT),
        (43, 52, "83", AGREES),
        (13, 37, "30", DIFFERS),
        (3, 545, "0.5", CUT),
        (3, 545, "0.6", AGREES),
        (139, 200, "70", AGREES),  # 69.5 is printed as 70, which is why verdicts never use printed figures
    ],
)
def test_compared(numerator, base, printed, outcome):
    assert compared(percent(numerator, base), Decimal(printed)) == outcome


def test_shown_rounds_a_half_upwards():
    assert [shown(Fraction(1, 8), 2), shown(Fraction(8125, 100)), shown(Fraction(5, 2), 0)] == [
        "0.13",
        "81.3",
        "3",
    ]
