"""From a recipe with stages or folds to the trainings that it stands for, each a recipe of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from deepnoise_core.contracts import TrainOptions
from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.recipes.recipe import STAGE_FIELDS, Recipe, StageOptions


@dataclass(frozen=True)
class Part:
    """One training of a series.

    Attributes:
        path: folder of its run within the series, e.g. `fold-0/fine-tune/HUVEC`.
        recipe: its own, without stages.
        after: path of the part whose network it starts from; None where it starts anew.
        head: what becomes of that network's head.
        member: whether it takes part in the ensemble that the series is.
    """

    path: str
    recipe: Recipe
    after: str | None = None
    head: Literal["keep", "new"] = "keep"
    member: bool = True


def parts_of(recipe: Recipe, cell_types: Sequence[str], folds: int | None = None) -> tuple[Part, ...]:
    """The trainings of a recipe in their order, fold by fold and stage by stage.

    Args:
        recipe: filled.
        cell_types: those of the screen, in the order in which stages take them.
        folds: train this many folds, each of which is validation once; as the recipe splits where None.

    Raises:
        InputError: a stage names a cell type that the screen, or the stage before, has not.
    """
    if folds is None:
        return tuple(_staged(recipe, cell_types, "")) if recipe.stages else (Part("", recipe),)
    parts: list[Part] = []
    for fold in range(folds):
        split = recipe.data.split.model_copy(update={"folds": folds, "fold": fold})
        data = recipe.data.model_copy(update={"split": split})
        own = recipe.model_copy(update={"name": f"{recipe.name}-fold-{fold}", "data": data})
        folder = f"fold-{fold}"
        parts += _staged(own, cell_types, f"{folder}/") if recipe.stages else [Part(folder, own)]
    return tuple(parts)


def scaled_epochs(train: TrainOptions, ratio: float) -> int:
    """Epochs at a ratio, the tail of the schedule whole: 165 with a tail of 5 at a quarter are 45."""
    tail = train.schedule.tail_epochs
    return max(1, round((train.epochs - tail) * ratio) + tail)


def _staged(recipe: Recipe, cell_types: Sequence[str], folder: str) -> Iterator[Part]:
    before: dict[str | None, str] = {}
    for stage in recipe.stages:
        now: dict[str | None, str] = {}
        for cell_type in _cell_types(recipe, stage, cell_types) if stage.by else (None,):
            path = f"{folder}{stage.name}" + (f"/{_folder(cell_type)}" if cell_type else "")
            after = before.get(cell_type, before.get(None))
            if before and after is None:
                raise InputError(
                    f"stages: {stage.name!r} needs a network of cell type {cell_type!r}, which the stage before "
                    f"does not make; it makes {', '.join(map(str, before))}"
                )
            own = _recipe_of(recipe, stage, cell_type)
            yield Part(path, own, after, stage.head_start, member=stage is recipe.stages[-1])
            now[cell_type] = path
        before = now


def _cell_types(recipe: Recipe, stage: StageOptions, cell_types: Sequence[str]) -> Sequence[str]:
    """The cell types that a stage has a network for."""
    wanted = stage.cell_types or recipe.data.cell_types or tuple(cell_types)
    for name in wanted:
        if name not in cell_types:
            raise InputError(
                f"stages: {stage.name!r} is to learn from cell type {name!r}, but the screen has "
                f"{', '.join(cell_types)}"
            )
    return wanted


def _recipe_of(recipe: Recipe, stage: StageOptions, cell_type: str | None) -> Recipe:
    own = {field: value for field in STAGE_FIELDS if (value := getattr(stage, field)) is not None}
    cell_types = (cell_type,) if cell_type else stage.cell_types or recipe.data.cell_types
    train = stage.train or recipe.train
    ratio = stage.epoch_ratio.get(cell_type, 1.0) if cell_type else 1.0
    return recipe.model_copy(
        update={
            **own,
            "name": "-".join(filter(None, (recipe.name, stage.name, cell_type))),
            "data": recipe.data.model_copy(update={"cell_types": cell_types}),
            "train": train.model_copy(update={"epochs": scaled_epochs(train, ratio)}),
            "stages": (),
        }
    )


def _folder(cell_type: str) -> str:
    """A cell type as the name of a folder, on any system."""
    return quote(cell_type, safe=" +()").replace(".", "%2E")
