"""Embeddings of the sites of a screen as Parquet files of some thousand sites each: shards.

A shard is written whole or not at all, and known by the hash of its bytes, so that work that was killed goes on
with the shards that are missing, and any number of processes can write some of them each.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepnoise_core.contracts.errors import OtherWorkError, PredictionsError, first_fault
from deepnoise_core.data.files import plain_disk_errors, refuse_taken, replace_file, sha256_of

RECORD = "embeddings.json"
SHARDS = "shards"
SHARD_SITES = 4096
"""Sites of a shard, unless somebody says otherwise."""
LOGIT = "Logit_{:04d}"
"""Name of a column of logits, numbered from 1 in the order of the classes."""

Asked = Mapping[str, str | int | bool | list[str]]
"""What decides the bytes of shards: the model, the screen, the selection, the options."""


class Shard(BaseModel):
    """One file.

    Attributes:
        file: its path in the folder.
        sites: rows in it.
        bytes: its size.
        sha256: of its bytes.
        dropped: site id → why the site is missing in it.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    sites: int = Field(ge=0)
    bytes: int
    sha256: str
    dropped: dict[str, str]


class Settled(BaseModel):
    """What is known once the images were measured.

    Attributes:
        images: hash of what was measured of them, and of which can be read.
        shards: how many there will be.
        transductive: what of the screen is used beyond each image itself.
        notes: one line for each thing that a reader of the embeddings must know.
    """

    model_config = ConfigDict(frozen=True)

    images: str
    shards: int
    transductive: tuple[str, ...]
    notes: tuple[str, ...]


class Record(BaseModel):
    """What a folder of embeddings holds, as its `embeddings.json` says.

    Attributes:
        format: always `deepnoise-embeddings`.
        version: of the format.
        complete: whether all shards are there; until then the same command goes on.
        asked: what decides the bytes of the shards.
        provenance: where model and screen lie.
        settled: what is known once the images were measured; None until then.
        shards: all of them in their order; none until the folder is complete.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["deepnoise-embeddings"] = "deepnoise-embeddings"
    version: Literal[1] = 1
    complete: bool = False
    asked: dict[str, str | int | bool | list[str]]
    provenance: dict[str, Any]
    settled: Settled | None = None
    shards: tuple[Shard, ...] = ()

    @property
    def dropped(self) -> dict[str, str]:
        """Site id → why the site is missing, of all shards."""
        return {site: reason for shard in self.shards for site, reason in shard.dropped.items()}


@dataclass(frozen=True)
class ShardFolder:
    """A folder of shards on its way to be complete; each finished shard has a note beside it until then."""

    path: Path

    def begin(self, asked: Asked, provenance: Mapping[str, Any]) -> None:
        """Make the folder, or go on with it where the same was asked for.

        Raises:
            OtherWorkError: it holds something else.
            OutputError: it cannot be written.
        """
        if not (self.path / RECORD).is_file():
            self._make()
            self._write(Record(asked=dict(asked), provenance=dict(provenance)))
        found = read_record(self.path)
        if differing := _differences(found.asked, dict(asked)):
            raise OtherWorkError(
                f"{self.path}: was begun with something else: {differing}; ask for the same again, name another "
                "folder, or remove this one"
            )
        (self.path / SHARDS).mkdir(exist_ok=True)
        for aside in [*self.path.glob(f".{RECORD}.*"), *(self.path / SHARDS).glob(".shard-*")]:
            aside.unlink()

    def settle(self, settled: Settled) -> dict[int, Shard]:
        """Fix what is known once the images were measured; the shards that are said to be whole.

        Raises:
            OtherWorkError: something else was measured when the folder was begun.
        """
        record = read_record(self.path)
        if record.settled is not None and record.settled.images != settled.images:
            raise OtherWorkError(
                f"{self.path}: the images are not those that it was begun with: some can be read now that could "
                "not be, or the other way round, or they show something else; remove the folder and begin again"
            )
        if record.complete:
            return dict(enumerate(record.shards))
        self._write(record.model_copy(update={"settled": settled}))
        notes = {number: self._noted(number) for number in self._numbers()}
        return {number: shard for number, shard in sorted(notes.items()) if shard and number < settled.shards}

    def is_whole(self, number: int, shard: Shard) -> bool:
        """Whether the file of a shard is as it was written."""
        file = self.path / shard_file(number)
        return file.is_file() and file.stat().st_size == shard.bytes and sha256_of(file) == shard.sha256

    def reopen(self, shards: Mapping[int, Shard]) -> None:
        """Say that only these shards are whole."""
        for number in self._numbers():
            self._note(number).unlink()
        for number, shard in shards.items():
            self._take_note(number, shard)
        self._write(read_record(self.path).model_copy(update={"complete": False, "shards": ()}))

    def write(self, number: int, table: pl.DataFrame, dropped: Mapping[str, str]) -> Shard:
        """Write a shard whole; it counts from then on."""
        buffer = io.BytesIO()
        table.write_parquet(buffer)
        file = self.path / shard_file(number)
        replace_file(file, buffer.getvalue())
        shard = Shard(
            file=shard_file(number),
            sites=table.height,
            bytes=file.stat().st_size,
            sha256=sha256_of(file),
            dropped=dict(dropped),
        )
        self._take_note(number, shard)
        return shard

    def read(self, number: int, columns: Sequence[str]) -> pl.DataFrame:
        """Some columns of a shard that is whole."""
        return pl.read_parquet(self.path / shard_file(number), columns=list(columns), glob=False)

    def close(self, shards: Mapping[int, Shard]) -> None:
        """Say that the folder is complete with these shards."""
        ordered = tuple(shard for _, shard in sorted(shards.items()))
        self._write(read_record(self.path).model_copy(update={"complete": True, "shards": ordered}))
        for number in self._numbers():
            self._note(number).unlink()

    def _make(self) -> None:
        """Make the folder; a kill may have left it with nothing but a record that was not finished."""
        if self.path.is_dir() and all(file.name.startswith(f".{RECORD}.") for file in self.path.iterdir()):
            return
        refuse_taken(self.path, "a folder of embeddings")
        with plain_disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def _write(self, record: Record) -> None:
        replace_file(self.path / RECORD, record.model_dump_json(indent=2) + "\n")

    def _note(self, number: int) -> Path:
        return (self.path / shard_file(number)).with_suffix(".json")

    def _take_note(self, number: int, shard: Shard) -> None:
        replace_file(self._note(number), shard.model_dump_json())

    def _noted(self, number: int) -> Shard | None:
        """What the note of a shard says; a note that cannot be read says nothing."""
        try:
            return Shard.model_validate_json(self._note(number).read_bytes())
        except (OSError, ValidationError):
            return None

    def _numbers(self) -> list[int]:
        """The shards that have a note. Folders are listed, since names that were missed are remembered by NFS."""
        found = (re.fullmatch(r"shard-(\d+)\.json", file.name) for file in (self.path / SHARDS).iterdir())
        return [int(name[1]) for name in found if name]


def shard_file(number: int) -> str:
    """Path of a shard in its folder."""
    return f"{SHARDS}/shard-{number:05}.parquet"


def read_record(folder: Path) -> Record:
    """What a folder of embeddings says of itself.

    Raises:
        PredictionsError: it is none, or its record is damaged or of a later version.
    """
    file = folder / RECORD
    try:
        return Record.model_validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PredictionsError(
            f"{folder}: holds no embeddings of sites, since it has no {RECORD}; write them with deepnoise embed"
        ) from error
    except OSError as error:
        raise PredictionsError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise PredictionsError(f"{file}: {first_fault(error)}; remove the folder and embed again") from error


def scan_embeddings(folder: Path) -> pl.LazyFrame:
    """The embeddings of a folder that is complete, without reading them: what is asked for is read then.

    Raises:
        PredictionsError: the folder is none of embeddings, is not complete, or a file is not as long as it was.
    """
    record = read_record(folder)
    advice = "run the same deepnoise embed again, which writes what is missing"
    if not record.complete:
        raise PredictionsError(f"{folder}: is not complete; {advice}")
    for number, shard in enumerate(record.shards):
        file = folder / shard_file(number)
        if not file.is_file() or file.stat().st_size != shard.bytes:
            raise PredictionsError(f"{file}: is missing or damaged; {advice}")
    files = [folder / shard_file(number) for number in range(len(record.shards))]
    return pl.scan_parquet(files, glob=False, hive_partitioning=False)


def _differences(begun: Asked, wanted: Asked) -> str:
    names = [name for name in {**begun, **wanted} if begun.get(name) != wanted.get(name)]
    return "; ".join(f"{name} was {_short(begun.get(name))} and is {_short(wanted.get(name))}" for name in names)


def _short(value: object) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return text[:12] if re.fullmatch("[0-9a-f]{64}", text) else text
