"""What the reference tells of: the models of a recipe's fields, and what authors of each kind write against."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from deepnoise_core.contracts import (
    BatchOptions,
    CheckpointOptions,
    DataOptions,
    DesignOptions,
    InferenceOptions,
    InitialOptions,
    Kind,
    MixingOptions,
    OptimizerOptions,
    ScheduleOptions,
    SchedulePiece,
    SplitOptions,
    TrainOptions,
    predictions,
    protocols,
    screens,
    statistics,
    training,
)
from deepnoise_plugins.views.options import ViewOptions
from deepnoise_registry.recipes.recipe import Recipe, StageOptions

FIELDS: Mapping[type[BaseModel], str] = {
    Recipe: "",
    DataOptions: "data.",
    DesignOptions: "design.",
    SplitOptions: "data.split.",
    TrainOptions: "train.",
    BatchOptions: "train.batches.",
    CheckpointOptions: "train.checkpoints.",
    MixingOptions: "train.mixing.",
    OptimizerOptions: "train.optimizer.",
    ScheduleOptions: "train.schedule.",
    SchedulePiece: "train.schedule.pieces.0.",
    InitialOptions: "train.initial.",
    StageOptions: "stages.0.",
    InferenceOptions: "inference.",
    ViewOptions: "",
}
"""Models whose fields stand in docs/recipes.md under `<!-- fields: MODEL -->`, and what stands before each."""

PROTOCOLS: Mapping[Kind, tuple[type, ...]] = {
    Kind.BACKBONE: (protocols.BackboneFactory, protocols.Backbone),
    Kind.HEAD: (protocols.HeadFactory, protocols.Head, training.Targets, training.Scored),
    Kind.NORMALIZER: (
        protocols.NormalizerFactory,
        protocols.Normalizer,
        protocols.PortableNormalizer,
        protocols.Arithmetic,
        statistics.SiteStatistics,
    ),
    Kind.AUGMENTATION: (protocols.AugmentationFactory, protocols.Augmentation),
    Kind.STRATEGY: (
        protocols.StrategyFactory,
        protocols.Strategy,
        protocols.Predictor,
        training.ViewPlan,
        training.Pool,
        training.StepBatch,
        training.SupervisedBatch,
        training.Batch,
        training.View,
        training.Scored,
        training.Losses,
        training.Progress,
        training.Refreshed,
    ),
    Kind.POSTPROCESSOR: (
        protocols.PostProcessorFactory,
        protocols.PostProcessor,
        predictions.Predictions,
        predictions.PlateDesign,
    ),
    Kind.READER: (
        protocols.ReaderFactory,
        protocols.Reader,
        protocols.RemoteReader,
        screens.Screen,
        screens.ImageStore,
    ),
}
"""What an author of each kind writes against: its factory, what that builds, and what passes between."""
