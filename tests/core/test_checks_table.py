"""What the table of sites alone tells: layouts that repeat, and wells that cannot be."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepnoise_core.contracts import Role
from deepnoise_core.data.checks.finding import Severity
from deepnoise_core.data.checks.layouts import check_layouts
from deepnoise_core.data.checks.wells import check_wells
from deepnoise_core.data.simulator import PRESETS
from deepnoise_core.data.simulator.layout import plate_layout
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.tables import read_csv


def table(rows: list[tuple[str, str, str, str | None]], role: Role = Role.TREATMENT) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["experiment", "plate", "well", "perturbation"], orient="row")
    return site_table(frame.with_columns(site=1, role=pl.lit(role.value)), "table")


def layout(experiment: str, seed: int, shift: int = 0, plates: int = 3) -> list[tuple[str, str, str, str | None]]:
    rows: list[tuple[str, str, str, str | None]] = []
    for plate in range(plates):
        order = np.random.default_rng((seed, plate)).permutation(30)
        name = str((plate + shift) % plates + 1)
        rows += [(experiment, name, f"{'BCD'[i // 10]}{i % 10 + 2:02}", f"p{order[i]}") for i in range(30)]
    return rows


def test_one_layout_on_shifted_plates_is_found_with_its_shift() -> None:
    findings = check_layouts(table([*layout("A", 1), *layout("B", 1, shift=1), *layout("C", 2)]))
    assert [(one.check, one.severity, one.experiment) for one in findings] == [
        ("layout", Severity.WARNING, "A"),
        ("layout", Severity.WARNING, "B"),
    ]
    assert (
        "B (100.0 % of 90 treatment wells hold the same, its plate p is plate p + 1 there" in findings[0].message
    )
    assert (
        "A (100.0 % of 90 treatment wells hold the same, its plate p is plate p + 2 there" in findings[1].message
    )


def test_a_few_other_wells_hide_no_layout_and_many_do() -> None:
    other = layout("B", 1)
    for place in range(0, 90, 10):
        other[place] = (*other[place][:3], "another")
    first, _ = check_layouts(table([*layout("A", 1), *other]))
    assert "90.0 % of 90 treatment wells hold the same, plate by plate" in first.message
    for place in range(0, 90, 3):
        other[place] = (*other[place][:3], "another")
    assert check_layouts(table([*layout("A", 1), *other])) == []


def test_unknown_labels_and_few_wells_prove_nothing() -> None:
    unknown = [(*row[:3], None) for row in layout("B", 1)]
    assert check_layouts(table([*layout("A", 1), *unknown])) == []
    assert check_layouts(table([*layout("A", 1)[:19], *layout("B", 1)[:19]])) == []
    assert check_layouts(table(layout("A", 1))) == []


def test_positive_controls_in_fixed_wells_are_no_leak_and_shuffled_ones_are() -> None:
    fixed = [*layout("A", 1), *layout("B", 1), *layout("C", 1)]
    assert check_layouts(table(fixed, Role.POSITIVE_CONTROL)) == []
    shuffled = [*layout("A", 1), *layout("B", 1), *layout("C", 2), *layout("D", 3)]
    findings = check_layouts(table(shuffled, Role.POSITIVE_CONTROL))
    assert [one.experiment for one in findings] == ["A", "B"]
    assert "positive control wells" in findings[0].message


def test_many_copies_are_told_briefly() -> None:
    findings = check_layouts(table([row for name in "ABCDEFGH" for row in layout(name, 1)]))
    assert [one.experiment for one in findings] == list("ABCDEFGH")
    assert "and 4 more experiments" in findings[0].message


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_simulated_layouts_are_independent(preset: str) -> None:
    for seed in range(3):
        sites = plate_layout(PRESETS[preset].layout, seed)
        assert check_layouts(sites) == []
        assert check_wells(sites) == []


@pytest.mark.parametrize("name", ["rxrx1_metadata/metadata_reconstructed.csv.gz"])
def test_the_leak_of_rxrx1_is_the_only_one_found(name: str, shared: Callable[[str], Path]) -> None:
    folder, file = name.split("/")
    metadata = read_csv(shared(folder) / file).rename({"well_type": "role", "sirna": "perturbation"})
    sites = site_table(metadata, name)
    start = time.perf_counter()
    findings = check_layouts(sites)
    assert time.perf_counter() - start < 20
    assert [one.experiment for one in findings] == ["HUVEC-07", "HUVEC-18", "RPE-03"]
    first, test, last = (one.message for one in findings)
    assert "RPE-03 (100.0 % of 1,107 treatment wells hold the same, its plate p is plate p + 1 there" in first
    assert "HUVEC-18 (100.0 % of 119 positive control wells hold the same, whatever the plate)" in first
    assert "HUVEC-07 (100.0 % of 119 positive" in test
    assert "treatment" not in test
    assert "HUVEC-07 (100.0 % of 1,107 treatment wells hold the same, its plate p is plate p + 3 there" in last
    assert check_wells(sites) == []


def test_names_that_are_no_wells_are_errors() -> None:
    wells = ["B02", "Q", "1A", "A00", "blank"]
    findings = check_wells(table([("A", "1", well, None) for well in wells]))
    assert [(one.severity, one.well) for one in findings] == [(Severity.ERROR, well) for well in wells[1:]]
    assert findings[0].place == "plate 1 of A, Q"


@pytest.mark.parametrize(
    ("corner", "beyond"), [("H12", "A13"), ("P24", "Q01"), ("P24", "AA25"), ("B03", "C01"), ("D06", "A07")]
)
def test_a_well_beyond_the_plates_of_the_others_is_found(corner: str, beyond: str) -> None:
    rows: list[tuple[str, str, str, str | None]] = [
        ("A", plate, well, None) for plate in "1234" for well in ("A01", corner)
    ]
    assert check_wells(table(rows)) == []
    (finding,) = check_wells(table([*rows, ("A", "3", beyond, None)]))
    assert (finding.severity, finding.plate, finding.well) == (Severity.WARNING, "3", beyond)
    assert "3 of 4 plates keep to" in finding.message


def test_without_a_majority_there_is_no_format_to_keep_to() -> None:
    rows: list[tuple[str, str, str, str | None]] = [
        ("A", plate, well, None) for plate, well in (("1", "H12"), ("2", "H12"), ("3", "P24"), ("4", "P24"))
    ]
    assert check_wells(table(rows)) == []
    assert check_wells(table([*rows[:1], ("A", "2", "P24", None)])) == []
