"""Entropy minimization (Grandvalet & Bengio 2004, NeurIPS 17)."""

from collections.abc import Mapping

from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Pool, Progress, Refreshed, StepBatch, ViewPlan
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.engine.ramps import linear_ramp

from .options import EntropyOptions


class EntropyMinimization:
    """Cross-entropy of labelled images, and the entropy of what the student says of unlabelled ones."""

    views = ViewPlan(supervised="normal", unlabelled=("easy",))

    def __init__(self, options: EntropyOptions) -> None:
        self.options = options

    def start(self, student: nn.Module, pool: Pool) -> None:
        """There is no teacher: the student is published."""
        self.student = student

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """Terms `cross_entropy` and, where there is a pool, `entropy`."""
        supervised = batch.supervised
        cross_entropy = student(*supervised.view, targets=supervised.targets).loss.mean()
        if batch.unlabelled is None:
            return Losses({"cross_entropy": cross_entropy})
        likelihood = student(*batch.unlabelled.views["easy"]).float().log_softmax(dim=1)
        entropy = -(likelihood.exp() * likelihood).sum(dim=1).mean()
        weight = self.options.weight * linear_ramp(progress.epochs_done, self.options.ramp_epochs)
        return Losses({"cross_entropy": cross_entropy, "entropy": weight * entropy})

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """Nothing to move."""

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """Nothing to renew."""
        return Refreshed()

    def inference_model(self) -> nn.Module:
        """The student."""
        return self.student

    def state_dict(self) -> Mapping[str, Tensor]:
        """Nothing beside the student, which the engine keeps."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to load."""
