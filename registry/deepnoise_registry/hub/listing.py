"""Which models there are: bundles in folders and in the client's cache, and those that the Hub lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.hub.card import LIBRARY
from deepnoise_registry.hub.reference import SCHEME
from deepnoise_registry.hub.settings import HubSettings
from deepnoise_registry.hub.troubles import client_errors, hub_error, trouble_of
from deepnoise_registry.manifest import MANIFEST, read_manifest


@dataclass(frozen=True)
class ListedModel:
    """A model that can be loaded by its name.

    Attributes:
        name: what `deepnoise predict` takes.
        where: `folder`, `cache` or `hub`.
        channels: how many; None where the Hub does not tell.
        classes: how many; None where the Hub does not tell.
        target: what it predicts; empty where the Hub does not tell.
        note: what else is known, or why it cannot be read.
    """

    name: str
    where: str
    channels: int | None = None
    classes: int | None = None
    target: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        return asdict(self)


def models_in_folders(folders: Iterable[Path]) -> list[ListedModel]:
    """The bundles in and below folders, and those of runs there.

    Raises:
        InputError: there is no such folder.
    """
    listed = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder; name one with runs or bundles")
        found = sorted(one.parent for one in folder.rglob(MANIFEST) if (one.parent / "recipe.yaml").is_file())
        listed += [_described(one, str(one), "folder") for one in found]
    return listed


def models_in_cache(settings: HubSettings) -> list[ListedModel]:
    """The bundles that were pulled, at every commit."""
    found = sorted(settings.cache.glob(f"models--*--*/snapshots/*/{MANIFEST}"))
    return [
        _described(one.parent, f"{SCHEME}{_repository(one)}@{one.parent.name}", "cache")
        for one in found
        if (one.parent / "recipe.yaml").exists()
    ]


def models_on_hub(
    settings: HubSettings, *, author: str | None = None, channels: int | None = None, limit: int = 100
) -> list[ListedModel]:
    """The models that the Hub lists for this library.

    Raises:
        InputError: nothing may be asked.
        HubError: the Hub refuses or cannot be reached.
    """
    if settings.offline:
        raise InputError("the Hub may not be asked, since HF_HUB_OFFLINE is set; unset it, or list --local")
    wanted = [LIBRARY, *([f"channels-{channels}"] if channels is not None else [])]
    try:
        return list(_asked(settings, wanted, author, limit))
    except client_errors() as error:
        raise hub_error(error, trouble_of(error, settings), settings, "the list of models") from error


def _asked(settings: HubSettings, wanted: list[str], author: str | None, limit: int) -> Iterator[ListedModel]:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=settings.endpoint, token=settings.token)
    for info in api.list_models(filter=wanted, author=author, limit=limit):
        tags = info.tags or []
        count = next((int(found[1]) for tag in tags if (found := re.fullmatch(r"channels-(\d+)", tag))), None)
        licence = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")
        yield ListedModel(f"{SCHEME}{info.id}", "hub", count, note=licence)


def _described(folder: Path, name: str, where: str) -> ListedModel:
    try:
        manifest = read_manifest(folder)
    except InputError as error:
        return ListedModel(name, where, note=str(error))
    return ListedModel(
        name,
        where,
        len(manifest.channels),
        len(manifest.scored_classes),
        str(manifest.training.get("target", "")),
        manifest.name,
    )


def _repository(manifest: Path) -> str:
    return manifest.parents[2].name.removeprefix("models--").replace("--", "/", 1)
