"""Weights in timm's layout, `config.json` and `model.safetensors`, on the Hub or in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from deepnoise_core.contracts.errors import HubError, ModelError
from deepnoise_core.data.files import sha256_of
from deepnoise_core.engine.initial import InitialWeights
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.weights import load_weights
from deepnoise_registry.hub.reference import SCHEME, parse_reference
from deepnoise_registry.hub.repository import Repository
from deepnoise_registry.hub.settings import hub_settings
from deepnoise_registry.hub.troubles import HubFileMissingError, HubUnreachableError

PRETRAINED, LOCAL = "pretrained", "local-dir:"
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_LARGEST_CONFIG = 2**20


def is_published(place: str) -> bool:
    """Whether a word means weights in timm's layout, and no file or folder of deepnoise."""
    return place == PRETRAINED or place.startswith((SCHEME, LOCAL))


def published_weights(place: str, backbone: nn.Module, observer: Observer) -> InitialWeights:
    """The weights behind `pretrained`, `hf-hub:org/name[@revision]` or `local-dir:PATH`.

    Args:
        place: `pretrained` means what timm trained for the backbone's architecture.
        backbone: the network that starts with them.
        observer: is told what is downloaded.

    Raises:
        ModelError: timm has no such weights, the files are not sound, or are of another architecture.
        HubError: the Hub does not give them, or gives others than were published; says what to do without it.
    """
    own = dict(getattr(getattr(backbone, "network", None), "pretrained_cfg", None) or {})
    if place.startswith(LOCAL):
        folder, title = Path(place.removeprefix(LOCAL)), place
        _require_architecture(folder / _CONFIG, own.get("architecture"))
        weights = folder / _WEIGHTS
    else:
        reference = parse_reference(f"{SCHEME}{_repository(own)}" if place == PRETRAINED else place)
        weights = _downloaded(Repository(reference, hub_settings(), observer), own.get("architecture"))
        title = f"{SCHEME}{reference.repo}@{weights.parent.name}"
    return InitialWeights(f"{title} (sha256 {sha256_of(weights)[:12]})", load_weights(weights))


def _repository(known: dict[str, Any]) -> str:
    found = known.get("hf_hub_id")
    if not found:
        raise ModelError(
            f"train.initial.weights: {PRETRAINED}: timm publishes no weights of this backbone; name others, such "
            f"as {SCHEME}org/name, or another backbone"
        )
    return str(found)


def _downloaded(repository: Repository, architecture: str | None) -> Path:
    """The weights of a repository; both files are of one commit, and as they were published."""
    try:
        commit = repository.commit(_CONFIG)
        _require_architecture(repository.as_published(_CONFIG, commit), architecture)
        return repository.as_published(_WEIGHTS, commit)
    except (HubFileMissingError, HubUnreachableError) as error:
        raise HubError(
            f"{error}; without the Hub, carry {_CONFIG} and {_WEIGHTS} here in a folder, and set "
            f"train.initial.weights: {LOCAL}FOLDER"
        ) from error


def _require_architecture(config: Path, wanted: str | None) -> None:
    """Refuse weights of another architecture by its name, before shapes are compared."""
    try:
        with config.open("rb") as file:
            found = json.loads(file.read(_LARGEST_CONFIG))["architecture"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{config}: does not say an architecture as timm writes it: {error}") from error
    if wanted is not None and found != wanted:
        raise ModelError(f"{config}: is of {found}, but the recipe's backbone is {wanted}; change one of the two")
