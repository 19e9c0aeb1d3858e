"""The mean teacher (Tarvainen & Valpola 2017, arXiv 1703.01780) with DeepNoise's views and schedule."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Pool, Progress, Refreshed, StepBatch, View, ViewPlan
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.engine.batch_norm import running_statistics
from deepnoise_core.engine.classifier import joined
from deepnoise_core.engine.ema import RunningAverage, clone_teacher, decay_at, teacher_tensors
from deepnoise_core.engine.losses import softmax_kl, softmax_mse
from deepnoise_core.engine.processes import average_over_all
from deepnoise_core.engine.ramps import linear_ramp, sigmoid_ramp
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions


class MeanTeacher:
    """L = CE(student, labelled) + λ · ramp · D(student, teacher) over labelled and unlabelled images.

    The teacher is the running average of the student. It runs in train mode, so it normalises with the
    statistics of the batch at hand and keeps running statistics of its own (unless `buffers` says otherwise).
    """

    def __init__(self, options: MeanTeacherOptions) -> None:
        self.options = options
        compared = tuple(dict.fromkeys((options.student_view, options.teacher_view)))
        labelled = compared if options.on_labelled else ()
        self.views = ViewPlan(supervised=options.supervised_view, labelled=labelled, unlabelled=compared)

    def start(self, student: nn.Module, pool: Pool) -> None:
        """Clone the teacher from the student."""
        self.student, self.teacher = student, clone_teacher(student)
        self.average = RunningAverage(self.teacher, student, self.options.buffers)
        # Those of the student and of what is published are brought together by the loop.
        hidden = self.options.publish == "student"
        self._statistics = running_statistics(self.teacher) if hidden else []

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """Terms `cross_entropy` and `consistency`; logs their ratio and the ramp."""
        supervised = batch.supervised
        cross_entropy = student(*supervised.view, targets=supervised.targets).loss.mean()
        if not self.looks_further(batch):
            return Losses({"cross_entropy": cross_entropy})
        prediction = student(*self._images(batch, self.options.student_view))
        return self.terms(cross_entropy, prediction, batch, progress)

    def looks_further(self, batch: StepBatch) -> bool:
        """Whether the student learns from anything but the supervised view of this step."""
        return self.options.consistency > 0 and (self.options.on_labelled or batch.unlabelled is not None)

    def terms(self, cross_entropy: Tensor, prediction: Tensor, batch: StepBatch, progress: Progress) -> Losses:
        """The losses of a step that looks further.

        Args:
            cross_entropy: the supervised loss, a scalar.
            prediction: the student's logits of the labelled images, if they are compared, and then of the pool's.
            batch: what was seen.
            progress: where training stands.
        """
        options, ramp = self.options, self.ramp(progress)
        if not self.teacher.training:
            self.teacher.train()
        with torch.no_grad():
            target = self.teacher(*self._images(batch, options.teacher_view))
        if options.distance == "kl":
            distance = softmax_kl(prediction, target)
        else:
            distance = softmax_mse(prediction, target, options.reduction)
        consistency = options.consistency * ramp * distance
        ratio = (consistency / cross_entropy).detach()
        return Losses(
            terms={"cross_entropy": cross_entropy, "consistency": consistency},
            logs={"consistency_ratio": ratio, "ramp": torch.full_like(ratio, ramp)},
        )

    def ramp(self, progress: Progress) -> float:
        """Share of the consistency's weight that has been reached."""
        options = self.options
        share = options.ramp_share
        length = options.ramp_epochs if share is None else share * progress.epochs
        rise = linear_ramp if options.ramp == "linear" else sigmoid_ramp
        return rise(progress.epochs_done, length)

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """Average the student into the teacher."""
        before = (progress.step - 1) / progress.steps_per_epoch
        self.average.move(decay_at(self.options.decay, before, progress.step, cap=self.options.cap))
        average_over_all(self._statistics)

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

    def _images(self, batch: StepBatch, name: str) -> View:
        parts = [batch.labelled] if self.options.on_labelled else []
        return joined(part.views[name] for part in (*parts, batch.unlabelled) if part)
