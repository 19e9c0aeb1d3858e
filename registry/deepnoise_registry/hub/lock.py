"""Which commit a reference was pulled at, so that the next pull needs to ask nobody.

The file `deepnoise.lock` lies in the repository's folder of the client's cache, and is gone when that is deleted.
A line is an address, a revision and a commit, parted by spaces:

```
default v1 0a51bd6f3c2f4d1f8a3b5c7d9e1f2a4b6c8d0e2f
```
"""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.contracts.errors import HubError
from deepnoise_core.data.files import plain_disk_errors, replace_file
from deepnoise_registry.hub.reference import HubReference, is_commit
from deepnoise_registry.hub.settings import HubSettings

LOCK = "deepnoise.lock"


def locked_commit(reference: HubReference, settings: HubSettings) -> str | None:
    """The commit that a reference is pinned to; None where it is not.

    Raises:
        HubError: the lock was changed by hand, and not well.
    """
    return _read(lock_file(reference, settings)).get(_key(reference, settings))


def lock_commit(reference: HubReference, settings: HubSettings, commit: str) -> None:
    """Pin a reference.

    Raises:
        OutputError: the cache cannot be written.
    """
    file = lock_file(reference, settings)
    lines = {**_read(file), _key(reference, settings): commit}
    with plain_disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, "".join(f"{place} {revision} {one}\n" for (place, revision), one in lines.items()))


def lock_file(reference: HubReference, settings: HubSettings) -> Path:
    """Where the lines of a repository are."""
    return settings.cache / f"models--{reference.repo.replace('/', '--')}" / LOCK


def _key(reference: HubReference, settings: HubSettings) -> tuple[str, str]:
    return "default" if settings.endpoint is None else settings.place, reference.revision


def _read(file: Path) -> dict[tuple[str, str], str]:
    if not file.is_file():
        return {}
    found = {}
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
        words = line.split()
        if len(words) != 3 or not is_commit(words[2]):
            raise HubError(f"{file}:{number}: is no line of a lock (address, revision, commit); delete the file")
        found[words[0], words[1]] = words[2]
    return found
