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
from deepnoise.model import Model
from deepnoise.program_formats import METADATA
from deepnoise_core.contracts.errors import InputError, ModelError

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


def test_a_program_that_differs_is_not_written(
    tiny_run: Path, tmp_path: Path, deepnoise: Deepnoise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
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
    }.items():
        done = deepnoise("export", *words)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    model = dn.load(tiny_run)
    assert isinstance(model, Model)
    for sets, message in {
        "normalizer=flat-field": "needs more than statistics of channels",
        "inference.batch_norm=plate": "looks at whole plates",
    }.items():
        other = replace(model, bundle=replace(model.bundle, recipe=dn.load_recipe("tiny", sets=[sets])))
        with pytest.raises(ModelError, match=message):
            exporting.export_model(other, out, "pt2")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'deepnoise\[onnx\]'"):
        exporting.export_model(model, tmp_path / "model.onnx", "onnx")
    assert taken.read_bytes() == b"mine"
    assert not out.exists()
