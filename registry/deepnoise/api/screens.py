"""Screens: opened, packed and simulated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepnoise.api.catalogue import installed
from deepnoise_core.contracts import Screen
from deepnoise_registry.recipes.recipe import ComponentReference

if TYPE_CHECKING:
    from deepnoise_core.data.packs import Packed
    from deepnoise_core.data.packs.options import Codec
    from deepnoise_core.engine.observation import Observer


def open_screen(path: str | Path, *, reader: str | None = None) -> Screen:
    """The screen at a path or URL, opened by the reader that recognises it or by the one that is named."""
    from deepnoise_registry.screens import open_screen as open_with

    reference = ComponentReference(name=reader) if reader is not None else None
    return open_with(path, installed(), reference)


def pack(
    screen: Screen | str | Path,
    out: str | Path,
    *,
    codec: Codec = "zstd",
    size: int | None = None,
    observer: Observer | None = None,
) -> Packed:
    """Write a screen as one sharded Zarr array with exact statistics; a killed call goes on when repeated.

    Args:
        screen: open, or the path of one.
        out: folder to write; must not exist yet.
        codec: `zstd` halves the bytes, `none` is fastest to read.
        size: side to resize sites to, in pixels; as they are where None.
        observer: is told of progress.
    """
    from deepnoise.packing import pack_folder
    from deepnoise_core.data.packs import PackOptions
    from deepnoise_core.engine.observation import Silent

    screen = screen if isinstance(screen, Screen) else open_screen(screen)
    return pack_folder(screen, Path(out), PackOptions(codec=codec, size=size), observer or Silent())


def simulate(preset: str = "tiny", *, seed: int = 0) -> Screen:
    """A simulated screen with known truth, in memory: `tiny`, `demo` or `ladder`."""
    from deepnoise.simulation import simulated_screen

    return simulated_screen(preset, seed=seed)
