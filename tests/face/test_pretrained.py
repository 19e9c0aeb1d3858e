"""Weights as timm publishes them start networks for other channels, from the Hub, its cache or a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.models._hub import save_for_hf

import deepnoise as dn
from deepnoise.initial import start_network
from deepnoise.pretrained import published_weights
from deepnoise_core.contracts.errors import HubError, ModelError
from deepnoise_registry.compose import Composition
from deepnoise_registry.hub.server.local import LocalHub

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
    with LocalHub(tmp_path / "hub") as serving:
        for name, folder in published.items():
            files = {one: (folder / one).read_bytes() for one in ("config.json", "model.safetensors")}
            serving.store.publish(f"lab/{name}", files)
        monkeypatch.setenv("HF_ENDPOINT", serving.endpoint)
        yield serving


def composed(backbone: str, weights: str, stem: str) -> Composition:
    sets = [f"backbone={backbone}", f"train.initial={{weights: '{weights}', stem: {stem}}}"]
    return dn.compose(dn.load_recipe("tiny", sets=sets), dn.simulate("tiny"))


def features(network: Any, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        made: torch.Tensor = network(images)
    return made


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
    made = features(composition.student.backbone.eval(), grey.expand(-1, 6, -1, -1))
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)


def test_what_was_loaded_once_needs_no_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    composition = composed("efficientnet_b0", "hf-hub:lab/efficientnet_b0", "repeat")
    backbone = composition.student.backbone
    first = published_weights("hf-hub:lab/efficientnet_b0", backbone)
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    again = published_weights("hf-hub:lab/efficientnet_b0", backbone)
    assert (again.source, len(hub.requests)) == (first.source, asked)
    with pytest.raises(HubError, match=r"train\.initial\.weights: local-dir:FOLDER"):
        published_weights("hf-hub:lab/densenet121", backbone)


def test_other_weights_are_refused_by_name(published: dict[str, Path], hub: LocalHub, tmp_path: Path) -> None:
    backbone = composed("densenet121", "pretrained", "mean").student.backbone
    with pytest.raises(ModelError, match="is of efficientnet_b0, but the recipe's backbone is densenet121"):
        published_weights(f"local-dir:{published['efficientnet_b0']}", backbone)
    with pytest.raises(ModelError, match="does not say an architecture"):
        published_weights(f"local-dir:{tmp_path}", backbone)
    with pytest.raises(HubError, match=r"lab/none"):
        published_weights("hf-hub:lab/none", backbone)
    with pytest.raises(HubError, match=r"timm/densenet121\.ra_in1k"):
        published_weights("pretrained", backbone)
    with pytest.raises(ModelError, match="timm publishes no weights of this backbone"):
        published_weights("pretrained", torch.nn.Identity())
