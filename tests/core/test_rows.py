"""Rows by the names of sites and wells."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.data.rows import first_of_wells, rows_of_sites
from deepnoise_core.testing.screens import random_screen

SCREEN = random_screen(sites=3)
SITES, WELLS = SCREEN.column("site_id").tolist(), SCREEN.column("well_id").tolist()


@given(st.sets(st.integers(0, len(SITES) - 1)))
def test_sites_are_found_by_their_names(rows: set[int]) -> None:
    found = rows_of_sites(SCREEN, {"elsewhere", *(SITES[row] for row in rows)})
    assert list(found.items()) == [(SITES[row], row) for row in sorted(rows)]


def test_no_site_is_found_by_no_name() -> None:
    assert rows_of_sites(SCREEN, []) == {}


@given(st.lists(st.integers(0, len(SITES) - 1), unique=True))
def test_a_well_is_known_by_the_first_of_its_rows(rows: list[int]) -> None:
    expected = [row for place, row in enumerate(rows) if WELLS[row] not in [WELLS[one] for one in rows[:place]]]
    assert first_of_wells(SCREEN, np.array(rows, dtype=np.int64)).tolist() == expected
