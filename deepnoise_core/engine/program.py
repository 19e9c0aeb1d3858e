"""A network together with the arithmetic that comes before it: what leaves deepnoise as one program."""

from __future__ import annotations

from torch import Tensor, nn

from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.inputs import resized


class Program(nn.Module):
    """Raw pixels and the statistics that they are normalized by → logits and embeddings.

    Args:
        network: in evaluation mode.
        arithmetic: from raw pixels [B, C, H, W] and statistics, float64 [B, C] each, to float32 images.
        image_size: side in pixels that images are resized to; None keeps their own.
    """

    def __init__(self, network: Classifier, arithmetic: nn.Module, image_size: int | None) -> None:
        super().__init__()
        self.network = network
        self.arithmetic = arithmetic
        self.image_size = image_size

    def forward(self, pixels: Tensor, *given: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, K] and embeddings [B, F].

        Args:
            pixels: raw, [B, C, H, W].
            given: the statistics, float64 [B, C] each; then the condition, float32 [B, T], where the network is
                told of one.
        """
        told = self.network.num_conditions > 0
        statistics, condition = (given[:-1], given[-1]) if told else (given, None)
        images = self.arithmetic(pixels, *statistics)
        if self.image_size is not None:
            images = resized(images, self.image_size)
        embeddings = self.network.embed(images)
        return self.network.score(embeddings, condition), embeddings
