"""Exchanged channels are found and named; plates as they are never are."""

from itertools import combinations

import numpy as np
import pytest

from deepnoise_core.contracts import Screen
from deepnoise_core.data.checks import check_screen
from deepnoise_core.data.checks.channel_order import Plate, Suspicion, suspect_plates
from deepnoise_core.data.checks.measures import Measures
from deepnoise_core.data.checks.reading import read_all
from deepnoise_core.data.plates.layout import plates_of
from deepnoise_core.data.simulator import PRESETS, LayoutOptions, SimulatorOptions, simulate
from deepnoise_core.data.stores import ArrayStore

SMALL = SimulatorOptions(
    layout=LayoutOptions(
        train_experiments={"HUVEC": 2, "RPE": 1}, test_experiments={"RPE": 1}, group_size=8, positive_controls=1
    )
)
SCREEN = simulate(SMALL, 0, workers=2)
PIXELS = SCREEN.store.read(np.arange(len(SCREEN)))
PLATES = plates_of(SCREEN.column("experiment"), SCREEN.column("plate"))


def reordered(order: list[int], *plates: Plate) -> Screen:
    """The screen with the channels of these plates stored in this order."""
    pixels = PIXELS.copy()
    for experiment, plate in plates:
        rows = PLATES[experiment][plate]
        pixels[rows] = pixels[rows][:, order]
    return Screen(SCREEN.sites, SCREEN.channels, ArrayStore(pixels), "here")


def suspects(screen: Screen) -> dict[Plate, Suspicion]:
    cell_types = dict(screen.sites.select("experiment", "cell_type").unique().rows())
    plates = plates_of(screen.column("experiment"), screen.column("plate"))
    found, incomparable = suspect_plates(read_all(screen).measures, plates, cell_types)
    assert incomparable == []
    return found


@pytest.mark.parametrize("seed", range(3))
def test_no_plate_of_a_simulated_screen_is_suspected(seed: int) -> None:
    assert suspects(simulate(PRESETS["tiny"], seed, workers=2)) == {}


def test_every_exchange_on_one_plate_is_named() -> None:
    measures = read_all(SCREEN).measures
    cell_types = dict(SCREEN.sites.select("experiment", "cell_type").unique().rows())
    plate, rows = ("RPE-01", "3"), PLATES["RPE-01"]["3"]
    hits = 0
    for one, other in combinations(range(6), 2):
        order = list(range(6))
        order[one], order[other] = other, one
        exchanged = {name: array.copy() for name, array in vars(measures).items()}
        for array in exchanged.values():
            array[rows] = array[rows][:, order]
        exchanged["correlation"][rows] = exchanged["correlation"][rows][:, :, order]
        found, _ = suspect_plates(Measures(**exchanged), PLATES, cell_types)
        assert set(found) <= {plate}
        hits += plate in found and found[plate].order == tuple(order)
    assert hits >= 14


def test_a_cycle_of_three_channels_is_named_the_right_way_round() -> None:
    order = [1, 2, 0, 3, 4, 5]
    found = suspects(reordered(order, ("HUVEC-01", "2")))
    assert {plate: one.order for plate, one in found.items()} == {("HUVEC-01", "2"): tuple(order)}


def test_a_whole_experiment_in_another_order_is_found() -> None:
    whole = [("RPE-02", plate) for plate in "1234"]
    found = suspects(reordered([2, 1, 0, 3, 4, 5], *whole))
    assert sorted(found) == whole
    assert {one.order for one in found.values()} == {(2, 1, 0, 3, 4, 5)}
    assert {one.reference for one in found.values()} == {"other experiments"}


def test_two_plates_in_different_orders_are_both_found() -> None:
    pixels = reordered([2, 1, 0, 3, 4, 5], ("HUVEC-02", "1")).store.read(np.arange(len(SCREEN)))
    rows = PLATES["HUVEC-02"]["4"]
    pixels[rows] = pixels[rows][:, [0, 1, 2, 5, 4, 3]]
    found = suspects(Screen(SCREEN.sites, SCREEN.channels, ArrayStore(pixels), "here"))
    assert {plate: one.order for plate, one in found.items()} == {
        ("HUVEC-02", "1"): (2, 1, 0, 3, 4, 5),
        ("HUVEC-02", "4"): (0, 1, 2, 5, 4, 3),
    }


def test_gain_and_offset_of_a_plate_are_no_exchange() -> None:
    pixels = PIXELS.astype(np.uint16)
    rows = PLATES["RPE-01"]["2"]
    pixels[rows] = pixels[rows] * np.array([38, 1, 5, 17, 2, 30], dtype=np.uint16)[:, None, None] + 100
    assert suspects(Screen(SCREEN.sites, SCREEN.channels, ArrayStore(pixels), "here")) == {}


def test_the_finding_says_what_looks_like_what() -> None:
    examination = check_screen(reordered([0, 1, 4, 3, 2, 5], ("RPE-01", "3")))
    (finding,) = [one for one in examination.findings if one.check == "channel order"]
    assert (finding.experiment, finding.plate, finding.site) == ("RPE-01", "3", None)
    assert finding.message.startswith("actin looks like mitochondria, mitochondria looks like actin (")
    assert finding.message.endswith("times closer to the other plates of its experiment)")


def test_two_channels_and_one_are_judged_by_texture_alone() -> None:
    both = Screen(SCREEN.sites, SCREEN.channels[:2], ArrayStore(PIXELS[:, :2]), "here")
    assert suspects(both) == {}
    pixels = PIXELS[:, :2].copy()
    rows = PLATES["RPE-01"]["1"]
    pixels[rows] = pixels[rows][:, ::-1]
    assert list(suspects(Screen(both.sites, both.channels, ArrayStore(pixels), "here"))) == [("RPE-01", "1")]
    assert suspects(Screen(SCREEN.sites, SCREEN.channels[:1], ArrayStore(PIXELS[:, :1]), "here")) == {}
