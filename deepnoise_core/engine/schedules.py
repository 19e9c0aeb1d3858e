"""Learning rates over time, as pure functions of progress."""

from __future__ import annotations

import math

from deepnoise_core.contracts import Progress, ScheduleOptions


def rate_factor(options: ScheduleOptions, progress: Progress) -> float:
    """Factor of the learning rate for the step that comes next, in [0, 1].

    References:
        `cosine-restarts`: Loshchilov & Hutter 2017 (arXiv 1608.03983), with cycles of equal length. `one-cycle`:
        Smith & Topin 2017 (arXiv 1708.07120), as torch's `OneCycleLR` with two phases. `cosine-7-16`: FixMatch
        (arXiv 2001.07685). `piecewise-cosine`: the first place of the RxRx1 challenge.
    """
    done = progress.epochs_done
    factor = _after_warmup(options, done, progress.epochs)
    if done < options.warmup_epochs:
        # One step ahead, so that no step is spent at rate zero.
        factor *= min((done + 1.0 / progress.steps_per_epoch) / options.warmup_epochs, 1.0)
    return factor


def _after_warmup(options: ScheduleOptions, done: float, epochs: int) -> float:
    """The factor that the warm-up, where there is one, rises to."""
    rest = _share(done - options.warmup_epochs, epochs - options.warmup_epochs)
    match options.name:
        case "constant":
            return 1.0
        case "cosine":
            return _half_wave(1.0, options.final, rest)
        case "cosine-7-16":
            return math.cos(7.0 * math.pi / 16.0 * rest)
        case "cosine-restarts":
            return _restarting(options, done, epochs - options.tail_epochs)
        case "piecewise-cosine":
            piece = [piece for piece in options.pieces if piece.epoch <= done][-1]
            return _half_wave(piece.start, piece.final, _share(done - piece.epoch, piece.period))
        case "one-cycle":
            if rest < options.rise:
                return _half_wave(options.start, 1.0, rest / options.rise)
            return _half_wave(1.0, options.final, (rest - options.rise) / (1.0 - options.rise))
        case "step":
            passed = sum(done >= milestone for milestone in options.milestones)
            gamma = 0.1 if options.gamma is None else options.gamma
            return options.factors[passed] if options.factors else float(gamma**passed)


def _restarting(options: ScheduleOptions, done: float, tail_start: float) -> float:
    """Cycles that share what warm-up and tail leave of training, so that they scale with the epochs."""
    if done >= tail_start:
        return options.final if options.tail is None else options.tail
    rest = _share(done - options.warmup_epochs, tail_start - options.warmup_epochs)
    # Rounded, since 49 · (1/49) is a little less than 1 in binary, and a restart must not come a step late.
    return _half_wave(1.0, options.final, round(options.cycles * rest, 12) % 1.0)


def _share(done: float, length: float) -> float:
    """What of a length is done, in [0, 1]; all of it where there is no length."""
    return min(max(done / length, 0.0), 1.0) if length > 0 else float(done >= 0)


def _half_wave(first: float, last: float, share: float) -> float:
    """From first to last along half a cosine wave."""
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * share))
