"""Where in an image the evidence lies, as colour over grey cells."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from PIL import Image

_SCALE = colormaps["inferno"].resampled(256)
_LOW, _HIGH, _OPAQUE = 0.3, 0.92, 0.85
STEPS = tuple(to_hex(_SCALE(_LOW + (_HIGH - _LOW) * step / 9)) for step in range(10))
"""From a little evidence to the most: violet, red, orange, yellow."""


def overlaid(channels: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey cells under colour: none where there is no evidence, and opaque yellow where there is most.

    Args:
        channels: of one site, [C, h, w].
        heat: evidence of 0 or more, [H, W], of the same field of view; scaled to its own maximum.

    Returns:
        uint8 [h, w, 3].
    """
    grey = channels.mean(axis=0)
    height, width = grey.shape
    scaled = Image.fromarray(heat / max(float(heat.max()), 1e-12))
    share = np.clip(np.asarray(scaled.resize((width, height), Image.Resampling.BILINEAR)), 0, 1)[:, :, None]
    colour = 255 * _SCALE(_LOW + (_HIGH - _LOW) * share[:, :, 0])[:, :, :3]
    cover = _OPAQUE * share
    return np.asarray(np.rint((1 - cover) * grey[:, :, None] + cover * colour), dtype=np.uint8)
