"""A network that keeps stains apart at first."""

from torch import Tensor, nn

from .options import StainwiseOptions


class Stainwise(nn.Module):
    """A convolution of each channel by itself, one of all together, and the mean over all pixels."""

    def __init__(self, options: StainwiseOptions, *, channels: tuple[str, ...]) -> None:
        super().__init__()
        stains, maps = len(channels), len(channels) * options.maps
        self.num_features = options.width
        apart = nn.Conv2d(stains, maps, 5, stride=2, padding=2, groups=stains, bias=False)
        together = nn.Conv2d(maps, options.width, 3, stride=2, padding=1)
        self.layers = nn.Sequential(apart, nn.GroupNorm(stains, maps), nn.ReLU(), together, nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        """Features [B, F] of normalized images [B, C, H, W]."""
        features: Tensor = self.layers(images).mean(dim=(2, 3))
        return features
