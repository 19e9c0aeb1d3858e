"""The bundle that comes with the package: small, sound, and as good as its manifest says."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import deepnoise as dn
from deepnoise.model import Model
from deepnoise.zoo import builtin_bundle, builtin_bundles
from deepnoise_core.contracts.errors import ModelError

Deepnoise = Callable[..., CompletedProcess[str]]


def test_it_is_small_and_says_how_it_was_made() -> None:
    assert builtin_bundles() == ("tiny",)
    folder = builtin_bundle("builtin:tiny")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 2_000_000
    model = dn.load("builtin:tiny")
    assert isinstance(model, Model)
    manifest = model.bundle.manifest
    assert manifest.training["made_by"] == "python benchmarks/shipped_bundle.py OUT"
    assert manifest.data_licence
    assert "never saw" in (folder / "README.md").read_text()
    assert str(Path.home()) not in (folder / "manifest.json").read_text()


def test_it_meets_the_figures_of_its_manifest(tiny_screen: Path, tmp_path: Path, deepnoise: Deepnoise) -> None:
    assert deepnoise("verify", builtin_bundle("builtin:tiny")).returncode == 0
    out = tmp_path / "predictions"
    done = deepnoise("predict", "builtin:tiny", "--screen", tiny_screen, "--out", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    measured = dn.evaluate(out)
    model = dn.load("builtin:tiny")
    assert isinstance(model, Model)
    told = {one.stage: one.value for one in model.bundle.manifest.results if one.part == "test"}
    assert told
    for stage, accuracy in measured.stages.items():
        assert accuracy.accuracy == pytest.approx(told[str(stage)], abs=0.05)
        assert accuracy.accuracy > 5 * measured.chance


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(ModelError, match=r"no bundle 'tinny' comes with deepnoise.*builtin:tiny"):
        dn.load("builtin:tinny")
