"""The mean teacher (Tarvainen & Valpola 2017, arXiv 1703.01780) with DeepNoise's views and schedule."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Pool, Progress, Refreshed, StepBatch, View, ViewPlan
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.engine.classifier import joined
from deepnoise_core.engine.ema import clone_teacher, decay_at, teacher_tensors, update_teacher
from deepnoise_core.engine.losses import softmax_mse
from deepnoise_core.engine.ramps import sigmoid_ramp
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions


class MeanTeacher:
    """L = CE(student, labelled) + λ · ramp · D(student, teacher) over labelled and unlabelled images.

    The teacher is the running average of the student. It runs in train mode, so it normalises with the
    statistics of the batch at hand and keeps running statistics of its own (unless `buffers` says otherwise).
    """

    def __init__(self, options: MeanTeacherOptions) -> None:
        self.options = options
        consistent = dict.fromkeys((options.student_view, options.teacher_view))
        self.views = ViewPlan(
            supervised=options.supervised_view, labelled=tuple(consistent), unlabelled=tuple(consistent)
        )

    def start(self, student: nn.Module, pool: Pool) -> None:
        """Clone the teacher from the student."""
        self.student, self.teacher = student, clone_teacher(student)

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """Terms `cross_entropy` and `consistency`; logs their ratio and the ramp."""
        supervised = batch.supervised
        cross_entropy = student(*supervised.view, targets=supervised.targets).loss.mean()

        self.teacher.train()
        with torch.no_grad():
            target = self.teacher(*_all_images(batch, self.options.teacher_view))
        prediction = student(*_all_images(batch, self.options.student_view))
        ramp = sigmoid_ramp(progress.epochs_done, self.options.ramp_epochs)
        distance = softmax_mse(prediction, target, self.options.reduction)
        consistency = self.options.consistency * ramp * distance
        return Losses(
            terms={"cross_entropy": cross_entropy, "consistency": consistency},
            logs={"consistency_ratio": (consistency / cross_entropy).detach()},
        )

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """Average the student into the teacher."""
        before = (progress.step - 1) / progress.steps_per_epoch
        decay = decay_at(self.options.decay, before, progress.step)
        update_teacher(self.teacher, student, decay, self.options.buffers)

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """There are no pseudo-labels to renew."""
        return Refreshed()

    def inference_model(self) -> nn.Module:
        """The teacher, or the student where the options publish it."""
        return self.student if self.options.publish == "student" else self.teacher

    def state_dict(self) -> Mapping[str, Tensor]:
        """Parameters and buffers of the teacher."""
        return teacher_tensors(self.teacher)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put the teacher back."""
        self.teacher.load_state_dict(dict(state))


def _all_images(batch: StepBatch, name: str) -> View:
    parts = [batch.labelled, *([batch.unlabelled] if batch.unlabelled else [])]
    return joined(part.views[name] for part in parts)
