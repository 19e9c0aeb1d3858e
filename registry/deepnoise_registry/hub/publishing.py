"""Pushing: a bundle that verifies, with its card, as one commit on the Hub."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from deepnoise_core.contracts.errors import HubError, InputError, ModelError
from deepnoise_core.data.files import sha256_of
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.hub.card import EVALUATION, YOURS, card, evaluation_results, words_of_author
from deepnoise_registry.hub.reference import HubReference, parse_reference
from deepnoise_registry.hub.settings import HubSettings, hub_settings, ready_for_upload
from deepnoise_registry.hub.troubles import client_errors, hub_error, trouble_of
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
        for file in (MANIFEST, *manifest.sha256):
            shutil.copyfile(bundle / file, folder / file)
        if results:
            written = told.model_dump_json(indent=2, exclude_unset=True)
            (folder / MANIFEST).write_text(written, encoding="utf-8")
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
        commit, changed = _Target(asked.repo, settings, observer).publish(folder, tag, private=private)
    return Pushed(named, files, commit, changed)


@dataclass(frozen=True)
class _Target:
    """One repository that is written to."""

    repo: str
    settings: HubSettings
    observer: Observer

    def publish(self, folder: Path, tag: str | None, *, private: bool) -> tuple[str, bool]:
        """Upload, then tag; the commit that holds the bundle, and whether it is new."""
        from huggingface_hub import create_repo, create_tag, upload_folder

        token = self.settings.token
        try:
            create_repo(self.repo, private=private, exist_ok=True, token=token)
            tagged = self._commit_at(tag) if tag else None
            before = self._commit_at("main")
            message = f"deepnoise: {tag}" if tag else "deepnoise: a bundle"
            commit: str = upload_folder(
                repo_id=self.repo, folder_path=folder, commit_message=message, token=token
            ).oid
            if tagged is not None and tagged != commit:
                raise HubError(
                    f"{self.repo}: the tag {tag} is at commit {tagged[:12]} already, and this bundle is commit "
                    f"{commit[:12]}; name another tag"
                )
            if tag and tagged is None:
                create_tag(self.repo, tag=tag, revision=commit, token=token)
        except client_errors() as error:
            raise hub_error(error, trouble_of(error, self.settings), self.settings, self.repo) from error
        return commit, commit != before

    def _commit_at(self, revision: str) -> str | None:
        """The commit of a branch or tag; None where there is none, or nothing in it."""
        from huggingface_hub import hf_hub_download

        with tempfile.TemporaryDirectory() as cache:
            try:
                file = hf_hub_download(
                    self.repo, MANIFEST, revision=revision, cache_dir=cache, token=self.settings.token
                )
            except client_errors() as error:
                if trouble_of(error, self.settings).code in {"EntryNotFound", "RevisionNotFound"}:
                    return None
                raise
            return Path(file).parent.name


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
