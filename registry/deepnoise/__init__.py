"""deepnoise: a plugin-based model zoo for high-content microscopy.

    import deepnoise as dn

    screen = dn.open_screen("plates/")
    run = dn.train(dn.load_recipe("tiny"), screen, "runs/first")
    predictions = dn.load(run.path).predict(screen)

Nothing heavy is imported before the first of these is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepnoise.api import (
        assign_plates,
        baseline,
        compare,
        components,
        compose,
        disentangle,
        embed,
        ensemble,
        evaluate,
        export,
        load,
        load_recipe,
        open_screen,
        pack,
        report,
        scan_embeddings,
        simulate,
        submit,
        sweep,
        train,
        verify,
        write_profiles,
    )

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


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("deepnoise.api"), name)
    raise AttributeError(f"module 'deepnoise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
