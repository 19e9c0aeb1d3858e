"""Bundles that are damaged, forged, older or newer than they should be, and channels in another order."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import deepnoise as dn
from deepnoise.model import Model
from deepnoise_core.contracts import Measure
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.channels import in_channel_order
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.engine.weights import save_weights
from deepnoise_registry.bundles import Bundle

Change = Callable[[Path], object]


@pytest.fixture
def bundle(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of a bundle that may be spoilt."""
    return Path(shutil.copytree(tiny_run / "bundle", tmp_path / "run" / "bundle"))


def loaded(bundle: Path) -> Bundle:
    model = dn.load(bundle)
    assert isinstance(model, Model)
    return model.bundle


def told(bundle: Path, **fields: Any) -> None:
    """Let the manifest say something else; None takes a field out."""
    path = bundle / "manifest.json"
    changed = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in changed.items() if value is not None}))


def signed(bundle: Path, name: str) -> None:
    """Let the manifest tell the hash that a file has now."""
    known = json.loads((bundle / "manifest.json").read_text())["sha256"]
    told(bundle, sha256=known | {name: hashlib.sha256((bundle / name).read_bytes()).hexdigest()})


def failed(bundle: Path) -> dict[str, str]:
    """Name of each check that failed → what was found."""
    return {check.name: check.what for check in dn.verify(bundle).checks if not check.passed}


def test_a_bundle_is_complete_and_verifies(tiny_run: Path) -> None:
    found = dn.verify(tiny_run)
    assert found.ok, found
    assert [check.name for check in found.checks][-5:] == [
        "normalizer runs",
        "normalizer gives the golden input",
        "network runs",
        "golden logits",
        "golden embedding",
    ]
    said = json.loads((tiny_run / "bundle" / "manifest.json").read_text())
    assert said["format"] == "1.1"
    assert said["input_shape"] == [32, 32]
    assert said["normalizer"] == "intensity/z-score"
    assert said["postprocessors"][0] == "plates/site-mean"
    assert said["results"][0] | {"value": 0} == {
        "metric": "accuracy",
        "value": 0,
        "part": "validation",
        "stage": "raw",
        "protocol": "",
        "screen": "",
    }
    assert said["data_licence"] is None
    assert sorted(said["sha256"]) == ["golden.safetensors", "model.safetensors", "recipe.yaml"]
    golden = load_file(tiny_run / "bundle" / "golden.safetensors")
    assert golden["pixels"].dtype == torch.uint8
    network = loaded(tiny_run).network
    with torch.inference_mode():
        assert torch.allclose(network(golden["input"]), golden["logits"], rtol=1e-4, atol=1e-4)


def test_verify_exits_with_1_where_a_check_fails(
    bundle: Path, deepnoise: Callable[..., CompletedProcess[str]]
) -> None:
    done = deepnoise("verify", bundle, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"]
    (bundle / "notes.txt").write_text("mine")
    (bundle / "README.md").write_text("a card")
    (bundle / ".gitattributes").write_text("")
    done = deepnoise("verify", bundle)
    assert done.returncode == 1
    assert "not of the bundle: 'notes.txt'" in done.stdout
    assert deepnoise("verify", bundle / "absent").returncode == 2


def flip_weight(bundle: Path) -> None:
    raw = bytearray((bundle / "model.safetensors").read_bytes())
    raw[-5] ^= 4
    (bundle / "model.safetensors").write_bytes(raw)


def pickle_weights(bundle: Path) -> None:
    (bundle / "model.safetensors").write_bytes(b"PK\x03\x04" + bytes(100))
    signed(bundle, "model.safetensors")


def reweigh(change: Callable[[dict[str, torch.Tensor]], object]) -> Change:
    def changed(bundle: Path) -> None:
        tensors = {name: one.clone() for name, one in load_file(bundle / "model.safetensors").items()}
        change(tensors)
        save_weights(bundle / "model.safetensors", tensors)
        signed(bundle, "model.safetensors")

    return changed


def rewrite(change: Callable[[str], str]) -> Change:
    def changed(bundle: Path) -> None:
        path = bundle / "recipe.yaml"
        path.write_text(change(path.read_text()))
        signed(bundle, "recipe.yaml")

    return changed


def sparse_recipe(bundle: Path) -> None:
    with (bundle / "recipe.yaml").open("wb") as file:
        file.truncate(10 * 2**30)


def not_utf8(bundle: Path) -> None:
    (bundle / "recipe.yaml").write_bytes(b"name: \xff")
    signed(bundle, "recipe.yaml")


LAUGHS = "\n".join(["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)])
SPOILT: dict[str, tuple[Change, str]] = {
    "a_flipped_bit": (flip_weight, r"model\.safetensors: differs from the bundle's manifest \(sha256\)"),
    "missing_weights": (lambda one: (one / "model.safetensors").unlink(), "lacks its file model.safetensors"),
    "missing_recipe": (lambda one: (one / "recipe.yaml").unlink(), "the bundle lacks its file recipe.yaml"),
    "missing_manifest": (lambda one: (one / "manifest.json").unlink(), "this run has not finished|is no bundle"),
    "a_pickle": (pickle_weights, r"it is a pickle, as torch\.save writes"),
    "nan": (reweigh(lambda all_: all_[max(all_)].fill_(torch.nan)), "holds NaN, which is no number"),
    "another_shape": (
        reweigh(lambda all_: all_.update({max(all_): torch.zeros(3, 3, 3)})),
        r"weights do not fit the network of the recipe: '.*' is \[3, 3, 3\], not",
    ),
    "one_tensor_too_few": (reweigh(lambda all_: all_.pop(max(all_))), "do not fit .* it lacks '"),
    "recipe_of_10_gb": (sparse_recipe, r"recipe\.yaml: is larger than 262,144 bytes, so it is no recipe"),
    "alias_bomb": (rewrite(lambda _: LAUGHS), "holds more than 10,000 values once aliases are expanded"),
    "tag_that_runs_code": (
        rewrite(lambda text: text + "\nsummary2: !!python/object/apply:os.system ['true']\n"),
        "the tag .* is not allowed",
    ),
    "unknown_component": (
        rewrite(lambda text: text.replace("margins/arcface", "margins/arcfase")),
        "no head is named 'margins/arcfase', did you mean 'margins/arcface'",
    ),
    "recipe_not_utf8": (
        not_utf8,
        "can't decode byte",
    ),
    "manifest_no_json": (lambda one: (one / "manifest.json").write_text("{"), "the file: not JSON"),
    "manifest_nested": (lambda one: (one / "manifest.json").write_text("[" * 10**5), "the file: not JSON"),
    "manifest_of_a_pack": (
        lambda one: told(one, format="deepnoise-pack"),
        "format: 'deepnoise-pack' is no format",
    ),
    "path_in_manifest": (
        lambda one: told(one, sha256={"../model.safetensors": "0" * 64}),
        "sha256: Value error, '../model.safetensors' is no name of a file of a bundle",
    ),
    "names_that_differ_by_case": (
        lambda one: told(one, sha256=dict.fromkeys(("model.safetensors", "Model.safetensors"), "0" * 64)),
        "two names differ by their case alone",
    ),
    "no_hash_of_weights": (lambda one: told(one, sha256={"recipe.yaml": "0" * 64}), "lacks the hash of model"),
    "later_major": (
        lambda one: told(one, format="2.0", deepnoise="3.1.0"),
        r"a bundle of format 2\.0, and deepnoise .* reads 1\.x; pip install 'deepnoise>=3\.1\.0'",
    ),
    "later_major_of_nobody": (
        lambda one: told(one, format="9.0", deepnoise="'; true"),
        "a bundle of format 9.0, .*; pip install -U deepnoise",
    ),
    "plugin_that_is_not_installed": (
        lambda one: told(one, requires=[need("acme-parts", "2.0", name="wonder")]),
        r"needs head 'wonder' \(acme-parts 2\.0\), which no loaded plugin offers; "
        r"try: pip install 'acme-parts==2\.0'",
    ),
    "distribution_that_is_a_command": (
        lambda one: told(one, requires=[need("x; true", "1")]),
        r"requires\.0\.distribution: String should match pattern",
    ),
}


def need(distribution: str, version: str, name: str = "arcface") -> dict[str, str]:
    """A requirement of a manifest."""
    return {"kind": "head", "name": name, "plugin": "margins", "distribution": distribution, "version": version}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_bundle_is_refused_and_does_not_verify(bundle: Path, case: str) -> None:
    change, message = SPOILT[case]
    change(bundle)
    with pytest.raises(ModelError, match=message):
        dn.load(bundle)
    if (bundle / "manifest.json").is_file():
        assert failed(bundle)


def test_golden_tensors_that_are_not_met_are_told(bundle: Path) -> None:
    path = bundle / "golden.safetensors"
    golden = load_file(path)
    save_weights(path, {**golden, "logits": golden["logits"] * 1.01})
    assert "differs from the manifest" in failed(bundle)["file golden.safetensors"]
    signed(bundle, "golden.safetensors")
    assert list(failed(bundle)) == ["golden logits"]
    save_weights(path, {**golden, "input": golden["input"] + torch.nan})
    signed(bundle, "golden.safetensors")
    assert "golden embedding" in failed(bundle)
    save_weights(path, {**golden, "logits": golden["logits"][:, :5]})
    signed(bundle, "golden.safetensors")
    assert "do not go with 6 channels and 12 classes" in failed(bundle)["golden tensors"]
    del golden["input"]
    save_weights(path, golden)
    signed(bundle, "golden.safetensors")
    assert failed(bundle) == {"golden tensors": "the golden tensors lack input"}
    dn.load(bundle)


def test_bundles_of_the_first_format_load(bundle: Path) -> None:
    (bundle / "golden.safetensors").unlink()
    known = json.loads((bundle / "manifest.json").read_text())["sha256"]
    del known["golden.safetensors"]
    new = ("golden", "deepnoise", "input_shape", "normalizer", "postprocessors", "data_licence", "results")
    told(bundle, format="1.0", sha256=known, **dict.fromkeys(new))
    assert loaded(bundle).notes == ()
    assert dn.verify(bundle).ok
    assert dn.verify(bundle).checks[-1].what == "none: the bundle was written before there were any"


def test_later_minor_formats_and_other_versions_are_noted(bundle: Path, tiny_screen: Path) -> None:
    needs = json.loads((bundle / "manifest.json").read_text())["requires"]
    needs[0] |= {"version": "0.0.7", "since": "tomorrow"}
    told(bundle, format="1.7", deepnoise="0.9.1", wonders=[1], requires=needs)
    model = dn.load(bundle)
    assert isinstance(model, Model)
    newer, other = model.bundle.notes
    assert (
        "has format 1.7, and this deepnoise knows 1.1; it ignores wonders; pip install 'deepnoise>=0.9.1'"
        in newer
    )
    assert other.startswith("the bundle was written with deepnoise 0.0.7, but deepnoise ")
    assert "offers its backbone" in other
    assert model.bundle.manifest.model_extra == {"wonders": [1]}
    assert {newer, other} <= set(model.predict(dn.open_screen(tiny_screen), device="cpu").notes)
    assert dn.verify(bundle).ok


def test_channels_are_matched_by_name(tiny_run: Path, tiny_screen: Path) -> None:
    model, screen = dn.load(tiny_run), dn.open_screen(tiny_screen)
    turned = in_channel_order(screen, screen.channels[::-1])
    expected, found = (model.predict(one, device="cpu") for one in (screen, turned))
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert not any("matched by name" in note for note in expected.notes)
    assert any(note.startswith("channels were matched by name: the screen has golgi,") for note in found.notes)


def test_missing_and_surplus_channels_are_refused(bundle: Path, tiny_screen: Path) -> None:
    screen = dn.open_screen(tiny_screen)
    named = ("dapi", *screen.channels[1:])
    model, other = dn.load(bundle), replace(screen, channels=named)
    fault = "but the screen lacks nuclei and has besides dapi; name the screen's channels as the model does"
    with pytest.raises(ModelError, match=fault):
        model.predict(other, device="cpu")
    beside = Path(shutil.copytree(bundle, bundle.parents[1] / "beside" / "bundle")).parent
    told(beside / "bundle", channels=named[::-1])
    with pytest.raises(ModelError, match=f"has besides dapi; {beside} would fit"):
        model.predict(other, device="cpu")


def test_statistics_follow_their_channels() -> None:
    screen = dn.simulate("tiny").take(np.arange(12))
    screen = replace(screen, store=ArrayStore(screen.store.read(np.arange(12))))
    order = np.array([3, 1, 0, 5, 4, 2])
    measured = replace(screen, statistics=site_statistics(screen, measures=tuple(Measure)))
    turned = in_channel_order(measured, tuple(screen.channels[at] for at in order))
    again = site_statistics(replace(turned, statistics=None), measures=tuple(Measure))
    rows, kept = np.array([1, 5, 7]), turned.statistics
    assert kept is not None
    assert kept.histograms is not None
    assert again.histograms is not None
    assert kept.tiles is not None
    assert again.tiles is not None
    np.testing.assert_array_equal(kept.total, again.total)
    np.testing.assert_array_equal(kept.squares, again.squares)
    np.testing.assert_array_equal(
        kept.take(rows[:2]).histograms.pooled(np.arange(2)),  # type: ignore[union-attr]
        again.histograms.pooled(rows[:2]),
    )
    for one, two in zip(kept.tiles.pooled(rows), again.tiles.pooled(rows), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(turned.store.read(rows), screen.store.read(rows)[:, order])
