"""The plain question answered from files must equal the answer from rows, notes and refusals included."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest

from impact.did import Columns, effect, effect_in_files
from impact.errors import BadData, NotIdentified
from tests.impact.test_did import children

COLUMNS = Columns("base", "site", "period", "treated", covariates=("age", "rated"))


def stored(frame: pd.DataFrame, tmp_path, n_files: int = 1):
    paths = [tmp_path / f"{place}.parquet" for place in range(n_files)]
    for part, path in zip(np.array_split(np.arange(len(frame)), n_files), paths, strict=True):
        frame.iloc[part].to_parquet(path)
    return paths


def the_same(found, expected):
    assert (found.question, found.n_rows, found.n_sites, found.n_treated) == (
        expected.question, expected.n_rows, expected.n_sites, expected.n_treated,
    )  # fmt: skip
    assert found.notes == expected.notes
    one, two = found.terms["treated"], expected.terms["treated"]
    assert one.notes == two.notes
    for kind in ("crv1", "cr2", "cv3"):  # rounding differs, since rows are summed in another order
        assert astuple(getattr(one, kind))[1:] == pytest.approx(
            astuple(getattr(two, kind))[1:], rel=1e-8, nan_ok=True
        )
    assert one.wild.p_value == two.wild.p_value
    assert [one.wild.low, one.wild.high] == pytest.approx([two.wild.low, two.wild.high], rel=1e-6)


@pytest.mark.parametrize("changes", [{}, {"weight": "w"}, {"post": "post"}, {"post": "post", "weight": "w"}])
def test_effect_in_files_equals_effect(tmp_path, changes):
    columns = replace(COLUMNS, **changes)
    frame = children(3, per_cell=8)
    the_same(effect_in_files(stored(frame, tmp_path, 3), columns), effect(frame, columns))


def test_effect_in_files_asks_once_whether_a_person_occurs_twice(tmp_path):
    frame = children(3, per_cell=8).assign(child=lambda rows: np.arange(len(rows)))
    columns = replace(COLUMNS, person="child")
    the_same(effect_in_files(stored(frame, tmp_path), columns), effect(frame, columns))


def test_effect_in_files_notes_gaps_absorbed_dates_and_sites_always_treated(tmp_path):
    frame = children(4, per_cell=6)
    frame = frame[(frame["site"] != "S07") | (frame["period"] < 6)]
    frame["treated"] = np.where(frame["site"] == "S00", 1.0, frame["treated"])
    frame["after"] = np.where(frame["site"] == "S00", 1.0, (frame["period"] >= 3).astype(float))
    columns = replace(COLUMNS, post="after")
    expected = effect(frame, columns)
    assert {note.code for note in expected.notes} >= {"always_treated", "gaps"}
    the_same(effect_in_files(stored(frame, tmp_path), columns), expected)


def test_effect_in_files_of_many_sites_sweeps_their_effects_out(tmp_path):
    frame = children(5, sites=104, per_cell=2)
    found = effect_in_files(stored(frame, tmp_path), COLUMNS)
    assert found.fitted.sums.absorbed == 104
    the_same(found, effect(frame, COLUMNS))


def test_effect_in_files_refuses_what_effect_refuses(tmp_path):
    frame = children(6, per_cell=4)
    back = frame.assign(treated=np.where(frame["period"] == 7, 0.0, frame["treated"]))
    with pytest.raises(BadData, match="“S00” is untreated again in 7"):
        effect_in_files(stored(back, tmp_path), COLUMNS)
    with pytest.raises(NotIdentified, match="Only one site is treated"):
        effect_in_files(
            stored(frame.assign(treated=frame["treated"] * (frame["site"] == "S00")), tmp_path), COLUMNS
        )
    with pytest.raises(NotIdentified, match="No row is treated"):
        effect_in_files(stored(frame.assign(treated=0), tmp_path), COLUMNS)
    with pytest.raises(BadData, match="“treated” must be 0 or 1"):
        effect_in_files(stored(frame.assign(treated=frame["treated"] / 2), tmp_path), COLUMNS)
    with pytest.raises(BadData, match="is treated, but “post” is 0"):
        effect_in_files(stored(frame.assign(post=0), tmp_path), replace(COLUMNS, post="post"))
    twice = stored(frame.assign(child=[0, *range(len(frame) - 1)]), tmp_path)
    with pytest.raises(BadData, match="1 rows repeat somebody of “child”"):
        effect_in_files(twice, replace(COLUMNS, person="child"))
    for changes in ({"is_personal": True}, {"site_effects": False}, {"cluster": "kind"}):
        with pytest.raises(BadData, match="read the rows and use `effect`"):
            effect_in_files(twice, replace(COLUMNS, **changes))
