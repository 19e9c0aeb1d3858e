"""Pseudo-labels that grow epoch by epoch, after the first place of the RxRx1 challenge (M. Sypetkowski)."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.progressive.options import ProgressiveOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_strategies() -> Iterable[Component]:
    """Offer the strategy with the first place's numbers as defaults."""
    return [
        Component(
            name="progressive-pseudo-labels",
            summary="Cross-entropy; the surest wells of the pool join the labelled ones, one class a plate",
            factory="deepnoise_plugins.progressive.strategy:ProgressivePseudoLabels",
            options=ProgressiveOptions,
            reference="https://github.com/maciej-sypetkowski/kaggle-rcic-1st",
        )
    ]
