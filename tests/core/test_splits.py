"""Splits put every unit in one part, by names alone."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepnoise_core.contracts import Screen, SplitOptions
from deepnoise_core.contracts.errors import SplitError
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.splits import PARTS, Split, folds_of, split, units_among
from deepnoise_core.data.stores import ArrayStore


def screen(experiments: dict[str, str], plates: int = 2, sites: int = 2, **columns: list[str | None]) -> Screen:
    """Experiment → cell type; one well a plate."""
    rows = [
        {"experiment": name, "cell_type": cell_type, "plate": str(plate), "well": "B02", "site": site}
        for site in range(1, sites + 1)
        for name, cell_type in experiments.items()
        for plate in range(1, plates + 1)
    ]
    table = site_table(pl.DataFrame(rows).with_columns(**{k: pl.Series(v) for k, v in columns.items()}), "memory")
    pixels = np.zeros((len(rows), 1, 8, 8), dtype=np.uint8)
    return Screen(table, ("dna",), ArrayStore(pixels), source="memory")


SMALL = screen({"HUVEC-1": "HUVEC", "HUVEC-2": "HUVEC", "HUVEC-10": "HUVEC", "RPE-1": "RPE"})
ROUND = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def test_everything_is_trained_on_unless_told_otherwise() -> None:
    found = split(SMALL, SplitOptions())
    assert found.train == ("HUVEC-1", "HUVEC-2", "HUVEC-10", "RPE-1")
    assert found.validation == found.test == ()
    np.testing.assert_array_equal(found.rows("train"), np.arange(16))


def test_named_units_are_held_out_whole() -> None:
    found = split(SMALL, SplitOptions(test=("RPE-1",), validation=("HUVEC-2",)))
    assert (found.train, found.validation, found.test) == (("HUVEC-1", "HUVEC-10"), ("HUVEC-2",), ("RPE-1",))
    assert set(SMALL.column("experiment")[found.rows("test")]) == {"RPE-1"}
    assert len(found.rows("test")) == 4


def test_plates_are_units_too() -> None:
    found = split(SMALL, SplitOptions(unit="plate", test=("HUVEC-10/2",)))
    assert found.test == ("HUVEC-10/2",)
    assert len(found.train) == 7
    assert len(found.rows("test")) == 2


def test_steps_are_applied_in_order() -> None:
    table = screen(dict.fromkeys("abcdef", "X"), plates=1, sites=1, dataset=["test", *["train"] * 4, "val"])
    found = split(table, SplitOptions(column="dataset", test=("b",), validation=("c",), folds=2, fold=1))
    assert found.test == ("a", "b")
    assert found.validation == ("c", "e", "f")
    assert found.train == ("d",)


@pytest.mark.parametrize("word", ROUND)
def test_words_of_the_column(word: str) -> None:
    table = screen({"a": "X", "b": "X"}, plates=1, sites=1, dataset=["train", word])
    parts = split(table, SplitOptions(column="dataset")).parts.tolist()
    assert parts == ["train", ROUND[word]]


@settings(max_examples=60)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    folds=st.integers(2, 5),
    unit=st.sampled_from(["experiment", "plate"]),
)
def test_folds_are_a_balanced_partition(counts: list[int], folds: int, unit: str) -> None:
    names = {f"{cell}-{n}": cell for cell, count in zip("ABCD", counts, strict=False) for n in range(count)}
    table = screen(names, plates=2, sites=1)
    units = len(names) * (2 if unit == "plate" else 1)
    options = [SplitOptions.model_validate({"unit": unit, "folds": folds, "fold": k}) for k in range(folds)]
    if units < folds:
        with pytest.raises(SplitError, match="give at most"):
            split(table, options[0])
        return
    found = [split(table, option) for option in options]

    held_out = [unit for fold in found for unit in fold.validation]
    assert len(held_out) == len(set(held_out)) == units
    rows = np.concatenate([fold.rows("validation") for fold in found])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(table)))
    for fold in found:
        assert set(fold.train) | set(fold.validation) == set(held_out)
        assert not set(fold.train) & set(fold.validation)

    sizes = [len(fold.validation) for fold in found]
    assert max(sizes) - min(sizes) <= 1
    for cell in "ABCD":
        by_fold = [sum(unit.startswith(cell) for unit in fold.validation) for fold in found]
        assert max(by_fold) - min(by_fold) <= 1


@settings(max_examples=20)
@given(st.permutations(list(range(16))))
def test_order_of_rows_changes_nothing(order: list[int]) -> None:
    options = SplitOptions(folds=2, fold=1)
    straight, shuffled = split(SMALL, options), split(SMALL.take(order), options)
    assert shuffled.validation == straight.validation
    np.testing.assert_array_equal(shuffled.parts, straight.parts[order])


def test_folds_are_dealt_in_natural_order() -> None:
    cell_types = {"HUVEC-10": "H", "HUVEC-9": "H", "RPE-1": "R", "RPE-2": "R"}
    assert folds_of(cell_types, cell_types, 2) == (("HUVEC-9", "RPE-1"), ("HUVEC-10", "RPE-2"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": ("HUVEC-3",)}, "split.test: the screen has no experiment 'HUVEC-3', did you mean 'HUVEC-"),
        ({"validation": ("RPE",)}, "split.validation: the screen has no experiment 'RPE'"),
        ({"unit": "plate", "test": ("RPE-1",)}, "no plate 'RPE-1', did you mean 'RPE-1/"),
        ({"test": ("RPE-1",), "validation": ("RPE-1",)}, "'RPE-1' stands in both test and validation"),
        ({"folds": 3, "fold": 3}, "split.fold: 3 of 3 folds; they are numbered 0 to 2"),
        ({"fold": 1}, "split.folds is not set"),
        ({"folds": 5}, "5 folds of 4 training experiments; give at most 4 folds"),
        ({"column": "datset"}, "no column 'datset' to split by, did you mean 'dataset'?"),
        ({"column": "dataset"}, "column 'dataset' of HUVEC-1 is empty; write train, validation or test"),
        ({"column": "cell_type"}, "column 'cell_type' of HUVEC-1 is 'HUVEC'; write"),
        ({"test": ("HUVEC-1", "HUVEC-2", "HUVEC-10", "RPE-1")}, "no experiment is left to train on"),
    ],
)
def test_fault_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(SplitError, match=re.escape(message)):
        split(SMALL, SplitOptions.model_validate(options))


def test_divided_unit_is_named() -> None:
    table = screen({"a": "X", "b": "X"}, plates=2, sites=1, dataset=["train", "train", "train", "test"])
    with pytest.raises(SplitError, match=re.escape("column 'dataset' divides b into test and train")):
        split(table, SplitOptions(column="dataset"))
    assert split(table, SplitOptions(column="dataset", unit="plate")).test == ("b/2",)


def test_official_split_of_rxrx1(shared: Callable[[str], Path]) -> None:
    table = pl.read_csv(shared("rxrx1_metadata") / "metadata_reconstructed.csv.gz")
    table = site_table(table.drop("sirna").rename({"well_type": "role"}), "metadata.csv")
    pixels = np.broadcast_to(np.uint8(0), (table.height, 1, 1, 1))
    rxrx1 = Screen(table, ("dna",), ArrayStore(pixels), source="metadata.csv")
    found = split(rxrx1, SplitOptions(column="dataset", folds=3))
    assert len(found.rows("test")) == 44_286
    assert len(found.rows("train")) + len(found.rows("validation")) == 81_224
    assert Counter(name.split("-")[0] for name in found.test) == {"HUVEC": 8, "HEPG2": 4, "RPE": 4, "U2OS": 2}
    cells = Counter(name.split("-")[0] for name in found.validation)
    assert len(found.validation) == 11
    assert cells["U2OS"] == 1
    assert cells["HUVEC"] in (5, 6)


def test_sites_are_asked_by_part() -> None:
    parted = split(SMALL, SplitOptions(validation=("HUVEC-2",), test=("RPE-1",)))
    for part in PARTS:
        np.testing.assert_array_equal(parted.holds(part), parted.parts == part)
        np.testing.assert_array_equal(parted.rows(part), np.flatnonzero(parted.parts == part))
        assert units_among(SMALL, "experiment", parted.rows(part)) == set(getattr(parted, part))
    np.testing.assert_array_equal(parted.holds("validation", "test"), parted.parts != "train")
    assert Split.whole(3, "validation", ("a",)).parts.tolist() == ["validation"] * 3
    assert Split.whole(3, "validation", ("a",)).validation == ("a",)
