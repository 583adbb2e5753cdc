import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from impact.covariates import (
    ages,
    impute,
    known_categories,
    missing_indicators,
    one_value_per_child,
    rubin,
    screen,
)
from impact.errors import BadData, NotIdentified


def codes(found):
    return {note.code for note in found.notes}


def test_screen_thirty_percent_stays():
    frame = pd.DataFrame(
        {"a": [1.0] * 7 + [np.nan] * 3, "b": [1.0] * 6 + [None] * 4, "c": list("abcdefghij")}
    )
    found = screen(frame, ["a", "b", "c"])
    assert [one.name for one in found.kept] == ["a", "c"]
    assert [(one.name, one.n_missing, one.missing_share) for one in found.dropped] == [("b", 4, 0.4)]
    assert (found.n_rows, codes(found)) == (10, {"missing_share_of_sample"})


def test_screen_bad_input():
    with pytest.raises(BadData, match="Did you mean “ethnicity”"):
        screen(pd.DataFrame({"ethnicity": [1]}), ["ethncity"])
    with pytest.raises(BadData, match="no rows"):
        screen(pd.DataFrame({"a": []}), ["a"])


def test_missing_indicators_numbers_and_words():
    frame = pd.DataFrame(
        {"age": [1.0, np.nan, 3], "sex": ["f", None, "m"], "n": [1, 2, 3], "fsm": [True, None, False]}
    )
    found = missing_indicators(frame, ["age", "sex", "n", "fsm"], is_randomised=True)
    assert found.values["age"].tolist() == [1, 0, 3]
    assert found.values["age_is_missing"].tolist() == [0, 1, 0]
    assert found.values["sex"].tolist() == ["f", "Missing", "m"]
    assert found.values["fsm"].tolist() == [True, "Missing", False]
    assert found.names == ("age", "age_is_missing", "sex", "n", "fsm")
    assert (found.n_changed, found.notes) == (3, ())
    assert frame["age"].isna().sum() == 1  # the frame given is left alone


def test_missing_indicators_are_labelled_where_not_randomised():
    found = missing_indicators(pd.DataFrame({"a": [1.0, np.nan]}), ["a"], is_randomised=False)
    assert codes(found) == {"null_imputation_confounders"}


def test_missing_indicators_fill_does_not_matter_for_the_effect():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=300), "treated": rng.integers(0, 2, 300)})
    y = frame.x + frame.treated + rng.normal(size=300)
    frame.loc[rng.random(300) < 0.2, "x"] = np.nan
    effects = []
    for fill in (0, -99):
        coded = missing_indicators(frame, ["x"], is_randomised=True, fill=fill)
        design = sm.add_constant(coded.values[["treated", *coded.names]].astype(float))
        effects.append(sm.OLS(y, design).fit().params["treated"])
    assert effects[0] == pytest.approx(effects[1])


def test_missing_indicators_name_already_taken():
    with pytest.raises(BadData, match="a_is_missing"):
        missing_indicators(pd.DataFrame({"a": [1.0, np.nan], "a_is_missing": 0}), ["a"], is_randomised=True)
    with pytest.raises(BadData, match="make them one"):
        missing_indicators(pd.DataFrame({"a": ["Missing", None]}), ["a"], is_randomised=True)


@pytest.mark.row("001-11")
def test_rubin_published(reference):
    expected = reference["rubin"]
    found = rubin(expected["Q"], expected["U"], complete_df=expected["n"] - expected["k"])
    values = [
        found.estimate.value,
        found.total,
        found.estimate.df,
        found.relative_increase,
        found.missing_information_share,
    ]
    assert values == pytest.approx(
        [expected[key] for key in ("qbar", "t", "df", "r", "fmi")], abs=expected["tol"]
    )


def test_rubin_without_complete_df_is_rubins_own():
    found = rubin([1.0, 2, 3], [1.0, 1, 1])
    assert found.total == pytest.approx(1 + 4 / 3)
    assert found.estimate.df == pytest.approx(2 / (4 / 7) ** 2)
    assert found.estimate.p_value == pytest.approx(2 * stats.t.sf(2 / (7 / 3) ** 0.5, found.estimate.df))


def test_rubin_no_spread_between():
    whole = rubin([1.0, 1, 1], [0.04, 0.04, 0.04])
    assert (whole.estimate.df, whole.missing_information_share) == (None, 0)
    assert rubin([1.0, 1], [0.04, 0.04], complete_df=98).estimate.df == pytest.approx(99 / 101 * 98)


def test_rubin_bad_input():
    with pytest.raises(NotIdentified, match="two"):
        rubin([1.0], [0.1])
    with pytest.raises(BadData, match="above zero"):
        rubin([1.0, 2], [0.1, 0])
    with pytest.raises(BadData, match="estimates"):
        rubin([1.0, np.nan], [0.1, 0.1])
    with pytest.raises(BadData, match="rows"):
        rubin([1.0, 2], [0.1])


@pytest.fixture
def incomplete():
    rng = np.random.default_rng(8)
    n = 600
    age = rng.integers(0, 18, n).astype(float)
    need = rng.choice(["abuse", "family", "other"], n, p=[0.5, 0.3, 0.2])
    flag = (rng.random(n) < 0.2 + 0.3 * (need == "abuse")).astype(float)
    y = 0.1 * age + (need == "abuse") + rng.normal(size=n)
    frame = pd.DataFrame({"y": y, "age": age, "need": need, "flag": flag}, index=np.arange(n) + 5)
    gone = rng.random((n, 3)) < 0.2
    for place, name in enumerate(["age", "need", "flag"]):
        frame[name] = frame[name].where(~gone[:, place])
    return frame


def test_impute_fills_gaps_only_and_with_values_that_occur(incomplete):
    found = impute(incomplete, ["y", "age", "need", "flag"], seed=3)
    assert len(found.frames) == 5
    assert found.n_missing == incomplete[["age", "need", "flag"]].isna().sum().to_dict()
    for frame in found.frames:
        assert not frame.isna().any().any()
        assert frame.index.equals(incomplete.index)
        for name in incomplete:
            seen = incomplete[name].notna()
            assert frame.loc[seen, name].equals(incomplete.loc[seen, name])
            assert set(frame[name]) <= set(incomplete[name].dropna())
    assert codes(found) == {"missing_at_random"}
    assert incomplete.isna().any().any()


def test_impute_same_seed_same_frames(incomplete):
    names = ["y", "age", "need", "flag"]
    first, second = (impute(incomplete, names, seed=3).frames for _ in range(2))
    assert all(one.equals(two) for one, two in zip(first, second, strict=True))
    generator = impute(incomplete, names, seed=np.random.default_rng(3)).frames
    assert generator[0].equals(first[0])
    assert not impute(incomplete, names, seed=4).frames[0].equals(first[0])
    assert not first[0].equals(first[1])


def test_impute_keeps_relations_of_words(incomplete):
    means = [
        frame.y[frame.need == "abuse"].mean() - frame.y[frame.need != "abuse"].mean()
        for frame in impute(incomplete, ["y", "age", "need", "flag"], seed=1).frames
    ]
    gap = incomplete.need.isna()
    whole = incomplete[~gap]
    expected = whole.y[whole.need == "abuse"].mean() - whole.y[whole.need != "abuse"].mean()
    assert np.mean(means) == pytest.approx(expected, abs=0.15)


def test_impute_equal_predictions_use_more_than_a_few_donors():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"group": np.repeat([0.0, 1.0], 500), "y": np.arange(1000.0)})
    frame.loc[rng.random(1000) < 0.3, "y"] = np.nan
    filled = impute(frame, ["group", "y"], seed=1, n_imputations=2).frames[0].y[frame.y.isna()]
    assert filled.nunique() > 100


def test_impute_offset_of_a_billion(incomplete):
    moved = incomplete.assign(y=incomplete.y + 1e9)
    names = ["y", "age", "need", "flag"]
    plain, far = impute(incomplete, names, seed=3).frames[0], impute(moved, names, seed=3).frames[0]
    assert far.flag.mean() == pytest.approx(plain.flag.mean(), abs=0.05)


def test_impute_bad_input(incomplete):
    with pytest.raises(NotIdentified, match="nothing to impute"):
        impute(incomplete, ["y"], seed=1)
    with pytest.raises(NotIdentified, match="“few”"):
        impute(incomplete.assign(few=[1.0] + [np.nan] * 599), ["y", "few"], seed=1)
    with pytest.raises(BadData, match="infinite"):
        impute(incomplete.assign(y=np.inf), ["y", "age"], seed=1)
    with pytest.raises(BadData, match="two imputations"):
        impute(incomplete, ["y", "age"], seed=1, n_imputations=1)
    with pytest.raises(BadData, match="“agee”"):
        impute(incomplete, ["y", "agee"], seed=1)
    with pytest.raises(TypeError, match="seed"):
        impute(incomplete, ["y", "age"])


def _slope(frame):
    fit = sm.OLS(frame.y, sm.add_constant(frame[["x", "z"]])).fit()
    return fit.params["x"], fit.bse["x"] ** 2


@pytest.mark.row("001-11")
@pytest.mark.slow
def test_impute_and_rubin_cover_where_complete_cases_are_biased():
    rng, runs, inside, naive = np.random.default_rng(77), 120, 0, []
    for run in range(runs):
        z = rng.normal(size=250)
        x = 0.5 * z + rng.normal(size=250)
        y = x + z + rng.normal(size=250)
        frame = pd.DataFrame({"x": x, "y": y, "z": z})
        frame.loc[rng.random(250) < 1 / (1 + np.exp(1.5 - y)), "x"] = np.nan  # gaps depend on the outcome
        naive.append(_slope(frame.dropna())[0])
        frames = impute(frame, ["x", "y", "z"], seed=run, n_imputations=10, n_rounds=5).frames
        estimate = rubin(*zip(*map(_slope, frames), strict=True), complete_df=247).estimate
        inside += estimate.low <= 1 <= estimate.high
    assert abs(np.mean(naive) - 1) > 0.05
    print(f"coverage {inside / runs:.3f} ± {(inside / runs * (1 - inside / runs) / runs) ** 0.5:.3f}")
    assert inside / runs == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / runs) ** 0.5)


@pytest.mark.slow
def test_impute_second_program():
    from statsmodels.imputation.mice import MICEData

    rng = np.random.default_rng(5)
    z = rng.normal(size=2000)
    frame = pd.DataFrame({"z": z, "x": z + rng.normal(size=2000)})
    whole = frame.x.mean()
    frame.loc[rng.random(2000) < 1 / (1 + np.exp(-z)), "x"] = np.nan
    np.random.seed(1)  # the peer draws from numpy's global state
    peer, means = MICEData(frame.copy()), []
    for _ in range(10):
        peer.update_all()
        means.append(peer.data.x.mean())
    ours = [one.x.mean() for one in impute(frame, ["z", "x"], seed=1, n_imputations=10).frames]
    assert np.mean(ours) == pytest.approx(np.mean(means), abs=0.05)
    assert abs(np.mean(ours) - whole) < abs(frame.x.mean() - whole) / 4


def test_one_value_contradicting_sex_becomes_missing():
    frame = pd.DataFrame({"child": [7, 7, 3, 3, 5, 5], "sex": [1, 2, 1, 1, 9, 2]}, index=[0, 0, 1, 1, 2, 2])
    found = one_value_per_child(frame, "child", "sex", rule="agree", missing_codes=[9])
    assert found.values.fillna(-1).tolist() == [-1, -1, 1, 1, 2, 2]
    assert found.values.index.equals(frame.index)
    assert (found.n_changed, codes(found)) == (3, {"contradictions"})
    assert "1 children" in found.notes[0].text


def test_one_value_date_of_birth():
    born = pd.to_datetime(["2010-01-01", "2010-01-01", "2011-05-05", "2011-05-06", None, "2012-02-02"])
    frame = pd.DataFrame({"child": [1, 1, 2, 2, 3, 3], "born": born})
    found = one_value_per_child(frame, "child", "born", rule="agree").values
    assert found.tolist()[:2] == [pd.Timestamp("2010-01-01")] * 2
    assert found.isna().tolist() == [False, False, True, True, False, False]


def test_one_value_any_sign_of_disability_counts():
    frame = pd.DataFrame({"child": ["a", "a", "b", "b", "c"], "disabled": [0, 1, 0, np.nan, np.nan]})
    found = one_value_per_child(frame, "child", "disabled", rule="maximum")
    assert found.values.fillna(-1).tolist() == [1, 1, 0, 0, -1]
    assert found.n_changed == 2


def test_one_value_bad_input():
    frame = pd.DataFrame({"child": [1, None], "sex": ["f", "m"]})
    with pytest.raises(BadData, match="“child” is missing"):
        one_value_per_child(frame, "child", "sex", rule="agree")
    with pytest.raises(BadData, match="numbers"):
        one_value_per_child(frame.assign(child=1), "child", "sex", rule="maximum")
    with pytest.raises(BadData, match="Did you mean “sex”"):
        one_value_per_child(frame.assign(child=1), "child", "sexx", rule="agree")


def dates(*values):
    return pd.Series(pd.to_datetime(list(values)))


def test_ages_completed_years():
    born = dates("2010-06-15", "2010-06-15", "2012-02-29", "2012-02-29", "2012-02-29", "2020-01-01")
    event = dates("2020-06-14", "2020-06-15", "2013-02-28", "2013-03-01", "2016-02-29", "2020-01-01")
    assert ages(born, event).years.tolist() == [9, 10, 0, 1, 4, 0]


def test_ages_event_before_birth():
    born, event = dates("2020-05-01", "2010-01-01"), dates("2020-01-01", "2020-01-01")
    with pytest.raises(BadData, match="before birth in 1 rows, first in row 1"):
        ages(born, event)
    unborn = ages(born, event, before_birth="unborn")
    assert (unborn.years.tolist(), unborn.n_before_birth, codes(unborn)) == ([0, 10], 1, {"before_birth"})
    gone = ages(born, event, before_birth="missing")
    assert np.isnan(gone.years[0])
    assert codes(gone) == {"before_birth"}


def test_ages_missing_dates_and_nonsense():
    found = ages(dates("2010-01-01", None), dates(None, "2020-01-01"))
    assert np.isnan(found.years).all()
    assert "2 rows" in found.notes[0].text
    with pytest.raises(BadData, match="age of 121"):
        ages(dates("1900-01-01"), dates("2021-01-02"))
    with pytest.raises(BadData, match="not a date"):
        ages(pd.Series(["soon"]), dates("2020-01-01"))
    with pytest.raises(BadData, match="events"):
        ages(dates("2010-01-01"), dates("2020-01-01", "2020-01-01"))


def test_known_categories():
    needs = pd.Series(["N1", "N2", None, "n2"], name="need", index=[4, 4, 5, 5])
    with pytest.raises(BadData, match=r"“n2” in row 4.*Did you mean “N2”"):
        known_categories(needs, ["N1", "N2"])
    found = known_categories(needs, ["N1", "N2"], unknown="missing")
    assert found.values.isna().tolist() == [False, False, True, True]
    assert (found.n_changed, codes(found)) == (1, {"unknown_categories"})
    assert known_categories(needs[:3], ["N1", "N2"]).notes == ()


def test_a_predictor_that_is_nil_in_all_complete_rows_does_not_break_the_imputation():
    """One category that only incomplete rows have: its dummy is nil in every row that the gaps are predicted from."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=60), "kind": ["a", "b"] * 30})
    frame.loc[5, "x"], frame.loc[5, "kind"] = np.nan, "c"
    found = impute(frame, ["x", "kind"], seed=1, n_imputations=2)
    assert all(one["x"].notna().all() for one in found.frames)


@pytest.mark.row("ST-08")
@pytest.mark.parametrize("seed", range(3))
def test_imputed_words_do_not_hang_on_rounding_where_variates_are_as_strong_as_each_other(seed: int) -> None:
    """Each row comes three times, turned by a third of a circle with its word: no axis is stronger than another."""
    random = np.random.default_rng(seed)
    at, gap = np.array([1.0, 0.0]) + random.normal(0, 1, (80, 2)), random.random(80) < 0.3
    turns = [
        np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in 2 * np.pi * np.arange(3) / 3
    ]
    places = np.concatenate([at @ turn.T for turn in turns])
    words = np.repeat(np.array(["north", "east", "west"], dtype=object), 80)
    words[np.tile(gap, 3)] = None
    frames = []
    for size in (0.0, 1e-15, -1e-15, 1e-14, 1e-13):
        x, z = (places * (1 + size * np.random.default_rng(9).uniform(-1, 1, places.shape))).T
        frame = pd.DataFrame({"id": range(240), "x": x, "z": z, "word": words})
        frames.append(impute(frame, ["word", "x", "z"], seed=3, keys=["id"]).frames[0]["word"].tolist())
    assert all(each == frames[0] for each in frames[1:])
