"""An example of a plugin: a backbone, a strategy and a post-processor."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl

from .options import EntropyOptions, StainwiseOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_backbones() -> Iterable[Component]:
    """Offer `stainwise`."""
    factory = "deepnoise_plugin_example.backbone:Stainwise"
    return [Component("stainwise", "Each stain by itself, and then all together", factory, StainwiseOptions)]


@hookimpl
def deepnoise_strategies() -> Iterable[Component]:
    """Offer `entropy-minimization`."""
    factory = "deepnoise_plugin_example.strategy:EntropyMinimization"
    return [Component("entropy-minimization", "Sure of unlabelled images, too", factory, EntropyOptions)]


@hookimpl
def deepnoise_postprocessors() -> Iterable[Component]:
    """Offer `doubt`."""
    factory = "deepnoise_plugin_example.postprocessor:Doubt"
    return [Component("doubt", "How undecided the model is about each well", factory)]
