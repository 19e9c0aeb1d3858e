"""What all processes of a training settle between two steps, in one small exchange."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from deepnoise_core.engine.checkpoints import Checkpoints
from deepnoise_core.engine.feeding import Portion
from deepnoise_core.engine.interruption import Interruption, end_by
from deepnoise_core.engine.processes import is_first, numbers_of_all, process_rank


@dataclass(frozen=True)
class Agreement:
    """The same in all processes, but for the share.

    Attributes:
        signal: that asked one of them to stop; None where nobody did.
        due: whether a state is to be saved, by the first one's clock.
        learns: whether each has what a step needs: two labelled sites, and unlabelled ones if any process has.
        share: of the step's labelled sites that this process holds.
        sites: of the step, of all processes.
    """

    signal: signal.Signals | None
    due: bool
    learns: bool = True
    share: float = 1.0
    sites: int = 0

    def obey(self) -> None:
        """End as the signal would have ended the process; does nothing where there was none.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after another signal, with 128 and its number, as shells and schedulers know it.
        """
        if self.signal is not None:
            end_by(self.signal)


def agree(asked: Interruption, checkpoints: Checkpoints, portion: Portion | None = None) -> Agreement:
    """Settle what comes next.

    Args:
        asked: whether this process was asked to stop.
        checkpoints: tell whether a state is due.
        portion: what this process would learn from in the next step; None between epochs.
    """
    labelled, unlabelled = (0, 0) if portion is None else (portion.labelled, portion.unlabelled)
    due = is_first() and checkpoints.due()
    every = numbers_of_all(int(asked.signal or 0), int(due), labelled, unlabelled)
    numbers, dues, known, pool = zip(*every, strict=True)
    signalled = signal.Signals(max(numbers)) if any(numbers) else None
    if portion is None:
        return Agreement(signalled, any(dues))
    learns = min(known) >= 2 and (min(pool) > 0 or max(pool) == 0)
    share = known[process_rank()] / max(sum(known), 1)
    return Agreement(signalled, any(dues), learns, share, sum(known) + sum(pool))
