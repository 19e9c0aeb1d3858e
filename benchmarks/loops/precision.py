"""Precisions and orders of images in memory, and which of them a run takes by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from deepnoise_core.engine.devices import Hardware, pick_hardware
from deepnoise_core.engine.probing import learner, probe, rates_of
from loops.material import Material
from loops.tiny import job_of


def fixed_and_chosen(made: Material) -> tuple[dict[Hardware, float], Hardware]:
    """Passes a second in each way on the CPU, and the way that a long run takes."""
    usual, job = pick_hardware("cpu"), job_of(made)
    ways = [
        replace(usual, precision=precision, memory_format=memory_format)
        for precision, memory_format in product(("fp32", "bf16"), ("channels_last", "contiguous"))
    ]
    found = probe(job, usual)
    if found is None:
        raise RuntimeError("the run is too short for a probe")
    return rates_of({way: learner(job, way) for way in ways}, usual.device), found.chosen
