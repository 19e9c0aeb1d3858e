"""Xception: parameter counts of the published networks, and timm's own implementation as the oracle."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from deepnoise_core.contracts import InitialOptions
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.initial import InitialWeights, start_from
from deepnoise_plugins.xception.model import Xception, xception, xception_large
from deepnoise_plugins.xception.options import XceptionOptions

SIX = tuple(f"w{number}" for number in range(1, 7))
PLAIN = XceptionOptions(stem="3x3", final_relu=True)


def parameters(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


@pytest.mark.parametrize(
    ("build", "alone", "with_head"),
    [(xception, 20_815_496, 23_148_168), (xception_large, 35_790_208, 38_122_880)],
)
def test_parameters_are_as_many_as_published(build: Callable[..., Xception], alone: int, with_head: int) -> None:
    with torch.device("meta"):
        network = build(XceptionOptions(), channels=SIX)
        head = nn.Linear(network.num_features, 1139, bias=False)
    assert parameters(network) == alone
    assert parameters(network) + parameters(head) == with_head


def test_the_plain_network_has_the_parameters_of_the_original() -> None:
    with torch.device("meta"):
        network = xception(PLAIN, channels=("red", "green", "blue"))
        assert parameters(network) + parameters(nn.Linear(2048, 1000)) == 22_855_952


@pytest.fixture(scope="module")
def reference() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network: nn.Module = timm.create_model("legacy_xception", num_classes=0).train()
        with torch.no_grad():
            # Running statistics of random weights alone are 0 and 1, which would hide a misplaced batch norm.
            network(torch.randn(4, 3, 64, 64))
    return network.eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 75, 64, generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def test_features_are_those_of_timm(reference: nn.Module, images: Tensor) -> None:
    ours = xception(PLAIN, channels=("red", "green", "blue")).eval()
    ours.load_state_dict(reference.state_dict())
    torch.testing.assert_close(ours(images), reference(images), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_without_a_relu_the_last_batch_norm_is_pooled(reference: nn.Module, images: Tensor) -> None:
    pooled: list[Tensor] = []
    hook = reference.get_submodule("bn4").register_forward_hook(
        lambda module, inputs, output: pooled.append(output.mean(dim=(2, 3)))
    )
    reference(images)
    hook.remove()
    ours = xception(XceptionOptions(stem="3x3"), channels=("red", "green", "blue")).eval()
    ours.load_state_dict(reference.state_dict())
    features = ours(images)
    torch.testing.assert_close(features, pooled[0], rtol=1e-5, atol=1e-5)
    assert (features < 0).any()


def test_the_published_stem_halves_the_image() -> None:
    with torch.device("meta"):
        network = xception_large(XceptionOptions(), channels=SIX)
        assert network.conv1(torch.zeros(1, 6, 64, 64)).shape == (1, 64, 32, 32)


def test_the_published_network_starts_from_weights_of_the_original_but_for_its_stem(reference: nn.Module) -> None:
    backbone = xception(XceptionOptions(), channels=SIX)
    network = Classifier(backbone, nn.Identity(), 2048)
    given = InitialWeights(Path("legacy_xception.safetensors"), reference.state_dict())
    options = InitialOptions(weights="legacy_xception.safetensors", stem="random")
    assert "stem conv1.weight: 3 to 6 channels by random" in start_from(network, given, options, SIX, ())
    started = backbone.state_dict()
    assert started["conv1.weight"].shape == (32, 6, 7, 7)
    assert all(torch.equal(one, started[name]) for name, one in given.tensors.items() if name != "conv1.weight")
