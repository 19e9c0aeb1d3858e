"""One optimiser step: forward, backward and update, in as many parts as memory wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Losses, Progress, StepBatch, TrainOptions
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.contracts.protocols import Strategy
from deepnoise_core.engine.accumulation import joined_losses, most_parts, parts_of
from deepnoise_core.engine.batch_norm import running_statistics
from deepnoise_core.engine.devices import seed_generators
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.processes import average_over_all, numbers_of_all, own_seed, process_count

if TYPE_CHECKING:
    from accelerate import Accelerator


class Stepper:
    """Moves a student by one batch after another.

    Where memory does not suffice, the batch is learned from in twice as many parts from then on.

    Attributes:
        parts: of a batch that are learned from one by one.
        skipped: steps that were left out, since their loss was not finite.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        student: nn.Module,
        strategy: Strategy,
        optimizer: torch.optim.Optimizer,
        plan: TrainOptions,
        seed: int,
        observer: Observer,
    ) -> None:
        self.accelerator, self.student, self.strategy = accelerator, student, strategy
        # Without a scaler accelerate adds nothing here but a search for packages on the disk at each step.
        self.optimizer = optimizer if accelerator.scaler else getattr(optimizer, "optimizer", optimizer)
        # In full precision its context is none, which takes it as long to find out at each step.
        self.autocast = accelerator.autocast if accelerator.native_amp else nullcontext
        self.plan, self.seed, self.observer = plan, seed, observer
        self.parts, self.skipped = plan.accumulate, 0
        self._learned = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self._statistics = running_statistics(student, strategy.inference_model())

    def __call__(self, batch: StepBatch, progress: Progress, share: float = 1.0) -> Losses | None:
        """The losses of a step that was made; None of one that was left out.

        Args:
            batch: what this process learns from.
            progress: where training stands.
            share: of the step's labelled images that are in this batch; the rest are in other processes' batches.

        Raises:
            TrainingError: even the smallest parts do not fit the memory, or a part does not and there are several
                processes; or the network cannot learn while it is divided.
        """
        # Gradients become their mean over all processes, and it is their sum that is wanted.
        weight = share * process_count()
        while True:
            try:
                return self._step(batch, progress, weight)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if "mixed torch.Tensor and DTensor" in str(error):
                    raise TrainingError(
                        "train.sharding: this network reads weights of a layer without calling it, when they are "
                        "not there; set it to none"
                    ) from error
                if not _lacks_memory(error):
                    raise
                failure = str(error).splitlines()[0]
            # Outside of the handler, whose traceback keeps the tensors of the failed attempt alive.
            self._halve(batch, progress, failure)

    def _step(self, batch: StepBatch, progress: Progress, weight: float) -> Losses | None:
        # Dropout and stochastic depth draw from torch's generators; seeded by step, a resumed run repeats it.
        seed_generators(own_seed(self.seed, "step", progress.step), self.accelerator.device)
        self._forget_gradients()
        before = self._state() if self.plan.skip_nonfinite else None
        done = []
        for share, part, ends in parts_of(batch, self.parts):
            # Processes exchange gradients while the last part's are computed, and in no other part.
            with nullcontext() if ends else self.accelerator.no_sync(self.student):
                with self.autocast():
                    losses = self.strategy.losses(self.student, part, progress)
                self._backward(losses.total, weight * share)
            done.append((share, losses))
        if before is not None and not _all_finite(done):
            self._leave_out(before)
            return None
        if self.plan.clip_gradient is not None:
            self.accelerator.clip_grad_norm_(self.student.parameters(), self.plan.clip_gradient)
        self.optimizer.step()
        average_over_all(self._statistics)
        return joined_losses(done)

    def _backward(self, loss: Tensor, weight: float) -> None:
        weighted = loss if weight == 1.0 else weight * loss
        if self.accelerator.scaler:
            self.accelerator.backward(weighted)
        else:
            weighted.backward()  # type: ignore[no-untyped-call]

    def _forget_gradients(self) -> None:
        # As the optimizer's own `zero_grad`, which takes several times as long to look for profilers and hooks.
        for parameter in self._learned:
            parameter.grad = None

    def _halve(self, batch: StepBatch, progress: Progress, failure: str) -> None:
        self._forget_gradients()
        if self.accelerator.device.type == "cuda":
            torch.cuda.empty_cache()
        most = most_parts(batch)
        if process_count() > 1:
            raise TrainingError(
                f"memory of {self.accelerator.device} was too small at step {progress.step + 1} ({failure}); one "
                f"of {process_count()} processes cannot divide its batch alone: set train.accumulate to "
                f"{2 * self.parts} or more, or take more processes"
            )
        if self.parts >= most:
            raise TrainingError(
                f"a part of {len(batch.supervised.rows) // most} labelled images does not fit the memory of "
                f"{self.accelerator.device} ({failure}); make data.image_size or the backbone smaller"
            )
        self.parts = min(2 * self.parts, most)
        self.observer.note(
            f"memory of {self.accelerator.device} was too small at step {progress.step + 1}; a batch is learned "
            f"from in {self.parts} parts now, each of which batch norm sees alone (train.accumulate)"
        )

    def _state(self) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        buffers = {name: buffer.clone() for name, buffer in self.student.named_buffers()}
        return buffers, {name: tensor.clone() for name, tensor in self.strategy.state_dict().items()}

    def _leave_out(self, before: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]) -> None:
        """Undo what a forward pass has changed."""
        buffers, strategy = before
        for name, buffer in self.student.named_buffers():
            buffer.copy_(buffers[name])
        self.strategy.load_state_dict(strategy)
        self._forget_gradients()
        self.skipped += 1


def _all_finite(parts: Sequence[tuple[float, Losses]]) -> bool:
    """Whether the losses of all parts, of all processes, are finite."""
    own = all(bool(losses.total.isfinite()) for _, losses in parts)
    return all(finite for (finite,) in numbers_of_all(own))


def _lacks_memory(error: Exception) -> bool:
    """Whether an allocation failed; on a CPU torch raises a plain RuntimeError then."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
