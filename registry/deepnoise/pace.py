"""In which precision and order of images a run learns: as its recipe says, as a probe finds, or as it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.job import TrainingJob
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.probing import probe


def at_pace(
    job: TrainingJob, hardware: Hardware, begun: Mapping[str, Any] | None, observer: Observer
) -> tuple[Hardware, dict[str, Any]]:
    """The hardware in the way that the run learns, and what its card says of it, in JSON types.

    Args:
        job: what will be trained.
        hardware: in the usual way of its device.
        begun: what the card of a run that goes on says of it; None where it begins.
        observer: is told what was measured, and how to take the same way again.
    """
    if begun is not None and begun["device"] == hardware.device.type:
        hardware = replace(hardware, precision=begun["precision"], memory_format=begun["memory_format"])
        return hardware, dict(begun)
    found = probe(job, hardware)
    if found is not None:
        hardware = found.chosen
        measured = "; ".join(f"{way}: {rate:.3g}" for way, rate in found.rates.items())
        observer.note(
            f"a probe learned from so many images a second: {measured}; this run takes "
            f"--set train.precision={hardware.precision} train.memory_format={hardware.memory_format}"
        )
    return hardware, {
        "device": hardware.device.type,
        "precision": hardware.precision,
        "memory_format": hardware.memory_format,
        "probed": {} if found is None else {way: float(f"{rate:.4g}") for way, rate in found.rates.items()},
    }
