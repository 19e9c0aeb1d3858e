"""Profiles of a real compound screen: mechanisms by nearest neighbour, before and after each correction."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_core.evaluation.disentanglement import Factors, measure
from deepnoise_core.evaluation.disentanglement.neighbours import unit_rows
from deepnoise_plugins.embeddings.center_scale import CenterScale
from deepnoise_plugins.embeddings.combat import Combat
from deepnoise_plugins.embeddings.options import CenterScaleOptions, CombatOptions, SpheringOptions
from deepnoise_plugins.embeddings.sphering import Sphering

SCALE = CenterScale(CenterScaleOptions(level="screen", reference="all"))
STEPS: dict[str, list[Callable[[Predictions, PlateDesign], Predictions]]] = {
    "center-scale by plate": [CenterScale(CenterScaleOptions())],
    "center-scale by plate, robust": [CenterScale(CenterScaleOptions(method="robust"))],
    "center-scale by all wells": [SCALE],
    "sphering": [Sphering(SpheringOptions(method="zca_cor"))],
    # Plates hold other compounds each, which ComBat takes for effects of plates.
    "center-scale by all wells, combat": [SCALE, Combat(CombatOptions())],
}


@pytest.fixture(scope="module")
def profiles(shared: Callable[[str], Path]) -> tuple[Predictions, pl.DataFrame]:
    """All 632 wells, and what each received: compound, concentration and mechanism."""
    folder = shared("bbbc021_profiles")
    table = pl.read_csv(folder / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz")
    images = pl.read_csv(folder / "BBBC021_v1_image.csv.gz", infer_schema_length=0)
    images = images.select(
        plate="Image_Metadata_Plate_DAPI",
        well="Image_Metadata_Well_DAPI",
        compound="Image_Metadata_Compound",
        concentration=pl.col("Image_Metadata_Concentration").cast(pl.Float64),
    ).unique()
    mechanisms = pl.read_csv(folder / "BBBC021_v1_moa.csv")
    wells = table.select(plate="Image_Metadata_Plate", well="Image_Metadata_Well")
    wells = wells.join(images, on=["plate", "well"], how="left", maintain_order="left")
    wells = wells.join(mechanisms, on=["compound", "concentration"], how="left", maintain_order="left")
    wells = wells.with_columns(
        experiment=pl.col("plate").str.split("_").list.first(),
        role=pl.when(pl.col("compound") == "DMSO")
        .then(pl.lit("negative_control"))
        .otherwise(pl.lit("treatment")),
        well_id=pl.col("plate") + "_" + pl.col("well"),
        cell_type=pl.lit("MCF-7"),
    )
    names = ("experiment", "plate", "well", "well_id", "cell_type", "role")
    embeddings = table.drop("Image_Metadata_Plate", "Image_Metadata_Well").to_numpy().astype(np.float32)
    ids = {name: wells[name].to_numpy() for name in names}
    return Predictions(ids, ("one",), np.zeros((len(wells), 1), np.float32), embeddings=embeddings), wells


def by_mechanism(embeddings: NDArray[np.float32], wells: pl.DataFrame) -> tuple[float, float]:
    """How often the nearest treatment of another compound has the same mechanism; and of another week too."""
    columns = {f"f{index}": column for index, column in enumerate(embeddings.astype(np.float64).T)}
    treated = wells.with_columns(**columns).filter(pl.col("role") == "treatment")
    keys = ["compound", "concentration", "moa", "experiment"]
    means = treated.group_by(keys, maintain_order=True).agg(pl.col(*columns).mean())
    unit = unit_rows(means.select(*columns).to_numpy())
    compound, mechanism, week = (means[name].to_numpy() for name in ("compound", "moa", "experiment"))
    similar = unit @ unit.T
    similar[compound[:, None] == compound] = -np.inf
    other = mechanism[similar.argmax(axis=1)] == mechanism
    similar[week[:, None] == week] = -np.inf
    known = similar.max(axis=1) > -np.inf
    apart = (mechanism[similar.argmax(axis=1)] == mechanism)[known]
    return float(other.mean()), float(apart.mean())


def corrected(predictions: Predictions, name: str) -> NDArray[np.float32]:
    for step in STEPS[name]:
        predictions = step(predictions, PlateDesign())
    assert predictions.embeddings is not None
    return predictions.embeddings


def test_raw_profiles_tell_half_of_the_mechanisms(profiles: tuple[Predictions, pl.DataFrame]) -> None:
    predictions, wells = profiles
    assert predictions.embeddings is not None
    assert predictions.embeddings.shape == (632, 516)
    assert by_mechanism(predictions.embeddings, wells)[0] == pytest.approx(0.495, abs=0.005)


@pytest.mark.parametrize("step", STEPS)
def test_corrections_tell_more_of_them(step: str, profiles: tuple[Predictions, pl.DataFrame]) -> None:
    predictions, wells = profiles
    other, apart = by_mechanism(corrected(predictions, step), wells)
    assert 0.65 <= other <= 0.95
    assert 0.5 <= apart <= other + 0.02


def test_variance_of_batches_is_taken_out_and_what_the_design_cannot_tell_is_named(
    profiles: tuple[Predictions, pl.DataFrame],
) -> None:
    predictions, wells = profiles
    treated = (wells["role"] == "treatment").to_numpy()
    names = wells.with_columns(perturbation=pl.col("compound") + pl.col("concentration").cast(pl.String))
    columns = ("perturbation", "experiment", "plate", "well", "cell_type")
    known = Factors(*(names[column].to_numpy()[treated] for column in columns))
    assert predictions.embeddings is not None
    scaled = corrected(predictions, "center-scale by plate")
    before, after = (measure(values[treated, :64], known) for values in (predictions.embeddings, scaled))
    for name in ("experiment_r2", "plate_r2", "component_regression"):
        assert after.figures[name].value < before.figures[name].value
    # Each compound was given in one week alone, so that none has a replicate elsewhere.
    for name in ("perturbation_probe", "retrieval_map", "neighbour_nsb", "neighbour_nsbp"):
        assert np.isnan(before.figures[name].value)
        assert name in before.notes[-1]
