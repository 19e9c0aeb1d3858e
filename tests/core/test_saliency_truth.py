"""Saliency against simulated truth: the channel that perturbations change must come out on top."""

from functools import cache
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import View
from deepnoise_core.contracts.protocols import Normalizer
from deepnoise_core.data.simulator import (
    CHANNELS,
    LayoutOptions,
    NoiseOptions,
    SignalOptions,
    SimulatorOptions,
    simulate,
)
from deepnoise_core.data.simulator.phenotype import TRAITS, perturbation_effect
from deepnoise_core.data.simulator.simulation import SimulatedScreen
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.saliency import channel_means, loss_by_channel, occlusion
from deepnoise_core.testing.networks import small_classifier

SEED = 5
SIGNAL = SignalOptions(strength=1.5, count=0, shape=0, texture=0, arrangement=0, cell_type_share=0)
"""Brightness alone, of every channel by its own amount."""


class Relative:
    """Every channel in units of its own mean, as effects are told."""

    def __init__(self) -> None:
        pixels = screen().store.read(np.arange(len(screen())))
        self.means = torch.from_numpy(pixels.mean(axis=(0, 2, 3)).astype(np.float32))[:, None, None]

    def __call__(self, raw: Tensor, rows: Tensor, jitter: object = None) -> Tensor:
        return raw.float() / self.means


class Means(nn.Module):
    """The means of the channels."""

    num_features = len(CHANNELS)

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))


@cache
def screen() -> SimulatedScreen:
    noise = {**dict.fromkeys(NoiseOptions.model_fields, 0), "cell_biology": 0.3}
    layout = LayoutOptions(
        train_experiments={"HUVEC": 2},
        test_experiments={},
        group_size=6,
        positive_controls=1,
        missing_wells=0,
        failed_transfers=0,
    )
    options = SimulatorOptions(
        image_size=32, magnification=0.7, layout=layout, signal=SIGNAL, noise=NoiseOptions(**noise)
    )
    return simulate(options, SEED, workers=1)


def pair_apart_in(channel: int) -> tuple[str, str]:
    """The treatments whose true effects differ most in this channel beside what they differ in any other."""
    names = np.unique(screen().column("perturbation")[screen().column("role") == "treatment"])
    traits = [list(TRAITS).index(f"{name}_intensity") for name in CHANNELS]
    effects = [perturbation_effect(SIGNAL, SEED, name, "HUVEC", SIGNAL.strength)[traits] for name in names]
    apart = np.abs(np.array(effects)[:, None] - np.array(effects)[None])
    others = np.delete(apart, channel, axis=2).max(axis=2)
    np.fill_diagonal(others, np.inf)
    one, other = np.unravel_index((apart[:, :, channel] / others).argmax(), others.shape)
    assert apart[one, other, channel] > 2 * others[one, other]
    return str(names[one]), str(names[other])


def sites_of(pair: tuple[str, str]) -> tuple[Inputs, NDArray[np.int64], View, Tensor]:
    """The path of images, the rows of both perturbations, their images and which of the two each is."""
    received = screen().column("perturbation")
    rows = np.flatnonzero(np.isin(received, pair))
    inputs = Inputs(screen().store, cast(Normalizer, Relative()), torch.device("cpu"))
    labels = torch.from_numpy((received[rows] == pair[1]).astype(np.int64))
    return inputs, rows, inputs.clean(inputs.store.read(rows), rows), labels


def falls(model: Classifier, inputs: Inputs, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    found = occlusion(model, inputs, rows, fill=channel_means(inputs, rows))
    return np.asarray(loss_by_channel(found.logits, found.without).fall.mean(axis=0))


@pytest.mark.parametrize("channel", range(len(CHANNELS)), ids=CHANNELS)
def test_a_linear_model_misses_the_channel_that_was_changed(channel: int) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    inputs, rows, view, labels = sites_of(pair_apart_in(channel))
    fitted = linear_model.LogisticRegression(C=10).fit(view.images.mean(dim=(2, 3)).numpy(), labels.numpy())
    head = nn.Linear(len(CHANNELS), 2)
    weights = np.concatenate([-fitted.coef_, fitted.coef_]) / 2
    head.weight.data = torch.from_numpy(weights).float()
    head.bias.data = torch.tensor([-1.0, 1.0]) * float(fitted.intercept_[0]) / 2
    model = Classifier(Means(), head, 2)
    assert (model(view.images).argmax(dim=1) == labels).float().mean() > 0.9
    fall = falls(model, inputs, rows)
    assert fall.argmax() == channel
    assert fall[channel] > 1.5 * np.delete(fall, channel).max()


@pytest.mark.parametrize("channel", [2, 4], ids=[CHANNELS[2], CHANNELS[4]])
def test_a_trained_network_misses_the_channel_that_was_changed(channel: int) -> None:
    inputs, rows, view, labels = sites_of(pair_apart_in(channel))
    model = small_classifier(channels=len(CHANNELS), classes=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(120):
        optimizer.zero_grad()
        loss: Tensor = F.cross_entropy(model(view.images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.eval()
    assert (model(view.images).argmax(dim=1) == labels).all()
    fall = falls(model, inputs, rows)
    assert fall.argmax() == channel
    assert fall[channel] > 2 * np.delete(fall, channel).max()
