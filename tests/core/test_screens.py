"""Columns and rows of a screen."""

import numpy as np

from deepnoise_core.contracts import DroppedSite
from deepnoise_core.testing.screens import random_screen

SCREEN = random_screen()


def test_a_column_is_given_of_some_rows_as_of_all() -> None:
    rows = np.array([9, 2, 2, 31])
    for name in ("site_id", "site", "dataset"):
        whole = SCREEN.column(name)
        assert len(whole) == len(SCREEN)
        assert SCREEN.column(name, rows).tolist() == whole[rows].tolist()
        assert SCREEN.column(name, rows).dtype == whole.dtype


def test_rows_are_left_out_with_their_reasons() -> None:
    left = SCREEN.drop({3: "cut"})
    assert left.column("site_id").tolist() == np.delete(SCREEN.column("site_id"), 3).tolist()
    assert left.dropped == (DroppedSite(SCREEN.column("site_id")[3], "cut"),)
    np.testing.assert_array_equal(left.store.read(np.array([3])), SCREEN.store.read(np.array([4])))


def test_a_screen_without_a_row_to_leave_out_is_not_copied() -> None:
    assert SCREEN.drop({}) is SCREEN
