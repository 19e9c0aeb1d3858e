"""Embedding maps: where points go, by brute force."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from deepnoise.pictures.embedding_map import (
    Kinds,
    batch_kinds,
    draw_embedding_map,
    embedding_map,
    perturbation_kinds,
)
from deepnoise_core.contracts.errors import InputError


def drawn(figure: Figure) -> tuple[int, int]:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with Image.open(buffer) as image:
        return image.size


def test_principal_components_are_those_of_a_singular_value_decomposition() -> None:
    values = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32) * [5, 3, 1, 1, 1]
    found = embedding_map(values.astype(np.float32), method="pca")
    centred = values - values.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    wanted = (left * singular)[:, :2]
    for axis in range(2):
        sign = np.sign(found.points[:, axis] @ wanted[:, axis])
        np.testing.assert_allclose(found.points[:, axis], sign * wanted[:, axis], atol=1e-3)
    shares = singular**2 / (singular**2).sum()
    assert found.axes == (f"PC 1 ({shares[0]:.0%})", f"PC 2 ({shares[1]:.0%})")
    assert "principal components of 30 wells" in found.caption
    np.testing.assert_array_equal(found.points, embedding_map(values.astype(np.float32), method="pca").points)


def test_umap_keeps_groups_apart_and_is_seeded() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    centres = np.eye(3, 8) * 20
    group = np.arange(36) % 3
    values = (centres[group] + np.random.default_rng(1).normal(size=(36, 8))).astype(np.float32)
    found = embedding_map(values)
    assert "UMAP of 36 wells" in found.caption
    np.testing.assert_array_equal(found.points, embedding_map(values, method="umap").points)
    distance = np.linalg.norm(found.points[:, None] - found.points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_array_equal(group[distance.argmin(axis=1)], group)


def test_few_or_broken_or_even_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    even = embedding_map(np.ones((3, 4), np.float32))
    assert not even.points.any()
    assert embedding_map(np.array([[1.0], [3.0]], np.float32)).points.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    with pytest.raises(InputError, match="two wells"):
        embedding_map(np.ones((1, 4), np.float32))
    with pytest.raises(InputError, match="first in row 2"):
        embedding_map(np.array([[1.0], [2.0], [np.nan]], np.float32))
    monkeypatch.setattr("deepnoise.pictures.embedding_map.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install"):
        embedding_map(np.ones((3, 4), np.float32), method="umap")
    many = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    assert "principal components" in embedding_map(many).caption


def colour_of(kinds: Kinds, point: int) -> str:
    return kinds.names[int(kinds.of_point[point])]


def test_frequent_perturbations_are_named_and_controls_stand_apart() -> None:
    names = [f"p{number}" for number in range(12) for _ in range(20 - number)] + [None, "p0"]
    controls = np.zeros(len(names), bool)
    controls[-1] = True
    kinds = perturbation_kinds(names, controls)
    assert kinds.names == (*(f"p{number}" for number in range(10)), "others", "controls")
    assert len(set(kinds.colours)) == 12
    for point, name in enumerate(names[:-2]):
        assert colour_of(kinds, point) == (name if name in kinds.names else "others")
    assert [colour_of(kinds, -2), colour_of(kinds, -1)] == ["others", "controls"]
    assert perturbation_kinds(["b", "a", "b"]).names == ("a", "b")
    assert perturbation_kinds([None, None]).names == ("others",)


def test_many_batches_take_a_scale_in_natural_order() -> None:
    few = batch_kinds(["E-10", "E-2", "E-10"])
    assert few.names == ("E-2", "E-10")
    assert few.of_point.tolist() == [1, 0, 1]
    assert not few.is_scale
    many = batch_kinds([f"E-{number}" for number in range(72)])
    assert many.is_scale
    assert len(set(many.colours)) == 72


@pytest.mark.parametrize("count", [2, 300])
def test_maps_are_drawn(count: int) -> None:
    found = embedding_map(np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32), method="pca")
    kinds = {
        "perturbation": perturbation_kinds([f"a rather long name {number % 15}" for number in range(count)]),
        "plate": batch_kinds([str(number % 20) for number in range(count)]),
        "experiment": batch_kinds(["one"] * count),
    }
    width, height = drawn(draw_embedding_map(found, kinds))
    assert width > 2 * height > 1000
