"""Losses that became infinite or not a number: in which step first, and of which sites."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from deepnoise_core.contracts import Losses
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.data.names import some_of
from deepnoise_core.engine.feeding import Feed
from deepnoise_core.engine.job import TrainingJob


class LossWatch:
    """Looks at the losses of many steps at once, since a look at each would wait for the device."""

    def __init__(self, job: TrainingJob, feed: Feed) -> None:
        self.job, self.feed = job, feed
        self._unseen: list[tuple[int, Mapping[str, Tensor]]] = []

    def add(self, step: int, losses: Losses) -> None:
        """Remember the losses of a step, counted from 1, without a gradient; they stay on their device."""
        self._unseen.append((step, losses.terms))

    def check(self) -> None:
        """Look at what was added since the last look.

        Raises:
            TrainingError: a loss was not finite; names the first such step, its losses and its sites.
        """
        unseen, self._unseen = self._unseen, []
        losses = [(step, name, value) for step, terms in unseen for name, value in terms.items()]
        if not losses:
            return
        finite = torch.stack([value.float() for _, _, value in losses]).isfinite().tolist()
        wrong = [(step, name) for (step, name, _), fine in zip(losses, finite, strict=True) if not fine]
        if wrong:
            first = wrong[0][0]
            names = " and ".join(name for step, name in wrong if step == first)
            raise TrainingError(
                f"{names} became infinite or not a number in {self.batch_of(first)}; look at these images, or "
                "try a smaller train.optimizer.lr or train.clip_gradient, or train.skip_nonfinite, which leaves "
                "such steps out"
            )

    def left_out(self, step: int, count: int) -> str:
        """What is told of a step that was left out, the `count`-th such.

        Raises:
            TrainingError: these are more than the plan allows.
        """
        most = self.job.plan.skip_nonfinite
        if count > most:
            raise TrainingError(
                f"the loss was infinite or not a number in {count} steps, more than train.skip_nonfinite: {most} "
                f"allows, last in {self.batch_of(step)}; try a smaller train.optimizer.lr"
            )
        return f"left out {self.batch_of(step)}, since its loss was infinite or not a number"

    def batch_of(self, step: int) -> str:
        """A step, counted from 1, with its epoch and sites."""
        sites = self.job.screen.sites["site_id"].gather(self.feed.rows_of(step - 1)).to_list()
        epoch = (step - 1) // self.feed.steps.per_epoch + 1
        return f"step {step} (epoch {epoch}), whose sites are {some_of(sites)}"
