"""Planes: which file, and which page of it, holds each channel of each site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_plugins.file_names.channels import named_channels, require_known
from deepnoise_plugins.file_names.fields import PLACE
from deepnoise_plugins.file_names.sections import one_section
from deepnoise_plugins.file_names.stacks import Stack, read_stack


@dataclass(frozen=True)
class Planes:
    """The planes of N sites in C channels.

    Attributes:
        sites: the columns of `PLACE`, one row a site.
        names: file of each channel, one column each, in order; null where a site lacks it.
        channels: their names.
        pages: page of each plane in its file, integers [N, C]; None where every file holds one plane.
    """

    sites: pl.DataFrame
    names: pl.DataFrame
    channels: tuple[str, ...]
    pages: NDArray[np.int64] | None = None


def find_planes(
    fields: pl.DataFrame, channels: Mapping[str, str], sections: dict[str, int | None], root: Path
) -> Planes:
    """The planes that file names, and metadata of files with several pages, tell.

    Args:
        fields: as `read_fields` gives them.
        channels: the option of that name.
        sections: the options `z` and `t`, by name.
        root: folder of the screen.

    Raises:
        ScreenError: a channel, z plane or time point is not there or ambiguous; or files with several pages do
            not say what these are, or differ.
        ImageError: a file of which pages are wanted is no TIFF, or its metadata are malformed.
    """
    if fields["channel"].null_count() == fields.height:
        return _stacked(fields, channels, sections, root)
    if fields["channel"].has_nulls():
        lacking = fields.filter(pl.col("channel").is_null())["name"][0]
        raise ScreenError(f"{root / lacking}: its name gives no channel, and others do; mend the pattern")
    fields = one_section(fields, sections, root)
    named = named_channels(fields, channels, root)
    places = {channel: str(place) for place, channel in enumerate(named)}
    fields = fields.filter(pl.col("channel").is_in(list(named)))
    sites = fields.select(PLACE).unique(maintain_order=True)
    table = (
        fields.with_columns(pl.col("channel").replace_strict(places))
        .join(sites.with_row_index("row"), on=PLACE)
        .pivot("channel", index="row", values="name")
        .sort("row")
    )
    return Planes(
        sites,
        table.select(places.values()).rename(dict(zip(places.values(), named.values(), strict=True))),
        tuple(named.values()),
    )


def _stacked(
    fields: pl.DataFrame, chosen: Mapping[str, str], sections: dict[str, int | None], root: Path
) -> Planes:
    """Planes of files that hold all channels of a site each."""
    in_names = {name: number for name, number in sections.items() if fields[name].null_count() < fields.height}
    fields = one_section(fields, in_names, root)
    stacks = [read_stack(root / name) for name in fields["name"]]
    first = root / fields["name"][0]
    for name, stack in zip(fields["name"], stacks, strict=True):
        if stack.kind != stacks[0].kind:
            raise ScreenError(
                f"{root / name}: {stack}, but {first}: {stacks[0]}; all files of a screen hold the same channels"
            )
    known = _known_channels(stacks[0], first, chosen)
    require_known(chosen, known, root)
    used = dict(chosen) or dict(zip(known, known, strict=True))
    within = {name: None if name in in_names else number for name, number in sections.items()}
    pages = np.stack(
        [_section(stack, within, root / name) for name, stack in zip(fields["name"], stacks, strict=True)]
    )
    return Planes(
        fields.select(PLACE),
        fields.select(pl.col("name").alias(channel) for channel in used.values()),
        tuple(used.values()),
        pages[:, [known.index(channel) for channel in used]],
    )


def _known_channels(stack: Stack, file: Path, chosen: Mapping[str, str]) -> list[str]:
    if stack.pages is None and not chosen:
        raise ScreenError(
            f"{file}: does not say what its {stack.count} pages are; name them with the option channels, e.g. "
            "channels: {0: DNA, 1: actin}"
        )
    channels = stack.count if stack.pages is None else stack.pages.shape[2]
    return list(stack.names or map(str, range(channels)))


def _section(stack: Stack, chosen: dict[str, int | None], file: Path) -> NDArray[np.int64]:
    """Page of each channel, [C]."""
    if stack.pages is None:
        return np.arange(stack.count)
    pages = stack.pages
    for axis, (name, words) in enumerate((("t", "time points"), ("z", "z planes"))):
        number, count = chosen[name], pages.shape[axis]
        if number is None and count > 1:
            raise ScreenError(f"{file}: holds {count} {words}; pick one with the option {name}, e.g. {name}=0")
        if number is not None and not 0 <= number < count:
            raise ScreenError(f"{file}: holds {count} {words}, and {name}={number} is asked for (the first is 0)")
        pages = pages.take([number or 0], axis=axis)
    channels: NDArray[np.int64] = pages[0, 0]
    return channels
