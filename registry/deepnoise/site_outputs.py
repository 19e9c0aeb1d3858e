"""What a model says of the sites of a screen, in memory or kept in shards, and how wells are made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise.preparation import Prepared, whole_experiments
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.contracts.screens import SITE_COLUMNS
from deepnoise_core.data.buckets import AT_ONCE
from deepnoise_core.data.names import some_of
from deepnoise_core.data.shards import SHARD_SITES, Asked, Settled, ShardFolder
from deepnoise_core.data.sites import digest_of
from deepnoise_core.data.wells import joined
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_core.engine.prediction import BATCH_SIZE, SiteOutputs, SitePass, predict_rows, site_predictions
from deepnoise_core.engine.shard_writing import ShardedPass
from deepnoise_registry.manifest import Manifest

_ROW = "row"


@dataclass(frozen=True)
class Keep:
    """Where the outputs of sites are kept, so that a pass that was killed goes on, and how.

    Attributes:
        folder: of the shards.
        shard_sites: sites of a shard at most.
        logits: whether logits are kept beside embeddings.
    """

    folder: Path
    shard_sites: int = SHARD_SITES
    logits: bool = True

    @property
    def batch_size(self) -> int:
        """Sites a forward pass."""
        return min(BATCH_SIZE, self.shard_sites)

    def begin(self, asked: Asked, provenance: Mapping[str, Any]) -> None:
        """Make the folder, or compare what is asked for with what it was begun with."""
        own = {"logits": self.logits, "shard_sites": self.shard_sites, "batch_size": self.batch_size}
        ShardFolder(self.folder).begin({**asked, **own}, provenance)


@dataclass(frozen=True)
class Seeing:
    """How a network is shown sites.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `mps`.
        bad_images: `error` or `skip`; as the recipe says where None.
        tta: copies of each image that are averaged; as the recipe says where None.
        observer: is told of progress.
        keep: where what the network says is kept; in memory where None.
    """

    device: DeviceName = "auto"
    bad_images: BadImages | None = None
    tta: TestTimeViews | None = None
    observer: Observer = field(default_factory=Silent)
    keep: Keep | None = None

    def of_member(self, number: int) -> Seeing:
        """The same for one of several networks, which keeps what it says in a folder of its own."""
        keep = self.keep and replace(self.keep, folder=self.keep.folder / f"member-{number}")
        return replace(self, keep=keep)


@dataclass(frozen=True)
class Sites:
    """What a model says of sites.

    Attributes:
        screen: the experiments of the sites, whole.
        rows: the sites that were asked for, rows of the screen, int64 [n].
        bad: row → why it could not be read.
        classes: that were learned.
        transductive: what of the screen is used beyond each image itself.
        prepared: notes on what came before the network.
        portions: what is said of the sites, read anew by each call: portions of whole wells.
    """

    screen: Screen
    rows: NDArray[np.int64]
    bad: Mapping[int, str]
    classes: tuple[str, ...]
    transductive: tuple[str, ...]
    prepared: tuple[str, ...]
    portions: Callable[[], Iterator[SiteOutputs]]

    @property
    def readable(self) -> Screen:
        """The screen without the sites that could not be read, which are among its dropped ones."""
        return self.screen.drop(self.bad)

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each thing that a reader of the result must know."""
        missing = self.rows[np.isin(self.rows, list(self.bad))]
        if not len(missing):
            return self.prepared
        sites, wells = self.screen.column("site_id", missing), self.screen.sites["well_id"]
        readable = wells.gather(np.setdiff1d(self.rows, missing)).unique()
        lost = sorted({*wells.gather(missing)} - {*readable})
        notes = [f"left out {len(sites)} sites that cannot be read: {some_of(sites)}"]
        if lost:
            notes.append(
                f"{len(lost)} wells are not predicted, since none of their sites can be read: {some_of(lost)}"
            )
        return (*self.prepared, *notes)

    def predictions(self, made: Callable[[Predictions], Predictions] = lambda sites: sites) -> Predictions:
        """All sites, or what a function makes of them, in the order of the screen.

        Args:
            made: from the sites of some wells to as many rows or a row a well, each of which knows no other well.
        """
        parts, notes = [], self.notes
        for found in self.portions():
            sites = site_predictions(self.screen, found, self.classes, transductive=self.transductive)
            parts.append(made(replace(sites, ids={**sites.ids, _ROW: found.rows}, notes=notes)))
        whole = joined(parts)
        row = whole.ids[_ROW]
        if (np.diff(row) < 0).any():
            whole = whole.take(np.argsort(row))
        return replace(whole, ids={name: column for name, column in whole.ids.items() if name != _ROW})


def seen_sites(ready: Prepared, manifest: Manifest, tta: TestTimeViews, observer: Observer) -> Sites:
    """Let a network see sites; what it says is held in memory, of all processes.

    Args:
        ready: the network in place before its sites.
        manifest: of the network's bundle.
        tta: copies of each image that are averaged.
        observer: is told of progress.
    """
    with observer.task("predicting", len(ready.rows)) as advance, ready.hardware.autocast():
        found = predict_rows(ready.network, ready.inputs, ready.rows, tta=tta, norm=ready.norm, on_batch=advance)
    return _sites(ready, manifest, ready.inputs.bad, lambda: iter([found]))


def kept_sites(
    ready: Prepared,
    manifest: Manifest,
    tta: TestTimeViews,
    observer: Observer,
    *,
    keep: Keep,
    part: Callable[[pl.DataFrame], pl.Series],
) -> Sites:
    """As `seen_sites`, with what the network says kept in shards, of which each process writes some.

    Args:
        ready: the network in place before its sites.
        manifest: of the network's bundle.
        tta: copies of each image that are averaged.
        observer: is told of progress.
        keep: the folder, which was begun.
        part: the part of some sites of the screen's table.
    """
    one_pass = SitePass(ready.network, ready.inputs, ready.rows, tta, ready.norm, keep.batch_size)
    folder = ShardFolder(keep.folder)
    sharded = ShardedPass(one_pass, ready.screen, folder, keep.shard_sites, keep.logits, part)
    bad = ready.inputs.bad
    settled = Settled(
        images=_digest_of_images(ready),
        shards=len(sharded.shards),
        transductive=_uses(ready, manifest),
        notes=ready.notes,
    )
    with ready.hardware.autocast():
        shards = sharded.fill(settled, observer)
    for number, shard in shards.items():
        bad = {**bad, **{row: why for row, why in sharded.rows_dropped(number, shard).items() if row not in bad}}
    return _sites(ready, manifest, bad, partial(sharded.whole_wells, shards))


def asked_of(screen: Screen, wanted: NDArray[np.bool_]) -> dict[str, str | int | bool | list[str]]:
    """What of a screen decides the outputs of its sites, as far as no pixel is read."""
    needed, table = whole_experiments(screen, wanted), screen.sites.select(SITE_COLUMNS)
    chosen, sites = wanted[needed], hashlib.sha256()
    for start in range(0, len(chosen), AT_ONCE):
        sites.update((start + np.flatnonzero(chosen[start : start + AT_ONCE])).astype("<i8").tobytes())
    return {
        "screen": digest_of(table if needed.all() else table.filter(needed)),
        "sites": sites.hexdigest(),
    }


def _sites(
    ready: Prepared,
    manifest: Manifest,
    bad: Mapping[int, str],
    portions: Callable[[], Iterator[SiteOutputs]],
) -> Sites:
    uses = _uses(ready, manifest)
    return Sites(ready.screen, ready.rows, bad, manifest.classes, uses, ready.notes, portions)


def _uses(ready: Prepared, manifest: Manifest) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*manifest.training["transductive"], *ready.transductive)))


def _digest_of_images(ready: Prepared) -> str:
    """What is known of the pixels of all sites before the network sees any, and which cannot be read."""
    digest = hashlib.sha256(repr(sorted(ready.inputs.bad)).encode())
    if ready.screen.statistics is not None:
        for sums in (ready.screen.statistics.total, ready.screen.statistics.squares):
            digest.update(np.ascontiguousarray(sums).tobytes())
    return digest.hexdigest()
