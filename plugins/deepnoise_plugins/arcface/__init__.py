"""Additive angular margin (Deng et al. 2019, arXiv 1801.07698)."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.arcface.options import ArcFaceOptions


@hookimpl
def deepnoise_heads() -> Iterable[Component]:
    """Offer ArcFace with DeepNoise's scale and margin as defaults."""
    return [
        Component(
            name="arcface",
            summary="ArcFace: cosine logits, with an angular margin on the true class in training",
            factory="deepnoise_plugins.arcface.head:ArcFaceHead",
            options=ArcFaceOptions,
            reference="arXiv:1801.07698",
        )
    ]
