"""One repository of the Hub: its commits and files, tried again where that may help, as they were published."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

from deepnoise_core.contracts.errors import HubError, OutputError
from deepnoise_core.data.files import sha256_of
from deepnoise_core.engine.observation import Observer
from deepnoise_registry.hub.lock import lock_commit, locked_commit
from deepnoise_registry.hub.reference import HubReference, is_commit
from deepnoise_registry.hub.settings import HubSettings
from deepnoise_registry.hub.troubles import (
    HubUnreachableError,
    client_errors,
    hub_error,
    trouble_of,
)

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further attempt, where the server does not say how long to wait."""

_PUBLISHED_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Repository:
    """What a reference means, as it is asked for files.

    Attributes:
        reference: the repository, and which state of it.
        settings: how the Hub is reached.
        observer: is told what happens.
    """

    reference: HubReference
    settings: HubSettings
    observer: Observer

    def commit(self, name: str, *, update: bool = False) -> str:
        """The commit that the reference means: by itself, by the lock, by the Hub, or by the cache alone.

        Args:
            name: of a file that tells it, since the Hub names the commit beside each file.
            update: ask the Hub even where the lock knows.

        Raises:
            HubFileMissingError: the repository has no such file.
            HubError: it cannot be told.
        """
        if self.reference.is_commit:
            return self.reference.revision
        if not update and (locked := locked_commit(self.reference, self.settings)):
            self.observer.note(
                f"{self.reference}: stays at commit {locked[:12]}, as pulled before (--update asks anew)"
            )
            return locked
        try:
            # Forced, since the client would silently take what it has where the Hub does not answer.
            file = self.download(name, self.reference.revision, force=not self.settings.offline)
        except HubUnreachableError as error:
            cached = None if update else self.cached(name)
            if cached is None:
                raise
            file = cached
            self.observer.note(f"{error}; going on with commit {file.parent.name[:12]} of the cache")
        if not is_commit(file.parent.name):
            raise HubError(f"{self.reference}: {self.settings.place} names no commit; is it the right address?")
        return file.parent.name

    def download(self, name: str, revision: str, *, force: bool = False) -> Path:
        """A file in the cache, downloaded where it is missing; tries again what may pass.

        Raises:
            HubFileMissingError: there is no such file, or nobody may be asked and the cache has none.
            HubUnreachableError: the Hub does not answer, after all attempts.
            HubError: the Hub refuses.
            OutputError: the cache cannot be written.
        """
        from huggingface_hub import hf_hub_download

        settings = self.settings
        for pause in (*PAUSES, None):
            try:
                file = hf_hub_download(
                    self.reference.repo,
                    name,
                    revision=revision,
                    cache_dir=settings.cache,
                    endpoint=settings.endpoint,
                    token=settings.token,
                    local_files_only=settings.offline,
                    force_download=force,
                )
            except client_errors() as error:
                trouble = trouble_of(error, settings)
                told = hub_error(error, trouble, settings, str(self.reference), name)
                if pause is None or not isinstance(told, HubUnreachableError):
                    raise told from error
                wait = pause if trouble.wait is None else trouble.wait
                self.observer.note(
                    f"{self.reference}: {name}: {settings.place}: {trouble.summary}; trying again in {wait:g} s"
                )
                time.sleep(wait)
            else:
                return Path(file)
        raise AssertionError  # the last attempt returned or raised

    def as_published(self, name: str, revision: str) -> Path:
        """A file whose bytes have the hash that the Hub told beside it: sha256 of a large file, else git's sha1.

        The client calls a file of its cache by that hash, and compares nothing but lengths.

        Raises:
            HubError: its bytes are others; or as of `download`.
        """
        file = self.download(name, revision)
        blob = file.resolve()
        if _PUBLISHED_HASH.fullmatch(blob.name):
            self.require_hash(file, _hash_like(blob), blob.name)
        else:
            self.observer.note(f"{self.reference}: {name}: not compared with its hash, which this cache lacks")
        return file

    def require_hash(self, file: Path, found: str, expected: str) -> None:
        """Refuse a file of another hash, and take it out of the cache, so that the next pull is clean.

        Raises:
            HubError: the hashes differ.
        """
        if found == expected:
            return
        blob, cache = file.resolve(), self.settings.cache.resolve()
        # A link may lead anywhere, and what lies elsewhere is not ours to remove.
        for one in (file, blob) if blob.is_relative_to(cache) else (file,):
            try:
                one.unlink(missing_ok=True)
            except OSError as error:
                raise HubError(
                    f"{one}: is damaged, and cannot be removed: {error.strerror}; remove it"
                ) from error
        raise HubError(
            f"{self.reference}: {file.name}: its bytes are not those that were published (hash {found[:12]}…, "
            f"not {expected[:12]}…); it was removed from the cache: pull again, and tell its authors if it "
            "comes back"
        )

    def pin(self, commit: str) -> None:
        """Stay at a commit from now on."""
        if self.reference.is_commit or locked_commit(self.reference, self.settings) == commit:
            return
        try:
            lock_commit(self.reference, self.settings, commit)
        except OutputError as error:
            self.observer.note(f"{error}; the next pull asks the Hub again")

    def cached(self, name: str) -> Path | None:
        """A file that the cache has under this reference; None where it has none."""
        from huggingface_hub import hf_hub_download

        try:
            file = hf_hub_download(
                self.reference.repo,
                name,
                revision=self.reference.revision,
                cache_dir=self.settings.cache,
                local_files_only=True,
            )
        except client_errors():
            return None
        return Path(file)


def _hash_like(blob: Path) -> str:
    """A file's hash of the kind that its name in the cache is, git's sha1 or sha256."""
    if len(blob.name) == 64:
        return sha256_of(blob)
    data = blob.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
