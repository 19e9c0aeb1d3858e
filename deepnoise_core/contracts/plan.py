"""The plan: what a recipe says about data and training, beside its components."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts.components import Options
from deepnoise_core.contracts.screens import Role

OptimizerName = Literal["adamw", "adam", "sgd"]
ScheduleName = Literal["constant", "cosine", "step"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Domain = Literal["plate", "experiment", "cell_type"]
BadImages = Literal["error", "skip"]


class OptimizerOptions(Options):
    """Which optimiser moves the student."""

    name: OptimizerName = Field("adamw", description="adamw, adam or sgd (Nesterov where momentum > 0)")
    lr: Annotated[float, Field(gt=0)] = Field(1e-3, description="learning rate at the top of the schedule")
    weight_decay: Annotated[float, Field(ge=0)] = Field(1e-4, description="decay of weight matrices alone")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="momentum of sgd alone")


class ScheduleOptions(Options):
    """The learning rate as a pure function of training progress."""

    name: ScheduleName = Field("cosine", description="constant, cosine, or step at given epochs")
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(0.0, description="linear rise from zero")
    final: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="last factor of the cosine")
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = Field((), description="epochs at which step decays")
    gamma: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="factor of step at each milestone")


class BatchOptions(Options):
    """Which sites stand together in a batch."""

    mix: Literal["ratio", "random"] = Field(
        "ratio",
        description="ratio: both kinds in sizes as set; random: one shuffle of all sites, as DeepNoise published",
    )
    domain: Domain | None = Field(
        None, description="plate, experiment or cell_type: each batch is from one; from all where null"
    )
    weights: Literal["none", "balanced"] = Field(
        "none", description="balanced draws labelled sites with replacement, every class equally often"
    )

    @model_validator(mode="after")
    def _random_is_one_shuffle(self) -> Self:
        if self.mix == "random" and (self.domain is not None or self.weights != "none"):
            raise ValueError("mix: random is one shuffle of all sites; set domain and weights with mix: ratio")
        return self


class TrainOptions(Options):
    """How long, in what batches and with which optimiser the student learns."""

    epochs: Annotated[int, Field(ge=1)] = Field(20, description="passes over the labelled training sites")
    max_steps: Annotated[int, Field(ge=1)] | None = Field(None, description="stop after this many steps")
    batch_size: Annotated[int, Field(ge=2)] = Field(
        64, description="labelled sites a step; all sites where the mix is random"
    )
    unlabelled_batch_size: Annotated[int, Field(ge=2)] | None = Field(
        None, description="unlabelled sites a step; as many as labelled ones where null"
    )
    batches: BatchOptions = Field(BatchOptions(), description="which sites stand together in a batch")
    optimizer: OptimizerOptions = Field(OptimizerOptions(), description="which optimiser moves the student")
    schedule: ScheduleOptions = Field(ScheduleOptions(), description="learning rate over time")
    clip_gradient: Annotated[float, Field(gt=0)] | None = Field(None, description="largest gradient norm")
    precision: Precision = Field("auto", description="auto picks bf16 on a GPU that has it, else fp32")

    @model_validator(mode="after")
    def _random_batches_have_one_size(self) -> Self:
        if self.batches.mix == "random" and self.unlabelled_batch_size is not None:
            raise ValueError(
                "unlabelled_batch_size has no meaning with batches.mix: random, where batch_size counts all "
                "sites of a step; remove one of the two"
            )
        return self


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


class DataOptions(Options):
    """What is learned, from which wells, at which size."""

    target: str = Field("perturbation", description="column whose values are the classes")
    roles: tuple[Role, ...] | None = Field(
        None, description="wells used; treatments where the target is the perturbation, else all, where null"
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
    split: SplitOptions = Field(SplitOptions(), description="train, validation and test")
