"""What FixMatch and its relatives have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Pool, Progress, Refreshed, StepBatch, Targets, ViewPlan
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.engine.ema import RunningAverage, clone_teacher, decay_at
from deepnoise_core.engine.processes import rows_of_all
from deepnoise_core.engine.ramps import linear_ramp
from deepnoise_plugins.matching.options import MatchingOptions
from deepnoise_plugins.matching.passes import Seen, look
from deepnoise_plugins.matching.rules import Guess, by_row, soft_cross_entropy


class Matching(ABC):
    """L = CE(labelled) + λ · ramp · mean(w · H(q, learning view)), with q and w from a rule.

    The mean runs over all images of the pool, those that are masked included. Controls in the pool hold no
    treatment, whatever the network takes them for, so they are masked and no average counts them; and all others
    are guessed, and learn, among treatments alone, as they are named in the end.

    The running average of the student is published, with the student's own batch-norm statistics.

    Args:
        options: those of the family.
        supervised: view of labelled images.
        judged: view of the pool from which the rule makes targets.
        learning: view of the pool that learns them.
    """

    def __init__(self, options: MatchingOptions, supervised: str, judged: str, learning: str) -> None:
        self.shared, self.judged, self.learning = options, judged, learning
        self.views = ViewPlan(supervised, unlabelled=tuple(dict.fromkeys((judged, learning))))

    @abstractmethod
    def make_rule(self, pool: Pool) -> nn.Module:
        """A module from logits [n, K] and rows [n] to a `Guess`; its buffers are saved, and it learns nothing.

        K is `pool.num_possible`.
        """

    def supervised_loss(self, seen: Seen, targets: Targets, progress: Progress) -> Tensor:
        """Loss of the labelled images, a scalar."""
        return seen.loss.mean()

    def further_terms(self, learning: Tensor, guess: Guess) -> Mapping[str, Tensor]:
        """Other losses of the pool, from logits that learn [n, K]."""
        return {}

    def start(self, student: nn.Module, pool: Pool) -> None:
        """Clone what is published, and begin the rule's averages."""
        device = next(student.parameters()).device
        treated = may_be_treated(pool.ids["role"])
        self.treated = None if treated.all() else by_row(pool, treated).to(device)
        self.classes = pool.num_possible
        self.student, self.rule = student, self.make_rule(pool).to(device)
        self.teacher = clone_teacher(student) if self.shared.publish == "teacher" else None
        self.average = RunningAverage(self.teacher, student, "copy") if self.teacher else None

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """Terms `cross_entropy` and `matching`; logs the share of the pool that counts, and their ratio."""
        supervised, pool = batch.supervised, batch.unlabelled
        if pool is None:
            return Losses({"cross_entropy": student(*supervised.view, targets=supervised.targets).loss.mean()})
        views = (pool.views[self.judged], pool.views[self.learning])
        seen = look(student, supervised, *views, joint=self.shared.joint)
        cross_entropy = self.supervised_loss(seen, supervised.targets, progress)
        judged, learning, rows = self._treatments(seen, pool.rows)
        if not len(rows_of_all(rows)):
            return Losses({"cross_entropy": cross_entropy})
        with torch.no_grad():
            guess: Guess = self.rule(judged, rows)
        total = (guess.weights * soft_cross_entropy(learning, guess.targets)).sum()
        steps = self.shared.ramp_share * progress.epochs * progress.steps_per_epoch
        matching = self.shared.weight * linear_ramp(progress.step, steps) * total / len(pool.rows)
        return Losses(
            {"cross_entropy": cross_entropy, "matching": matching, **self.further_terms(learning, guess)},
            logs={
                "mask_rate": guess.weights.sum() / len(pool.rows),
                "matching_ratio": (matching / cross_entropy).detach(),
            },
        )

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """Average the student into what is published."""
        if self.average:
            self.average.move(decay_at(((0.0, self.shared.ema),), 0.0, progress.step, cap=self.shared.cap))

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """Most of the family decides anew in every step."""
        return Refreshed()

    def inference_model(self) -> nn.Module:
        """The averaged network, or the student where the options publish it."""
        return self.teacher or self.student

    def state_dict(self) -> Mapping[str, Tensor]:
        """The averaged network and the rule's averages."""
        return {
            f"{part}.{name}": tensor.detach()
            for part, module in self._parts().items()
            for name, tensor in module.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put them back."""
        for part, module in self._parts().items():
            start = f"{part}."
            module.load_state_dict({k.removeprefix(start): v for k, v in state.items() if k.startswith(start)})

    def _parts(self) -> dict[str, nn.Module]:
        return {"rule": self.rule, **({"teacher": self.teacher} if self.teacher else {})}

    def _treatments(self, seen: Seen, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits that are judged and that learn, of sites that may be treated among what these can hold."""
        judged, learning = seen.judged[:, : self.classes], seen.learning[:, : self.classes]
        if self.treated is None:
            return judged, learning, rows
        kept = self.treated[rows]
        return judged[kept], learning[kept], rows[kept]
