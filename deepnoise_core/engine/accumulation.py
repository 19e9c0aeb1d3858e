"""Steps in parts: the gradient of a batch whose images need not fit the device at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from deepnoise_core.contracts import Batch, Losses, StepBatch, SupervisedBatch, Targets, View
from deepnoise_core.data.batches import share_of


def parts_of(batch: StepBatch, count: int) -> Iterator[tuple[float, StepBatch, bool]]:
    """Parts of a batch, as equal as can be, each with its share of the labelled images and whether it is last.

    Means over labelled images, weighted by these shares, add up to the mean over the batch. For unlabelled ones
    that is exact where they divide as the labelled ones do. A batch that is too small for `count` parts of two
    labelled images and an unlabelled one makes fewer.
    """
    supervised, pool = batch.supervised, batch.unlabelled
    labelled, unlabelled = len(supervised.rows), 0 if pool is None else len(pool.rows)
    count = min(count, most_parts(batch))
    if count == 1:
        yield 1.0, batch, True
        return
    for part in range(count):
        own, beside = share_of(labelled, part, count), share_of(unlabelled, part, count)
        classes, weights, smoothing = supervised.targets
        named = SupervisedBatch(
            supervised.rows[own],
            _view(supervised.view, own),
            Targets(classes[own], weights[own], smoothing),
        )
        divided = StepBatch(named, _batch(batch.labelled, own), pool and _batch(pool, beside))
        yield (own.stop - own.start) / labelled, divided, part == count - 1


def most_parts(batch: StepBatch) -> int:
    """How many parts of two labelled images and an unlabelled one a batch makes."""
    labelled, pool = len(batch.supervised.rows), batch.unlabelled
    return min(labelled // 2, labelled if pool is None else len(pool.rows))


def joined_losses(parts: Sequence[tuple[float, Losses]]) -> Losses:
    """The losses of a batch from those of its parts and their shares; for the record, without a gradient."""
    return Losses(
        _means([(share, losses.terms) for share, losses in parts]),
        _means([(share, losses.logs) for share, losses in parts]),
    )


def _means(parts: Sequence[tuple[float, Mapping[str, Tensor]]]) -> dict[str, Tensor]:
    if len(parts) == 1:
        return {name: value.detach() for name, value in parts[0][1].items()}
    totals: dict[str, Tensor] = {}
    for share, values in parts:
        for name, value in values.items():
            totals[name] = share * value.detach() + totals.get(name, 0.0)
    return totals


def _batch(batch: Batch, own: slice) -> Batch:
    return Batch(batch.rows[own], {name: _view(view, own) for name, view in batch.views.items()})


def _view(view: View, own: slice) -> View:
    return View(view.images[own], None if view.condition is None else view.condition[own])
