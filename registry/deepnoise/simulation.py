"""Simulated screens as users ask for them: a preset, changed by `KEY=VALUE`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.files import refuse_taken
from deepnoise_core.data.names import did_you_mean
from deepnoise_core.data.simulator import PRESETS, SimulatedScreen, SimulatorOptions, simulate, write_screen
from deepnoise_core.data.simulator.layout import plate_layout
from deepnoise_core.engine.observation import Advance, Observer, Silent
from deepnoise_registry.recipes.document import Document
from deepnoise_registry.recipes.overrides import apply_overrides
from deepnoise_registry.recipes.validation import validate_options


def simulated_screen(
    preset: str,
    *,
    seed: int,
    sets: Sequence[str] = (),
    observer: Observer | None = None,
    out: Path | None = None,
) -> SimulatedScreen:
    """A preset's screen in memory.

    Args:
        preset: `tiny`, `demo` or `ladder`.
        seed: everything random follows from it.
        sets: changes such as `noise.plate_gain=0.2`.
        observer: is told of progress.
        out: where the screen will be written; refused before any work is done where it is taken.

    Raises:
        InputError: no such preset, or a change that does not fit; says what is known.
    """
    if out is not None:
        refuse_taken(out, "a screen")
    options = _options(preset, sets)
    with (observer or Silent()).task("simulating sites", plate_layout(options.layout, seed).height) as advance:
        return simulate(options, seed, progress=_steps(advance))


def write_simulated(screen: Screen, out: Path, observer: Observer) -> None:
    """Write a simulated screen in the public RxRx1 layout, with progress."""
    with observer.task("writing images", len(screen)) as advance:
        write_screen(screen, out, progress=_steps(advance))


def _options(preset: str, sets: Sequence[str]) -> SimulatorOptions:
    if preset not in PRESETS:
        hint = did_you_mean(preset, PRESETS)
        raise InputError(f"no preset is called {preset!r}{hint}; presets are {', '.join(PRESETS)}")
    document = Document(f"preset {preset}", PRESETS[preset].model_dump(mode="json"))
    apply_overrides(document, sets)
    return validate_options(document, SimulatorOptions)


def _steps(advance: Advance) -> Callable[[int, int], None]:
    """A callback for (done, total) that moves a task by one site."""
    return lambda done, total: advance(1)
