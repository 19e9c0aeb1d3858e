"""Each strength does what it says: off at zero, more at more."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from deepnoise_core.data.simulator import (
    CHANNELS,
    LayoutOptions,
    NoiseOptions,
    SignalOptions,
    SimulatorOptions,
    simulate,
)
from deepnoise_core.data.simulator.acquisition import plate_optics, take_picture, well_gain

QUIET = NoiseOptions(**dict.fromkeys(NoiseOptions.model_fields, 0.0))
STILL = SignalOptions(strength=0, control_strength=0)
LAYOUT = LayoutOptions(
    train_experiments={"HUVEC": 2},
    test_experiments={},
    group_size=6,
    positive_controls=0,
    missing_wells=0,
    failed_transfers=0,
)


def options(signal: SignalOptions = STILL, **noise: float) -> SimulatorOptions:
    return SimulatorOptions(
        image_size=32, magnification=0.6, layout=LAYOUT, signal=signal, noise=QUIET.model_copy(update=noise)
    )


def site_means(chosen: SimulatorOptions) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    screen = simulate(chosen, 3, workers=1)
    return screen.sites, screen.store.read(np.arange(len(screen))).mean(axis=(2, 3), dtype=np.float64)


def spread_between(sites: pl.DataFrame, means: NDArray[np.float64], *columns: str) -> float:
    """Mean over channels of the deviation of log group means; a group is one value of the columns."""
    frame = sites.select(columns).with_columns(pl.Series("row", np.arange(len(sites))))
    groups = [means[part["row"].to_numpy()].mean(axis=0) for part in frame.partition_by(*columns)]
    return float(np.log1p(np.array(groups)).std(axis=0).mean())


QUIET_SITES, QUIET_MEANS = site_means(options())


def test_without_noise_experiments_and_plates_agree_up_to_sampling() -> None:
    within = np.log(QUIET_MEANS).std(axis=0).mean()
    per_plate = len(QUIET_MEANS) / 8
    assert spread_between(QUIET_SITES, QUIET_MEANS, "experiment", "plate") < 2 * within / np.sqrt(per_plate)
    assert spread_between(QUIET_SITES, QUIET_MEANS, "experiment") < 2 * within / np.sqrt(4 * per_plate)


@pytest.mark.parametrize(
    ("source", "strength", "columns"),
    [
        ("experiment_gain", 0.6, ("experiment",)),
        ("experiment_offset", 20.0, ("experiment",)),
        ("experiment_biology", 2.0, ("experiment",)),
        ("plate_gain", 0.4, ("experiment", "plate")),
        ("plate_offset", 20.0, ("experiment", "plate")),
        ("well_gain", 0.4, ("well_id",)),
        ("well_biology", 1.0, ("well_id",)),
        ("edge_effect", 0.6, ("experiment", "plate", "well")),
        ("empty_wells", 0.2, ("well_id",)),
    ],
)
def test_a_source_spreads_what_it_belongs_to(source: str, strength: float, columns: tuple[str, ...]) -> None:
    sites, means = site_means(options(STILL, **{source: strength}))
    quiet = spread_between(QUIET_SITES, QUIET_MEANS, *columns)
    assert spread_between(sites, means, *columns) > 1.5 * quiet


def test_more_plate_gain_spreads_plates_more() -> None:
    spreads = [
        spread_between(*site_means(options(plate_gain=gain)), "experiment", "plate") for gain in (0.2, 0.6)
    ]
    assert 2 < spreads[1] / spreads[0] < 4


@pytest.mark.parametrize("source", ["row_effect", "column_effect", "staining_drift"])
def test_position_effects_grow_along_the_plate(source: str) -> None:
    noise = QUIET.model_copy(update={source: 0.3})
    optics = plate_optics(noise, 0, "HUVEC-01", "1", 16, 1.0)
    still = np.zeros(len(CHANNELS))
    first, middle, last = (np.log(well_gain(optics, noise, well, still)) for well in ("B02", "H12", "O23"))
    assert np.allclose(first, -last, atol=1e-5)
    assert (np.abs(middle) < np.abs(last)).all()


def test_position_without_effects_changes_nothing() -> None:
    optics = plate_optics(QUIET, 0, "HUVEC-01", "1", 16, 1.0)
    still = np.zeros(len(CHANNELS))
    assert all((well_gain(optics, QUIET, well, still) == 1).all() for well in ("B02", "H12", "O23"))


def picture(noise: NoiseOptions, light: NDArray[np.float32], *, in_focus: bool = True) -> NDArray[Any]:
    optics = plate_optics(noise, 0, "HUVEC-01", "1", light.shape[-1], 1.0)
    gain = np.ones(len(CHANNELS), dtype=np.float32)
    random = np.random.default_rng(0)
    return take_picture(light.copy(), gain, optics, noise, random, in_focus=in_focus)


def test_shot_noise_grows_with_light_and_read_noise_does_not() -> None:
    dim, bright = (np.full((len(CHANNELS), 64, 64), level, dtype=np.float32) for level in (0.5, 2.0))
    assert picture(QUIET, bright).std() == 0
    shot = QUIET.model_copy(update={"shot": 0.2})
    read = QUIET.model_copy(update={"read": 5.0})
    assert picture(shot, bright).std() / picture(shot, dim).std() == pytest.approx(2.0, rel=0.05)
    assert picture(read, bright).std() == pytest.approx(5.0, rel=0.05)
    assert picture(read, dim).std() == pytest.approx(5.0, rel=0.05)


def test_illumination_darkens_corners_and_keeps_the_mean() -> None:
    flat = np.ones((len(CHANNELS), 64, 64), dtype=np.float32)
    lit = picture(QUIET.model_copy(update={"illumination": 0.5}), flat).astype(float)
    corners = lit[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean()
    assert corners < 0.8 * lit[:, 24:40, 24:40].mean()
    assert lit.mean() == pytest.approx(picture(QUIET, flat).mean(), rel=0.02)


def test_blur_and_defocus_flatten_a_point() -> None:
    point = np.zeros((len(CHANNELS), 33, 33), dtype=np.float32)
    point[:, 16, 16] = 15.0
    sharp = picture(QUIET, point)[:, 16, 16]
    assert np.ptp(sharp) == 0
    assert np.ptp(picture(QUIET.model_copy(update={"experiment_blur": 0.3}), point)[:, 16, 16]) > 0
    assert np.ptp(picture(QUIET.model_copy(update={"plate_blur": 0.3}), point)[:, 16, 16]) > 0
    assert (picture(QUIET, point, in_focus=False)[:, 16, 16] < sharp / 3).all()


def test_out_of_focus_sites_have_less_detail() -> None:
    def detail(chosen: SimulatorOptions) -> float:
        screen = simulate(chosen, 3, workers=1)
        pixels = screen.store.read(np.arange(len(screen))).astype(np.float64)
        return float(np.diff(pixels, axis=3).std())

    assert detail(options(out_of_focus=1.0)) < 0.6 * detail(options())


def test_cells_differ_by_cell_biology_alone() -> None:
    varied = site_means(options(cell_biology=2.0))[1]
    assert np.log(varied).std(axis=0).mean() > 1.1 * np.log(QUIET_MEANS).std(axis=0).mean()


def perturbation_ratio(signal: SignalOptions) -> float:
    """F ratio of log channel means, between perturbations over within, mean over channels."""
    sites, means = site_means(options(signal))
    logs = np.log(means)
    labels = sites["perturbation"].to_numpy()
    parts = [logs[labels == name] for name in np.unique(labels) if name != "EMPTY"]
    within = np.mean([part.var(axis=0, ddof=1) for part in parts], axis=0)
    between = np.var([part.mean(axis=0) for part in parts], axis=0, ddof=1)
    return float((len(parts[0]) * between / within).mean())


def test_without_signal_perturbations_are_alike_and_with_it_they_differ() -> None:
    assert perturbation_ratio(STILL) < 1.6
    assert perturbation_ratio(SignalOptions(strength=1.0)) > 4


@pytest.mark.parametrize("family", ["count", "shape", "intensity", "texture", "arrangement"])
def test_each_family_of_traits_carries_signal(family: str) -> None:
    only = dict.fromkeys(("count", "shape", "intensity", "texture", "arrangement"), 0.0) | {family: 1.0}
    plain = simulate(options(), 3, workers=1).store.read(np.arange(40))
    changed = simulate(options(SignalOptions(**only)), 3, workers=1).store.read(np.arange(40))
    assert (plain != changed).any()
