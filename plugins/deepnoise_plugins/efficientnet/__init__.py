"""EfficientNet backbones (Tan & Le 2019, arXiv 1905.11946)."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.efficientnet.options import EfficientNetOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_backbones() -> Iterable[Component]:
    """Offer the eight published scales."""
    return [
        Component(
            name=f"efficientnet_b{scale}",
            summary=f"EfficientNet-B{scale}, any number of channels",
            factory=f"deepnoise_plugins.efficientnet.model:efficientnet_b{scale}",
            options=EfficientNetOptions,
            reference="arXiv:1905.11946",
        )
        for scale in range(8)
    ]
