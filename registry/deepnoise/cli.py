"""The command line: one module a command, each importing what is heavy only when it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import partial

import typer

from deepnoise.commands import (
    baseline,
    compare,
    components,
    demo,
    disentangle,
    doctor,
    embed,
    evaluate,
    export,
    hub,
    import_,
    models,
    plugins,
    predict,
    profiles,
    pull,
    push,
    recipe,
    report,
    screen,
    simulate,
    submit,
    sweep,
    train,
    verify,
    x,
)

app = typer.Typer(
    name="deepnoise",
    help="Learn perturbations from microscopy screens, in spite of plates, wells and experiments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    demo,
    simulate,
    train,
    sweep,
    predict,
    embed,
    evaluate,
    compare,
    disentangle,
    report,
    submit,
    profiles,
    baseline,
    export,
    import_,
    pull,
    push,
    models,
    components,
    doctor,
    verify,
):
    app.command(name=command.__name__.rpartition(".")[2].rstrip("_"), epilog=command.EXAMPLE)(command.run)
app.command(name="x", epilog=x.EXAMPLE, context_settings=x.SETTINGS)(x.run)
app.add_typer(components.component, name="component")
app.add_typer(hub.app, name="hub")
app.add_typer(models.model, name="model")
app.add_typer(plugins.app, name="plugins")
app.add_typer(recipe.app, name="recipe")
app.add_typer(screen.app, name="screen")

_SPREADING = ("--set", "--option", "--grid")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `deepnoise`; those of the process where None.

    Returns:
        0; 1 where a check found something; 2 for wrong use or input, which is told in one message.
    """
    words = spread(sys.argv[1:] if arguments is None else arguments)
    try:
        app(words, prog_name="deepnoise", obj=partial(main, words))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except Exception as error:
        # Imported only here, since `--help` should not wait for it.
        from deepnoise_core.contracts.errors import DeepnoiseError

        if not isinstance(error, DeepnoiseError):
            raise
        message = str(error)
        sys.stderr.write(f"{message}\n" if "\n" in message else f"deepnoise: {message}\n")
        return 2
    return 0


def spread(words: Iterable[str]) -> Sequence[str]:
    """Repeat an option before each `KEY=VALUE` that follows it.

    `--set a=1 b=2` becomes `--set a=1 --set b=2`, which is what the parser understands. What follows `x` is for a
    plugin to read.
    """
    given, made = list(words), list[str]()
    if given[:1] == ["x"]:
        return given
    option, taken = "", 0
    for word in given:
        if word in _SPREADING:
            option, taken = word, 0
        elif option and (not taken or ("=" in word and not word.startswith("-"))):
            made += [option, word]
            taken += 1
        else:
            option = ""
            made.append(word)
    return [*made, option] if option and not taken else made
