"""The cells of one site: where they lie, their form, and how each differs from its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.simulator.phenotype import CHANNELS

Floats = NDArray[np.float32]

_RELAXATIONS = 4
_ALIGNMENT = 0.5
_LOG_SPREADS = {"radius": 0.12, "elongation": 0.18, "nucleus": 0.08, "brightness": 0.15, "count": 0.08}


@dataclass(frozen=True)
class Cells:
    """K cells, one entry an array; lengths in pixels, angles in radians, all float32 [K].

    Attributes:
        x: column of the centre; may lie outside the site.
        y: row of the centre.
        angle: direction of the long axis.
        length: half the long axis of the cell.
        width: half the short axis of the cell.
        nucleus_angle: direction of the long axis of the nucleus.
        nucleus_length: half the long axis of the nucleus.
        nucleus_width: half the short axis of the nucleus.
        side: direction from the nucleus in which the Golgi lies.
        phase: where the cell's actin fibres start.
        brightness: factor of each channel, [K, C].
    """

    x: Floats
    y: Floats
    angle: Floats
    length: Floats
    width: Floats
    nucleus_angle: Floats
    nucleus_length: Floats
    nucleus_width: Floats
    side: Floats
    phase: Floats
    brightness: Floats

    def __len__(self) -> int:
        return len(self.x)


def grow_cells(random: np.random.Generator, traits: dict[str, float], size: int, variety: float) -> Cells:
    """Cells of a square site and of a margin around it.

    Args:
        random: the site's own generator.
        traits: value of each trait of `phenotype.TRAITS`; lengths in pixels.
        size: side of the site, pixels.
        variety: factor of the differences between cells.
    """
    spread = {name: variety * value for name, value in _LOG_SPREADS.items()}
    margin = traits["cell_radius"]
    side = size + 2 * margin
    expected = traits["cells_per_4096_pixels"] / 4096 * side**2
    count = int(expected * np.exp(spread["count"] * random.standard_normal()) + random.random())
    flow = random.random(dtype=np.float32) * np.float32(np.pi)
    normal = random.standard_normal((count, 6 + len(CHANNELS)), dtype=np.float32)
    turns = random.random((count, 2), dtype=np.float32)

    x, y = _spread_out(random.random((2, count), dtype=np.float32) * np.float32(side), side)
    angle = flow + np.float32(_ALIGNMENT) * normal[:, 5]
    radius = traits["cell_radius"] * np.exp(spread["radius"] * normal[:, 0])
    cell_root = np.sqrt(traits["cell_elongation"] * np.exp(spread["elongation"] * normal[:, 1]))
    nucleus_radius = traits["nucleus_radius"] * np.exp(spread["nucleus"] * normal[:, 2])
    nucleus_root = np.sqrt(traits["nucleus_elongation"] * np.exp(spread["nucleus"] * normal[:, 3]))
    return Cells(
        x=_single(x - margin),
        y=_single(y - margin),
        angle=angle,
        length=_single(radius * cell_root),
        width=_single(radius / cell_root),
        nucleus_angle=_single(angle + 0.3 * normal[:, 4]),
        nucleus_length=_single(nucleus_radius * nucleus_root),
        nucleus_width=_single(nucleus_radius / nucleus_root),
        side=turns[:, 0] * np.float32(2 * np.pi),
        phase=turns[:, 1] * np.float32(2 * np.pi),
        brightness=_single(np.exp(spread["brightness"] * normal[:, 6:])),
    )


def _spread_out(points: Floats, side: float) -> Floats:
    """Pushes points [2, K] apart, for cells do not lie on one another."""
    reach = np.float32(0.8 * side / np.sqrt(max(points.shape[1], 1)))
    for _ in range(_RELAXATIONS):
        apart = points[:, :, None] - points[:, None, :]
        distance = np.sqrt((apart**2).sum(axis=0)) + np.float32(1e-3)
        push = np.clip(reach - distance, 0, None) / distance
        points = points + np.float32(0.4) * (apart * push).sum(axis=2)
    return points


def _single(values: NDArray[np.floating]) -> Floats:
    return values.astype(np.float32)
