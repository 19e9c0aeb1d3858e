"""CosFace (Wang et al. 2018, arXiv 1801.09414)."""

from torch import Tensor

from deepnoise_plugins.margins.cosine import MarginHead
from deepnoise_plugins.margins.options import CosFaceOptions


class CosFaceHead(MarginHead):
    """Cosine logits s·cos θ; in training s·(cos θ − m) for the true class."""

    def __init__(self, options: CosFaceOptions, *, num_features: int, num_classes: int) -> None:
        super().__init__(options.scale, options.neck, num_features=num_features, num_classes=num_classes)
        self.margin = options.margin

    def with_margin(self, cosine: Tensor) -> Tensor:
        """The cosine less m."""
        return cosine - self.margin
