"""Intensity normalizers: none, and z-scores by site, plate or experiment."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.zscore.options import NoneOptions, ZScoreOptions

_DEEPNOISE = "arXiv:2209.05772"


@hookimpl
def deepnoise_normalizers() -> Iterable[Component]:
    """Offer one component a level."""
    return [
        Component(
            name="none",
            summary="Raw intensities over the largest value of their type; nothing is fitted",
            factory="deepnoise_plugins.zscore.dtype_range:DtypeRange",
            options=NoneOptions,
        ),
        Component(
            name="site",
            summary="z-score of each channel within each site",
            factory="deepnoise_plugins.zscore.site:SiteZScore",
            options=ZScoreOptions,
        ),
        Component(
            name="plate",
            summary="z-score of each channel over all sites of the plate (DeepNoise)",
            factory="deepnoise_plugins.zscore.group:PlateZScore",
            options=ZScoreOptions,
            reference=_DEEPNOISE,
        ),
        Component(
            name="experiment",
            summary="z-score of each channel over all sites of the experiment",
            factory="deepnoise_plugins.zscore.group:ExperimentZScore",
            options=ZScoreOptions,
            reference=_DEEPNOISE,
        ),
    ]
