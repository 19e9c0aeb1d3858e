"""Stains that a user names for the channels of a screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import did_you_mean, some_of


def known_stains(stains: Mapping[str, str], channels: Sequence[str], source: object) -> dict[str, str]:
    """The stains, each of a channel that the screen has.

    Args:
        stains: channel → stain, from a reader's option `stains`.
        channels: names of the screen's channels.
        source: the folder or file of the screen, for messages.

    Raises:
        ScreenError: a stain is given for no channel of the screen; names it.
    """
    for name in stains:
        if name not in channels:
            raise ScreenError(
                f"{source}: option stains names channel {name!r}{did_you_mean(name, channels)}; "
                f"the channels are {some_of(channels, most=20)}"
            )
    return dict(stains)
