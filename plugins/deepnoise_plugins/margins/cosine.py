"""What heads with a margin share: cosines between features and classes, and the loss of each target."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Scored, Targets
from deepnoise_core.engine.losses import hard_targets, target_loss
from deepnoise_core.engine.neck import make_neck


class Cosine(nn.Module):
    """Cosine of the angle between features and one weight a class; float32 under autocast too."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, num_features))
        nn.init.xavier_normal_(self.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Cosines float32 [B, K] of features [B, F]."""
        with torch.autocast(features.device.type, enabled=False):
            return F.linear(F.normalize(features.float()), F.normalize(self.weight.float()))


class MarginHead(nn.Module):
    """Logits s·cos θ; in training the cosine of the true class is made smaller by a margin."""

    def __init__(self, scale: float, neck: int | None, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.scale = scale
        self.neck, width = make_neck(num_features, neck)
        self.cosine = Cosine(width, num_classes)

    def with_margin(self, cosine: Tensor) -> Tensor:
        """What takes the place of the true class's cosine in training, of the same shape."""
        raise NotImplementedError

    def forward(self, features: Tensor) -> Tensor:
        """Scaled cosines without a margin, [B, K] of features [B, F]."""
        scaled: Tensor = self.scale * self.cosine(self.neck(features))
        return scaled

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        """Logits [B, K], and the cross-entropy with the margin on the target of the first n, float32 [n].

        Several targets of an image weigh a loss each.
        """
        cosine = self.cosine(self.neck(features))
        named = cosine[: len(targets.classes)]
        losses = [
            weights * target_loss(self._logits(named, classes), hard_targets(classes, targets.smoothing))
            for classes, weights in zip(targets.classes.unbind(1), targets.weights.unbind(1), strict=True)
        ]
        return Scored(self.scale * cosine, torch.stack(losses).sum(dim=0))

    def _logits(self, cosine: Tensor, labels: Tensor) -> Tensor:
        true = cosine.gather(1, labels[:, None])
        return self.scale * cosine.scatter(1, labels[:, None], self.with_margin(true))
