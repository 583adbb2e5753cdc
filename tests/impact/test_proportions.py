import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from impact.errors import BadData
from impact.proportions import difference, proportion


def test_proportion_wilson_published(reference):
    for case, expected in reference["wilson"].items():
        if "/" in case:
            found = proportion(*map(int, case.split("/")))
            assert [found.low, found.high] == pytest.approx(expected, abs=reference["wilson"]["tol"])


@pytest.mark.parametrize(("count", "n"), [(0, 20), (20, 20), (7, 31), (0, 1)])
@pytest.mark.parametrize(("method", "peer"), [("wilson", "wilson"), ("exact", "exact")])
def test_proportion_second_program(count, n, method, peer):
    expected = stats.binomtest(count, n).proportion_ci(method=peer)
    found = proportion(count, n, method=method)
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=1e-9)


def test_proportion_ends_are_exact():
    assert proportion(0, 20).low == 0.0
    assert proportion(20, 20).high == 1.0


@pytest.mark.parametrize(("count", "n"), [(1, 0), (-1, 5), (6, 5), (2.5, 5), (np.nan, 5), (1, "5")])
def test_proportion_bad_counts(count, n):
    with pytest.raises(BadData):
        proportion(count, n)


def test_proportion_bad_level():
    with pytest.raises(BadData, match="level"):
        proportion(1, 2, level=95)


def test_difference_newcombe_published():
    found = difference(56, 70, 48, 80)  # Newcombe (1998), table II, method 10
    assert [found.value, found.low, found.high] == pytest.approx([0.2, 0.0524, 0.3339], abs=5e-5)


@pytest.mark.parametrize("counts", [(9, 10, 3, 10), (0, 10, 4, 12), (10, 10, 0, 10)])
def test_difference_second_program(counts):
    found = difference(*counts)
    assert (found.low, found.high) == pytest.approx(
        confint_proportions_2indep(*counts, method="newcomb"), abs=1e-9
    )
    one, n_one, two, n_two = counts
    peer = stats.chi2_contingency([[one, n_one - one], [two, n_two - two]], correction=False)
    assert found.p_value == pytest.approx(peer.pvalue)


def test_difference_no_case_at_all():
    assert difference(0, 5, 0, 9).p_value == 1
