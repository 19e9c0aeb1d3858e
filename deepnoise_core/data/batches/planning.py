"""From the options of a recipe to the rows of every step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Screen, TrainOptions
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.data.batches.division import Division
from deepnoise_core.data.batches.domains import domain_groups
from deepnoise_core.data.batches.mixture import MixedSteps
from deepnoise_core.data.batches.ratio import RatioSteps
from deepnoise_core.data.batches.steps import Steps
from deepnoise_core.data.batches.stream import Rounds, Stream


def plan_steps(
    options: TrainOptions,
    screen: Screen,
    labelled: NDArray[np.int64],
    labels: NDArray[np.int64],
    unlabelled: NDArray[np.int64],
    *,
    seed: int,
) -> Steps:
    """The rows of every step of a training.

    Args:
        options: batch sizes, and how batches are made.
        screen: N sites; domains are read from its table.
        labelled: rows of the training sites, int64 [n].
        labels: class index by row of the screen, int64 [N]; only those of `labelled` are read.
        unlabelled: rows of the pool, int64 [u]; empty where the strategy wants none.
        seed: decides every order and draw.

    Raises:
        TrainingError: there are fewer than two training sites, or batches of this kind cannot be made of them.
    """
    if len(labelled) < 2:
        raise TrainingError(f"training needs 2 labelled sites or more, but the split leaves {len(labelled)}")
    how = options.batches
    if how.mix == "random" and len(unlabelled):
        return MixedSteps(labelled, unlabelled, options.batch_size, seed=seed)
    known = Division(
        labelled,
        options.batch_size,
        seed=seed,
        purpose="labelled",
        groups=None if how.domain is None else domain_groups(screen, labelled, how.domain),
        weights=_balancing(labels[labelled]) if how.weights == "balanced" else None,
    )
    if not len(unlabelled):
        return RatioSteps(known)
    size = options.unlabelled_batch_size or -(-len(labelled) // known.batches)
    if how.domain is None:
        return RatioSteps(known, Stream(unlabelled, min(size, len(unlabelled)), seed=seed))
    groups = domain_groups(screen, unlabelled, how.domain)
    pool = Division(unlabelled, size, seed=seed, purpose="unlabelled", groups=groups)
    return RatioSteps(known, Rounds(pool))


def _balancing(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """One over the number of sites of each site's class."""
    weights: NDArray[np.float64] = (1.0 / np.maximum(np.bincount(labels), 1))[labels]
    return weights
