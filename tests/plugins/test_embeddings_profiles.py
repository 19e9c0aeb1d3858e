"""What all corrections of embeddings have in common."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from pydantic import ValidationError

from deepnoise_core.contracts import Options, PlateDesign, Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.protocols import PostProcessor
from deepnoise_core.testing import postprocessors
from deepnoise_plugins.embeddings import deepnoise_postprocessors
from deepnoise_plugins.embeddings.center_scale import CenterScale
from deepnoise_plugins.embeddings.combat import Combat
from deepnoise_plugins.embeddings.options import CenterScaleOptions, CombatOptions, SpheringOptions
from deepnoise_plugins.embeddings.sphering import Sphering

MakeProfiles = Callable[..., Predictions]
Rows = Callable[[Predictions, ArrayLike], Predictions]
DESIGN = PlateDesign()
STEPS: list[PostProcessor] = [
    CenterScale(CenterScaleOptions()),
    CenterScale(CenterScaleOptions(level="experiment", method="robust", reference="all")),
    Sphering(SpheringOptions()),
    Sphering(SpheringOptions(method="pca_cor", align="plate")),
    Combat(CombatOptions()),
    Combat(CombatOptions(batch="experiment", mean_only=True)),
]
CONTROLLED = STEPS[0], STEPS[2]


def embeddings(predictions: Predictions) -> np.ndarray[Any, np.dtype[np.float32]]:
    assert predictions.embeddings is not None
    return predictions.embeddings


def test_three_corrections_are_offered() -> None:
    names = [component.name for component in deepnoise_postprocessors()]
    assert names == ["center-scale", "sphering", "combat"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("sites", [1, 3])
def test_embeddings_alone_change(step: PostProcessor, sites: int, profiles: MakeProfiles) -> None:
    before = replace(profiles(sites=sites), transductive=("plate statistics",))
    after = step(before, DESIGN)
    assert embeddings(after).shape == embeddings(before).shape
    assert embeddings(after).dtype == np.float32
    assert not np.allclose(embeddings(after), embeddings(before))
    assert after.transductive[0] == "plate statistics"
    assert len(after.transductive) == 2
    assert step(after, DESIGN).transductive == after.transductive
    assert after.notes[0] == "a note"
    for name in ("ids", "classes", "scores", "stages", "facts", "raw_scores"):
        assert getattr(after, name) is getattr(before, name)


@pytest.mark.parametrize("step", STEPS)
def test_the_order_of_rows_changes_no_bit(step: PostProcessor, profiles: MakeProfiles, rows_of: Rows) -> None:
    wells = profiles(features=6)
    order = np.random.default_rng(1).permutation(len(wells))
    straight, shuffled = step(wells, DESIGN), step(rows_of(wells, order), DESIGN)
    np.testing.assert_array_equal(embeddings(shuffled), embeddings(straight)[order])
    assert shuffled.notes == straight.notes


@pytest.mark.parametrize("step", STEPS)
def test_nothing_gives_nothing(step: PostProcessor, profiles: MakeProfiles, rows_of: Rows) -> None:
    empty = rows_of(profiles(), np.array([], dtype=np.int64))
    assert step(empty, DESIGN) is empty


@pytest.mark.parametrize("step", STEPS)
def test_missing_embeddings_are_refused(step: PostProcessor, profiles: MakeProfiles) -> None:
    with pytest.raises(PredictionsError, match=r"these predictions hold none; `deepnoise predict` makes them"):
        step(replace(profiles(), embeddings=None), DESIGN)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_embedding_that_is_not_finite_is_named(
    step: PostProcessor, value: float, profiles: MakeProfiles
) -> None:
    wells = profiles()
    embeddings(wells)[7, 2] = value
    with pytest.raises(PredictionsError, match=f"well E0_0_B09 holds {value} as feature 3"):
        step(wells, DESIGN)


@pytest.mark.parametrize("step", CONTROLLED)
def test_missing_controls_are_explained(step: PostProcessor, profiles: MakeProfiles) -> None:
    with pytest.raises(
        PredictionsError,
        match=r"the 16 predicted wells are 4 positive_control, 12 treatment: data\.roles of the recipe must "
        r"include negative_control, or the option reference must be all",
    ):
        step(profiles(roles=("treatment",) * 3 + ("positive_control",)), DESIGN)


def test_positive_controls_count_where_asked(profiles: MakeProfiles) -> None:
    wells = profiles(roles=("positive_control",) * 4 + ("treatment",))
    after = CenterScale(CenterScaleOptions(reference="controls"))(wells, DESIGN)
    assert after.transductive == ("embeddings of controls by plate",)
    controls = wells.ids["role"] == "positive_control"
    np.testing.assert_allclose(embeddings(after)[controls].mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "faulty"),
    [
        (CenterScaleOptions, {"level": "well"}),
        (CenterScaleOptions, {"minimum": 1}),
        (SpheringOptions, {"shrinkage": 1.5}),
        (SpheringOptions, {"shrinkage": "oas"}),
        (SpheringOptions, {"ridge": 0}),
        (CombatOptions, {"reference": "all"}),
    ],
)
def test_options_refuse_what_has_no_meaning(options: type[Options], faulty: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        options.model_validate(faulty)


class _Silent(CenterScale):
    """Uses the plate without saying so."""

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        return replace(super().__call__(predictions, design), transductive=predictions.transductive)


class _Lossy(CenterScale):
    """Forgets the embeddings that it was given."""

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        return replace(super().__call__(predictions, design), embeddings=None)


class _First(CenterScale):
    """Measures by the well that happens to come first."""

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        return replace(predictions, embeddings=embeddings(predictions) - embeddings(predictions)[:1])


class _InPlace(CenterScale):
    """Writes into the embeddings that it was given."""

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        np.square(embeddings(predictions), out=embeddings(predictions))
        return predictions


class _Overflowing(CenterScale):
    """Divides by a spread that is none."""

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        return replace(predictions, embeddings=np.full_like(embeddings(predictions), np.inf))


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_Silent, postprocessors.what_other_rows_decide_is_declared, "needs others without a word"),
        (_First, postprocessors.what_other_rows_decide_is_declared, "use other rows without a word"),
        (_First, postprocessors.the_order_of_rows_is_irrelevant, "order changes embeddings"),
        (_Lossy, postprocessors.wells_stay_in_their_order, "embeddings are lost"),
        (_InPlace, postprocessors.predictions_are_left_alone, "writes into its input"),
        (_Overflowing, postprocessors.embeddings_are_numbers, "not finite"),
    ],
)
def test_a_broken_correction_is_caught(
    broken: type[CenterScale], law: Callable[[postprocessors.Make], None], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(CenterScaleOptions()))
