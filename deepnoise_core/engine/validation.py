"""The figures by which epochs are compared: accuracy and loss of labelled wells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from deepnoise_core.contracts import PlateDesign
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.plates import find_plate_groups, restrict
from deepnoise_core.data.temperature import fit_temperature
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import DomainNorm
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


@dataclass(frozen=True)
class ValidationPlates:
    """Where the sites of a `LabelledPool` stand, for accuracy within the groups of classes of their plates.

    Attributes:
        experiment: name of each site's experiment, [n].
        plate: name of each site's plate, [n].
        design: its groups hold all classes among which wells are predicted.
    """

    experiment: NDArray[np.str_]
    plate: NDArray[np.str_]
    design: PlateDesign


def validate(
    model: Classifier,
    inputs: Inputs,
    pool: LabelledPool,
    *,
    plates: ValidationPlates | None = None,
    norm: DomainNorm | None = None,
) -> dict[str, float]:
    """Raw well-level accuracy (mean logits of a well's sites), mean cross-entropy, and fitted temperature.

    Args:
        model: predicts in evaluation mode.
        inputs: the path of the images.
        pool: the wells.
        plates: where given, `validation_group_accuracy` too: each plate restricted to the group that the
            predictions of its experiment point to.
        norm: with which batch-norm statistics sites are predicted; the running ones where None.

    Raises:
        ImageError: none of the sites can be read.
    """
    outputs = predict_rows(model, inputs, pool.rows, norm=norm)
    if not len(outputs.rows):
        raise ImageError("no validation site can be read; put the images back, or choose other validation units")
    read = np.isin(pool.rows, outputs.rows)
    _, first, well = np.unique(pool.wells[read], return_index=True, return_inverse=True)
    scores = np.zeros((len(first), pool.num_classes))
    np.add.at(scores, well, outputs.logits[:, : pool.num_classes])
    scores /= np.bincount(well)[:, None]
    labels = pool.labels[read][first]
    loss = -log_softmax(scores, axis=1)[np.arange(len(labels)), labels]
    figures = {
        "validation_accuracy": _accuracy(scores, labels),
        "validation_loss": float(loss.mean()),
        "validation_temperature": fit_temperature(scores, labels),
    }
    if plates is not None:
        within = _restricted(scores, plates, np.flatnonzero(read)[first])
        figures["validation_group_accuracy"] = _accuracy(within, labels)
    return figures


def _restricted(
    scores: NDArray[np.float64], plates: ValidationPlates, sites: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Scores of wells, given a site of each, -inf outside of the likeliest group of their plate."""
    groups = plates.design.groups
    found = find_plate_groups(
        scores,
        experiment=plates.experiment[sites],
        plate=plates.plate[sites],
        groups=groups,
        arrangements="cyclic" if plates.design.cyclic else "all",
        known=plates.design.known,
        threshold=0.0,
    )
    return restrict(scores, groups, found.of_row)


def _accuracy(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float((scores.argmax(axis=1) == labels).mean())
