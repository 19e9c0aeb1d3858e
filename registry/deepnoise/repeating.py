"""Training once more what a card tells of, here or on another machine, and whether the same came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deepnoise.cards import CARD, filled_recipe, open_as_it_was, read_card
from deepnoise.circumstances import differences
from deepnoise.pulling import model_folder
from deepnoise.series import RECORD, Series, outcome, train_recipe
from deepnoise.training import Run, train_run
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.files import sha256_of
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Advance, Observer
from deepnoise_registry.bundles import recipe_of
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.manifest import WEIGHTS, read_manifest
from deepnoise_registry.recipes.recipe import Recipe


@dataclass(frozen=True)
class Original:
    """A training that is to be repeated.

    Attributes:
        path: its card, or its bundle.
        card: what it tells.
        recipe: filled.
        weights: folder of each part, within that of a series, → SHA-256 of its published weights; `.` of a run.
    """

    path: Path
    card: Mapping[str, Any]
    recipe: Recipe
    weights: Mapping[str, str]


@dataclass(frozen=True)
class Repeat:
    """What came out.

    Attributes:
        trained: the new run or series.
        same: whether its weights are those of the original, byte for byte; None where it tells none.
        verdict: the same in words.
    """

    trained: Run | Series
    same: bool | None
    verdict: str


def read_original(model: str | Path, catalogue: Catalogue) -> Original:
    """What a run, a series, a bundle or a card alone tells of how it was trained.

    Args:
        model: folder of a run, series or bundle, file of a card, or `hf-hub:org/name[@revision]`.
        catalogue: the components that its recipe may name.

    Raises:
        ModelError: there is no card, or it is of an older version that did not tell enough.
    """
    path = Path(model) if Path(model).is_file() else model_folder(model)
    if path.is_dir():
        own = next((path / name for name in (RECORD, CARD) if (path / name).is_file()), None)
        if own is None:
            manifest = read_manifest(path)
            weights = {".": manifest.sha256[WEIGHTS]}
            return Original(
                path, _checked(path, manifest.training), recipe_of(path, manifest, catalogue), weights
            )
        path = own
    card = _checked(path, read_card(path))
    recipe = filled_recipe(card, path, catalogue)
    if recipe is None:
        raise ModelError(
            f"{path}: was written by an older deepnoise and tells no recipe; train its recipe.yaml instead"
        )
    return Original(path, card, recipe, dict(_weights(path.parent, card)))


def repeat(
    original: Original,
    screen: Screen | Path | str | None,
    out: Path,
    catalogue: Catalogue,
    *,
    device: DeviceName = "auto",
    observer: Observer,
) -> Repeat:
    """Train the same recipe on the same sites, with as many threads and in the same precision.

    Args:
        original: what is repeated.
        screen: open, or where it is now; where it was, if None.
        out: folder of the new run or series; must not hold anything.
        catalogue: where components are found.
        device: `auto` is that of the original.
        observer: is told of progress, and before it of all that differs and can change numbers.

    Raises:
        InputError: as of `train_recipe`, or the screen has other sites now.
    """
    card, recipe = original.card, original.recipe
    pace = card.get("pace") or {}
    opened = open_as_it_was(screen, card["screen"], recipe, catalogue, original.path)
    told = _Telling(observer, original)
    device = pace.get("device", device) if device == "auto" else device
    with _threads(card.get("threads")):
        if "parts" in card:
            trained = train_recipe(
                recipe, opened, out, catalogue, folds=card["folds"], device=device, observer=told
            )
        else:
            trained = train_run(recipe, opened, out, catalogue, device=device, observer=told, pace=pace or None)
    return _judged(original, trained)


class _Telling:
    """Tells of what differs from the original as soon as a run's card is known; passes all else on."""

    def __init__(self, observer: Observer, original: Original) -> None:
        self._observer, self._original, self._told = observer, original, False

    def note(self, text: str) -> None:
        self._observer.note(text)

    def task(self, name: str, total: int) -> AbstractContextManager[Advance]:
        return self._observer.task(name, total)

    def epoch(self, record: Mapping[str, float]) -> None:
        self._observer.epoch(record)

    def card(self, folder: Path, card: Mapping[str, Any]) -> None:
        if not self._told:
            self._told = True
            changed = "; ".join(differences(self._original.card, card))
            self.note(
                f"repeating {self._original.path}: numbers may differ, since not all is as it was: {changed}"
                if changed
                else f"repeating {self._original.path}: all that numbers depend on is as it was"
            )
        self._observer.card(folder, card)


def _judged(original: Original, trained: Run | Series) -> Repeat:
    runs = {".": trained} if isinstance(trained, Run) else _by_folder(trained)
    if not original.weights:
        return Repeat(
            trained,
            same=None,
            verdict=f"{original.path} tells no weights to compare with, since it did not finish",
        )
    made = {part: sha256_of(run.bundle / WEIGHTS) for part, run in runs.items()}
    other = [part for part, digest in original.weights.items() if made.get(part) != digest]
    if not other:
        return Repeat(trained, same=True, verdict=f"the weights are those of {original.path}, byte for byte")
    told = f"{outcome(runs[other[0]])} now" if other[0] in runs else "it is not there now"
    where = "" if other == ["."] else f" in {', '.join(other)}"
    return Repeat(trained, same=False, verdict=f"the weights are not those of {original.path}{where}: {told}")


def _by_folder(series: Series) -> dict[str, Run]:
    return {run.path.relative_to(series.path).as_posix(): run for run in series.runs}


def _weights(folder: Path, card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The hashes of weights that a card and those of its parts tell; none of what has not finished."""
    for part in (one["path"] for one in card["parts"]) if "parts" in card else (".",):
        own = card if part == "." else _card_of_part(folder / part / CARD)
        if digest := own.get("weights_sha256"):
            yield part, digest


def _card_of_part(path: Path) -> Mapping[str, Any]:
    return read_card(path) if path.is_file() else {}


def _checked(path: Path, card: Any) -> Mapping[str, Any]:
    if not isinstance(card, dict) or "screen" not in card:
        raise ModelError(f"{path}: is no card of a run; give a run, a series, a bundle, or its {CARD}")
    return card


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """As many threads as the original had; sums over another number may round in another way."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
