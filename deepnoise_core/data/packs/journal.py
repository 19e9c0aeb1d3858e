"""What of a pack is finished, so that a packing that was killed goes on where it stood."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import OutputError
from deepnoise_core.data.files import plain_disk_errors, replace_file, sha256_of, sole_writer
from deepnoise_core.data.packs.manifest import MANIFEST, Manifest, parse_manifest
from deepnoise_core.data.packs.options import PackOptions
from deepnoise_core.data.sites import digest_of

_PLAN = "plan.json"


@dataclass(frozen=True)
class FinishedShard:
    """A shard that is whole on the disk.

    Attributes:
        sites: sites in it.
        next_row: row of the screen after its last.
        dropped: site id → reason, of the sites that were left out while it was filled.
        files: path → [bytes, sha256] of its files.
    """

    sites: int
    next_row: int
    dropped: dict[str, str]
    files: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Journal:
    """The folder of an unfinished pack, and the shards that are finished in it.

    Attributes:
        folder: becomes the pack.
        plan_digest: hash of what was asked for.
    """

    folder: Path
    plan_digest: str

    def finished(self) -> list[FinishedShard]:
        """The shards that are whole, from the first to the last before one that is not."""
        shards: list[FinishedShard] = []
        while (note := self._note(len(shards))).is_file():
            shards.append(FinishedShard(**json.loads(note.read_text())))
        return shards

    def finish(self, number: int, shard: FinishedShard) -> None:
        """Note that a shard is whole; its files must be synced already."""
        replace_file(self._note(number), json.dumps(asdict(shard)))

    def record(self, path: str) -> tuple[int, str]:
        """Size and hash of a file in the folder."""
        file = self.folder / path
        return file.stat().st_size, sha256_of(file)

    def manifest(self) -> Manifest | None:
        """The manifest, where all that is left to do is to close the journal."""
        path = self.folder / MANIFEST
        return parse_manifest(path.read_bytes(), str(path)) if path.is_file() else None

    def close(self, out: Path) -> None:
        """Remove the notes, which are no part of the pack, and give it its name."""
        for note in self.folder.glob("finished-*.json"):
            note.unlink()
        (self.folder / _PLAN).unlink(missing_ok=True)
        if out.is_dir():
            out.rmdir()
        self.folder.rename(out)

    def tidy(self) -> None:
        """Remove what a kill left half written: every file that no finished shard owns."""
        shards = self.finished()
        owned = {self.folder / path for shard in shards for path in shard.files}
        owned |= {self.folder / _PLAN, *map(self._note, range(len(shards)))}
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in owned:
                path.unlink()

    def _note(self, number: int) -> Path:
        return self.folder / f"finished-{number:05}.json"


@contextmanager
def open_journal(out: Path, screen: Screen, options: PackOptions) -> Iterator[Journal]:
    """The journal of the pack that will be `out`: a new one, or that of the same packing when it was killed.

    Raises:
        OutputError: another process packs there now, another screen or other options were packed there, or
            the folder cannot be written.
    """
    folder = out.with_name(f"{out.name}.partial")
    plan = _plan(screen, options)
    journal = Journal(folder, hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest())
    with plain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with sole_writer(out.with_name(f".{out.name}.lock"), folder, "packing there"):
            complete = journal.manifest()
            if complete is None:
                _begin(folder, plan)
                journal.tidy()
            elif complete.plan != journal.plan_digest:
                raise _another(folder, "what was asked for")
            yield journal


def _plan(screen: Screen, options: PackOptions) -> dict[str, Any]:
    return {
        "sites": digest_of(screen.sites),
        "channels": list(screen.channels),
        "shape": list(screen.store.shape),
        "dtype": str(screen.store.dtype),
        "options": options.model_dump(mode="json"),
    }


def _begin(folder: Path, plan: Mapping[str, Any]) -> None:
    """Write the plan, or compare it with the one that is there."""
    path = folder / _PLAN
    try:
        begun = json.loads(path.read_text())
    except FileNotFoundError:
        if any(folder.iterdir()):
            raise OutputError(f"{folder}: not an unfinished pack; remove it, or name another path") from None
        replace_file(path, json.dumps(plan, indent=2))
        return
    except ValueError:
        raise OutputError(f"{path}: damaged; remove {folder} and pack again") from None
    if begun != plan:
        raise _another(folder, ", ".join(key for key in plan if begun.get(key) != plan[key]))


def _another(folder: Path, differing: str) -> OutputError:
    return OutputError(
        f"{folder}: an unfinished pack of something else lies there (differs in {differing}); "
        "remove it, or name another path"
    )
