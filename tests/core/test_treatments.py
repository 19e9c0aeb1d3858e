"""Controls kept apart from treatments, in predictions, in the pool and in validation."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from deepnoise_core.contracts import Predictions, Role, Stage
from deepnoise_core.data.scores import best_class
from deepnoise_core.data.treatments import (
    among_treatments,
    are_treatments_scored,
    kept_apart,
    may_be_treated,
    treated_sites,
)
from deepnoise_core.data.wells import with_raw
from deepnoise_core.engine.prediction import predict_rows
from deepnoise_core.engine.validation import LabelledPool, validate
from deepnoise_core.testing.networks import small_classifier
from deepnoise_core.testing.pixels import plain_inputs
from deepnoise_core.testing.screens import random_screen

ROLES = np.array([role.value for role in Role], dtype=object)
CONTROLS = [Role.POSITIVE_CONTROL, Role.NEGATIVE_CONTROL, Role.UNTREATED]


def predictions() -> Predictions:
    ids = dict.fromkeys(("experiment", "plate", "well", "well_id", "cell_type", "role"), ROLES)
    scores = np.arange(20, dtype=np.float32).reshape(5, 4)
    return Predictions(ids, ("s1", "s2", "s3", "EMPTY"), scores, embeddings=np.ones((5, 2), np.float32))


def test_roles() -> None:
    treated = [role not in CONTROLS for role in Role]
    assert may_be_treated(ROLES).tolist() == treated
    screen = random_screen().take(np.arange(len(ROLES)))
    screen = replace(screen, sites=screen.sites.with_columns(role=pl.Series(ROLES)))
    assert treated_sites(screen).tolist() == treated


@pytest.mark.parametrize(
    ("target", "roles", "wanted"),
    [
        ("perturbation", None, True),
        ("perturbation", (Role.TREATMENT, Role.NEGATIVE_CONTROL), True),
        ("perturbation", (Role.NEGATIVE_CONTROL, Role.UNKNOWN), True),
        ("perturbation", (Role.NEGATIVE_CONTROL, Role.UNTREATED), False),
        ("cell_type", None, False),
        ("cell_type", (Role.TREATMENT,), False),
    ],
)
def test_what_is_scored(target: str, roles: tuple[Role, ...] | None, wanted: bool) -> None:
    assert are_treatments_scored(target, roles) is wanted


def test_each_kind_is_predicted_among_its_own_classes() -> None:
    made = kept_apart(predictions(), 3)
    assert made.classes == ("s1", "s2", "s3", "EMPTY")
    for role, scores, before in zip(Role, made.scores, predictions().scores, strict=True):
        own = [3] if role in CONTROLS else [0, 1, 2]
        assert np.flatnonzero(np.isfinite(scores)).tolist() == own
        assert (scores[own] == before[own]).all()


def test_predictions_name_treatments_alone() -> None:
    made = among_treatments(predictions(), 3)
    assert made.classes == ("s1", "s2", "s3")
    assert made.scores.dtype == np.float32
    assert best_class(made.scores).tolist() == [2, -1, -1, -1, 2]
    assert with_raw(made).stages[Stage.RAW].tolist() == [2, -1, -1, -1, 2]
    assert made.embeddings is not None
    assert len(made.embeddings) == 5


def test_validation_looks_among_treatments_alone() -> None:
    screen = random_screen(experiments=1)
    rows = np.arange(len(screen))
    inputs = plain_inputs(screen.store)
    torch.manual_seed(0)
    model = small_classifier(classes=4)
    with torch.no_grad():
        next(reversed(list(model.head.parameters())))[3] += 100.0
    wells = screen.column("well_id").astype(str)
    logits = predict_rows(model, inputs, rows).logits
    best = {well: int(logits[wells == well].mean(axis=0)[:3].argmax()) for well in set(wells)}
    labels = np.array([best[well] for well in wells])
    assert validate(model, inputs, LabelledPool(rows, labels, wells, 3))["validation_accuracy"] == 1.0
    assert validate(model, inputs, LabelledPool(rows, labels, wells, 4))["validation_accuracy"] == 0.0
