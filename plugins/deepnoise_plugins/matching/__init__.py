"""Strategies that match what the network says of two views of one image: FixMatch and its relatives."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, Options, hookimpl
from deepnoise_plugins.matching.options import (
    FixMatchOptions,
    FreeMatchOptions,
    NoisyStudentOptions,
    PlateAlignedOptions,
    PseudoLabelOptions,
    SoftMatchOptions,
    UdaOptions,
)

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_strategies() -> Iterable[Component]:
    """Offer the family, each with its paper's numbers as defaults."""
    return [
        _offer(
            "fixmatch",
            "The strong view learns the confident label of the weak view",
            "fixmatch:FixMatch",
            FixMatchOptions,
            "arXiv:2001.07685",
        ),
        _offer(
            "pseudo-label",
            "The network learns its own confident label of the same view, with a rising weight",
            "fixmatch:PseudoLabel",
            PseudoLabelOptions,
            "Lee 2013, ICML workshop on challenges in representation learning",
        ),
        _offer(
            "freematch",
            "FixMatch with a threshold for each class, found from the network's own confidence",
            "freematch:FreeMatch",
            FreeMatchOptions,
            "arXiv:2205.07246",
        ),
        _offer(
            "softmatch",
            "FixMatch with a weight in place of the threshold: a truncated Gaussian of the confidence",
            "softmatch:SoftMatch",
            SoftMatchOptions,
            "arXiv:2301.10921",
        ),
        _offer(
            "uda",
            "The strong view learns the sharpened softmax of the weak view, where that is confident",
            "uda:Uda",
            UdaOptions,
            "arXiv:1904.12848",
        ),
        _offer(
            "noisy-student",
            "In rounds: the published network labels the pool without noise, and the noisy student learns that",
            "noisy_student:NoisyStudent",
            NoisyStudentOptions,
            "arXiv:1911.04252",
        ),
        _offer(
            "plate-aligned",
            "FixMatch whose targets keep to the classes that a plate is known to hold",
            "plate_aligned:PlateAligned",
            PlateAlignedOptions,
            "",
        ),
    ]


def _offer(name: str, summary: str, factory: str, options: type[Options], reference: str) -> Component:
    return Component(name, summary, f"deepnoise_plugins.matching.{factory}", options, reference)
