"""Trackers of experiments: TensorBoard, W&B, MLflow and trackio, through those of accelerate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.engine.observation import Advance, Observer
from deepnoise_registry.recipes.document import parse_document

TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")
"""Names of trackers, which are those of their packages."""

_PROJECT = "deepnoise"
_RUN_NAME = {"wandb": "name", "mlflow": "run_name", "trackio": "name"}
_PLACES = {"epoch", "step"}


def require_trackers(names: Sequence[str]) -> None:
    """Refuse trackers that are unknown, or whose package is not installed.

    Raises:
        InputError: says how to install it.
    """
    for name in names:
        if name not in TRACKERS:
            raise InputError(f"--track {name}: is none of {', '.join(TRACKERS)}")
        if find_spec(name) is None:
            raise InputError(f"--track {name}: {name} is not installed; pip install {name}")


def tracked(observer: Observer, names: Sequence[str]) -> Observer:
    """An observer that tells trackers what it is told; the observer itself where no tracker is named.

    Raises:
        InputError: as of `require_trackers`.
    """
    require_trackers(names)
    return Tracking(observer, tuple(dict.fromkeys(names))) if names else observer


class Tracking:
    """Tells trackers of each run: its card and recipe, every epoch, and the best epoch at its end.

    A tracker that fails is told no more of that run, and training goes on.
    """

    def __init__(self, observer: Observer, names: Sequence[str]) -> None:
        self._observer, self._names = observer, names
        self._folder, self._facts = Path(), dict[str, Any]()
        self._begun, self._trackers = False, dict[str, Any]()

    def note(self, text: str) -> None:
        """Passed on."""
        self._observer.note(text)

    def task(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Passed on."""
        return self._observer.task(name, total)

    def card(self, folder: Path, card: Mapping[str, Any]) -> None:
        """The facts of a run that begins, or the best epoch of one that ends."""
        self._observer.card(folder, card)
        if "best" in card:
            self._tell(lambda tracker: tracker.log(_best(card), step=int(card["steps"])))
        self._tell(lambda tracker: tracker.finish())
        self._folder, self._facts = folder, dict(card)
        self._begun, self._trackers = False, {}

    def epoch(self, record: Mapping[str, float]) -> None:
        """The figures of an epoch, at its step."""
        self._observer.epoch(record)
        if not self._begun:
            # Not before: a tracker asks accelerate for the device, which training must have chosen.
            self._begun = True
            facts = {**dict(_facts(self._facts)), **_recipe(self._folder / "recipe.yaml")}
            for name in self._names:
                self._safely(name, partial(self._begin, name, facts))
        figures = {name: value for name, value in record.items() if name not in _PLACES}
        self._tell(lambda tracker: tracker.log(figures, step=int(record["step"])))

    def _begin(self, name: str, facts: Mapping[str, Any]) -> None:
        kind = LOGGER_TYPE_TO_CLASS[name]
        if kind.requires_logging_directory:
            tracker = kind(name, self._folder)
        else:
            tracker = kind(_PROJECT, **({_RUN_NAME[name]: self._folder.name} if name in _RUN_NAME else {}))
        if hasattr(tracker, "start"):  # older ones start when they are made
            tracker.start()
        tracker.store_init_configuration(facts)
        self._trackers[name] = tracker

    def _tell(self, what: Callable[[Any], object]) -> None:
        for name, tracker in list(self._trackers.items()):
            self._safely(name, partial(what, tracker))

    def _safely(self, name: str, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a tracker may raise anything, and no training ends for it
            self._trackers.pop(name, None)
            self.note(
                f"tracker {name} failed, so it is told no more of this run: {error or type(error).__name__}"
            )


def _best(card: Mapping[str, Any]) -> dict[str, float]:
    return {f"best/{name}": value for name, value in card["best"].items()}


def _recipe(path: Path) -> dict[str, Any]:
    return dict(_facts(parse_document(path.read_text(), str(path)).value, "recipe"))


def _facts(value: Any, key: str = "") -> Iterator[tuple[str, str | int | float | bool]]:
    """Dotted keys of all values, in the types that every tracker takes."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _facts(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, str | int | float):
        yield key, value
    elif value is not None:
        yield key, json.dumps(value)
