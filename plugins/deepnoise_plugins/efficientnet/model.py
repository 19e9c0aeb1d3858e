"""EfficientNet-B0 to -B7 (arXiv 1905.11946), from timm."""

from functools import partial

from deepnoise_core.engine.timm_network import TimmNetwork, timm_network
from deepnoise_plugins.efficientnet.options import EfficientNetOptions


def _build(scale: int, options: EfficientNetOptions, *, channels: tuple[str, ...]) -> TimmNetwork:
    return timm_network(f"efficientnet_b{scale}", len(channels), options.drop_path)


efficientnet_b0 = partial(_build, 0)
efficientnet_b1 = partial(_build, 1)
efficientnet_b2 = partial(_build, 2)
efficientnet_b3 = partial(_build, 3)
efficientnet_b4 = partial(_build, 4)
efficientnet_b5 = partial(_build, 5)
efficientnet_b6 = partial(_build, 6)
efficientnet_b7 = partial(_build, 7)
