"""All figures of an embedding, within each cell type and over all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.evaluation.disentanglement.factors import Codes, Factors, by_cell_type
from deepnoise_core.evaluation.disentanglement.figures import PROBES, Axis, Disentanglement, Figure
from deepnoise_core.evaluation.disentanglement.mixing import inverse_simpson, kbet_accepts, neighbour_counts
from deepnoise_core.evaluation.disentanglement.neighbours import Neighbourhood, neighbourhood
from deepnoise_core.evaluation.disentanglement.nulls import drawn_share
from deepnoise_core.evaluation.disentanglement.probes import chance, folds_of, left_out_hits
from deepnoise_core.evaluation.disentanglement.resampling import (
    SAID,
    Experiments,
    Sampled,
    sample_experiments,
)
from deepnoise_core.evaluation.disentanglement.significance import fraction_retrieved
from deepnoise_core.evaluation.disentanglement.silhouettes import null_silhouette, silhouettes, within
from deepnoise_core.evaluation.disentanglement.variance import (
    BetweenShare,
    adjusted,
    chance_share,
    effective_rank,
    leading,
)
from deepnoise_core.evaluation.intervals import ends

MOST_TIES = 0.01
"""Share of tied pairs above which a note warns of figures by similarity."""

CHANCE = None
"""The ideal of figures that should be no better than chance, nor worse."""

NAMES: Mapping[str, tuple[Axis, float | None]] = {
    "perturbation_probe": ("signal", 1.0),
    "retrieval_map": ("signal", 1.0),
    "fraction_retrieved": ("signal", 1.0),
    "neighbour_any": ("signal", 1.0),
    "neighbour_nsb": ("signal", 1.0),
    "neighbour_nsbp": ("signal", 1.0),
    "perturbation_r2": ("signal", 1.0),
    "label_silhouette": ("signal", 1.0),
    "experiment_probe": ("noise", CHANCE),
    "plate_probe": ("noise", CHANCE),
    "position_probe": ("noise", CHANCE),
    "experiment_neighbour": ("noise", CHANCE),
    "plate_neighbour": ("noise", CHANCE),
    "position_neighbour": ("noise", CHANCE),
    "experiment_r2": ("noise", 0.0),
    "plate_r2": ("noise", 0.0),
    "component_regression": ("noise", 0.0),
    "kbet": ("noise", 1.0),
    "ilisi": ("noise", 1.0),
    "batch_silhouette": ("noise", 1.0),
}
"""Name of each figure, its axis and its ideal, in the order of tables."""


def measure(embeddings: NDArray[np.floating], factors: Factors, *, seed: int = 0) -> Disentanglement:
    """Measure the signal and the noise in embeddings of wells; memory stays bounded, whatever N.

    All is compared within a cell type. Figures over all are means over cell types by their rows.

    Args:
        embeddings: float [N, F].
        factors: of the N rows.
        seed: of folds, bootstrap samples and nulls.

    Raises:
        PredictionsError: the rows do not match, an embedding is not finite, or there are fewer than two
            perturbations in each cell type.
    """
    if embeddings.ndim != 2 or len(embeddings) != len(factors):
        raise PredictionsError(f"embeddings are {embeddings.shape}, but the factors name {len(factors)} rows")
    faulty = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(faulty):
        raise PredictionsError(f"{len(faulty)} embeddings hold NaN or infinity, the first in row {faulty[0]}")
    parts, ranks, sizes, tied, compared = {}, [], [], 0, 0
    for cell, (rows, codes) in by_cell_type(factors).items():
        if codes.perturbation.max() < 1:
            continue
        values = embeddings[rows].astype(np.float64)
        centred = values - values.mean(axis=0)
        own = derive_seed(seed, cell)
        near = neighbourhood(values, codes, own)
        experiments = sample_experiments(codes.experiment, own)
        parts[cell] = _figures(centred, codes, near, experiments, own)
        ranks.append(effective_rank(centred))
        sizes.append(len(rows))
        tied, compared = tied + near.retrieval.tied, compared + near.retrieval.compared
    if not parts:
        raise PredictionsError("signal needs two perturbations in a cell type, but each cell type has one")
    ties = tied / compared if compared else 0.0
    figures = {name: _pooled([part[name] for part in parts.values()], sizes, name) for name in NAMES}
    alone = {cell: {name: _pooled([part[name]], [1], name) for name in NAMES} for cell, part in parts.items()}
    return Disentanglement(
        figures=figures,
        by_cell_type=alone if len(alone) > 1 else {},
        effective_rank=float(np.average(ranks, weights=sizes)),
        rows=sum(sizes),
        features=embeddings.shape[1],
        perturbations=len(np.unique(factors.perturbation.astype(str))),
        experiments=len(np.unique(factors.experiment.astype(str))),
        ties=ties,
        resampling=SAID,
        notes=_notes(figures, ties, len(factors) - sum(sizes)),
    )


def _figures(
    values: NDArray[np.float64], codes: Codes, near: Neighbourhood, experiments: Experiments, seed: int
) -> dict[str, Sampled]:
    return {
        **_probes(values, codes, experiments, seed),
        **_nearest(codes, near, experiments, seed),
        **_variance(values, codes, experiments),
        **_mixing(codes, near, experiments, seed),
        **_silhouettes(values, codes, experiments, seed),
    }


def _probes(values: NDArray[np.float64], codes: Codes, experiments: Experiments, seed: int) -> dict[str, Sampled]:
    folds = folds_of(codes.perturbation, seed)
    asked = {
        "perturbation_probe": (codes.perturbation, codes.experiment),
        "experiment_probe": (codes.experiment, folds),
        "plate_probe": (codes.plate, folds),
        "position_probe": (codes.position, folds),
    }
    made = {}
    for name, (label, group) in asked.items():
        hits = left_out_hits(values, label, group)
        made[name] = experiments.mean(hits, chance(hits, label))
    return made


def _nearest(codes: Codes, near: Neighbourhood, experiments: Experiments, seed: int) -> dict[str, Sampled]:
    retrieval = near.retrieval
    asked = ~np.isnan(retrieval.precision)
    # every perturbation counts alike, however many replicates it has
    weights = (
        1.0 / np.bincount(codes.perturbation, asked, codes.perturbation.max() + 1).clip(1)[codes.perturbation]
    )
    null = float(np.average(retrieval.null[asked], weights=weights[asked])) if asked.any() else np.nan
    made = {
        "retrieval_map": experiments.mean(retrieval.precision, null, weights),
        "fraction_retrieved": fraction_retrieved(retrieval, codes.perturbation, experiments, seed),
    }
    for name, shares, shared, apart in (
        ("neighbour_any", near.any, "perturbation", ("site",)),
        ("neighbour_nsb", near.other_experiment, "perturbation", ("experiment",)),
        ("neighbour_nsbp", near.other_position, "perturbation", ("experiment", "position")),
        ("experiment_neighbour", near.experiment, "experiment", ("perturbation",)),
        ("plate_neighbour", near.plate, "plate", ("perturbation",)),
        ("position_neighbour", near.position, "position", ("perturbation",)),
    ):
        made[name] = experiments.mean(shares, drawn_share(codes, shared, apart, ~np.isnan(shares)))
    return made


def _variance(values: NDArray[np.float64], codes: Codes, experiments: Experiments) -> dict[str, Sampled]:
    made = {}
    for name in ("perturbation", "experiment", "plate"):
        group = getattr(codes, name)
        made[f"{name}_r2"] = experiments.jackknifed(BetweenShare(values, group), chance_share(group))
    share, expected = BetweenShare(leading(values), codes.experiment), chance_share(codes.experiment)
    made["component_regression"] = experiments.jackknifed(lambda weights: adjusted(share(weights), expected), 0.0)
    return made


def _mixing(codes: Codes, near: Neighbourhood, experiments: Experiments, seed: int) -> dict[str, Sampled]:
    batch = codes.experiment
    if batch.max() < 1:
        return dict.fromkeys(("kbet", "ilisi"), experiments.unknown())
    counts = neighbour_counts(near.nearest, batch)
    shuffled = neighbour_counts(near.nearest, np.random.default_rng(seed).permutation(batch))
    null = float(kbet_accepts(shuffled, batch).mean()), float(np.median(inverse_simpson(shuffled)))
    return {
        "kbet": experiments.mean(kbet_accepts(counts, batch), null[0]),
        "ilisi": experiments.median(inverse_simpson(counts), null[1]),
    }


def _silhouettes(
    values: NDArray[np.float64], codes: Codes, experiments: Experiments, seed: int
) -> dict[str, Sampled]:
    label = (silhouettes(values, codes.perturbation) + 1.0) / 2.0
    null = (null_silhouette(values, codes.perturbation, seed) + 1.0) / 2.0
    made = {"label_silhouette": experiments.mean(label, null)}
    batch, weights = _batch_silhouettes(values, codes.perturbation, codes.experiment)
    random = np.random.default_rng(seed).permutation(len(values))
    mixed, own = _batch_silhouettes(values[random], codes.perturbation, codes.experiment)
    known = ~np.isnan(mixed)
    expected = float(np.average(mixed[known], weights=own[known])) if known.any() else np.nan
    return made | {"batch_silhouette": experiments.mean(batch, expected, weights)}


def _batch_silhouettes(
    values: NDArray[np.float64], perturbation: NDArray[np.int64], experiment: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """1 - |silhouette by experiment| within each perturbation, and weights by which perturbations count alike."""
    return 1.0 - np.abs(within(values, perturbation, experiment)), 1.0 / np.bincount(perturbation)[perturbation]


def _pooled(parts: list[Sampled], sizes: list[int], name: str) -> Figure:
    """The mean of the parts that could be measured, by their sizes."""
    axis, ideal = NAMES[name]
    known = [(part, size) for part, size in zip(parts, sizes, strict=True) if not np.isnan(part.value)]
    if not known:
        return Figure(np.nan, np.nan, np.nan, np.nan, np.nan if ideal is None else ideal, axis)
    weights = np.array([size for _, size in known], dtype=np.float64)
    weights /= weights.sum()
    draws = sum(weight * part.draws for weight, (part, _) in zip(weights, known, strict=True))
    value, null = (float(weights @ [getattr(part, key) for part, _ in known]) for key in ("value", "null"))
    low, high = ends(np.asarray(draws))
    return Figure(value, low, high, null, null if ideal is None else ideal, axis)


def _notes(figures: Mapping[str, Figure], ties: float, alone: int) -> tuple[str, ...]:
    notes = []
    if ties > MOST_TIES:
        notes.append(
            f"{ties:.1%} of the compared similarities are tied: figures of neighbours and retrieval mean little"
        )
    below = [name for name in PROBES if figures[name].high < figures[name].null]
    if below:
        notes.append(
            f"below chance: {', '.join(below)}, as where means over the wells themselves were taken out; that is "
            "not less noise than at chance"
        )
    missing = [name for name, figure in figures.items() if np.isnan(figure.value)]
    if missing:
        notes.append(
            f"cannot be measured on this design: {', '.join(missing)}; no other experiments or perturbations "
            "share what is asked"
        )
    if alone:
        notes.append(f"left out {alone} wells of cell types with a single perturbation")
    return tuple(notes)
