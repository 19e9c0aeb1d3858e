"""Commands that plugins add: found by name, and run with the words of a command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepnoise_core.contracts.errors import (
    AmbiguousComponentError,
    InputError,
    PluginError,
    UnknownComponentError,
)
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.records import CommandOffer, Discovery
from deepnoise_registry.third_party import blaming, imported


def find_command(discovery: Discovery, name: str) -> CommandOffer:
    """The command of a bare name, or of `plugin/name`.

    Raises:
        UnknownComponentError: no plugin that loaded adds it; says which did not load.
        AmbiguousComponentError: two plugins add the bare name.
    """
    match [one for one in discovery.commands if name in (one.name, one.qualified_name)]:
        case [offer]:
            return offer
        case []:
            hint = did_you_mean(name, {one.name for one in discovery.commands})
            failed = [f"{one.title} was not loaded: {one.reason}" for one in discovery.failed]
            raise UnknownComponentError(
                "; ".join([f"no plugin adds a command {name!r}{hint}; deepnoise x lists them", *failed])
            )
        case rivals:
            spelt = " or ".join(f"{one.qualified_name!r} ({one.origin})" for one in rivals)
            raise AmbiguousComponentError(f"several plugins add the command {name!r}; write {spelt}")


def shortest_name(discovery: Discovery, offer: CommandOffer) -> str:
    """The name that finds this command: bare, or qualified where several plugins add the bare one."""
    alone = [one.name for one in discovery.commands].count(offer.name) == 1
    return offer.name if alone else offer.qualified_name


def run_command(offer: CommandOffer, words: Sequence[str]) -> int:
    """Import a command and run it; it may end the way a program does, by `sys.exit`.

    Args:
        offer: the command.
        words: what stands behind its name.

    Returns:
        Its exit code.

    Raises:
        InputError: it says that the user's input is wrong.
        PluginError: it cannot be imported, fails in any other way, or returns no exit code.
    """
    what = f"the command {offer.name!r} of plugin {offer.plugin!r} ({offer.origin})"
    run = imported(offer.command.run, what)
    code: Any
    try:
        with blaming(f"{what} failed"):
            code = run(list(words))
    except PluginError as error:
        match error.__cause__:
            case InputError() | BrokenPipeError() as own:
                raise own from None
            case SystemExit() as ended:
                code = ended.code
            case _:
                raise
    if code is None or isinstance(code, int):
        return code or 0
    raise PluginError(f"{what} ended with {code!r:.100} instead of an exit code")
