from importlib import resources

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multicomp import pairwise_tukeyhsd

from impact.anova import kruskal_wallis, mann_whitney, one_way, printed_f, t_scores, tukey, two_way
from impact.errors import BadData, NotIdentified

# Appendix 9 of the Signs of Safety evaluation (2020), table A9.5: decimals printed, the sum of squares and F of year, of
# pilot status and of their interaction, and the error, each on 4, 1, 4 and 70 degrees of freedom; the corrected total.
PUBLISHED = {
    "children in need": (
        3,
        (5225.143, 0.073),
        (125960.192, 7.054),
        (53780.322, 0.753),
        1250035.983,
        1435001.640,
    ),
    "assessments": (
        3,
        (140012.864, 2.145),
        (168930.580, 10.354),
        (24801.581, 0.380),
        1142063.892,
        1475808.918,
    ),
    "61 days or more": (3, (0.008, 0.590), (0.024, 7.365), (0.007, 0.562), 0.227, 0.266),
    "section 47": (3, (6574.288, 0.679), (16669.538, 6.890), (4925.691, 0.509), 169355.083, 197524.599),
    "conferences": (3, (93.199, 0.122), (4429.776, 23.121), (1111.903, 1.451), 13411.361, 19046.240),
    "days to conference": (3, (8.625, 1.621), (13.613, 10.232), (6.325, 1.189), 93.125, 121.688),
    "protection plans": (3, (75.877, 0.136), (3523.185, 25.347), (719.302, 1.294), 9729.726, 14048.090),
    "plans of 3 months": (3, (132.043, 0.911), (208.013, 5.741), (82.201, 0.567), 2536.243, 2958.500),
    "looked after": (3, (252.800, 0.245), (1496.450, 5.791), (137.300, 0.133), 18089.250, 19975.800),
}


def test_two_way_moore(reference, published):
    expected = reference["anova3_moore"]
    moore = published("moore").rename(columns={"partner.status": "partner"})
    found = two_way(moore.conformity, moore.fcategory, moore.partner, names=("fcategory", "partner"))
    keys = ("fcategory_F", "partner_F", "inter_F")
    assert [source.f for source in found.sources] == pytest.approx(
        [expected[k] for k in keys], abs=expected["tol"]
    )
    assert found.error.sum_squares == pytest.approx(expected["resid_SS"], abs=expected["tol"])
    wrong = anova_lm(smf.ols("conformity ~ fcategory * partner", moore).fit(), typ=3).loc["partner", "F"]
    assert wrong == pytest.approx(expected["WRONG_if_treatment_coding_partner_F"], abs=1e-6)
    assert abs(found.sources[1].f - wrong) > 11


def test_two_way_is_not_treatment_coded():
    rng = np.random.default_rng(14)
    frame = pd.DataFrame({"a": rng.integers(0, 3, 60), "b": rng.integers(0, 2, 60)})
    frame["y"] = rng.normal(size=60) + frame["b"] * (frame["a"] - 0.5)
    wrong, right = (
        anova_lm(smf.ols(f"y ~ C(a, {coding}) * C(b, {coding})", frame).fit(), typ=3)["F"].iloc[2]
        for coding in ("Treatment", "Sum")
    )
    found = two_way(frame.y, frame.a, frame.b).sources[1].f
    assert found == pytest.approx(right)
    assert abs(found - wrong) > 2


def test_two_way_second_program():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"a": rng.integers(0, 3, 90), "b": rng.integers(0, 4, 90), "y": rng.normal(size=90)})
    peer = anova_lm(smf.ols("y ~ C(a, Sum) * C(b, Sum)", frame).fit(), typ=3)
    found = two_way(frame.y, frame.a, frame.b)
    assert [s.sum_squares for s in found.sources] == pytest.approx(peer["sum_sq"].iloc[1:4].tolist())
    assert [s.p_value for s in found.sources] == pytest.approx(peer["PR(>F)"].iloc[1:4].tolist())


def test_two_way_offset_of_a_billion():
    rng = np.random.default_rng(4)
    a, b, y = np.repeat([0, 1], 40), np.tile(np.arange(5), 16), rng.normal(size=80)
    plain, moved = two_way(y, a, b), two_way(y + 1e9, a, b)
    assert [s.f for s in moved.sources] == pytest.approx([s.f for s in plain.sources], rel=1e-5)


def test_two_way_sixteen_authorities_five_years_has_the_published_shape():
    rng = np.random.default_rng(1)
    authority = np.repeat(np.arange(16), 5)
    found = two_way(
        rng.normal(size=80) + authority,
        np.tile(np.arange(5), 16),
        authority % 2,
        names=("year", "pilot"),
        unit=authority,
    )
    assert [s.df for s in found.sources] == [4, 1, 4]
    assert (found.error.df, found.total_df) == (70, 79)
    assert sum(s.sum_squares for s in (*found.sources, found.error)) == pytest.approx(found.total_sum_squares)
    assert [note.code for note in found.notes] == ["units_recur"]
    assert "16 units" in found.notes[0].text


def test_notes_on_independence():
    y, group = [1.0, 2, 3, 5], ["a", "a", "b", "b"]
    assert [n.code for n in one_way(y, group).notes] == ["independence_assumed"]
    assert one_way(y, group, unit=[1, 2, 3, 4]).notes == ()


@pytest.mark.slow
def test_anova_of_repeated_authorities_rejects_too_often_as_its_note_says():
    rng = np.random.default_rng(9)
    authority, runs = np.repeat(np.arange(16), 5), 400
    pilot, year = authority % 2, np.tile(np.arange(5), 16)
    rejected = sum(
        two_way(rng.normal(size=16)[authority] + rng.normal(size=80), year, pilot).sources[1].p_value < 0.05
        for _ in range(runs)
    )
    assert rejected / runs > 0.15


@pytest.mark.parametrize("outcome", PUBLISHED)
def test_printed_f_published_tables(outcome):
    decimals, *sources, error, total = PUBLISHED[outcome]
    for (sum_squares, printed), df in zip(sources, (4, 1, 4), strict=True):
        found = printed_f(sum_squares, df, error, 70, decimals=decimals)
        # The printed F is rounded as well.
        assert found.f_low - 0.0005 <= printed <= found.f_high + 0.0005
    assert sum(s for s, _ in sources) + error == pytest.approx(total, abs=2.5 * 10**-decimals)


def test_printed_f_rounded_sums_do_not_give_the_published_f():
    found = printed_f(0.008, 4, 0.227, 70, decimals=3)
    assert found.f == pytest.approx(0.617, abs=0.0005)
    assert found.f_low < 0.590 < found.f_high
    assert found.p_low < 0.671 < found.p_high


def test_printed_f_rounded_away():
    with pytest.raises(BadData, match="rounding"):
        printed_f(0.1, 1, 0.0004, 10, decimals=3)


def test_one_way_second_program():
    rng = np.random.default_rng(2)
    group = np.repeat(list("LMH"), [9, 18, 12])
    counts = rng.poisson(np.repeat([40, 28, 24], [9, 18, 12]))
    found = one_way(counts, group)
    peer = stats.f_oneway(*(counts[group == level] for level in "LMH"))
    assert [found.sources[0].f, found.sources[0].p_value] == pytest.approx([peer.statistic, peer.pvalue])


def test_anova_empty_cell_is_named():
    with pytest.raises(NotIdentified, match="“year” 2 and “pilot” 1"):
        two_way([1.0, 2, 3, 4], [1, 1, 2, 2], [0, 1, 0, 0], names=("year", "pilot"))


@pytest.mark.parametrize("y", [[1.0, 1, 1, 1], [1.0, 1, 2, 2]])
def test_one_way_no_spread_within(y):
    with pytest.raises(NotIdentified, match="vary"):
        one_way(y, ["a", "a", "b", "b"])


def test_one_way_one_group_or_no_rows_to_spare():
    with pytest.raises(NotIdentified, match="one level"):
        one_way([1.0, 2], ["a", "a"])
    with pytest.raises(NotIdentified, match="more rows"):
        one_way([1.0, 2], ["a", "b"])


@pytest.mark.parametrize("test", [one_way, tukey, kruskal_wallis, mann_whitney])
def test_groups_compared_bad_values(test):
    with pytest.raises(BadData, match="values"):
        test([1.0, np.nan, 2], ["a", "b", "b"])
    with pytest.raises(BadData, match="group"):
        test([1.0, 3, 2], ["a", None, "b"])
    with pytest.raises(BadData, match="rows"):
        test([1.0, 3, 2], ["a", "b"])


def test_tukey_warpbreaks(reference, published):
    expected, warp = reference["tukey_warpbreaks"], published("warpbreaks")
    for pair in tukey(warp.breaks, warp.tension, order=["L", "M", "H"]):
        difference, p_value = expected[f"{pair.second}-{pair.first}"]
        assert pair.difference == pytest.approx(difference, abs=1e-6)  # printed with six decimals
        assert pair.p_value == pytest.approx(p_value, abs=expected["tol"])


def test_tukey_unequal_groups_second_program():
    rng = np.random.default_rng(8)
    group = np.repeat(["a", "b", "c", "d"], [4, 9, 15, 22])
    y = rng.normal(size=50) + (group == "c")
    peer = pairwise_tukeyhsd(y, group)
    found = {(pair.first, pair.second): pair for pair in tukey(y, group)}
    for line, p_value, (low, high) in zip(peer.summary().data[1:], peer.pvalues, peer.confint, strict=True):
        pair = found[line[0], line[1]]
        assert [pair.p_value, pair.low, pair.high] == pytest.approx([p_value, low, high], abs=1e-4)


def test_tukey_order_must_name_each_level():
    with pytest.raises(BadData, match="order"):
        tukey([1.0, 2, 3, 5], ["a", "a", "b", "b"], order=["a"])


def test_t_scores_by_hand():
    assert t_scores([2, 4, 6]).tolist() == [40, 50, 60]
    assert t_scores([8], [2, 4, 6]).tolist() == [70]


@pytest.mark.parametrize("reference", [[5, 5, 5], [5]])
def test_t_scores_no_spread(reference):
    with pytest.raises(NotIdentified, match="spread"):
        t_scores([1, 2], reference)


def test_kruskal_wallis_airquality(reference):
    air = pd.read_csv(str(resources.files("great_tables") / "data" / "x-airquality.csv")).dropna(
        subset=["Ozone"]
    )
    found = kruskal_wallis(air.Ozone, air.Month)
    assert found.statistic == pytest.approx(
        reference["kruskal_airquality"]["H"], abs=5e-6
    )  # five decimals printed
    assert found.p_value == pytest.approx(reference["kruskal_airquality"]["p"], abs=5e-12)
    assert (found.df, sum(found.n_by_group.values())) == (4, 116)


def test_mann_whitney_warpbreaks(reference, published):
    expected, warp = reference["mannwhitney_warpbreaks"], published("warpbreaks")
    found = mann_whitney(warp.breaks, warp.wool, continuity=False)
    assert found.statistic == expected["W"]
    assert found.p_value == pytest.approx(expected["p_no_cc"], abs=5e-8)  # seven decimals printed


@pytest.mark.parametrize("continuity", [True, False])
def test_mann_whitney_with_ties_second_program(continuity):
    rng = np.random.default_rng(6)
    group, counts = np.repeat(["A", "B"], [25, 31]), rng.poisson(6, 56)
    peer = stats.mannwhitneyu(
        counts[group == "A"], counts[group == "B"], use_continuity=continuity, method="asymptotic"
    )
    found = mann_whitney(counts, group, continuity=continuity)
    assert (found.statistic, found.p_value) == pytest.approx((peer.statistic, peer.pvalue))


def test_mann_whitney_same_people_before_and_after():
    with pytest.raises(BadData, match="Wilcoxon"):
        mann_whitney([1, 2, 3, 4], ["before", "before", "after", "after"], unit=["x", "y", "x", "z"])


def test_rank_tests_without_a_question():
    with pytest.raises(NotIdentified):
        kruskal_wallis([1, 1, 1], ["a", "b", "c"])
    with pytest.raises(NotIdentified):
        mann_whitney([1, 2, 3], ["a", "b", "c"])


@pytest.mark.row("ST-08")
@pytest.mark.parametrize("wrong", [1e12, -1e15, 1e300])
def test_one_wrong_row_ties_no_others(wrong):
    random = np.random.default_rng(1)
    group = np.repeat(["a", "b"], 30)
    y = np.append(random.normal(0, 1, 59) + 1.5 * (group[:-1] == "b"), wrong)
    near = np.append(y[:-1], np.sign(wrong) * 100.0)  # as far as ranks can tell, the same
    for test in (kruskal_wallis, mann_whitney):
        assert test(y, group).p_value == test(near, group).p_value


@pytest.mark.parametrize("scale", [1.0, 1e9, 1e-9])
def test_ranks_tie_what_rounding_has_parted(scale):
    y = np.array([0.1 + 0.2, 0.3, 0.3, 1 / 3, 1 - 2 / 3, 0.5, 0.7, 0.9, 0.0, 1e-17]) * scale
    tied = np.array([3, 3, 3, 4, 4, 5, 7, 9, 0, 0])
    group = np.tile(["a", "b"], 5)
    assert kruskal_wallis(y, group).p_value == kruskal_wallis(tied, group).p_value
