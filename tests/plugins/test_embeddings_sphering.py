import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import fractional_matrix_power
from scipy.spatial.distance import pdist
from sklearn.covariance import ledoit_wolf

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_plugins.embeddings.options import SpheringOptions
from deepnoise_plugins.embeddings.sphering import Sphering
from deepnoise_plugins.embeddings.whitening import covariance_power, principal_axes

MakeProfiles = Callable[..., Predictions]
Table = NDArray[np.float64]
METHODS = ["pca", "zca", "pca_cor", "zca_cor"]


def sphered(predictions: Predictions, **options: Any) -> tuple[Table, Predictions]:
    made = Sphering(SpheringOptions(**options))(predictions, PlateDesign())
    assert made.embeddings is not None
    return made.embeddings.astype(np.float64), made


def whiten(values: Table, reference: Table, method: str) -> Table:
    scale = reference.std(axis=0) if method.endswith("_cor") else None
    return principal_axes(reference, scale).whitened(values, 0.0, turn_back=method.startswith("zca"))


def spherized(values: Table, reference: Table, method: str) -> Table:
    with warnings.catch_warnings():  # pycytominer sets an option that pandas deprecates
        warnings.simplefilter("ignore")
        from pycytominer.operations.transform import Spherize
    fitted = Spherize(method=method, epsilon=0, return_numpy=True).fit(pd.DataFrame(reference))
    return np.asarray(fitted.transform(pd.DataFrame(values)))


def controls_of(predictions: Predictions) -> NDArray[np.bool_]:
    return np.asarray(predictions.ids["role"] == "negative_control")


@pytest.fixture(scope="module")
def real(shared: Callable[[str], Path]) -> tuple[Table, NDArray[np.bool_]]:
    """Robustly scaled features of 632 real wells, and which of them got the solvent alone."""
    file = shared("bbbc021_profiles") / "expected_mad_robustize_first60.csv"
    frame = pl.read_csv(file, infer_schema_length=None)
    features = [name for name in frame.columns if not name.startswith("Metadata_")]
    return frame.select(features).to_numpy(), (frame["Metadata_Compound"] == "DMSO").to_numpy()


@pytest.mark.parametrize("method", METHODS)
def test_real_controls_become_white_as_by_pycytominer(method: str, real: tuple[Table, NDArray[np.bool_]]) -> None:
    values, controls = real
    made = whiten(values, values[controls], method)
    np.testing.assert_allclose(np.cov(made[controls], rowvar=False), np.eye(60), atol=1e-10)
    name = method.replace("pca", "PCA").replace("zca", "ZCA").replace("_", "-")
    expected = spherized(values, values[controls], name)
    signs = np.sign((made * expected).sum(axis=0))
    np.testing.assert_allclose(made * signs, expected, atol=1e-9)
    assert method.startswith("pca") or (signs == 1).all()


@pytest.mark.parametrize("method", METHODS)
def test_controls_become_white(method: str, profiles: MakeProfiles) -> None:
    wells = profiles(features=6)
    made, after = sphered(wells, method=method, shrinkage=0.0)
    controls = made[controls_of(wells)]
    np.testing.assert_allclose(controls.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.cov(controls, rowvar=False), np.eye(6), atol=1e-6)
    assert after.transductive == ("embeddings of negative controls",)
    assert after.notes[-1] == (
        "sphering: whitened on 20 reference wells, which vary in 6 of 6 directions, with a shrinkage of 0"
    )


@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 8), st.floats(0.01, 1))
def test_bases_differ_by_a_rotation(seed: int, rows: int, features: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    reference, values = generator.normal(size=(rows, features)), generator.normal(size=(5, features))
    axes = principal_axes(reference)
    along, back = (axes.whitened(values, share, turn_back=turn) for turn in (False, True))
    np.testing.assert_allclose(pdist(along), pdist(back), rtol=1e-6)
    covariance = np.cov(reference, rowvar=False).reshape(features, features)
    shrunk = (1 - share) * covariance + share * np.trace(covariance) / features * np.eye(features)
    expected = (values - reference.mean(axis=0)) @ fractional_matrix_power(shrunk, -0.5)
    np.testing.assert_allclose(back, expected, rtol=1e-5, atol=1e-6)


def test_shrinkage_is_that_of_ledoit_and_wolf(profiles: MakeProfiles) -> None:
    wells = profiles(features=30)
    assert wells.embeddings is not None
    made, after = sphered(wells)
    reference = wells.embeddings[controls_of(wells)].astype(np.float64)
    shrunk, share = ledoit_wolf(reference)
    root = fractional_matrix_power(shrunk * 20 / 19, -0.5)
    np.testing.assert_allclose(made, (wells.embeddings - reference.mean(axis=0)) @ root, rtol=1e-4, atol=1e-4)
    assert after.notes[-1].endswith(f"vary in 19 of 30 directions, with a shrinkage of {share:.2g}")


def test_too_few_controls_are_refused_without_shrinkage(profiles: MakeProfiles) -> None:
    wells = profiles(features=20)
    with pytest.raises(
        PredictionsError,
        match="20 features need at least 21 reference wells that vary in every direction, but the 20 here "
        "vary in 19; set shrinkage to ledoit_wolf",
    ):
        sphered(wells, shrinkage=0.0)
    made, _ = sphered(wells, shrinkage=0.1)
    assert np.isfinite(made).all()
    with pytest.raises(PredictionsError, match=r"needs 30 negative controls.*'the screen: 20'"):
        sphered(wells, minimum=30)


def test_a_feature_that_repeats_others_is_found_through_rounding(profiles: MakeProfiles) -> None:
    wells = profiles()
    assert wells.embeddings is not None
    wells.embeddings[:, 3] = wells.embeddings[:, :3] @ np.array([0.3, -0.7, 0.1], np.float32)
    with pytest.raises(PredictionsError, match="the 20 here vary in 3"):
        sphered(wells, shrinkage=0.0)


@pytest.mark.parametrize("method", METHODS)
def test_features_without_spread_stay_finite(method: str, profiles: MakeProfiles) -> None:
    wells = profiles()
    assert wells.embeddings is not None
    wells.embeddings[:, 1] = 0.1
    made, _ = sphered(wells, method=method)
    assert np.isfinite(made).all()
    wells.embeddings[:] = 2.0
    for shrinkage in ("ledoit_wolf", 0.5):
        with pytest.raises(PredictionsError, match="the 20 here vary in 0"):
            sphered(wells, method=method, shrinkage=shrinkage)


@pytest.mark.parametrize("align", ["experiment", "plate"])
def test_aligned_batches_are_those_of_coral(align: str, profiles: MakeProfiles) -> None:
    wells = profiles()
    white, _ = sphered(wells)
    made, after = sphered(wells, align=align, ridge=0.5)
    assert after.transductive == (f"embeddings of negative controls by {align}",)
    controls, regular = controls_of(wells), 0.5 * np.eye(4)
    target = fractional_matrix_power(np.cov(white[controls], rowvar=False) + regular, 0.5)
    ids = wells.ids
    batches = ids["experiment"] if align == "experiment" else ids["experiment"] + ids["plate"]
    for batch in set(batches):
        own = batches == batch
        reference = white[own & controls]
        source = fractional_matrix_power(np.cov(reference, rowvar=False) + regular, -0.5)
        expected = (white[own] - reference.mean(axis=0)) @ source @ target
        np.testing.assert_allclose(made[own], expected, rtol=1e-4, atol=1e-4)


def test_with_a_small_ridge_all_batches_become_alike(profiles: MakeProfiles) -> None:
    wells = profiles()
    made, _ = sphered(wells, align="experiment", shrinkage=0.0, ridge=1e-9)
    for name in ("E0", "E1"):
        own = made[controls_of(wells) & (wells.ids["experiment"] == name)]
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(np.cov(own, rowvar=False), np.eye(4), atol=1e-5)


def test_a_batch_with_few_controls_is_named(profiles: MakeProfiles) -> None:
    wells = profiles()
    wells.ids["role"][wells.ids["experiment"] == "E1"] = "treatment"
    with pytest.raises(PredictionsError, match=r"1 of 2 have fewer \('experiment E1: 0'\)"):
        sphered(wells, align="experiment")


@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([-0.5, 0.5]), st.floats(0.1, 10))
def test_powers_of_covariances_are_those_of_scipy(seed: int, rows: int, power: float, ridge: float) -> None:
    generator = np.random.default_rng(seed)
    values, reference = generator.normal(size=(3, 5)), generator.normal(size=(rows, 5))
    covariance = np.cov(reference, rowvar=False) if rows > 1 else np.zeros((5, 5))
    expected = values @ fractional_matrix_power(covariance + ridge * np.eye(5), power)
    np.testing.assert_allclose(covariance_power(values, reference, ridge, power), expected, atol=1e-9)
