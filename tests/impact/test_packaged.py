"""What packages ship is what was published."""

from __future__ import annotations

import pandas as pd

from tests.impact.packaged import PACKAGED


def test_packages_ship_the_published_values(outside_table):
    for name, load in PACKAGED.items():  # the files have fifteen digits
        ours = load()
        pd.testing.assert_frame_equal(
            ours, outside_table(name)[ours.columns.tolist()], check_dtype=False, rtol=1e-14, atol=0, obj=name
        )
