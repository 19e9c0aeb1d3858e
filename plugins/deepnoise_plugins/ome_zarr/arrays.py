"""Zarr arrays by their metadata: which part of one is a site, and which chunk files that part needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.decoding import MAX_PIXELS
from deepnoise_core.data.names import some_of
from deepnoise_plugins.ome_zarr.metadata import Section, ZarrFormat, parse, read_json

MAX_BYTES = 1024**3
"""Largest site and largest chunk that is read, in bytes of pixels."""

MAX_CHUNKS = 2**16
"""Most chunks that one site may lie in."""


@dataclass(frozen=True)
class ArrayHeader:
    """What the metadata of an array say.

    Attributes:
        zarr_format: 2 or 3.
        shape: length of every axis.
        chunks: length of a chunk (of a shard, where chunks lie in shards) along every axis.
        dtype: as the metadata spell it.
        prefix: what the file name of every chunk starts with.
        separator: what stands between the numbers in it.
    """

    zarr_format: ZarrFormat
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    prefix: str
    separator: str


@dataclass(frozen=True)
class View:
    """The part of an array that is one site.

    Attributes:
        driver: tensorstore's name of the format.
        dtype: `uint8` or `uint16`.
        array: shape of the whole array.
        index: an index that makes [C, H, W] of it.
        shape: (C, H, W).
        chunks: file names of the chunks that hold it, relative to the array.
    """

    driver: Literal["zarr", "zarr3"]
    dtype: str
    array: tuple[int, ...]
    index: tuple[int | slice | None, ...]
    shape: tuple[int, int, int]
    chunks: tuple[str, ...]


def read_header(folder: Path, zarr_format: ZarrFormat) -> ArrayHeader | None:
    """What an array's metadata file says; None where there is none.

    Raises:
        ScreenError: the file is no metadata of an array.
    """
    file = folder / (".zarray" if zarr_format == 2 else "zarr.json")
    content = read_json(file)
    if content is None:
        return None
    if zarr_format == 2:
        old = parse(_ArrayV2, content, file)
        return ArrayHeader(2, old.shape, old.chunks, old.dtype, "", old.dimension_separator)
    new = parse(_ArrayV3, content, file)
    by_default = new.chunk_key_encoding.name == "default"
    separator = new.chunk_key_encoding.configuration.separator or ("/" if by_default else ".")
    prefix = f"c{separator}" if by_default else ""
    return ArrayHeader(3, new.shape, new.chunk_grid.configuration.chunk_shape, new.data_type, prefix, separator)


@cache
def site_view(header: ArrayHeader, axes: tuple[str, ...], z: int | None, t: int | None) -> View:
    """The site [C, H, W] in an array of these axes; equal arrays share one.

    Args:
        header: the array.
        axes: names of its axes, in order.
        z: plane to take; None where there is one.
        t: time point to take; None where there is one.

    Raises:
        ScreenError: the dtype is not `uint8` or `uint16`, the axes do not reduce to channels, y and x, or the
            array is larger than any site. Names what was found, but no file.
    """
    dtype = _DTYPES.get(header.dtype.lstrip("<>|=") if header.zarr_format == 2 else header.dtype)
    if dtype is None:
        raise ScreenError(f"its pixels are {header.dtype}; uint8 and uint16 are read, convert the plate to one")
    if not len(axes) == len(header.shape) == len(header.chunks):
        raise ScreenError(f"its shape {list(header.shape)} does not fit its axes {some_of(axes)}")
    lengths = dict(zip(axes, header.shape, strict=True))
    picked = {name: _picked(name, length, {"z": z, "t": t}.get(name)) for name, length in lengths.items()}
    kept = tuple(name for name in axes if picked[name] is None)
    if kept not in (("c", "y", "x"), ("y", "x")) or len(lengths) != len(axes):
        raise ScreenError(
            f"its axes are {some_of(axes)}; OME-Zarr orders them t, c, z, y, x, with y and x always"
        )
    channels, height, width = lengths.get("c", 1), lengths["y"], lengths["x"]
    if height * width > MAX_PIXELS:
        raise ScreenError(
            f"its sites are {height} x {width} pixels, and at most {MAX_PIXELS} are read; "
            "choose a smaller level of the pyramid with level"
        )
    largest = max(channels * height * width, prod(header.chunks)) * np.dtype(dtype).itemsize
    if largest > MAX_BYTES:
        raise ScreenError(f"its sites or chunks take {largest} bytes, and at most {MAX_BYTES} are read")
    return View(
        driver="zarr" if header.zarr_format == 2 else "zarr3",
        dtype=dtype,
        array=header.shape,
        index=(
            *(() if "c" in lengths else (None,)),
            *(slice(None) if picked[n] is None else picked[n] for n in axes),
        ),
        shape=(channels, height, width),
        chunks=_chunk_names(header, tuple(picked.values())),
    )


_DTYPES = {"u1": "uint8", "u2": "uint16", "uint8": "uint8", "uint16": "uint16"}
_Lengths = tuple[Annotated[int, Field(gt=0)], ...]


class _ArrayV2(Section):
    shape: _Lengths
    chunks: _Lengths
    dtype: str
    dimension_separator: Literal[".", "/"] = "."


class _KeyOptions(Section):
    separator: Literal[".", "/"] | None = None


class _KeyEncoding(Section):
    name: Literal["default", "v2"]
    configuration: _KeyOptions = _KeyOptions()


class _GridOptions(Section):
    chunk_shape: _Lengths


class _Grid(Section):
    name: Literal["regular"]
    configuration: _GridOptions


class _ArrayV3(Section):
    node_type: Literal["array"]
    shape: _Lengths
    data_type: str
    chunk_grid: _Grid
    chunk_key_encoding: _KeyEncoding


def _picked(axis: str, length: int, wanted: int | None) -> int | None:
    """Which place of an axis is taken; None where the whole axis is."""
    if axis in ("c", "y", "x"):
        return None
    if wanted is None and length > 1:
        advice = f"set {axis} to one of 0 to {length - 1}" if axis in ("z", "t") else "no option picks one"
        raise ScreenError(f"its axis {axis} has {length} places, and a site has one; {advice}")
    if wanted is not None and wanted >= length:
        raise ScreenError(
            f"its axis {axis} has {length} places, numbered from 0; {axis}={wanted} is none of them"
        )
    return wanted or 0


def _chunk_names(header: ArrayHeader, picked: tuple[int | None, ...]) -> tuple[str, ...]:
    places = [
        range(-(-length // chunk)) if place is None else (place // chunk,)
        for length, chunk, place in zip(header.shape, header.chunks, picked, strict=True)
    ]
    if prod(map(len, places)) > MAX_CHUNKS:
        raise ScreenError(f"its sites lie in more than {MAX_CHUNKS} chunks each; store larger chunks")
    return tuple(header.prefix + header.separator.join(map(str, place)) for place in product(*places))
