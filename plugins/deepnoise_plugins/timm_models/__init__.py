"""Any other architecture of the timm library, by its name there."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.timm_models.options import TimmOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_backbones() -> Iterable[Component]:
    """Offer one backbone whose option `model` names the architecture."""
    return [
        Component(
            name="timm",
            summary="Any timm architecture (option `model`), any number of channels",
            factory="deepnoise_plugins.timm_models.model:build",
            options=TimmOptions,
            reference="https://github.com/huggingface/pytorch-image-models",
        )
    ]
