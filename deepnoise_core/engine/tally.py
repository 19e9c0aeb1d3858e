"""What the steps of one epoch add up to."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from deepnoise_core.contracts import Losses
from deepnoise_core.engine.observation import LOSS
from deepnoise_core.engine.processes import is_first, process_count, texts_of_all

_AT_ONCE = 64
"""Steps whose losses are summed at once."""


class Tally:
    """Sums over the steps of an epoch, from its start.

    Attributes:
        steps: optimiser steps made.
        skipped: steps left out, since fewer than two of their labelled sites could be read.
    """

    def __init__(self) -> None:
        self.steps, self.skipped = 0, 0
        self._sites, self._started = 0, time.perf_counter()
        self._sums: dict[str, Tensor] = {}
        self._unsummed: list[tuple[Losses, float]] = []

    def add(self, losses: Losses, sites: int, share: float = 1.0) -> None:
        """Count a step; its losses stay on their device, so that nothing waits for it.

        Args:
            losses: of this process's share of the step, without a gradient.
            sites: of the whole step.
            share: what these losses count in the mean over all processes.
        """
        self._unsummed.append((losses, share))
        # Between two passes of a network each sum takes several times as long as here, one after another.
        if len(self._unsummed) == _AT_ONCE:
            self._sum()
        self.steps += 1
        self._sites += sites

    @property
    def rate(self) -> float:
        """Sites a second so far."""
        return self._sites / (time.perf_counter() - self._started)

    def tensors(self) -> Mapping[str, Tensor]:
        """The sums so far, of all processes, to go on from; each process must ask for them."""
        self._sum()
        if process_count() == 1:
            return self._sums
        sums = json.dumps({name: float(value) for name, value in self._sums.items()})
        every = [json.loads(text) for text in texts_of_all(sums)]
        totals = Counter[str]()
        for one in every:
            totals.update(one)
        return {name: torch.tensor(total, dtype=torch.float64) for name, total in totals.items()}

    def counts(self) -> dict[str, float]:
        """All but the sums, in JSON types, to go on from."""
        seconds = time.perf_counter() - self._started
        return {"steps": self.steps, "skipped": self.skipped, "sites": self._sites, "seconds": seconds}

    def restore(self, tensors: Mapping[str, Tensor], counts: Mapping[str, float]) -> None:
        """Go on from what `tensors` and `counts` gave; the sums stay with the first process."""
        self._sums, self._unsummed = dict(tensors) if is_first() else {}, []
        self.steps, self.skipped, self._sites = (int(counts[name]) for name in ("steps", "skipped", "sites"))
        self._started = time.perf_counter() - counts["seconds"]

    def means(self) -> dict[str, float]:
        """Mean over the steps of each loss, by `loss/` and its name, and of each log; each process must ask."""
        return {name: float(total) / self.steps for name, total in self.tensors().items()}

    def speed(self, waited: float) -> dict[str, float]:
        """How long it took: `seconds`, `sites_per_second`, and the share `waiting` of it for pixels.

        Args:
            waited: seconds of it spent waiting for pixels.
        """
        seconds = time.perf_counter() - self._started
        return {"seconds": seconds, "sites_per_second": self._sites / seconds, "waiting": waited / seconds}

    def _sum(self) -> None:
        unsummed, self._unsummed = self._unsummed, []
        for losses, share in unsummed:
            terms = {LOSS + name: value for name, value in losses.terms.items()}
            for name, value in (terms | dict(losses.logs)).items():
                own = value if share == 1.0 else share * value
                self._sums[name] = own + self._sums.get(name, 0.0)
