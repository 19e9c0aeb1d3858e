"""Channels: as the file names call them, or as the options or OME metadata do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import did_you_mean, natural_key, some_of
from deepnoise_plugins.file_names.stacks import Stack, read_stack


def named_channels(fields: pl.DataFrame, chosen: Mapping[str, str], root: Path) -> dict[str, str]:
    """Channel as the file names call it → name of the channel, in order.

    Without a choice they are in the order that the file names number them by, or else by name; where the first
    file of every channel is an OME-TIFF that names the channel, it is called so.

    Args:
        fields: as `read_fields` gives them.
        chosen: such a mapping, from the option `channels`; may be empty.
        root: folder of the screen.

    Raises:
        ScreenError: a chosen channel is in no file name.
    """
    first = fields.group_by("channel", maintain_order=True).agg(pl.col("name").first(), pl.col("order").min())
    files = {channel: (order or 0, name) for channel, name, order in first.iter_rows()}
    known = sorted(files, key=lambda channel: (files[channel][0], natural_key(channel)))
    require_known(chosen, known, root)
    if chosen:
        return dict(chosen)
    own = [name for channel in known if (name := _own_name(root / files[channel][1]))]
    return dict(zip(known, own if len({*own}) == len(known) else known, strict=True))


def require_known(chosen: Mapping[str, str], known: list[str], root: Path) -> None:
    """Refuse channels that are not there.

    Raises:
        ScreenError: names the channel and those that are there.
    """
    for channel in chosen:
        if channel not in known:
            raise ScreenError(
                f"{root}: option channels names {channel!r}{did_you_mean(channel, known)}; the images have "
                f"{some_of(known, most=20)}"
            )


def _own_name(file: Path) -> str | None:
    if not file.name.lower().endswith((".ome.tif", ".ome.tiff")):
        return None
    stack: Stack = read_stack(file)
    return stack.names[0] if stack.names and len(stack.names) == 1 else None
