"""A sweep at work: trials one after another or side by side, and a record of how far each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deepnoise.sweeps.ledger import Ledger
from deepnoise.sweeps.plan import Plan, Request, plan_sweep
from deepnoise.sweeps.processes import do_side_by_side
from deepnoise.sweeps.record import SweepRecord, TrialRecord, start_or_join
from deepnoise.sweeps.trial import Trial, do_trial
from deepnoise_core.contracts.errors import DeepnoiseError, InputError
from deepnoise_core.data.files import plain_disk_errors, sole_writer
from deepnoise_core.engine.interruption import ended_in_order
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.catalogue import Catalogue


@dataclass(frozen=True)
class Sweep:
    """A sweep of which every trial has ended.

    Attributes:
        path: its folder.
        record: what `sweep.json` holds.
        trials: those that were asked for this time.
    """

    path: Path
    record: SweepRecord
    trials: tuple[TrialRecord, ...]

    @property
    def failed(self) -> tuple[TrialRecord, ...]:
        """The trials that did not come to their end; each says why."""
        return tuple(trial for trial in self.trials if trial.state == "failed")


def run_sweep(
    request: Request, out: Path, catalogue: Catalogue, *, jobs: int = 1, observer: Observer | None = None
) -> Sweep:
    """Train every combination of a grid with every seed; predict and evaluate held-out wells with each.

    Where the folder holds this sweep already, what is finished is kept, what stopped goes on, and new values and
    seeds are added. A trial that fails does not stop the others.

    Args:
        request: what is asked for.
        out: folder of the sweep.
        catalogue: where components are found.
        jobs: trials at a time; each is a process of its own where it is more than one.
        observer: is told of progress.

    Raises:
        InputError: as of `plan_sweep`, or the folder holds something else. Nothing is written then.
    """
    observer = observer or Silent()
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: give at least 1")
    plan = plan_sweep(request, out, catalogue)
    for note in plan.notes:
        observer.note(note)
    with ended_in_order(), plain_disk_errors(out):
        record = start_or_join(plan.record, plan.base, out)
        with sole_writer(out / ".lock", out, "sweeping there"):
            ledger = Ledger(record, out, observer)
            ready = ledger.begin(plan.trials)
            try:
                if jobs == 1:
                    _one_by_one(ready, plan, catalogue, ledger, observer)
                else:
                    do_side_by_side(ready, jobs, out / "logs", ledger)
            except BaseException:
                observer.note(f"the sweep stopped; the same command continues it in {out}")
                raise
    return Sweep(out, record, tuple(trial for trial in record.trials if trial.path in plan.trials))


def _one_by_one(
    ready: Mapping[str, Trial], plan: Plan, catalogue: Catalogue, ledger: Ledger, observer: Observer
) -> None:
    for path, trial in ready.items():
        ledger.started(path)
        try:
            do_trial(trial, plan.screens[path], catalogue, observer)
        except DeepnoiseError as error:
            ledger.failed(path, str(error))
        except Exception as error:  # noqa: BLE001 - whatever ends one trial must not cost a night of others
            ledger.failed(path, f"{type(error).__name__}: {error}")
        else:
            ledger.finished(path)
