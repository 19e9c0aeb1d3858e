"""The microscope and the stains: what each experiment, plate, well and camera adds to the light of cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.data.simulator.layout import COLUMNS, ROWS
from deepnoise_core.data.simulator.options import NoiseOptions
from deepnoise_core.data.simulator.phenotype import CHANNELS

Floats = NDArray[np.float32]

GREY_LEVELS = 40.0
"""Grey level of a structure of usual brightness at gain 1, of 255."""

_BLUR = 0.6
_DEFOCUS = 3.0
_EDGE_REACH = 1.5


@dataclass(frozen=True)
class PlateOptics:
    """How one plate was stained and imaged.

    Attributes:
        log_gain: natural logarithm of the gain of each channel, [C].
        offset: background, grey levels, [C].
        blur: sigma of the Gaussian that each channel is blurred with, pixels, [C].
        illumination: factor of each pixel, float32 [C, H, W].
        row_slope: log gain at the last row of the plate; the opposite at the first, [C].
        column_slope: log gain at the last column of the plate; the opposite at the first, [C].
        edge: log gain at the outermost wells, [C].
        drift: log gain at the well that was dispensed last; the opposite at the first, [C].
    """

    log_gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    blur: NDArray[np.float64]
    illumination: Floats
    row_slope: NDArray[np.float64]
    column_slope: NDArray[np.float64]
    edge: NDArray[np.float64]
    drift: NDArray[np.float64]


def plate_optics(
    noise: NoiseOptions, seed: int, experiment: str, plate: str, size: int, magnification: float
) -> PlateOptics:
    """Draws the optics of a plate: part from its experiment, part its own."""
    batch = np.random.default_rng(derive_seed(seed, "experiment optics", experiment))
    own = np.random.default_rng(derive_seed(seed, "plate optics", experiment, plate))
    channels = len(CHANNELS)
    log_gain = noise.experiment_gain * batch.standard_normal(channels)
    log_gain += noise.plate_gain * own.standard_normal(channels)
    offset = noise.experiment_offset * batch.gamma(2.0, 0.5, channels)
    offset += noise.plate_offset * own.standard_normal(channels)
    log_blur = noise.experiment_blur * batch.standard_normal(channels)
    log_blur += noise.plate_blur * own.standard_normal(channels)
    return PlateOptics(
        log_gain=log_gain,
        offset=np.maximum(offset, 0),
        blur=_BLUR * magnification * np.exp(log_blur),
        illumination=_illumination(noise.illumination, batch, size),
        row_slope=noise.row_effect * own.standard_normal(channels),
        column_slope=noise.column_effect * own.standard_normal(channels),
        edge=noise.edge_effect * own.standard_normal(channels),
        drift=noise.staining_drift * own.standard_normal(channels),
    )


def well_gain(optics: PlateOptics, noise: NoiseOptions, well: str, own: NDArray[np.float64]) -> Floats:
    """Gain of each channel in a well, float32 [C].

    Args:
        optics: the plate's.
        noise: spread of the gain over wells.
        well: name of the well, as `B02`.
        own: standard normal draws of this well alone, [C].
    """
    row, column = ROWS.index(well[0]), COLUMNS.index(int(well[1:]))
    last_row, last_column = len(ROWS) - 1, len(COLUMNS) - 1
    inward = min(row, column, last_row - row, last_column - column)
    dispensed = (column * len(ROWS) + row) / (len(ROWS) * len(COLUMNS) - 1)
    log_gain = optics.log_gain + noise.well_gain * own
    log_gain = log_gain + optics.row_slope * (2 * row / last_row - 1)
    log_gain += optics.column_slope * (2 * column / last_column - 1)
    log_gain += optics.edge * np.exp(-inward / _EDGE_REACH)
    log_gain += optics.drift * np.sin(np.pi * (dispensed - 0.5))
    return np.exp(log_gain).astype(np.float32)


def take_picture(
    light: Floats,
    gain: Floats,
    optics: PlateOptics,
    noise: NoiseOptions,
    random: np.random.Generator,
    *,
    in_focus: bool,
) -> NDArray[np.uint8]:
    """What the camera records of the light of cells, uint8 [C, H, W].

    Args:
        light: ideal image, float32 [C, H, W]; overwritten.
        gain: of each channel, float32 [C].
        optics: the plate's.
        noise: strengths of photon and read noise.
        random: the site's own generator.
        in_focus: whether the site is as sharp as its plate.
    """
    for plane, sigma in zip(light, optics.blur.tolist(), strict=True):
        kernel = _gaussian(sigma if in_focus else math.hypot(sigma, _DEFOCUS))
        for axis in (0, 1):
            ndimage.correlate1d(plane, kernel, axis, output=plane, mode="nearest")
    light *= optics.illumination
    electrons = np.float32(noise.shot**2) * light
    amplification = (np.float32(GREY_LEVELS) * gain)[:, None, None]
    spread = np.sqrt(amplification**2 * electrons + np.float32(noise.read**2))
    spread *= random.standard_normal(light.shape, dtype=np.float32)
    light *= amplification
    light += optics.offset.astype(np.float32)[:, None, None]
    light += spread
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


@lru_cache(maxsize=4096)
def _gaussian(sigma: float) -> NDArray[np.float64]:
    """Weights of a Gaussian filter, cut at three sigma; kept, since all sites of a plate share theirs."""
    reach = int(3 * sigma + 0.5)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    weights /= weights.sum()
    weights.flags.writeable = False
    return weights


def _illumination(strength: float, batch: np.random.Generator, size: int) -> Floats:
    across = np.linspace(-1, 1, size)
    centre = 0.3 * batch.standard_normal((2, len(CHANNELS), 1, 1))
    squared = (across[None, None, :] - centre[0]) ** 2 + (across[None, :, None] - centre[1]) ** 2
    field: Floats = np.exp(-strength * squared / 2).astype(np.float32)
    field /= field.mean(axis=(1, 2), keepdims=True)
    return field
