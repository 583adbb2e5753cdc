"""Dyestuff, analysis of variance by a second program, a case by hand, and what a correlation cannot be computed from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from impact.errors import BadData, NotIdentified
from impact.icc import anova_icc, anova_icc_of_counts, latent_icc, latent_sd


def test_dyestuff_equals_analysis_of_variance(reference, published):
    expected = reference["icc_dyestuff"]
    dyes = published("dyestuff")
    found = anova_icc(dyes["Yield"], dyes["Batch"])
    assert found.f == pytest.approx(expected["F"], abs=expected["tol"])
    assert found.icc.value == pytest.approx(expected["icc"], abs=expected["tol"])
    assert found.variance_between == pytest.approx(expected["sb2"], abs=0.005)  # printed with two decimals
    assert found.variance_within == pytest.approx(expected["sw2"], abs=0.005)
    second = stats.f_oneway(*(group["Yield"] for _, group in dyes.groupby("Batch")))
    assert (found.f, found.icc.p_value) == pytest.approx((second.statistic, second.pvalue), rel=1e-9)
    assert found.notes == ()


def test_equal_clusters_equal_analysis_of_variance():
    r = np.random.default_rng(8)
    batch = np.repeat(list("ABCDEF"), 5)
    y = 1500 + np.repeat(r.normal(0, 40, 6), 5) + r.normal(0, 50, 30)
    found = anova_icc(y, batch)
    second = stats.f_oneway(*(y[batch == letter] for letter in "ABCDEF"))
    assert (found.f, found.icc.p_value) == pytest.approx((second.statistic, second.pvalue), rel=1e-9)
    within = np.mean([y[batch == letter].var(ddof=1) for letter in "ABCDEF"])
    between = np.var([y[batch == letter].mean() for letter in "ABCDEF"], ddof=1) - within / 5
    assert (found.variance_between, found.variance_within) == pytest.approx((between, within), rel=1e-9)
    assert found.icc.value == pytest.approx(between / (between + within), rel=1e-9)
    assert found.notes == ()


@pytest.mark.row("000-07")
def test_counts_with_n0_and_mean_size():
    # the formula on rows, beside the function that never makes them
    r = np.random.default_rng(15)
    sizes = r.integers(20, 90, 15)
    events = r.binomial(sizes, r.beta(2, 12, 15))
    herds = [np.repeat([1.0, 0.0], [a, n - a]) for a, n in zip(events, sizes, strict=True)]
    f = stats.f_oneway(*herds).statistic
    n0 = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / 14
    found = anova_icc_of_counts(events, sizes)
    assert found.size_n0 == pytest.approx(n0, rel=1e-12)
    assert found.icc.value == pytest.approx((f - 1) / (f - 1 + n0), rel=1e-9)
    assert found.icc_mean_size.value == pytest.approx((f - 1) / (f - 1 + sizes.mean()), rel=1e-9)
    assert "unequal_sizes" in [note.code for note in found.notes]


@pytest.mark.row("000-07")
def test_counts_equal_rows():
    events, sizes = [3, 0, 5], [10, 4, 9]
    rows = np.concatenate([[1] * a + [0] * (n - a) for a, n in zip(events, sizes, strict=True)])
    by_row = anova_icc(rows, np.repeat(["a", "b", "c"], sizes))
    by_count = anova_icc_of_counts(events, sizes)
    assert by_count.f == pytest.approx(by_row.f, rel=1e-12)
    assert (by_count.icc.low, by_count.icc.high) == pytest.approx(
        (by_row.icc.low, by_row.icc.high), abs=1e-12
    )


def test_by_hand_with_unequal_sizes():
    # Means 1 and 4 around 2.8; between: 2·1.8² + 3·1.2² = 10.8; within: 2 + 2 = 4 on 3 degrees; n0 = 5 - 13/5 = 2.4.
    found = anova_icc([0, 2, 3, 4, 5], ["a", "a", "b", "b", "b"])
    assert found.f == pytest.approx(10.8 / (4 / 3))
    assert found.size_n0 == pytest.approx(2.4)
    assert found.icc.value == pytest.approx(7.1 / (7.1 + 2.4))
    assert found.icc_mean_size.value == pytest.approx(7.1 / (7.1 + 2.5))


def test_negative_estimate_is_set_to_zero_and_said():
    found = anova_icc([0, 1, 0, 1], ["a", "a", "b", "b"])
    assert (found.icc.value, found.variance_between, found.icc.low) == (0, 0, 0)
    note = next(note for note in found.notes if note.code == "negative_icc")
    assert "-1.000000" in note.text  # F = 0 and n0 = 2: (0 - 1) / (0 - 1 + 2)


def test_offset_of_the_outcome_does_not_matter():
    y, g = np.arange(12.0) % 5, np.arange(12) // 4
    assert anova_icc(y + 1e9, g).f == pytest.approx(anova_icc(y, g).f, rel=1e-6)


def test_latent_scale_and_back():
    assert latent_icc(0.1547) == pytest.approx(0.00722, abs=5e-6)
    assert latent_sd(latent_icc(0.8)) == pytest.approx(0.8)
    assert latent_icc(0) == 0
    for bad in (-0.1, 1.0):
        with pytest.raises(BadData):
            latent_sd(bad)
    with pytest.raises(BadData):
        latent_icc(float("nan"))


def test_interval_covers_as_it_claims_for_equal_normal_clusters():
    r = np.random.default_rng(4)
    g = np.repeat(np.arange(8), 6)
    inside = 0
    for _ in range(400):
        y = r.normal(0, 0.5, 8)[g] + r.normal(size=48)
        found = anova_icc(y, g).icc
        inside += found.low <= 0.2 <= found.high
    assert abs(inside / 400 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)


@pytest.mark.parametrize(
    ("y", "g", "error", "message"),
    [
        ([1, 2, 3], ["a", "a", "a"], NotIdentified, "at least two clusters"),
        ([1, 2, 3], ["a", "b", "c"], NotIdentified, "Every cluster holds one row"),
        ([1, 1, 2, 2], ["a", "a", "b", "b"], NotIdentified, "does not vary within"),
        ([0, 0, 0, 0], ["a", "a", "b", "b"], NotIdentified, "does not vary within"),
        ([1, np.nan, 2, 2], ["a", "a", "b", "b"], BadData, "first in row 2"),
        ([1, 2], ["a", "b", "b"], BadData, "has 3 rows"),
    ],
)
def test_unusable_data_are_refused(y, g, error, message):
    with pytest.raises(error, match=message):
        anova_icc(y, g)


@pytest.mark.parametrize(
    ("events", "sizes"), [([-1, 2], [5, 5]), ([6, 2], [5, 5]), ([0.5, 2], [5, 5]), ([0, 0], [0, 5])]
)
def test_impossible_counts_are_refused(events, sizes):
    with pytest.raises(BadData):
        anova_icc_of_counts(events, sizes)


@pytest.mark.row("ST-08")
@pytest.mark.parametrize("scale", [1.0, 1 / 3, 1e-7, 0.1, 7.0])
def test_no_correlation_on_paper_is_nil_and_not_negative(scale):
    root = 2**0.5
    found = anova_icc(np.array([-1 - root, -1 + root, 1 - root, 1 + root]) * scale, [1, 1, 2, 2])
    assert (found.f, found.icc.value) == (1.0, 0.0)
    assert "negative_icc" not in [note.code for note in found.notes]
