"""Weights in timm's layout, `config.json` and `model.safetensors`, on the Hub or in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.files import sha256_of
from deepnoise_core.engine.initial import InitialWeights
from deepnoise_core.engine.weights import load_weights
from deepnoise_registry.hub.reference import SCHEME, HubReference, parse_reference
from deepnoise_registry.hub.settings import hub_settings
from deepnoise_registry.hub.troubles import client_errors, hub_error, trouble_of

PRETRAINED, LOCAL = "pretrained", "local-dir:"
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_LARGEST_CONFIG = 2**20


def is_published(place: str) -> bool:
    """Whether a word means weights in timm's layout, and no file or folder of deepnoise."""
    return place == PRETRAINED or place.startswith((SCHEME, LOCAL))


def published_weights(place: str, backbone: nn.Module) -> InitialWeights:
    """The weights behind `pretrained`, `hf-hub:org/name[@revision]` or `local-dir:PATH`.

    Args:
        place: `pretrained` means what timm trained for the backbone's architecture.
        backbone: the network that starts with them.

    Raises:
        ModelError: timm has no such weights, the files are not sound, or are of another architecture.
        HubError: the Hub does not give them; says what to do without it.
    """
    network = getattr(backbone, "network", None)
    own = dict(getattr(network, "pretrained_cfg", None) or {})
    if place == PRETRAINED:
        place = f"{SCHEME}{_repository(own)}"
    if place.startswith(LOCAL):
        config, weights = (Path(place.removeprefix(LOCAL)) / name for name in (_CONFIG, _WEIGHTS))
        title = place
    else:
        reference = parse_reference(place)
        config, weights = (_downloaded(reference, name) for name in (_CONFIG, _WEIGHTS))
        title = f"{SCHEME}{reference.repo}@{weights.parent.name}"
    _require_architecture(config, own.get("architecture"))
    return InitialWeights(f"{title} (sha256 {sha256_of(weights)[:12]})", load_weights(weights))


def _repository(known: dict[str, Any]) -> str:
    found = known.get("hf_hub_id")
    if not found:
        raise ModelError(
            f"train.initial.weights: {PRETRAINED}: timm publishes no weights of this backbone; name others, such "
            f"as {SCHEME}org/name, or another backbone"
        )
    return str(found)


def _downloaded(reference: HubReference, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    settings = hub_settings()
    try:
        return Path(
            hf_hub_download(
                reference.repo,
                name,
                revision=reference.revision,
                cache_dir=settings.cache,
                endpoint=settings.endpoint,
                local_files_only=settings.offline,
            )
        )
    except client_errors() as error:
        told = hub_error(error, trouble_of(error, settings), settings, str(reference), name)
        raise type(told)(
            f"{told}; without the Hub, carry {_CONFIG} and {_WEIGHTS} here in a folder, and set "
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
