"""Laws of post-processors, on plates of known groups of classes, half of whose wells are negative controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import UNASSIGNED, PlateDesign, Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.protocols import PostProcessor
from deepnoise_core.data.wells import merge_sites
from deepnoise_core.testing.laws import require

Make = Callable[[], PostProcessor]
_GROUPS, _GROUP_SIZE, _CONTROLS, _FEATURES = 4, 8, 4, 6
_DESIGNS = (
    PlateDesign(),
    PlateDesign(
        tuple(frozenset(range(g * _GROUP_SIZE, (g + 1) * _GROUP_SIZE)) for g in range(_GROUPS)), exclusive=True
    ),
)


def wells_stay_in_their_order(make: Make) -> None:
    """Every well comes back, once and in its place, with its classes and the stages it had."""
    wells = merge_sites(_sites())
    for design in _DESIGNS:
        made = make()(wells, design)
        require(_wells(made) == _wells(wells), "wells are dropped, repeated or moved")
        require(made.classes == wells.classes, "the classes change")
        require(made.scores.shape == wells.scores.shape, "the scores change their shape")
        require(not np.isnan(made.scores).any(), "a score is not a number")
        for stage, labels in wells.stages.items():
            require(np.array_equal(made.stages[stage], labels), f"the stage {stage} changes")
        lengths = [*made.ids.values(), *made.stages.values(), *made.facts.values(), _embeddings(made)]
        require(all(len(column) == len(made) for column in lengths), "a column has another length")


def embeddings_are_numbers(make: Make) -> None:
    """Every row has an embedding as before, float32 and without NaN or infinity."""
    for design in _DESIGNS:
        embeddings = _embeddings(make()(merge_sites(_sites()), design))
        require(embeddings.ndim == 2 and embeddings.dtype == np.float32, "embeddings are no float32 [N, F]")
        require(np.isfinite(embeddings).all(), "an embedding is not finite")


def sites_become_wells_or_stay(make: Make) -> None:
    """Sites keep their rows, become their wells, or are refused with a PredictionsError."""
    sites = _sites()
    try:
        made = make()(sites, _DESIGNS[1])
    except PredictionsError:
        return
    whole = _wells(sites) if made.per_site else list(dict.fromkeys(_wells(sites)))
    require(_wells(made) == whole, "wells are dropped, repeated or moved")


def the_order_of_rows_is_irrelevant(make: Make) -> None:
    """Rows in another order give the same rows in that order."""
    wells = merge_sites(_sites())
    order = np.random.default_rng(2).permutation(len(wells))
    for design in _DESIGNS:
        straight, shuffled = make()(wells, design), make()(wells.take(order), design)
        require(np.allclose(shuffled.scores, straight.scores[order], atol=1e-5), "order changes scores")
        same = np.allclose(_embeddings(shuffled), _embeddings(straight)[order], atol=1e-5)
        require(same, "order changes embeddings")
        for stage, labels in straight.stages.items():
            require(np.array_equal(shuffled.stages[stage], labels[order]), f"order changes the stage {stage}")


def nothing_gives_nothing(make: Make) -> None:
    """No rows give no rows."""
    empty = merge_sites(_sites()).take([])
    for design in _DESIGNS:
        require(len(make()(empty, design)) == 0, "no rows give some")


def what_other_rows_decide_is_declared(make: Make) -> None:
    """Where other wells change the scores, labels or embedding of a well, `transductive` says what was used."""
    wells = merge_sites(_sites())
    for design in _DESIGNS:
        together = make()(wells, design)
        if len(together.transductive) > len(wells.transductive):
            continue
        alone = [_alone(make, wells, row, design) for row in range(len(wells))]
        scores = np.concatenate([one.scores for one in alone])
        require(np.allclose(scores, together.scores, atol=1e-5), "scores use other rows without a word")
        for stage, labels in together.stages.items():
            apart = np.array([one.stages[stage][0] for one in alone])
            require(np.array_equal(apart, labels), f"stage {stage} uses other rows without a word")
        apart = np.concatenate([_embeddings(one) for one in alone])
        same = np.allclose(apart, _embeddings(together), atol=1e-5)
        require(same, "embeddings use other rows without a word")


def wells_of_no_class_have_no_say(make: Make) -> None:
    """Wells that exclude every class are named nothing, and the others are named as if they were not there."""
    sites = _sites()
    silent = sites.ids["role"] == "negative_control"
    wells = merge_sites(replace(sites, scores=np.where(silent[:, None], np.float32(-np.inf), sites.scores)))
    silent = wells.ids["role"] == "negative_control"
    for design in _DESIGNS:
        made = make()(wells, design)
        for stage, labels in made.stages.items():
            require(bool((labels[silent] == UNASSIGNED).all()), f"stage {stage} names wells of no class")
        try:
            alone = make()(wells.take(np.flatnonzero(~silent)), design)
        except PredictionsError:  # It measures by controls.
            continue
        for stage, labels in made.stages.items():
            same = np.array_equal(labels[~silent], alone.stages[stage])
            require(same, f"wells of no class change the stage {stage} of others")
        require(np.array_equal(made.scores[~silent], alone.scores), "wells of no class change scores of others")
        for name, column in alone.facts.items():
            require(np.array_equal(made.facts[name][~silent], column), f"wells of no class change {name}")


def predictions_are_left_alone(make: Make) -> None:
    """The arrays that are passed in keep their values."""
    wells = merge_sites(_sites())
    scores, embeddings = wells.scores.copy(), _embeddings(wells).copy()
    for design in _DESIGNS:
        make()(wells, design)
        require(np.array_equal(wells.scores, scores), "the post-processor writes into its input")
        require(np.array_equal(_embeddings(wells), embeddings), "the post-processor writes into its input")


def labels_have_no_say(make: Make) -> None:
    """Columns that tell the truth, such as `perturbation`, change nothing, and stay where they were."""
    wells = merge_sites(_sites())
    truth = np.array([wells.classes[row % len(wells.classes)] for row in range(len(wells))], dtype=object)
    told = replace(wells, ids={**wells.ids, "perturbation": truth})
    for design in _DESIGNS:
        made, same = make()(told, design), make()(wells, design)
        require(np.array_equal(made.scores, same.scores), "labels change scores")
        require(np.array_equal(_embeddings(made), _embeddings(same)), "labels change embeddings")
        for stage, labels in same.stages.items():
            require(np.array_equal(made.stages[stage], labels), f"labels change the stage {stage}")
        kept = made.ids.get("perturbation", np.array([]))
        require(np.array_equal(kept, truth), "a column of the table is lost or changed")


def nothing_is_random(make: Make) -> None:
    """The same predictions give the same bits, and notes of what came before stay."""
    wells = replace(merge_sites(_sites()), notes=("before",))
    for design in _DESIGNS:
        made, same = make()(wells, design), make()(wells, design)
        require(np.array_equal(made.scores, same.scores), "the same predictions give other scores")
        require(
            np.array_equal(_embeddings(made), _embeddings(same)), "the same predictions give other embeddings"
        )
        for stage, labels in made.stages.items():
            require(np.array_equal(same.stages[stage], labels), f"the stage {stage} differs from call to call")
        require("before" in made.notes, "a note of what came before is lost")


def predictions_without_embeddings_are_taken_or_refused(make: Make) -> None:
    """Predictions that hold scores alone come back so, or are refused with a PredictionsError."""
    wells = replace(merge_sites(_sites()), embeddings=None)
    for design in _DESIGNS:
        try:
            made = make()(wells, design)
        except PredictionsError:
            continue
        require(_wells(made) == _wells(wells), "wells are dropped, repeated or moved")


BASIC = (
    wells_stay_in_their_order,
    embeddings_are_numbers,
    sites_become_wells_or_stay,
    nothing_gives_nothing,
    predictions_are_left_alone,
    predictions_without_embeddings_are_taken_or_refused,
)

LAWS = (
    *BASIC,
    the_order_of_rows_is_irrelevant,
    what_other_rows_decide_is_declared,
    wells_of_no_class_have_no_say,
    labels_have_no_say,
    nothing_is_random,
)


def _sites(seed: int = 0) -> Predictions:
    """Two sites a well, two experiments, four plates each; a plate holds the classes of its group."""
    generator = np.random.default_rng(seed)
    experiment, plate, place, site = np.indices((2, _GROUPS, _GROUP_SIZE, 2)).reshape(4, -1)
    truth = (plate + experiment) % _GROUPS * _GROUP_SIZE + place
    scores = generator.normal(size=(len(truth), _GROUPS * _GROUP_SIZE))
    scores[np.arange(len(truth)), truth] += 2.0
    ids = {
        "experiment": [f"E{number}" for number in experiment],
        "plate": [f"{number + 1}" for number in plate],
        "well": [f"B{number + 2:02}" for number in place],
        "cell_type": ["HUVEC"] * len(truth),
        "role": ["negative_control" if number < _CONTROLS else "treatment" for number in place],
    }
    joined = ["_".join(parts) for parts in zip(ids["experiment"], ids["plate"], ids["well"], strict=True)]
    ids |= {"well_id": joined, "site_id": [f"{well}_{s}" for well, s in zip(joined, site, strict=True)]}
    columns = {name: np.array(values, dtype=object) for name, values in ids.items()}
    classes = tuple(f"p{number}" for number in range(scores.shape[1]))
    embeddings = generator.normal(plate[:, None] + 1.0, 2.0, size=(len(truth), _FEATURES))
    return Predictions(
        {**columns, "site": site + 1},
        classes,
        scores.astype(np.float32),
        embeddings=embeddings.astype(np.float32),
    )


def _alone(make: Make, wells: Predictions, row: int, design: PlateDesign) -> Predictions:
    try:
        return make()(wells.take([row]), design)
    except PredictionsError as error:
        raise AssertionError(f"a well needs others without a word: {error}") from error


def _embeddings(predictions: Predictions) -> NDArray[np.float32]:
    require(predictions.embeddings is not None, "the embeddings are lost")
    return np.asarray(predictions.embeddings)


def _wells(predictions: Predictions) -> list[str]:
    return [str(name) for name in predictions.ids["well_id"]]
