"""Intensity normalizers: channels are brought to one scale, by all sites of a plate, its controls or itself."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.intensity.options import FlatFieldOptions, NoneOptions, PercentileOptions, ScaleOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_normalizers() -> Iterable[Component]:
    """Offer the normalizers, from the plainest."""
    return [
        Component(
            name="none",
            summary="Raw intensities over the largest value of their type; nothing is fitted",
            factory="deepnoise_plugins.intensity.dtype_range:DtypeRange",
            options=NoneOptions,
        ),
        Component(
            name="z-score",
            summary="Minus the mean, over the standard deviation; by plate (DeepNoise), site, experiment, …",
            factory="deepnoise_plugins.intensity.z_score:ZScore",
            options=ScaleOptions,
            reference="arXiv:2209.05772",
        ),
        Component(
            name="robust",
            summary="Minus the median, over 1.4826 times the median distance from it; debris moves neither",
            factory="deepnoise_plugins.intensity.robust:Robust",
            options=ScaleOptions,
            reference="doi:10.1038/nmeth.4397",
        ),
        Component(
            name="min-max",
            summary="From the least intensity, as 0, to the largest, as 1",
            factory="deepnoise_plugins.intensity.percentile:MinMax",
            options=ScaleOptions,
        ),
        Component(
            name="percentile",
            summary="From a low percentile, as 0, to a high one, as 1; what lies beyond is clipped",
            factory="deepnoise_plugins.intensity.percentile:Percentile",
            options=PercentileOptions,
        ),
        Component(
            name="log",
            summary="z-score of log(1 + intensity)",
            factory="deepnoise_plugins.intensity.log:LogZScore",
            options=ScaleOptions,
        ),
        Component(
            name="flat-field",
            summary="Undoes uneven illumination, estimated from all sites that share it; then a z-score",
            factory="deepnoise_plugins.intensity.flat_field:FlatField",
            options=FlatFieldOptions,
            reference="doi:10.1111/jmi.12178",
        ),
    ]
