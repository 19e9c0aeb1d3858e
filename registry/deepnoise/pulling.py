"""Models as they are asked for: the folder of a run, series or bundle, on the Hub, or built in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepnoise.zoo import builtin_bundle, is_builtin
from deepnoise_core.contracts.errors import ModelError
from deepnoise_registry.hub.reference import SCHEME, is_on_hub, looks_like_repository, parse_reference

if TYPE_CHECKING:
    from deepnoise_core.engine.observation import Observer


def model_folder(model: str | Path, observer: Observer | None = None) -> Path:
    """The folder of a model, pulled first where it is on the Hub.

    Args:
        model: a folder, `hf-hub:org/name[@revision]`, or `builtin:NAME`, which comes with the package.
        observer: is told what is pulled.

    Raises:
        ModelError: there is no such folder.
        HubError: the Hub does not give it.
    """
    place = model.as_posix() if isinstance(model, Path) else model
    if is_on_hub(place):
        from deepnoise_registry.hub.client import fetch

        return fetch(place, observer=observer)
    if is_builtin(place):
        return builtin_bundle(place)
    folder = Path(model)
    if not folder.is_dir():
        hint = f"; on the Hub it would be {SCHEME}{place}" if looks_like_repository(place) else ""
        raise ModelError(f"{folder}: there is no such run or bundle{hint}")
    return folder


def lasting_reference(place: str | Path, folder: Path) -> str:
    """A word that always means the bundle in a folder, wherever caches lie; empty where there is none.

    Args:
        place: what was asked for.
        folder: what it meant; of a model on the Hub this is the cache's folder, which is named by the commit.
    """
    word = str(place)
    if is_on_hub(word):
        return f"{SCHEME}{parse_reference(word).repo}@{folder.name}"
    return word if is_builtin(word) else ""
