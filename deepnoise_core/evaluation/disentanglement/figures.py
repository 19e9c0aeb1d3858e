"""Figures with what they must be read beside: interval, null value, ideal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Axis = Literal["signal", "noise"]

PROBES = ("experiment_probe", "plate_probe", "position_probe")
"""The noise figures that make the noise coordinate."""


@dataclass(frozen=True)
class Figure:
    """One figure of an embedding.

    Attributes:
        value: as measured; NaN where it cannot be.
        low: lower end of its 95 % interval; NaN where there are too few experiments for one.
        high: upper end.
        null: what an embedding without any information gets.
        ideal: what a perfect one gets.
        axis: what the figure is about.
    """

    value: float
    low: float
    high: float
    null: float
    ideal: float
    axis: Axis

    @property
    def excess(self) -> float:
        """(value - null) / (1 - null): 0 at chance and 1 at certainty; below 0 where it is worse than chance.

        Of a probe of noise this is the leakage.
        """
        return (self.value - self.null) / (1.0 - self.null) if self.null < 1.0 else math.nan

    @property
    def beyond_null(self) -> bool:
        """Whether the interval lies on one side of the null, above or below."""
        return self.low > self.null or self.high < self.null


@dataclass(frozen=True)
class Disentanglement:
    """What an embedding tells of perturbations, and what of circumstances: two axes, never one number.

    Attributes:
        figures: name → figure, within cell types and averaged over them by their rows.
        by_cell_type: cell type → the same of it alone; empty where there is one.
        effective_rank: exp of the entropy of the covariance's eigenvalues, of F at most.
        rows: N.
        features: F.
        perturbations: K.
        experiments: E.
        ties: share of the compared pairs of similarities that are equal in float32.
        resampling: what the intervals are of.
        notes: what a reader of the figures must know.
    """

    figures: Mapping[str, Figure]
    by_cell_type: Mapping[str, Mapping[str, Figure]]
    effective_rank: float
    rows: int
    features: int
    perturbations: int
    experiments: int
    ties: float
    resampling: str
    notes: tuple[str, ...] = field(default=())

    @property
    def signal(self) -> float:
        """The signal coordinate: how far the perturbation probe is from chance (0) to certainty (1)."""
        return self.figures["perturbation_probe"].excess

    @property
    def noise(self) -> float:
        """The noise coordinate: the largest leakage of a probe; below 0 where all are worse than chance."""
        known = [self.figures[name].excess for name in PROBES if not math.isnan(self.figures[name].excess)]
        return max(known, default=math.nan)

    def on(self, axis: Axis) -> Iterator[tuple[str, Figure]]:
        """The figures of an axis, in their order."""
        return ((name, figure) for name, figure in self.figures.items() if figure.axis == axis)

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types; what cannot be measured is None."""
        record = {name: value for name, value in vars(self).items() if name not in ("figures", "by_cell_type")}
        return {
            **{name: _plain(value) for name, value in record.items()},
            "signal": _plain(self.signal),
            "noise": _plain(self.noise),
            "figures": _figures(self.figures),
            "by_cell_type": {name: _figures(own) for name, own in self.by_cell_type.items()},
        }


def _figures(figures: Mapping[str, Figure]) -> dict[str, dict[str, Any]]:
    return {
        name: {key: _plain(value) for key, value in (asdict(one) | {"excess": one.excess}).items()}
        for name, one in figures.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value
