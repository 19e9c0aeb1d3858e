"""What a network says of sites, kept in shards: each process writes some, and what is there is not made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts import ID_COLUMNS, Screen
from deepnoise_core.data.batches import Made, share_of
from deepnoise_core.data.buckets import AT_ONCE
from deepnoise_core.data.files import need_space
from deepnoise_core.data.prediction_table import FEATURE, METADATA
from deepnoise_core.data.shards import LOGIT, Settled, Shard, ShardFolder, shard_file
from deepnoise_core.data.tolerance import TolerantStore
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.prediction import SiteBatch, SiteOutputs, SitePass
from deepnoise_core.engine.processes import (
    is_first,
    meeting_point,
    process_count,
    process_rank,
    texts_of_all,
    wait_for_all,
)

_BYTES = 4
"""Of a float32."""


@dataclass(frozen=True)
class ShardedPass:
    """A pass over sites of a screen in shards, each of which is some batches.

    Attributes:
        sites: the pass.
        screen: the sites by row.
        folder: where shards are kept; the first process has begun it.
        most: sites of a shard at most, unless a batch is larger.
        logits: whether logits are kept beside embeddings.
        part: the part of some sites of the screen's table, a column of text.
    """

    sites: SitePass
    screen: Screen
    folder: ShardFolder
    most: int
    logits: bool
    part: Callable[[pl.DataFrame], pl.Series]

    @cached_property
    def shards(self) -> Sequence[Sequence[SiteBatch]]:
        """The batches of each shard."""
        batches, starts, held = self.sites.batches(), [], self.most
        for number, batch in enumerate(batches):
            if held + len(batch.places) > self.most:
                starts.append(number)
                held = 0
            held += len(batch.places)
        edges = [*starts, len(batches)]
        return Made(range(len(starts)), lambda shard: batches[edges[shard] : edges[shard + 1]])

    def fill(self, settled: Settled, observer: Observer) -> dict[int, Shard]:
        """Write the shards that are not there, each process a share of them; all shards, to all processes.

        A shard that is damaged is made again. Sites that cannot be read are missing in theirs.

        Args:
            settled: what is known since the images were measured.
            observer: is told of progress.

        Raises:
            OutputError: the folder was begun with other images, or cannot be written.
            ImageError: a site cannot be read and none may be left out, or too many would be.
        """
        meet = meeting_point()
        finished = self._finished(settled, observer)
        missing = [number for number in range(len(self.shards)) if number not in finished]
        self._need_space(missing)
        own = missing[share_of(len(missing), process_rank(), process_count())]
        made: dict[int, Shard] = {}
        with observer.task("predicting", sum(len(self._rows(number)) for number in own)) as advance:
            outputs = self.sites.outputs(batch for number in own for batch in self.shards[number])
            for number in own:
                said = []
                for batch, found in zip(self.shards[number], outputs, strict=False):
                    said.append(found)
                    advance(len(batch.places))
                made[number] = self._write(number, said)
        meet()
        finished = dict(sorted((finished | _told(texts_of_all(_telling(made)))).items()))
        if is_first():
            self.folder.close(finished)
        return finished

    def whole_wells(self, shards: Mapping[int, Shard]) -> Iterator[SiteOutputs]:
        """What is kept of all sites, in portions of whole wells, whose sites come in the order of the screen.

        Held at a time is what one shard holds, and the sites of wells that go on in another.
        """
        wells = self._wells()
        last = np.zeros(int(wells.max()) + 1, dtype=np.int32)
        for number in shards:
            last[wells[self._rows(number)]] = number
        begun: list[SiteOutputs] = []
        for number, shard in shards.items():
            held = _joined([*begun, self._kept(number, shard)])
            held = _taken(held, np.argsort(held.rows))
            ended = last[wells[held.rows]] <= number
            yield _taken(held, np.flatnonzero(ended))
            begun = [_taken(held, np.flatnonzero(~ended))]

    def rows_dropped(self, number: int, shard: Shard) -> dict[int, str]:
        """Row → why it could not be read, of the sites that a shard lacks or that tell its statistics."""
        if not shard.dropped:
            return {}
        rows = self._rows_seen(number)
        sites = self.screen.sites["site_id"].gather(rows).to_list()
        return {
            row: shard.dropped[site]
            for row, site in zip(rows.tolist(), sites, strict=True)
            if site in shard.dropped
        }

    def _finished(self, settled: Settled, observer: Observer) -> dict[int, Shard]:
        """The shards that are whole, as all processes agree."""
        noted = self.folder.settle(settled) if is_first() else {}
        noted = _told(texts_of_all(_telling(noted))[:1])
        self._leave_out(noted)
        own = list(noted)[share_of(len(noted), process_rank(), process_count())]
        with observer.task("verifying shards", len(own)) as advance:
            faulty = []
            for number in own:
                if not self.folder.is_whole(number, noted[number]):
                    faulty.append(number)
                advance(1)
        damaged = [number for text in texts_of_all(json.dumps(faulty)) for number in json.loads(text)]
        whole = {number: shard for number, shard in noted.items() if number not in damaged}
        if damaged:
            for number in damaged:
                observer.note(f"{self.folder.path / shard_file(number)}: is missing or damaged, and made again")
            if is_first():
                self.folder.reopen(whole)
            wait_for_all()
        return whole

    def _leave_out(self, shards: Mapping[int, Shard]) -> None:
        """Do not try again what could not be read before, so that nothing depends on when a disk works."""
        if isinstance(store := self.sites.inputs.store, TolerantStore):
            for number, shard in shards.items():
                store.bad |= self.rows_dropped(number, shard)

    def _need_space(self, missing: Sequence[int]) -> None:
        sites = sum(len(self._rows(number)) for number in missing)
        model = self.sites.model
        numbers = model.num_features + (model.num_classes if self.logits else 0)
        need_space(self.folder.path, sites * numbers * _BYTES, "embeddings")

    def _wells(self) -> NDArray[np.uint32]:
        """A number for each well, that of each site of the screen."""
        names = self.screen.sites["well_id"]
        # Sites of a well mostly follow one another: naming each run once spares sorting millions of strings.
        starts = [np.zeros(1, dtype=np.int64)]
        for first in range(0, len(names), AT_ONCE):
            part = names[first : first + AT_ONCE + 1]
            starts.append(first + 1 + (part[1:] != part[:-1]).arg_true().to_numpy().astype(np.int64))
        runs = np.concatenate(starts)
        wells = names.gather(runs).rank("dense").to_numpy()
        return np.repeat(wells, np.diff(np.append(runs, len(names))))

    def _rows(self, number: int) -> NDArray[np.int64]:
        """The sites that a shard is to hold, rows of the screen."""
        places: NDArray[np.int64] = np.concatenate([batch.places for batch in self.shards[number]])
        return self.sites.rows[places]

    def _rows_seen(self, number: int) -> NDArray[np.int64]:
        """The same with the sites that tell its batch-norm statistics, ascending."""
        pools = {id(batch.pool): batch.pool for batch in self.shards[number] if batch.pool is not None}
        seen: NDArray[np.int64] = np.unique(np.concatenate([self._rows(number), *pools.values()]))
        return seen

    def _write(self, number: int, said: Sequence[SiteOutputs]) -> Shard:
        found = _joined(said)
        sites = self.screen.sites[found.rows]
        ids = sites.select(pl.col(name).alias(METADATA + name) for name in ("site_id", "site", *ID_COLUMNS))
        bad, seen = self.sites.inputs.bad, self._rows_seen(number)
        unread = [row for row in seen.tolist() if row in bad] if bad else []
        columns = [
            *ids,
            self.part(sites).alias(f"{METADATA}part"),
            *_columns(found.embeddings, FEATURE),
            *(_columns(found.logits, LOGIT) if self.logits else ()),
        ]
        names = self.screen.sites["site_id"]
        return self.folder.write(number, pl.DataFrame(columns), {names[row]: bad[row] for row in unread})

    def _kept(self, number: int, shard: Shard) -> SiteOutputs:
        rows = self._rows(number)
        rows = rows[~np.isin(rows, list(self.rows_dropped(number, shard)))]
        names = [
            [name.format(place + 1) for place in range(width)]
            for name, width in ((LOGIT, self.sites.model.num_classes), (FEATURE, self.sites.model.num_features))
        ]
        table = self.folder.read(number, [*names[0], *names[1]])
        return SiteOutputs(rows, *(np.ascontiguousarray(table.select(own).to_numpy()) for own in names))


def _columns(values: NDArray[np.float32], name: str) -> list[pl.Series]:
    return [pl.Series(name.format(place), column) for place, column in enumerate(values.T, 1)]


def _joined(parts: Sequence[SiteOutputs]) -> SiteOutputs:
    return SiteOutputs(
        np.concatenate([one.rows for one in parts]),
        np.concatenate([one.logits for one in parts]),
        np.concatenate([one.embeddings for one in parts]),
    )


def _taken(found: SiteOutputs, places: NDArray[np.int64]) -> SiteOutputs:
    return SiteOutputs(found.rows[places], found.logits[places], found.embeddings[places])


def _telling(shards: Mapping[int, Shard]) -> str:
    return json.dumps({number: shard.model_dump() for number, shard in shards.items()})


def _told(texts: Sequence[str]) -> dict[int, Shard]:
    return {int(number): Shard(**shard) for text in texts for number, shard in json.loads(text).items()}
