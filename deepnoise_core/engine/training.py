"""The training loop. It owns time, batches, device and files; the strategy owns what is learned."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import cast

import torch

from deepnoise_core.contracts import ImageFiles, Losses, Progress
from deepnoise_core.engine.agreement import agree
from deepnoise_core.engine.bad_images import BadImages
from deepnoise_core.engine.batch_norm import set_batch_norm_momentum, share_batch_norm
from deepnoise_core.engine.checkpoints import Checkpoints, State, newest_state
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.compiling import compile_for_training
from deepnoise_core.engine.copies import require_alike
from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.divided_tensors import all_divided_as
from deepnoise_core.engine.division import Division
from deepnoise_core.engine.domain_norm import domain_norm
from deepnoise_core.engine.feeding import Feed
from deepnoise_core.engine.interruption import Interruption, interruption
from deepnoise_core.engine.job import TrainingJob, TrainingResult, check_job, planned_steps, validation_plates
from deepnoise_core.engine.loss_watch import LossWatch
from deepnoise_core.engine.metrics_file import METRICS, append_line, cut_lines
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.optimization import (
    build_optimizer,
    optimizer_tensors,
    rate_at,
    restore_optimizer,
    set_rate,
)
from deepnoise_core.engine.pool import PoolPredictor, pool_of, refresh_record
from deepnoise_core.engine.processes import is_first, wait_for_all
from deepnoise_core.engine.published import keep_published, published_weights_of, save_published
from deepnoise_core.engine.selection import rank, waits_in_vain
from deepnoise_core.engine.stepping import Stepper
from deepnoise_core.engine.tally import Tally
from deepnoise_core.engine.validation import validate
from deepnoise_core.engine.weights import lend_weights, restore

CHECKPOINTS = "checkpoints"
_SHOW_EVERY_SECONDS = 0.25
_LONG_WAIT = 0.2
"""Share of an epoch spent waiting for pixels from which a pack is worth its while."""


def train(
    job: TrainingJob, out: Path, hardware: Hardware, observer: Observer, *, resume: bool = False
) -> TrainingResult:
    """Run a job to its end; write `metrics.jsonl`, and the best weights and states to `checkpoints/`.

    Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 end it after the step at hand, with a state saved; a second Ctrl-C or
    SIGTERM at once. An observer stops it so by a KeyboardInterrupt when it is told of an epoch.

    Args:
        job: what to train.
        out: an existing folder.
        hardware: device and precision.
        observer: is told of progress.
        resume: continue after the step of the newest state that is whole, instead of from the start.

    Raises:
        TrainingError: the training sites do not make batches, epochs cannot be compared as the plan says, or a
            loss is not finite.
        ModelError: batch-norm statistics are asked for, and the network has no batch norm; or no state is whole.
        ImageError: a site cannot be read, and the inputs' store does not go on without it.
        OutputError: the disk is full; the states before are still there.
        KeyboardInterrupt: after Ctrl-C.
        SystemExit: after another signal, with 128 and its number.
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
        if job.plan.sync_batch_norm:
            share_batch_norm(job.student, hardware.device)
        self.network = hardware.placed(job.student)
        job.strategy.start(self.network, pool_of(job))
        networks = self.network, job.strategy.inference_model()
        if job.plan.compile:
            compile_for_training(hardware.device, *networks)
        self.division = Division(job.plan, networks, hardware.device, observer)
        self.optimizer = self.accelerator.prepare(build_optimizer(self.network, job.plan.optimizer))
        with warnings.catch_warnings():
            # accelerate has no other name yet for what PyTorch calls by another one since 2.14.
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            self.student = self.accelerator.prepare_model(self.network, evaluation_mode=self.division.divides)
        self.step = Stepper(
            self.accelerator, self.student, job.strategy, self.optimizer, job.plan, job.seed, observer
        )
        self.norm = domain_norm(job.inference, job.screen, job.student)
        for note in self.norm.notes if self.norm else ():
            observer.note(note)
        self.predictor = PoolPredictor(job, self.accelerator.autocast, self.norm, self.division.whole)
        self.plates = validation_plates(job)
        self.checkpoints = Checkpoints(out / CHECKPOINTS, job.plan.checkpoints)
        self.best: dict[str, float] = {}
        self.tally, self.watch = Tally(), LossWatch(job, self.feed)

    def run(self, *, resume: bool) -> TrainingResult:
        progress = self._resumed() if resume else self._progress(step=0)
        # A crash between a line and a checkpoint leaves the line of an epoch that now comes again.
        if is_first():
            cut_lines(self.out / METRICS, progress.step)
        last_step = progress.epochs * progress.steps_per_epoch
        if self.job.plan.max_steps is not None:
            last_step = min(last_step, self.job.plan.max_steps)
        with interruption() as asked:
            while progress.step < last_step and not self._waits_in_vain(progress):
                record, progress = self._epoch(progress, last_step, asked)
                record |= self._validated()
                improved = self._select(record)
                refreshed = self.job.strategy.refresh(self.predictor, progress, improved=improved)
                record |= refresh_record(refreshed, self.job.validation)
                self.bad.note_all()
                if is_first():
                    append_line(self.out / METRICS, record)
                with asked.held_back():
                    self.observer.epoch(record)
                ended = progress.step >= last_step or self._waits_in_vain(progress)
                agreed = agree(asked, self.checkpoints)
                if ended or agreed.signal or agreed.due:
                    self._save(progress)
                if not ended:
                    agreed.obey()
                self._tell_of_waiting(record["waiting"])
        early = progress.step < last_step
        if early:
            best = int(self.best["epoch"])
            self.observer.note(
                f"stopped after epoch {progress.epoch}, since none came that was better than {best}"
            )
        weights = published_weights_of(self.out / CHECKPOINTS, int(self.best["step"]))
        return TrainingResult(weights, int(self.best["epoch"]), self.best, progress.step, self.bad.reasons, early)

    def _epoch(
        self, progress: Progress, last_step: int, asked: Interruption
    ) -> tuple[dict[str, float], Progress]:
        number, before, waited = progress.epoch + 1, progress.step, self.feed.waited
        shown = 0.0
        self.student.train()
        steps = min(progress.steps_per_epoch - before % progress.steps_per_epoch, last_step - before)
        with self.observer.task(f"epoch {number}/{progress.epochs}", steps) as advance:
            for portion in self.feed.rest_of_epoch(progress, last_step):
                agreed = agree(asked, self.checkpoints, portion)
                if progress.step > before and (agreed.signal or agreed.due):
                    self.watch.check()
                    self._save(progress)
                    agreed.obey()
                self.bad.note_new()
                losses = None
                if portion.batch is None or not agreed.learns:
                    self.tally.skipped += 1
                else:
                    set_rate(self.optimizer, self.job.plan, progress)
                    losses = self.step(portion.batch, progress, agreed.share)
                    if losses is None:
                        self.observer.note(self.watch.left_out(progress.step + 1, self.step.skipped))
                progress = self._progress(progress.step + 1)
                if losses is None:
                    advance(1)
                    continue
                self.job.strategy.after_step(self.network, progress)
                self.tally.add(losses, agreed.sites, agreed.share)
                self.watch.add(progress.step, losses)
                now = time.perf_counter()
                # Reading a loss waits for the device, so it is done a few times a second and not every step.
                if now - shown > _SHOW_EVERY_SECONDS:
                    shown = now
                    self.watch.check()
                    advance(1, _described(losses, self.tally.rate))
                else:
                    advance(1)
        self.watch.check()
        tally, self.tally = self.tally, Tally()
        rate = rate_at(self.job.plan, self._progress(progress.step - 1))
        record = {"epoch": number, "step": progress.step, "lr": rate, **tally.means()}
        if tally.skipped:
            record["skipped_batches"] = tally.skipped
            self.observer.note(f"skipped {tally.skipped} batches, of which fewer than 2 labelled sites were left")
        return {**record, **tally.speed(self.feed.waited - waited)}, progress

    def _validated(self) -> dict[str, float]:
        if self.job.validation is None:
            return {}
        with self.accelerator.autocast(), self.division.whole(self._inference_model()) as network:
            return validate(
                network,
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
        tensors = self._inference_model().state_dict()
        if is_first():
            save_published(self.out / CHECKPOINTS, int(record["step"]), tensors)
        else:
            lend_weights(tensors)
        return True

    def _waits_in_vain(self, progress: Progress) -> bool:
        return waits_in_vain(progress.epoch, self.best, self.job.plan.early_stopping)

    def _save(self, progress: Progress) -> None:
        scaler = self.accelerator.scaler
        self.bad.note_all()
        tensors = {
            "student": self.accelerator.unwrap_model(self.student).state_dict(),
            "strategy": self.job.strategy.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "tally": self.tally.tensors(),
        }
        record = {
            "best": self.best,
            "bad_images": self.bad.reasons,
            "tally": self.tally.counts(),
            "parts": self.step.parts,
            "skipped_steps": self.step.skipped,
            "scaler": scaler.state_dict() if scaler is not None else None,
        }
        require_alike(tensors, parts=("student", "strategy"))
        if is_first():
            kept = self.checkpoints.save(State(progress.step, tensors, record))
            keep_published(self.out / CHECKPOINTS, {int(one["best"]["step"]) for one in kept if one["best"]})
        else:
            for part in tensors.values():
                lend_weights(part)
        # Nobody ends, and so ends the others, while the first one writes.
        wait_for_all()

    def _resumed(self) -> Progress:
        state, notes = newest_state(self.out / CHECKPOINTS)
        for note in notes:
            self.observer.note(note)
        self._restore(state)
        return self._progress(state.step)

    def _restore(self, state: State) -> None:
        where = self.out / CHECKPOINTS
        restore(self.accelerator.unwrap_model(self.student), state.tensors["student"], where)
        strategy = self.job.strategy
        strategy.load_state_dict(all_divided_as(state.tensors["strategy"], strategy.state_dict()))
        restore_optimizer(self.optimizer, state.tensors["optimizer"])
        if self.accelerator.scaler is not None and state.record["scaler"]:
            self.accelerator.scaler.load_state_dict(state.record["scaler"])
        self.tally.restore(state.tensors["tally"], state.record["tally"])
        self.step.parts, self.step.skipped = state.record["parts"], state.record["skipped_steps"]
        self.best = state.record["best"]
        self.bad.restore(state.record["bad_images"])

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


def _described(losses: Losses, rate: float) -> str:
    terms = [f"{name} {float(value.detach()):.3f}" for name, value in losses.terms.items()]
    return "  ".join([*terms, f"{rate:.0f} sites/s"])
