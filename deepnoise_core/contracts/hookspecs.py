"""The whole extension surface: one hook a kind and one for commands, each returning records.

A plugin is a module behind an entry point of the group `deepnoise`. It says which `API` it was written for, and
implements any of these hooks with the marker `deepnoise_core.contracts.hookimpl`, as in:

    DEEPNOISE_API = "1.0"

    @hookimpl
    def deepnoise_backbones() -> Iterable[Component]:
        return [Component("tinynet", "Four convolutions.", "my_package.tinynet:build")]
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from deepnoise_core.contracts.commands import Command
from deepnoise_core.contracts.components import Component

GROUP = "deepnoise"

API = "1.0"
"""Version of hooks, records and protocols; a plugin says the one that it was written for as `DEEPNOISE_API`.

The first number grows when plugins must change, the second when they may use more.
"""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def deepnoise_backbones() -> Iterable[Component]:  # type: ignore[empty-body]
    """Offer networks from images to features; factories follow `protocols.BackboneFactory`."""


@hookspec
def deepnoise_heads() -> Iterable[Component]:  # type: ignore[empty-body]
    """Offer classifiers from features to logits; factories follow `protocols.HeadFactory`."""


@hookspec
def deepnoise_normalizers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Offer intensity normalizers; factories follow `protocols.NormalizerFactory`."""


@hookspec
def deepnoise_augmentations() -> Iterable[Component]:  # type: ignore[empty-body]
    """Offer sets of named random views; factories follow `protocols.AugmentationFactory`."""


@hookspec
def deepnoise_strategies() -> Iterable[Component]:  # type: ignore[empty-body]
    """Offer ways to learn from labelled and unlabelled views; see `protocols.StrategyFactory`."""


@hookspec
def deepnoise_postprocessors() -> Iterable[Component]:  # type: ignore[empty-body]
    """Offer maps from predictions to predictions; factories follow `protocols.PostProcessorFactory`."""


@hookspec
def deepnoise_readers() -> Iterable[Component]:  # type: ignore[empty-body]
    """Offer readers of folders of plates; factories follow `protocols.ReaderFactory`."""


@hookspec
def deepnoise_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """Offer commands, which run as `deepnoise x NAME …`."""
