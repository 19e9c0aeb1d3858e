"""Networks that start with the weights of another: what cannot fit is named, and never left out in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from torch import Tensor

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.contracts.plan.initial import InitialOptions, Stem
from deepnoise_core.data.names import some_of
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.stems import adapt_stem, channel_sources
from deepnoise_core.engine.weights import load_weights, restore

_RGB = ("red", "green", "blue")
_CLASSIFIERS = ("classifier", "fc", "head", "last_linear")
"""What networks outside of deepnoise call the layers that follow their features."""


@dataclass(frozen=True)
class InitialWeights:
    """Weights to start from.

    Attributes:
        source: where they come from, for messages.
        tensors: state of a timm network, or of a classifier of deepnoise.
        channels: names of the channels that it reads; None where nobody knows them.
        classes: names of its classes; None where nobody knows them.
        conditions: the cell types that its head is told of.
    """

    source: Path | str
    tensors: Mapping[str, Tensor]
    channels: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    conditions: tuple[str, ...] = ()


def read_initial(file: Path) -> InitialWeights:
    """The weights of a safetensors file.

    Raises:
        ModelError: it is missing, or is no safetensors file.
    """
    return InitialWeights(file, load_weights(file))


def start_from(
    network: Classifier,
    weights: InitialWeights,
    options: InitialOptions,
    channels: tuple[str, ...],
    classes: tuple[str, ...],
) -> tuple[str, ...]:
    """Load weights into a network at its start.

    Every tensor of the backbone must be there, in its shape. The first convolution alone may read other channels
    than the network's, and is then adapted as the options say; see `adapt_stem`.

    Args:
        network: is changed.
        weights: to start from.
        options: what becomes of stem and head.
        channels: names of the channels that the network reads.
        classes: names of its classes.

    Returns:
        What was done, a line each.

    Raises:
        ModelError: weights and network do not fit; says where, and what may be done.
    """
    own = network.backbone.state_dict()
    names = {name.removeprefix("network."): name for name in own}
    wanted = {bare: own[name] for bare, name in names.items()}
    given, head = _parts(weights.tensors)
    ignored = _surplus(wanted, given, weights.source)
    if options.head == "keep":
        _require_classes(weights, head, classes)
    stem = _stem_of(wanted, given, weights, options, channels)
    notes = [f"the backbone starts from {weights.source}"]
    if stem is not None:
        old, shape = given[stem], wanted[stem].shape
        given[stem] = _adapted(old, shape, weights, options, channels)
        notes.append(f"stem {stem}: {old.shape[1]} to {shape[1]} channels by {options.stem}")
    elif options.stem is not None:
        notes.append(f"stem: {options.stem} is unused, since the weights read the same channels")
    if ignored:
        notes.append(f"ignored the classifier of the weights: {some_of(ignored)}")
    network.backbone.load_state_dict(own | {names[bare]: given[bare] for bare in names if bare in given})
    if options.head == "keep":
        restore(network.head, head, weights.source)
        notes.append(f"the head is kept, with its {len(classes)} classes")
    else:
        notes.append("the head starts new")
    return tuple(notes)


def _parts(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Tensors of the backbone by their bare names, and those of a head of deepnoise."""
    ours = any(name.startswith("backbone.") for name in tensors)
    backbone, head = {}, {}
    for name, tensor in tensors.items():
        if ours and not name.startswith("backbone."):
            head[name.removeprefix("head.")] = tensor
        else:
            backbone[name.removeprefix("backbone.").removeprefix("network.")] = tensor
    return backbone, head


def _surplus(own: Mapping[str, Tensor], given: Mapping[str, Tensor], source: Path | str) -> list[str]:
    """Tensors of the weights' own classifier; an error where anything else is missing or too many."""
    surplus = sorted(name for name in given if name not in own)
    ignored = [name for name in surplus if name.split(".")[0] in _CLASSIFIERS]
    unknown = [name for name in surplus if name not in ignored]
    # Old files lack the count of batches, which nothing reads while batch norm has a momentum.
    missing = [name for name in own if name not in given and not name.endswith("num_batches_tracked")]
    if unknown or missing:
        faults = [f"lacks {some_of(missing)}"] if missing else []
        faults += [f"has {some_of(unknown)} too many"] if unknown else []
        raise ModelError(f"{source}: is of another network than the recipe's backbone: it {' and '.join(faults)}")
    return ignored


def _stem_of(
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    weights: InitialWeights,
    options: InitialOptions,
    channels: tuple[str, ...],
) -> str | None:
    """Name of the first convolution, where its weights read other channels than the network does."""
    wrong = [name for name in own if name in given and given[name].shape != own[name].shape]
    if not wrong:
        named = weights.channels is not None or options.stem == "by_channel"
        if not named or weights.channels == channels:
            return None
        wrong = [name for name in own if name in given and _is_stem(given[name], own[name], channels)][:1]
    if len(wrong) != 1 or not _is_stem(given[wrong[0]], own[wrong[0]], channels):
        shapes = [f"{name} {[*given[name].shape]}, not {[*own[name].shape]}" for name in wrong]
        more = f" and {len(shapes) - 3} more" if len(shapes) > 3 else ""
        raise ModelError(
            f"{weights.source}: has other shapes than the recipe's backbone: "
            f"{'; '.join(shapes[:3]) or 'no convolution reads the channels'}{more}"
        )
    stem = wrong[0]
    old, new = given[stem].shape, own[stem].shape
    place = f"{weights.source}: its first convolution {stem}"
    if options.stem is None:
        found = ", ".join(weights.channels or [f"{old[1]} channels"])
        raise ModelError(
            f"{place} reads {found}, but the network {', '.join(channels)}; say how it is adapted with "
            f"train.initial.stem: {', '.join(get_args(Stem))}"
        )
    if options.stem != "random" and old[2:] != new[2:]:
        raise ModelError(
            f"{place} is {old[2]}x{old[3]}, but that of the network {new[2]}x{new[3]}, for which nothing but a "
            "new start will do; set train.initial.stem: random"
        )
    return stem


def _is_stem(old: Tensor, new: Tensor, channels: tuple[str, ...]) -> bool:
    return old.ndim == new.ndim == 4 and old.shape[0] == new.shape[0] and new.shape[1] == len(channels)


def _adapted(
    old: Tensor,
    shape: tuple[int, ...],
    weights: InitialWeights,
    options: InitialOptions,
    channels: tuple[str, ...],
) -> Tensor:
    if options.stem != "by_channel":
        assert options.stem is not None  # noqa: S101 - a stem without a policy was refused before
        return adapt_stem(old, shape, options.stem)
    known = weights.channels or (_RGB if old.shape[1] == len(_RGB) else None)
    if known is None:
        raise ModelError(
            f"{weights.source}: nobody knows how its {old.shape[1]} channels are called, so that they cannot be "
            "taken by_channel; use another train.initial.stem"
        )
    return adapt_stem(old, shape, "by_channel", channel_sources(known, channels, options.channels))


def _require_classes(weights: InitialWeights, head: Mapping[str, Tensor], classes: tuple[str, ...]) -> None:
    if weights.classes is None or not head:
        raise ModelError(
            f"{weights.source}: does not say its classes, so that its head cannot be kept; give the folder of a "
            "run or bundle, or set train.initial.head: new"
        )
    if weights.classes == classes:
        return
    lost, more = (
        [name for name in one if name not in set(other)]
        for one, other in ((weights.classes, classes), (classes, weights.classes))
    )
    faults = [f"it has {some_of(lost)}, which the screen has not"] if lost else []
    faults += [f"it lacks {some_of(more)}"] if more else []
    raise ModelError(
        f"{weights.source}: its head has other classes: {'; '.join(faults) or 'the same in another order'}; set "
        "train.initial.head: new"
    )
