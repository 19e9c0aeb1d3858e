"""A recipe: which components learn what from a screen, and every option of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator
from pydantic_core import to_jsonable_python

from deepnoise_core.contracts import DataOptions, DesignOptions, InferenceOptions, Kind, Options, TrainOptions

COMPONENT_FIELDS: Mapping[str, Kind] = {
    "reader": Kind.READER,
    "backbone": Kind.BACKBONE,
    "head": Kind.HEAD,
    "normalizer": Kind.NORMALIZER,
    "augmentation": Kind.AUGMENTATION,
    "strategy": Kind.STRATEGY,
}
"""Fields of a recipe that hold one component."""

COMPONENT_LISTS: Mapping[str, Kind] = {"postprocessors": Kind.POSTPROCESSOR}
"""Fields of a recipe that hold a list of components."""

STAGE_FIELDS: Mapping[str, Kind] = {
    name: COMPONENT_FIELDS[name] for name in ("head", "normalizer", "augmentation", "strategy")
}
"""Fields of a stage that hold one component, or null for the recipe's own."""

PROSE = {"name", "summary", "reproduces", "published", "protocol"}
"""Fields of a recipe that change no number."""


class ComponentReference(Options):
    """A component by name, with its options; a bare string is shorthand for a name without options."""

    name: Annotated[str, Field(min_length=1)] = Field(description="bare name, or plugin/name")
    options: dict[str, JsonValue] = Field({}, description="options of the component")

    @model_validator(mode="before")
    @classmethod
    def _from_shorthand(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class StageOptions(Options):
    """One of several trainings in a row, each of which starts from the network of the one before."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        description="what the stage and its folder are called: small letters, digits, - and _"
    )
    by: Literal["cell_type"] | None = Field(
        None, description="cell_type: a network of its own for each cell type; one for all where null"
    )
    cell_types: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None, description="cell types of the stage, in their order; as data.cell_types says where null"
    )
    head_start: Literal["keep", "new"] = Field(
        "keep", description="the head that the stage before learned, or a new one; the backbone is always kept"
    )
    head: ComponentReference | None = Field(None, description="head of the stage; the recipe's where null")
    normalizer: ComponentReference | None = Field(None, description="normalizer; the recipe's where null")
    augmentation: ComponentReference | None = Field(None, description="augmentation; the recipe's where null")
    strategy: ComponentReference | None = Field(None, description="strategy; the recipe's where null")
    train: TrainOptions | None = Field(
        None, description="how long and with which optimiser, in full; as the recipe says where null"
    )
    epoch_ratio: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="cell type: the share of the epochs that it gets; 1 where not named"
    )

    @model_validator(mode="after")
    def _ratios_are_of_cell_types(self) -> Self:
        if self.epoch_ratio and self.by is None:
            raise ValueError("epoch_ratio is of a stage that is by: cell_type")
        return self


class Recipe(Options):
    """Everything that decides a training run but the screen and the device."""

    name: Annotated[str, Field(min_length=1)] = Field(description="what the recipe is called")
    summary: str = Field("", description="one line for listings")
    reproduces: str = Field("", description="the published system that it follows")
    published: str = Field("", description="the score that was published for it, and where")
    protocol: str = Field("", description="how that score was measured; no other may stand beside it")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="seed of every random choice")
    data: DataOptions = Field(DataOptions(), description="what is learned, from which wells")
    design: DesignOptions = Field(DesignOptions(), description="which classes plates hold, and how often")
    reader: ComponentReference | None = Field(
        None, description="who opens the screen; recognised by its layout where null"
    )
    backbone: ComponentReference = Field(description="from images to features")
    head: ComponentReference = Field(ComponentReference(name="linear"), description="from features to logits")
    normalizer: ComponentReference = Field(
        ComponentReference(name="z-score"), description="brings plates to one intensity scale"
    )
    augmentation: ComponentReference = Field(
        ComponentReference(name="deepnoise"), description="makes the random views"
    )
    strategy: ComponentReference = Field(
        ComponentReference(name="supervised"), description="learns from labelled and unlabelled views"
    )
    postprocessors: tuple[ComponentReference, ...] = Field(
        (ComponentReference(name="site-mean"),), description="refine predictions, in this order"
    )
    train: TrainOptions = Field(TrainOptions(), description="how long and with which optimiser")
    stages: tuple[StageOptions, ...] = Field(
        (), description="trainings in a row, from one network to the next; one training where empty"
    )
    inference: InferenceOptions = Field(InferenceOptions(), description="how images are predicted afterwards")

    @field_validator("stages")
    @classmethod
    def _follow_each_other(cls, stages: tuple[StageOptions, ...]) -> tuple[StageOptions, ...]:
        names = [stage.name for stage in stages]
        if len(set(names)) < len(names):
            raise ValueError(f"two are named {next(one for one in names if names.count(one) > 1)!r}")
        for before, stage in pairwise(stages):
            if stage.train is not None and stage.train.initial is not None:
                raise ValueError(f"{stage.name!r} starts from {before.name!r}; take initial from its train")
            if before.by is not None and stage.by is None:
                raise ValueError(
                    f"{stage.name!r} is to start from one network, but {before.name!r} makes one for each cell "
                    "type; let both be by: cell_type, or change their order"
                )
        return stages


def default_of(field: str) -> JsonValue:
    """The default of a field of a recipe in JSON types; None where it is required."""
    info = Recipe.model_fields[field]
    default: JsonValue = None if info.is_required() else to_jsonable_python(info.default)
    return default


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256, in hex, of all that can change a number: every field but those of prose."""
    fields = recipe.model_dump(mode="json", exclude=PROSE)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
