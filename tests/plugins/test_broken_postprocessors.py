"""Post-processors that break a law of post-processors are caught by it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from deepnoise_core.contracts import PlateDesign, Predictions, Stage
from deepnoise_core.testing import postprocessors
from deepnoise_core.testing.suites import Law

Refine = Callable[[Predictions], Predictions]


def _reversed(given: Predictions) -> Predictions:
    """Turns the table around."""
    return given.take(range(len(given))[::-1])


def _double_precision(given: Predictions) -> Predictions:
    """Goes on in float64."""
    return replace(given, embeddings=np.asarray(given.embeddings, dtype=np.float64))


def _first_sites(given: Predictions) -> Predictions:
    """Takes the first site of a well for all of it, and says that they are sites still."""
    _, first = np.unique(given.ids["well_id"].astype(str), return_index=True)
    return given.take(np.sort(first))


def _one_at_least(given: Predictions) -> Predictions:
    """Makes up a row where there is none."""
    if len(given):
        return given
    return replace(given, scores=np.zeros((1, len(given.classes)), dtype=np.float32))


def _in_place(given: Predictions) -> Predictions:
    """Writes over the scores that it was given."""
    np.multiply(given.scores, 2, out=given.scores)
    return given


def _embedded_rows(given: Predictions) -> Predictions:
    """Leaves out what has no embedding."""
    return given if given.embeddings is not None else given.take([])


def _after_the_first(given: Predictions) -> Predictions:
    """Measures scores from those of the first row."""
    return replace(given, scores=given.scores - given.scores[:1])


def _secret_mean(given: Predictions) -> Predictions:
    """Centres embeddings on those of all rows, and does not say so."""
    embeddings = np.asarray(given.embeddings)
    return replace(given, embeddings=embeddings - embeddings.mean(axis=0))


def _secret_prior(given: Predictions) -> Predictions:
    """Centres scores on those of all rows, and does not say so."""
    return replace(given, scores=given.scores - given.scores.mean(axis=0))


def _best(given: Predictions) -> Predictions:
    """Names the best class of every row, those that exclude all of them too."""
    return given.with_stage(Stage.GROUP, given.scores.argmax(axis=1))


def _told(given: Predictions) -> Predictions:
    """Scores highest what the table calls the well."""
    truth = given.ids.get("perturbation")
    if truth is None:
        return given
    return replace(given, scores=(truth[:, None] == np.array(given.classes)).astype(np.float32))


def _dicing(given: Predictions) -> Predictions:
    """Breaks ties by a generator that nobody seeded."""
    noise = np.random.default_rng().normal(size=given.scores.shape)
    return replace(given, scores=(given.scores + 1e-3 * noise).astype(np.float32))


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_reversed, postprocessors.wells_stay_in_their_order, "dropped, repeated or moved"),
        (_double_precision, postprocessors.embeddings_are_numbers, "no float32"),
        (_first_sites, postprocessors.sites_become_wells_or_stay, "dropped, repeated or moved"),
        (_one_at_least, postprocessors.nothing_gives_nothing, "no rows give some"),
        (_in_place, postprocessors.predictions_are_left_alone, "writes into its input"),
        (
            _embedded_rows,
            postprocessors.predictions_without_embeddings_are_taken_or_refused,
            "dropped, repeated or moved",
        ),
        (_after_the_first, postprocessors.the_order_of_rows_is_irrelevant, "order changes scores"),
        (_secret_mean, postprocessors.what_other_rows_decide_is_declared, "embeddings use other rows"),
        (_secret_prior, postprocessors.what_other_rows_decide_is_declared, "scores use other rows"),
        (_best, postprocessors.wells_of_no_class_have_no_say, "names wells of no class"),
        (_told, postprocessors.labels_have_no_say, "labels change scores"),
        (_dicing, postprocessors.nothing_is_random, "the same predictions give other scores"),
    ],
)
def test_a_broken_postprocessor_is_caught(broken: Refine, law: Law, message: str) -> None:
    def refine(given: Predictions, design: PlateDesign) -> Predictions:
        return broken(given)

    with pytest.raises(AssertionError, match=message):
        law(lambda: refine)
