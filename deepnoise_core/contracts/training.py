"""Value types that pass between the engine and a strategy during training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NO_LABEL = -1
"""Class index of a site whose label is unknown or withheld."""


@dataclass(frozen=True)
class ViewPlan:
    """Names of the views that a strategy wants of labelled and of unlabelled images.

    An empty `unlabelled` says that the strategy learns from labelled images alone; no unlabelled batch is
    read for it.
    """

    labelled: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Normalized and augmented images of some sites, on the device.

    Attributes:
        rows: rows of the sites in the screen, int64 [B].
        views: view name → float [B, C, H, W].
    """

    rows: torch.Tensor
    views: Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class LabelledBatch(Batch):
    """A batch of training wells. Unlabelled batches have no field from which a label could leak.

    Attributes:
        labels: class indices, int64 [B].
    """

    labels: torch.Tensor


@dataclass(frozen=True)
class StepBatch:
    """What one training step learns from."""

    labelled: LabelledBatch
    unlabelled: Batch | None = None


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
