"""The pool of sites without labels: what a strategy is told of it, and its prediction between epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import numpy as np
from torch import nn

from deepnoise_core.contracts import ID_COLUMNS, Pool, Predictions, Refreshed, TestTimeViews
from deepnoise_core.data.treatments import kept_apart
from deepnoise_core.data.wells import merge_sites
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import DomainNorm
from deepnoise_core.engine.job import TrainingJob
from deepnoise_core.engine.prediction import predict_rows, site_predictions
from deepnoise_core.engine.validation import LabelledPool


def pool_of(job: TrainingJob) -> Pool:
    """What the strategy of a job is told of its unlabelled sites."""
    rows = job.unlabelled
    ids = {name: job.screen.column(name, rows) for name in ID_COLUMNS}
    return Pool(rows, ids, job.design, len(job.classes), job.num_treatments)


@dataclass(frozen=True)
class PoolPredictor:
    """Predicts the wells of a job's pool, as `Strategy.refresh` may ask.

    Attributes:
        job: what is trained.
        autocast: makes the context of the job's precision.
        norm: with which batch-norm statistics sites are predicted; the running ones where None.
        whole: makes the network whole that is predicted with.
    """

    job: TrainingJob
    autocast: Callable[[], AbstractContextManager[None]]
    norm: DomainNorm | None = None
    whole: Callable[[Classifier], AbstractContextManager[Classifier]] = nullcontext

    def __call__(self, model: nn.Module, tta: TestTimeViews = "none") -> Predictions:
        """Raw well-level predictions of the pool, without labels.

        Where treatments are learned beside controls, each well is predicted among its own kind of classes alone.
        """
        job = self.job
        with self.autocast(), self.whole(cast(Classifier, model)) as network:
            outputs = predict_rows(network, job.inputs, job.unlabelled, tta=tta, norm=self.norm)
        predictions = merge_sites(site_predictions(job.screen, outputs, job.classes))
        return predictions if job.num_treatments is None else kept_apart(predictions, job.num_treatments)


def refresh_record(refreshed: Refreshed, validation: LabelledPool | None) -> dict[str, float]:
    """The figures of a refresh for the line of its epoch, and the share of wrong pseudo-labels where known.

    Validation labels are read here, after the strategy has decided, and nothing of them goes back to it.
    """
    record = dict(refreshed.logs)
    known = _truth(validation) if validation else {}
    wrong = [known[well] != label for well, label in refreshed.pseudo_labels.items() if well in known]
    return record | ({"pseudo_label_error": float(np.mean(wrong))} if wrong else {})


def _truth(validation: LabelledPool) -> Mapping[str, int]:
    return dict(zip(validation.wells.tolist(), validation.labels.tolist(), strict=True))
