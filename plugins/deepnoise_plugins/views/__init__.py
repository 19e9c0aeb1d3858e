"""Augmentations: views by name, each a set of geometric and intensity changes on the device."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.views.options import (
    DeepNoiseOptions,
    FirstPlaceOptions,
    FreeOptions,
    WeakStrongOptions,
)

_FACTORY = "deepnoise_plugins.views.augmentation:Views"

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_augmentations() -> Iterable[Component]:
    """Offer the published views, those of FixMatch and its relatives, and views of one's own."""
    return [
        Component(
            name="deepnoise",
            summary="Views easy, normal and hard: flips, turns, shifts; erasing; crops",
            factory=_FACTORY,
            options=DeepNoiseOptions,
            reference="arXiv:2209.05772",
        ),
        Component(
            name="weak-strong",
            summary="Views weak (flips, turns, small shifts) and strong (and crops, erasing, gain, noise, …)",
            factory=_FACTORY,
            options=WeakStrongOptions,
            reference="arXiv:2001.07685",
        ),
        Component(
            name="rcic-1st",
            summary="Views easy (flips, turns) and normal (and crops, gain and bias), as the first place had",
            factory=_FACTORY,
            options=FirstPlaceOptions,
            reference="https://github.com/maciej-sypetkowski/kaggle-rcic-1st",
        ),
        Component(
            name="views",
            summary="Views by any names, all of their settings free",
            factory=_FACTORY,
            options=FreeOptions,
        ),
    ]
