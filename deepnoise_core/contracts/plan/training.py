"""What a recipe says about training: how long, in what batches, with which optimiser."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts.components import Options
from deepnoise_core.contracts.plan.batches import BatchOptions
from deepnoise_core.contracts.plan.checkpoints import CheckpointOptions
from deepnoise_core.contracts.plan.initial import InitialOptions
from deepnoise_core.contracts.plan.mixing import MixingOptions
from deepnoise_core.contracts.plan.optimization import OptimizerOptions
from deepnoise_core.contracts.plan.schedule import ScheduleOptions

Precision = Literal["auto", "fp32", "bf16", "fp16"]
MemoryFormat = Literal["auto", "channels_last", "contiguous"]
Selection = Literal["raw", "group", "loss", "last"]
Sharding = Literal["none", "full"]


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
    mixing: MixingOptions = Field(MixingOptions(), description="how images that come with labels are mixed")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of each target that is spread evenly over all classes"
    )
    optimizer: OptimizerOptions = Field(OptimizerOptions(), description="which optimiser moves the student")
    schedule: ScheduleOptions = Field(ScheduleOptions(), description="learning rate over time")
    initial: InitialOptions | None = Field(
        None, description="weights that the network starts with; a random start where null"
    )
    batch_norm_momentum: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="share of a batch in running statistics of batch norm; the network's own where null"
    )
    sync_batch_norm: bool = Field(
        default=False,
        description="whether several GPUs normalize by their common batch; else each process by its own images",
    )
    accumulate: Annotated[int, Field(ge=1)] = Field(
        1, description="parts of a step's batch that are learned from one by one, to save memory"
    )
    clip_gradient: Annotated[float, Field(gt=0)] | None = Field(None, description="largest gradient norm")
    skip_nonfinite: Annotated[int, Field(ge=0)] = Field(
        0,
        description="steps without a finite loss that are left out before training stops; what a step changes is "
        "copied before each, to be put back",
    )
    checkpoints: CheckpointOptions = Field(CheckpointOptions(), description="states to go on from after a stop")
    selection: Selection = Field(
        "raw",
        description="which epoch is published: of best raw or group-restricted accuracy or loss, or the last",
    )
    early_stopping: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after this many epochs without a better one"
    )
    precision: Precision = Field(
        "auto",
        description="auto is bf16 on a GPU that has it, else fp32; a training of 1,000 steps or more takes "
        "another where a probe finds it much faster",
    )
    memory_format: MemoryFormat = Field(
        "auto", description="order of an image in memory; auto is channels_last, or what that probe finds"
    )
    compile: bool = Field(
        default=False, description="whether torch.compile makes the backbone faster, after a minute or more"
    )
    sharding: Sharding = Field(
        "none",
        description="what several processes hold: the whole network each, or in full sharding a share each of "
        "weights, gradients, optimizer and published teacher",
    )

    @model_validator(mode="after")
    def _sharding_goes_with(self) -> Self:
        if self.sharding != "none" and self.compile:
            raise ValueError("compile: what sharding divides is not compiled; set one of them to its default")
        if self.sharding != "none" and self.precision == "fp16":
            raise ValueError(
                "precision: fp16 scales losses by the gradients of a whole network, which sharding divides; take "
                "bf16, or sharding: none"
            )
        return self

    @model_validator(mode="after")
    def _random_batches_have_one_size(self) -> Self:
        if self.batches.mix == "random" and self.unlabelled_batch_size is not None:
            raise ValueError(
                "unlabelled_batch_size has no meaning with batches.mix: random, where batch_size counts all "
                "sites of a step; remove one of the two"
            )
        return self

    @model_validator(mode="after")
    def _every_part_has_two_images(self) -> Self:
        if 2 * self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate: {self.accumulate} parts of at least 2 images do not fit a batch_size of "
                f"{self.batch_size}; make one smaller or the other larger"
            )
        return self

    @model_validator(mode="after")
    def _stopping_early_needs_a_figure(self) -> Self:
        if self.selection == "last" and self.early_stopping is not None:
            raise ValueError("early_stopping compares epochs, but selection: last does not; change one of them")
        return self
