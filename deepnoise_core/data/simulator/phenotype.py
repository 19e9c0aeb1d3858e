"""How cells look: traits, the baseline of each cell type, and what a perturbation does to them."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.data.simulator.options import CellType, SignalOptions

CHANNELS = ("nuclei", "endoplasmic_reticulum", "actin", "nucleoli", "mitochondria", "golgi")
"""Names of the six channels of RxRx1, w1 to w6."""

Family = Literal["count", "shape", "intensity", "texture", "arrangement"]


class Trait(NamedTuple):
    """One number that describes cells.

    Attributes:
        family: which weight of `SignalOptions` scales its changes.
        usual: value in an untreated HUVEC at magnification 1; lengths in pixels.
        spread: standard deviation of its natural logarithm over perturbations of strength 1.
        power: of the magnification that scales it: 1 for lengths, -2 for densities.
    """

    family: Family
    usual: float
    spread: float
    power: int = 0


TRAITS: dict[str, Trait] = {
    "cells_per_4096_pixels": Trait("count", 10.0, 0.35, -2),
    "cell_radius": Trait("shape", 11.0, 0.18, 1),
    "cell_elongation": Trait("shape", 1.35, 0.22),
    "cell_irregularity": Trait("shape", 0.18, 0.5),
    "nucleus_radius": Trait("shape", 4.5, 0.14, 1),
    "nucleus_elongation": Trait("shape", 1.25, 0.16),
    **{f"{channel}_intensity": Trait("intensity", 1.0, 0.3) for channel in CHANNELS},
    **{f"{channel}_contrast": Trait("texture", 0.3, 0.4) for channel in CHANNELS},
    **{f"{channel}_grain": Trait("texture", 1.1, 0.3, 1) for channel in CHANNELS},
    "nucleolus_radius": Trait("arrangement", 1.1, 0.2, 1),
    "nucleolus_brightness": Trait("arrangement", 1.2, 0.5),
    "reticulum_reach": Trait("arrangement", 0.9, 0.35),
    "mitochondria_reach": Trait("arrangement", 0.8, 0.35),
    "golgi_distance": Trait("arrangement", 1.1, 0.2),
    "golgi_radius": Trait("arrangement", 2.4, 0.25, 1),
    "actin_fibres": Trait("arrangement", 0.5, 0.6),
    "fibre_spacing": Trait("arrangement", 3.4, 0.15, 1),
    "actin_cortex": Trait("arrangement", 0.9, 0.5),
}
"""All traits, in the order of every trait vector of this package."""

SPREADS = np.array([trait.spread for trait in TRAITS.values()])
"""Standard deviation of each log trait over perturbations of strength 1, [T]."""

_CELL_TYPES: dict[CellType, dict[str, float]] = {
    "HUVEC": {"mitochondria_contrast": 2.0},
    "RPE": {
        "cells_per_4096_pixels": 0.85,
        "cell_radius": 1.15,
        "cell_elongation": 1.2,
        "nucleus_radius": 1.05,
        "actin_fibres": 1.8,
        "mitochondria_reach": 1.3,
        "nuclei_intensity": 0.8,
        "actin_intensity": 1.3,
    },
    "HEPG2": {
        "cells_per_4096_pixels": 2.3,
        "cell_radius": 0.72,
        "cell_elongation": 0.85,
        "nucleus_radius": 0.78,
        "nucleus_elongation": 0.9,
        "actin_fibres": 0.25,
        "actin_cortex": 1.7,
        "nuclei_intensity": 1.6,
        "endoplasmic_reticulum_intensity": 1.3,
        "mitochondria_intensity": 1.7,
        "mitochondria_reach": 1.8,
    },
    "U2OS": {
        "cells_per_4096_pixels": 1.1,
        "cell_radius": 1.05,
        "cell_elongation": 0.9,
        "nucleus_radius": 1.12,
        "nucleus_elongation": 0.92,
        "actin_fibres": 0.7,
        "nucleolus_radius": 1.25,
        "mitochondria_contrast": 1.6,
        "endoplasmic_reticulum_intensity": 0.8,
    },
}


def baseline(cell_type: CellType, magnification: float = 1.0) -> NDArray[np.float64]:
    """Traits of untreated cells, [T] in the order of `TRAITS`; lengths in pixels."""
    factors = _CELL_TYPES[cell_type]
    return np.array(
        [trait.usual * factors.get(name, 1.0) * magnification**trait.power for name, trait in TRAITS.items()]
    )


def perturbation_effect(
    signal: SignalOptions, seed: int, perturbation: str, cell_type: CellType, strength: float
) -> NDArray[np.float64]:
    """What a perturbation adds to the log traits of a cell type, [T]; the same in every experiment.

    Args:
        signal: weights of the families of traits, and how much cell types differ.
        seed: seed of the screen.
        perturbation: name of the perturbation.
        cell_type: cell type that receives it.
        strength: factor of the whole effect; 0 gives zeros.
    """
    shared = np.random.default_rng(derive_seed(seed, "perturbation", perturbation))
    own = np.random.default_rng(derive_seed(seed, "perturbation", perturbation, cell_type))
    efficacy = np.exp(signal.efficacy_spread * shared.standard_normal())
    direction = np.sqrt(1 - signal.cell_type_share) * _bounded(shared)
    direction += np.sqrt(signal.cell_type_share) * _bounded(own)
    weights = np.array([getattr(signal, trait.family) for trait in TRAITS.values()])
    effect: NDArray[np.float64] = strength * efficacy * weights * SPREADS * direction
    return effect


def _bounded(random: np.random.Generator) -> NDArray[np.float64]:
    """Draws of variance 1 without tails, so that no trait leaves what cells can be, [T]."""
    return random.uniform(-np.sqrt(3), np.sqrt(3), len(TRAITS))
