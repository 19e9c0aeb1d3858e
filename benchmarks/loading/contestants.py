"""Other ways to load the same sites as uint8 batches: a DataLoader, webdataset, litdata, zarr-python."""

from __future__ import annotations

import io
import tarfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import litdata
import numpy as np
import torch
import webdataset
import zarr
from torch.utils.data import DataLoader, Dataset

from loading.material import Material

BATCH = 64


@dataclass(frozen=True)
class Contestant:
    """One way to load all sites in random order, as far as it can.

    Attributes:
        name: with its workers.
        bytes: what it keeps on disk.
        batches: one pass over all sites.
    """

    name: str
    bytes: int
    batches: Callable[[], Iterator[object]]


class PngSites(Dataset):  # type: ignore[type-arg]
    """One site an item, decoded by OpenCV."""

    def __init__(self, files: np.ndarray) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> torch.Tensor:
        planes = [cv2.imread(file, cv2.IMREAD_GRAYSCALE) for file in self.files[row]]
        return torch.from_numpy(np.stack(planes))


def contestants(material: Material, folder: Path) -> list[Contestant]:
    """All of them, on the sites of the material; what they need is written to the folder."""
    cv2.setNumThreads(1)
    made = [_data_loader(material, workers) for workers in (0, 1, 2)]
    made += [_webdataset(material, folder / "web", workers) for workers in (0, 2)]
    made += [_litdata(material, folder / "lit", workers) for workers in (0, 2)]
    return [*made, _zarr(material)]


def _data_loader(material: Material, workers: int) -> Contestant:
    def batches() -> Iterator[object]:
        return iter(DataLoader(PngSites(material.files), BATCH, shuffle=True, num_workers=workers))

    return Contestant(f"PNG, PyTorch DataLoader, {workers} workers", material.png_bytes, batches)


def _webdataset(material: Material, folder: Path, workers: int) -> Contestant:
    if not folder.exists():
        _write_tars(material.files, folder)
    shards = sorted(map(str, folder.glob("*.tar")))

    def batches() -> Iterator[object]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sites = webdataset.WebDataset(shards, shardshuffle=len(shards), seed=0).shuffle(64).map(_decoded)
            yield from DataLoader(sites, BATCH, num_workers=workers)

    size = sum(Path(shard).stat().st_size for shard in shards)
    return Contestant(f"PNG in tar, webdataset, {workers} workers", size, batches)


def _write_tars(files: np.ndarray, folder: Path) -> None:
    folder.mkdir()
    for shard, rows in enumerate(np.array_split(np.arange(len(files)), 4)):
        with tarfile.open(folder / f"{shard}.tar", "w") as tar:
            for row in rows:
                for channel, file in enumerate(files[row]):
                    content = Path(file).read_bytes()
                    entry = tarfile.TarInfo(f"{row:05}.w{channel}")
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))


def _decoded(sample: dict[str, bytes]) -> torch.Tensor:
    planes = [np.frombuffer(sample[f"w{channel}"], dtype=np.uint8) for channel in range(6)]
    return torch.from_numpy(np.stack([cv2.imdecode(plane, cv2.IMREAD_UNCHANGED) for plane in planes]))


def _litdata(material: Material, folder: Path, workers: int) -> Contestant:
    if not folder.exists():
        sites = PngSites(material.files)
        writer = litdata.streaming.writer.BinaryWriter(str(folder), chunk_size=32)
        for row in range(len(sites)):
            writer.add_item(row, {"site": sites[row]})
        writer.done()
        writer.merge()

    def batches() -> Iterator[object]:
        sites = litdata.StreamingDataset(str(folder), shuffle=True, seed=0)
        return iter(litdata.StreamingDataLoader(sites, batch_size=BATCH, num_workers=workers, shuffle=True))

    size = sum(file.stat().st_size for file in folder.iterdir())
    return Contestant(f"raw chunks, litdata, {workers} workers", size, batches)


def _zarr(material: Material) -> Contestant:
    array = zarr.open_array(material.zstd / "images", mode="r")
    order = np.random.default_rng(0).permutation(len(material.files))

    def batches() -> Iterator[object]:
        for start in range(0, len(order), BATCH):
            # One index a site: its fancy indexing of shards is forty times slower.
            yield np.stack([array[int(row)] for row in order[start : start + BATCH]])

    return Contestant("our pack (zstd), zarr-python", material.zstd_bytes, batches)
