"""Whether a plugin was made for this deepnoise: its metadata are asked before it is imported, itself after."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version

from deepnoise_core.contracts import API
from deepnoise_core.contracts.errors import PluginError

HOST = "deepnoise"

_API = re.compile(r"(\d+)\.(\d+)")
_OURS = re.compile(rf"\s*{HOST}\s*(?![\w.-])", re.IGNORECASE)


def host_requirement(requirements: Iterable[str]) -> str:
    """The versions of deepnoise that a distribution requires, as in `>=0.1,<2`; empty where it takes any.

    Args:
        requirements: its lines `Requires-Dist`.

    Raises:
        ValueError: the requirement is malformed.
    """
    ours = [line for line in requirements if _OURS.match(line)]
    if not ours:
        return ""
    from packaging.requirements import Requirement

    every = (Requirement(line) for line in ours)
    here = [str(one.specifier) for one in every if not one.marker or one.marker.evaluate({"extra": ""})]
    return ",".join(text for text in here if text)


def check_host(host: str, distribution: str) -> None:
    """Refuse a plugin of another deepnoise.

    Args:
        host: the versions that it requires, as `host_requirement` tells.
        distribution: its distribution, for the message.

    Raises:
        PluginError: it requires another version than this.
    """
    if not host:
        return
    from packaging.specifiers import SpecifierSet

    if not SpecifierSet(host).contains(_running(), prereleases=True):
        raise PluginError(
            f"{distribution} requires {HOST}{host}, and this is {HOST} {_running()}; {_upgrade(distribution)}"
        )


def check_api(declared: object, distribution: str) -> str:
    """The version of the API that a plugin declares to be written for; empty where it declares none.

    Args:
        declared: its `DEEPNOISE_API`, or None.
        distribution: its distribution, for the message.

    Raises:
        PluginError: it is no version, or one that this deepnoise does not serve.
    """
    if declared is None:
        return ""
    numbers = _API.fullmatch(declared) if isinstance(declared, str) else None
    if not numbers:
        raise PluginError(f'its DEEPNOISE_API must be text such as "{API}", not {declared!r:.100}')
    major, minor = map(int, numbers.groups())
    ours_major, ours_minor = map(int, API.split("."))
    if major != ours_major or minor > ours_minor:
        raise PluginError(
            f"it was written for API {numbers[0]} of {HOST}, and {HOST} {_running()} offers {API}; "
            f"{_upgrade(distribution)}"
        )
    return numbers[0]


@cache
def _running() -> str:
    return version(HOST)


def _upgrade(distribution: str) -> str:
    """Both, since pip then finds the newest two that go together."""
    return f"try: pip install --upgrade {HOST} {distribution}".rstrip()
