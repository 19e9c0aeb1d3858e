"""What a plugin offers: named components, described by frozen records that import nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Base of every options model: frozen, and an unknown field is an error.

    The recipe is validated by it, the JSON Schema is made from it, and `deepnoise component show` prints it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class NoOptions(Options):
    """For components without anything to set."""


@dataclass(frozen=True)
class Component:
    """One named thing that a plugin offers to one hook.

    Attributes:
        name: bare name, e.g. `densenet161`; lower case letters, digits, `-`, `_` and `.`.
        summary: one line for listings.
        factory: import string `package.module:attribute`, resolved only when a recipe composes it.
        options: the model that validates the component's options.
        reference: paper, DOI or URL of the method.
        example: of a reader, the import string of a function that writes a small screen of its layout to an empty
            folder and returns the path to open; the conformance suite reads it. Empty for other kinds.
    """

    name: str
    summary: str
    factory: str
    options: type[Options] = NoOptions
    reference: str = ""
    example: str = ""
