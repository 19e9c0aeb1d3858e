"""Supervision, the mean teacher and FixMatch written out by hand, to hold the strategies against."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from deepnoise_core.contracts import ViewPlan
from few_labels.digits import Digits
from few_labels.training import set_cosine, sgd

VIEWS = {
    "supervised": ViewPlan("weak"),
    "mean-teacher": ViewPlan("weak", ("noisy", "noisy-too"), ("noisy", "noisy-too")),
    "fixmatch": ViewPlan("weak", (), ("weak", "strong")),
}


def train_plainly(method: str, network: nn.Module, data: Digits, *, steps: int, lr: float) -> nn.Module:
    """Train a network in place; its average is returned."""
    average = copy.deepcopy(network).requires_grad_(requires_grad=False)
    optimizer = sgd(network, lr)
    for step in range(steps):
        batch = data.batch(step, VIEWS[method])
        set_cosine(optimizer, lr, step / steps)
        network.train()
        labels = batch.supervised.targets.classes[:, 0]
        known = batch.supervised.view.images
        if method == "supervised":
            loss = F.cross_entropy(network(known), labels)
        elif method == "mean-teacher":
            mine, other = (
                torch.cat([part.views[name].images for part in (batch.labelled, batch.unlabelled)])
                for name in ("noisy", "noisy-too")
            )
            average.train()
            with torch.no_grad():
                wanted = average(other).softmax(dim=1)
            rise = math.exp(-5.0 * (1.0 - min(step / (0.4 * steps), 1.0)) ** 2)
            loss = F.cross_entropy(network(known), labels)
            loss = loss + 50.0 * rise * F.mse_loss(network(mine).softmax(dim=1), wanted)
        else:
            weak, strong = (batch.unlabelled.views[name].images for name in ("weak", "strong"))
            logits = network(torch.cat([known, weak, strong]))
            of_known, of_weak, of_strong = logits.split([len(known), len(weak), len(strong)])
            sure, guessed = of_weak.detach().softmax(dim=1).max(dim=1)
            losses = F.cross_entropy(of_strong, guessed, reduction="none")
            loss = F.cross_entropy(of_known, labels) + (losses * (sure >= 0.95)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(1.0 - 1.0 / (step + 2), 0.99)
        with torch.no_grad():
            for mean, value in zip(average.parameters(), network.parameters(), strict=True):
                mean.mul_(decay).add_(value, alpha=1.0 - decay)
            for mean, value in zip(average.buffers(), network.buffers(), strict=True):
                mean.copy_(value)
    return average
