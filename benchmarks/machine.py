"""Where and with what a benchmark was measured, which every result keeps."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version


def measured_on(*distributions: str, **beside: str) -> dict[str, object]:
    """The machine, its cores, and versions of Python and of libraries, for a result's file.

    Args:
        distributions: that are installed.
        beside: version of each library that is not.
    """
    versions = {"python": platform.python_version(), **{name: version(name) for name in distributions}, **beside}
    return {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": versions,
    }
