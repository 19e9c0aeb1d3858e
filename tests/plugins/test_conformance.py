"""Every offer that discovery finds keeps the laws of its kind; what breaks a law is caught by it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from deepnoise_core.contracts import (
    Kind,
    Losses,
    Pool,
    Progress,
    Role,
    SiteStatistics,
    StepBatch,
)
from deepnoise_core.data.statistics import Pools
from deepnoise_core.engine.losses import softmax_mse
from deepnoise_core.testing import (
    augmentations,
    backbones,
    heads,
    normalizers,
    postprocessors,
    readers,
    strategies,
)
from deepnoise_core.testing.report import conformance, laws_of
from deepnoise_plugins.intensity.options import ScaleOptions
from deepnoise_plugins.intensity.scaled import Scale
from deepnoise_plugins.intensity.z_score import ZScore
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher
from deepnoise_plugins.views.augmentation import Views
from deepnoise_plugins.views.options import DeepNoiseOptions
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes.recipe import ComponentReference
from deepnoise_registry.records import Offer

CATALOGUE = Catalogue(discover())
Law = Callable[[Any], None]
Record = Callable[[str, object], None]
Setting = tuple[Kind, str, dict[str, Any]]
LAWS: Mapping[Kind, tuple[Law, ...]] = {
    Kind.HEAD: heads.LAWS,
    Kind.NORMALIZER: normalizers.LAWS,
    Kind.AUGMENTATION: augmentations.LAWS,
    Kind.STRATEGY: strategies.LAWS,
    Kind.POSTPROCESSOR: postprocessors.LAWS,
    Kind.READER: readers.LAWS,
}
FURTHER: list[Setting] = [
    (Kind.HEAD, "linear", {"dropout": 0.3}),
    (Kind.HEAD, "linear", {"neck": 12}),
    (Kind.HEAD, "arcface", {"margin": 1.2}),
    (Kind.HEAD, "arcface", {"neck": 12}),
    (Kind.HEAD, "cosface", {"margin": 0.0}),
    (Kind.HEAD, "cosface", {"neck": 24}),
    (Kind.HEAD, "dual", {"halved": False, "margin": 0.1}),
    (Kind.HEAD, "dual", {"neck": 12}),
    (Kind.NORMALIZER, "z-score", {"level": "site", "jitter": 0.1}),
    (Kind.NORMALIZER, "z-score", {"level": "experiment", "jitter": 0.1}),
    (Kind.NORMALIZER, "z-score", {"reference": "negative_controls"}),
    (Kind.NORMALIZER, "robust", {"level": "site"}),
    (Kind.NORMALIZER, "robust", {"level": "cell_type", "reference": "controls"}),
    (Kind.NORMALIZER, "min-max", {"level": "site"}),
    (Kind.NORMALIZER, "percentile", {"level": "site", "jitter": 0.1}),
    (Kind.NORMALIZER, "percentile", {"level": "screen", "low": 2.0, "high": 98.0}),
    (Kind.NORMALIZER, "log", {"level": "site"}),
    (Kind.NORMALIZER, "log", {"reference": "controls", "minimum": 20, "few": "wider"}),
    (Kind.NORMALIZER, "flat-field", {"level": "site", "jitter": 0.1}),
    (Kind.NORMALIZER, "flat-field", {"level": "screen", "illumination": "plate", "dark": 10.0}),
    (Kind.NORMALIZER, "flat-field", {"reference": "negative_controls", "degree": 2}),
    (Kind.AUGMENTATION, "deepnoise", {"flip": 0.0, "shift": 0.3, "crop": [0.2, 0.4]}),
    (Kind.AUGMENTATION, "weak-strong", {"strong": {"rotation": 180, "drop": 1.0, "drop_channels": 3}}),
    (Kind.AUGMENTATION, "rcic-1st", {"normal": {"interpolation": "bilinear", "border": "reflection"}}),
    (Kind.AUGMENTATION, "views", {"views": {"a": {"noise": 1.0}, "b": {"gain": 0.5, "bias": 2, "erase": 1}}}),
    (Kind.STRATEGY, "mean-teacher", {"publish": "student", "buffers": "average", "reduction": "class_sum"}),
    (Kind.STRATEGY, "mean-teacher", {"buffers": "copy", "student_view": "normal", "teacher_view": "easy"}),
    (
        Kind.STRATEGY,
        "mean-teacher",
        {"distance": "kl", "ramp": "linear", "ramp_share": 0.4, "on_labelled": False},
    ),
    (Kind.STRATEGY, "mean-teacher", {"cap": False, "decay": [[0, 0.9]], "buffers": "copy"}),
    (Kind.STRATEGY, "mean-teacher-pseudo", {"refresh": "every", "prior": "group", "blend": 0.5, "tta": "none"}),
    (Kind.STRATEGY, "mean-teacher-pseudo", {"consistency": 0.0, "prior": "none", "from_share": 0.0}),
    (Kind.STRATEGY, "progressive-pseudo-labels", {"agree": True, "weight": 0.5, "from_share": 0.2}),
    (Kind.STRATEGY, "supervised", {"view": "hard"}),
    (Kind.STRATEGY, "fixmatch", {"joint": False, "publish": "student", "ramp_share": 0.4}),
    (Kind.STRATEGY, "pseudo-label", {"joint": True, "cap": False}),
    (Kind.STRATEGY, "freematch", {"fairness": 0.0, "highest": 0.95}),
    (Kind.STRATEGY, "softmatch", {"align": False, "joint": False}),
    (Kind.STRATEGY, "uda", {"annealing": "exponential"}),
    (Kind.STRATEGY, "noisy-student", {"rounds": 1, "publish": "student"}),
    (Kind.STRATEGY, "plate-aligned", {"per": "plate", "refresh_every": 2}),
    (Kind.POSTPROCESSOR, "plate-group", {"arrangements": "all"}),
    (Kind.POSTPROCESSOR, "plate-balanced", {"capacity": 2, "unassigned_score": -3.0}),
    (Kind.POSTPROCESSOR, "class-balanced", {"step": 0.1, "halvings": 2, "rounds": 50}),
    (Kind.POSTPROCESSOR, "plate-transport", {"entropy": "shannon", "temperature": 2.0}),
    (Kind.POSTPROCESSOR, "plate-transport", {"capacity": 2, "unassigned_score": -3.0}),
    (Kind.POSTPROCESSOR, "center-scale", {"level": "cell_type", "method": "robust", "reference": "all"}),
    (Kind.POSTPROCESSOR, "sphering", {"method": "pca", "shrinkage": 0.0, "align": "plate"}),
    (Kind.POSTPROCESSOR, "combat", {"batch": "experiment", "mean_only": True, "keep_roles": True}),
]
SMALL_BACKBONES: list[tuple[str, dict[str, Any]]] = [
    ("densenet121", {}),
    ("efficientnet_b0", {"drop_path": 0.2}),
    ("timm", {"model": "resnet10t"}),
    ("xception", {}),
]


def factory(kind: Kind, name: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    return partial(build, CATALOGUE, kind, ComponentReference(name=name, options=dict(options)))


def backbone(name: str, options: Mapping[str, Any]) -> backbones.Make:
    make = factory(Kind.BACKBONE, name, options)
    return lambda channels: make(channels=channels)


def head(name: str, options: Mapping[str, Any]) -> heads.Make:
    make = factory(Kind.HEAD, name, options)
    return lambda num_features, num_classes: make(num_features=num_features, num_classes=num_classes)


def suite_of(law: Law) -> str:
    return law.__module__.rpartition(".")[2]


def cases() -> list[Any]:
    return list(_cases())


def _cases() -> Iterator[Any]:
    offered: list[Setting] = [(offer.kind, offer.qualified_name, {}) for offer in CATALOGUE.offers()]
    for kind, name, options in (*offered, *FURTHER):
        make = head(name, options) if kind is Kind.HEAD else factory(kind, name, options)
        for law in LAWS.get(kind, ()):
            words = ",".join(f"{key}={value}" for key, value in options.items())
            yield pytest.param(law, make, id=f"{kind}-{name}({words})-{law.__name__}")


def test_every_plugin_loads_and_every_kind_is_offered() -> None:
    assert not CATALOGUE.discovery.failed
    assert {offer.kind for offer in CATALOGUE.offers()} == set(Kind)
    assert {*LAWS, Kind.BACKBONE} == set(Kind)


@pytest.mark.parametrize(("law", "make"), cases())
def test_offers_keep_the_laws(law: Law, make: Callable[..., Any], record_property: Record) -> None:
    law(make)
    record_property("law of", suite_of(law))


@pytest.mark.parametrize("law", backbones.LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("name", "options"), SMALL_BACKBONES)
def test_small_backbones_keep_the_laws(
    name: str, options: Mapping[str, Any], law: Law, record_property: Record
) -> None:
    law(backbone(name, options))
    record_property("law of", suite_of(law))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_laws_of_which_none_is_left_out(kind: Kind) -> None:
    run = backbones.LAWS if kind is Kind.BACKBONE else LAWS[kind]
    assert laws_of(kind) == run
    assert len({law.__name__ for law in run}) == len(run) >= 3


def test_a_report_counts_the_laws_that_were_kept() -> None:
    report = conformance(Kind.STRATEGY, "supervised", factory(Kind.STRATEGY, "supervised", {}))
    assert str(report) == f"strategy supervised: {len(strategies.LAWS)} laws kept"
    with pytest.raises(AssertionError, match="strategy forgetful breaks a_saved_state_continues_exactly"):
        conformance(Kind.STRATEGY, "forgetful", lambda: _ForgetfulTeacher(MeanTeacherOptions()))


@pytest.mark.parametrize("offer", CATALOGUE.offers(), ids=lambda offer: f"{offer.kind}-{offer.qualified_name}")
def test_options_survive_being_written_to_a_recipe(offer: Offer) -> None:
    model = offer.component.options
    try:
        defaults = model()
    except ValidationError:
        pytest.skip("has options without a default")
    assert model.model_validate_json(defaults.model_dump_json(), strict=True) == defaults


@pytest.mark.parametrize("name", [offer.qualified_name for offer in CATALOGUE.offers(Kind.BACKBONE)])
def test_all_backbones_have_the_declared_width(name: str) -> None:
    with torch.device("meta"):
        backbones.features_have_the_declared_width(backbone(name, {}))


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


@pytest.mark.parametrize("reference", ["negative_controls", "controls"])
@pytest.mark.parametrize("name", ["z-score", "robust", "min-max", "percentile", "log", "flat-field"])
def test_normalizers_of_controls_see_no_other_well(name: str, reference: str) -> None:
    roles = {Role.NEGATIVE_CONTROL} | ({Role.POSITIVE_CONTROL} if reference == "controls" else set())
    normalizers.only_reference_wells_are_measured(factory(Kind.NORMALIZER, name, {"reference": reference}), roles)


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
