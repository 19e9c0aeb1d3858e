"""What `deepnoise doctor` looks at."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from deepnoise.listing import catalogue

_ENOUGH_DISK = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        subject: what.
        works: whether it is as it should be.
        found: what was found.
        remedy: the command that mends it; empty where it works.
    """

    subject: str
    works: bool
    found: str
    remedy: str = ""


def diagnose() -> list[Finding]:
    """Check Python, libraries, the device, the disk and the plugins; never raises."""
    checks: dict[str, Callable[[], list[Finding]]] = {
        "Python": _python,
        "libraries": _libraries,
        "PyTorch": _torch,
        "timm": _timm,
        "disk": _disk,
        "temporary files": _temporary,
        "plugins": _plugins,
    }
    findings = []
    for subject, check in checks.items():
        try:
            findings += check()
        except Exception as error:  # noqa: BLE001 - whatever is broken here is what the user wants to know
            remedy = f"{sys.executable} -m pip install --force-reinstall deepnoise"
            findings.append(
                Finding(subject, works=False, found=f"{type(error).__name__}: {error}", remedy=remedy)
            )
    return findings


def _python() -> list[Finding]:
    return [Finding("Python", works=True, found=f"{platform.python_version()} at {sys.executable}")]


def _libraries() -> list[Finding]:
    needed = (line for line in requires("deepnoise") or [] if "extra" not in line)
    found, missing = [], []
    for name in sorted({re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in needed}):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        remedy = f"{sys.executable} -m pip install {' '.join(missing)}"
        return [Finding("libraries", works=False, found=f"missing: {', '.join(missing)}", remedy=remedy)]
    return [Finding("libraries", works=True, found=", ".join(found))]


def _torch() -> list[Finding]:
    import torch

    from deepnoise_core.engine.devices import pick_hardware

    hardware = pick_hardware()
    product = torch.ones(8, 8, device=hardware.device) @ torch.ones(8, 8, device=hardware.device)
    right = bool((product == 8).all())
    return [Finding("PyTorch", works=right, found=f"{torch.__version__} computes on {hardware}")]


def _timm() -> list[Finding]:
    import timm

    return [Finding("timm", works=True, found=f"{timm.__version__}, {len(timm.list_models()):,} architectures")]


def _disk() -> list[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free / 1e9:.1f} GB free in {Path.cwd()}"
    remedy = "" if free >= _ENOUGH_DISK else "free some space, or work on another disk"
    return [Finding("disk", works=free >= _ENOUGH_DISK, found=found, remedy=remedy)]


def _temporary() -> list[Finding]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"deepnoise")
        return [Finding("temporary files", works=True, found=f"{Path(file.name).parent} can be written")]


def _plugins() -> list[Finding]:
    plugins = catalogue().discovery.plugins
    loaded = [plugin.name for plugin in plugins if plugin.status == "loaded"]
    findings = [Finding("plugins", works=bool(loaded), found=f"{len(loaded)} loaded: {', '.join(loaded)}")]
    for plugin in plugins:
        if plugin.status == "failed":
            remedy = f"{sys.executable} -m pip install --upgrade {plugin.distribution or plugin.name}"
            findings.append(Finding(f"plugin {plugin.name}", works=False, found=plugin.reason, remedy=remedy))
    return findings
