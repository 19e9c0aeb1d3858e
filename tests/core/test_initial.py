"""Networks that start with the weights of others: all that fits is taken, and nothing is left out in silence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from deepnoise_core.contracts import InitialOptions
from deepnoise_core.contracts.errors import ModelError, TrainingError
from deepnoise_core.engine.batch_norm import set_batch_norm_momentum
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.initial import InitialWeights, read_initial, start_from
from deepnoise_core.engine.stems import adapt_stem
from deepnoise_core.engine.timm_network import timm_network
from deepnoise_core.testing.networks import SmallHead, small_classifier

SIX = ("w1", "w2", "w3", "w4", "w5", "w6")
CLASSES = ("a", "b", "c", "d")
FILE = Path("weights.safetensors")
STEM = "conv1.0.weight"


def network(channels: int = 6, model: str = "test_resnet", seed: int = 1) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone = timm_network(model, channels)
        return Classifier(backbone, SmallHead(backbone.num_features, len(CLASSES)), len(CLASSES))


@pytest.fixture(scope="module")
def pretrained() -> nn.Module:
    """A network of timm for three channels, its statistics away from their start, with ten classes of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: nn.Module = timm.create_model("test_resnet", num_classes=10)
        made(torch.randn(4, 3, 32, 32))
    return made.eval()


def start(
    own: Classifier,
    tensors: Mapping[str, Tensor],
    reads: tuple[str, ...] = SIX,
    *,
    known: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[str, ...]:
    weights = InitialWeights(FILE, tensors, **(known or {}))
    return start_from(own, weights, InitialOptions(weights=str(FILE), **options), reads, CLASSES)


@torch.no_grad()
@pytest.mark.parametrize("prefix", ["", "network.", "backbone.", "backbone.network."])
@pytest.mark.parametrize("stem", ["mean", "repeat"])
def test_features_of_a_grey_image_are_those_of_the_pretrained_network(
    stem: str, prefix: str, pretrained: nn.Module
) -> None:
    own = network()
    head = {name: tensor.clone() for name, tensor in own.head.state_dict().items()}
    given = {prefix + name: tensor for name, tensor in pretrained.state_dict().items() if name[:2] != "fc"}
    assert start(own, given, stem=stem) == (
        "the backbone starts from weights.safetensors",
        f"stem {STEM}: 3 to 6 channels by {stem}",
        "the head starts new",
    )
    grey = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    expected = pretrained.forward_head(  # type: ignore[operator]
        pretrained.forward_features(grey.expand(-1, 3, -1, -1)),  # type: ignore[operator]
        pre_logits=True,
    )
    torch.testing.assert_close(own.eval().embed(grey.expand(-1, 6, -1, -1)), expected, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(tensor, head[name]) for name, tensor in own.head.state_dict().items())


def test_the_classifier_of_a_file_is_left_with_a_note(pretrained: nn.Module) -> None:
    notes = start(network(), pretrained.state_dict(), stem="mean")
    assert "ignored the classifier of the weights: 'fc.bias', 'fc.weight'" in notes


def test_a_stem_is_never_started_anew_in_silence(pretrained: nn.Module) -> None:
    message = f"{STEM} reads 3 channels, but the network w1, .*stem: mean, repeat, by_channel, random"
    with pytest.raises(ModelError, match=message):
        start(network(), pretrained.state_dict())


@pytest.mark.parametrize("stem", [None, "mean"])
def test_equal_channels_are_taken_as_they_are(stem: str | None, pretrained: nn.Module) -> None:
    own = network(3)
    notes = start(own, pretrained.state_dict(), ("DNA", "ER", "AGP"), stem=stem)
    for name, tensor in own.backbone.state_dict().items():
        assert torch.equal(tensor, pretrained.state_dict()[name.removeprefix("network.")]), name
    unused = "stem: mean is unused, since the weights read the same channels"
    assert (unused in notes) == bool(stem)


def test_red_green_and_blue_are_known_by_name(pretrained: nn.Module) -> None:
    own, weight = network(3), pretrained.state_dict()[STEM]
    named = {"DNA": "blue", "ER": "green", "AGP": "red"}
    notes = start(own, pretrained.state_dict(), ("DNA", "ER", "AGP"), stem="by_channel", channels=named)
    assert f"stem {STEM}: 3 to 3 channels by by_channel" in notes
    torch.testing.assert_close(own.backbone.state_dict()[f"network.{STEM}"], weight[:, [2, 1, 0]])


def test_channels_without_names_are_not_taken_by_name() -> None:
    given = network(5).backbone.state_dict()
    with pytest.raises(ModelError, match="nobody knows how its 5 channels are called"):
        start(network(), given, stem="by_channel", channels=dict.fromkeys(SIX, "red"))


def test_known_channels_must_be_the_same_in_their_order() -> None:
    other = network(6, seed=5)
    swapped = {"channels": (*SIX[:4], "w6", "w5")}
    with pytest.raises(ModelError, match="reads w1, w2, w3, w4, w6, w5, but the network w1, w2, w3, w4, w5, w6"):
        start(network(), other.state_dict(), known=swapped)
    own = network()
    start(own, other.state_dict(), known=swapped, stem="by_channel")
    stem = f"backbone.network.{STEM}"
    assert torch.equal(own.state_dict()[stem], other.state_dict()[stem][:, [0, 1, 2, 3, 5, 4]])
    notes = start(own, other.state_dict(), known={"channels": SIX}, stem="by_channel")
    assert "stem: by_channel is unused, since the weights read the same channels" in notes


def test_a_stem_of_another_kernel_is_only_started_anew() -> None:
    own = small_classifier(channels=6)
    given = small_classifier(channels=3).state_dict()
    given["backbone.layers.0.weight"] = torch.randn(6, 3, 5, 5)
    with pytest.raises(ModelError, match=r"is 5x5, but that of the network 3x3.*initial.stem: random"):
        start(own, given, stem="mean")
    with torch.random.fork_rng():
        torch.manual_seed(7)
        start(own, given, stem="random")
        torch.manual_seed(7)
        expected = adapt_stem(given["backbone.layers.0.weight"], (6, 6, 3, 3), "random")
    assert torch.equal(own.state_dict()["backbone.layers.0.weight"], expected)
    assert torch.equal(own.state_dict()["backbone.layers.3.weight"], given["backbone.layers.3.weight"])


def without(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in state.items() if name not in key}


def test_missing_and_surplus_tensors_are_named(pretrained: nn.Module) -> None:
    state = pretrained.state_dict()
    with pytest.raises(ModelError, match=r"it lacks 'bn1.weight', .* and has 'extra.weight' too many"):
        start(network(), {**without(state, "bn1."), "extra.weight": torch.zeros(1)}, stem="mean")
    with pytest.raises(ModelError, match=r"another network than the recipe's backbone: it lacks 'conv1"):
        start(network(), small_classifier().state_dict())


def test_old_files_without_counts_of_batches_fit(pretrained: nn.Module) -> None:
    start(network(), without(pretrained.state_dict(), "num_batches_tracked"), stem="mean")


def test_other_shapes_are_named() -> None:
    given = small_classifier(channels=3).state_dict()
    given["backbone.layers.3.weight"] = torch.zeros(9, 6, 3, 3)
    with pytest.raises(
        ModelError, match=r"layers.0.weight \[6, 3, 3, 3\], not \[6, 6, 3, 3\]; layers.3.weight \[9,"
    ):
        start(small_classifier(channels=6), given, stem="mean")


def test_a_head_is_kept_with_its_classes() -> None:
    own, other = network(seed=1), network(seed=5)
    notes = start(own, other.state_dict(), known={"channels": SIX, "classes": CLASSES}, head="keep")
    assert notes == ("the backbone starts from weights.safetensors", "the head is kept, with its 4 classes")
    assert all(torch.equal(tensor, own.state_dict()[name]) for name, tensor in other.state_dict().items())


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        (("a", "b", "c", "x"), "it has 'x', which the screen has not; it lacks 'd'"),
        (("a", "b", "c"), "it lacks 'd'"),
        (("a", "b", "d", "c"), "the same in another order"),
        (None, "does not say its classes"),
    ],
)
def test_a_head_of_other_classes_is_not_kept(theirs: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(ModelError, match=f"{message}.*train.initial.head: new"):
        start(network(), network().state_dict(), known={"channels": SIX, "classes": theirs}, head="keep")


def test_a_file_is_read(tmp_path: Path, pretrained: nn.Module) -> None:
    save_file(pretrained.state_dict(), tmp_path / FILE)
    assert read_initial(tmp_path / FILE).tensors.keys() == pretrained.state_dict().keys()
    with pytest.raises(ModelError, match=r"gone.safetensors: cannot be read as safetensors"):
        read_initial(tmp_path / "gone.safetensors")


def test_momentum_is_set_in_every_batch_norm() -> None:
    own = network()
    set_batch_norm_momentum(own, 0.05)
    momenta = [layer.momentum for layer in own.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert set(momenta) == {0.05}
    assert len(momenta) > 3
    with pytest.raises(TrainingError, match="the network has no batch norm"):
        set_batch_norm_momentum(small_classifier(batch_norm=False), 0.05)
