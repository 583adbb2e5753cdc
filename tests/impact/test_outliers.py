import numpy as np
import pytest
from matplotlib.cbook import boxplot_stats

from impact.errors import BadData
from impact.outliers import beyond, interquartile


def test_interquartile_threshold_of_76_days():
    # Quartiles 16 and 40 give the 76 working days of the published evaluation; 76 itself stays.
    days = [1, 16, 20, 40, 76, 16, 40, 77, 25]
    found = interquartile(days)
    assert (found.lower_quartile, found.upper_quartile, found.high) == (16, 40, 76)
    assert found.keep.tolist() == [True] * 7 + [False, True]
    assert (found.n_dropped, found.low) == (1, -np.inf)
    assert {note.code for note in found.notes} == {"threshold_matters"}


def test_interquartile_second_program():
    values = np.random.default_rng(1).standard_t(2, 400)
    box = boxplot_stats(values)[0]
    found = interquartile(values, sides="both")
    assert sorted(values[~found.keep]) == sorted(box["fliers"])
    assert (values[found.keep].min(), values[found.keep].max()) == (box["whislo"], box["whishi"])


def test_interquartile_one_side_keeps_small_values():
    found = interquartile([-1000, 1, 2, 3, 4, 1000])
    assert found.keep.tolist() == [True] * 5 + [False]


def test_interquartile_definition_of_quartiles_matters():
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16]
    assert interquartile(values).high < interquartile(values, quartiles="weibull").high


def test_interquartile_no_spread():
    found = interquartile([3, 3, 3, 3, 4])
    assert found.n_dropped == 1
    assert "no_spread" in {note.code for note in found.notes}


def test_interquartile_nothing_dropped():
    assert interquartile([1.0, 2.0, 3.0]).notes == ()


@pytest.mark.parametrize("values", [[1, np.nan], [1, np.inf], [], ["a"]])
def test_interquartile_bad_values(values):
    with pytest.raises(BadData, match="duration"):
        interquartile(values, "duration")


def test_interquartile_bad_multiplier():
    with pytest.raises(BadData, match="multiplier"):
        interquartile([1, 2], multiplier=0)


def test_beyond_limit_set_by_hand():
    found = beyond([10, 76, 77, 310, 311], 310)
    assert found.keep.tolist() == [True] * 4 + [False]
    with pytest.raises(BadData, match="limit"):
        beyond([1], np.nan)


@pytest.mark.row("ST-08")
@pytest.mark.parametrize("wrong", [1e12, 1e15, 1e300])
def test_one_outlier_hides_no_other(wrong):
    values = [*range(1, 31), 400.0, 900.0, wrong]
    found = interquartile(values)
    assert found.n_dropped == 3
    assert beyond(values, 310).n_dropped == 3
    assert not [note for note in found.notes if note.code == "no_spread"]


def test_value_on_the_limit_but_for_rounding_is_kept():
    assert beyond([1, 2, 3, 0.3, 0.1 + 0.2], 0.3).n_dropped == 3
    assert beyond([1, 2, 3, 310 + 1e-11, 310.001], 310).keep.tolist() == [True, True, True, True, False]
