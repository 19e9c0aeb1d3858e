"""DenseNet-121, -161, -169 and -201 (arXiv 1608.06993), from timm."""

from functools import partial

from deepnoise_core.engine.timm_network import TimmNetwork, timm_network
from deepnoise_plugins.densenet.options import DenseNetOptions


def _build(depth: int, options: DenseNetOptions, *, channels: tuple[str, ...]) -> TimmNetwork:
    del options
    return timm_network(f"densenet{depth}", len(channels))


densenet121 = partial(_build, 121)
densenet161 = partial(_build, 161)
densenet169 = partial(_build, 169)
densenet201 = partial(_build, 201)
