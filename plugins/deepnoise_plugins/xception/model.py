"""Xception (Chollet 2017, arXiv 1610.02357) and its wider form of DeepNoise (arXiv 2209.05772)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_plugins.xception.options import XceptionOptions

_STEMS = {"7x7": (7, 3), "3x3": (3, 0)}
"""Kernel and padding of the first convolution."""


@dataclass(frozen=True)
class Widths:
    """Channels along the network; the exit is 1024, 1536 and 2048 wide in every one.

    Attributes:
        stem: of the two plain convolutions.
        entry: of the three blocks that halve the image; the last is the width of the eight middle blocks.
    """

    stem: tuple[int, int]
    entry: tuple[int, int, int]


class Xception(nn.Module):
    """Images [B, C, H, W] → features [B, 2048].

    Parameters are named as those of timm's `legacy_xception`, so that its weights fit.
    """

    num_features = 2048

    def __init__(self, widths: Widths, options: XceptionOptions, num_channels: int) -> None:
        super().__init__()
        first, second = widths.stem
        kernel, padding = _STEMS[options.stem]
        self.conv1 = nn.Conv2d(num_channels, first, kernel, stride=2, padding=padding, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(second)
        middle = widths.entry[-1]
        blocks = [
            # The stem ends in a ReLU, so that the first block begins without one.
            *(
                _Block((before, after, after), stride=2, relu_first=before != second)
                for before, after in pairwise((second, *widths.entry))
            ),
            *(_Block((middle, middle, middle, middle)) for _ in range(8)),
            _Block((middle, middle, 1024), stride=2),
        ]
        self.blocks = [f"block{number}" for number in range(1, len(blocks) + 1)]
        for name, block in zip(self.blocks, blocks, strict=True):
            self.add_module(name, block)
        self.conv3 = _separable(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536)
        self.conv4 = _separable(1536, self.num_features)
        self.bn4 = nn.BatchNorm2d(self.num_features)
        self.final_relu = options.final_relu

    def forward(self, images: Tensor) -> Tensor:
        """Features [B, 2048] of images [B, C, H, W]: means over the last map."""
        maps = F.relu(self.bn1(self.conv1(images)), inplace=True)
        maps = F.relu(self.bn2(self.conv2(maps)), inplace=True)
        for name in self.blocks:
            maps = self.get_submodule(name)(maps)
        maps = F.relu(self.bn3(self.conv3(maps)), inplace=True)
        maps = self.bn4(self.conv4(maps))
        if self.final_relu:
            maps = F.relu(maps, inplace=True)
        return maps.mean(dim=(2, 3))


class _Block(nn.Module):
    """Separable convolutions between these widths, beside a shortcut that is the identity where it can be."""

    def __init__(self, widths: Sequence[int], *, stride: int = 1, relu_first: bool = True) -> None:
        super().__init__()
        # The shortcut needs the block's input as it was; every later map may be overwritten.
        layers: list[nn.Module] = [nn.ReLU()] if relu_first else []
        for before, after in pairwise(widths):
            layers += [_separable(before, after), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        layers.pop()
        self.skip: nn.Conv2d | None = None
        if stride > 1:
            layers.append(nn.MaxPool2d(3, stride, padding=1))
            self.skip = nn.Conv2d(widths[0], widths[-1], 1, stride=stride, bias=False)
            self.skipbn = nn.BatchNorm2d(widths[-1])
        self.rep = nn.Sequential(*layers)

    def forward(self, maps: Tensor) -> Tensor:
        shortcut = maps if self.skip is None else self.skipbn(self.skip(maps))
        return cast(Tensor, self.rep(maps) + shortcut)


def _separable(before: int, after: int) -> nn.Sequential:
    """A 3x3 convolution of each channel alone, then a 1x1 convolution of all."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False),
            pointwise=nn.Conv2d(before, after, 1, bias=False),
        )
    )


def _build(widths: Widths, options: XceptionOptions, *, channels: tuple[str, ...]) -> Xception:
    return Xception(widths, options, len(channels))


xception = partial(_build, Widths((32, 64), (128, 256, 728)))
xception_large = partial(_build, Widths((64, 128), (256, 384, 1024)))
