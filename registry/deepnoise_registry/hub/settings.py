"""Where the Hub is, what lies in its cache, and by what right: the environment as the Hub's client reads it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from deepnoise_core.contracts.errors import InputError

_TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True)
class HubSettings:
    """How the Hub is reached.

    Attributes:
        endpoint: address of a mirror or a Hub of one's own; the public one where None.
        cache: the client's cache, which other programs share.
        offline: whether nothing may be asked.
        token: given by hand; the client's own means (`HF_TOKEN`, its login) where None.
    """

    endpoint: str | None
    cache: Path
    offline: bool = False
    token: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """The Hub's address for messages and locks, without what a user may have put before an @."""
        if self.endpoint is None:
            return "the Hub"
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def hub_settings(*, endpoint: str | None = None, offline: bool = False, token: str | None = None) -> HubSettings:
    """The settings that the environment says, as it is now, and arguments before it.

    The client reads `HF_ENDPOINT`, `HF_HOME` and their like once, when it is imported, and takes an empty
    `HF_ENDPOINT` for an address. So they are read here and given to each call, and an empty one is unset.

    Raises:
        InputError: the endpoint is no web address.
    """
    environment = os.environ
    if environment.get("HF_ENDPOINT") == "":
        del environment["HF_ENDPOINT"]
    environment.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0" if sys.stderr.isatty() else "1")
    address = (endpoint or environment.get("HF_ENDPOINT") or "").rstrip("/") or None
    if address is not None and not (address.startswith(("http://", "https://")) and urlsplit(address).netloc):
        raise InputError(f"HF_ENDPOINT is {address!r:.100}, but must begin with https:// or http://")
    told_offline = environment.get("HF_HUB_OFFLINE", "").upper() in _TRUE
    return HubSettings(address, cache_folder(environment), offline or told_offline, token or None)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """The client's cache, by its own rules."""
    if named := environment.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    home = environment.get("HF_HOME") or f"{environment.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return Path(home).expanduser() / "hub"


def ready_for_upload(settings: HubSettings) -> None:
    """Set what the client reads when it is imported, which is the one time that it listens to it.

    Raises:
        InputError: it was imported before, with another endpoint.
    """
    if settings.endpoint is None:
        return
    os.environ["HF_ENDPOINT"] = settings.endpoint
    os.environ["HF_HUB_DISABLE_XET"] = "1"  # with Xet, uploads to any other Hub die of a missing route
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None and settings.endpoint != constants.ENDPOINT:
        raise InputError(
            f"huggingface_hub was imported before HF_ENDPOINT became {settings.place}; "
            "set it before Python starts, or use deepnoise push"
        )
