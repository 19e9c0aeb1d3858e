"""Pushing: a bundle that verifies, with its card, as one commit on the Hub."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_core.data.files import plain_disk_errors, sha256_of
from deepnoise_core.data.names import some_of
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.hub.card import EVALUATION, YOURS, card, evaluation_results, words_of_author
from deepnoise_registry.hub.reference import HubReference, parse_reference
from deepnoise_registry.hub.settings import hub_settings, ready_for_upload
from deepnoise_registry.hub.target import Target
from deepnoise_registry.manifest import CARD, MANIFEST, read_manifest
from deepnoise_registry.measured import measured_results, with_results


@dataclass(frozen=True)
class Sent:
    """A file of a push."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Pushed:
    """What a push did, or would do.

    Attributes:
        reference: the repository, at the tag where there is one.
        files: all that belong to the bundle there.
        commit: which they are now; empty of a dry run.
        changed: whether a commit was made.
    """

    reference: HubReference
    files: tuple[Sent, ...]
    commit: str = ""
    changed: bool = False


def push_bundle(
    bundle: Path,
    reference: str,
    catalogue: Catalogue,
    *,
    tag: str | None = None,
    private: bool = False,
    licence: str | None = None,
    results: Path | None = None,
    dry_run: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
    observer: Observer | None = None,
) -> Pushed:
    """Publish a bundle; one that is there already makes no commit.

    Args:
        bundle: its folder.
        reference: `org/name`; the repository is made where it is missing.
        catalogue: where components are found, since the bundle is verified first.
        tag: name for the commit, which must be free.
        private: whether a repository that is made is private.
        licence: of the weights, such as `apache-2.0`; it must be said.
        results: file of `deepnoise evaluate --out` on predictions by this very bundle, whose figures the
            published manifest and card then tell; the bundle itself is left as it is.
        dry_run: say what would be sent, and ask nobody.
        token: of a user who may write; as the client finds one where None.
        endpoint: address of the Hub; `HF_ENDPOINT`, or the public one, where None.
        observer: is told what happens.

    Raises:
        InputError: the reference names a revision, no licence is known, or the results are of another model.
        ModelError: the bundle does not verify.
        HubError: the Hub refuses, or the tag is taken.
    """
    asked = parse_reference(reference)
    if "@" in reference:
        raise InputError(f"{reference}: a push goes to org/name; name its state by --tag {asked.revision}")
    named = replace(asked, revision=parse_reference(f"{asked.repo}@{tag}").revision) if tag else asked
    settings = hub_settings(endpoint=endpoint, token=token)
    if not dry_run:
        ready_for_upload(settings)
    written = sha256_of(bundle / MANIFEST) if (bundle / MANIFEST).is_file() else ""
    _require_verified(bundle, catalogue)
    manifest = read_manifest(bundle)
    images = f"; that of the images is {manifest.data_licence}" if manifest.data_licence else ""
    if not licence:
        raise InputError(f"{bundle}: no licence is known; say --license, as in --license apache-2.0{images}")
    observer = observer or Silent()
    if _forbids_commerce(manifest.data_licence) and not _forbids_commerce(licence):
        observer.note(
            f"the images' licence, {manifest.data_licence}, forbids commercial use; make sure that weights which "
            f"learned from them may be {licence}"
        )
    told = with_results(manifest, measured_results(results, manifest)) if results else manifest
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy_verified(bundle, folder, {MANIFEST: written, **manifest.sha256})
        if results:
            (folder / MANIFEST).write_text(told.model_dump_json(indent=2, exclude_unset=True), encoding="utf-8")
        if CARD not in manifest.sha256:
            words = _words(bundle / CARD, observer)
            (folder / CARD).write_text(card(told, named, licence, words), encoding="utf-8")
        if entries := evaluation_results(told):
            (folder / EVALUATION).parent.mkdir()
            (folder / EVALUATION).write_text(entries, encoding="utf-8")
        files = tuple(
            Sent(file.relative_to(folder).as_posix(), file.stat().st_size, sha256_of(file))
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        )
        if dry_run:
            return Pushed(named, files)
        commit, changed = Target(asked.repo, settings).publish(folder, tag, private=private)
    return Pushed(named, files, commit, changed)


def _copy_verified(bundle: Path, folder: Path, hashes: Mapping[str, str]) -> None:
    """Copy files as they were verified; the copies are sent, since somebody may write to the bundle meanwhile."""
    changed = []
    for name, digest in hashes.items():
        try:
            with plain_disk_errors(folder):
                shutil.copyfile(bundle / name, folder / name)
        except FileNotFoundError:
            changed.append(name)
        else:
            changed += [] if sha256_of(folder / name) == digest else [name]
    if changed:
        raise ModelError(
            f"{bundle}: {some_of(changed)} changed after the bundle was verified, so nothing was sent; push "
            "again once nothing writes there"
        )


def _forbids_commerce(licence: str | None) -> bool:
    return "-nc" in (licence or "").lower()


def _words(file: Path, observer: Observer) -> str:
    """What the author wrote into the bundle's card; one without the line for it is replaced, which is told."""
    try:
        words = words_of_author(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text: {error}") from error
    if words is None:
        observer.note(f"{file}: lacks the line {YOURS!r}, so another card takes its place there")
    return words or ""


def _require_verified(bundle: Path, catalogue: Catalogue) -> None:
    """Refuse a bundle of which anything is not as its manifest says."""
    from deepnoise_registry.verification import verify_bundle

    failed = [check for check in verify_bundle(bundle, catalogue).checks if not check.passed]
    if failed:
        raise ModelError(
            f"{bundle}: does not verify, so it is not pushed: {failed[0].name}: {failed[0].what}"
            + (f" (and {len(failed) - 1} more; see deepnoise verify)" if failed[1:] else "")
        )
