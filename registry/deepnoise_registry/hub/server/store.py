"""What the local Hub keeps: repositories with their commits and references, and bytes of files by their hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.files import replace_file
from deepnoise_registry.hub.server.answers import Refusal
from deepnoise_registry.safe_names import safe_names

MAIN = "main"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,94}/[A-Za-z0-9][\w.-]{0,94}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REFERENCE = re.compile(r"[A-Za-z0-9_][\w./-]{0,100}", re.ASCII)


class Entry(BaseModel):
    """A file of a commit: sha256 where its bytes lie in large-file storage, else git's sha1 of them."""

    oid: str
    size: int
    lfs: bool


class Commit(BaseModel):
    """All files at one time."""

    parent: str | None
    title: str
    date: str
    files: dict[str, Entry]


class Repository(BaseModel):
    """One repository of a model."""

    name: str
    private: bool
    created: str
    branches: dict[str, str]
    tags: dict[str, str]


class Store:
    """Repositories in a folder; every change is written aside and renamed, so that a killed server loses nothing.

    ```
    objects/<sha1 or sha256>              bytes of files
    repositories/<org>/<name>/repository.json, <commit>.json
    ```
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        for name in ("objects", "repositories"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """All repositories, sorted."""
        found = (self.folder / "repositories").glob("*/*/repository.json")
        return sorted(f"{file.parent.parent.name}/{file.parent.name}" for file in found)

    def repository(self, name: str) -> Repository:
        """A repository by `org/name`.

        Raises:
            Refusal: there is none.
        """
        file = self._place(name) / "repository.json"
        if not file.is_file():
            raise Refusal(404, f"Repository {name} not found", "RepoNotFound")
        return Repository.model_validate_json(file.read_bytes())

    def create(self, name: str, *, private: bool = False) -> bool:
        """Make a repository; False where it is there already."""
        with self._lock:
            place = self._place(name)
            if (place / "repository.json").is_file():
                return False
            place.mkdir(parents=True, exist_ok=True)
            first = self._write_commit(name, Commit(parent=None, title="initial commit", date=_now(), files={}))
            made = Repository(name=name, private=private, created=_now(), branches={MAIN: first}, tags={})
            self._write(made)
            return True

    def resolved(self, name: str, revision: str) -> tuple[str, Commit]:
        """The commit that a branch, a tag or 40 hexadecimal digits name.

        Raises:
            Refusal: there is no such repository or revision.
        """
        repository = self.repository(name)
        found = repository.branches.get(revision) or repository.tags.get(revision) or revision
        file = self._place(name) / f"{found}.json"
        if not _COMMIT.fullmatch(found) or not file.is_file():
            raise Refusal(404, f"Revision {revision} not found", "RevisionNotFound")
        return found, Commit.model_validate_json(file.read_bytes())

    def history(self, name: str, revision: str) -> list[tuple[str, Commit]]:
        """Commits from a revision back to the first."""
        made = [self.resolved(name, revision)]
        while (parent := made[-1][1].parent) is not None:
            made.append(self.resolved(name, parent))
        return made

    def commit(self, name: str, branch: str, changes: Mapping[str, Entry | None], title: str) -> str:
        """Write files (or remove them, where None) on a branch as one commit, and return its id.

        Raises:
            Refusal: there is no such branch, or a name could do harm.
        """
        with self._lock:
            repository = self.repository(name)
            if branch not in repository.branches:
                raise Refusal(404, f"Branch {branch} not found", "RevisionNotFound")
            parent, before = self.resolved(name, branch)
            files = {**before.files, **{path: entry for path, entry in changes.items() if entry is not None}}
            files = {path: entry for path, entry in files.items() if changes.get(path, entry) is not None}
            try:
                safe_names(files)
            except InputError as error:
                raise Refusal(400, str(error)) from error
            made = self._write_commit(name, Commit(parent=parent, title=title, date=_now(), files=files))
            repository.branches[branch] = made
            self._write(repository)
            return made

    def refer(self, name: str, label: str, revision: str, *, tag: bool) -> None:
        """Make a tag or a branch.

        Raises:
            Refusal: it is there already, or cannot be called so.
        """
        with self._lock:
            commit, _ = self.resolved(name, revision)
            repository = self.repository(name)
            taken = repository.tags if tag else repository.branches
            if label in taken:
                raise Refusal(409, f"Reference {label} exists already")
            if not _REFERENCE.fullmatch(label) or ".." in label:
                raise Refusal(400, f"{label!r:.80} can be no name of a reference")
            taken[label] = commit
            self._write(repository)

    def unrefer(self, name: str, label: str, *, tag: bool) -> None:
        """Remove a tag or a branch.

        Raises:
            Refusal: there is none, or it is the main branch.
        """
        with self._lock:
            repository = self.repository(name)
            if label == MAIN or (repository.tags if tag else repository.branches).pop(label, None) is None:
                raise Refusal(404, f"Reference {label} not found", "RevisionNotFound")
            self._write(repository)

    def object(self, oid: str) -> Path:
        """The file with the bytes of a hash, which may not be there."""
        return self.folder / "objects" / oid

    def put_git(self, data: bytes) -> Entry:
        """Keep the bytes of a small file."""
        entry = Entry(oid=git_sha1(data), size=len(data), lfs=False)
        if not self.object(entry.oid).is_file():
            replace_file(self.object(entry.oid), data)
        return entry

    def put_lfs(self, pieces: Iterable[bytes], oid: str) -> Entry:
        """Keep the bytes of a large file, where their sha256 is what it must be.

        Raises:
            Refusal: it is another.
        """
        digest, size = hashlib.sha256(), 0
        aside = self.object(f"{oid}.{secrets.token_hex(4)}.partial")
        try:
            with aside.open("wb") as file:
                for piece in pieces:
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
            if digest.hexdigest() != oid:
                raise Refusal(400, f"the bytes that came have sha256 {digest.hexdigest()}, not {oid}")
            aside.replace(self.object(oid))
        finally:
            aside.unlink(missing_ok=True)
        return Entry(oid=oid, size=size, lfs=True)

    def publish(self, name: str, files: Mapping[str, bytes], *, tag: str = "", private: bool = False) -> str:
        """Put files into a repository, which is made where it is missing, as if somebody had pushed them."""
        self.create(name, private=private)
        entries = {
            path: self.put_lfs([data], hashlib.sha256(data).hexdigest()) if is_large(path) else self.put_git(data)
            for path, data in files.items()
        }
        made = self.commit(name, MAIN, entries, "published")
        if tag:
            self.refer(name, tag, made, tag=True)
        return made

    def _place(self, name: str) -> Path:
        if not _REPOSITORY.fullmatch(name) or ".." in name or "--" in name:
            raise Refusal(404, f"{name!r:.100} can be no repository's name", "RepoNotFound")
        return self.folder / "repositories" / name

    def _write(self, repository: Repository) -> None:
        replace_file(self._place(repository.name) / "repository.json", repository.model_dump_json(indent=1))

    def _write_commit(self, name: str, commit: Commit) -> str:
        text = commit.model_dump_json(indent=1)
        made = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        replace_file(self._place(name) / f"{made}.json", text)
        return made


def git_sha1(data: bytes) -> str:
    """What git calls a file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def is_large(path: str, size: int = 0) -> bool:
    """Whether a file belongs into large-file storage."""
    return path.endswith((".safetensors", ".png", ".onnx", ".pt2", ".bin", ".parquet")) or size > 10 << 20


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
