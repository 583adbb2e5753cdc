import itertools
import time

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from causaldata import nsw_mixtape

from impact.coarsening import balance, imbalance, match, pretty
from impact.errors import BadData, NotIdentified


@pytest.fixture(scope="module")
def workers():
    frame = nsw_mixtape.load_pandas().data
    names = [name for name in frame if name not in ("treat", "re78", "data_id")]
    return frame.treat.to_numpy(), frame[names], frame.re78


def satt(treated, outcome, weights):
    kept = weights > 0
    fit = sm.WLS(outcome[kept], sm.add_constant(treated[kept].astype(float)), weights=weights[kept]).fit()
    return fit.params.iloc[1], fit.pvalues.iloc[1]


@pytest.mark.row("001-06")
def test_match_published(reference, workers):
    expected, (treated, covariates, outcome) = reference["cem_nsw_mixtape"], workers
    found = match(treated, covariates)
    assert len(treated) == expected["n"]
    assert [found.n_matched_controls, found.n_matched_treated] == expected["matched"]
    effect, p_value = satt(treated, outcome, found.weights)
    assert [effect, p_value] == pytest.approx([expected["satt"], expected["p"]], abs=expected["tol"])


def test_match_cutpoints_published(reference, workers):
    expected, (treated, covariates, outcome) = reference["cem_nsw_mixtape"], workers
    found = match(treated, covariates, cutpoints=expected["cut"])
    assert [found.n_matched_controls, found.n_matched_treated] == expected["cut_matched"]
    effect, p_value = satt(treated, outcome, found.weights)
    assert [effect, p_value] == pytest.approx([expected["cut_satt"], expected["cut_p"]], abs=expected["tol"])


@pytest.mark.row("001-06")
def test_imbalance_published(reference, workers):
    expected, (treated, covariates, _) = reference["cem_nsw_mixtape"], workers
    before = imbalance(treated, covariates)
    after = imbalance(treated, covariates, weights=match(treated, covariates).weights)
    assert [before.l1, before.local_common_support_percent] == pytest.approx(
        [expected["L1"], expected["LCS"]], abs=expected["tol"]
    )
    assert [after.l1, after.local_common_support_percent] == pytest.approx(
        [expected["L1_after"], expected["LCS_after"]], abs=expected["tol"]
    )


def test_match_weights_by_hand():
    # Stratum a: 2 treated, 1 control; b: 1 treated, 3 controls; c: treated only; d: control only.
    key = pd.DataFrame({"key": list("aaabbbbcd")})
    found = match([1, 1, 0, 1, 0, 0, 0, 1, 0], key)
    assert found.weights == pytest.approx([1, 1, 2 * 4 / 3, 1, *[1 / 3 * 4 / 3] * 3, 0, 0])
    assert (found.n_matched_treated, found.n_matched_controls) == (3, 4)
    assert (found.n_strata, found.n_matched_strata) == (4, 2)
    assert (found.matched_treated_share, found.matched_controls_share) == (3 / 4, 4 / 5)
    assert [note.code for note in found.notes] == ["treated_unmatched"]


def test_match_second_program():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(
        {"a": rng.integers(-3, 4, 900), "b": rng.choice(list("xyz"), 900), "c": rng.random(900) < 0.5}
    )
    treated = rng.integers(0, 2, 900)
    found = match(treated, frame, rule="exact")
    counts = frame.assign(t=treated).groupby(["a", "b", "c"])["t"].agg(["sum", "size"])
    n1, n0 = counts["sum"], counts["size"] - counts["sum"]
    common = (n1 > 0) & (n0 > 0)
    ratio = (n1 / n0 * n0[common].sum() / n1[common].sum()).where(common, 0)
    expected = [
        float(common[key]) if t else float(ratio[key])
        for key, t in zip(frame.itertuples(index=False, name=None), treated, strict=True)
    ]
    assert found.weights == pytest.approx(expected)
    assert found.n_strata == len(counts)


def test_match_weights_balance_the_strata():
    rng = np.random.default_rng(2)
    frame, treated = pd.DataFrame(rng.normal(size=(2000, 3)), columns=list("abc")), rng.integers(0, 2, 2000)
    found = match(treated, frame, cutpoints={name: [-10, -0.5, 0.5, 10] for name in "abc"})
    assert found.n_matched_treated == found.n_treated
    assert found.weights[treated == 0].sum() == pytest.approx(found.n_matched_controls)
    grid = {name: [-10, -0.5, 0.5, 10] for name in "abc"}
    assert imbalance(treated, frame, weights=found.weights, cutpoints=grid).l1 == pytest.approx(0, abs=1e-12)
    after = balance(treated, frame, weights=found.weights)
    assert all(abs(line.standardised_difference) < 0.2 for line in after)


def test_match_within_year_and_pair():
    frame = pd.DataFrame({"sex": [1, 1, 1, 1, 1, 1]})
    within = pd.DataFrame({"year": [2020, 2020, 2021, 2021, 2020, 2020], "pair": list("ppppqq")})
    found = match([1, 0, 1, 1, 1, 0], frame, within=within, rule="exact")
    assert (found.weights > 0).tolist() == [True, True, False, False, True, True]
    assert match([1, 0, 1, 1, 1, 0], frame, rule="exact").n_strata == 1


def test_match_ages_closed_on_the_right():
    frame = pd.DataFrame({"age": [0, 3, 4, 12, 13, 17]})
    found = match([1, 0, 1, 0, 1, 0], frame, cutpoints={"age": [0, 3, 12, 18]})
    assert found.stratum.tolist() == [0, 0, 1, 1, 2, 2]
    split = match([1, 0, 1, 0], pd.DataFrame({"age": [3.0, 3.0, 3.5, 3.5]}), cutpoints={"age": [0, 3, 12]})
    assert split.stratum.tolist() == [0, 0, 1, 1]


def test_match_small_integers_do_not_overflow():
    combinations = np.array(list(itertools.product([-128, 127], repeat=10)), dtype=np.int8)
    rows = pd.DataFrame(np.repeat(combinations, 2, axis=0))
    found = match(np.tile([0, 1], len(combinations)), rows, rule="exact")
    assert found.n_strata == 1024
    assert (found.weights == 1).all()


def test_match_wide_keys_do_not_overflow():
    frame = pd.DataFrame({f"k{i}": np.array([0, 0, 2**62, 2**62, 5, 5]) for i in range(4)})
    found = match([0, 1] * 3, frame, rule="exact")
    assert found.stratum.tolist() == [0, 0, 1, 1, 2, 2]


def test_match_unsigned_and_nullable_keys():
    frame = pd.DataFrame({"a": np.array([1, 1, 2, 2], np.uint64), "b": pd.array([1, 1, 2, 2], "Int8")})
    assert match([0, 1, 0, 1], frame, rule="exact").n_strata == 2


def test_match_constant_column_changes_nothing():
    frame = pd.DataFrame({"a": [1.0, 1, 2, 2]})
    assert match([0, 1, 0, 1], frame.assign(b=7.0)).n_strata == match([0, 1, 0, 1], frame).n_strata


@pytest.mark.parametrize(
    "missing", [[1.0, np.nan, 2, 2], ["a", None, "b", "b"], pd.array([1, None, 2, 2], "Int8")]
)
@pytest.mark.parametrize("rule", ["sturges", "exact"])
def test_match_missing_is_refused_by_name(missing, rule):
    with pytest.raises(BadData, match="“ethnicity”"):
        match([0, 1, 0, 1], pd.DataFrame({"ethnicity": missing}), rule=rule)


def test_match_bad_input():
    frame = pd.DataFrame({"age": [1.0, 2, 3, 4]})
    with pytest.raises(BadData, match="cutpoints of “age”"):
        match([0, 1, 0, 1], frame, cutpoints={"age": [0, 2]})
    with pytest.raises(BadData, match="cutpoints of “age”"):
        match([0, 1, 0, 1], frame, cutpoints={"age": [5, 0]})
    with pytest.raises(BadData, match="Did you mean “age”"):
        match([0, 1, 0, 1], frame, cutpoints={"agee": [0, 5]})
    with pytest.raises(BadData, match="treated"):
        match([0, 1, 2, 1], frame)
    with pytest.raises(BadData, match="treated"):
        match([0, 1], frame)
    with pytest.raises(BadData, match="no column"):
        match([0, 1, 0, 1], frame[[]])
    with pytest.raises(BadData, match="infinite"):
        match([0, 1, 0, 1], frame.replace(4, np.inf), rule="exact")
    with pytest.raises(BadData, match="weight"):
        imbalance([0, 1, 0, 1], frame, weights=[1, 1, -1, 1])


def test_match_not_identified():
    frame = pd.DataFrame({"age": [1.0, 2, 3, 4]})
    with pytest.raises(NotIdentified, match="treated and control"):
        match([1, 1, 1, 1], frame)
    with pytest.raises(NotIdentified, match="stratum"):
        match([0, 1, 0, 1], frame, rule="exact")
    with pytest.raises(NotIdentified, match="weight above zero"):
        imbalance([0, 1, 0, 1], frame, weights=[1, 0, 1, 0])


def test_imbalance_extremes():
    assert imbalance([0, 1, 0, 1], pd.DataFrame({"a": [1, 1, 2, 2]})).l1 == 0
    apart = imbalance([0, 0, 1, 1], pd.DataFrame({"a": list("xxyy")}))
    assert (apart.l1, apart.local_common_support_percent) == (1, 0)


def test_balance_by_hand():
    line, flat = balance(
        [1, 1, 0, 0], pd.DataFrame({"age": [1.0, 3, 4, 8], "sex": [1.0, 1, 1, 1]}), weights=[1, 1, 3, 1]
    )
    assert (line.mean_treated, line.mean_control) == (2, 5)
    assert line.standardised_difference == pytest.approx(-3 / 2**0.5)
    assert flat.standardised_difference == 0


@pytest.mark.parametrize(
    ("low", "high", "n", "expected"),
    [
        # Worked by hand from the documented rule.
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (1, 3, 1, [0, 2, 4]),
        (0, 0.97, 4, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (17, 55, 8, [15, 20, 25, 30, 35, 40, 45, 50, 55]),
        (-3.2, 4.1, 3, [-4, -2, 0, 2, 4, 6]),
        (0, 35040, 20, list(range(0, 36001, 2000))),
    ],
)
def test_pretty_rule(low, high, n, expected):
    assert pretty(low, high, n) == pytest.approx(expected)


def test_pretty_no_range_and_bad_range():
    assert len(pretty(5, 5, 3)) == 2
    with pytest.raises(BadData):
        pretty(0, np.inf, 3)


@pytest.mark.slow
def test_match_a_million_rows_faster_than_two_groupbys():
    rng = np.random.default_rng(0)
    keys = pd.DataFrame({f"k{i}": rng.integers(0, 5, 1_000_000).astype(np.int8) for i in range(10)})
    treated = rng.integers(0, 2, 1_000_000).astype(np.int8)

    def best(act):
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    ours = best(lambda: match(treated, keys, rule="exact"))
    assert ours < 2 * best(lambda: keys.groupby(list(keys.columns)).ngroup())


@pytest.mark.row("ST-08")
@pytest.mark.parametrize("last", [18.0, 1e9, 1e14, np.inf])
def test_match_far_cutpoint_widens_no_other(last):
    age = [2.0, 3.0, 3 + 1e-13, 3.5, 4.0, 12.0, 12.001, 15.0]
    keys = pd.DataFrame({"age": np.repeat(age, 2)})
    found = match(np.tile([0, 1], 8), keys, cutpoints={"age": [0, 3, 12, last]})
    assert found.stratum[::2].tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("cuts", [[0.1, 0.3, 0.9], [1e9, 1e9 + 3, 1e9 + 9], [-1e12, 0.3, 1.0]])
def test_match_what_ties_with_a_cutpoint_lies_on_it(cuts):
    near = np.nextafter(cuts[1], np.inf)
    far = cuts[1] + (cuts[2] - cuts[1]) / 2
    keys = pd.DataFrame({"x": np.repeat([cuts[1], near, far], 2)})
    found = match(np.tile([0, 1], 3), keys, cutpoints={"x": cuts})
    assert found.stratum[::2].tolist() == [0, 0, 1]
