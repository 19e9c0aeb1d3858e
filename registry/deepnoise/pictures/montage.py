"""Example sites of a screen, one row an experiment, one column a channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from deepnoise_core.contracts import Screen
from deepnoise_core.data.names import natural_key

_MOST_EXPERIMENTS = 6


def draw_montage(screen: Screen, out: Path) -> None:
    """The first site of up to six experiments; intensities as stored, on one scale a channel.

    Args:
        screen: N sites.
        out: PNG to write.
    """
    experiments = screen.column("experiment")
    names = sorted(set(experiments), key=natural_key)
    names = names[:: max(1, -(-len(names) // _MOST_EXPERIMENTS))]
    rows = np.array([np.flatnonzero(experiments == name)[0] for name in names], dtype=np.int64)
    sites = screen.store.read(rows)
    figure = Figure(
        figsize=(1.7 * len(screen.channels) + 0.6, 1.7 * len(rows) + 0.5), dpi=120, layout="constrained"
    )
    axes = figure.subplots(len(rows), len(screen.channels), squeeze=False)
    brightest = [max(float(np.percentile(sites[:, channel], 99.8)), 1.0) for channel in range(sites.shape[1])]
    for row, name in enumerate(names):
        for channel, label in enumerate(screen.channels):
            one = axes[row, channel]
            one.imshow(sites[row, channel], cmap="gray", vmin=0, vmax=brightest[channel])
            one.set_xticks([])
            one.set_yticks([])
            one.spines[:].set_visible(False)
            if row == 0:
                one.set_title(label.replace("_", " "), fontsize=8)
        axes[row, 0].set_ylabel(name, fontsize=8)
    figure.savefig(out)
