import numpy as np
import pandas as pd
import pytest

from impact.errors import BadData, NotIdentified
from impact.trends import match_trends, nearest_trends


def frame(rows, codes=None):
    quarters = pd.period_range("2019Q1", periods=len(rows[0]), freq="Q")
    return pd.DataFrame(
        rows, index=codes if codes is not None else range(len(rows)), columns=quarters, dtype=float
    )


@pytest.fixture
def england():
    rng = np.random.default_rng(1)
    walk = 50 + rng.normal(0, 1, (60, 8)).cumsum(axis=1) + rng.normal(0, 10, (60, 1))
    return frame(walk.round(1), [f"E{code}" for code in range(100, 160)])


def codes(found):
    return {note.code for note in found.notes}


def test_nearest_trends_published_toy(reference):
    toy = reference["la_match"]
    found = nearest_trends(frame(toy["Y"]), toy["treated"], standardise="pooled")
    distances = {str(n.code): n.distance for n in found.neighbours}
    assert distances == pytest.approx(toy["dist"], abs=toy["tol"])
    assert [n.code for n in found.neighbours] == [1, 3, 2]
    assert np.array(toy["Y"]).std(ddof=1) == pytest.approx(toy["sd"], abs=5e-10)
    assert {"small_pool", "short_period", "look_at_the_series"} == codes(found)


def test_nearest_trends_by_quarter_by_hand():
    # Quarter means 2 and 10, sd 1 and 5: z is (-1, 0, 1) and (-1, 0, 1); changes 0, 0, 0 but for rounding.
    found = nearest_trends(frame([[1, 5], [2, 10], [3, 15]]), 0)
    assert [n.distance for n in found.neighbours] == pytest.approx([0, 0], abs=1e-12)
    # Changes of z are 1, -1, 0 times (5 - 10)/5 - (1 - 2)/1 and so on.
    crossed = nearest_trends(frame([[1, 15], [2, 10], [3, 5]]), 0)
    assert [(n.code, n.distance) for n in crossed.neighbours] == [
        (1, pytest.approx(2)),
        (2, pytest.approx(4)),
    ]


def test_nearest_trends_second_program(england):
    z = (england - england.mean()) / england.std()
    change = z.diff(axis=1).iloc[:, 1:]
    peer = np.sqrt(((change - change.loc["E100"]) ** 2).mean(axis=1)).drop("E100").sort_values()
    found = nearest_trends(england, "E100")
    assert [n.code for n in found.neighbours] == peer.index[:10].tolist()
    assert [n.distance for n in found.neighbours] == pytest.approx(peer.iloc[:10].tolist())
    assert found.n_pool == 59
    assert found.standardised["E100"] == pytest.approx(z.loc["E100"].tolist())
    assert list(found.standardised)[1:] == [n.code for n in found.neighbours]


def test_nearest_trends_survives_a_change_of_measurement(england):
    redefined = england.copy()
    redefined.iloc[:, 4:] = redefined.iloc[:, 4:] * 3 + 20
    before = [n.code for n in nearest_trends(england, "E100").neighbours]
    assert [n.code for n in nearest_trends(redefined, "E100").neighbours] == before
    pooled = [
        [n.code for n in nearest_trends(f, "E100", standardise="pooled").neighbours]
        for f in (england, redefined)
    ]
    assert len(set(pooled[0]) & set(pooled[1])) < 10  # which is why a pooled sd is no default


def test_nearest_trends_unit_and_level_do_not_matter(england):
    found = nearest_trends(england * 1000 + 1e9, "E100")
    assert [n.code for n in found.neighbours] == [n.code for n in nearest_trends(england, "E100").neighbours]


def test_nearest_trends_ties_go_by_code():
    rows = [[10, 12, 11], [3, 5, 4], [30, 32, 31], [7.1, 9.1, 8.1], [1, 9, 2]]
    found = nearest_trends(frame(rows, ["T", "c", "a", "b", "z"]), "T", k=2, standardise="pooled")
    assert [(n.code, n.is_tied) for n in found.neighbours] == [("a", True), ("b", True)]
    assert "tie_at_the_end" in codes(found)
    shuffled = nearest_trends(frame(rows, ["T", "b", "c", "a", "z"]), "T", k=2, standardise="pooled")
    assert [n.code for n in shuffled.neighbours] == ["a", "b"]
    numbered = nearest_trends(frame(rows, [0, 10, 9, 2, 1]), 0, k=3, standardise="pooled")
    assert [n.code for n in numbered.neighbours] == [2, 9, 10]


def test_nearest_trends_pool_less_the_exclusions(england):
    first = nearest_trends(england, "E100").neighbours[0].code
    second = nearest_trends(england, "E100").neighbours[1].code
    found = nearest_trends(england, "E100", excluded=[first], also_treated=[second])
    assert found.left_out == {first: "is excluded by the protocol", second: "is treated as well"}
    assert not {first, second} & {n.code for n in found.neighbours}
    assert found.n_pool == 57


def test_nearest_trends_gap_leaves_the_pool(england):
    england.iloc[5, 3] = np.nan
    assert nearest_trends(england, "E100").left_out == {"E105": "has a gap in its series"}
    with pytest.raises(BadData, match="E105 has 1 gaps"):
        nearest_trends(england, "E105")


def test_nearest_trends_missing_quarter(england):
    with pytest.raises(BadData, match="Between 2019Q2 and 2019Q4"):
        nearest_trends(england.drop(columns=england.columns[2]), "E100")


def test_nearest_trends_bad_input(england):
    with pytest.raises(BadData, match="more than one row"):
        nearest_trends(pd.concat([england, england.iloc[:1]]), "E100")
    with pytest.raises(BadData, match="E999 has no row"):
        nearest_trends(england, "E999")
    with pytest.raises(BadData, match="E998"):
        nearest_trends(england, "E100", excluded=["E998"])
    with pytest.raises(BadData, match="cannot be excluded"):
        nearest_trends(england, "E100", excluded=["E100"])
    with pytest.raises(BadData, match="infinite"):
        nearest_trends(england.replace(england.iloc[3, 3], np.inf), "E100")
    with pytest.raises(BadData, match="not a number"):
        nearest_trends(england.astype(object).replace(england.iloc[3, 3], "few"), "E100")
    with pytest.raises(BadData, match="twice"):
        nearest_trends(pd.concat([england, england], axis=1), "E100")
    with pytest.raises(BadData, match="neighbour"):
        nearest_trends(england, "E100", k=0)
    with pytest.raises(BadData, match="Standardise"):
        nearest_trends(england, "E100", standardise="unit")


def test_nearest_trends_not_identified(england):
    with pytest.raises(NotIdentified, match="two quarters"):
        nearest_trends(england.iloc[:, :1], "E100")
    with pytest.raises(NotIdentified, match="No authority is left"):
        nearest_trends(england, "E100", excluded=list(england.index[1:]))
    england.iloc[:, 2] = 7.0
    with pytest.raises(NotIdentified, match="2019Q3"):
        nearest_trends(england, "E100")


def test_match_trends_each_over_its_own_quarters(england):
    windows = {"E100": england.columns[:6], "E101": england.columns[2:]}
    first, second = match_trends(england, windows, excluded={"E101": ["E102"]})
    assert first.left_out == {"E101": "is treated as well"}
    assert second.left_out == {"E102": "is excluded by the protocol", "E100": "is treated as well"}
    alone = nearest_trends(england[england.columns[:6]], "E100", also_treated=["E101"])
    assert first == alone


def test_match_trends_with_replacement():
    rows = [[10, 12, 11], [20, 22, 21], [5, 7, 6], [1, 9, 2]]
    found = match_trends(
        frame(rows), {0: frame(rows).columns, 1: frame(rows).columns}, k=1, standardise="pooled"
    )
    assert [match.neighbours[0].code for match in found] == [2, 2]


def test_match_trends_unknown_or_disordered_quarters(england):
    with pytest.raises(BadData, match="2031Q1"):
        match_trends(england, {"E100": [pd.Period("2031Q1", "Q")]})
    with pytest.raises(BadData, match="order of time"):
        match_trends(england, {"E100": england.columns[::-1]})
