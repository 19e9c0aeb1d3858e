"""What a recipe says about data: wells, classes, image size and the split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts.components import Options
from deepnoise_core.contracts.screens import Role

BadImages = Literal["error", "skip"]
Condition = Literal["cell_type"]


class SplitOptions(Options):
    """Which experiments (or plates) are trained on, selected on and only predicted.

    Applied in this order: `column`, then `test`, then `validation`, then `folds` over what is still train.
    """

    unit: Literal["experiment", "plate"] = Field(
        "experiment", description="what is never divided; a plate is named EXPERIMENT/PLATE"
    )
    column: str | None = Field(
        None, description="column of the screen that says train, val or validation, or test"
    )
    test: tuple[str, ...] = Field((), description="units that are only predicted")
    validation: tuple[str, ...] = Field((), description="units that select the best epoch")
    folds: Annotated[int, Field(ge=2)] | None = Field(
        None, description="divide the training units in this many folds, balanced over cell types"
    )
    fold: Annotated[int, Field(ge=0)] = Field(0, description="the fold that becomes validation")


class DesignOptions(Options):
    """What plates hold: which classes, how often, and which wells keep to it."""

    sets: str | None = Field(
        None,
        description="column of the screen that names the set of classes which a plate holds; found from the "
        "labels of training plates where null",
    )
    replicates: Annotated[int, Field(ge=1)] | Literal["labelled"] | None = Field(
        None,
        description="wells of a plate that may share a class: a number, or labelled: as many of each class as on "
        "the labelled plate that has most; one where no labelled plate has more, else unlimited, where null",
    )
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] | None = Field(
        None, description="roles of the wells that keep to the design; of all that accuracy counts where null"
    )


class DataOptions(Options):
    """What is learned, from which wells, at which size."""

    target: str = Field("perturbation", description="column whose values are the classes")
    roles: tuple[Role, ...] | None = Field(
        None, description="wells used; treatments where the target is the perturbation, else all, where null"
    )
    cell_types: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None, description="cell types learned from and predicted; classes are those of all; all where null"
    )
    condition: Condition | None = Field(
        None,
        description="cell_type: the head is told the well's beside the features; nothing where null",
    )
    image_size: Annotated[int, Field(ge=8)] | None = Field(
        None, description="resize sites to this side, in pixels; as stored where null"
    )
    unlabelled: tuple[Literal["validation", "test"], ...] = Field(
        ("validation", "test"), description="parts whose images, never labels, a strategy may learn from"
    )
    bad_images: BadImages = Field(
        "error", description="what a site does whose image cannot be read: error stops, skip leaves it out"
    )
    licence: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$", max_length=100)] | None = Field(
        None, description="licence of the images, as an SPDX word, which a bundle records; null where nobody said"
    )
    split: SplitOptions = Field(SplitOptions(), description="train, validation and test")
