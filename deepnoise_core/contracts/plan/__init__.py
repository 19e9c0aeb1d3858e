"""The plan: what a recipe says about data, training and prediction, beside its components."""

from deepnoise_core.contracts.plan.batches import BatchOptions, Domain
from deepnoise_core.contracts.plan.checkpoints import CheckpointOptions
from deepnoise_core.contracts.plan.data import BadImages, DataOptions, DesignOptions, SplitOptions
from deepnoise_core.contracts.plan.inference import BatchNormStatistics, InferenceOptions, TestTimeViews
from deepnoise_core.contracts.plan.initial import InitialOptions, Stem
from deepnoise_core.contracts.plan.mixing import MixingOptions
from deepnoise_core.contracts.plan.optimization import OptimizerName, OptimizerOptions
from deepnoise_core.contracts.plan.schedule import ScheduleName, ScheduleOptions, SchedulePiece
from deepnoise_core.contracts.plan.training import MemoryFormat, Precision, Selection, TrainOptions

__all__ = [
    "BadImages",
    "BatchNormStatistics",
    "BatchOptions",
    "CheckpointOptions",
    "DataOptions",
    "DesignOptions",
    "Domain",
    "InferenceOptions",
    "InitialOptions",
    "MemoryFormat",
    "MixingOptions",
    "OptimizerName",
    "OptimizerOptions",
    "Precision",
    "ScheduleName",
    "ScheduleOptions",
    "SchedulePiece",
    "Selection",
    "SplitOptions",
    "Stem",
    "TestTimeViews",
    "TrainOptions",
]
