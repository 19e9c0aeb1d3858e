"""FixMatch on plates whose classes are known, though not which well holds which."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import Pool, Predictions, Progress, Refreshed
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.data.plates import plates_of
from deepnoise_core.data.plates.prior import restrict_to_groups
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_plugins.matching.marginals import RunningMarginals, aligned
from deepnoise_plugins.matching.options import PlateAlignedOptions
from deepnoise_plugins.matching.rules import Guess, best_of, by_row
from deepnoise_plugins.matching.strategy import Matching


class PlateAligned(Matching):
    """FixMatch whose guesses q become norm(q · π / E[q]) before they are judged and learned.

    π is exact where FixMatch's relatives estimate it: an experiment holds each class once, so π is uniform over
    all classes that are on labelled plates; and where it is found which group of classes a plate holds, over
    those alone. E[q] is a running mean over the guesses in an experiment or on a plate, and begins at π.

    Groups are estimated between epochs from the published network's prediction of the pool.
    """

    def __init__(self, options: PlateAlignedOptions) -> None:
        super().__init__(options, options.supervised_view, options.weak_view, options.strong_view)
        self.options = options

    def make_rule(self, pool: Pool) -> nn.Module:
        """An alignment that knows of no plate so far."""
        self.design = pool.design
        layout = plates_of(pool.ids["experiment"], pool.ids["plate"])
        plates = [(experiment, plate) for experiment in layout for plate in layout[experiment]]
        self.numbers = {plate: number for number, plate in enumerate(plates)}
        of_site = np.zeros(len(pool.rows), dtype=np.int64)
        for experiment, plate in plates:
            of_site[layout[experiment][plate]] = self.numbers[experiment, plate]
        experiments = list(layout)
        domains = [experiments.index(name) for name, _ in plates]
        if self.options.per == "plate":
            domains = list(range(len(plates)))
        self.alignment = PlateAlignment(
            torch.from_numpy(self._everywhere()),
            torch.tensor(domains, dtype=torch.int64),
            by_row(pool, of_site),
            self.options.momentum,
            self.options.threshold,
        )
        return self.alignment

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """Find the group of each plate, where labelled plates show groups; log of how many it is known."""
        if not self.design.groups or progress.epoch % self.options.refresh_every:
            return Refreshed()
        known, found = self._marginals(predictor(self.inference_model()))
        self.alignment.known.copy_(torch.from_numpy(known))
        return Refreshed({"plates_of_known_group": float(found.mean())})

    def _everywhere(self) -> NDArray[np.float32]:
        """π where nothing is known of a plate, [K]."""
        treatments = set().union(*self.design.groups)
        return _uniform(np.array([not treatments or number in treatments for number in range(self.classes)]))

    def _marginals(self, predictions: Predictions) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """π of each plate [P, K], and whether its group is known [P]."""
        treated = may_be_treated(predictions.ids["role"])
        experiment, plate = (predictions.ids[name][treated] for name in ("experiment", "plate"))
        allowed, bound = restrict_to_groups(
            predictions.scores[treated, : self.classes], experiment=experiment, plate=plate, design=self.design
        )
        known = np.tile(self._everywhere(), (len(self.numbers), 1))
        found = np.zeros(len(self.numbers), dtype=bool)
        for name, plates in plates_of(experiment, plate).items():
            for number, rows in ((self.numbers[name, each], rows) for each, rows in plates.items()):
                if bound[rows[0]]:
                    known[number], found[number] = _uniform(np.isfinite(allowed[rows[0]])), True
        return known, found


class PlateAlignment(nn.Module):
    """A threshold on guesses that are aligned to the classes of their plates.

    Attributes:
        known: π of each plate, float32 [P, K].
        running: E[q] of each domain.

    Args:
        start: π to begin with, [K].
        domain: over which mean each plate counts, int64 [P].
        of_row: number of the plate of each row of the screen, int64.
        momentum: decay of the means.
        threshold: confidence from which an image is learned from.
    """

    known: Tensor
    domain: Tensor
    of_row: Tensor

    def __init__(self, start: Tensor, domain: Tensor, of_row: Tensor, momentum: float, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold
        domains = len(set(domain.tolist()))
        self.running = RunningMarginals(start.repeat(domains, 1), momentum)
        self.register_buffer("known", start.repeat(len(domain), 1))
        self.register_buffer("domain", domain, persistent=False)
        self.register_buffer("of_row", of_row, persistent=False)

    def forward(self, logits: Tensor, rows: Tensor) -> Guess:
        """Targets and weights from logits [n, K] of these rows; the averages count them first."""
        plates = self.of_row[rows]
        domains = self.domain[plates]
        guessed = logits.softmax(dim=1)
        self.running.update(guessed, domains)
        guessed = aligned(guessed, self.known[plates], self.running.mean[domains])
        return Guess(best_of(guessed), (guessed.amax(dim=1) >= self.threshold).float())


def _uniform(possible: NDArray[np.bool_]) -> NDArray[np.float32]:
    share: NDArray[np.float32] = (possible / possible.sum()).astype(np.float32)
    return share
