from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deepnoise_core.contracts import SITE_COLUMNS
from deepnoise_core.data.simulator.layout import (
    COLUMNS,
    CONTROL_WELLS,
    ROWS,
    group_of_plate,
    plate_layout,
    treatment_groups,
    used_wells,
)
from deepnoise_core.data.simulator.options import LayoutOptions

FULL = LayoutOptions(
    train_experiments={"HUVEC": 4, "U2OS": 2},
    test_experiments={"HUVEC": 2},
    sites=1,
    missing_wells=0.01,
    failed_transfers=0.01,
)
LAYOUT = plate_layout(FULL, 7)
PLATES = LAYOUT.partition_by("experiment", "plate", as_dict=True)


def test_columns_are_those_of_every_screen_and_the_public_label() -> None:
    assert LAYOUT.columns == [*SITE_COLUMNS, "sirna_id"]
    assert LAYOUT.schema["site"] == LAYOUT.schema["sirna_id"] == pl.Int64
    assert LAYOUT["site_id"].is_unique().all()
    assert LAYOUT.null_count().sum_horizontal().item() == 0


def test_full_plate_has_the_published_wells() -> None:
    treatments, controls = used_wells(FULL)
    assert len(treatments) == 277
    assert set(controls) == set(CONTROL_WELLS)
    every = {f"{row}{column:02d}" for row in ROWS for column in COLUMNS}
    assert {*treatments, *controls, "B02"} == every
    assert len(every) == 308


def test_control_wells_hold_controls_alone_and_treatments_never_sit_there() -> None:
    positive = LAYOUT.filter(pl.col("role") == "positive_control")
    treatment = LAYOUT.filter(pl.col("role") == "treatment")
    assert set(positive["well"]) == set(CONTROL_WELLS)
    assert not set(treatment["well"]) & {*CONTROL_WELLS, "B02"}
    placements = {
        tuple(plate.sort("perturbation")["well"]) for plate in positive.partition_by("experiment", "plate")
    }
    assert len(placements) == len(PLATES)


def test_edge_is_unused_and_b02_is_always_untreated() -> None:
    for plate in PLATES.values():
        assert plate["well"].str.slice(0, 1).is_in(list(ROWS)).all()
        assert plate["well"].str.slice(1).cast(pl.Int64).is_between(2, 23).all()
        origin = plate.filter(pl.col("well") == "B02").row(0, named=True)
        assert (origin["role"], origin["perturbation"]) == ("negative_control", "EMPTY")


def test_no_treatment_twice_on_a_plate_and_each_plate_holds_one_group() -> None:
    groups = treatment_groups(FULL, 7)
    assert len({*groups.ravel().tolist()}) == 4 * 277
    treatment = LAYOUT.filter(pl.col("role") == "treatment")
    for plate in treatment.partition_by("experiment", "plate"):
        labels = set(plate["sirna_id"])
        assert len(labels) == plate.height
        assert sum(labels <= set(group.tolist()) for group in groups) == 1


def test_each_experiment_is_a_cyclic_rotation_and_rotations_occur() -> None:
    group_of = {
        label: number for number, group in enumerate(treatment_groups(FULL, 7)) for label in group.tolist()
    }
    treatment = LAYOUT.filter(pl.col("role") == "treatment")
    rotations = set()
    for experiment in treatment.partition_by("experiment"):
        order = [group_of[label] for label in experiment.unique("plate").sort("plate")["sirna_id"].to_list()]
        steps = {(after - before) % 4 for before, after in itertools.pairwise(order)}
        assert steps == {1}
        rotations.add(order[0])
    assert len(rotations) > 1


def test_usual_rotation_is_that_of_rxrx1() -> None:
    plate_of_group = {group_of_plate(plate, 0, 4): plate for plate in range(1, 5)}
    assert [plate_of_group[group] for group in range(4)] == [4, 1, 2, 3]


def test_some_wells_are_missing_and_some_transfers_failed() -> None:
    assert 0 < len(PLATES) * 308 - LAYOUT["well_id"].n_unique() < len(PLATES) * 10
    assert len(PLATES) < LAYOUT.filter(pl.col("role") == "negative_control").height < len(PLATES) * 10


def test_positions_are_reshuffled_over_experiments() -> None:
    treatment = LAYOUT.filter(pl.col("role") == "treatment")
    first, second = (
        dict(treatment.filter(pl.col("experiment") == name).select("perturbation", "well").rows())
        for name in ("HUVEC-01", "HUVEC-02")
    )
    same = sum(first[name] == second[name] for name in first.keys() & second.keys())
    assert same < 0.05 * len(first)


def test_labels_are_numbered_as_in_the_public_metadata() -> None:
    by_role = dict(
        LAYOUT.group_by("role")
        .agg(pl.col("sirna_id").min().alias("a"), pl.col("sirna_id").max().alias("b"))
        .select("role", pl.concat_list("a", "b"))
        .rows()
    )
    assert by_role == {
        "treatment": [0, 1107],
        "positive_control": [1108, 1137],
        "negative_control": [1138, 1138],
    }
    names = LAYOUT.select("perturbation", "sirna_id").unique()
    assert names["perturbation"].n_unique() == names["sirna_id"].n_unique() == names.height == 1139


def test_last_experiments_of_a_cell_type_are_test() -> None:
    datasets = dict(LAYOUT.select("experiment", "dataset").unique().rows())
    assert [name for name, part in sorted(datasets.items()) if part == "test"] == ["HUVEC-05", "HUVEC-06"]


@settings(max_examples=25)
@given(
    groups=st.integers(1, 9),
    group_size=st.integers(1, 277),
    controls=st.integers(0, 30),
    seed=st.integers(0, 2**31),
)
def test_any_size_keeps_one_group_a_plate(groups: int, group_size: int, controls: int, seed: int) -> None:
    options = LayoutOptions(
        train_experiments={"RPE": 1},
        test_experiments={},
        groups=groups,
        group_size=group_size,
        positive_controls=controls,
        sites=1,
        missing_wells=0.0,
        failed_transfers=0.0,
    )
    layout = plate_layout(options, seed)
    assert layout.height == groups * (group_size + controls + 1)
    assert layout["site_id"].is_unique().all()
    treated = layout.filter(pl.col("role") == "treatment")
    assert treated["perturbation"].n_unique() == treated.height == groups * group_size


def test_small_plates_fill_a_block_around_b02() -> None:
    treatments, controls = used_wells(FULL.model_copy(update={"group_size": 30, "positive_controls": 4}))
    assert set(controls) == {"C03", "C07", "F03", "F07"}
    assert {well[0] for well in treatments} == set("BCDEF")
    assert len({*treatments, *controls, "B02"}) == 5 * 7
    assert max(int(well[1:]) for well in treatments) == 8


def test_a_screen_needs_an_experiment() -> None:
    with pytest.raises(ValidationError, match="one or more"):
        LayoutOptions(train_experiments={"HUVEC": 0}, test_experiments={})
