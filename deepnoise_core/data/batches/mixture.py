"""Steps as DeepNoise mixed them: labelled and unlabelled sites in one shuffle (arXiv 2209.05772, its code)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.data.batches.steps import Made, Rows, StepRows
from deepnoise_core.data.buckets import places
from deepnoise_core.data.randomness import shuffled

LEAST_LABELLED, LEAST_UNLABELLED = 2, 1
"""Sites that each batch has at least: batch norm cannot train on one labelled site alone."""


class MixedSteps:
    """An epoch holds every site once, labelled or not, in batches of whatever the shuffle gives.

    The published code skips a batch that lacks a kind. Here such a batch gets a site of that kind from the
    batch that has most of them, in exchange for one of its own: all steps are made, and every site still
    comes exactly once.

    Args:
        labelled: rows of training sites, int64.
        unlabelled: rows of the pool, int64.
        batch_size: at most this many sites a batch, of both kinds together.
        seed: decides every shuffle.

    Raises:
        TrainingError: there are too few sites of a kind for that many batches, or batches of two are asked for.
    """

    def __init__(
        self, labelled: NDArray[np.int64], unlabelled: NDArray[np.int64], batch_size: int, *, seed: int
    ) -> None:
        self.rows, self.known, self.seed = np.concatenate([labelled, unlabelled]), len(labelled), seed
        self.per_epoch = -(-len(self.rows) // batch_size)
        for kind, sites, least in (
            ("labelled", labelled, LEAST_LABELLED),
            ("unlabelled", unlabelled, LEAST_UNLABELLED),
        ):
            if len(sites) < least * self.per_epoch:
                raise TrainingError(
                    f"train.batches.mix: random makes {self.per_epoch} batches of {len(self.rows)} sites, and "
                    f"{len(sites)} {kind} ones cannot give {least} to each; make train.batch_size larger, or "
                    "set mix to ratio"
                )
        if len(self.rows) // self.per_epoch < LEAST_LABELLED + LEAST_UNLABELLED:
            raise TrainingError(
                f"train.batches.mix: random needs batches of {LEAST_LABELLED + LEAST_UNLABELLED} sites or more; "
                "make train.batch_size larger"
            )

    def epoch(self, number: int) -> Sequence[StepRows]:
        """The steps of one epoch, numbered from 0."""
        order = shuffled(places(len(self.rows)), self.seed, number, "mixed")
        batches = np.array_split(order, self.per_epoch)
        for known, least in ((True, LEAST_LABELLED), (False, LEAST_UNLABELLED)):
            self._give(batches, known=known, least=least)

        def step(place: int) -> StepRows:
            known = batches[place] < self.known
            return StepRows(*(self._rows(batches[place][of_kind], number) for of_kind in (known, ~known)))

        return Made(range(self.per_epoch), step)

    def _give(self, batches: list[NDArray[np.signedinteger[Any]]], *, known: bool, least: int) -> None:
        """Exchange sites until each batch has `least` of a kind, from the richest batch to the first poor one."""
        held = np.array([int(((batch < self.known) == known).sum()) for batch in batches])
        while (poor := int(held.argmin())) != (rich := int(held.argmax())) and held[poor] < least:
            wanted = np.flatnonzero((batches[rich] < self.known) == known)[-1]
            other = np.flatnonzero((batches[poor] < self.known) != known)[-1]
            taken = batches[rich][wanted]
            batches[rich][wanted], batches[poor][other] = batches[poor][other], taken
            held[poor], held[rich] = held[poor] + 1, held[rich] - 1

    def _rows(self, positions: NDArray[np.signedinteger[Any]], number: int) -> Rows:
        return Rows(self.rows[positions], np.full(len(positions), number, dtype=np.int64))
