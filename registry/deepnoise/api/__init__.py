"""What `import deepnoise as dn` offers."""

from __future__ import annotations

from deepnoise.api.catalogue import components, installed
from deepnoise.api.models import embed, ensemble, export, load, sweep, train, verify
from deepnoise.api.recipes import compose, load_recipe
from deepnoise.api.reports import report
from deepnoise.api.results import (
    baseline,
    compare,
    disentangle,
    evaluate,
    scan_embeddings,
    submit,
    write_profiles,
)
from deepnoise.api.screens import open_screen, pack, simulate
from deepnoise_core.data.plates import assign_plates

__all__ = [
    "assign_plates",
    "baseline",
    "compare",
    "components",
    "compose",
    "disentangle",
    "embed",
    "ensemble",
    "evaluate",
    "export",
    "installed",
    "load",
    "load_recipe",
    "open_screen",
    "pack",
    "report",
    "scan_embeddings",
    "simulate",
    "submit",
    "sweep",
    "train",
    "verify",
    "write_profiles",
]
