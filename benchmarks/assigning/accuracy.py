"""What each step is worth at each signal, and what the soft assignment is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from bars import Row, at_least, at_most, near, shown

from assigning.layout import Layout
from deepnoise_core.data.plates import Entropy, assign, assign_plates, assign_softly
from deepnoise_core.data.scores import log_probabilities
from deepnoise_core.evaluation.calibration import calibration

EXPECTED = {
    1.0: (0.014, 0.038, 0.014, 0.038),
    2.0: (0.105, 0.213, 0.105, 0.198),
    3.0: (0.398, 0.549, 0.399, 0.587),
    5.0: (0.948, 0.974, 0.954, 1.000),
}
"""Raw, group, assigned without groups, group and assigned; by simulation beforehand, of four full experiments."""
ENTROPIES: tuple[Entropy, ...] = ("bethe", "shannon")
STEPS = ("raw", "group", "assigned without groups", "group and assigned")
"""Groups are known here: whether they are found is another question."""


def accuracy_rows(layout: Layout, name: str, seeds: Sequence[int]) -> Iterator[Row]:
    """Accuracy by signal and step, mean over seeds."""
    for lead, expected in EXPECTED.items():
        found = np.mean([_accuracies(layout, lead, seed) for seed in seeds], axis=0)
        for step, measured, value in zip(STEPS, found, expected, strict=True):
            yield near(f"accuracy, {name}, δ {lead:g}, {step}", measured, value, 0.02)


def soft_rows(layout: Layout, leads: Sequence[float]) -> Iterator[Row]:
    """Soft assignment beside softmax and linear assignment, within the known group, at the true temperature."""
    for lead in leads:
        scores, plates = layout.logits(lead, seed=1), layout.plates()
        blocks = [log_probabilities(lead * scores[np.ix_(rows, classes)]) for rows, classes in plates]
        truth = np.concatenate([np.searchsorted(classes, layout.labels[rows]) for rows, classes in plates])
        linear = float((np.concatenate([assign(block) for block in blocks]) == truth).mean())
        alone = calibration(np.vstack(blocks), truth)
        yield shown(f"soft, δ {lead:g}: NLL of softmax", alone.nll)
        yield shown(f"soft, δ {lead:g}: ECE of softmax", alone.ece)
        for entropy in ENTROPIES:
            start = time.process_time()
            logs = np.vstack([assign_softly(block, entropy=entropy).log_plan for block in blocks])
            seconds = time.process_time() - start
            own, right = calibration(logs, truth), float((logs.argmax(axis=1) == truth).mean())
            what = f"soft, δ {lead:g}, {entropy}"
            if entropy == "bethe":
                yield at_least(f"{what}: accuracy less that of linear assignment", right - linear, -0.003)
                yield at_most(f"{what}: ECE", own.ece, 0.02)
            else:
                yield shown(f"{what}: accuracy less that of linear assignment", right - linear)
                yield shown(f"{what}: ECE", own.ece)
            yield at_most(f"{what}: NLL less that of softmax", own.nll - alone.nll, 0.0)
            yield shown(f"{what}: seconds for {len(plates)} plates", seconds)


def _accuracies(layout: Layout, lead: float, seed: int) -> list[float]:
    scores = layout.logits(lead, seed)
    alone = assign_plates(scores, experiment=layout.experiment, plate=layout.plate)
    both = assign_plates(
        scores, experiment=layout.experiment, plate=layout.plate, groups=layout.groups, known=layout.held
    )
    labels = (alone.raw, both.restricted, alone.labels, both.labels)
    return [float((own == layout.labels).mean()) for own in labels]
