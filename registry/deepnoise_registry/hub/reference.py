"""What a model on the Hub is called: `org/name`, perhaps with the branch, tag or commit that is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepnoise_core.contracts.errors import InputError

SCHEME = "hf-hub:"
MAIN = "main"

_PART = r"[A-Za-z0-9](?:[\w.-]{0,94}\w)?"
_REPO = re.compile(rf"{_PART}/{_PART}", re.ASCII)
_REVISION = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubReference:
    """A repository, and which state of it."""

    repo: str
    revision: str = MAIN

    def __str__(self) -> str:
        return self.repo if self.revision == MAIN else f"{self.repo}@{self.revision}"

    @property
    def is_commit(self) -> bool:
        """Whether the revision can never mean anything else."""
        return is_commit(self.revision)


def parse_reference(text: str) -> HubReference:
    """A reference from `org/name`, `org/name@revision`, or either behind `hf-hub:`.

    Raises:
        InputError: it is none of these.
    """
    repo, at, revision = text.removeprefix(SCHEME).partition("@")
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo:
        raise InputError(f"{text!r:.200}: a model on the Hub is called org/name or org/name@revision")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision or len(revision) > 200):
        raise InputError(f"{text!r:.200}: after @ stands a branch, a tag or a commit, as in {repo}@v1")
    return HubReference(repo, revision or MAIN)


def is_on_hub(place: str) -> bool:
    """Whether a word means a model on the Hub and no folder."""
    return place.startswith(SCHEME)


def looks_like_repository(place: str) -> bool:
    """Whether a word that names no folder could be meant for the Hub."""
    return bool(_REPO.fullmatch(place.partition("@")[0]))


def is_commit(revision: str) -> bool:
    """Whether this is a whole commit: 40 hexadecimal digits."""
    return bool(_COMMIT.fullmatch(revision))
