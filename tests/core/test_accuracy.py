import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts import UNASSIGNED, Predictions, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.evaluation.accuracy import accuracy_by_stage

CLASSES = tuple("abcdefgh")


def simulated(rows: int, seed: int) -> Predictions:
    generator = np.random.default_rng(seed)
    raw = generator.normal(size=(rows, len(CLASSES))).astype(np.float32)
    scores = raw.copy()
    scores[:, :4] = -np.inf
    return Predictions(
        ids={
            "well_id": np.array([f"w{row}" for row in range(rows)], dtype=object),
            "experiment": generator.choice(["A-2", "A-10"], rows).astype(object),
            "plate": generator.choice(["1", "2"], rows).astype(object),
            "cell_type": generator.choice(np.array(["HUVEC", None], dtype=object), rows),
        },
        classes=CLASSES,
        scores=scores,
        stages={
            Stage.RAW: raw.argmax(axis=1),
            Stage.GROUP: scores.argmax(axis=1),
            Stage.ASSIGNED: generator.integers(-1, len(CLASSES), rows),
        },
        raw_scores=raw,
        transductive=("plate group",),
        notes=("a note",),
    )


@given(st.integers(1, 30), st.integers(0, 2**32))
def test_figures_agree_with_counting_by_hand(rows: int, seed: int) -> None:
    predictions = simulated(rows, seed)
    truth = np.random.default_rng(seed + 1).choice(np.array([*CLASSES, None, "new"], dtype=object), rows)
    evaluation = accuracy_by_stage(predictions, truth)
    counted = [row for row in range(rows) if truth[row] in CLASSES]
    assert evaluation.wells == len(counted)
    assert evaluation.unlabelled == sum(name is None for name in truth)
    assert evaluation.unseen_class == sum(name == "new" for name in truth)
    if not counted:
        assert evaluation.as_dict()["stages"]["raw"]["accuracy"] is None
        return
    for stage, labels in predictions.stages.items():
        hits = {row: labels[row] == CLASSES.index(truth[row]) for row in counted}
        recalls = [np.mean([hits[row] for row in counted if truth[row] == name]) for name in set(truth[counted])]
        assert evaluation.stages[stage].accuracy == pytest.approx(np.mean(list(hits.values())))
        assert evaluation.stages[stage].balanced == pytest.approx(np.mean(recalls))
        assert evaluation.stages[stage].unassigned == sum(labels[row] == UNASSIGNED for row in counted)
        ids = predictions.ids
        names = {
            "experiment": ids["experiment"].tolist(),
            "cell_type": [name or "unknown" for name in ids["cell_type"]],
            "plate": [f"{one}/{other}" for one, other in zip(ids["experiment"], ids["plate"], strict=True)],
        }
        for column, values in names.items():
            for name, figures in evaluation.by[column].items():
                own = [hits[row] for row in counted if values[row] == name]
                assert figures["wells"] == len(own)
                assert figures[stage.value] == pytest.approx(np.mean(own))
    for stage, scores in ((Stage.RAW, predictions.raw_scores), (Stage.GROUP, predictions.scores)):
        assert scores is not None
        best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
        reached = [
            CLASSES.index(truth[row]) in best[row] and scores[row, CLASSES.index(truth[row])] > -np.inf
            for row in counted
        ]
        assert evaluation.stages[stage].top[5] == pytest.approx(np.mean(reached))
    assert evaluation.stages[Stage.ASSIGNED].top[5] is None
    assert evaluation.stages[Stage.RAW].chance == evaluation.chance == 1 / 8
    assert evaluation.stages[Stage.GROUP].chance == 1 / 4


def test_balance_counts_classes_not_wells() -> None:
    predictions = replace(simulated(4, 0), stages={Stage.RAW: np.array([0, 0, 0, 0])})
    raw = accuracy_by_stage(predictions, np.array(["a", "a", "a", "b"], dtype=object)).stages[Stage.RAW]
    assert raw.accuracy == 0.75
    assert raw.balanced == 0.5


def test_constant_scores_earn_no_top5() -> None:
    predictions = replace(simulated(8, 0), raw_scores=np.zeros((8, 8), np.float32))
    truth = np.array(CLASSES, dtype=object)
    assert accuracy_by_stage(predictions, truth).stages[Stage.RAW].top[5] == 5 / 8


def test_top5_of_five_classes_says_nothing() -> None:
    scores = np.zeros((2, 5), np.float32)
    predictions = replace(
        simulated(2, 0), classes=CLASSES[:5], scores=scores, raw_scores=None, stages={Stage.RAW: np.zeros(2, int)}
    )
    assert accuracy_by_stage(predictions, {}).stages[Stage.RAW].top[5] is None


def test_truth_by_well_equals_truth_by_row() -> None:
    predictions = simulated(6, 3)
    rows = np.array(["a", "b", None, "h", "new", "c"], dtype=object)
    by_well = {f"w{row}": name for row, name in enumerate(rows) if name is not None}
    assert accuracy_by_stage(predictions, by_well) == accuracy_by_stage(predictions, rows)
    with pytest.raises(PredictionsError, match="truth has 5 rows, but 6"):
        accuracy_by_stage(predictions, rows[:5])


def test_the_dictionary_is_json_and_keeps_the_protocol() -> None:
    evaluation = accuracy_by_stage(simulated(20, 1), np.array(["a"] * 20, dtype=object))
    plain = json.loads(json.dumps(evaluation.as_dict(), allow_nan=False))
    assert plain == evaluation.as_dict()
    assert plain["unit"] == "well"
    assert plain["transductive"] == ["plate group"]
    assert list(plain["by"]["experiment"]) == ["A-2", "A-10"]
    assert set(plain["stages"]) == {"raw", "group", "assigned"}


def test_intervals_flips_and_calibration_stand_beside_accuracy() -> None:
    predictions = replace(simulated(200, 4), temperature=1.7)
    truth = np.random.default_rng(5).choice(np.array(CLASSES, dtype=object), 200)
    evaluation = accuracy_by_stage(predictions, truth, top=(1, 3))
    plain = json.loads(json.dumps(evaluation.as_dict(), allow_nan=False))
    for stage, one in evaluation.stages.items():
        low, high = evaluation.intervals[stage]
        assert low <= one.accuracy <= high
        assert plain["intervals"][stage.value] == [low, high]
        assert set(plain["stages"][stage.value]["top"]) == {"1", "3"}
    assert evaluation.stages[Stage.RAW].top[1] == evaluation.stages[Stage.RAW].accuracy
    assert plain["flips"]["group"]["before"] == "raw"
    assert plain["calibration"]["temperature"] == 1.7
    assert plain["uncalibrated"]["temperature"] is None
    assert plain["uncalibrated"]["ece"] != plain["calibration"]["ece"]


def test_rows_that_come_twice_or_hold_no_numbers_are_refused() -> None:
    predictions = simulated(6, 0)
    truth = np.array(["a"] * 6, dtype=object)
    ids = {**predictions.ids, "well_id": np.array(["w0", "w1", "w1", "w1", "w4", "w5"], dtype=object)}
    with pytest.raises(PredictionsError, match="2 rows are of a well that has one already, such as 'w1'"):
        accuracy_by_stage(replace(predictions, ids=ids), truth)
    scores = predictions.unrestricted.copy()
    scores[[2, 4], 3] = np.nan
    with pytest.raises(PredictionsError, match=r"scores of 2 of the 6 rows are NaN or infinite, such as .* 'w2'"):
        accuracy_by_stage(replace(predictions, raw_scores=scores), truth)


def test_one_experiment_has_no_interval() -> None:
    predictions = simulated(6, 0)
    ids = {**predictions.ids, "experiment": np.array(["A-1"] * 6, dtype=object)}
    evaluation = accuracy_by_stage(replace(predictions, ids=ids), np.array(["a"] * 6, dtype=object))
    assert evaluation.intervals == {}
