"""What everyone agrees on: records, hook specs, protocols, value types and errors. Imports no torch."""

from deepnoise_core.contracts.components import Component, NoOptions, Options
from deepnoise_core.contracts.hookspecs import GROUP, hookimpl
from deepnoise_core.contracts.kinds import Kind
from deepnoise_core.contracts.plan import (
    BatchOptions,
    DataOptions,
    OptimizerOptions,
    ScheduleOptions,
    SplitOptions,
    TrainOptions,
)
from deepnoise_core.contracts.predictions import (
    ID_COLUMNS,
    UNASSIGNED,
    PlateDesign,
    Predictions,
    Stage,
)
from deepnoise_core.contracts.readers import ReaderOptions
from deepnoise_core.contracts.screens import (
    SITE_COLUMNS,
    DroppedSite,
    ImageFiles,
    ImageStore,
    Role,
    Screen,
)
from deepnoise_core.contracts.statistics import (
    Histograms,
    Level,
    Measure,
    ReferenceWells,
    SiteStatistics,
    Tiles,
)
from deepnoise_core.contracts.training import (
    NO_LABEL,
    Batch,
    LabelledBatch,
    Losses,
    Progress,
    StepBatch,
    ViewPlan,
)

__all__ = [
    "GROUP",
    "ID_COLUMNS",
    "NO_LABEL",
    "SITE_COLUMNS",
    "UNASSIGNED",
    "Batch",
    "BatchOptions",
    "Component",
    "DataOptions",
    "DroppedSite",
    "Histograms",
    "ImageFiles",
    "ImageStore",
    "Kind",
    "LabelledBatch",
    "Level",
    "Losses",
    "Measure",
    "NoOptions",
    "OptimizerOptions",
    "Options",
    "PlateDesign",
    "Predictions",
    "Progress",
    "ReaderOptions",
    "ReferenceWells",
    "Role",
    "ScheduleOptions",
    "Screen",
    "SiteStatistics",
    "SplitOptions",
    "Stage",
    "StepBatch",
    "Tiles",
    "TrainOptions",
    "ViewPlan",
    "hookimpl",
]
