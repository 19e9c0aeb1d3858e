"""Screens as the command line asks for them: by a path, with a reader of their own or that of the models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepnoise_core.contracts import Kind

if TYPE_CHECKING:
    from deepnoise.ensembles import Ensemble
    from deepnoise.model import Model
    from deepnoise_core.contracts import Screen
    from deepnoise_core.engine.observation import Observer
    from deepnoise_registry.catalogue import Catalogue

ScreenPath = Annotated[
    str, typer.Argument(metavar="PATH", help="Folder of plates, or the URL of a pack.", show_default=False)
]
ReaderName = Annotated[
    str | None, typer.Option("--reader", metavar="NAME", help="Who opens it; recognised by its layout if absent.")
]
ReaderOptions = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Option of that reader; repeatable.")
]


def opened(path: Path | str, reader: str | None = None, options: Sequence[str] | None = None) -> Screen:
    """The screen at a path.

    Args:
        path: a folder of plates, or what else an installed reader knows.
        reader: name of the reader; the one that recognises the path where None.
        options: of that reader, as `KEY=VALUE` with the value in YAML.

    Raises:
        ScreenError: as `deepnoise_registry.screens.open_screen`.
        RecipeError: an option is not `KEY=VALUE`, or the reader has no such option or takes no such value.
    """
    from deepnoise.listing import catalogue
    from deepnoise_registry.recipes.recipe import ComponentReference
    from deepnoise_registry.screens import open_screen

    known = catalogue()
    if reader is None and not options:
        return open_screen(path, known)
    name = reader or open_screen(path, known).reader
    return open_screen(path, known, ComponentReference(name=name, options=filled_options(name, options, known)))


def opened_for(
    models: Sequence[str],
    path: str,
    observer: Observer,
    *,
    weights: Sequence[float] | None = None,
    exclude: Path | None = None,
) -> tuple[Model | Ensemble, Screen]:
    """Models, and the screen at a path as the first of them reads it.

    Args:
        models: as of `load_models`.
        path: of the screen.
        observer: is told what is pulled.
        weights: what each model counts; all the same where None.
        exclude: CSV of sites to leave out, `site_id,reason`.

    Raises:
        InputError: a model, the screen or the list of sites cannot be read, or they do not go together.
    """
    from deepnoise.ensembles import load_models
    from deepnoise.listing import catalogue
    from deepnoise_core.data.exclusions import read_exclusions, without_excluded
    from deepnoise_registry.screens import open_screen

    known = catalogue()
    loaded = load_models(models, known, weights, observer)
    screen = open_screen(path, known, loaded.recipe.reader)
    if exclude is not None:
        screen = without_excluded(screen, read_exclusions(exclude), str(exclude))
    return loaded, screen


def filled_options(
    name: str, options: Sequence[str] | None, known: Catalogue, kind: Kind = Kind.READER
) -> dict[str, Any]:
    """All options of a component in JSON types: those that are given, and the defaults of the others."""
    from deepnoise_core.contracts.errors import RecipeError, RecipeProblem
    from deepnoise_registry.recipes.document import Document, parse_document
    from deepnoise_registry.recipes.validation import validate_options

    values = {}
    for word in options or ():
        key, equals, written = word.partition("=")
        if not equals or not key.isidentifier():
            raise RecipeError(
                [RecipeProblem("--option", 0, "", f"{word!r:.100} is not KEY=VALUE, as in sites=[1]")]
            )
        parsed = parse_document(written, f"--option {key}")
        if parsed.problems:
            raise RecipeError(parsed.problems)
        values[key] = parsed.value
    model = known.find(kind, name).component.options
    return validate_options(Document("--option", values), model).model_dump(mode="json", by_alias=True)
