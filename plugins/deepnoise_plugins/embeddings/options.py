"""Options of the corrections of embeddings."""

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts import Level, Options, ReferenceWells

Basis = Literal["pca", "zca", "pca_cor", "zca_cor"]


class ReferenceOptions(Options):
    """Which wells show what is technical alone."""

    reference: ReferenceWells = Field(
        "negative_controls",
        description="wells to measure by: negative_controls, controls (positive ones too) or all",
    )
    minimum: Annotated[int, Field(ge=2)] = Field(4, description="fewest reference wells that are enough")


class CenterScaleOptions(ReferenceOptions):
    """Whose statistics an embedding is measured by."""

    level: Level = Field(
        "plate", description="reference wells of the own plate, experiment, cell_type or screen count"
    )
    method: Literal["standard", "robust"] = Field(
        "standard", description="standard: mean and standard deviation; robust: median and 1.4826 MAD"
    )
    few: Literal["error", "wider"] = Field(
        "error",
        description="where there are fewer reference wells than the minimum: error, or the next wider level that "
        "has enough, with a note",
    )


class SpheringOptions(ReferenceOptions):
    """How embeddings are whitened, and whether batches are aligned afterwards."""

    method: Basis = Field(
        "zca",
        description="pca: along the principal axes of the reference, largest first; zca: turned back, as close "
        "to the features as can be; with _cor each feature is standardized first",
    )
    shrinkage: Annotated[float, Field(ge=0, le=1)] | Literal["ledoit_wolf"] = Field(
        "ledoit_wolf",
        description="share of the covariance that is replaced by its mean variance in all directions; 0 asks for "
        "more reference wells than features",
    )
    align: Literal["none", "experiment", "plate"] = Field(
        "none", description="batches whose reference wells get the mean and covariance of all, by CORAL"
    )
    ridge: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1.0, description="variance that align adds to every direction, in units of the whitened reference"
    )


class CombatOptions(Options):
    """What a batch is, and what of it is adjusted."""

    batch: Literal["plate", "experiment"] = Field("plate", description="wells that share a technical effect")
    mean_only: bool = Field(default=False, description="adjust means alone, no spreads")
    reference_batch: str | None = Field(
        None, description="batch that stays as it is and that others are moved to; a plate is EXPERIMENT/PLATE"
    )
    keep_roles: bool = Field(
        default=False,
        description="keep the mean differences between roles, where batches hold them in other shares",
    )
