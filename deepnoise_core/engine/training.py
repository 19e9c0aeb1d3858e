"""The training loop. It owns time, batches, device and files; the strategy owns what is learned."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch

from deepnoise_core.contracts import ImageFiles, Losses, Progress, StepBatch
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.data.files import replace_file
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.engine.accumulation import joined_losses, parts_of
from deepnoise_core.engine.bad_images import BadImages
from deepnoise_core.engine.batch_norm import set_batch_norm_momentum
from deepnoise_core.engine.checkpoints import load_state, save_state
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.domain_norm import domain_norm
from deepnoise_core.engine.feeding import Feed
from deepnoise_core.engine.job import TrainingJob, TrainingResult, check_job, planned_steps, validation_plates
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.optimization import build_optimizer, set_rate
from deepnoise_core.engine.pool import PoolPredictor, pool_of, refresh_record
from deepnoise_core.engine.selection import rank, waits_in_vain
from deepnoise_core.engine.tally import Tally
from deepnoise_core.engine.validation import validate
from deepnoise_core.engine.weights import save_weights

_SHOW_EVERY_SECONDS = 0.25
_LONG_WAIT = 0.2
"""Share of an epoch spent waiting for pixels from which a pack is worth its while."""


def train(
    job: TrainingJob, out: Path, hardware: Hardware, observer: Observer, *, resume: bool = False
) -> TrainingResult:
    """Run a job to its end; write `metrics.jsonl`, `checkpoints/best.safetensors` and `checkpoints/last/`.

    Args:
        job: what to train.
        out: an existing folder.
        hardware: device and precision.
        observer: is told of progress.
        resume: continue after the epoch that `checkpoints/last` holds, instead of from the start.

    Raises:
        TrainingError: the training sites do not make batches, epochs cannot be compared as the plan says, or a
            loss is not finite.
        ModelError: batch-norm statistics are asked for, and the network has no batch norm.
        ImageError: a site cannot be read, and the inputs' store does not go on without it.
    """
    check_job(job)
    with torch.random.fork_rng():
        return _Loop(job, out, hardware, observer).run(resume=resume)


class _Loop:
    def __init__(self, job: TrainingJob, out: Path, hardware: Hardware, observer: Observer) -> None:
        self.job, self.out, self.observer = job, out, observer
        self.feed = Feed(
            job.inputs,
            job.augmentation,
            job.labels,
            planned_steps(job),
            job.strategy.views,
            job.seed,
            job.plan.mixing,
            job.plan.label_smoothing,
        )
        self.bad = BadImages(job.screen, job.inputs, observer)
        self.told_of_waiting = False
        self.accelerator = hardware.accelerator()
        if job.plan.batch_norm_momentum is not None:
            set_batch_norm_momentum(job.student, job.plan.batch_norm_momentum)
        student = hardware.placed(job.student)
        job.strategy.start(student, pool_of(job))
        optimizer = build_optimizer(student, job.plan.optimizer)
        self.student, self.optimizer = self.accelerator.prepare(student, optimizer)
        self.norm = domain_norm(job.inference, job.screen, job.student)
        for note in self.norm.notes if self.norm else ():
            observer.note(note)
        self.predictor = PoolPredictor(job, self.accelerator.autocast, self.norm)
        self.plates = validation_plates(job)
        self.best: dict[str, float] = {}

    def run(self, *, resume: bool) -> TrainingResult:
        (self.out / "checkpoints").mkdir(exist_ok=True)
        progress = self._resumed() if resume else self._progress(step=0)
        last_step = progress.epochs * progress.steps_per_epoch
        if self.job.plan.max_steps is not None:
            last_step = min(last_step, self.job.plan.max_steps)
        while progress.step < last_step and not self._waits_in_vain(progress):
            record, progress = self._epoch(progress, last_step)
            record |= self._validated()
            improved = self._select(record)
            refreshed = self.job.strategy.refresh(self.predictor, progress, improved=improved)
            record |= refresh_record(refreshed, self.job.validation)
            self.bad.note_new()
            self._keep(record, progress)
            self.observer.epoch(record)
            self._tell_of_waiting(record["waiting"])
        early = progress.step < last_step
        if early:
            best = int(self.best["epoch"])
            self.observer.note(
                f"stopped after epoch {progress.epoch}, since none came that was better than {best}"
            )
        return TrainingResult(int(self.best["epoch"]), self.best, progress.step, self.bad.reasons, early)

    def _epoch(self, progress: Progress, last_step: int) -> tuple[dict[str, float], Progress]:
        number, before, waited = progress.epoch + 1, progress.step, self.feed.waited
        tally, shown, rate = Tally(), 0.0, 0.0
        self.student.train()
        steps = min(progress.steps_per_epoch - before % progress.steps_per_epoch, last_step - before)
        with self.observer.task(f"epoch {number}/{progress.epochs}", steps) as advance:
            for portion in self.feed.rest_of_epoch(progress, last_step):
                self.bad.note_new()
                if portion.batch is None:
                    tally.skipped += 1
                    progress = self._progress(progress.step + 1)
                    advance(1)
                    continue
                rate = set_rate(self.optimizer, self.job.plan, progress)
                losses = self._step(portion.batch, progress)
                progress = self._progress(progress.step + 1)
                self.job.strategy.after_step(self.accelerator.unwrap_model(self.student), progress)
                tally.add(losses, portion.sites)
                now = time.perf_counter()
                # Reading a loss waits for the device, so it is done a few times a second and not every step.
                if now - shown > _SHOW_EVERY_SECONDS:
                    shown = now
                    advance(1, self._describe(losses, tally.rate, progress))
                else:
                    advance(1)
        means = tally.means()
        self._check_finite(means, progress)
        record = {"epoch": number, "step": progress.step, "lr": rate, **means}
        if tally.skipped:
            record["skipped_batches"] = tally.skipped
            self.observer.note(f"skipped {tally.skipped} batches, of which fewer than 2 labelled sites were left")
        return {**record, **tally.speed(self.feed.waited - waited)}, progress

    def _step(self, batch: StepBatch, progress: Progress) -> Losses:
        # Dropout and stochastic depth draw from torch's generator; seeded by step, a resumed run repeats it.
        torch.manual_seed(derive_seed(self.job.seed, "step", progress.step))
        self.optimizer.zero_grad(set_to_none=True)
        done = []
        for share, part in parts_of(batch, self.job.plan.accumulate):
            with self.accelerator.autocast():
                losses = self.job.strategy.losses(self.student, part, progress)
            self.accelerator.backward(share * losses.total)
            done.append((share, losses))
        if self.job.plan.clip_gradient is not None:
            self.accelerator.clip_grad_norm_(self.student.parameters(), self.job.plan.clip_gradient)
        self.optimizer.step()
        return joined_losses(done)

    def _validated(self) -> dict[str, float]:
        if self.job.validation is None:
            return {}
        with self.accelerator.autocast():
            return validate(
                self._inference_model(),
                self.job.inputs,
                self.job.validation,
                plates=self.plates,
                norm=self.norm,
            )

    def _select(self, record: dict[str, float]) -> bool:
        """Keep the published network where this epoch's is the best so far."""
        by = self.job.plan.selection
        if self.best and rank(record, by) <= rank(self.best, by):
            return False
        self.best = record
        save_weights(self.out / "checkpoints" / "best.safetensors", self._inference_model().state_dict())
        return True

    def _waits_in_vain(self, progress: Progress) -> bool:
        return waits_in_vain(progress.epoch, self.best, self.job.plan.early_stopping)

    def _keep(self, record: dict[str, float], progress: Progress) -> None:
        with (self.out / "metrics.jsonl").open("a") as lines:
            lines.write(json.dumps(record) + "\n")
        student = self.accelerator.unwrap_model(self.student)
        state = {"step": progress.step, "best": self.best, "bad_images": self.bad.reasons}
        save_state(self.out / "checkpoints" / "last", student, self.job.strategy, self.optimizer, state)

    def _resumed(self) -> Progress:
        student = self.accelerator.unwrap_model(self.student)
        state = load_state(self.out / "checkpoints" / "last", student, self.job.strategy, self.optimizer)
        self.best = state["best"]
        self.bad.restore(state["bad_images"])
        # A crash between the line and the checkpoint leaves a line of an epoch that now comes again.
        metrics = self.out / "metrics.jsonl"
        lines = [line for line in metrics.read_text().splitlines() if json.loads(line)["step"] <= state["step"]]
        replace_file(metrics, "".join(f"{line}\n" for line in lines))
        return self._progress(state["step"])

    def _progress(self, step: int) -> Progress:
        per_epoch = self.feed.steps.per_epoch
        return Progress(step // per_epoch, step, self.job.plan.epochs, per_epoch)

    def _inference_model(self) -> Classifier:
        return cast(Classifier, self.accelerator.unwrap_model(self.job.strategy.inference_model()))

    def _tell_of_waiting(self, share: float) -> None:
        if share > _LONG_WAIT and not self.told_of_waiting and isinstance(self.job.screen.store, ImageFiles):
            self.told_of_waiting = True
            self.observer.note(
                f"{100 * share:.0f} % of the time was waiting for images; deepnoise screen pack "
                f"{self.job.screen.source} OUT makes reading much faster"
            )

    def _describe(self, losses: Losses, rate: float, progress: Progress) -> str:
        terms = {name: float(value.detach()) for name, value in losses.terms.items()}
        self._check_finite(terms, progress)
        return "  ".join([*(f"{name} {value:.3f}" for name, value in terms.items()), f"{rate:.0f} sites/s"])

    def _check_finite(self, values: Mapping[str, float], progress: Progress) -> None:
        wrong = [name for name, value in values.items() if not np.isfinite(value)]
        if wrong:
            raise TrainingError(
                f"{' and '.join(wrong)} became infinite or not a number by step {progress.step} (epoch "
                f"{progress.epoch + 1}); try a smaller train.optimizer.lr, or train.clip_gradient"
            )
