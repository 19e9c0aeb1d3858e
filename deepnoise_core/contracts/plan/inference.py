"""What a recipe says about prediction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deepnoise_core.contracts.components import Options

TestTimeViews = Literal["none", "flips", "dihedral"]


class InferenceOptions(Options):
    """How images are predicted once training is over."""

    tta: TestTimeViews = Field(
        "none", description="logits averaged over copies of each image: 4 flips, or 8 flips and turns (dihedral)"
    )
