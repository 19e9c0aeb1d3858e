"""`deepnoise recipe`: list, show, check and fill recipes, and their JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Recipes: which components learn what.", no_args_is_help=True, rich_markup_mode=None)

Source = Annotated[str, typer.Argument(metavar="RECIPE", help="Built-in name or YAML file.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable.")
]


@app.command("list", epilog="Example: deepnoise recipe list")
def list_recipes(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the built-in recipes."""
    from deepnoise.console import print_json, print_table
    from deepnoise_registry.recipes.library import builtin_summaries

    summaries = builtin_summaries()
    if json:
        print_json([{"name": name, "summary": summary} for name, summary in summaries.items()])
    else:
        print_table("Built-in recipes", ["name", "what it is"], [[*item] for item in summaries.items()])


@app.command("show", epilog="Example: deepnoise recipe show demo > mine.yaml")
def show(recipe: Source) -> None:
    """Print a built-in recipe, or a file, as it was written."""
    from deepnoise_registry.recipes.reading import recipe_text

    typer.echo(recipe_text(recipe), nl=False)


@app.command("check", epilog="Example: deepnoise recipe check mine.yaml")
def check(recipe: Source, sets: Sets = None) -> None:
    """Check a recipe against the installed components; all faults are printed, and end with 2."""
    from deepnoise.listing import catalogue
    from deepnoise_registry.recipes.reading import read_recipe

    filled, notes = read_recipe(recipe, catalogue(), sets=sets or ())
    for note in notes:
        typer.echo(note, err=True)
    typer.echo(f"{filled.name}: correct")


@app.command("fill", epilog="Example: deepnoise recipe fill demo --set train.epochs=3 > mine.yaml")
def fill(
    recipe: Source,
    sets: Sets = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a recipe with every default written out."""
    from deepnoise.console import print_json
    from deepnoise.listing import catalogue
    from deepnoise_registry.recipes.reading import read_recipe
    from deepnoise_registry.recipes.writing import recipe_to_yaml

    filled, notes = read_recipe(recipe, catalogue(), sets=sets or ())
    for note in notes:
        typer.echo(note, err=True)
    if json:
        print_json(filled.model_dump(mode="json"))
    else:
        typer.echo(recipe_to_yaml(filled), nl=False)


@app.command("schema", epilog="Example: deepnoise recipe schema > recipe.schema.json")
def schema() -> None:
    """Print the JSON Schema of a recipe with the installed components, for editors."""
    from deepnoise.console import print_json
    from deepnoise.listing import catalogue
    from deepnoise_registry.recipes.schema import recipe_schema

    print_json(recipe_schema(catalogue()))
