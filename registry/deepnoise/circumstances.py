"""What the numbers of a training depend on beside recipe and screen: versions, hardware, processes."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.processes import process_count
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import Recipe
from deepnoise_registry.requirements import requirements_of

_LIBRARIES = ("deepnoise", "torch", "timm", "accelerate", "numpy")
_CPUS = Path("/proc/cpuinfo")
_SCREEN = {
    "sites_sha256": "the screen's sites have other names, wells, labels or order",
    "pixels_sha256": "the screen's images have other pixels",
}


def circumstances(recipe: Recipe, hardware: Hardware, catalogue: Catalogue) -> dict[str, Any]:
    """The circumstances of a training in this process, in JSON types, for its card."""
    offered = {one.distribution: one.version for one in requirements_of(recipe, catalogue)}
    return {
        "hardware": str(hardware),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "processes": process_count(),
        "versions": {
            "python": platform.python_version(),
            **offered,
            **{name: version(name) for name in _LIBRARIES},
        },
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """In what the cards of two trainings differ that can change numbers, a few words for each.

    What one of the cards does not tell, such as one of an older version, is not compared.
    """
    return tuple(_differences(then, now))


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, number in then.get("versions", {}).items():
        other = now.get("versions", {}).get(name, number)
        if other != number:
            yield f"{name} {number} then, {other} now"
    for name in ("hardware", "processor", "processes"):
        if name in then and name in now and then[name] != now[name]:
            yield f"{name}: {then[name]} then, {now[name]} now"
    screens = then.get("screen", {}), now.get("screen", {})
    for name, words in _SCREEN.items():
        known = [screen[name] for screen in screens if screen.get(name)]
        if len(known) == 2 and known[0] != known[1]:
            yield words


def _processor() -> str:
    """The model of the CPU where the system tells it, and the widest instructions that PyTorch takes on it."""
    try:
        lines = _CPUS.read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
