"""Bundles that come with the package, so that everything a model can do can be tried offline at once."""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.names import did_you_mean

SCHEME = "builtin:"


def builtin_bundles() -> tuple[str, ...]:
    """Names of the bundles, sorted."""
    return tuple(sorted(one.name for one in Path(__file__).parent.iterdir() if (one / "manifest.json").is_file()))


def is_builtin(place: str) -> bool:
    """Whether a word means a bundle that comes with the package, and no folder."""
    return place.startswith(SCHEME)


def builtin_bundle(place: str) -> Path:
    """The folder of `builtin:NAME`.

    Raises:
        ModelError: there is no such bundle.
    """
    name, known = place.removeprefix(SCHEME), builtin_bundles()
    if name not in known:
        raise ModelError(
            f"no bundle {name!r} comes with deepnoise{did_you_mean(name, known)}; there is "
            f"{', '.join(SCHEME + one for one in known)}"
        )
    return Path(__file__).parent / name
