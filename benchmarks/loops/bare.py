"""The loops that a good engineer writes by hand, without anything around them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loops.material import DECAY, LEARNING_RATE, Material

CONSISTENCY, TEACHER_DECAY = 10.0, 0.99
MEAN_TEACHER = (
    f"strategy={{name: mean-teacher, options: {{consistency: {CONSISTENCY}, ramp_epochs: 0, "
    f"decay: [[0, {TEACHER_DECAY}]]}}}}"
)
"""Our strategy with the same settings."""


@dataclass
class Seen:
    """What a step sees: views of the labelled sites and of the pool, and labels; Lightning wants it open."""

    labelled: dict[str, Tensor]
    unlabelled: dict[str, Tensor]
    labels: Tensor


def seen(material: Material, labelled: Sequence[str], unlabelled: Sequence[str] = ()) -> Iterator[Seen]:
    """What each step sees, its pixels read in a thread while the step before is worked on."""
    read, seed = material.inputs.store.read, material.recipe.seed
    wanted = [np.concatenate([step.labelled.rows, step.unlabelled.rows]) for step in material.steps]
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, wanted[0])
        for number, step in enumerate(material.steps):
            pixels = coming.result()
            if number + 1 < len(wanted):
                coming = reader.submit(read, wanted[number + 1])
            border = len(step.labelled)
            views = [
                material.inputs.views(own, which.rows, names, material.augmentation, seed=seed, turns=which.turns)
                for own, which, names in (
                    (pixels[:border], step.labelled, labelled),
                    (pixels[border:], step.unlabelled, unlabelled),
                )
            ]
            images = [{name: view.images for name, view in one.items()} for one in views]
            yield Seen(images[0], images[1], torch.from_numpy(material.labels[step.labelled.rows]))


def optimizer_of(network: nn.Module, *, fused: bool = False) -> torch.optim.Optimizer:
    """AdamW without decay of biases and norm weights; in PyTorch's usual way, or in one kernel as ours is."""
    parameters = list(network.parameters())
    groups = [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": DECAY},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE, fused=fused)


def supervised(material: Material, *, fused: bool = False) -> Iterator[nn.Module]:
    """Cross-entropy of the normal view; yields the network after each step."""
    network = material.network()
    optimizer, total = optimizer_of(network, fused=fused), torch.zeros(())
    for step in seen(material, ["normal"]):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(step.labelled["normal"]), step.labels)
        loss.backward()
        optimizer.step()
        total += loss.detach()
        yield network


def mean_teacher(material: Material, *, fused: bool = False) -> Iterator[nn.Module]:
    """Cross-entropy, and the distance to the running average; yields the average after each step."""
    network = material.network()
    teacher = copy.deepcopy(network).requires_grad_(requires_grad=False)
    mine, own = list(teacher.parameters()), list(network.parameters())
    optimizer, total = optimizer_of(network, fused=fused), torch.zeros(())
    for number, step in enumerate(seen(material, ["normal", "easy", "hard"], ["easy", "hard"]), start=1):
        easy, hard = (torch.cat([step.labelled[name], step.unlabelled[name]]) for name in ("easy", "hard"))
        optimizer.zero_grad()
        loss = F.cross_entropy(network(step.labelled["normal"]), step.labels)
        with torch.no_grad():
            target = teacher(hard).softmax(dim=1)
        loss = loss + CONSISTENCY * F.mse_loss(network(easy).softmax(dim=1), target)
        loss.backward()
        optimizer.step()
        torch._foreach_lerp_(mine, own, 1.0 - min(1.0 - 1.0 / (number + 1), TEACHER_DECAY))
        total += loss.detach()
        yield teacher
