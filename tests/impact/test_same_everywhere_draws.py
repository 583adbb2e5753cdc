"""What is drawn hangs on the seed and on what names a row, and not on where the row stands, on threads or on last digits."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import threadpoolctl

import impact
from impact import did, simulator
from impact.clusters import ClusterSums, error_table, fit, wild_bootstrap
from impact.covariates import impute
from impact.errors import BadData
from impact.permutation import cell_statistic, logit_statistic, permutation_test
from impact.power import simulate_power
from impact.randomisation import allowed_orders, randomise, treatment_matrix
from tests.impact.same import apart, moved, shuffled, turned

# Who draws, by the module that defines it, and what the draws hang on. The tests below hold each of them.
DRAWS = {
    "impact.clusters.tables.error_table": "labels of clusters",
    "impact.clusters.wild.wild_bootstrap": "labels of clusters",
    "impact.covariates.imputation.impute": "keys of rows, where they are given",
    "impact.did.answers.answer": "labels of clusters",
    "impact.did.events.event_study": "labels of clusters",
    "impact.did.large.effect_in_files": "labels of clusters",
    "impact.did.questions.against_comparators": "labels of clusters",
    "impact.did.questions.by_time_since": "labels of clusters",
    "impact.did.questions.common_shock": "labels of clusters",
    "impact.did.questions.dose": "labels of clusters",
    "impact.did.questions.effect": "labels of clusters",
    "impact.did.questions.placebo": "labels of clusters",
    "impact.did.questions.triple_difference": "labels of clusters",
    "impact.power.trials.simulate_power": "names of clusters, where they are given",
    "impact.randomisation.randomise": "names of sites",
    "impact.simulator.make": "places of sites in the study; no rows come in",
    # The command `estimate`, by `effect_in_files`; tests/impact/test_commands.py runs it.
    "impact.commands.flat.difference_in_differences": "labels of clusters",
}  # fmt: skip
# Without keys these hang on the position of a row, and say so.
WITHOUT_KEYS = {
    impute: "on the position of a row",
    simulate_power: "on the position of a row",
    simulator.make: "a site is drawn by its place in `study.sites`",
}


def test_everything_that_draws_is_known_here():
    found = set()
    for module in pkgutil.walk_packages(impact.__path__, "impact."):
        if module.name == "impact.__main__":
            continue
        held = importlib.import_module(module.name)
        for name, function in vars(held).items():
            is_own = inspect.isfunction(function) and function.__module__ == module.name
            if is_own and not name.startswith("_") and "seed" in inspect.signature(function).parameters:
                found.add(f"{module.name}.{name}")
    assert found == set(DRAWS)


def test_random_numbers_are_made_only_where_a_seed_comes_in():
    made = {
        path.relative_to(Path(impact.__file__).parent).as_posix()
        for path in Path(impact.__file__).parent.rglob("*.py")
        if any(word in path.read_text("utf-8") for word in ("np.random.", "import random\n", "random_state"))
    }
    assert made == {
        "clusters/wild.py",
        "covariates/imputation.py",
        "power/trials.py",
        "randomisation.py",
        "simulator.py",
    }


@pytest.mark.parametrize(("function", "words"), WITHOUT_KEYS.items())
def test_what_hangs_on_positions_says_so(function, words):
    assert words in " ".join(function.__doc__.split())


@pytest.fixture(scope="module")
def children() -> pd.DataFrame:
    """1,500 rows in 14 sites (a wild bootstrap of more than 12 draws) with gaps in numbers and words, and many ties."""
    random = np.random.default_rng(11)
    n = 1_500
    site, year = random.integers(0, 14, n), random.integers(0, 5, n)
    first = np.where(site < 6, 2 + site % 2, np.nan)
    treated = (year >= first).astype(float)
    age = random.integers(0, 17, n).astype(float)
    need = random.choice(["abuse", "disability", "stress", "other"], n, p=[0.5, 0.1, 0.3, 0.1])
    frame = pd.DataFrame(
        {
            "child": [f"c{number:05}" for number in random.permutation(n)],
            "site": [f"s{number:02}" for number in site],
            "year": year,
            "first": first,
            "treated": treated,
            "after": (year >= 2).astype(float),
            "days": 50 + 3.3 * age - 6 * treated + random.normal(0, 12, n),
            "rate": random.uniform(0, 1, n),
            "age": age,
            "need": need,
            "score": 0.1 + 0.3 * (site % 3),
            "shock": (year == 3).astype(float),
            "rated_good": ((site + year) % 3 == 0).astype(float),
            "practice": np.where(site % 2, "similar", "none"),
        }
    )
    # Gaps in blocks of equal predictors: hundreds of donors tie.
    gaps = random.random((n, 3)) < [0.1, 0.15, 0.08]
    return frame.assign(
        part_age=frame["age"].mask(gaps[:, 0]),
        part_need=frame["need"].mask(gaps[:, 1]),
        part_rate=frame["rate"].mask(gaps[:, 2]),
    )


NUMBERS = ["days", "rate", "score", "part_rate"]
ALIKE: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "rows": shuffled,
    "rows backwards": lambda frame: frame[::-1].reset_index(drop=True),
    "columns": turned,
    "last digits": lambda frame: moved(frame, NUMBERS),
    "all at once": lambda frame: shuffled(turned(moved(frame, NUMBERS, seed=5)), seed=9),
}
alike = pytest.mark.parametrize("change", list(ALIKE.values()), ids=list(ALIKE))


# Imputation


IMPUTED = ["days", "treated", "age", "part_age", "part_need", "part_rate"]


def imputed(frame: pd.DataFrame, names: list[str] = IMPUTED, **options: Any) -> list[pd.DataFrame]:
    options = {"seed": 5, "n_imputations": 2, "n_rounds": 3, "keys": ["child"]} | options
    return [one.set_index("child").sort_index() for one in impute(frame, names, **options).frames]


@alike
def test_imputation_gives_each_child_the_same_values(children, change):
    for mine, theirs in zip(imputed(children), imputed(change(children)), strict=True):
        assert mine["part_age"].tolist() == theirs["part_age"].tolist()
        assert mine["part_need"].tolist() == theirs["part_need"].tolist()
        np.testing.assert_allclose(mine["part_rate"], theirs["part_rate"], rtol=1e-12)


def test_imputation_does_not_hang_on_the_order_of_names_or_on_threads(children):
    expected = imputed(children)
    found = [imputed(children, IMPUTED[::-1])]
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            found.append(imputed(children))
    for frames in found:
        for mine, theirs in zip(expected, frames, strict=True):
            pd.testing.assert_frame_equal(mine, theirs)


def test_imputation_goes_by_several_keys_where_one_repeats(children):
    twice = children.assign(child=children["child"].str[:4], term=children["child"].str[4:])
    options = {"seed": 5, "n_imputations": 2, "keys": ["child", "term"]}
    one = impute(twice, ["days", "part_age"], **options).frames[0]
    other = impute(shuffled(twice), ["days", "part_age"], **options).frames[0]
    keys = ["child", "term"]
    pd.testing.assert_frame_equal(
        one.sort_values(keys, ignore_index=True), other.sort_values(keys, ignore_index=True)
    )


def test_imputation_without_keys_goes_by_position(children):
    one, other = imputed(children, keys=[]), imputed(shuffled(children), keys=[])
    assert not one[0]["part_rate"].equals(other[0]["part_rate"])


def test_imputation_refuses_keys_that_do_not_name_a_row(children):
    with pytest.raises(BadData, match="rows have the same “site” as another"):
        imputed(children, keys=["site"])
    with pytest.raises(BadData, match="The key “first” is missing"):
        imputed(children, keys=["first", "child"])


def test_imputation_finds_donors_that_tie_though_their_digits_do_not():
    """Two predictions for hundreds of rows: whom a row takes its value from is drawn among all of them."""
    random = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"child": np.arange(600), "group": np.repeat([0.1, 0.7], 300), "y": random.normal(size=600)}
    )
    frame.loc[random.random(600) < 0.3, "y"] = np.nan
    expected = imputed(frame, ["group", "y"])
    for seed in range(5):
        found = imputed(shuffled(moved(frame, ["group"], seed=seed)), ["group", "y"])
        assert [one["y"].tolist() for one in found] == [one["y"].tolist() for one in expected]


def test_imputation_takes_nothing_from_a_column_that_varies_by_its_last_digits(children):
    flat = children.assign(flat=0.1)
    names = [*IMPUTED, "flat"]
    one, other = imputed(flat, names), imputed(moved(flat, ["flat"]), names)
    for name in ("part_age", "part_need", "part_rate"):
        assert one[0][name].tolist() == other[0][name].tolist()


def test_imputation_of_words_that_are_told_apart_by_a_variate_of_either_sign(children):
    """The same words under other names, so that the last category, from which scores are counted, is another."""
    words = {"abuse": "d", "disability": "c", "stress": "b", "other": "a"}
    renamed = children.assign(part_need=children["part_need"].map(words))
    for seed in range(3):
        assert imputed(renamed, seed=seed)[0]["part_need"].tolist() == (
            imputed(shuffled(moved(renamed, NUMBERS)), seed=seed)[0]["part_need"].tolist()
        )


# The wild bootstrap, alone and beside the other errors


def fitted(frame: pd.DataFrame) -> Any:
    years = sorted(frame["year"].unique())[1:]
    x = np.column_stack(
        [np.ones(len(frame)), frame["treated"], frame["rate"], *(frame["year"] == year for year in years)]
    ).astype(float)
    names = ["one", "treated", "rate", *(f"year {year}" for year in years)]
    return fit(ClusterSums.from_rows(frame["days"], x, names, frame["site"]))


@alike
@pytest.mark.parametrize("kind", ["rademacher", "webb"])
def test_the_wild_bootstrap_draws_the_same_for_each_cluster(children, change, kind):
    one, other = (
        wild_bootstrap(fitted(frame), "treated", kind=kind, seed=3, n_draws=1_999)
        for frame in (children, change(children))
    )
    assert not one.is_exact
    assert one.n_extreme == other.n_extreme
    assert list(apart(one, other)) == []


@alike
def test_the_enumerated_bootstrap_counts_the_same(children, change):
    few = children[children["site"].isin([f"s{n:02}" for n in (0, 1, 2, 7, 8, 9, 10)])].reset_index(drop=True)
    one, other = (error_table(fitted(frame), "treated", n_treated=3) for frame in (few, change(few)))
    assert one.wild.is_exact
    assert one.wild.n_extreme == other.wild.n_extreme
    assert list(apart(one, other)) == []


def test_the_wild_bootstrap_keeps_ties_that_last_digits_part():
    """Whole numbers in pairs of clusters that mirror each other: half of all sign changes tie with the data."""
    y = np.array([1.0, 5, 2, 8, 1, 5, 2, 8, 4, 4, 4, 4]) / 3
    site = np.repeat(list("abcdef"), 2)
    x = np.column_stack([np.ones(12), np.tile([0.0, 1.0], 6)])
    counts = set()
    for seed in range(30):
        random = np.random.default_rng(seed)
        places = random.permutation(12)
        near = y[places] * (1 + 1e-13 * random.uniform(-1, 1, 12))
        sums = ClusterSums.from_rows(near, x[places], ["one", "treated"], site[places])
        found = wild_bootstrap(fit(sums), "treated")
        counts.add((found.n_extreme, found.p_value))
    assert len(counts) == 1


def test_the_wild_bootstrap_counts_draws_without_variance_alike():
    """Clusters a third above or below the mean: some changes of signs fit the treatment without error, at 0/0 or beyond."""
    y, d = np.array([2, 2, 0, 0, 0, 2.0]) / 3, np.array([1, 1, 1, 0, 0, 0.0])
    counts = set()
    for seed in range(30):
        mixed = np.random.default_rng(seed)
        places = mixed.permutation(18)
        rows = np.repeat(np.arange(6), 3)[places]
        near = y[rows] * (1 + 1e-13 * mixed.uniform(-1, 1, 18))
        design = np.column_stack([np.ones(18), d[rows]])
        sums = ClusterSums.from_rows(near, design, ["one", "treated"], np.array(list("abcdef"))[rows])
        counts.add(wild_bootstrap(fit(sums), "treated").n_extreme)
    assert len(counts) == 1


def test_the_wild_bootstrap_of_an_effect_of_nil_counts_the_same():
    """Pairs of clusters with opposite effects: the estimate is rounding, and so is every draw that cancels like it."""
    random = np.random.default_rng(2)
    half = random.normal(size=(4, 6))
    y = np.concatenate([half, -half]).ravel()
    site, x = np.repeat(list("abcdefgh"), 6), np.tile(np.arange(6.0) - 2.5, 8)
    counts = set()
    for seed in range(20):
        mixed = np.random.default_rng(seed)
        places = mixed.permutation(48)
        near = y[places] * (1 + 1e-13 * mixed.uniform(-1, 1, 48))
        design = np.column_stack([np.ones(48), x[places]])
        fit_of = fit(ClusterSums.from_rows(near, design, ["one", "x"], site[places]))
        counts.add(wild_bootstrap(fit_of, "x").n_extreme)
    assert counts == {256}


COLUMNS = did.Columns(
    outcome="days", site="site", period="year", treated="treated", covariates=("rate",), post="after"
)
PLAIN = did.Columns(outcome="days", site="site", period="year", treated="treated", covariates=("rate",))
QUESTIONS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "effect": lambda frame: did.effect(frame, PLAIN, seed=3),
    "by_time_since": lambda frame: did.by_time_since(frame, PLAIN, first="first", seed=3),
    "placebo": lambda frame: did.placebo(frame, PLAIN, first="first", shift=1, seed=3),
    "event_study": lambda frame: did.event_study(frame, PLAIN, first="first", n_leads=2, n_lags=1, seed=3),
    "common_shock": lambda frame: did.common_shock(frame, COLUMNS, shock="shock", seed=3),
    "triple_difference": lambda frame: did.triple_difference(frame, PLAIN, by="rated_good", seed=3),
    "dose": lambda frame: did.dose(frame, PLAIN, score="score", seed=3),
    "against_comparators": lambda frame: did.against_comparators(frame, COLUMNS, kind="practice", seed=3),
}


@alike
@pytest.mark.parametrize("question", list(QUESTIONS))
def test_every_question_of_a_difference_in_differences_is_answered_alike(children, change, question):
    one, other = (QUESTIONS[question](frame) for frame in (children, change(children)))
    assert list(apart(one.terms, other.terms)) == []
    assert [note.text for note in one.notes] == [note.text for note in other.notes]
    assert all(
        table.wild.n_extreme == other.terms[name].wild.n_extreme
        for name, table in one.terms.items()
        if table.wild is not None
    )


@alike
def test_the_effect_in_files_is_answered_alike_with_one_thread_and_two(children, change, tmp_path):
    found = []
    for name, frame in (("one", children), ("other", change(children))):
        frame.drop(columns=["first"]).to_parquet(tmp_path / f"{name}.parquet")
        for threads in (1, 2):
            answer = did.effect_in_files(tmp_path / f"{name}.parquet", PLAIN, seed=3, threads=threads)
            found.append(answer.terms)
    for other in found[1:]:
        assert list(apart(found[0], other)) == []
        assert found[0]["treated"].wild.n_extreme == other["treated"].wild.n_extreme


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_no_draw(children, threads):
    expected = did.effect(children, PLAIN, seed=3).terms
    with threadpoolctl.threadpool_limits(threads):
        assert list(apart(expected, did.effect(children, PLAIN, seed=3).terms)) == []


# Permutations draw nothing, but decide by ties


SITES = list("ABCDE")
ORDERS = allowed_orders({"high": ["A", "B"], "low": ["C", "D", "E"]})


def test_a_permutation_test_counts_ties_of_means_in_every_order_of_sites():
    """Sites that moved alike may change places: on paper twelve orders give two statistics, here twelve."""
    random = np.random.default_rng(4)
    means = random.integers(0, 9, (2, 6))[[0, 0, 1, 1, 1]] / 3
    for seed in range(20):
        mixed = np.random.default_rng(seed)
        places = mixed.permutation(5)
        near = means[places] * (1 + 1e-13 * mixed.uniform(-1, 1, (5, 6)))
        statistic = cell_statistic(near, sites=[SITES[place] for place in places], starts=[1, 2, 3, 4, 5])
        test = permutation_test(statistic, observed=tuple("ABCDE"), allowed=ORDERS)
        assert len(set(test.distribution)) > 1
        assert test.p_value == 1


def test_a_statistic_that_is_nil_but_for_rounding_is_nil():
    """Means that sites and periods explain in full: every order has an effect of nil, and p is one."""
    means = np.arange(5)[:, None] / 3 + np.arange(6) / 7
    statistic = cell_statistic(means, sites=SITES, starts=[1, 2, 3, 4, 5])
    test = permutation_test(statistic, observed=tuple("ABCDE"), allowed=ORDERS)
    assert (test.statistic, test.p_value) == (0.0, 1.0)


def test_a_permutation_test_of_the_logit_takes_rows_in_any_order(children):
    five = children[children["site"] < "s05"]
    names = {site: SITES[place] for place, site in enumerate(sorted(five["site"].unique()))}

    def tested(frame: pd.DataFrame) -> Any:
        x = np.column_stack(
            [np.ones(len(frame)), frame["rate"], *(frame["year"] == year for year in range(1, 5))]
        )
        statistic = logit_statistic(
            frame["age"] > 8,
            x.astype(float),
            frame["site"].map(names),
            frame["year"],
            names=["one", "rate", *(f"year {year}" for year in range(1, 5))],
            starts=[1, 1, 2, 3, 4],
        )
        return permutation_test(statistic, observed=tuple("ABCDE"), allowed=ORDERS)

    expected = tested(five)
    for change in (shuffled, lambda frame: moved(frame, ["rate"])):
        found = tested(change(five))
        assert found.p_value == expected.p_value
        assert list(apart(expected, found)) == []


# Sites and clusters by name


def test_the_roll_out_order_does_not_hang_on_how_the_sites_were_typed():
    one = randomise({"high": ["A", "B"], "low": ["C", "D", "E"]}, seed=7)
    assert randomise({"high": ["B", "A"], "low": ["E", "C", "D"]}, seed=7) == one


def test_simulated_trials_are_the_same_for_named_clusters_in_any_order():
    design = treatment_matrix([1, 2, 3, 4, 5], 6)
    options = {"cell_size": 40, "baseline": 0.3, "effect": -0.1, "sd_cluster": 0.2, "seed": 1, "n_trials": 12}
    one = simulate_power(design, clusters=SITES, **options)
    assert simulate_power(design, **options) == one  # names in the order of the rows change nothing
    turned_design = simulate_power(design[::-1], clusters=SITES[::-1], **options)
    assert list(apart(one, turned_design)) == []
    assert list(apart(one, simulate_power(design[::-1], **options))) != []
    with pytest.raises(BadData, match="Name each of the 5 rows of the design once"):
        simulate_power(design, clusters=["A"] * 5, **options)
