"""Backbones that break a law of backbones are caught by it."""

import pytest
import torch
from torch import Tensor, nn

from deepnoise_core.testing import backbones
from deepnoise_core.testing.networks import SmallBackbone
from deepnoise_core.testing.suites import Law


class _Small(SmallBackbone):
    def __init__(self, channels: tuple[str, ...]) -> None:
        super().__init__(len(channels))


class _Wider(_Small):
    """Declares more features than it gives."""

    num_features = 9

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, :8]


class _Batch(_Small):
    """Standardizes by the batch in evaluation, too."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images - images.mean(dim=0))


class _Frozen(_Small):
    """Cuts the gradient behind the first layer."""

    def forward(self, images: Tensor) -> Tensor:
        first, *others = self.layers
        seen: Tensor = nn.Sequential(*others)(first(images).detach())
        return seen.mean(dim=(2, 3))


class _Idle(_Small):
    """Has a layer that nothing goes through."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        super().__init__(channels)
        self.idle = nn.Linear(2, 2)


class _Shared(_Small):
    """Keeps its weights when it is copied, so a teacher would be its student."""

    def __deepcopy__(self, memo: object) -> "_Shared":
        return self


class _Squares(_Small):
    """Refuses other sizes than its own, without saying which it was given."""

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-1] % 32:
            raise ValueError("the size is not a multiple of 32")
        return super().forward(images)


class _Colours(_Small):
    """Sees no more than three channels."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(torch.cat([images[:, :3], 0 * images[:, 3:]], dim=1))


class _OneStart(_Small):
    """Starts at the same weights whatever the seed."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        super().__init__(channels)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.1)


class _UnsavedScale(_Small):
    """Draws a number that is saved nowhere."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        super().__init__(channels)
        self.scale = torch.rand(())

    def forward(self, images: Tensor) -> Tensor:
        return self.scale * super().forward(images)


class _Unexportable(_Small):
    """Cannot be called without its Python."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images * float(images.sum() > 0))


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_Wider, backbones.features_have_the_declared_width, r"1 channels give \(2, 8\), not \(2, 9\)"),
        (_Batch, backbones.evaluation_treats_images_apart, "other features than in a batch"),
        (_Frozen, backbones.the_first_convolution_learns, "the first layer gets no gradient"),
        (_Idle, backbones.every_parameter_takes_part, "reaches no parameter idle.weight, idle.bias"),
        (_Shared, backbones.every_parameter_takes_part, "a copy shares layers.0.weight"),
        (_Squares, backbones.odd_sizes_are_taken_or_refused, "refused without being named"),
        (_Colours, backbones.every_channel_is_seen, "channel 4 of 6 changes nothing"),
        (_OneStart, backbones.the_seed_decides_the_start, "two seeds give one start"),
        (_UnsavedScale, backbones.safetensors_keep_the_network, "saved and loaded weights give other features"),
    ],
)
def test_a_broken_backbone_is_caught(broken: type[nn.Module], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(broken)


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [(_Unexportable, backbones.torch_export_is_reported, "does not work")],
)
def test_what_cannot_be_exported_is_said(broken: type[nn.Module], law: Law, message: str) -> None:
    assert message in str(law(broken))
