"""Value types that pass between the engine and a strategy during training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.predictions import PlateDesign

if TYPE_CHECKING:
    import torch

NO_LABEL = -1
"""Class index of a site whose label is unknown or withheld."""


class View(NamedTuple):
    """Images as a network takes them, `student(*view)`.

    Attributes:
        images: normalized and augmented, float [B, C, H, W].
        condition: what the network is told beside the images, float [B, T]; None where it is told nothing.
    """

    images: torch.Tensor
    condition: torch.Tensor | None = None


class Targets(NamedTuple):
    """What B images should be named: M weighted classes each, so that mixed images have targets too.

    Attributes:
        classes: class indices, int64 [B, M].
        weights: share of each of them, float [B, M]; a row adds up to 1.
        smoothing: share of every row that is spread evenly over all classes instead.
    """

    classes: torch.Tensor
    weights: torch.Tensor
    smoothing: float = 0.0


class Scored(NamedTuple):
    """What a network makes of B images, n of which came with targets.

    Attributes:
        logits: those of evaluation, [B, K].
        loss: the head's training loss of the first n images, float [n].
    """

    logits: torch.Tensor
    loss: torch.Tensor


@dataclass(frozen=True)
class ViewPlan:
    """Names of the views that a strategy wants.

    Attributes:
        supervised: labelled images that come with their targets; the only ones that the recipe may mix.
        labelled: labelled images without their targets, for consistency, say.
        unlabelled: images of the pool. Where empty, the strategy learns from labelled images alone, and no pool
            is read for it.
    """

    supervised: str
    labelled: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every view once."""
        return tuple(dict.fromkeys((self.supervised, *self.labelled, *self.unlabelled)))


@dataclass(frozen=True)
class Batch:
    """Some sites in some views, on the device. There is no field from which a label could leak.

    Attributes:
        rows: rows of the sites in the screen, int64 [B].
        views: by name.
    """

    rows: torch.Tensor
    views: Mapping[str, View]


@dataclass(frozen=True)
class SupervisedBatch:
    """Labelled sites in the view that is learned from with targets.

    Attributes:
        rows: rows of the sites in the screen, int64 [B]; of the first of two where images are mixed.
        view: the images.
        targets: their names.
    """

    rows: torch.Tensor
    view: View
    targets: Targets


@dataclass(frozen=True)
class StepBatch:
    """What one training step learns from.

    Attributes:
        supervised: labelled sites with targets.
        labelled: the same sites, unmixed, in the views that the plan names for them.
        unlabelled: sites of the pool; None where there are none.
    """

    supervised: SupervisedBatch
    labelled: Batch
    unlabelled: Batch | None = None


@dataclass(frozen=True)
class Pool:
    """The sites whose images alone may be learned from: where they come from, never what they show.

    Attributes:
        rows: rows of the screen, int64 [u].
        ids: column → value of each of these sites, [u]; `ID_COLUMNS`.
        design: what the labelled plates tell about plates.
        num_classes: K.
        num_treatments: where treatments are learned, how many of the classes are theirs, which come first; None
            where classes are of one kind.
    """

    rows: NDArray[np.int64]
    ids: Mapping[str, NDArray[Any]]
    design: PlateDesign
    num_classes: int
    num_treatments: int | None = None

    @property
    def num_possible(self) -> int:
        """How many of the classes, the first ones, a site can show that is no control."""
        return self.num_classes if self.num_treatments is None else self.num_treatments

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where these rows of the screen stand in the pool, int64 [n]; all of them must."""
        order = np.argsort(self.rows)
        return order[np.searchsorted(self.rows, rows, sorter=order)]


@dataclass(frozen=True)
class Refreshed:
    """What a refresh between two epochs came to.

    Attributes:
        logs: name → figure, for the line of the epoch.
        pseudo_labels: well id → class index that the strategy learns from now; the engine says how many of those
            of validation wells are wrong, and tells the strategy nothing.
    """

    logs: Mapping[str, float] = field(default_factory=dict)
    pseudo_labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Losses:
    """Named losses of one step.

    Attributes:
        terms: name → scalar with a gradient; the engine minimises their sum.
        logs: name → detached scalar that is only recorded.
    """

    terms: Mapping[str, torch.Tensor]
    logs: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def total(self) -> torch.Tensor:
        """Sum of all terms, a scalar."""
        first, *rest = self.terms.values()
        return sum(rest, start=first)


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Attributes:
        epoch: epochs finished, from 0.
        step: optimiser steps finished, over all epochs, from 0.
        epochs: epochs planned.
        steps_per_epoch: optimiser steps of one epoch.
    """

    epoch: int
    step: int
    epochs: int
    steps_per_epoch: int

    @property
    def epochs_done(self) -> float:
        """Epochs finished, with the fraction of the current one."""
        return self.step / self.steps_per_epoch

    @property
    def fraction(self) -> float:
        """Training finished, in [0, 1]."""
        return min(self.step / max(self.epochs * self.steps_per_epoch, 1), 1.0)
