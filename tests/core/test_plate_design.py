import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts import PlateDesign
from deepnoise_core.data.plates import discover_design

GROUPS = tuple(frozenset(range(start, 20, 4)) for start in range(4))


def design_of(wells: list[tuple[str, str, int]], num_classes: int = 20) -> PlateDesign:
    experiment, plate, labels = zip(*wells, strict=True)
    return discover_design(np.array(labels), np.array(experiment), np.array(plate), num_classes)


def layout(experiment: str, held: list[int], first_plate: int = 1) -> list[tuple[str, str, int]]:
    return [
        (experiment, str(first_plate + index), label)
        for index, group in enumerate(held)
        for label in GROUPS[group]
    ]


def test_rotations_of_one_order_are_a_cyclic_design() -> None:
    design = design_of(layout("A", [2, 1, 0, 3]) + layout("B", [3, 2, 1, 0]))
    assert design == PlateDesign((GROUPS[0], GROUPS[3], GROUPS[2], GROUPS[1]), exclusive=True, cyclic=True)


def test_orders_that_are_no_rotations_are_not_cyclic() -> None:
    design = design_of(layout("A", [0, 1, 2, 3]) + layout("B", [0, 2, 1, 3]) + layout("C", [1, 2, 3, 0]))
    assert design.groups == GROUPS
    assert not design.cyclic


def test_the_order_is_unknown_where_no_experiment_holds_all_groups() -> None:
    design = design_of(layout("A", [2, 1]) + layout("B", [0, 3]))
    assert set(design.groups) == set(GROUPS)
    assert not design.cyclic


def test_two_groups_are_always_cyclic() -> None:
    wells = [("A", "1", 0), ("B", "1", 1), ("C", "1", 0), ("C", "1", 2)]
    assert design_of(wells, 3) == PlateDesign((frozenset({0, 2}), frozenset({1})), exclusive=True)


def test_repeated_groups_go_on_turning() -> None:
    assert design_of(layout("A", [1, 2, 3, 0, 1, 2, 3, 0])).cyclic
    assert not design_of(layout("A", [0, 0, 1, 1, 2, 2, 3, 3])).cyclic
    assert not design_of(layout("A", [0, 1, 2, 3, 0, 2, 1, 3])).cyclic


@given(st.integers(0, 2**32))
def test_missing_wells_and_row_order_do_no_harm(seed: int) -> None:
    generator = np.random.default_rng(seed)
    wells = [well for turn in range(6) for well in layout(f"E{turn}", [(i + turn) % 4 for i in range(4)])]
    full = design_of(wells)
    assert full.groups == GROUPS
    kept = [wells[index] for index in generator.permutation(len(wells))]
    gone = {(f"E{turn}", str(1 + int(generator.integers(4)))) for turn in range(6)}
    for experiment, plate in gone:
        kept.remove(next(well for well in kept if well[:2] == (experiment, plate)))
    assert design_of(kept) == full


def test_plates_that_share_classes_show_no_groups() -> None:
    same = [("A", plate, label) for plate in "123" for label in range(5)]
    assert design_of(same, 5) == PlateDesign((), exclusive=True)


def test_a_class_twice_on_a_plate_is_not_exclusive() -> None:
    wells = layout("A", [0, 1, 2, 3])
    assert design_of(wells).exclusive
    assert not design_of([*wells, wells[0]]).exclusive
    assert design_of([*wells, ("A", "1", -1), ("A", "1", -1)]).exclusive


def test_nothing_labelled_shows_nothing() -> None:
    assert design_of([("A", "1", -1)]) == PlateDesign()
    assert discover_design(np.empty(0, np.int64), np.empty(0, str), np.empty(0, str), 3) == PlateDesign()
    with pytest.raises(ValueError, match="label 20"):
        design_of([("A", "1", 20)])
