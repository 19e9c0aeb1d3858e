"""What breaks a law is caught by it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Pool, Progress, SiteStatistics, StepBatch
from deepnoise_core.data.statistics import Pools
from deepnoise_core.engine.losses import softmax_mse
from deepnoise_core.testing import augmentations, normalizers, strategies
from deepnoise_plugins.intensity.options import ScaleOptions
from deepnoise_plugins.intensity.scaled import Scale
from deepnoise_plugins.intensity.z_score import ZScore
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher
from deepnoise_plugins.views.augmentation import Views
from deepnoise_plugins.views.options import DeepNoiseOptions

Law = Callable[[Any], str | None]


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


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_ConsistencyWithoutGradient, strategies.unlabelled_images_move_the_student, "no gradient"),
        (_HalfSupervised, strategies.without_a_pool_labels_teach_as_ever, "not that of supervision"),
        (_OrderedTeacher, strategies.the_order_of_images_does_not_matter, "in another order"),
        (_PartialTeacher, strategies.classes_are_only_names, "other numbers of the classes"),
        (_TrainedTeacher, strategies.the_student_alone_is_trained, "beside the student gets a gradient"),
        (_ForgetfulTeacher, strategies.a_saved_state_continues_exactly, "saved state differs"),
        (_OverflowingTeacher, strategies.losses_are_finite_with_many_classes, "not a finite scalar"),
    ],
)
def test_a_broken_mean_teacher_is_caught(broken: type[MeanTeacher], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(MeanTeacherOptions()))


class _AmbientViews(Views):
    """Draws from torch's generator."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view, keys) * torch.rand(len(images), 1, 1, 1)


class _BatchViews(Views):
    """Gives every image the key of the first."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view, keys[:1].repeat(len(keys)))


class _LooseChannels(Views):
    """Moves each channel on its own."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        parts = [
            super(_LooseChannels, self).__call__(one[:, None], view, keys + np.uint64(c))
            for c, one in enumerate(images.unbind(1))
        ]
        return torch.cat(parts, dim=1)


class _GreedyViews(Views):
    """Writes into the images that it was given."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return images.copy_(super().__call__(images, view, keys))


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_AmbientViews, augmentations.an_image_depends_on_its_key_alone, "draws from torch's generator"),
        (_BatchViews, augmentations.an_image_depends_on_its_key_alone, "order of the batch"),
        (_LooseChannels, augmentations.channels_move_together, "moves channels apart"),
        (_GreedyViews, augmentations.images_are_left_alone, "writes into its input"),
    ],
)
def test_a_broken_augmentation_is_caught(broken: type[Views], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(DeepNoiseOptions()))


class _BatchZScore(ZScore):
    """Standardizes by the batch at hand, as batch norm does."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        made = super().__call__(images, rows, keys)
        return made - made.mean(dim=(0, 2, 3), keepdim=True)


class _FirstSites(ZScore):
    """Fits on the sites that happen to come first."""

    def fit(self, statistics: SiteStatistics) -> None:
        super().fit(statistics)
        self._centre = self._centre + statistics.total[0].mean() / statistics.count[0]


class _HastySums(ZScore):
    """Adds up what it should pool, in the order of the rows and in single precision."""

    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        totals = statistics.total.astype(np.float32)
        means = [totals[sites].cumsum(axis=0)[-1] / statistics.count[sites].sum() for sites in pools.sites]
        return np.stack(means).astype(np.float64), super().pooled(statistics, pools)[1]


class _RunningZScore(ZScore):
    """Goes on from the last fit, as an average over screens would."""

    def fit(self, statistics: SiteStatistics) -> None:
        before = self._centre
        super().fit(statistics)
        if len(before):
            self._centre = (self._centre + before.mean(axis=0)) / 2


class _Needy(ZScore):
    """Says that it needs nothing, and is fitted all the same."""

    def __init__(self, options: ScaleOptions) -> None:
        super().__init__(options)
        self.needs = ()


class _AnyRow(ZScore):
    """Takes a row that it does not know for one that it does."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        return super().__call__(images, rows % len(self._pool), keys)


class _BareZScore(ZScore):
    """Divides by the spread without looking at it."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        pool = self._pool[rows.numpy()]
        centre, spread = (torch.from_numpy(each[pool])[:, :, None, None] for each in (self._centre, self._spread))
        return ((images - centre) / spread).float()


class _HalfPrecision(ZScore):
    """Cannot hold a saturated 16-bit channel."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        return super().__call__(images, rows, keys) + 0 * images.half().float()


class _AmbientJitter(ZScore):
    """Draws from torch's generator in training."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        made = super().__call__(images, rows, keys)
        return made if keys is None else made * torch.rand(())


class _GreedyZScore(ZScore):
    """Writes into images that are float32 already."""

    def values(self, images: Tensor, rows: NDArray[np.int64]) -> Tensor:
        return images.float()


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_GreedyZScore, normalizers.raw_images_are_left_alone, "writes into its input"),
        (_HalfPrecision, normalizers.a_constant_channel_stays_finite, "infinite or not a number"),
        (_Needy, normalizers.what_is_asked_for_suffices, "more than it needs"),
        (_FirstSites, normalizers.the_fit_ignores_the_order_of_sites, "order of sites"),
        (_HastySums, normalizers.the_fit_ignores_the_order_of_sites, "order of sites"),
        (_RunningZScore, normalizers.a_second_fit_forgets_the_first, "fitted before"),
        (_AnyRow, normalizers.unknown_rows_are_refused, "not fitted"),
        (_BareZScore, normalizers.a_constant_channel_stays_finite, "constant channel"),
        (_AmbientJitter, normalizers.evaluation_is_not_random, "same keys the result is random"),
        (_BatchZScore, normalizers.an_image_stands_alone, "changes with the others"),
        (ZScore, normalizers.only_reference_wells_are_measured, "beyond the reference"),
    ],
)
def test_a_broken_normalizer_is_caught(broken: type[ZScore], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(ScaleOptions(jitter=0.1)))
