"""Colours that everybody can tell apart: viridis for amounts, Okabe and Ito's for kinds.

Kinds never differ by colour alone: those that need a look carry a mark, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

STEPS = 20
VIRIDIS = tuple(to_hex(colormaps["viridis"](step / (STEPS - 1))) for step in range(STEPS))
"""Dark to bright."""


LINES = ("#4a90c2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#7a7f85", "#56b4e9", "#8c6d31")
"""Of lines in charts."""


@dataclass(frozen=True)
class Kind:
    """One kind of well on a plate map.

    Attributes:
        code: class of its cells in the style.
        meaning: what the legend says.
        mark: `cross`, `dot` or nothing.
    """

    code: str
    meaning: str
    mark: str = ""


NOTHING = Kind("n", "nothing known")


def top_of(shares: NDArray[np.float64]) -> float:
    """Where the scale of these shares ends: the first of a few round ones that hardly any exceeds."""
    known = shares[np.isfinite(shares)]
    most = float(np.quantile(known, 0.98)) if len(known) else 1.0
    return next(top for top in (0.05, 0.1, 0.25, 0.5, 1.0) if most <= top or top == 1.0)


def steps_of(shares: NDArray[np.float64], top: float) -> NDArray[np.int64]:
    """The step of viridis for shares of 0 to `top` and more, int64 [N]."""
    return np.clip((shares / top * STEPS).astype(np.int64), 0, STEPS - 1)
