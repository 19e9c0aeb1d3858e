"""Strategies that break a law of strategies are caught by it."""

import random
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Pool, Progress, StepBatch
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.losses import softmax_mse
from deepnoise_core.testing import strategies
from deepnoise_core.testing.suites import Law
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher


class _ConsistencyWithoutGradient(MeanTeacher):
    """Takes the student's logits of the pool from the teacher's output, as a released library does."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        supervised, pool = batch.supervised, batch.unlabelled
        cross_entropy = student(*supervised.view, targets=supervised.targets).loss.mean()
        if pool is None:
            return Losses({"cross_entropy": cross_entropy})
        with torch.no_grad():
            teachers = self.teacher(*pool.views[self.options.teacher_view])
        student(*pool.views[self.options.student_view])
        students = teachers
        consistency = softmax_mse(students, teachers, self.options.reduction)
        return Losses({"cross_entropy": cross_entropy, "consistency": self.options.consistency * consistency})


class _HalfSupervised(MeanTeacher):
    """Weighs labels by a half, with a pool or without."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        return Losses({**made.terms, "cross_entropy": 0.5 * made.terms["cross_entropy"]}, made.logs)


class _OrderedTeacher(MeanTeacher):
    """Trusts the first image of a batch most."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        first = student(*batch.supervised.view)[0].softmax(dim=0).square().sum()
        return Losses({**made.terms, "first": first}, made.logs)


class _PartialTeacher(MeanTeacher):
    """Likes class 0 best."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        liking = -student(*batch.supervised.view).log_softmax(dim=1)[:, 0].mean()
        return Losses({**made.terms, "liking": liking}, made.logs)


class _TrainedTeacher(MeanTeacher):
    """Lets the gradient into the teacher."""

    def start(self, student: nn.Module, pool: Pool) -> None:
        super().start(student, pool)
        self.teacher.requires_grad_(requires_grad=True)

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        view = batch.labelled.views[self.options.teacher_view].images
        return Losses({**made.terms, "leak": self.teacher(view).square().mean()}, made.logs)


class _ForgetfulTeacher(MeanTeacher):
    """Saves nothing, and so cannot continue."""

    def state_dict(self) -> Mapping[str, Tensor]:
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        pass


class _OverflowingTeacher(MeanTeacher):
    """Sums exponentials of logits in half precision's range."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        logits = student(*batch.supervised.view)
        return Losses({**made.terms, "overflow": (1e3 * logits).exp().sum()}, made.logs)


class _FreshStudent(MeanTeacher):
    """Starts by drawing the head anew."""

    def start(self, student: nn.Module, pool: Pool) -> None:
        super().start(student, pool)
        for parameter in student.parameters():
            nn.init.normal_(parameter)


class _PoolBound(MeanTeacher):
    """Weighs labels by the share of the pool in a step."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        share = len(batch.unlabelled.rows) / len(batch.labelled.rows) if batch.unlabelled else 0.0
        return Losses({name: share * term for name, term in made.terms.items()}, made.logs)


class _Peeping(MeanTeacher):
    """Looks for targets in the pool."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        return Losses(made.terms, {"seen": batch.unlabelled.targets}) if batch.unlabelled else made  # type: ignore[attr-defined]


class _BackboneAlone(MeanTeacher):
    """Publishes what gives features."""

    def inference_model(self) -> nn.Module:
        teacher = self.teacher
        assert isinstance(teacher, Classifier)
        return teacher.backbone


class _DicingTeacher(MeanTeacher):
    """Draws from a generator that nobody seeded."""

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = super().losses(student, batch, progress)
        chance = random.SystemRandom().random()
        return Losses({name: chance * term for name, term in made.terms.items()}, made.logs)


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_ConsistencyWithoutGradient, strategies.unlabelled_images_move_the_student, "no gradient"),
        (_HalfSupervised, strategies.without_a_pool_labels_teach_as_ever, "not that of supervision"),
        (_OrderedTeacher, strategies.the_order_of_images_does_not_matter, "in another order"),
        (_PartialTeacher, strategies.classes_are_only_names, "other numbers of the classes"),
        (_TrainedTeacher, strategies.the_student_alone_is_trained, "beside the student gets a gradient"),
        (_ForgetfulTeacher, strategies.a_saved_state_continues_exactly, "saved state differs"),
        (_FreshStudent, strategies.starting_leaves_the_student_alone, "start changes the student"),
        (_PoolBound, strategies.an_empty_pool_is_no_obstacle, "labelled images give no gradient"),
        (_Peeping, strategies.unlabelled_images_come_without_labels, "asks for 'targets'"),
        (_BackboneAlone, strategies.the_published_network_scores_images, r"gives \(5, 8\) for 5 images"),
        (_DicingTeacher, strategies.the_same_seed_repeats, "two trainings from one seed differ"),
        (_OverflowingTeacher, strategies.losses_are_finite_with_many_classes, "not a finite scalar"),
    ],
)
def test_a_broken_mean_teacher_is_caught(broken: type[MeanTeacher], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(MeanTeacherOptions()))
