from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation
from sklearn.preprocessing import StandardScaler

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_plugins.embeddings.center_scale import CenterScale, center_and_spread
from deepnoise_plugins.embeddings.options import CenterScaleOptions

MakeProfiles = Callable[..., Predictions]
DESIGN = PlateDesign()


def center_scaled(predictions: Predictions, **options: Any) -> tuple[NDArray[np.float32], Predictions]:
    made = CenterScale(CenterScaleOptions(**options))(predictions, DESIGN)
    assert made.embeddings is not None
    return made.embeddings, made


@pytest.mark.parametrize("reference", ["negative_controls", "controls", "all"])
@pytest.mark.parametrize("level", ["plate", "experiment", "cell_type", "screen"])
def test_it_is_the_standard_scaler_of_each_group(level: str, reference: str, profiles: MakeProfiles) -> None:
    wells = profiles(experiments=3)
    assert wells.embeddings is not None
    made, after = center_scaled(wells, level=level, reference=reference)
    ids = wells.ids
    keys = {
        "plate": ids["experiment"] + "/" + ids["plate"],
        "experiment": ids["experiment"],
        "cell_type": ids["cell_type"],
        "screen": np.full(len(wells), "all"),
    }[level]
    of_role = {"negative_controls": ["negative_control"], "controls": ["negative_control", "positive_control"]}
    chosen = np.isin(ids["role"].astype(str), of_role.get(reference, list(set(ids["role"]))))
    for key in set(keys):
        own = keys == key
        scaler = StandardScaler().fit(wells.embeddings[own & chosen].astype(np.float64))
        np.testing.assert_allclose(made[own], scaler.transform(wells.embeddings[own]), rtol=1e-5, atol=1e-5)
    by = "" if level == "screen" else f" by {level.replace('_', ' ')}"
    said = {"negative_controls": "negative controls", "controls": "controls", "all": "all wells"}[reference]
    assert after.transductive == (f"embeddings of {said}{by}",)


@given(st.integers(1, 30), st.integers(0, 2**32))
def test_robust_statistics_are_those_of_scipy(rows: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_cauchy((rows, 3))
    centre, spread = center_and_spread(values, "robust")
    np.testing.assert_array_equal(centre, np.median(values, axis=0))
    np.testing.assert_allclose(spread, median_abs_deviation(values, scale=1 / 1.4826), atol=1e-4)


def test_real_profiles_are_scaled_as_by_pycytominer(shared: Callable[[str], Path]) -> None:
    folder = shared("bbbc021_profiles")
    expected = pl.read_csv(folder / "expected_mad_robustize_first60.csv", infer_schema_length=None)
    measured = pl.read_csv(folder / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz", infer_schema_length=None)
    measured = measured.rename({f"Image_Metadata_{name}": f"Metadata_{name}" for name in ("Plate", "Well")})
    joined = expected.select("Metadata_Plate", "Metadata_Well").join(
        measured, on=["Metadata_Plate", "Metadata_Well"], how="left", maintain_order="left", validate="1:1"
    )
    features = [name for name in expected.columns if not name.startswith("Metadata_")]
    values = joined.select(features).to_numpy()
    centre, spread = center_and_spread(values, "robust")
    assert values.shape == (632, 60)
    np.testing.assert_allclose((values - centre) / spread, expected.select(features).to_numpy(), atol=1e-8)


@given(scale=st.floats(0.1, 10), shift=st.floats(-100, 100), seed=st.integers(0, 2**16))
def test_what_a_plate_adds_and_multiplies_goes(
    scale: float, shift: float, seed: int, profiles: MakeProfiles
) -> None:
    wells = profiles(seed=seed)
    assert wells.embeddings is not None
    plate = (wells.ids["plate"] == "1") & (wells.ids["experiment"] == "E0")
    moved = np.where(plate[:, None], scale * wells.embeddings + shift, wells.embeddings).astype(np.float32)
    for method in ("standard", "robust"):
        straight, _ = center_scaled(wells, method=method)
        after, _ = center_scaled(replace(wells, embeddings=moved), method=method)
        np.testing.assert_allclose(after, straight, rtol=2e-3, atol=2e-3)


def test_a_feature_without_spread_is_centred_and_counted(profiles: MakeProfiles) -> None:
    wells = profiles()
    assert wells.embeddings is not None
    wells.embeddings[:, 1] = 0.1
    here = (wells.ids["plate"] == "0") & (wells.ids["role"] == "negative_control")
    wells.embeddings[here, 2] = 1000 + 1e-4 * np.arange(here.sum())
    made, after = center_scaled(wells)
    assert np.isfinite(made).all()
    np.testing.assert_array_equal(made[:, 1], 0)
    own = wells.ids["plate"] == "0"
    np.testing.assert_allclose(made[own, 2], wells.embeddings[own, 2] - 1000, atol=1e-3)
    assert after.notes[-1].startswith("center-scale: 2 of 4 features have no spread")


def test_too_few_controls_are_counted_by_group(profiles: MakeProfiles) -> None:
    wells = profiles(roles=("negative_control",) * 3 + ("treatment",) * 4)
    with pytest.raises(
        PredictionsError,
        match=r"4 negative controls in each group, but 4 of 4 have fewer \('plate E0/0: 3', .*'plate E1/1: 3'\)",
    ):
        center_scaled(wells)
    center_scaled(wells, minimum=3)
    center_scaled(wells, level="experiment")


def test_sites_of_a_well_count_once(profiles: MakeProfiles) -> None:
    sites = profiles(roles=("negative_control",) * 2 + ("treatment",), sites=5)
    with pytest.raises(PredictionsError, match="'plate E0/0: 2'"):
        center_scaled(sites)


def test_a_plate_with_few_controls_may_look_wider(profiles: MakeProfiles) -> None:
    wells = profiles()
    bare = (wells.ids["plate"] == "0") & (wells.ids["experiment"] == "E1")
    wells.ids["role"][bare] = "treatment"
    made, after = center_scaled(wells, few="wider")
    assert after.notes[1:] == (
        "center-scale: plate E1/0 has too few reference wells, so the 5 negative controls of experiment E1 are "
        "used",
    )
    by_experiment, _ = center_scaled(wells, level="experiment")
    by_plate, _ = center_scaled(wells, minimum=2, few="wider")
    np.testing.assert_array_equal(made[bare], by_experiment[bare])
    np.testing.assert_array_equal(made[~bare], by_plate[~bare])


def test_wider_has_an_end(profiles: MakeProfiles) -> None:
    wells = profiles(experiments=1, plates=1, roles=("negative_control",) * 3 + ("treatment",))
    with pytest.raises(PredictionsError, match=r"1 of 1 have fewer \('the screen: 3'\)"):
        center_scaled(wells, few="wider")
