"""Batch-norm statistics of whole plates: what training mode has, whatever the order and size of batches."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import InferenceOptions, Role, Screen
from deepnoise_core.contracts.errors import ImageError, ModelError
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.data.tolerance import TolerantStore
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import DomainNorm, adapt, domain_norm
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.prediction import predict_rows
from deepnoise_core.testing.networks import SmallHead, small_classifier
from deepnoise_core.testing.pixels import plain_inputs
from deepnoise_core.testing.screens import random_screen


class Deep(nn.Module):
    """Four convolutions, each with a batch norm."""

    num_features = 5

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 6, 6, 6, 5)
        layers = [
            nn.Sequential(nn.Conv2d(before, after, 3), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in pairwise(widths)
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(images).mean(dim=(2, 3))
        return features


def deep() -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Classifier(Deep(), SmallHead(5, 4), 4)


def inputs_of(screen: Screen) -> Inputs:
    return plain_inputs(screen.store)


def by_plate(screen: Screen, network: nn.Module, sites: int = 128) -> DomainNorm:
    norm = domain_norm(InferenceOptions(batch_norm="plate", batch_norm_minimum=2), screen, network)
    assert norm is not None
    return replace(norm, most_pixels=sites * 16 * 16)


def in_training_mode(network: Classifier, screen: Screen, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    inputs = inputs_of(screen)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        logits: Tensor = network.train()(*inputs.clean(screen.store.read(rows), rows))
    network.load_state_dict(before)
    return logits.numpy()


@pytest.mark.parametrize("make", [small_classifier, deep])
def test_a_plate_of_one_chunk_is_predicted_as_in_training_mode(make: Callable[[], Classifier]) -> None:
    screen, network = random_screen(), make()
    found = predict_rows(network, inputs_of(screen), np.arange(32), norm=by_plate(screen, network))
    for plate in np.arange(32).reshape(4, 8):
        expected = in_training_mode(network, screen, plate)
        np.testing.assert_allclose(found.logits[plate], expected, rtol=1e-4, atol=1e-6)


def test_a_plate_in_chunks_is_exact_in_the_first_layer_and_near_behind_it() -> None:
    screen, network = random_screen(sites=32), deep()
    rows = np.arange(128)

    def variances(sites: int) -> list[Tensor]:
        with torch.inference_mode():
            adapt(network.eval(), inputs_of(screen), rows, most_pixels=sites * 16 * 16)
        found = [layer.running_var for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
        return [one.clone() for one in found if one is not None]

    exact = variances(128)
    errors = [
        [float(((found - true) / true).abs().max()) for found, true in zip(variances(sites), exact, strict=True)]
        for sites in (64, 16)
    ]
    assert max(error[0] for error in errors) < 1e-5
    assert max(errors[0]) < 0.02
    assert max(errors[0]) < max(errors[1]) < 0.2


@pytest.mark.parametrize("sites", [3, 128])
def test_order_and_size_of_batches_change_nothing(sites: int) -> None:
    screen, network = random_screen(), deep()
    norm = by_plate(screen, network, sites=sites)
    rows = np.random.default_rng(0).permutation(32)
    expected = predict_rows(network, inputs_of(screen), np.arange(32), norm=norm)
    found = predict_rows(network, inputs_of(screen), rows, norm=norm, batch_size=5)
    assert found.rows.tolist() == rows.tolist()
    np.testing.assert_allclose(found.logits, expected.logits[rows], rtol=0, atol=1e-6)
    some = predict_rows(network, inputs_of(screen), rows[:7], norm=norm)
    np.testing.assert_allclose(some.logits, expected.logits[rows[:7]], rtol=0, atol=1e-6)


def test_the_network_is_left_as_it_was() -> None:
    screen, network = random_screen(), deep()
    before = {name: value.clone() for name, value in network.train().state_dict().items()}
    predict_rows(network, inputs_of(screen), np.arange(32), norm=by_plate(screen, network))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_gain_and_offset_of_a_plate_do_not_pass_the_first_batch_norm() -> None:
    screen, network = random_screen(), deep()
    pixels = screen.store.read(np.arange(32)).astype(np.int64)
    # All sites once more, less bright and above an offset: what a lamp and a camera do.
    changed = np.concatenate([pixels // 8 * 8, pixels // 8 * 6 + 20]).astype(np.uint8)
    inputs = replace(inputs_of(screen), store=ArrayStore(changed))
    shown: list[Tensor] = []
    first = next(layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))

    def normalized(rows: NDArray[np.int64]) -> Tensor:
        with torch.inference_mode():
            adapt(network.eval(), inputs, rows)
            hook = first.register_forward_hook(lambda layer, given, made: shown.append(made))
            network(*inputs.clean(inputs.store.read(rows), rows))
            hook.remove()
        return shown.pop()

    torch.testing.assert_close(normalized(np.arange(8)), normalized(np.arange(32, 40)), rtol=1e-2, atol=1e-3)


def with_roles(screen: Screen, controls: NDArray[np.int64]) -> Screen:
    roles = [
        Role.NEGATIVE_CONTROL.value if row in controls else Role.TREATMENT.value for row in range(len(screen))
    ]
    return replace(screen, sites=screen.sites.with_columns(role=pl.Series(roles)))


def test_a_small_plate_takes_its_experiments_statistics_and_says_so() -> None:
    screen, network = random_screen(), deep()
    rows = np.concatenate([np.arange(3), np.arange(8, 32)])
    short = screen.take(rows)
    norm = domain_norm(InferenceOptions(batch_norm="plate", batch_norm_minimum=4), short, network)
    assert norm is not None
    assert norm.notes == ("batch norm: plate E0/1 has 3 sites, fewer than 4: the 11 of experiment E0 are used",)
    found = predict_rows(network, inputs_of(short), np.arange(3), norm=norm)
    expected = in_training_mode(network, short, np.arange(11))[:3]
    np.testing.assert_allclose(found.logits, expected, rtol=1e-4, atol=1e-6)


def test_where_an_experiment_is_small_too_the_running_statistics_serve_and_it_is_said() -> None:
    screen, network = random_screen(), deep()
    short = screen.take(np.concatenate([np.arange(3), np.arange(16, 32)]))
    norm = domain_norm(InferenceOptions(batch_norm="plate", batch_norm_minimum=4), short, network)
    assert norm is not None
    assert norm.notes == (
        "batch norm: fewer than 4 sites in 'plate E0/1: 3'; the running statistics of training are used",
    )
    found = predict_rows(network, inputs_of(short), np.arange(19), norm=norm)
    plain = predict_rows(network, inputs_of(short), np.arange(19))
    np.testing.assert_allclose(found.logits[:3], plain.logits[:3], rtol=0, atol=1e-6)
    assert np.abs(found.logits[3:] - plain.logits[3:]).max() > 1e-3


def test_controls_alone_can_tell_the_statistics() -> None:
    screen, network = with_roles(random_screen(), np.array([0, 1, 2, 3])), deep()
    options = InferenceOptions(
        batch_norm="experiment", batch_norm_minimum=4, batch_norm_reference="negative_controls"
    )
    norm = domain_norm(options, screen, network)
    assert norm is not None
    assert norm.transductive == "batch statistics of negative controls of test experiments"
    assert norm.notes == (
        "batch norm: fewer than 4 negative controls in 'experiment E1: 0'; the running statistics of training "
        "are used",
    )
    found = predict_rows(network, inputs_of(screen), np.arange(4), norm=norm)
    expected = in_training_mode(network, screen, np.arange(4))
    np.testing.assert_allclose(found.logits, expected, rtol=1e-4, atol=1e-6)


def test_running_statistics_are_no_domain_norm() -> None:
    assert domain_norm(InferenceOptions(), random_screen(), small_classifier(batch_norm=False)) is None


def test_a_network_without_batch_norm_is_refused() -> None:
    with pytest.raises(ModelError, match="needs a network with batch norm, and this one has none; set it to"):
        domain_norm(InferenceOptions(batch_norm="plate"), random_screen(), small_classifier(batch_norm=False))


def test_a_plate_that_cannot_be_read_is_an_error() -> None:
    screen, network = random_screen(), deep()
    store = TolerantStore(screen.store, dict.fromkeys(range(8), "torn"), largest_share=1.0)
    with pytest.raises(ImageError, match="none of 8 sites that tell batch-norm statistics can be read"):
        adapt(network, replace(inputs_of(screen), store=store), np.arange(8))
