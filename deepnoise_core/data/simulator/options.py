"""What can be set of a simulated screen: its layout, its signal, and every source of its noise."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts.components import Options

CellType = Literal["HEPG2", "HUVEC", "RPE", "U2OS"]
Strength = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]

TREATMENT_WELLS = 277
"""Wells of a 384-well plate that RxRx1 leaves for treatments."""

POSITIVE_CONTROL_WELLS = 30
"""Wells that RxRx1 reserves for positive controls."""


class LayoutOptions(Options):
    """Which experiments there are, and what their plates hold."""

    train_experiments: dict[CellType, Count] = Field(
        {"HUVEC": 3, "RPE": 2}, description="experiments of each cell type whose `dataset` is train"
    )
    test_experiments: dict[CellType, Count] = Field(
        {"HUVEC": 1, "RPE": 1}, description="experiments of each cell type whose `dataset` is test"
    )
    groups: Annotated[int, Field(ge=1, le=9)] = Field(
        4, description="disjoint groups of treatments, and so plates an experiment"
    )
    group_size: Annotated[int, Field(ge=1, le=TREATMENT_WELLS)] = Field(
        TREATMENT_WELLS, description="treatments of a group, each in one well of the group's plate"
    )
    positive_controls: Annotated[int, Field(ge=0, le=POSITIVE_CONTROL_WELLS)] = Field(
        POSITIVE_CONTROL_WELLS, description="positive controls, each in one of the fixed wells of every plate"
    )
    sites: Annotated[int, Field(ge=1, le=9)] = Field(2, description="fields of view a well")
    common_rotation: Fraction = Field(
        0.6, description="share of experiments whose groups lie on the usual plates; the rest are rotated"
    )
    missing_wells: Fraction = Field(0.0012, description="share of wells lost to quality control, never B02")
    failed_transfers: Fraction = Field(
        0.0007, description="share of treatment and control wells that received nothing and are untreated"
    )

    @model_validator(mode="after")
    def _some_experiment(self) -> Self:
        if not any([*self.train_experiments.values(), *self.test_experiments.values()]):
            raise ValueError("train_experiments and test_experiments hold no experiment; ask for one or more")
        return self


class SignalOptions(Options):
    """How strongly, and in what, perturbations change the look of cells."""

    strength: Strength = Field(1.0, description="effect of treatments; at 0 all of them look untreated")
    control_strength: Strength = Field(1.5, description="effect of positive controls")
    count: Strength = Field(1.0, description="share of the effect that changes the number of cells")
    shape: Strength = Field(1.0, description="share that changes size and form of cells and nuclei")
    intensity: Strength = Field(1.0, description="share that changes the brightness of each channel")
    texture: Strength = Field(1.0, description="share that changes grain and contrast of each channel")
    arrangement: Strength = Field(1.0, description="share that moves organelles and fibres inside the cell")
    efficacy_spread: Strength = Field(
        0.2, description="standard deviation of the log effect over perturbations: some are weak"
    )
    cell_type_share: Fraction = Field(
        0.15, description="share of the variance of an effect that one cell type has alone"
    )


class NoiseOptions(Options):
    """Everything that varies without a perturbation; at 0 each source is off.

    Spreads of gain and blur are standard deviations of the natural logarithm; offsets and read noise are in
    grey levels of 8 bits.
    """

    experiment_gain: Strength = Field(0.6, description="spread of each channel's gain over experiments")
    plate_gain: Strength = Field(0.12, description="spread of each channel's gain over plates")
    well_gain: Strength = Field(0.05, description="spread of each channel's gain over wells")
    experiment_offset: Strength = Field(3.0, description="mean background of an experiment, grey levels")
    plate_offset: Strength = Field(1.0, description="spread of the background over plates, grey levels")
    experiment_blur: Strength = Field(0.2, description="spread of each channel's blur over experiments")
    plate_blur: Strength = Field(0.1, description="spread of each channel's blur over plates")
    illumination: Strength = Field(0.15, description="relative brightness lost from the middle to a corner")
    row_effect: Strength = Field(0.05, description="log gain from the middle to the first or last row")
    column_effect: Strength = Field(0.05, description="log gain from the middle to the first or last column")
    edge_effect: Strength = Field(0.1, description="log gain at the outermost wells, fading inwards")
    staining_drift: Strength = Field(0.05, description="log gain from the middle to the last well dispensed")
    experiment_biology: Strength = Field(
        0.25, description="change of the cells' look over experiments, in units of a treatment's effect"
    )
    well_biology: Strength = Field(
        0.15, description="change of the cells' look over wells, in units of a treatment's effect"
    )
    cell_biology: Strength = Field(1.0, description="differences between the cells of a well; 1 is usual")
    shot: Strength = Field(0.12, description="relative photon noise at usual brightness")
    read: Strength = Field(0.5, description="noise of the camera, grey levels")
    out_of_focus: Fraction = Field(0.01, description="share of sites that are out of focus")
    empty_wells: Fraction = Field(0.005, description="share of wells that lost nearly all cells")


class SimulatorOptions(Options):
    """A whole simulated screen."""

    image_size: Annotated[int, Field(ge=16, le=2048)] = Field(64, description="side of a site, in pixels")
    magnification: Annotated[float, Field(gt=0, le=16)] = Field(
        1.0, description="size of cells; at 1 the nucleus of a HUVEC has a radius of 4.5 pixels"
    )
    layout: LayoutOptions = Field(LayoutOptions(), description="experiments and plates")
    signal: SignalOptions = Field(SignalOptions(), description="what perturbations do")
    noise: NoiseOptions = Field(NoiseOptions(), description="what varies without them")
