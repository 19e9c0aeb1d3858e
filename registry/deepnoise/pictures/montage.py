"""Example sites of a screen: one row a site, one column a channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from deepnoise_core.contracts import Screen
from deepnoise_core.data.names import natural_key

_MOST_SITES = 6
_WIDTH = 11.0
_PANELS = 1.8, 2.8
_DARKEST, _BRIGHTEST = 0.5, 99.7


def draw_montage(screen: Screen, out: Path) -> None:
    """The first site of up to six experiments, or of plates or wells where there are fewer experiments.

    Each image is stretched from its darkest to its brightest pixels, since intensities of experiments differ
    many times over; the two intensities stand below it.

    Args:
        screen: N sites.
        out: PNG to write.
    """
    rows = _examples(screen)
    sites = screen.store.read(rows)
    _, height, width = screen.store.shape
    panel = float(np.clip(_WIDTH / len(screen.channels), *_PANELS))
    panel_width, panel_height = panel * min(1.0, width / height), panel * min(1.0, height / width)
    figure = Figure(
        figsize=(panel_width * len(screen.channels) + 0.8, (panel_height + 0.22) * len(rows) + 0.45),
        dpi=150,
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.0),
    )
    axes = figure.subplots(len(rows), len(screen.channels), squeeze=False)
    places = screen.sites[rows].select("experiment", "plate", "well", "site").rows()
    for row, (experiment, plate, well, site) in enumerate(places):
        for channel, name in enumerate(screen.channels):
            one = axes[row, channel]
            low, high = _range(sites[row, channel])
            one.imshow(sites[row, channel], cmap="gray", vmin=low, vmax=max(high, low + 1))
            one.set_xticks([])
            one.set_yticks([])
            one.spines[:].set_visible(False)
            one.set_xlabel(f"{low:,.0f} – {high:,.0f}", fontsize=6, color="0.4", labelpad=1.5)
            if row == 0:
                stain = f"\n{screen.stains[name]}" if name in screen.stains else ""
                one.set_title(f"{name.replace('_', ' ')}{stain}", fontsize=7.5)
        axes[row, 0].set_ylabel(f"{experiment}\nplate {plate}\n{well}, site {site}", fontsize=6.5)
    figure.savefig(out)


def _examples(screen: Screen) -> NDArray[np.int64]:
    """Rows of the first site of up to six experiments, plates or wells: the first of these with several."""
    for columns in (["experiment"], ["experiment", "plate"], ["well_id"]):
        first = screen.sites.select(columns).with_row_index("row").unique(columns, keep="first")
        if first.height > 1 or columns == ["well_id"]:
            break
    named = sorted(first.rows(), key=lambda row: [natural_key(part) for part in row[1:]])
    rows = np.array([row for row, *_ in named], dtype=np.int64)
    return rows[:: -(-len(rows) // _MOST_SITES)]


def _range(image: NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(image, (_DARKEST, _BRIGHTEST))
    return float(low), float(high)
