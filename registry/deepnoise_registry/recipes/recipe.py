"""A recipe: which components learn what from a screen, and every option of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, JsonValue, model_validator
from pydantic_core import to_jsonable_python

from deepnoise_core.contracts import DataOptions, InferenceOptions, Kind, Options, TrainOptions

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

_PROSE = {"name", "summary", "reproduces"}


class ComponentReference(Options):
    """A component by name, with its options; a bare string is shorthand for a name without options."""

    name: Annotated[str, Field(min_length=1)] = Field(description="bare name, or plugin/name")
    options: dict[str, JsonValue] = Field({}, description="options of the component")

    @model_validator(mode="before")
    @classmethod
    def _from_shorthand(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class Recipe(Options):
    """Everything that decides a training run but the screen and the device."""

    name: Annotated[str, Field(min_length=1)] = Field(description="what the recipe is called")
    summary: str = Field("", description="one line for listings")
    reproduces: str = Field("", description="the published system or protocol that it follows")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="seed of every random choice")
    data: DataOptions = Field(DataOptions(), description="what is learned, from which wells")
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
    inference: InferenceOptions = Field(InferenceOptions(), description="how images are predicted afterwards")


def default_of(field: str) -> JsonValue:
    """The default of a field of a recipe in JSON types; None where it is required."""
    info = Recipe.model_fields[field]
    default: JsonValue = None if info.is_required() else to_jsonable_python(info.default)
    return default


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256, in hex, of all that can change a number: every field but name, summary and reproduces."""
    fields = recipe.model_dump(mode="json", exclude=_PROSE)
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
