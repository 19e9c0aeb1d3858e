"""Heads that classify by angles, with a margin that pulls each class together."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.margins.options import ArcFaceOptions, CosFaceOptions, DualOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_heads() -> Iterable[Component]:
    """Offer ArcFace as in DeepNoise, CosFace, and the two classifiers of the RxRx1 challenge's first place."""
    return [
        Component(
            name="arcface",
            summary="ArcFace: cosine logits, with an angular margin on the true class in training",
            factory="deepnoise_plugins.margins.arcface:ArcFaceHead",
            options=ArcFaceOptions,
            reference="arXiv:1801.07698",
        ),
        Component(
            name="cosface",
            summary="CosFace: cosine logits, from which the true class loses a margin in training",
            factory="deepnoise_plugins.margins.cosface:CosFaceHead",
            options=CosFaceOptions,
            reference="arXiv:1801.09414",
        ),
        Component(
            name="dual",
            summary="A linear layer and ArcFace on the same features; the linear layer predicts",
            factory="deepnoise_plugins.margins.dual:DualHead",
            options=DualOptions,
            reference="https://github.com/maciej-sypetkowski/kaggle-rcic-1st",
        ),
    ]
