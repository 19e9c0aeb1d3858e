"""Which epoch's network is published, and when no better one is waited for any longer."""

from __future__ import annotations

from collections.abc import Mapping

from deepnoise_core.contracts import PlateDesign, TrainOptions
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.contracts.plan import Selection

_FIGURES: Mapping[Selection, str] = {
    "raw": "raw validation accuracy",
    "group": "validation accuracy within the group of classes of each plate",
    "loss": "validation loss",
    "last": "last epoch",
}
GROUPS_USED = "plate groups of validation plates"
"""What `selection: group` uses transductively."""


def rank(record: Mapping[str, float], selection: Selection) -> tuple[float, float]:
    """By what epochs are compared, from a line of `metrics.jsonl`; higher is better.

    Accuracies are followed by the loss. Without validation the latest epoch is the best.
    """
    if selection == "last" or "validation_loss" not in record:
        return record["epoch"], 0.0
    loss = -record["validation_loss"]
    if selection == "loss":
        return loss, 0.0
    figure = "validation_accuracy" if selection == "raw" else "validation_group_accuracy"
    return record[figure], loss


def waits_in_vain(epochs_done: int, best: Mapping[str, float], patience: int | None) -> bool:
    """Whether as many epochs as `train.early_stopping` allows have passed since the best one."""
    return patience is not None and bool(best) and epochs_done - best["epoch"] >= patience


def selected_by(selection: Selection, *, validated: bool) -> str:
    """What the card of a run says of its selection."""
    return _FIGURES[selection if validated else "last"]


def check_selection(plan: TrainOptions, design: PlateDesign, scored: int | None) -> None:
    """Raise `TrainingError` where the figure that epochs are to be compared by cannot be had.

    Args:
        plan: names the figure.
        design: what the labelled training plates tell about plates.
        scored: number of the first classes, among which validation wells are predicted; None without such wells.
    """
    if scored is None:
        asked = "early_stopping" if plan.early_stopping is not None else f"selection: {plan.selection}"
        if plan.early_stopping is not None or plan.selection in ("group", "loss"):
            raise TrainingError(
                f"train.{asked} compares epochs by validation wells, and the split leaves none; "
                "set data.split.validation or data.split.folds, or take it out"
            )
    elif plan.selection == "group" and set().union(*design.groups) != set(range(scored)):
        raise TrainingError(
            "train.selection: group needs plates that show groups of classes, and the training plates show none "
            "that hold all of them; set it to raw"
        )
