"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from deepnoise_core.contracts.errors import OutputError


def refuse_taken(path: Path, what: str) -> None:
    """Raise OutputError where the path already holds something, or would lie within a file."""
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise OutputError(f"{path} already exists; {what} is never overwritten: name another path or remove it")
    above = next(one for one in path.absolute().parents if one.exists())
    if not above.is_dir():
        raise OutputError(f"{path} cannot be written: {above} is no folder; name another path")


def refuse_taken_file(path: Path, what: str) -> None:
    """As `refuse_taken`, of a single file: no folder is made for it."""
    refuse_taken(path, what)
    if path.is_dir():
        raise OutputError(f"{path} is a folder, but {what} is one file; name a file, which may lie in it")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: there is no such folder to write {what} to; make it first")


@contextmanager
def fresh_folder(out: Path, what: str) -> Iterator[Path]:
    """A folder to fill that takes its final name when the block ends without an error.

    Args:
        out: final path; must be absent or an empty folder.
        what: what the folder holds, for messages, e.g. `a run`.

    Raises:
        OutputError: the path is taken, cannot be written, or the disk is full. Nothing is left behind then.
    """
    refuse_taken(out, what)
    partial = out.with_name(f"{out.name}.partial-{os.getpid()}")
    with plain_disk_errors(out):
        partial.mkdir(parents=True)
        try:
            yield partial
            if out.is_dir():
                out.rmdir()
            partial.rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def replace_file(path: Path, content: bytes | str) -> None:
    """Write a file aside, sync it and rename it over the old one; a crash leaves one of the two."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """As `replace_file`, of a file that is written piece by piece; after an error the old one is there."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with plain_disk_errors(path):
        try:
            with aside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames within a folder survive a loss of power, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def sole_writer(lock: Path, folder: Path, doing: str) -> Iterator[None]:
    """Hold a lock for the length of the block; the system frees it when a process is killed.

    Raises:
        OutputError: another process holds it; says what it is doing to the folder.
    """
    try:
        with FileLock(lock, timeout=0):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
    except Timeout:
        raise OutputError(f"{folder}: another process is {doing}; wait for it") from None


@contextmanager
def plain_disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden path into one clear OutputError."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OutputError(f"the disk is full: {path} could not be written; free some space") from error
        if error.errno == errno.EFBIG:
            raise OutputError(
                f"{path} cannot be written: the disk or ulimit -f allows no file so large"
            ) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
        raise


def need_space(path: Path, needed: int, what: str) -> None:
    """Raise OutputError where the disk that will hold the path lacks `needed` bytes."""
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise OutputError(
            f"{what} needs about {needed / 1e6:,.0f} MB, but {existing} has {free / 1e6:,.0f} MB free"
        )


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
