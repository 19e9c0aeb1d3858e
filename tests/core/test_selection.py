"""Which epoch is the best, and when none better is waited for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts import PlateDesign, TrainOptions
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.contracts.plan import Selection
from deepnoise_core.engine.selection import check_selection, rank, selected_by, waits_in_vain

LINES: list[dict[str, float]] = [
    {"epoch": 1, "validation_accuracy": 0.5, "validation_group_accuracy": 0.6, "validation_loss": 2.0},
    {"epoch": 2, "validation_accuracy": 0.7, "validation_group_accuracy": 0.6, "validation_loss": 1.5},
    {"epoch": 3, "validation_accuracy": 0.7, "validation_group_accuracy": 0.9, "validation_loss": 1.6},
    {"epoch": 4, "validation_accuracy": 0.6, "validation_group_accuracy": 0.8, "validation_loss": 1.4},
]


@pytest.mark.parametrize(("selection", "epoch"), [("raw", 2), ("group", 3), ("loss", 4), ("last", 4)])
def test_the_best_epoch_is_that_of_the_figure(selection: Selection, epoch: int) -> None:
    assert max(LINES, key=lambda line: rank(line, selection))["epoch"] == epoch


@given(order=st.permutations(range(5)), selection=st.sampled_from(["raw", "group", "loss", "last"]))
def test_without_validation_it_is_the_last(order: list[int], selection: Selection) -> None:
    lines: list[dict[str, float]] = [{"epoch": epoch} for epoch in order]
    assert max(lines, key=lambda line: rank(line, selection))["epoch"] == 4


def test_patience_is_counted_from_the_best_epoch() -> None:
    best = {"epoch": 3.0}
    assert [waits_in_vain(done, best, 2) for done in (3, 4, 5, 6)] == [False, False, True, True]
    assert not waits_in_vain(100, best, None)
    assert not waits_in_vain(0, {}, 1)


def test_cards_say_what_was_selected_by() -> None:
    assert selected_by("raw", validated=True) == "raw validation accuracy"
    assert "group of classes of each plate" in selected_by("group", validated=True)
    assert selected_by("raw", validated=False) == selected_by("last", validated=True) == "last epoch"


@pytest.mark.parametrize(
    ("plan", "groups", "scored", "said"),
    [
        ({"early_stopping": 2}, (), None, "train.early_stopping compares epochs by validation wells"),
        ({"selection": "loss"}, (), None, "train.selection: loss compares epochs by validation wells"),
        ({"selection": "group"}, (), None, "train.selection: group compares epochs by validation wells"),
        ({"selection": "group"}, (), 4, "train.selection: group needs plates that show groups of classes"),
        ({"selection": "group"}, (frozenset({0, 1}),), 4, "that hold all of them; set it to raw"),
    ],
)
def test_a_figure_that_cannot_be_had_is_refused(
    plan: dict[str, object], groups: tuple[frozenset[int], ...], scored: int | None, said: str
) -> None:
    with pytest.raises(TrainingError, match=re.escape(said)):
        check_selection(TrainOptions.model_validate(plan), PlateDesign(groups), scored)
