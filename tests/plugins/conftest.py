"""Profiles of plates with technical effects, and small screens of random pixels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.contracts import SITE_COLUMNS, Predictions, Screen
from deepnoise_core.data.stores import ArrayStore

MakeProfiles = Callable[..., Predictions]


@pytest.fixture(scope="session")
def profiles() -> MakeProfiles:
    """Makes predictions of wells, or of sites; each plate shifts and scales its embeddings in its own way."""
    return make_profiles


@pytest.fixture(scope="session")
def rows_of() -> Callable[[Predictions, ArrayLike], Predictions]:
    """Takes rows of predictions, in the order asked for."""
    return take


def make_profiles(
    *,
    experiments: int = 2,
    plates: int = 2,
    roles: tuple[str, ...] = ("negative_control",) * 5 + ("positive_control",) * 2 + ("treatment",) * 6,
    features: int = 4,
    sites: int = 1,
    seed: int = 0,
) -> Predictions:
    generator = np.random.default_rng(seed)
    experiment, plate, place, site = np.indices((experiments, plates, len(roles), sites)).reshape(4, -1)
    shift, scale = (
        generator.normal(0, 3, (experiments, plates, features)),
        generator.uniform(0.5, 2, (experiments, plates, features)),
    )
    noise = generator.normal(size=(len(site), features)) @ generator.normal(size=(features, features))
    values = shift[experiment, plate] + scale[experiment, plate] * noise
    names = [f"E{e}_{p}_B{w + 2:02}" for e, p, w in zip(experiment, plate, place, strict=True)]
    ids: dict[str, Any] = {
        "experiment": [f"E{number}" for number in experiment],
        "plate": [str(number) for number in plate],
        "well": [name[-3:] for name in names],
        "well_id": names,
        "cell_type": [("HUVEC", "U2OS")[number % 2] for number in experiment],
        "role": [roles[number] for number in place],
    }
    if sites > 1:
        ids["site_id"] = [f"{name}_{number}" for name, number in zip(names, site, strict=True)]
    columns = {name: np.array(column, dtype=object) for name, column in ids.items()}
    scores = generator.normal(size=(len(names), 3)).astype(np.float32)
    return Predictions(columns, ("a", "b", "c"), scores, embeddings=values.astype(np.float32), notes=("a note",))


def take(predictions: Predictions, rows: ArrayLike) -> Predictions:
    index = np.asarray(rows)
    embeddings = cast(NDArray[np.float32], predictions.embeddings)
    return replace(
        predictions,
        ids={name: column[index] for name, column in predictions.ids.items()},
        scores=predictions.scores[index],
        embeddings=embeddings[index],
    )


@pytest.fixture(scope="session")
def six_sites() -> Callable[..., tuple[Screen, NDArray[Any]]]:
    """Makes a screen of six sites on four plates with random pixels [6, 3, 7, 5], and those pixels."""

    def make(dtype: str, *, constant: bool = False) -> tuple[Screen, NDArray[Any]]:
        pixels = np.random.default_rng(3).integers(
            0, np.iinfo(dtype).max, (6, 3, 7, 5), dtype=dtype, endpoint=True
        )
        if constant:
            pixels[:, 1] = 9
        table = {name: [f"{name}-{row}" for row in range(6)] for name in SITE_COLUMNS}
        table |= {"experiment": list("AAAABB"), "plate": list("112212"), "cell_type": ["HUVEC", "U2OS"] * 3}
        table |= {"role": ["treatment"] * 6}
        return Screen(pl.DataFrame(table), ("a", "b", "c"), ArrayStore(pixels), "memory"), pixels

    return make
