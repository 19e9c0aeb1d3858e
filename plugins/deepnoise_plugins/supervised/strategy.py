"""Plain supervision."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Losses, Progress, StepBatch, ViewPlan
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_plugins.supervised.options import SupervisedOptions


class Supervised:
    """Cross-entropy of one view of the labelled images; the student itself is published."""

    def __init__(self, options: SupervisedOptions) -> None:
        self.options = options
        self.views = ViewPlan(labelled=(options.view,))

    def start(self, student: nn.Module) -> None:
        """Keep the student for `inference_model`."""
        self.student = student

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """One term, `cross_entropy`."""
        labels = batch.labelled.labels
        logits = student(batch.labelled.views[self.options.view], labels)
        smoothing = self.options.label_smoothing
        return Losses({"cross_entropy": F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)})

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """There is no teacher to move."""

    def refresh(self, predictor: Predictor, progress: Progress) -> None:
        """There are no pseudo-labels to renew."""

    def inference_model(self) -> nn.Module:
        """The student."""
        return self.student

    def state_dict(self) -> Mapping[str, Tensor]:
        """Empty: the engine saves the student."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to load."""
