"""Pulling: a bundle from the Hub, every file of it checked against the hashes that were published."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from deepnoise_core.contracts.errors import HubError, OutputError
from deepnoise_core.data.files import fresh_folder, refuse_taken, sha256_of
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.hub.lock import lock_commit, locked_commit
from deepnoise_registry.hub.reference import HubReference, is_commit, parse_reference
from deepnoise_registry.hub.settings import HubSettings, hub_settings
from deepnoise_registry.hub.troubles import HubUnreachableError, client_errors, hub_error, trouble_of
from deepnoise_registry.manifest import MANIFEST, read_manifest
from deepnoise_registry.safe_names import safe_names

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further attempt, where the server does not say how long to wait."""


def fetch(
    reference: str,
    *,
    to: Path | None = None,
    offline: bool = False,
    update: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
    observer: Observer | None = None,
) -> Path:
    """A bundle of the Hub as a folder on this computer.

    The manifest comes first, then the files that it names and no other. A reference that was pulled before stays
    at its commit, and what is in the cache is not asked for again.

    Args:
        reference: `org/name` or `org/name@revision`, perhaps behind `hf-hub:`.
        to: folder to write; the cache's own folder of the commit is given where None.
        offline: ask nobody; `HF_HUB_OFFLINE` says the same.
        update: ask what the revision is now, even where it was pulled before.
        token: of a user who may read the repository; as the client finds one where None.
        endpoint: address of the Hub; `HF_ENDPOINT`, or the public one, where None.
        observer: is told what happens.

    Raises:
        HubError: the Hub refuses or cannot be reached, or a file is not what was published.
        ModelError: what was published is no bundle that can be read.
        OutputError: `to` is taken, or a folder cannot be written.
    """
    asked = parse_reference(reference)
    if to is not None:
        refuse_taken(to, "a pulled bundle")
    settings = hub_settings(endpoint=endpoint, offline=offline, token=token)
    source = _Source(asked, settings, observer or Silent())
    commit = source.commit(update=update)
    folder = source.bundle(commit)
    source.pin(commit)
    if to is None:
        return folder
    _copy(folder, to)
    return to


@dataclass(frozen=True)
class _Source:
    """One repository, as it is asked for files."""

    reference: HubReference
    settings: HubSettings
    observer: Observer

    def commit(self, *, update: bool) -> str:
        """The commit that the reference means: by itself, by the lock, by the Hub, or by the cache alone."""
        if self.reference.is_commit:
            return self.reference.revision
        if not update and (locked := locked_commit(self.reference, self.settings)):
            self.observer.note(
                f"{self.reference}: stays at commit {locked[:12]}, as pulled before (--update asks anew)"
            )
            return locked
        try:
            # Forced, since the client would silently take what it has where the Hub does not answer.
            file = self.download(MANIFEST, self.reference.revision, force=not self.settings.offline)
        except HubUnreachableError as error:
            cached = None if update else self.cached_manifest()
            if cached is None:
                raise
            file = cached
            self.observer.note(f"{error}; going on with commit {file.parent.name[:12]} of the cache")
        if not is_commit(file.parent.name):
            raise HubError(f"{self.reference}: {self.settings.place} names no commit; is it the right address?")
        return file.parent.name

    def bundle(self, commit: str) -> Path:
        """The cache's folder of a commit, with every file that the manifest names as it was published."""
        manifest = self.download(MANIFEST, commit)
        self.require_hash(manifest, _hash_like(manifest.resolve()), manifest.resolve().name)
        hashes = read_manifest(manifest.parent).sha256
        size = manifest.stat().st_size
        for name in safe_names(hashes):
            file = self.download(name, commit)
            self.require_hash(file, sha256_of(file), hashes[name])
            size += file.stat().st_size
        self.observer.note(
            f"{self.reference}: commit {commit[:12]}, {len(hashes) + 1} files of {size / 1e6:,.1f} MB, "
            "as published (sha256)"
        )
        return manifest.parent

    def pin(self, commit: str) -> None:
        """Stay at a commit from now on."""
        if self.reference.is_commit or locked_commit(self.reference, self.settings) == commit:
            return
        try:
            lock_commit(self.reference, self.settings, commit)
        except OutputError as error:
            self.observer.note(f"{error}; the next pull asks the Hub again")

    def download(self, name: str, revision: str, *, force: bool = False) -> Path:
        """A file in the cache, downloaded where it is missing; tries again what may pass."""
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

    def cached_manifest(self) -> Path | None:
        """The manifest that the cache has under this reference; None where it has none."""
        from huggingface_hub import hf_hub_download

        try:
            file = hf_hub_download(
                self.reference.repo,
                MANIFEST,
                revision=self.reference.revision,
                cache_dir=self.settings.cache,
                local_files_only=True,
            )
        except client_errors():
            return None
        return Path(file)

    def require_hash(self, file: Path, found: str, expected: str) -> None:
        """Refuse a file of another hash, and take it out of the cache, so that the next pull is clean."""
        if found == expected:
            return
        blob = file.resolve()
        for one in (file, blob):
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


def _hash_like(blob: Path) -> str:
    """A file's hash of the kind that its name in the cache is, git's sha1 or sha256; else that name."""
    if len(blob.name) == 64:
        return sha256_of(blob)
    if len(blob.name) == 40:
        data = blob.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return blob.name


def _copy(folder: Path, to: Path) -> None:
    """The files of a bundle without the links of the cache; what is written is read again."""
    hashes = read_manifest(folder).sha256
    with fresh_folder(to, "a pulled bundle") as partial:
        for name in (MANIFEST, *hashes):
            shutil.copyfile(folder / name, partial / name)
        wrong = next((name for name, digest in hashes.items() if sha256_of(partial / name) != digest), None)
        if wrong is not None:
            raise HubError(f"{to / wrong}: was not written as it was read; check the disk, and pull again")
