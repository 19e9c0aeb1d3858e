"""What a recipe says about prediction."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts.components import Options
from deepnoise_core.contracts.statistics import ReferenceWells

BatchNormStatistics = Literal["running", "plate", "experiment"]
TestTimeViews = Literal["none", "flips", "dihedral"]


class InferenceOptions(Options):
    """How images are predicted once training is over."""

    tta: TestTimeViews = Field(
        "none", description="logits averaged over copies of each image: 4 flips, or 8 flips and turns (dihedral)"
    )
    batch_norm: BatchNormStatistics = Field(
        "running",
        description="statistics of batch norm: running ones of training, or those of each plate or experiment",
    )
    batch_norm_minimum: Annotated[int, Field(ge=2)] = Field(
        16, description="fewest sites that tell statistics; else those of the experiment, or the running ones"
    )
    batch_norm_reference: ReferenceWells = Field(
        "all", description="sites that tell statistics: all, or those of controls or negative_controls"
    )
