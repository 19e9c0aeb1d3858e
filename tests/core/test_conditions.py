"""What a network is told beside images: the one-hot cell type of each site."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.conditions import encode_conditions, known_conditions
from deepnoise_core.testing.screens import random_screen

NAMES = ["U2OS", "HUVEC", "RPE", "HUVEC-10", "HUVEC-9", None]


def screen() -> Screen:
    made = random_screen(experiments=1).take(np.arange(len(NAMES)))
    return replace(made, sites=made.sites.with_columns(pl.Series("cell_type", NAMES, dtype=pl.String)))


def test_names_stand_in_natural_order() -> None:
    known = known_conditions(screen(), np.array([0, 1, 3, 4, 5]))
    assert known == ("HUVEC", "HUVEC-9", "HUVEC-10", "U2OS")


def test_one_number_is_one() -> None:
    made = encode_conditions(screen(), ("HUVEC", "U2OS"), np.array([True, True, False, False, False, False]))
    assert made is not None
    assert made.dtype == np.float32
    assert made.tolist() == [[0, 1], [1, 0], [0, 0], [0, 0], [0, 0], [0, 0]]


def test_nothing_is_told_without_conditions() -> None:
    assert encode_conditions(screen(), (), np.ones(6, dtype=bool)) is None


@pytest.mark.parametrize(("row", "name"), [(2, "RPE"), (5, "None")])
def test_an_unknown_cell_type_is_refused_with_both_lists(row: int, name: str) -> None:
    needed = np.zeros(6, dtype=bool)
    needed[[0, row]] = True
    message = f"of cell type {name!r}, but the network is told of 'HUVEC', 'U2OS'"
    with pytest.raises(ScreenError, match=re.escape(message)):
        encode_conditions(screen(), ("HUVEC", "U2OS"), needed)
