"""One trial of a sweep as a process: is told of it by a line of JSON on standard input."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

from deepnoise.api.catalogue import installed
from deepnoise.console import Terminal
from deepnoise.sweeps.trial import Trial, do_trial
from deepnoise_core.contracts.errors import DeepnoiseError
from deepnoise_core.engine.interruption import ended_in_order
from deepnoise_registry.recipes.reading import parse_recipe
from deepnoise_registry.screens import open_screen


def main() -> int:
    """Do the trial; standard output says why it failed, if it did."""
    trial = Trial(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_stop_with_the_sweep, daemon=True).start()
    try:
        catalogue = installed()
        recipe, _ = parse_recipe(trial.recipe, f"the recipe of {trial.folder}", catalogue)
        with ended_in_order():
            do_trial(trial, open_screen(trial.screen, catalogue, recipe.reader), catalogue, Terminal())
    except DeepnoiseError as error:
        sys.stdout.write(str(error))
        return 2
    return 0


def _stop_with_the_sweep() -> None:
    """Save the state and leave when the sweep's end of the pipe is gone."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
