"""Predictions find their model again: where it was, or by its reference where caches lie elsewhere now."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import deepnoise as dn
from deepnoise.whereabouts import bundle_again
from deepnoise.zoo import builtin_bundle
from deepnoise_registry.hub.server.local import LocalHub

Deepnoise = Callable[..., CompletedProcess[str]]


def provenance_of(folder: Path, **fields: Any) -> Mapping[str, Any]:
    """What predictions say of their model, once something else was written there."""
    file = folder / "predictions.json"
    said = json.loads(file.read_text())
    said["provenance"] |= fields
    file.write_text(json.dumps(said))
    found: Mapping[str, Any] = said["provenance"]
    return found


def test_a_report_asks_a_model_of_the_hub_again_without_the_hub(
    tiny_screen: Path, tmp_path: Path, deepnoise: Deepnoise, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {one.name: one.read_bytes() for one in builtin_bundle("builtin:tiny").iterdir() if one.is_file()}
    predictions, moved = tmp_path / "predictions", tmp_path / "moved"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with LocalHub(tmp_path / "store") as hub:
        commit = hub.store.publish("org/tiny", files, tag="v1")
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        words = (
            "predict",
            "hf-hub:org/tiny@v1",
            "--screen",
            tiny_screen,
            "--out",
            predictions,
            "--device",
            "cpu",
        )
        done = deepnoise(*words)
        assert done.returncode == 0, done.stderr
    said = provenance_of(predictions)
    assert said["reference"] == f"hf-hub:org/tiny@{commit}"
    (tmp_path / "home").rename(moved)
    assert bundle_again(said)[1].startswith("the model is not at hand: org/tiny@")
    monkeypatch.setenv("HF_HOME", str(moved))
    again, _ = bundle_again(said)
    assert again is not None
    assert moved in again.parents
    page = tmp_path / "report.html"
    done = deepnoise("report", predictions, "-o", page, "--saliency", 2, "--megabytes", 1, "--layout", "pca")
    assert done.returncode == 0, done.stderr
    assert "The surest of those named" in page.read_text()
    assert "is not shown" not in page.read_text()
    assert deepnoise("evaluate", predictions).returncode == 0


def test_a_built_in_model_is_found_by_its_name_and_another_is_none(tmp_path: Path) -> None:
    said = dn.load("builtin:tiny").provenance()
    assert said["reference"] == "builtin:tiny"
    assert bundle_again(said | {"bundle": str(tmp_path)}) == (builtin_bundle("builtin:tiny"), "")
    other = Path(shutil.copytree(builtin_bundle("builtin:tiny"), tmp_path / "other"))
    assert bundle_again(said | {"bundle": str(other)}) == (other, "")
    assert bundle_again(said | {"bundle": str(other), "model_sha256": "0" * 64})[1].startswith(
        "another model is in"
    )
    assert bundle_again({"bundle": str(tmp_path)})[1] == "the model's folder is no longer there"
