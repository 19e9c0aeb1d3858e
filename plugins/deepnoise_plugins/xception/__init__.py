"""Xception backbones (Chollet 2017, arXiv 1610.02357), with the stem and the larger widths of DeepNoise."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.xception.options import XceptionOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_backbones() -> Iterable[Component]:
    """Offer both widths of DeepNoise."""
    return [
        Component(
            name=name,
            summary=f"{title}, any number of channels",
            factory=f"deepnoise_plugins.xception.model:{name}",
            options=XceptionOptions,
            reference=reference,
        )
        for name, title, reference in (
            ("xception", "Xception", "arXiv:1610.02357"),
            ("xception_large", "Xception-Large, wider until its exit", "arXiv:2209.05772"),
        )
    ]
