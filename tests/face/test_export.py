"""Exported programs, run as their users would: by PyTorch or onnxruntime alone, on statistics taken by NumPy."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise import exporting
from deepnoise.api import installed
from deepnoise.model import Model
from deepnoise.program_formats import FORMATS, METADATA
from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_registry.bundles import write_bundle

Deepnoise = Callable[..., CompletedProcess[str]]
Run = Callable[[Sequence[NDArray[Any]]], Sequence[NDArray[Any]]]


def read_pt2(file: Path) -> tuple[Run, str]:
    extra = {METADATA: ""}
    program = torch.export.load(file, extra_files=extra).module()
    return lambda given: [one.detach().numpy() for one in program(*map(torch.from_numpy, given))], extra[METADATA]


def read_onnx(file: Path) -> tuple[Run, str]:
    session = pytest.importorskip("onnxruntime").InferenceSession(file)
    names = [one.name for one in session.get_inputs()]

    def run(given: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        outputs: Sequence[NDArray[Any]] = session.run(None, dict(zip(names, given, strict=True)))
        return outputs

    return run, session.get_modelmeta().custom_metadata_map[METADATA]


@pytest.mark.parametrize(("to", "read"), [("pt2", read_pt2), ("onnx", read_onnx)], ids=["pt2", "onnx"])
def test_a_program_says_what_the_model_says(
    to: str,
    read: Callable[[Path], tuple[Run, str]],
    tiny_run: Path,
    tiny_screen: Path,
    tmp_path: Path,
    deepnoise: Deepnoise,
) -> None:
    if to == "onnx":
        pytest.importorskip("onnxscript")
    file = tmp_path / f"model.{to}"
    done = deepnoise("export", tiny_run, "--to", to, "-o", file)
    assert done.returncode == 0, done.stderr
    assert "input centre: float64 [batch, 6]; mean, over its plate" in done.stderr
    assert list(tmp_path.iterdir()) == [file]

    run, said = read(file)
    interface = json.loads(said)
    screen, model = dn.open_screen(tiny_screen), dn.load(tiny_run)
    assert interface["channels"] == list(screen.channels)
    assert [one["name"] for one in interface["inputs"]] == ["pixels", "centre", "spread"]
    assert [one["name"] for one in interface["outputs"]] == ["logits", "embeddings"]
    assert interface["inputs"][0]["shape"] == ["batch", 6, "height", "width"]

    expected = model.predict(screen, unit="site", device="cpu", tta="none")
    assert list(expected.classes) == interface["classes"]
    places = {site: row for row, site in enumerate(screen.column("site_id"))}
    order = np.array([places[site] for site in expected.ids["site_id"]])
    pixels = screen.store.read(np.arange(len(screen)))
    plates = screen.column("experiment").astype(str) + "/" + screen.column("plate").astype(str)
    centre, spread = np.empty((2, len(screen), 6))
    for plate in np.unique(plates):
        centre[plates == plate] = pixels[plates == plate].mean(axis=(0, 2, 3))
        spread[plates == plate] = pixels[plates == plate].std(axis=(0, 2, 3), dtype=np.float64)
    assert expected.embeddings is not None
    for at in (slice(1), slice(3), slice(None, None, 7)):
        rows = order[at]
        logits, embeddings = run([pixels[rows], centre[rows], spread[rows]])
        np.testing.assert_allclose(logits, expected.scores[at], atol=5e-5)
        np.testing.assert_allclose(embeddings, expected.embeddings[at], atol=5e-5)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose head is told the cell type, and whose network resizes; its weights are random."""
    folder = tmp_path_factory.mktemp("told") / "bundle"
    screen = dn.simulate("tiny")
    recipe = dn.load_recipe("tiny", sets=["data.condition=cell_type", "data.image_size=24", "normalizer=robust"])
    made = dn.compose(recipe, screen)
    training = {"split": {"unit": "experiment", "train": [], "validation": []}, "transductive": []}
    write_bundle(folder, made, made.student.state_dict(), training, installed())
    return folder


def test_a_network_of_16_bits_that_is_told_the_cell_type(told: Path, tmp_path: Path) -> None:
    model, file = dn.load(told), tmp_path / "model.pt2"
    made = dn.export(told, file, to="pt2", pixels="uint16")
    assert [one["name"] for one in made.interface["inputs"]] == ["pixels", "centre", "spread", "condition"]
    assert isinstance(model, Model)
    run, _ = read_pt2(file)
    pixels = np.random.default_rng(0).integers(0, 60_000, (3, 6, 40, 48)).astype(np.uint16)
    centre = np.median(pixels, axis=(2, 3)).astype(np.float64)
    spread = np.full_like(centre, 12_345.6)
    wide = torch.from_numpy((pixels.astype(np.float64) - centre[..., None, None]) / spread[..., None, None])
    images = torch.nn.functional.interpolate(wide.float(), (24, 24), mode="bilinear", antialias=True)
    scores = []
    for condition in (np.ones((3, 1), dtype=np.float32), np.zeros((3, 1), dtype=np.float32)):
        logits, embeddings = run([pixels, centre, spread, condition])
        with torch.inference_mode():
            features = model.bundle.network.embed(images)
            expected = model.bundle.network.score(features, torch.from_numpy(condition))
        np.testing.assert_allclose(embeddings, features.numpy(), atol=2e-5)
        np.testing.assert_allclose(logits, expected.numpy(), atol=2e-5)
        scores.append(logits)
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_a_program_that_differs_is_not_written(
    tiny_run: Path, tmp_path: Path, deepnoise: Deepnoise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    made: list[torch.nn.Module] = []

    def untraced(program: torch.nn.Module, *_: object) -> tuple[None, bool]:
        made.append(program)
        return None, False

    def eager(given: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        with torch.inference_mode():
            outputs: Sequence[torch.Tensor] = made[0](*given)
        return outputs

    monkeypatch.setattr(exporting, "_traced", untraced)
    monkeypatch.setitem(FORMATS, "pt2", FORMATS["pt2"]._replace(content=lambda *_: b"", opened=lambda _: eager))
    done = deepnoise("export", tiny_run, "--to", "pt2", "-o", tmp_path / "model.pt2")
    assert done.returncode == 2
    assert "differs from the model by" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_said_before_any_work(
    tiny_run: Path, tmp_path: Path, deepnoise: Deepnoise, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, out = tmp_path / "taken.pt2", tmp_path / "model.pt2"
    taken.write_bytes(b"mine")
    for words, message in {
        (tiny_run, "--to", "tflite", "-o", out): "--to: 'tflite' is none of pt2, onnx",
        (tiny_run, "--to", "pt2", "-o", out, "--pixels", "float"): "--pixels: 'float' is none of uint8, uint16",
        (tiny_run, "--to", "pt2", "-o", taken): "already exists",
        (tiny_run, "--to", "onnx", "-o", out): "name it model.onnx",
        (tmp_path / "none", "--to", "pt2", "-o", out): "there is no such run or bundle",
        (tiny_run, "--to", "onnx", "-o", tmp_path / "a.onnx", "--device", "auto"): "leave --device out",
        (tiny_run, "--to", "pt2", "-o", out, "--device", "gpu"): "no device is called 'gpu'",
        (tiny_run, "--to", "pt2", "-o", out, "--device", "mps"): "device mps is not available to PyTorch",
    }.items():
        done = deepnoise("export", *words)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    model = dn.load(tiny_run)
    assert isinstance(model, Model)
    for sets, message in {
        "normalizer=flat-field": "needs more than statistics of channels.* train with another, such as z-score",
        "inference.batch_norm=plate": r"looks at whole plates.* train with inference\.batch_norm=running",
    }.items():
        other = replace(model, bundle=replace(model.bundle, recipe=dn.load_recipe("tiny", sets=[sets])))
        with pytest.raises(ModelError, match=message):
            exporting.export_model(other, out, "pt2")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'deepnoise\[onnx\]'"):
        exporting.export_model(model, tmp_path / "model.onnx", "onnx")
    assert taken.read_bytes() == b"mine"
    assert not out.exists()
