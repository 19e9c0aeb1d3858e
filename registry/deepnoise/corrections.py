"""Corrections of embeddings as users name them: post-processors, each applied to what the one before left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from deepnoise_core.contracts import Kind

if TYPE_CHECKING:
    from deepnoise_core.contracts.protocols import PostProcessor
    from deepnoise_registry.catalogue import Catalogue
    from deepnoise_registry.recipes.recipe import ComponentReference

Step: TypeAlias = "str | Mapping[str, Any] | ComponentReference"
"""A post-processor as in a recipe: `sphering`, or `{"name": "sphering", "options": {"align": "plate"}}`."""

StepNames = Annotated[
    str, typer.Option("--steps", metavar="NAME,NAME,…", help="Corrections of embeddings, one upon the other.")
]
StepOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option", metavar="NAME.KEY=VALUE", help="Option of a step, as in center-scale.level=experiment."
    ),
]


def named_steps(
    names: str, options: Sequence[str] | None, catalogue: Catalogue
) -> tuple[ComponentReference, ...]:
    """Steps as the command line asks for them, with every option written out.

    Args:
        names: of post-processors, between commas; none where empty.
        options: of these, as `NAME.KEY=VALUE` with the value in YAML; a step that is named twice has them twice.
        catalogue: where they are found.

    Raises:
        InputError: no such post-processor, or an option is of no named step or not one that it has.
    """
    from deepnoise.opening import filled_options
    from deepnoise_core.contracts.errors import InputError
    from deepnoise_core.data.names import did_you_mean
    from deepnoise_registry.recipes.recipe import ComponentReference

    named = [name.strip() for name in names.split(",")] if names.strip() else []
    own: dict[str, list[str]] = {name: [] for name in named}
    for word in options or ():
        name, _, rest = word.partition(".")
        if name not in own:
            raise InputError(f"--option {word}: {name!r} is none of the steps{did_you_mean(name, named)}")
        own[name].append(rest)
    return tuple(
        ComponentReference(name=name, options=filled_options(name, own[name], catalogue, Kind.POSTPROCESSOR))
        for name in named
    )


def filled_steps(steps: Sequence[Step], catalogue: Catalogue) -> tuple[ComponentReference, ...]:
    """Steps as Python asks for them, with every option written out.

    Raises:
        InputError: no such post-processor, or it has no such option or takes no such value.
    """
    from deepnoise_registry.recipes.document import Document
    from deepnoise_registry.recipes.recipe import ComponentReference
    from deepnoise_registry.recipes.validation import validate_options

    made = []
    for step in steps:
        plain = step.model_dump() if isinstance(step, ComponentReference) else step
        given = validate_options(Document("steps", plain), ComponentReference)  # type: ignore[arg-type]
        model = catalogue.find(Kind.POSTPROCESSOR, given.name).component.options
        own = validate_options(Document(f"steps {given.name}", given.options), model)
        made.append(ComponentReference(name=given.name, options=own.model_dump(mode="json", by_alias=True)))
    return tuple(made)


def built_steps(steps: Sequence[ComponentReference], catalogue: Catalogue) -> dict[str, PostProcessor]:
    """The post-processors by name, in their order; one that comes again is `sphering (2)`."""
    from deepnoise_registry.building import build

    made: dict[str, PostProcessor] = {}
    for number, step in enumerate(steps):
        before = sum(one.name == step.name for one in steps[:number])
        name = f"{step.name} ({before + 1})" if before else step.name
        made[name] = build(catalogue, Kind.POSTPROCESSOR, step)
    return made
