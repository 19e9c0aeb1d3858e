"""The noisy student (Xie et al. 2020, arXiv 1911.04252)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Pool, Progress, Refreshed
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.data.scores import log_probabilities
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.engine.ramps import first_epoch
from deepnoise_plugins.matching.options import NoisyStudentOptions
from deepnoise_plugins.matching.rules import Guess, by_row
from deepnoise_plugins.matching.strategy import Matching


class NoisyStudent(Matching):
    """Rounds in which a teacher labels the pool without noise, and a noisy student learns its softmax.

    Training is divided into `rounds` + 1 equal parts, in whole epochs. In the first, the student learns from
    labels alone. At the end of each but the last, the published network is the teacher: it labels every well of
    the pool as in prediction, without augmentation, dropout or batch statistics. What it said is kept, so it
    needs not be. Until the next round the student learns that from a strong view of each image, where the
    teacher was confident; a control gets no label.

    The published method trains a new student, of equal size or larger, from the start in each round. Here one
    student goes on, so a round costs no more than its epochs, and the student carries along what it has learned
    from the labels of earlier rounds, their mistakes included. A recipe with stages trains a new one.
    """

    def __init__(self, options: NoisyStudentOptions) -> None:
        super().__init__(options, options.view, options.view, options.view)
        self.options = options

    def make_rule(self, pool: Pool) -> nn.Module:
        """The teacher's last word on each well, none so far."""
        self.wells, of_site = np.unique(pool.ids["well_id"].astype(str), return_inverse=True)
        self.labelled = TeacherLabels(len(self.wells), self.classes, by_row(pool, of_site))
        return self.labelled

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """Let the teacher label the pool at the end of a round."""
        parts = self.options.rounds + 1
        ends = [first_epoch(number / parts, progress.epochs) for number in range(1, parts)]
        if progress.epoch not in ends:
            return Refreshed()
        predictions = predictor(self.inference_model(), self.options.tta)
        labels = np.exp(log_probabilities(predictions.scores[:, : self.classes])).astype(np.float32)
        confident = (labels.max(axis=1) >= self.options.threshold) & may_be_treated(predictions.ids["role"])
        table = np.zeros((len(self.wells), self.classes), dtype=np.float32)
        wells = predictions.ids["well_id"].astype(str)[confident]
        table[np.searchsorted(self.wells, wells)] = labels[confident]
        self.labelled.labels.copy_(torch.from_numpy(table))
        return Refreshed(
            {"round": ends.index(progress.epoch) + 1.0, "pseudo_labelled": float(confident.mean())},
            dict(zip(wells.tolist(), labels[confident].argmax(axis=1).tolist(), strict=True)),
        )


class TeacherLabels(nn.Module):
    """Soft labels of W wells, which do not change with what the student sees.

    Attributes:
        labels: probability of each class, float32 [W, K]; a row of zeros where a well has no label.

    Args:
        num_wells: W.
        num_classes: K.
        of_row: number of the well of each row of the screen, int64.
    """

    labels: Tensor
    of_row: Tensor

    def __init__(self, num_wells: int, num_classes: int, of_row: Tensor) -> None:
        super().__init__()
        self.register_buffer("labels", torch.zeros(num_wells, num_classes))
        self.register_buffer("of_row", of_row, persistent=False)

    def forward(self, logits: Tensor, rows: Tensor) -> Guess:
        """The labels of these rows of the screen, int64 [n]; the logits are not read."""
        targets = self.labels[self.of_row[rows]]
        return Guess(targets, (targets.amax(dim=1) > 0).float())
