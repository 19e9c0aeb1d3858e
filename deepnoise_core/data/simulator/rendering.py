"""From cells to light: six channels of an ideal, noiseless and sharp image.

Each pixel belongs to the cell whose ellipse is nearest, so that crowded cells share borders as in a
monolayer; every structure is then a function of the pixel's place in its own cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from deepnoise_core.data.simulator.cells import Cells, Floats
from deepnoise_core.data.simulator.phenotype import CHANNELS

_NUCLEOLI = 2


@dataclass(frozen=True)
class _Places:
    """Where each pixel lies in its own cell; all [H, W]."""

    owner: NDArray[np.int64]
    x: Floats
    y: Floats
    rim: Floats
    border: Floats
    nucleus: Floats


def render_cells(cells: Cells, traits: dict[str, float], random: np.random.Generator, size: int) -> Floats:
    """Light of each channel, float32 [C, H, W]; about 1 where a structure is.

    Args:
        cells: the cells of the site.
        traits: value of each trait of `phenotype.TRAITS`; lengths in pixels.
        random: the site's own generator.
        size: side of the site, pixels.
    """
    grain = _grain(traits, random, size)
    warp = _smooth(random.standard_normal((size, size), dtype=np.float32), 0.4 * traits["cell_radius"])
    if len(cells) == 0:
        return np.zeros((len(CHANNELS), size, size), dtype=np.float32)
    places = _locate(cells, size)
    wobble = np.exp(np.float32(traits["cell_irregularity"]) * warp)
    body = _inside(places.rim * wobble, 7.0)
    nucleus = _inside(places.nucleus, traits["nucleus_radius"] * 1.3)
    around = np.maximum(places.nucleus - 1, 0)
    cytoplasm = body * (1 - nucleus)

    light = np.empty_like(grain)
    light[0] = nucleus + 0.04 * body
    light[1] = cytoplasm * (0.25 + _fading(around, traits["reticulum_reach"])) + 0.25 * nucleus
    light[2] = body * (0.3 + _fibres(cells, places, traits, warp) + _cortex(places, traits))
    speckled = 0.5 + _nucleoli(cells, places, traits)
    light[3] = cytoplasm * (0.15 + 0.5 * _fading(around, 1.2)) + nucleus * speckled
    light[4] = cytoplasm * (0.08 + 1.2 * _fading(around, traits["mitochondria_reach"]))
    light[5] = body * (0.35 + 0.2 * nucleus + _golgi(cells, places, traits))
    light *= grain
    brightness = cells.brightness * _by_channel(traits, "intensity")
    for plane, own in zip(light, brightness.T, strict=True):
        plane *= own[places.owner]
    return light


def _grain(traits: dict[str, float], random: np.random.Generator, size: int) -> Floats:
    """Texture of each channel, lognormal with mean 1, [C, H, W]."""
    contrast = _by_channel(traits, "contrast")[:, None, None]
    white = random.standard_normal((len(CHANNELS), size, size), dtype=np.float32)
    grain = _smooth(white, _by_channel(traits, "grain"))
    grain *= contrast
    grain -= contrast**2 / 2
    return np.exp(grain, out=grain)


def _by_channel(traits: dict[str, float], name: str) -> Floats:
    return np.array([traits[f"{channel}_{name}"] for channel in CHANNELS], dtype=np.float32)


def _smooth(white: Floats, sigma: ArrayLike) -> Floats:
    """White noise [..., H, W] blurred as if it repeated beyond its borders, of the variance it had.

    One transform blurs all planes at once, which is faster than a filter a plane.
    """
    height, width = white.shape[-2:]
    down, across = fft.fftfreq(height).astype(np.float32), fft.rfftfreq(width).astype(np.float32)
    spread = np.asarray(sigma, dtype=np.float32)[..., None]
    along = [np.exp(-2 * np.square(np.float32(np.pi) * spread * line)) for line in (down, across)]
    kernel = along[0][..., :, None] * along[1][..., None, :]
    kernel *= np.maximum(2 * np.sqrt(np.float32(np.pi)) * spread, 1)[..., None]
    smooth: Floats = fft.irfft2(fft.rfft2(white) * kernel, s=(height, width))
    return smooth


def _locate(cells: Cells, size: int) -> _Places:
    pixels = np.arange(size, dtype=np.float32)
    dx = pixels[None, None, :] - cells.x[:, None, None]
    dy = pixels[None, :, None] - cells.y[:, None, None]
    xx, xy, yy = _quadratic(cells.angle, cells.length, cells.width)
    squared = (2 * xy[:, None, None] * dx) * dy
    squared += xx[:, None, None] * dx**2
    squared += yy[:, None, None] * dy**2
    owner = squared.argmin(axis=0)
    own = owner[None]
    nearest = np.take_along_axis(squared, own, axis=0)[0]
    np.put_along_axis(squared, own, np.float32(np.inf), axis=0)
    rim = np.sqrt(np.maximum(nearest, 0))
    x = pixels[None, :] - cells.x[owner]
    y = pixels[:, None] - cells.y[owner]
    xx, xy, yy = _quadratic(cells.nucleus_angle, cells.nucleus_length, cells.nucleus_width)
    nucleus = np.sqrt(np.maximum(xx[owner] * x**2 + 2 * xy[owner] * x * y + yy[owner] * y**2, 0))
    return _Places(owner, x, y, rim, np.sqrt(squared.min(axis=0)) - rim, nucleus)


def _quadratic(angle: Floats, length: Floats, width: Floats) -> tuple[Floats, Floats, Floats]:
    """Coefficients of x², xy and y² of an ellipse whose rim is at 1."""
    cos, sin = np.cos(angle), np.sin(angle)
    long, short = np.reciprocal(np.square(length)), np.reciprocal(np.square(width))
    return cos**2 * long + sin**2 * short, cos * sin * (long - short), sin**2 * long + cos**2 * short


def _inside(radius: Floats, steepness: float) -> Floats:
    """1 within the rim at radius 1, 0 outside, smooth between."""
    inside: Floats = 1 / (1 + np.exp(np.clip(np.float32(steepness) * (radius - 1), -20, 20)))
    return inside


def _fading(distance: Floats, reach: float) -> Floats:
    faded: Floats = np.exp(distance * np.float32(-1 / reach))
    return faded


def _fibres(cells: Cells, places: _Places, traits: dict[str, float], warp: Floats) -> Floats:
    owner = places.owner
    across = np.cos(cells.angle)[owner] * places.y - np.sin(cells.angle)[owner] * places.x
    turns = across * np.float32(2 * np.pi / traits["fibre_spacing"]) + cells.phase[owner]
    wave = np.cos(turns + np.float32(1.5) * warp)
    fibres: Floats = np.float32(traits["actin_fibres"]) * np.exp(2 * (wave - 1) + np.float32(0.7) * warp)
    return fibres


def _cortex(places: _Places, traits: dict[str, float]) -> Floats:
    edge = np.minimum(places.border, np.abs(1 - places.rim))
    cortex: Floats = np.float32(traits["actin_cortex"]) * np.exp(-((edge / np.float32(0.15)) ** 2))
    return cortex


def _nucleoli(cells: Cells, places: _Places, traits: dict[str, float]) -> Floats:
    spots = np.zeros_like(places.rim)
    sharp = np.float32(-0.5 / traits["nucleolus_radius"] ** 2)
    for turn in range(_NUCLEOLI):
        angle = cells.phase + np.float32(turn * 2.4)
        away = np.float32(0.45) * cells.nucleus_width
        dx = places.x - (away * np.cos(angle))[places.owner]
        dy = places.y - (away * np.sin(angle))[places.owner]
        spots += np.exp(sharp * (dx**2 + dy**2))
    return np.float32(traits["nucleolus_brightness"]) * spots


def _golgi(cells: Cells, places: _Places, traits: dict[str, float]) -> Floats:
    away = np.float32(traits["golgi_distance"]) * (cells.nucleus_width + 1)
    dx = places.x - (away * np.cos(cells.side))[places.owner]
    dy = places.y - (away * np.sin(cells.side))[places.owner]
    sharp = np.float32(-0.5 / traits["golgi_radius"] ** 2)
    golgi: Floats = np.float32(1.2) * np.exp(sharp * (dx**2 + dy**2))
    return golgi
