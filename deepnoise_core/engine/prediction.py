"""Prediction over the rows of a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import ID_COLUMNS, Predictions, Screen, TestTimeViews, View
from deepnoise_core.data.batches import Made, share_of
from deepnoise_core.engine.bad_images import tell_all
from deepnoise_core.engine.batch_norm import statistics_restored
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import DomainNorm, adapt, portions_of
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.processes import array_of_all, process_count, process_rank
from deepnoise_core.engine.tta import turned_copies

BATCH_SIZE = 128
"""Sites a forward pass."""


@dataclass(frozen=True)
class SiteOutputs:
    """What a network says of sites.

    Attributes:
        rows: rows of the screen, int64 [n]; those that were asked for, without the ones that are left out.
        logits: float32 [n, K].
        embeddings: float32 [n, F].
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True)
class SiteBatch:
    """Sites that pass through a network together.

    Attributes:
        places: where they stand among the rows of their pass, int64 [B].
        pool: the sites that tell the batch-norm statistics, rows of the screen; None for those of training.
    """

    places: NDArray[np.int64]
    pool: NDArray[np.int64] | None


@dataclass(frozen=True)
class SitePass:
    """One pass of a network over sites, in evaluation mode, batch after batch.

    Attributes:
        model: left in the mode it was in.
        inputs: the path of the images.
        rows: rows of the screen, int64 [n].
        tta: over which copies of each image logits and embeddings are averaged.
        norm: with which batch-norm statistics; those of training where None.
        batch_size: sites a forward pass; changes no result beyond rounding.
    """

    model: Classifier
    inputs: Inputs
    rows: NDArray[np.int64]
    tta: TestTimeViews = "none"
    norm: DomainNorm | None = None
    batch_size: int = BATCH_SIZE

    def batches(self) -> Sequence[SiteBatch]:
        """All batches, those of the same pool one after another."""
        begun = [
            (pool, places, start)
            for pool, places in portions_of(self.rows, self.norm)
            for start in range(0, len(places), self.batch_size)
        ]

        def batch(number: int) -> SiteBatch:
            pool, places, start = begun[number]
            return SiteBatch(np.asarray(places[start : start + self.batch_size], dtype=np.int64), pool)

        return Made(range(len(begun)), batch)

    @torch.inference_mode()
    def outputs(self, batches: Iterable[SiteBatch]) -> Iterator[SiteOutputs]:
        """What the network says of each of these batches, without the sites that are left out."""
        was_training = self.model.training
        self.model.eval()
        try:
            with nullcontext() if self.norm is None else statistics_restored(self.model):
                for _, alike in groupby(batches, key=lambda batch: id(batch.pool)):
                    first = next(alike)
                    if self.norm is not None and first.pool is not None:
                        adapt(self.model, self.inputs, first.pool, most_pixels=self.norm.most_pixels)
                    images = self.inputs.read_ahead(self.rows[batch.places] for batch in chain([first], alike))
                    yield from (self._said(found, pixels) for found, pixels in images)
        finally:
            if was_training:
                self.model.train()

    def _said(self, rows: NDArray[np.int64], pixels: NDArray[Any]) -> SiteOutputs:
        if not len(rows):
            widths = self.model.num_classes, self.model.num_features
            return SiteOutputs(rows, *(np.empty((0, width), dtype=np.float32) for width in widths))
        logits, embeddings = _averaged(self.model, self.inputs.clean(pixels, rows), self.tta)
        return SiteOutputs(rows, logits.cpu().numpy(), embeddings.cpu().numpy())


def predict_rows(
    model: Classifier,
    inputs: Inputs,
    rows: NDArray[np.int64],
    *,
    tta: TestTimeViews = "none",
    norm: DomainNorm | None = None,
    batch_size: int = BATCH_SIZE,
    on_batch: Callable[[int], None] | None = None,
) -> SiteOutputs:
    """Logits and embeddings of these rows, in evaluation mode, all in memory.

    Several processes predict a share each and all get the whole. Batches are those of a process alone, and so is
    every bit of the result.

    Args:
        model: left in the mode it was in.
        inputs: the path of the images.
        rows: rows of the screen, int64 [n].
        tta: over which copies of each image logits and embeddings are averaged.
        norm: with which batch-norm statistics; those of training where None.
        batch_size: sites a forward pass; changes no result beyond rounding.
        on_batch: called with the number of sites of each batch that this process has finished.
    """
    logits = np.empty((len(rows), model.num_classes), dtype=np.float32)
    embeddings = np.empty((len(rows), model.num_features), dtype=np.float32)
    read = np.zeros(len(rows), dtype=bool)
    one_pass = SitePass(model, inputs, rows, tta, norm, batch_size)
    batches = one_pass.batches()
    own = batches[share_of(len(batches), process_rank(), process_count())]
    for batch, found in zip(own, one_pass.outputs(own), strict=True):
        at = batch.places[np.isin(rows[batch.places], found.rows)]
        read[at], logits[at], embeddings[at] = True, found.logits, found.embeddings
        if on_batch:
            on_batch(len(found.rows))
    if process_count() > 1:
        tell_all(inputs.store)
        read, logits, embeddings = (_of_all(values, read) for values in (read, logits, embeddings))
    return SiteOutputs(rows[read], logits[read], embeddings[read])


def _of_all(values: NDArray[Any], own: NDArray[np.bool_]) -> NDArray[Any]:
    """The values [n, …] at the places that any process has as its own, gathered at the same places."""
    whole = np.zeros_like(values)
    whole[array_of_all(np.flatnonzero(own))] = array_of_all(values[own])
    return whole


def _averaged(model: Classifier, view: View, tta: TestTimeViews) -> tuple[Tensor, Tensor]:
    """Mean logits [B, K] and embeddings [B, F] over the copies of each image."""
    features = [model.embed(images).float() for images in turned_copies(view.images, tta)]
    scores = [model.score(one, view.condition).float() for one in features]
    return torch.stack(scores).mean(dim=0), torch.stack(features).mean(dim=0)


def site_predictions(
    screen: Screen,
    outputs: SiteOutputs,
    classes: tuple[str, ...],
    *,
    transductive: tuple[str, ...] = (),
) -> Predictions:
    """Predictions with one row a site, identified as in the screen; no label is copied."""
    columns = ("site_id", "site", *ID_COLUMNS)
    return Predictions(
        ids={name: screen.column(name, outputs.rows) for name in columns},
        classes=classes,
        scores=outputs.logits,
        embeddings=outputs.embeddings,
        transductive=transductive,
    )
