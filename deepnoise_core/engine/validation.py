"""The honest figure by which epochs are compared: raw accuracy of labelled wells, without plate knowledge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.prediction import predict_rows


@dataclass(frozen=True)
class LabelledPool:
    """Sites of validation wells and their classes.

    Attributes:
        rows: rows of the screen, int64 [n].
        labels: class index of each site's well, int64 [n].
        wells: id of each site's well, [n].
        num_classes: number of the first classes, among which they are predicted; controls' come after them.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    wells: NDArray[np.str_]
    num_classes: int


def validate(model: Classifier, inputs: Inputs, pool: LabelledPool) -> dict[str, float]:
    """Raw well-level accuracy (mean logits of a well's sites) and mean cross-entropy.

    Raises:
        ImageError: none of the sites can be read.
    """
    outputs = predict_rows(model, inputs, pool.rows)
    if not len(outputs.rows):
        raise ImageError("no validation site can be read; put the images back, or choose other validation units")
    read = np.isin(pool.rows, outputs.rows)
    _, first, well = np.unique(pool.wells[read], return_index=True, return_inverse=True)
    scores = np.zeros((len(first), pool.num_classes))
    np.add.at(scores, well, outputs.logits[:, : pool.num_classes])
    scores /= np.bincount(well)[:, None]
    labels = pool.labels[read][first]
    correct = scores.argmax(axis=1) == labels
    loss = -log_softmax(scores, axis=1)[np.arange(len(labels)), labels]
    return {"validation_accuracy": float(correct.mean()), "validation_loss": float(loss.mean())}
