"""Weights that others published start networks, in timm's layout or as bundles: from the Hub or a folder."""

import ast
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import timm
import torch
from timm.models._hub import save_for_hf

import deepnoise as dn
from deepnoise.initial import inherited_uses, start_network
from deepnoise.model import Model
from deepnoise.pretrained import published_weights
from deepnoise.zoo import builtin_bundle
from deepnoise_core.contracts.errors import HubError, InputError, ModelError
from deepnoise_core.engine.observation import Silent
from deepnoise_core.testing.notes import Notes
from deepnoise_registry.compose import Composition
from deepnoise_registry.hub.server.faults import Fault
from deepnoise_registry.hub.server.local import LocalHub

ROOMS = ("deepnoise", "deepnoise_core", "deepnoise_plugins", "deepnoise_registry")
ARCHITECTURES = {"densenet121": "features.conv0.weight", "efficientnet_b0": "conv_stem.weight"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders as timm writes them for the Hub: three channels, ten classes."""
    folders = {}
    for name in ARCHITECTURES:
        folder = tmp_path_factory.mktemp("timm") / name
        with torch.random.fork_rng():
            torch.manual_seed(0)
            save_for_hf(timm.create_model(name, num_classes=10), folder, safe_serialization=True)
        folders[name] = folder
    return folders


@pytest.fixture
def hub(published: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pauses before further attempts
    with LocalHub(tmp_path / "hub") as serving:
        for name, folder in published.items():
            files = {one: (folder / one).read_bytes() for one in ("config.json", "model.safetensors")}
            serving.store.publish(f"lab/{name}", files)
        tiny = {one.name: one.read_bytes() for one in builtin_bundle("builtin:tiny").iterdir()}
        serving.store.publish("lab/tiny", tiny, tag="v1")
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        yield serving


def tiny_from(weights: str) -> Composition:
    """The recipe of the bundle that comes along, which starts from a bundle and keeps its head."""
    return starting(made(), f"train.initial={{weights: '{weights}', head: keep}}")


@cache
def made(*sets: str) -> Composition:
    """A composition that tests share, since starting it again replaces all that it knows."""
    return dn.compose(dn.load_recipe("tiny", sets=sets), dn.simulate("tiny"))


def starting(composition: Composition, *sets: str) -> Composition:
    """The same network, which is to start otherwise."""
    return replace(composition, recipe=dn.load_recipe("tiny", sets=sets))


def composed(backbone: str, weights: str, stem: str) -> Composition:
    sets = (f"backbone={backbone}", f"train.initial={{weights: '{weights}', stem: {stem}}}")
    return starting(made(sets[0]), *sets)


def features(network: Any, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        answer: torch.Tensor = network(images)
    return answer


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("scheme", ["hf-hub", "local-dir"])
def test_timm_weights_start_a_network_of_six_channels(
    name: str, scheme: str, published: dict[str, Path], hub: LocalHub
) -> None:
    place = f"hf-hub:lab/{name}" if scheme == "hf-hub" else f"local-dir:{published[name]}"
    composition = composed(name, place, "mean")
    notes = start_network(composition, dn.api.installed())
    assert notes[0].startswith(f"the backbone starts from {place}")
    assert "sha256" in notes[0]
    assert notes[1] == f"stem {ARCHITECTURES[name]}: 3 to 6 channels by mean"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        original = timm.create_model(name, num_classes=10).eval()
    original.reset_classifier(0)
    grey = torch.rand(2, 1, 48, 48)
    expected = features(original, grey.expand(-1, 3, -1, -1))
    found = features(composition.student.backbone.eval(), grey.expand(-1, 6, -1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_what_was_loaded_once_needs_no_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    composition = composed("efficientnet_b0", "hf-hub:lab/efficientnet_b0", "repeat")
    (first, *_) = start_network(composition, dn.api.installed())
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert start_network(composition, dn.api.installed())[0] == first
    assert len(hub.requests) == asked
    with pytest.raises(HubError, match=r"config\.json is not in the cache .*weights: local-dir:FOLDER"):
        start_network(composed("densenet121", "hf-hub:lab/densenet121", "repeat"), dn.api.installed())
    monkeypatch.delenv("HF_HUB_OFFLINE")
    hub.stop()
    notes = Notes()
    assert start_network(composition, dn.api.installed(), notes)[0] == first
    assert any("going on with commit" in note for note in notes.told)
    with pytest.raises(HubError, match=r"cannot be reached .*weights: local-dir:FOLDER"):
        start_network(composed("densenet121", "hf-hub:lab/densenet121", "repeat"), dn.api.installed())


def test_other_weights_are_refused_by_name(published: dict[str, Path], hub: LocalHub, tmp_path: Path) -> None:
    backbone = composed("densenet121", "pretrained", "mean").student.backbone

    def refused(place: str, network: torch.nn.Module = backbone) -> str:
        with pytest.raises(InputError) as raised:
            published_weights(place, network, Silent())
        return str(raised.value)

    message = "is of efficientnet_b0, but the recipe's backbone is densenet121"
    assert message in refused(f"local-dir:{published['efficientnet_b0']}")
    assert message in refused("hf-hub:lab/efficientnet_b0")
    assert not [one for one in hub.requests if "model.safetensors" in one.path]
    assert "does not say an architecture" in refused(f"local-dir:{tmp_path}")
    assert "lab/none: there is no such repository" in refused("hf-hub:lab/none")
    assert "timm/densenet121.ra_in1k" in refused("pretrained")
    assert "timm publishes no weights of this backbone" in refused("pretrained", torch.nn.Identity())


def test_trouble_that_passes_is_tried_again_with_timm_weights_too(hub: LocalHub) -> None:
    hub.faults.add(Fault("status", path="config", times=1, status=503, headers={"Retry-After": "3"}))
    hub.faults.add(Fault("truncate", path="model.safetensors", method="GET", times=1))
    notes = Notes()
    start_network(composed("densenet121", "hf-hub:lab/densenet121", "mean"), dn.api.installed(), notes)
    assert any("config.json" in note and "trying again in 3 s" in note for note in notes.told)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_changed_bytes_of_timm_weights_are_refused(hub: LocalHub, tmp_path: Path, name: str) -> None:
    composition = composed("efficientnet_b0", "hf-hub:lab/efficientnet_b0", "mean")
    whole = (hub.store.object(hub.store.resolved("lab/efficientnet_b0", "main")[1].files[name].oid)).read_bytes()
    hub.faults.add(Fault("corrupt", path=name, method="GET", times=None if name == "config.json" else 1))
    message = rf"lab/efficientnet_b0: {name}: its bytes are not those that were published \(hash "
    with pytest.raises(HubError, match=message):
        start_network(composition, dn.api.installed())
    hub.faults.clear()
    start_network(composition, dn.api.installed())
    (blob,) = [one for one in tmp_path.rglob("blobs/*") if one.read_bytes() == whole]
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    if name == "model.safetensors":
        with pytest.raises(HubError, match=message):
            start_network(composition, dn.api.installed())
    start_network(composition, dn.api.installed())
    assert [one for one in tmp_path.rglob("blobs/*") if one.read_bytes() == whole]


@pytest.mark.parametrize("place", ["hf-hub:lab/tiny@v1", "builtin:tiny", "FOLDER"])
def test_a_bundle_starts_a_network_wherever_it_is(hub: LocalHub, place: str) -> None:
    folder = builtin_bundle("builtin:tiny")
    place = place.replace("FOLDER", str(folder))
    composition, notes = tiny_from(place), Notes()
    told = start_network(composition, dn.api.installed(), notes)
    commit, _ = hub.store.resolved("lab/tiny", "v1")
    source = f"hf-hub:lab/tiny@{commit}" if place.startswith("hf-hub:") else place
    assert told == (f"the backbone starts from {source}", "the head is kept, with its 12 classes")
    model = dn.load(folder)
    assert isinstance(model, Model)
    for name, tensor in composition.student.state_dict().items():
        assert torch.equal(tensor, model.bundle.network.state_dict()[name]), name
    known = model.bundle.manifest.training["transductive"]
    assert inherited_uses(composition.recipe) == known
    if place.startswith("hf-hub:"):
        assert any("as published (sha256)" in note for note in notes.told)
        hub.stop()
        assert start_network(composition, dn.api.installed()) == told  # pinned, so nobody is asked
        assert inherited_uses(composition.recipe) == known


def test_what_a_repository_holds_decides(hub: LocalHub, published: dict[str, Path]) -> None:
    catalogue = dn.api.installed()
    hub.store.publish("lab/neither", {"README.md": b"# nothing"})
    with pytest.raises(HubError, match=r"lab/neither: config\.json: there is no such file at"):
        start_network(tiny_from("hf-hub:lab/neither"), catalogue)
    files = {one.name: one.read_bytes() for one in builtin_bundle("builtin:tiny").iterdir()}
    both = {**files, "config.json": (published["densenet121"] / "config.json").read_bytes()}
    hub.store.publish("lab/both", both)
    assert "the head is kept, with its 12 classes" in start_network(tiny_from("hf-hub:lab/both"), catalogue)
    del both["model.safetensors"]
    hub.store.publish("lab/half", both)
    with pytest.raises(HubError, match=r"lab/half: model\.safetensors: there is no such file at"):
        start_network(tiny_from("hf-hub:lab/half"), catalogue)
    hub.store.publish("lab/later", {**files, "manifest.json": b'{"format": "9.0"}'})
    with pytest.raises(ModelError, match=r"a bundle of format 9\.0"):
        start_network(tiny_from("hf-hub:lab/later"), catalogue)
    with pytest.raises(ModelError, match=r"no bundle 'tinny' comes with deepnoise"):
        start_network(tiny_from("builtin:tinny"), catalogue)


def test_a_trained_bundle_needs_its_initial_weights_no_longer(
    hub: LocalHub,
    tiny_screen: Path,
    tmp_path: Path,
    deepnoise: Callable[..., CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ("train.max_steps=1", "train.initial.weights=hf-hub:lab/tiny", "strategy=supervised")
    run = tmp_path / "run"
    done = deepnoise("train", "tiny", "--screen", tiny_screen, "--out", run, "--device", "cpu", "--set", *words)
    assert done.returncode == 0, done.stderr
    assert "weights: hf-hub:lab/tiny" in (run / "bundle" / "recipe.yaml").read_text()
    hub.requests.clear()
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))

    def connect(*_: object) -> None:
        raise AssertionError("a bundle that is here asked the network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    out = tmp_path / "predictions"
    assert deepnoise("predict", run, "--screen", tiny_screen, "--out", out, "--device", "cpu").returncode == 0
    assert deepnoise("verify", run).returncode == 0
    dn.load(run)
    assert hub.requests == []
    assert not (tmp_path / "empty").exists()


def test_timm_is_never_told_to_download_by_itself() -> None:
    rooms = [Path(one.__file__).parent for one in map(__import__, ROOMS) if one.__file__]
    calls = []
    for file in (file for room in rooms for file in room.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                assert "pretrained" not in {one.arg for one in node.keywords}, file
                calls += [file.name] if ast.unparse(node.func).endswith("create_model") else []
    assert calls == ["timm_network.py"]
