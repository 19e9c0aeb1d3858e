"""A small screen as this reader's layout has it, which the conformance suite reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore

_CHANNELS = ("DNA", "actin")


def write_example(folder: Path) -> Path:
    """Write an OME-Zarr 0.5 plate of two wells with two fields each to an empty folder."""
    plate, wells = folder / "plate.zarr", ("B/02", "C/03")
    listed = [{"path": path, "rowIndex": place, "columnIndex": place} for place, path in enumerate(wells)]
    rows, columns = (
        [{"name": name} for name in names] for names in zip(*(w.split("/") for w in wells), strict=True)
    )
    _write_group(plate, {"plate": {"name": "P1", "rows": rows, "columns": columns, "wells": listed}})
    for path in wells:
        _write_group(plate / path, {"well": {"images": [{"path": field} for field in "01"]}})
    for seed, (path, field) in enumerate(product(wells, "01")):
        _write_image(plate / path / field, seed)
    return plate


def _write_group(folder: Path, ome: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    attributes = {"ome": {"version": "0.5", **ome}}
    content = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (folder / "zarr.json").write_text(json.dumps(content))


def _write_image(folder: Path, seed: int) -> None:
    axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    multiscale = {"axes": axes, "datasets": [{"path": "0"}]}
    channels = [{"label": label} for label in _CHANNELS]
    _write_group(folder, {"multiscales": [multiscale], "omero": {"channels": channels}})
    pixels = np.random.default_rng(seed).integers(1, 4096, (len(_CHANNELS), 12, 16), np.uint16)
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{folder / '0'}/"},
        "metadata": {"dimension_names": ["c", "y", "x"]},
    }
    array = tensorstore.open(spec, create=True, dtype=tensorstore.uint16, shape=pixels.shape).result()
    array.write(pixels).result()
