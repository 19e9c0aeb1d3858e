"""Plain supervision."""

from collections.abc import Mapping

from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Pool, Progress, Refreshed, StepBatch, ViewPlan
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_plugins.supervised.options import SupervisedOptions


class Supervised:
    """Cross-entropy of one view of the labelled images; the student itself is published."""

    def __init__(self, options: SupervisedOptions) -> None:
        self.options = options
        self.views = ViewPlan(options.view)

    def start(self, student: nn.Module, pool: Pool) -> None:
        """Keep the student for `inference_model`."""
        self.student = student

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """One term, `cross_entropy`."""
        supervised = batch.supervised
        return Losses({"cross_entropy": student(*supervised.view, targets=supervised.targets).loss.mean()})

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """There is no teacher to move."""

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """There are no pseudo-labels to renew."""
        return Refreshed()

    def inference_model(self) -> nn.Module:
        """The student."""
        return self.student

    def state_dict(self) -> Mapping[str, Tensor]:
        """Empty: the engine saves the student."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to load."""
