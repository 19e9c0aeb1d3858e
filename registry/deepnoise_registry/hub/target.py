"""One repository of the Hub that is written to: a folder as one commit, and its tag."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepnoise_core.contracts.errors import HubError
from deepnoise_registry.hub.reference import MAIN
from deepnoise_registry.hub.settings import HubSettings
from deepnoise_registry.hub.troubles import client_errors, hub_error, trouble_of
from deepnoise_registry.manifest import MANIFEST


@dataclass(frozen=True)
class Target:
    """A repository that may not be there yet.

    Attributes:
        repo: `org/name`.
        settings: how the Hub is reached; `ready_for_upload` must have been called with them.
    """

    repo: str
    settings: HubSettings

    def publish(self, folder: Path, tag: str | None, *, private: bool) -> tuple[str, bool]:
        """Make the repository where it is missing, upload a bundle with its card, then tag it.

        A tag is never moved, and one that is taken is known before anything is sent: where it means this very
        bundle, nothing is.

        Returns:
            The commit that holds the bundle, and whether it is new.

        Raises:
            HubError: the tag means another bundle, the repository is public though it should be private, or the
                Hub refuses.
        """
        from huggingface_hub import create_repo, create_tag, list_repo_refs, model_info, upload_folder

        token, place = self.settings.token, self.settings.place
        with self._told_plainly(f"{place} lets you make no such repository; check its name and HF_TOKEN"):
            create_repo(self.repo, private=private, exist_ok=True, token=token)
        with self._told_plainly():
            if private and not model_info(self.repo, token=token).private:
                raise HubError(
                    f"{self.repo}: is there and public, and --private is for a repository that a push makes; "
                    f"make it private at {place}, or leave --private out"
                )
            known = list_repo_refs(self.repo, token=token)
            if taken := next((one.target_commit for one in known.tags if one.name == tag), None):
                self._require_same(folder, taken, f"the tag {tag}")
                return taken, False
            before = next((one.target_commit for one in known.branches if one.name == MAIN), None)
            message = f"deepnoise: {tag}" if tag else "deepnoise: a bundle"
            made = upload_folder(repo_id=self.repo, folder_path=folder, commit_message=message, token=token)
            commit = str(made.oid)
            if tag:
                create_tag(self.repo, tag=tag, revision=commit, token=token)
        return commit, commit != before

    def _require_same(self, folder: Path, commit: str, name: str) -> None:
        """Refuse a commit that holds another bundle than the folder, which the manifest's hashes tell."""
        from huggingface_hub import hf_hub_download

        settings, there = self.settings, b""
        with tempfile.TemporaryDirectory() as cache:
            try:
                file = hf_hub_download(
                    self.repo,
                    MANIFEST,
                    revision=commit,
                    cache_dir=cache,
                    endpoint=settings.endpoint,
                    token=settings.token,
                )
                there = Path(file).read_bytes()
            except client_errors() as error:
                if trouble_of(error, settings).code != "EntryNotFound":
                    raise
        if there != (folder / MANIFEST).read_bytes():
            raise HubError(
                f"{self.repo}: {name} is at commit {commit[:12]} already, which is another bundle; name another"
            )

    @contextmanager
    def _told_plainly(self, missing: str = "") -> Iterator[None]:
        """Turn what the client raises into one clear error; `missing` says what a 404 means, if not that."""
        try:
            yield
        except client_errors() as error:
            trouble = trouble_of(error, self.settings)
            if trouble.status == 404 and missing:
                raise HubError(f"{self.repo}: {missing}") from error
            raise hub_error(error, trouble, self.settings, self.repo) from error
