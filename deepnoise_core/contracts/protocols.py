"""What a component of each kind must do, and how its factory is called.

Shapes: B batch, C channels, H × W pixels, F features, K classes, N rows of a screen. Factories take the
component's validated options first and everything else by keyword. They draw initial weights from torch's
generator, which the caller has seeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.kinds import Kind
from deepnoise_core.contracts.plan import TestTimeViews
from deepnoise_core.contracts.predictions import PlateDesign, Predictions
from deepnoise_core.contracts.screens import Screen
from deepnoise_core.contracts.statistics import Measure, SiteStatistics
from deepnoise_core.contracts.training import (
    Losses,
    Pool,
    Progress,
    Refreshed,
    Scored,
    StepBatch,
    Targets,
    ViewPlan,
)

if TYPE_CHECKING:
    from torch import Tensor, nn


@runtime_checkable
class Backbone(Protocol):
    """A `torch.nn.Module` from float [B, C, H, W] to features [B, F]."""

    num_features: int

    def __call__(self, images: Tensor) -> Tensor: ...


class BackboneFactory(Protocol):
    """Builds a backbone for images of this many channels, in the order of their names."""

    def __call__(self, options: Any, *, channels: tuple[str, ...]) -> nn.Module: ...


@runtime_checkable
class Head(Protocol):
    """A `torch.nn.Module` from features [B, F] to logits [B, K], which owns the loss that trains it.

    Training asks for both at once, so that what they share (a neck, cosines) is computed once, and batch norm
    follows each batch once.
    """

    def __call__(self, features: Tensor) -> Tensor:
        """The logits of evaluation."""
        ...

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        """The logits of evaluation, [B, K], and the training loss of each of the first n images, float32 [n].

        The loss has a margin or none, and is of one or more classifiers.

        Args:
            features: of B images.
            targets: of the first n of them.
        """
        ...


class HeadFactory(Protocol):
    """Builds a head from F features to K classes; F counts what the head is told beside the images, too."""

    def __call__(self, options: Any, *, num_features: int, num_classes: int) -> nn.Module: ...


@runtime_checkable
class Normalizer(Protocol):
    """Brings raw intensities of different plates to one scale. Fitted without labels."""

    needs: tuple[Measure, ...]
    """What of the screen's sites must be measured before `fit`; empty where nothing is fitted."""

    transductive: str
    """What of a test screen the fit uses, e.g. `plate statistics`; empty where it uses nothing."""

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each thing in the last fit that a reader of the result must know."""
        ...

    def fit(self, statistics: SiteStatistics) -> None:
        """Learn the scale of each row of a screen; rows are numbered as in the statistics."""
        ...

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        """Normalize raw images [B, C, H, W] of these rows (int64 [B]) to float32.

        Args:
            images: raw pixels, any numeric dtype, on any device.
            rows: rows of the images in the fitted screen; on the CPU, where their numbers are looked up.
            keys: one random key an image in training, uint64 [B]; None in evaluation, where nothing may
                be random.
        """
        ...


class Arithmetic(NamedTuple):
    """What a normalizer does to pixels, apart from how it measures them."""

    module: nn.Module
    """From raw images [B, C, H, W] and the statistics, in their order, to float32 images."""
    statistics: Mapping[str, str]
    """Name of each statistic, float64 [B, C] → what it is of a channel of the measured pixels."""


@runtime_checkable
class PortableNormalizer(Protocol):
    """A normalizer whose arithmetic also runs in an exported program, which is given the statistics."""

    def arithmetic(self) -> Arithmetic:
        """What the normalizer does in evaluation; needs no fit."""
        ...

    def statistics_of(self, images: Tensor, rows: Tensor) -> tuple[NDArray[np.float64], ...]:
        """The statistics by which raw images [B, C, H, W] of fitted rows (int64 [B]) are normalized."""
        ...


class NormalizerFactory(Protocol):
    """Builds an unfitted normalizer."""

    def __call__(self, options: Any) -> Normalizer: ...


@runtime_checkable
class Augmentation(Protocol):
    """Makes random views; one random draw an image, the same geometry for all its channels."""

    views: tuple[str, ...]

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        """A view of normalized images [B, C, H, W], of the same shape.

        Image i depends on its own pixels and `keys[i]` alone, so batch order and size change nothing.
        """
        ...


class AugmentationFactory(Protocol):
    """Builds an augmentation."""

    def __call__(self, options: Any) -> Augmentation: ...


class Predictor(Protocol):
    """Predicts the unlabelled pool during training, for `Strategy.refresh`."""

    def __call__(self, model: nn.Module, tta: TestTimeViews = "none") -> Predictions:
        """Raw well-level predictions of all unlabelled wells; holds no label.

        A well is missing from then on when none of its images can be read and the recipe skips such ones, so
        match wells by `well_id` and not by place.

        Args:
            model: predicts in evaluation mode, and is left in the mode it was in.
            tta: over which turned and flipped copies of each image logits are averaged.
        """
        ...


@runtime_checkable
class Strategy(Protocol):
    """Decides what is learned from a step; the engine owns the loop, device and optimiser.

    The student is a `deepnoise_core.engine.Classifier`: `student(*view)` gives logits, `student(*view,
    targets=targets)` gives `Scored`.
    """

    @property
    def views(self) -> ViewPlan:
        """The views that `losses` reads."""
        ...

    def start(self, student: nn.Module, pool: Pool) -> None:
        """Called once, on the device, before the first step; may clone a teacher from the student."""
        ...

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """Losses of one step, with a gradient to the student alone; that of labels is named `cross_entropy`."""
        ...

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """Called after each optimiser step, which `progress.step` already counts; moves the teacher."""
        ...

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """Called between epochs; may predict the unlabelled pool.

        Args:
            predictor: predicts the pool; costly, so call it only where its answer is used.
            progress: as after the last step.
            improved: whether the published network has just become the best so far.
        """
        ...

    def inference_model(self) -> nn.Module:
        """The network that is evaluated and published."""
        ...

    def state_dict(self) -> Mapping[str, Tensor]:
        """All that is needed to continue, as tensors."""
        ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state; called after `start`."""
        ...


class StrategyFactory(Protocol):
    """Builds a strategy that has not started."""

    def __call__(self, options: Any) -> Strategy: ...


@runtime_checkable
class PostProcessor(Protocol):
    """Refines predictions. Never sees a label, never drops or reorders wells."""

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions: ...


class PostProcessorFactory(Protocol):
    """Builds a post-processor."""

    def __call__(self, options: Any) -> PostProcessor: ...


@runtime_checkable
class Reader(Protocol):
    """Opens a path as a screen."""

    def recognises(self, path: Path) -> bool:
        """Whether the path looks like this reader's layout; cheap, and false rather than an error."""
        ...

    def open(self, path: Path) -> Screen:
        """The screen at the path; metadata are read now, pixels later.

        Raises:
            ScreenError: the metadata are missing or malformed; names file, line or column.
        """
        ...


@runtime_checkable
class RemoteReader(Reader, Protocol):
    """A reader that also opens URLs."""

    def recognises_url(self, url: str) -> bool:
        """Whether the URL looks like this reader's; nothing is fetched."""
        ...

    def open_url(self, url: str) -> Screen:
        """The screen behind a URL.

        Raises:
            ScreenError: nothing answers, or what is there is malformed; names the URL.
        """
        ...


class ReaderFactory(Protocol):
    """Builds a reader."""

    def __call__(self, options: Any) -> Reader: ...


PROTOCOLS: Mapping[Kind, type] = {
    Kind.BACKBONE: Backbone,
    Kind.HEAD: Head,
    Kind.NORMALIZER: Normalizer,
    Kind.AUGMENTATION: Augmentation,
    Kind.STRATEGY: Strategy,
    Kind.POSTPROCESSOR: PostProcessor,
    Kind.READER: Reader,
}
"""What a factory of each kind must make."""
