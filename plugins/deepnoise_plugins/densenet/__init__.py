"""DenseNet backbones (Huang et al. 2017, arXiv 1608.06993)."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.densenet.options import DenseNetOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_backbones() -> Iterable[Component]:
    """Offer the four published depths."""
    return [
        Component(
            name=f"densenet{depth}",
            summary=f"DenseNet-{depth}, any number of channels",
            factory=f"deepnoise_plugins.densenet.model:densenet{depth}",
            options=DenseNetOptions,
            reference="arXiv:1608.06993",
        )
        for depth in (121, 161, 169, 201)
    ]
