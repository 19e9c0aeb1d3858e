"""Every component that deepnoise ships keeps the laws of its kind, as any plugin's must."""

from collections.abc import Callable

import pytest
import torch

from deepnoise_core.contracts import Kind, Role
from deepnoise_core.testing import normalizers
from deepnoise_core.testing.cases import Case, cases_of
from deepnoise_core.testing.plugins import plugin_named
from deepnoise_core.testing.suites import LEVELS, laws_of, laws_of_offers, maker
from deepnoise_plugins import intensity
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover

CATALOGUE = Catalogue(discover())
SMALL_BACKBONES = {"densenet121", "efficientnet_b0", "timm", "xception"}
WITHOUT_WEIGHTS = {law.__name__ for law in laws_of_offers()} | {"features_have_the_declared_width"}


@pytest.mark.deepnoise("file_names")
@pytest.mark.deepnoise("ome_zarr")
@pytest.mark.deepnoise("pack")
@pytest.mark.deepnoise("rxrx1")
@pytest.mark.deepnoise("table")
@pytest.mark.deepnoise(
    "embeddings",
    options={
        "center-scale": [{"level": "cell_type", "method": "robust", "reference": "all"}],
        "sphering": [{"method": "pca", "shrinkage": 0.0, "align": "plate"}],
        "combat": [{"batch": "experiment", "mean_only": True, "keep_roles": True}],
    },
)
@pytest.mark.deepnoise(
    "plates",
    options={
        "plate-group": [{"arrangements": "all"}],
        "plate-balanced": [{"capacity": 2, "unassigned_score": -3.0}],
        "class-balanced": [{"step": 0.1, "halvings": 2, "rounds": 50}],
        "plate-transport": [
            {"entropy": "shannon", "temperature": 2.0},
            {"capacity": 2, "unassigned_score": -3.0},
        ],
    },
)
@pytest.mark.deepnoise(
    "linear",
    options={"linear": [{"dropout": 0.3}, {"neck": 12}]},
)
@pytest.mark.deepnoise(
    "margins",
    options={
        "arcface": [{"margin": 1.2}, {"neck": 12}],
        "cosface": [{"margin": 0.0}, {"neck": 24}],
        "dual": [{"halved": False, "margin": 0.1}, {"neck": 12}],
    },
)
@pytest.mark.deepnoise(
    "intensity",
    options={
        "z-score": [
            {"level": "site", "jitter": 0.1},
            {"level": "experiment", "jitter": 0.1},
            {"reference": "negative_controls"},
        ],
        "robust": [{"level": "site"}, {"level": "cell_type", "reference": "controls"}],
        "min-max": [{"level": "site"}],
        "percentile": [{"level": "site", "jitter": 0.1}, {"level": "screen", "low": 2.0, "high": 98.0}],
        "log": [{"level": "site"}, {"reference": "controls", "minimum": 20, "few": "wider"}],
        "flat-field": [
            {"level": "site", "jitter": 0.1},
            {"level": "screen", "illumination": "plate", "dark": 10.0},
            {"reference": "negative_controls", "degree": 2},
        ],
    },
)
@pytest.mark.deepnoise(
    "views",
    options={
        "deepnoise": [{"flip": 0.0, "shift": 0.3, "crop": [0.2, 0.4]}],
        "weak-strong": [{"strong": {"rotation": 180, "drop": 1.0, "drop_channels": 3}}],
        "rcic-1st": [{"normal": {"interpolation": "bilinear", "border": "reflection"}}],
        "views": [{"views": {"a": {"noise": 1.0}, "b": {"gain": 0.5, "bias": 2, "erase": 1}}}],
    },
)
@pytest.mark.deepnoise(
    "mean_teacher",
    options={
        "mean-teacher": [
            {"publish": "student", "buffers": "average", "reduction": "class_sum"},
            {"buffers": "copy", "student_view": "normal", "teacher_view": "easy"},
            {"distance": "kl", "ramp": "linear", "ramp_share": 0.4, "on_labelled": False},
            {"cap": False, "decay": [[0, 0.9]], "buffers": "copy"},
        ],
        "mean-teacher-pseudo": [
            {"refresh": "every", "prior": "group", "blend": 0.5, "tta": "none"},
            {"consistency": 0.0, "prior": "none", "from_share": 0.0},
        ],
    },
)
@pytest.mark.deepnoise(
    "progressive", options={"progressive-pseudo-labels": [{"agree": True, "weight": 0.5, "from_share": 0.2}]}
)
@pytest.mark.deepnoise("supervised", options={"supervised": [{"view": "hard"}]})
@pytest.mark.deepnoise(
    "matching",
    options={
        "fixmatch": [{"joint": False, "publish": "student", "ramp_share": 0.4}],
        "pseudo-label": [{"joint": True, "cap": False}],
        "freematch": [{"fairness": 0.0, "highest": 0.95}],
        "softmatch": [{"align": False, "joint": False}],
        "uda": [{"annealing": "exponential"}],
        "noisy-student": [{"rounds": 1, "publish": "student"}],
        "plate-aligned": [{"per": "plate", "refresh_every": 2}],
    },
)
@pytest.mark.deepnoise("densenet", components=["densenet121"])
@pytest.mark.deepnoise(
    "efficientnet", components=["efficientnet_b0"], options={"efficientnet_b0": [{"drop_path": 0.2}]}
)
@pytest.mark.deepnoise("timm")
@pytest.mark.deepnoise("xception", components=["xception"])
def test_components_keep_the_laws(law: Callable[[], None]) -> None:
    law()


def _large_backbones() -> list[Case]:
    plugins = dict.fromkeys(offer.plugin for offer in CATALOGUE.offers(Kind.BACKBONE))
    return [
        case
        for plugin in plugins
        for case in cases_of(plugin_named(plugin))
        if case.component not in SMALL_BACKBONES and case.law in WITHOUT_WEIGHTS
    ]


@pytest.mark.parametrize("case", _large_backbones(), ids=lambda case: f"{case.component}-{case.law}")
def test_large_backbones_keep_the_laws_that_need_no_weights(case: Case) -> None:
    with torch.device("meta"):
        case()


def test_every_plugin_loads_and_every_kind_is_offered_and_checked() -> None:
    assert not CATALOGUE.discovery.failed
    assert {offer.kind for offer in CATALOGUE.offers()} == set(Kind)
    marked = {mark.args[0] for mark in test_components_keep_the_laws.pytestmark}  # type: ignore[attr-defined]
    assert marked == {plugin.name for plugin in CATALOGUE.discovery.plugins if plugin.distribution == "deepnoise"}


@pytest.mark.parametrize("kind", Kind)
def test_strict_asks_for_all_that_basic_asks_and_for_more(kind: Kind) -> None:
    basic, strict = (laws_of(kind, level) for level in LEVELS)
    assert strict[: len(basic)] == basic
    assert len(basic) >= 3
    assert len({law.__name__ for law in (*strict, *laws_of_offers())}) == len(strict) + len(laws_of_offers())
    assert all(law.__doc__ for law in strict)


@pytest.mark.parametrize("reference", ["negative_controls", "controls"])
@pytest.mark.parametrize("name", ["z-score", "robust", "min-max", "percentile", "log", "flat-field"])
def test_normalizers_of_controls_see_no_other_well(name: str, reference: str) -> None:
    roles = {Role.NEGATIVE_CONTROL} | ({Role.POSITIVE_CONTROL} if reference == "controls" else set())
    component = next(one for one in intensity.deepnoise_normalizers() if one.name == name)
    options = component.options.model_validate({"reference": reference})
    normalizers.only_reference_wells_are_measured(maker(Kind.NORMALIZER, component, options), roles)
