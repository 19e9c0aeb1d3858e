"""A plugin to begin with: a distribution that is installable, tested and documented, rendered from templates."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from deepnoise_core.contracts import API, Kind
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.files import fresh_folder
from deepnoise_registry.catalogue import Catalogue

PREFIX = "deepnoise-plugin-"
"""What names of distributions begin with, so that users find plugins among all packages."""

_NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 24

_SUMMARIES = {
    Kind.BACKBONE: "Three convolutions",
    Kind.HEAD: "Scaled cosines to one direction a class",
    Kind.NORMALIZER: "Each channel minus its plate's mean, over its spread",
    Kind.AUGMENTATION: "Flips, and channels that become brighter or darker",
    Kind.STRATEGY: "Cross-entropy, and agreement with a mean teacher",
    Kind.POSTPROCESSOR: "The best classes of a well, and no others",
    Kind.READER: "Folders with an index of image files",
}

_OPTIONS = {
    Kind.BACKBONE: '"width": 8',
    Kind.HEAD: '"scale": 30.0',
    Kind.NORMALIZER: '"floor": 5.0',
    Kind.AUGMENTATION: '"gain": 0.3',
    Kind.STRATEGY: '"weight": 1.0',
    Kind.POSTPROCESSOR: '"keep": 1',
    Kind.READER: '"experiment": "e1"',
}
"""An option of each that is not at its default, to be held to the laws too."""


def write_plugin(name: str, kind: Kind, out: Path | None, known: Catalogue) -> Path:
    """Write the distribution `deepnoise-plugin-NAME`, with a small component that works and is tested.

    Args:
        name: of the plugin and of its component.
        kind: of the component.
        out: folder to write; `deepnoise-plugin-NAME` where None.
        known: what is installed, and so which names are taken.

    Returns:
        The folder.

    Raises:
        InputError: the name cannot be one, or is taken.
        OutputError: the folder is there already, or cannot be written.
    """
    _check_name(name, kind, known)
    folder = out or Path(PREFIX + name)
    with fresh_folder(folder, "a plugin") as fresh:
        for file, text in plugin_files(name, kind).items():
            (fresh / file).parent.mkdir(parents=True, exist_ok=True)
            (fresh / file).write_text(text)
    return folder


def plugin_files(name: str, kind: Kind) -> dict[str, str]:
    """Path in the distribution → text, for every file of it."""
    identifier = name.replace("-", "_")
    lowest, below = _bounds(version("deepnoise"))
    facts = {
        "name": name,
        "kind": kind.value,
        "hook": kind.hook,
        "identifier": identifier,
        "package": f"deepnoise_plugin_{identifier}",
        "title": "".join(part.capitalize() for part in name.split("-")),
        "summary": _SUMMARIES[kind],
        "option": _OPTIONS[kind],
        "api": API,
        "lowest": lowest,
        "below": below,
    }
    places = {"project/": "", f"{kind}/": f"src/deepnoise_plugin_{identifier}/"}
    return {
        place + template.removeprefix(part).removesuffix(".jinja").replace("IDENTIFIER", identifier): (
            _templates().get_template(template).render(facts)
        )
        for part, place in places.items()
        for template in _templates().list_templates()
        if template.startswith(part)
    }


def _check_name(name: str, kind: Kind, known: Catalogue) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(
            f"{name!r:.100} cannot name a plugin: take lower-case letters and digits, from a letter on, single "
            f"hyphens between them, {_LONGEST} characters at most, as in 'my-net'"
        )
    rivals = [plugin for plugin in known.discovery.plugins if plugin.name == name]
    rivals_text = [f"the plugin {one.name!r} of {one.origin}" for one in rivals]
    rivals_text += [f"the {kind} {one.name!r} of {one.origin}" for one in known.offers(kind) if one.name == name]
    if rivals_text:
        raise InputError(f"the name is taken by {rivals_text[0]}; choose another, or uninstall that one")


def _bounds(installed: str) -> tuple[str, str]:
    """The version itself, without what a build adds, and the first that may break plugins."""
    lowest = installed.partition("+")[0]
    major, minor = lowest.split(".")[:2]
    return lowest, f"{int(major) + 1}" if int(major) else f"0.{int(minor) + 1}"


@cache
def _templates() -> Environment:
    return Environment(  # noqa: S701 - sources and texts, which nobody shows as HTML
        loader=PackageLoader("deepnoise", "plugin_template"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
