"""The three view levels of DeepNoise (arXiv 2209.05772)."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.deepnoise_views.options import ViewsOptions


@hookimpl
def deepnoise_augmentations() -> Iterable[Component]:
    """Offer the views easy, normal and hard."""
    return [
        Component(
            name="deepnoise",
            summary="Views easy, normal and hard: flips, turns, shifts; erasing; crops",
            factory="deepnoise_plugins.deepnoise_views.augmentation:DeepNoiseViews",
            options=ViewsOptions,
            reference="arXiv:2209.05772",
        )
    ]
