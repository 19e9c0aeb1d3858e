"""The kinds of component. A new kind costs one line here, one hook spec, one protocol and one suite."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """A kind of component; the value is the word that recipes, commands and messages use."""

    BACKBONE = "backbone"
    HEAD = "head"
    NORMALIZER = "normalizer"
    AUGMENTATION = "augmentation"
    STRATEGY = "strategy"
    POSTPROCESSOR = "postprocessor"
    READER = "reader"

    @property
    def hook(self) -> str:
        """Name of the hook by which plugins offer this kind, e.g. `deepnoise_backbones`."""
        return _HOOKS[self]


_HOOKS = {
    Kind.BACKBONE: "deepnoise_backbones",
    Kind.HEAD: "deepnoise_heads",
    Kind.NORMALIZER: "deepnoise_normalizers",
    Kind.AUGMENTATION: "deepnoise_augmentations",
    Kind.STRATEGY: "deepnoise_strategies",
    Kind.POSTPROCESSOR: "deepnoise_postprocessors",
    Kind.READER: "deepnoise_readers",
}
