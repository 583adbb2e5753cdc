import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.miscmodels.tests.results import results_ordinal_model

from impact.errors import BadData, NotIdentified
from impact.ordinal import ordinal_logit

NAMES = ["pared", "public", "gpa"]
ORDER = ["unlikely", "somewhat likely", "very likely"]


def values(estimates):
    return [estimate.value for estimate in estimates]


@pytest.fixture(scope="module")
def applications():
    """400 students of UCLA's worked example, which statsmodels ships with the results of R's polr."""
    return results_ordinal_model.df


@pytest.fixture
def simulated():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(500, 2))
    latent = x @ [1.0, -0.5] + rng.logistic(size=500)
    return np.digitize(latent, [-1, 0, 2]), x


def test_ordinal_published(applications):
    expected = results_ordinal_model.res_ord_logit
    found = ordinal_logit(applications["apply"], applications[NAMES], NAMES, order=ORDER)
    # polr stops some 5e-4 short of the maximum here.
    assert values(found.coefficients) == pytest.approx(expected.coefficients_val.tolist(), abs=5e-4)
    assert values(found.thresholds) == pytest.approx(expected.thresholds.tolist(), abs=1e-3)
    assert [e.std_error for e in found.coefficients] == pytest.approx(
        expected.coefficients_stdE.tolist(), abs=1e-4
    )
    assert found.deviance == pytest.approx(717.0249, abs=5e-5)  # R, as printed


def test_ordinal_second_program(simulated):
    y, x = simulated
    peer = OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=0)
    found = ordinal_logit(y, x, ["a", "b"])
    assert values(found.coefficients) == pytest.approx(peer.params[:2].tolist(), abs=5e-4)  # where it stops
    assert found.log_likelihood >= peer.llf
    assert found.log_likelihood == pytest.approx(peer.llf, abs=1e-4)
    assert [e.std_error for e in found.coefficients] == pytest.approx(peer.bse[:2].tolist(), rel=1e-3)


def test_ordinal_two_categories_is_a_logit(simulated):
    y, x = simulated
    peer = sm.Logit((y > 1).astype(int), sm.add_constant(x)).fit(disp=0)
    found = ordinal_logit((y > 1).astype(int), x, ["a", "b"])
    assert values(found.coefficients) == pytest.approx(peer.params[1:].tolist())
    assert found.thresholds[0].value == pytest.approx(-peer.params[0])
    assert found.log_likelihood == pytest.approx(peer.llf)


def test_ordinal_frequencies_equal_rows(applications):
    cells = (
        applications.assign(gpa=applications.gpa.round())
        .groupby(["apply", *NAMES])
        .size()
        .reset_index(name="n")
    )
    rows = cells.loc[cells.index.repeat(cells.n)]
    collapsed = ordinal_logit(cells["apply"], cells[NAMES], NAMES, order=ORDER, frequencies=cells.n)
    whole = ordinal_logit(rows["apply"], rows[NAMES], NAMES, order=ORDER)
    assert values(collapsed.coefficients) == pytest.approx(values(whole.coefficients), abs=1e-8)
    assert collapsed.deviance == pytest.approx(whole.deviance)


def test_ordinal_offset_of_a_billion(simulated):
    y, x = simulated
    plain, moved = ordinal_logit(y, x, ["a", "b"]), ordinal_logit(y, x + np.array([1e9, 0]), ["a", "b"])
    assert values(moved.coefficients) == pytest.approx(values(plain.coefficients), rel=1e-5)


def test_ordinal_clusters_of_one_row_approach_the_usual_error(simulated):
    y, x = simulated
    plain, robust = ordinal_logit(y, x, ["a", "b"]), ordinal_logit(y, x, ["a", "b"], cluster=np.arange(500))
    assert [e.std_error for e in robust.coefficients] == pytest.approx(
        [e.std_error for e in plain.coefficients], rel=0.1
    )
    assert robust.coefficients[0].df == 499
    few = ordinal_logit(y, x, ["a", "b"], cluster=np.arange(500) % 5)
    assert "few_clusters" in {note.code for note in few.notes}


def test_ordinal_words_need_an_order(applications):
    with pytest.raises(BadData, match="order"):
        ordinal_logit(applications["apply"], applications[NAMES], NAMES)
    with pytest.raises(BadData, match="Did you mean “unlikley”"):
        ordinal_logit(applications["apply"], applications[NAMES], NAMES, order=["unlikley", *ORDER[1:]])


def test_ordinal_level_without_rows_is_left_out(simulated):
    y, x = simulated
    found = ordinal_logit(y, x, ["a", "b"], order=[0, 1, 2, 3, 9])
    assert found.categories == ("0", "1", "2", "3")
    assert "categories_without_rows" in {note.code for note in found.notes}


def test_ordinal_reversed_order_turns_the_signs(simulated):
    y, x = simulated
    up, down = ordinal_logit(y, x, ["a", "b"]), ordinal_logit(y, x, ["a", "b"], order=[3, 2, 1, 0])
    assert values(down.coefficients) == pytest.approx([-v for v in values(up.coefficients)])


def test_ordinal_perfect_prediction(simulated):
    y, x = simulated
    with pytest.raises(NotIdentified, match="“perfect”"):
        ordinal_logit(y, np.column_stack([x, y == 3]), ["a", "b", "perfect"])


def test_ordinal_not_identified(simulated):
    y, x = simulated
    with pytest.raises(NotIdentified, match="one category"):
        ordinal_logit(np.ones(500), x, ["a", "b"])
    with pytest.raises(NotIdentified, match="“b”"):
        ordinal_logit(y, np.column_stack([x[:, 0], 2 * x[:, 0]]), ["a", "b"])
    with pytest.raises(NotIdentified, match="two clusters"):
        ordinal_logit(y, x, ["a", "b"], cluster=np.ones(500))


def test_ordinal_bad_input(simulated):
    y, x = simulated
    with pytest.raises(BadData, match="“a”"):
        ordinal_logit(y, np.where(np.arange(500)[:, None] == 3, np.nan, x), ["a", "b"])
    with pytest.raises(BadData, match="outcome"):
        ordinal_logit(np.where(y == 1, np.nan, y), x, ["a", "b"])
    with pytest.raises(BadData, match="frequencies"):
        ordinal_logit(y, x, ["a", "b"], frequencies=np.zeros(500))


@pytest.mark.slow
def test_ordinal_covers():
    rng, runs = np.random.default_rng(12), 500
    inside = 0
    for _ in range(runs):
        x = rng.normal(size=(250, 1))
        y = np.digitize(x[:, 0] * 0.7 + rng.logistic(size=250), [-1, 1])
        slope = ordinal_logit(y, x, ["x"]).coefficients[0]
        inside += slope.low <= 0.7 <= slope.high
    assert inside / runs == pytest.approx(0.95, abs=3 * (0.05 * 0.95 / runs) ** 0.5)
