"""Prediction over the rows of a screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import ID_COLUMNS, Predictions, Screen, TestTimeViews, View
from deepnoise_core.data.batches import share_of
from deepnoise_core.engine.bad_images import tell_all
from deepnoise_core.engine.batch_norm import statistics_restored
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import DomainNorm, adapt, portions_of
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.processes import array_of_all, process_count, process_rank
from deepnoise_core.engine.tta import turned_copies


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


@torch.inference_mode()
def predict_rows(
    model: Classifier,
    inputs: Inputs,
    rows: NDArray[np.int64],
    *,
    tta: TestTimeViews = "none",
    norm: DomainNorm | None = None,
    batch_size: int = 128,
    on_batch: Callable[[int], None] | None = None,
) -> SiteOutputs:
    """Logits and embeddings of these rows, in evaluation mode.

    Several processes predict a share each and all get the whole. Batches are those of a process alone, and so is
    every bit of the result.

    Args:
        model: left in the mode it was in.
        inputs: the path of the images.
        rows: rows of the screen, int64 [n].
        tta: over which copies of each image logits and embeddings are averaged.
        norm: with which batch-norm statistics; those of training where None.
        batch_size: sites a forward pass; changes no result beyond rounding.
        on_batch: called with the number of sites of each finished batch, of all processes.
    """
    was_training = model.training
    model.eval()
    logits = np.empty((len(rows), model.num_classes), dtype=np.float32)
    embeddings = np.empty((len(rows), model.num_features), dtype=np.float32)
    read = np.zeros(len(rows), dtype=bool)
    with statistics_restored(model):
        for sites, chunks in _own_chunks(portions_of(rows, norm), batch_size):
            if norm is not None and sites is not None:
                adapt(model, inputs, sites, most_pixels=norm.most_pixels)
            images = inputs.read_ahead([rows[chunk] for chunk in chunks])
            for chunk, (found, pixels) in zip(chunks, images, strict=True):
                if not len(found):
                    continue
                scores, features = _averaged(model, inputs.clean(pixels, found), tta)
                at = chunk[np.isin(rows[chunk], found)]
                read[at], logits[at], embeddings[at] = True, scores.cpu().numpy(), features.cpu().numpy()
                if on_batch:
                    on_batch(len(found))
    model.train(was_training)
    if process_count() > 1:
        tell_all(inputs.store)
        read, logits, embeddings = (_of_all(values, read) for values in (read, logits, embeddings))
    return SiteOutputs(rows[read], logits[read], embeddings[read])


def _own_chunks(
    portions: list[tuple[NDArray[np.int64] | None, NDArray[np.int64]]], batch_size: int
) -> list[tuple[NDArray[np.int64] | None, list[NDArray[np.int64]]]]:
    """The sites that tell statistics, and the batches of this process that are predicted with them."""
    batches = [
        (number, places[start : start + batch_size])
        for number, (_, places) in enumerate(portions)
        for start in range(0, len(places), batch_size)
    ]
    own = batches[share_of(len(batches), process_rank(), process_count())]
    return [
        (portions[number][0], [batch for _, batch in group]) for number, group in groupby(own, key=itemgetter(0))
    ]


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
        ids={name: screen.column(name)[outputs.rows] for name in columns},
        classes=classes,
        scores=outputs.logits,
        embeddings=outputs.embeddings,
        transductive=transductive,
    )
