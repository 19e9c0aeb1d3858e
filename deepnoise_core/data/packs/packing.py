"""Packing a screen, shard by shard; killed at any moment, the next call goes on and ends with the same bytes."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.numpy import save

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.files import need_space, refuse_taken, replace_file
from deepnoise_core.data.packs.array import create_array, plain_store_errors, shortened
from deepnoise_core.data.packs.journal import FinishedShard, Journal, open_journal
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import (
    IMAGES,
    MANIFEST,
    SITES,
    SUMS,
    FileRecord,
    Manifest,
    files_of_shard,
    statistics_file,
    tiles_file,
)
from deepnoise_core.data.packs.options import PackOptions
from deepnoise_core.data.packs.parts import dump_statistics, dump_tiles, load_sums, measure_site
from deepnoise_core.data.packs.resizing import resized
from deepnoise_core.data.tolerance import TolerantStore

SHARD_BYTES = 200_000_000
"""Pixels of one file of the array; two are in memory while packing."""


@dataclass(frozen=True)
class Packed:
    """A finished pack.

    Attributes:
        path: its folder.
        manifest: what it holds.
    """

    path: Path
    manifest: Manifest

    @property
    def bytes(self) -> int:
        """Size of all files but the manifest."""
        return sum(record.bytes for record in self.manifest.files.values())


def pack_screen(
    screen: Screen,
    out: Path,
    options: PackOptions | None = None,
    *,
    on_sites: Callable[[int], None] | None = None,
) -> Packed:
    """Write a screen as a pack; every image is read once.

    While it works the pack is called `out.partial`. It takes its name when it is whole. After a kill, a full
    disk or a bad image the same call goes on with the shard that was not finished.

    Args:
        screen: any screen.
        out: folder to write; must not hold anything.
        options: codec, size, policy.
        on_sites: called with the number of sites that were finished, the first time with those of an
            earlier call.

    Raises:
        OutputError: the path is taken, the disk is full, or something else is being packed there.
        ImageError: an image cannot be read, and the policy is `error`.
    """
    options = options or PackOptions()
    refuse_taken(out, "a pack")
    if options.bad_images == "skip":
        screen = replace(screen, store=TolerantStore(screen.store, largest_share=1.0))
    job = _Job(screen, out, options, on_sites or (lambda count: None))
    with open_journal(out, screen, options) as journal:
        need_space(out, job.bytes_needed(journal), "a pack")
        manifest = journal.manifest() or job.run(journal)
        journal.close(out)
    return Packed(out, manifest)


@dataclass
class _Shard:
    """Sites on their way to one shard."""

    pixels: NDArray[Any]
    filled: int = 0
    next_row: int = 0
    dropped: dict[str, str] = field(default_factory=dict)


class _Job:
    def __init__(self, screen: Screen, out: Path, options: PackOptions, on_sites: Callable[[int], None]) -> None:
        self.screen, self.out, self.options, self.on_sites = screen, out, options, on_sites
        channels, height, width = screen.store.shape
        side = options.size
        self.shape = (channels, side or height, side or width)
        self.site_bytes = math.prod(self.shape) * screen.store.dtype.itemsize
        self.shard_sites = options.shard_sites or max(1, SHARD_BYTES // self.site_bytes)
        self.site_ids = screen.sites["site_id"]
        self.bad = screen.store.bad if isinstance(screen.store, TolerantStore) else {}
        self.threads = min(4, os.cpu_count() or 1)

    def bytes_needed(self, journal: Journal) -> int:
        """About what is still to be written, from above."""
        done = sum(shard.sites for shard in journal.finished())
        return (len(self.screen) - done) * self.site_bytes + SHARD_BYTES // 10

    def run(self, journal: Journal) -> Manifest:
        finished = journal.finished()
        self.on_sites(sum(shard.sites for shard in finished))
        with plain_store_errors(self.out):
            array = create_array(
                Location(str(journal.folder)),
                (len(self.screen), *self.shape),
                str(self.screen.store.dtype),
                self.options.codec,
                self.shard_sites,
            )
        finished += self._write_shards(journal, array, finished)
        sites = sum(shard.sites for shard in finished)
        if not sites:
            raise ScreenError(f"{self.screen.source}: no site can be read, so nothing is packed")
        with plain_store_errors(self.out):
            shortened(array, sites)
        return self._complete(journal, finished)

    def _write_shards(self, journal: Journal, array: Any, finished: list[FinishedShard]) -> list[FinishedShard]:
        """Write what is not finished. While one shard is measured and written, the next is read."""
        start = finished[-1].next_row if finished else 0
        written: list[FinishedShard] = []
        with (
            ThreadPoolExecutor(self.threads, thread_name_prefix="measure") as measurers,
            ThreadPoolExecutor(1, thread_name_prefix="write") as writer,
        ):
            waiting: Future[FinishedShard] | None = None
            for number, shard in enumerate(self._shards(start), start=len(finished)):
                if waiting is not None:
                    written.append(waiting.result())
                waiting = writer.submit(self._finish, journal, array, number, shard, measurers)
            if waiting is not None:
                written.append(waiting.result())
        return written

    def _finish(
        self, journal: Journal, array: Any, number: int, shard: _Shard, measurers: ThreadPoolExecutor
    ) -> FinishedShard:
        # The last sites of a screen may all have been left out: then there is no file to write.
        files = self._write(journal, array, number, shard, measurers) if shard.filled else {}
        done = FinishedShard(shard.filled, shard.next_row, shard.dropped, files)
        journal.finish(number, done)
        self.on_sites(shard.filled)
        return done

    def _write(
        self, journal: Journal, array: Any, number: int, shard: _Shard, measurers: ThreadPoolExecutor
    ) -> dict[str, tuple[int, str]]:
        first, pixels = number * self.shard_sites, shard.pixels[: shard.filled]
        with plain_store_errors(self.out):
            writing = array[first : first + shard.filled].write(pixels)
        parts = list(measurers.map(measure_site, pixels))
        for path, content in (
            (statistics_file(number), dump_statistics(parts)),
            (tiles_file(number), dump_tiles(parts)),
        ):
            (journal.folder / path).parent.mkdir(exist_ok=True)
            replace_file(journal.folder / path, content)
        with plain_store_errors(self.out):
            writing.result()
        return {path: journal.record(path) for path in files_of_shard(number)}

    def _shards(self, start: int) -> Iterator[_Shard]:
        """The screen from this row on, a full shard at a time; sites that cannot be read are passed over."""
        shard = self._empty_shard()
        for row, site, reason in self._sites(start):
            if site is None:
                shard.dropped[str(self.site_ids[row])] = reason
            else:
                shard.pixels[shard.filled] = site
                shard.filled += 1
            shard.next_row = row + 1
            if shard.filled == self.shard_sites:
                yield shard
                shard = self._empty_shard()
        if shard.filled or shard.dropped:
            yield shard

    def _sites(self, start: int) -> Iterator[tuple[int, NDArray[Any] | None, str]]:
        """Row and pixels of each site, or the reason why there are none."""
        for first in range(start, len(self.screen), _SITES_A_READ):
            rows = np.arange(first, min(first + _SITES_A_READ, len(self.screen)))
            for row, site in zip(rows.tolist(), self._read(rows), strict=True):
                reason = self.bad.get(row)
                yield (row, site, "") if reason is None else (row, None, reason)

    def _read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        pixels = self.screen.store.read(rows)
        return pixels if pixels.shape[1:] == self.shape else resized(pixels, self.shape[1])

    def _empty_shard(self) -> _Shard:
        return _Shard(np.empty((self.shard_sites, *self.shape), dtype=self.screen.store.dtype))

    def _complete(self, journal: Journal, shards: list[FinishedShard]) -> Manifest:
        """Write what belongs to no single shard, and the manifest last."""
        dropped = {site: reason for shard in shards for site, reason in shard.dropped.items()}
        kept = self.screen.sites.filter(~pl.col("site_id").is_in(list(dropped)))
        table = io.BytesIO()
        kept.write_parquet(table)
        replace_file(journal.folder / SITES, table.getvalue())
        parts = [
            load_sums((journal.folder / statistics_file(number)).read_bytes())
            for number, shard in enumerate(shards)
            if shard.sites
        ]
        sums = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        replace_file(journal.folder / SUMS, save(sums))
        files = {path: record for shard in shards for path, record in shard.files.items()}
        files |= {path: journal.record(path) for path in (SITES, SUMS, f"{IMAGES}/zarr.json")}
        manifest = Manifest(
            origin=Path(self.screen.source).name,
            reader=self.screen.reader,
            channels=self.screen.channels,
            stains=dict(self.screen.stains),
            shape=(kept.height, *self.shape),
            dtype=str(self.screen.store.dtype),
            codec=self.options.codec,
            shard_sites=self.shard_sites,
            resized=self.options.size,
            dropped={site.site_id: site.reason for site in self.screen.dropped} | dropped,
            plan=journal.plan_digest,
            files={path: FileRecord(bytes=size, sha256=digest) for path, (size, digest) in files.items()},
        )
        replace_file(journal.folder / MANIFEST, manifest.to_json())
        return manifest


_SITES_A_READ = 16
