"""First convolutions for other channels than those that they were trained with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.contracts.plan.initial import Stem
from deepnoise_core.data.names import did_you_mean


def adapt_stem(weight: Tensor, shape: Sequence[int], stem: Stem, sources: Sequence[int] = ()) -> Tensor:
    """The weights V [O, D, l, l] of a first convolution, made from W [O, C, k, k].

    - `mean`: V_d = (W_1 + … + W_C) / D.
    - `by_channel`: V_d = W_s / n · C / U, where the new channel d is taken from the old channel s, n new ones are
      taken from s, and U of the C old ones are taken at all.
    - `repeat`: the same, the old channels taken in turn.
    - `random`: normal, with mean 0 and the spread of W times √(C k² / D l²), from torch's generator.

    Where every old channel is taken, V_1 + … + V_D = W_1 + … + W_C: an image whose channels are all alike keeps
    its output. `random` keeps the spread of outputs where pixels are independent, and alone allows l ≠ k.

    Args:
        weight: W.
        shape: O, D, l, l.
        stem: the policy.
        sources: the old channel of each new one, counted from 0, for `by_channel`.

    Raises:
        ModelError: `repeat` would drop old channels.
    """
    old, new = weight.shape[1], shape[1]
    if stem == "random":
        spread = float(weight.double().std()) * math.sqrt(weight[0].numel() / math.prod(shape[1:]))
        return torch.randn(tuple(shape)).mul_(spread).to(weight)
    if stem == "repeat":
        if new < old:
            raise ModelError(f"stem: repeat cannot take {old} channels to {new}; use mean or by_channel")
        sources = [channel % old for channel in range(new)]
    taken = torch.ones(old, new, dtype=torch.float64)
    if stem != "mean":
        taken = (torch.arange(old)[:, None] == torch.tensor(sources)).double()
    times = taken.sum(dim=1, keepdim=True)
    shares = taken / times.clamp(min=1) * old / (times > 0).sum()
    return torch.einsum("ochw,cd->odhw", weight.double(), shares).to(weight.dtype)


def channel_sources(old: Sequence[str], new: Sequence[str], named: Mapping[str, str]) -> list[int]:
    """Which old channel each new one is taken from, counted from 0.

    Args:
        old: channels of the weights.
        new: channels of the screen.
        named: new channel → old channel; a new one that is not here is taken from the old one of its name.

    Raises:
        ModelError: a name is not known, or a new channel has no old one.
    """
    faults = [f"the screen has no channel {name!r}{did_you_mean(name, new)}" for name in named if name not in new]
    faults += [
        f"the weights have no channel {name!r}{did_you_mean(name, old)}"
        for name in named.values()
        if name not in old
    ]
    orphans = [name for name in new if name not in named and name not in old]
    if orphans:
        faults.append(f"nothing is said of {', '.join(orphans)}; name for each a channel of the weights")
    if faults:
        raise ModelError(
            f"train.initial.channels: {'; '.join(faults)}; the weights read {', '.join(old)}, the screen has "
            f"{', '.join(new)}"
        )
    return [old.index(named.get(name, name)) for name in new]
