import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from impact.errors import BadData
from impact.multiplicity import hochberg


def test_hochberg_published(reference):
    for case in reference["hochberg"]:
        assert np.round(hochberg(case["p"]).adjusted, 10).tolist() == case["adj"]


def test_hochberg_second_program():
    p = np.random.default_rng(5).uniform(size=40) ** 2
    assert hochberg(p).adjusted == pytest.approx(multipletests(p, method="simes-hochberg")[1], abs=1e-15)


def test_hochberg_order_and_names_kept():
    found = hochberg([0.04, 0.001, 0.03], ["days", "care", "absence"])
    assert found.names == ("days", "care", "absence")
    assert found.adjusted == pytest.approx((0.04, 0.003, 0.04))
    assert found.is_rejected == (True, True, True)


def test_hochberg_absent_outcome_counts_as_one():
    found = hochberg([0.02, 0.03], family_size=4)
    assert found.adjusted == pytest.approx(multipletests([0.02, 0.03, 1, 1], method="simes-hochberg")[1][:2])
    assert found.is_rejected == (False, False)
    assert "absent_outcomes" in {note.code for note in found.notes}


def test_hochberg_single():
    assert hochberg([0.04]).adjusted == (0.04,)


@pytest.mark.parametrize("p", [[0.1, np.nan], [-0.1], [1.2], [], ["small"], [[0.1]]])
def test_hochberg_bad_p_values(p):
    with pytest.raises(BadData, match="p-value"):
        hochberg(p)


@pytest.mark.parametrize(
    "options", [{"alpha": 0}, {"family_size": 1}, {"names": ["a"]}, {"names": ["a", "a"]}]
)
def test_hochberg_bad_arguments(options):
    with pytest.raises(BadData):
        hochberg([0.1, 0.2], **options)


@pytest.mark.slow
def test_hochberg_familywise_error_of_true_nulls():
    rng = np.random.default_rng(1)
    runs = 20_000
    rejected = sum(any(hochberg(rng.uniform(size=6)).is_rejected) for _ in range(runs))
    # Simes' inequality makes the rate at most 5%; the bound is three Monte Carlo standard errors above it.
    assert rejected / runs < 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_a_p_value_whose_multiple_is_alpha_but_for_rounding_is_rejected():
    for nudge in (1 - 1e-13, 1.0, 1 + 1e-13):
        found = hochberg([0.05 / 3 * nudge, 0.6, 0.9], alpha=0.05)
        assert found.is_rejected == (True, False, False)
    assert hochberg([0.05 / 3 * (1 + 1e-8), 0.6, 0.9], alpha=0.05).is_rejected == (False, False, False)
