"""`deepnoise components` and `deepnoise component show`: what a recipe can name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

EXAMPLE = "Example: deepnoise components backbone --json"

component = typer.Typer(help="One component.", no_args_is_help=True, rich_markup_mode=None)


def run(
    kind: Annotated[str | None, typer.Argument(help="backbone, head, normalizer, augmentation, …")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the components that a recipe can name."""
    from deepnoise.console import print_json, print_table
    from deepnoise.listing import catalogue, kind_named
    from deepnoise_core.contracts import Kind

    known = catalogue()
    kinds = list(Kind)
    offers = sorted(known.offers(kind_named(kind) if kind else None), key=lambda one: kinds.index(one.kind))
    if json:
        print_json([offer.as_dict() for offer in offers])
        return
    rows = [
        [offer.kind.value, known.canonical_name(offer), offer.component.summary, offer.distribution]
        for offer in offers
    ]
    print_table("Components", ["kind", "name", "what it is", "from"], rows)


@component.command("show", epilog="Example: deepnoise component show mean-teacher")
def show(
    name: Annotated[str, typer.Argument(help="Name of a component; kind/name where kinds share it.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a component's options, with types and defaults."""
    from deepnoise.console import print_json, print_table
    from deepnoise.listing import catalogue, find_anywhere, option_rows

    offers = find_anywhere(catalogue(), name)
    if json:
        print_json(
            [{**offer.as_dict(), "options": offer.component.options.model_json_schema()} for offer in offers]
        )
        return
    for offer in offers:
        heading = f"{offer.kind} {offer.name} ({offer.distribution} {offer.version}): {offer.component.summary}"
        typer.echo(heading + (f"\nreference: {offer.component.reference}" if offer.component.reference else ""))
        rows: list[list[Any]] = option_rows(offer.component.options)
        if rows:
            print_table("Options", ["option", "type", "default", "what it does"], rows)
        else:
            typer.echo("It has no options.")
