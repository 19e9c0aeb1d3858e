"""Packing as the command line asks for it: progress, an estimate, and how to go on after a stop."""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.contracts import Screen
from deepnoise_core.data.packs import Fault, Packed, PackOptions, pack_screen, verify_pack
from deepnoise_core.engine.observation import Observer


def pack_folder(screen: Screen, out: Path, options: PackOptions, observer: Observer) -> Packed:
    """Write a screen as a pack, and say where it stands.

    Raises:
        OutputError: the path is taken or the disk is full.
        ImageError: an image cannot be read, and the policy is `error`.
    """
    try:
        with observer.task("packing", len(screen)) as advance:
            packed = pack_screen(screen, out, options, on_sites=advance)
    except BaseException:
        if (unfinished := out.with_name(f"{out.name}.partial")).exists():
            observer.note(f"what was packed is kept in {unfinished}; the same command goes on from there")
        raise
    return packed


def pack_lines(packed: Packed) -> list[str]:
    """What was packed, in lines for a terminal."""
    manifest = packed.manifest
    sites, *shape = manifest.shape
    lines = [
        f"{sites:,} sites of {' x '.join(map(str, shape))} {manifest.dtype} in {packed.path}, "
        f"{packed.bytes / 1e6:,.0f} MB ({manifest.codec})"
    ]
    if manifest.dropped:
        shown = [f"  {site}: {reason}" for site, reason in list(manifest.dropped.items())[:_MOST_SHOWN]]
        rest = len(manifest.dropped) - len(shown)
        lines += [f"left out {len(manifest.dropped):,} sites; all are in its manifest.json", *shown]
        lines += [f"  and {rest:,} more"] if rest else []
    return lines


def verified(folder: Path, observer: Observer) -> tuple[int, list[Fault]]:
    """Number of files of a pack, and the faults among them; every file is hashed.

    Raises:
        ScreenError: the folder holds no pack, or one of a newer format.
    """
    with observer.task("verifying", 0) as advance:
        manifest, faults = verify_pack(folder, advance)
    return len(manifest.files), faults


_MOST_SHOWN = 5
