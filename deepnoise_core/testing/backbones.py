"""Laws of backbones. All but `features_have_the_declared_width` need real weights and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.testing.laws import close, require
from deepnoise_core.testing.modules import export_note, require_all_take_part, require_copies_stand_alone

Make = Callable[[tuple[str, ...]], nn.Module]
"""Builds the backbone for channels of these names."""

_SIDE = 32
_SIX = tuple(f"w{number}" for number in range(1, 7))


def features_have_the_declared_width(make: Make) -> None:
    """Images [B, C, H, W] of 1 and of 7 channels give features [B, F] with F = `num_features`.

    Runs on the device of the context, so that `with torch.device("meta")` checks shapes without any work.
    """
    for count in (1, 7):
        backbone = make(tuple(f"w{number}" for number in range(count)))
        with torch.no_grad():
            features = cast(Tensor, backbone.eval()(torch.zeros(2, count, _SIDE, _SIDE)))
        expected = (2, cast(int, backbone.num_features))
        require(
            tuple(features.shape) == expected, f"{count} channels give {tuple(features.shape)}, not {expected}"
        )


def evaluation_treats_images_apart(make: Make) -> None:
    """In evaluation an image alone has the finite features that it has in a batch."""
    backbone, images = _built(make).eval(), _images(3)
    with torch.no_grad():
        together, alone, again = backbone(images), backbone(images[:1]), backbone(images)
    require(torch.equal(images, _images(3)), "the backbone writes into its input")
    require(torch.equal(again, together), "features of one image differ from one evaluation to the next")
    require(bool(together.isfinite().all()), "features are infinite or not a number")
    require(close(alone, together[:1], 1e-4), "an image alone has other features than in a batch")


def the_first_convolution_learns(make: Make) -> None:
    """The gradient of training reaches the first layer, and is finite."""
    backbone = _built(make).train()
    features = backbone(_images(4))
    torch.autograd.backward((features * torch.randn(features.shape)).sum())
    first = next((layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d)), backbone)
    gradient = next(first.parameters()).grad
    require(gradient is not None and bool(gradient.any()), "the first layer gets no gradient")
    require(gradient is not None and bool(gradient.isfinite().all()), "its gradient is not finite")


def every_parameter_takes_part(make: Make) -> None:
    """Training reaches every parameter, which several devices need; a copy stands alone, as a teacher must."""
    backbone = _built(make)
    require_copies_stand_alone(backbone, _images(1))
    require_all_take_part(backbone, lambda network: cast(Tensor, network(_images(2))).square().sum())


def odd_sizes_are_taken_or_refused(make: Make) -> None:
    """Images of 33 × 47 give features, or a ValueError or InputError that names one of the two."""
    backbone, images = _built(make).eval(), torch.zeros(1, len(_SIX), 33, 47)
    try:
        with torch.no_grad():
            features = cast(Tensor, backbone(images))
    except (ValueError, InputError) as error:
        require("33" in str(error) or "47" in str(error), f"the size is refused without being named: {error}")
        return
    require(features.shape == (1, backbone.num_features), f"33 × 47 pixels give {tuple(features.shape)}")
    require(bool(features.isfinite().all()), "features of 33 × 47 pixels are not finite")


def every_channel_is_seen(make: Make) -> None:
    """A change of any one channel changes the features."""
    backbone, images = _built(make).eval(), _images(1).repeat(len(_SIX) + 1, 1, 1, 1)
    for channel in range(len(_SIX)):
        images[channel, channel] += _images(2)[1, channel]
    with torch.no_grad():
        features = cast(Tensor, backbone(images))
    for channel in range(len(_SIX)):
        seen = not torch.equal(features[channel], features[-1])
        require(seen, f"channel {channel + 1} of {len(_SIX)} changes nothing")


def torch_export_is_reported(make: Make) -> str:
    """Says whether `torch.export` takes the backbone; nothing is asked."""
    return export_note(_built(make), _images(1))


def the_seed_decides_the_start(make: Make) -> None:
    """Initial weights are a function of torch's seed."""
    one, same, other = (_built(make, seed).state_dict() for seed in (0, 0, 1))
    require(all(torch.equal(one[name], same[name]) for name in one), "one seed gives two starts")
    require(any(not torch.equal(one[name], other[name]) for name in one), "two seeds give one start")


def safetensors_keep_the_network(make: Make) -> None:
    """Weights that are saved and loaded give the same features, bit for bit."""
    one, other = _built(make, 0).train(), _built(make, 1).eval()
    images = _images(4)
    with torch.no_grad():
        one(images)
        other.load_state_dict(load(save(one.state_dict())))
        require(torch.equal(one.eval()(images), other(images)), "saved and loaded weights give other features")


BASIC = (
    features_have_the_declared_width,
    the_first_convolution_learns,
    safetensors_keep_the_network,
    odd_sizes_are_taken_or_refused,
)

LAWS = (
    *BASIC,
    evaluation_treats_images_apart,
    the_seed_decides_the_start,
    every_parameter_takes_part,
    every_channel_is_seen,
    torch_export_is_reported,
)


def _built(make: Make, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(_SIX)


def _images(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(count, len(_SIX), _SIDE, _SIDE, generator=generator)
