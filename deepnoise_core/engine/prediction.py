"""Prediction over the rows of a screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from deepnoise_core.contracts import ID_COLUMNS, Predictions, Screen
from deepnoise_core.data.batches import read_ahead
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.inputs import Inputs


@torch.inference_mode()
def predict_rows(
    model: Classifier,
    inputs: Inputs,
    rows: NDArray[np.int64],
    *,
    batch_size: int = 128,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits [n, K] and embeddings [n, F] of these rows, float32, in evaluation mode.

    Args:
        model: left in the mode it was in.
        inputs: the path of the images.
        rows: rows of the screen, int64 [n].
        batch_size: sites a forward pass; changes no result beyond rounding.
        on_batch: called with the number of sites of each finished batch.
    """
    was_training = model.training
    model.eval()
    logits = np.empty((len(rows), model.num_classes), dtype=np.float32)
    embeddings = np.empty((len(rows), model.num_features), dtype=np.float32)
    chunks = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    done = 0
    for chunk, pixels in read_ahead(inputs.store, chunks):
        features = model.embed(inputs.clean(pixels, chunk))
        scores = model.head(features)
        logits[done : done + len(chunk)] = scores.float().cpu().numpy()
        embeddings[done : done + len(chunk)] = features.float().cpu().numpy()
        done += len(chunk)
        if on_batch:
            on_batch(len(chunk))
    model.train(was_training)
    return logits, embeddings


def site_predictions(
    screen: Screen,
    rows: NDArray[np.int64],
    classes: tuple[str, ...],
    logits: NDArray[np.float32],
    embeddings: NDArray[np.float32] | None,
    *,
    transductive: tuple[str, ...] = (),
) -> Predictions:
    """Predictions with one row a site, identified as in the screen; no label is copied."""
    columns = ("site_id", "site", *ID_COLUMNS)
    return Predictions(
        ids={name: screen.column(name)[rows] for name in columns},
        classes=classes,
        scores=logits,
        embeddings=embeddings,
        transductive=transductive,
    )
