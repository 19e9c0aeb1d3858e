"""The mean teacher with online pseudo-labels: the second stage of DeepNoise (arXiv 2209.05772)."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import NO_LABEL, Losses, Pool, Progress, Refreshed, StepBatch
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.data.plates import label_plates
from deepnoise_core.engine.pseudo_labels import PseudoLabels
from deepnoise_core.engine.ramps import first_epoch
from deepnoise_plugins.mean_teacher.options import MeanTeacherPseudoOptions
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher

_OWN = "pseudo_labels."


class MeanTeacherPseudo(MeanTeacher):
    """L = (1 − w) · CE(student, labelled) + consistency + w · CE(student, pseudo-label), w = 0 at first.

    From a share of training on, the teacher labels the wells of the pool between epochs: its logits, averaged
    over test-time views, are blended with those before, held to what is known of plates, and the best class is
    the label, however confident. Both terms of the pool come from one pass of the student, so its cross-entropy
    is by the logits of evaluation: a margin would push hardest towards the labels that are wrong.
    """

    options: MeanTeacherPseudoOptions

    def __init__(self, options: MeanTeacherPseudoOptions) -> None:
        super().__init__(options)

    def start(self, student: nn.Module, pool: Pool) -> None:
        """Clone the teacher; no well has a label yet."""
        super().start(student, pool)
        self.design = pool.design
        self.pseudo_labels = PseudoLabels(pool).to(next(student.parameters()).device)
        self.blended = np.full((len(self.pseudo_labels.wells), pool.num_classes), -np.inf, dtype=np.float32)
        self.labelled = False

    def looks_further(self, batch: StepBatch) -> bool:
        """Whether anything but the supervised view of this step is learned from."""
        return super().looks_further(batch) or (self.labelled and batch.unlabelled is not None)

    def terms(self, cross_entropy: Tensor, prediction: Tensor, batch: StepBatch, progress: Progress) -> Losses:
        """The terms of the mean teacher, and `pseudo_cross_entropy`; the mean is over images with a label."""
        made = super().terms(cross_entropy, prediction, batch, progress)
        if not self.labelled or batch.unlabelled is None:
            return made
        labels = self.pseudo_labels(batch.unlabelled.rows)
        logits = prediction[len(prediction) - len(labels) :].float()
        total = F.cross_entropy(logits, labels, ignore_index=NO_LABEL, reduction="sum")
        weight = self.options.pseudo_weight
        pseudo = {
            "cross_entropy": (1.0 - weight) * cross_entropy,
            "pseudo_cross_entropy": weight * total / (labels != NO_LABEL).sum().clamp(min=1),
        }
        return Losses({**made.terms, **pseudo}, made.logs)

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """Let the teacher label the pool, where that is due.

        Logs how many wells have a label, and how many of them have their own best class since the prior says
        nothing of their plate.
        """
        begun = first_epoch(self.options.from_share, progress.epochs) <= progress.epoch < progress.epochs
        if not (begun and self.pseudo_labels.candidates):
            return Refreshed(pseudo_labels=self.pseudo_labels.given())
        logs = {}
        if improved or not self.labelled or self.options.refresh == "every":
            logs["wells_without_prior"] = float(self._label(predictor))
        given = self.pseudo_labels.given()
        return Refreshed({"pseudo_labels": float(len(given)), **logs}, given)

    def _label(self, predictor: Predictor) -> int:
        """Label all wells that may have one; how many of them the prior says nothing of."""
        predictions = predictor(self.teacher, self.options.tta)
        rows, places = self.pseudo_labels.places(predictions)
        new, old, share = predictions.scores[rows], self.blended[places], self.options.blend
        with np.errstate(invalid="ignore"):
            blended = np.where(old == -np.inf, new, share * new + (1.0 - share) * old).astype(np.float32)
        self.blended[places] = blended
        found = label_plates(
            blended,
            experiment=predictions.ids["experiment"][rows],
            plate=predictions.ids["plate"][rows],
            design=self.design,
            prior=self.options.prior,
        )
        self.pseudo_labels.give(places, found.labels)
        self.labelled = True
        return found.unbound

    def state_dict(self) -> Mapping[str, Tensor]:
        """The teacher, the blended logits of all wells, and their labels."""
        own = {"labels": self.pseudo_labels.labels, "logits": torch.from_numpy(self.blended)}
        return {**super().state_dict(), **{_OWN + name: tensor for name, tensor in own.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put all three back."""
        super().load_state_dict({name: value for name, value in state.items() if not name.startswith(_OWN)})
        self.pseudo_labels.labels.copy_(state[f"{_OWN}labels"])
        self.blended[:] = state[f"{_OWN}logits"].cpu().numpy()
        self.labelled = bool(self.pseudo_labels.given())
