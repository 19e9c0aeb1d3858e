"""Where the bundle is that made predictions: in its folder, or by its reference elsewhere on this computer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepnoise.zoo import builtin_bundle, is_builtin
from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.manifest import RECIPE, read_manifest


def bundle_again(provenance: Mapping[str, Any]) -> tuple[Path | None, str]:
    """The folder of the bundle that made predictions, or why it is not at hand; no server is asked.

    Args:
        provenance: of the predictions of one model.
    """
    if "bundle" not in provenance:
        return None, "no network made these predictions"
    folder, reference = Path(str(provenance["bundle"])), str(provenance.get("reference", ""))
    try:
        if not (folder / RECIPE).is_file() and reference:
            folder = _by_reference(reference)
        if not (folder / RECIPE).is_file():
            return None, "the model's folder is no longer there"
        if "model_sha256" in provenance and provenance["model_sha256"] != read_manifest(folder).identity:
            return None, f"another model is in {folder} now"
    except InputError as error:
        return None, f"the model is not at hand: {error}"
    return folder, ""


def _by_reference(reference: str) -> Path:
    if is_builtin(reference):
        return builtin_bundle(reference)
    from deepnoise_registry.hub.client import fetch

    return fetch(reference, offline=True)
