"""Pulling: a bundle from the Hub, every file of it checked against the hashes that were published."""

from __future__ import annotations

import shutil
from pathlib import Path

from deepnoise_core.contracts.errors import HubError
from deepnoise_core.data.files import fresh_folder, refuse_taken, sha256_of
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.hub.reference import parse_reference
from deepnoise_registry.hub.repository import Repository
from deepnoise_registry.hub.settings import hub_settings
from deepnoise_registry.hub.troubles import HubFileMissingError, HubUnreachableError
from deepnoise_registry.manifest import MANIFEST, read_manifest
from deepnoise_registry.safe_names import safe_names


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
    folder = _pulled(Repository(asked, settings, observer or Silent()), update=update)
    if to is None:
        return folder
    _copy(folder, to)
    return to


def fetch_if_bundle(reference: str, *, observer: Observer | None = None) -> Path | None:
    """As `fetch`, of a repository that may hold something else: None where no manifest tells of a bundle.

    Where the Hub may not or cannot be asked, the cache decides.

    Raises:
        HubError: as of `fetch`.
        ModelError: as of `fetch`.
    """
    repository = Repository(parse_reference(reference), hub_settings(), observer or Silent())
    try:
        return _pulled(repository, update=False)
    except HubFileMissingError as error:
        if error.file != MANIFEST:
            raise
    except HubUnreachableError:
        if repository.cached(MANIFEST) is not None:
            raise
    return None


def _pulled(repository: Repository, *, update: bool) -> Path:
    """The cache's folder of a bundle, with every file that its manifest names as it was published."""
    commit = repository.commit(MANIFEST, update=update)
    manifest = repository.as_published(MANIFEST, commit)
    hashes = read_manifest(manifest.parent).sha256
    size = manifest.stat().st_size
    for name in safe_names(hashes):
        file = repository.download(name, commit)
        repository.require_hash(file, sha256_of(file), hashes[name])
        size += file.stat().st_size
    repository.observer.note(
        f"{repository.reference}: commit {commit[:12]}, {len(hashes) + 1} files of {size / 1e6:,.1f} MB, "
        "as published (sha256)"
    )
    repository.pin(commit)
    return manifest.parent


def _copy(folder: Path, to: Path) -> None:
    """The files of a bundle without the links of the cache; what is written is read again."""
    hashes = read_manifest(folder).sha256
    with fresh_folder(to, "a pulled bundle") as partial:
        for name in (MANIFEST, *hashes):
            shutil.copyfile(folder / name, partial / name)
        wrong = next((name for name, digest in hashes.items() if sha256_of(partial / name) != digest), None)
        if wrong is not None:
            raise HubError(f"{to / wrong}: was not written as it was read; check the disk, and pull again")
