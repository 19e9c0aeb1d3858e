"""Rounds of acceptance against a plain reading of the published rule, and the loss of what was accepted."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import (
    Batch,
    PlateDesign,
    Pool,
    Predictions,
    Progress,
    StepBatch,
    SupervisedBatch,
    Targets,
    TestTimeViews,
    View,
)
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.losses import hard_targets, target_loss
from deepnoise_core.testing.networks import SmallHead
from deepnoise_plugins.progressive.acceptance import goal
from deepnoise_plugins.progressive.options import ProgressiveOptions
from deepnoise_plugins.progressive.strategy import ProgressivePseudoLabels

PLATES, WELLS, CLASSES = 3, 8, 12
GROUPS = tuple(frozenset(range(start, start + 4)) for start in (0, 4, 8))
OPEN = PlateDesign((), exclusive=True)


class Flat(nn.Module):
    num_features = 2

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def pool(design: PlateDesign, roles: dict[int, str] | None = None) -> Pool:
    places = [(plate, well) for plate in range(PLATES) for well in range(WELLS) for _ in range(2)]
    columns = {
        "experiment": ["E"] * len(places),
        "plate": [str(plate) for plate, _ in places],
        "well": [f"B{well:02}" for _, well in places],
        "well_id": [f"{plate}B{well:02}" for plate, well in places],
        "cell_type": ["HUVEC"] * len(places),
        "role": [(roles or {}).get(well, "treatment") for _, well in places],
    }
    ids = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return Pool(10 + np.arange(len(places)), ids, design, CLASSES)


class Oracle:
    """Says of the wells, in the order of their ids, what it is told to; counts its calls."""

    def __init__(self, sites: Pool) -> None:
        self.ids = {name: values[::2] for name, values in sites.ids.items()}
        self.scores = np.zeros((PLATES * WELLS, CLASSES), dtype=np.float32)
        self.calls = 0

    def __call__(self, model: nn.Module, tta: TestTimeViews = "none") -> Predictions:
        self.calls += 1
        return Predictions(self.ids, tuple("abcdefghijkl"), self.scores)


def started(
    design: PlateDesign = OPEN, roles: dict[int, str] | None = None, **options: object
) -> tuple[ProgressivePseudoLabels, Classifier, Oracle]:
    torch.manual_seed(0)
    strategy = ProgressivePseudoLabels(ProgressiveOptions.model_validate(options))
    student, sites = Classifier(Flat(), SmallHead(2, CLASSES), CLASSES), pool(design, roles)
    strategy.start(student, sites)
    return strategy, student, Oracle(sites)


def after(epoch: int, epochs: int = 13) -> Progress:
    return Progress(epoch, 10 * epoch, epochs, 10)


def published_round(
    scores: NDArray[np.float32],
    accepted: dict[int, int],
    plates: list[int],
    groups: dict[int, set[int]],
    count: int,
) -> dict[int, int]:
    """One round of the first place's rule, well by well: new well → class."""
    found = []
    for well, row in enumerate(scores.astype(float).tolist()):
        if well in accepted:
            continue
        used = {label for other, label in accepted.items() if plates[other] == plates[well]}
        left = sorted(
            ((value, -k) for k, value in enumerate(row) if k in groups[plates[well]] - used), reverse=True
        )
        if left:
            gap = left[0][0] - left[1][0] if len(left) > 1 else float("inf")
            found.append((-gap, well, -left[0][1]))
    new: dict[int, int] = {}
    for _, well, label in sorted(found)[:count]:
        if (plates[well], label) not in {(plates[other], given) for other, given in new.items()}:
            new[well] = label
    return new


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_rounds_are_those_of_the_published_rule(seed: int, coarse: bool, grouped: bool) -> None:
    generator = np.random.default_rng(seed)
    strategy, _, oracle = started(PlateDesign(GROUPS if grouped else (), exclusive=True), from_share=9 / 13)
    plates = [well // WELLS for well in range(PLATES * WELLS)]
    everything = {plate: set(range(CLASSES)) for plate in range(PLATES)}
    groups = {plate: set(GROUPS[(plate + 1) % 3]) for plate in range(PLATES)} if grouped else everything
    accepted: dict[int, int] = {}
    for epoch in range(1, 13):
        scores = generator.normal(size=oracle.scores.shape)
        if grouped:
            for well, plate in enumerate(plates):
                held = sorted(groups[plate])
                scores[well, held[well % len(held)]] += 4.0
        oracle.scores = (np.round(scores) if coarse else scores).astype(np.float32)
        made = strategy.refresh(oracle, after(epoch), improved=False)
        new: dict[int, int] = {}
        if epoch >= 9:
            x = (epoch - 9 + 1) / (13 - 9 + 1)
            count = max(round((0.4 + 0.6 * x) * len(plates)) - len(accepted), 0)
            new = published_round(oracle.scores, accepted, plates, groups, count)
            assert made.logs["accepted_now"] == len(new)
            assert made.logs["wells_without_prior"] == (0 if grouped else len(plates))
        accepted |= new
        assert made.pseudo_labels == {f"{well // 8}B{well % 8:02}": label for well, label in accepted.items()}
        placed = [(plates[well], label) for well, label in accepted.items()]
        assert len(set(placed)) == len(placed), "a plate has a class twice"
    assert oracle.calls == 4
    assert accepted


def test_the_fraction_is_the_published_one() -> None:
    for epoch in range(90, 130):
        assert goal(epoch, 90, 130, (0.4, 1.0)) == pytest.approx(0.4 + 0.6 * (epoch - 89) / 41)


def test_acceptance_begins_with_epoch_90_of_130_and_ends_with_training() -> None:
    strategy, _, oracle = started()
    for epoch in range(1, 131):
        strategy.refresh(oracle, after(epoch, 130), improved=True)
        assert oracle.calls == min(max(epoch - 89, 0), 40)


def test_ties_go_to_the_first_well_and_the_threshold_is_the_lowest_lead() -> None:
    strategy, _, oracle = started(from_share=0.0, first_fraction=0.25, last_fraction=0.25)
    oracle.scores[np.arange(PLATES * WELLS), np.tile(np.arange(WELLS), PLATES)] = 2.0
    oracle.scores[11, 3] = 3.5
    made = strategy.refresh(oracle, after(1), improved=True)
    assert list(made.pseudo_labels) == ["0B00", "0B01", "0B02", "0B03", "0B04", "1B03"]
    assert made.logs["threshold"] == 2.0


def test_a_well_of_an_accepted_class_may_come_again_as_another() -> None:
    strategy, _, oracle = started(from_share=0.0, first_fraction=0.1, last_fraction=0.1)
    oracle.scores[0, 5], oracle.scores[1, [5, 6]] = 9.0, (8.0, 1.0)
    assert strategy.refresh(oracle, after(1), improved=True).pseudo_labels == {"0B00": 5}
    assert strategy.refresh(oracle, after(2), improved=True).pseudo_labels == {"0B00": 5, "0B01": 6}


def test_classes_may_repeat_where_labelled_plates_repeat_them() -> None:
    strategy, _, oracle = started(PlateDesign(), from_share=0.0, first_fraction=0.25, last_fraction=0.25)
    oracle.scores[:6, 5] = 9.0
    assert set(strategy.refresh(oracle, after(1), improved=True).pseudo_labels.values()) == {5}


def test_controls_are_neither_counted_nor_accepted() -> None:
    controls = {0: "negative_control", 1: "positive_control", 2: "untreated"}
    strategy, _, oracle = started(roles=controls, from_share=0.0, first_fraction=1.0)
    oracle.scores[:] = np.random.default_rng(0).normal(size=oracle.scores.shape)
    for epoch in range(1, 13):
        made = strategy.refresh(oracle, after(epoch), improved=True)
    assert len(made.pseudo_labels) == PLATES * (WELLS - len(controls))
    assert {well[-2:] for well in made.pseudo_labels} == {"03", "04", "05", "06", "07"}


def test_agreement_asks_for_the_first_choice_of_all_classes_and_of_the_assignment() -> None:
    strategy, _, oracle = started(from_share=0.0, first_fraction=1.0, agree=True)
    oracle.scores[:, 0] = 0.1 * np.arange(PLATES * WELLS)[::-1] + 1.0
    oracle.scores[0, 1], oracle.scores[8, 2] = 9.0, 9.0
    made = strategy.refresh(oracle, after(1), improved=True)
    assert made.pseudo_labels == {"0B00": 1, "0B01": 0, "1B00": 2, "1B01": 0, "2B00": 0}


def batch(strategy: ProgressivePseudoLabels, targets: Targets) -> StepBatch:
    torch.manual_seed(1)
    rows = torch.arange(3)
    supervised = SupervisedBatch(rows, View(torch.randn(3, 2, 1, 1)), targets)
    pool_rows = 10 + torch.randperm(PLATES * WELLS * 2)[:16]
    unlabelled = Batch(pool_rows, {"normal": View(torch.randn(16, 2, 1, 1, requires_grad=True))})
    return StepBatch(supervised, Batch(rows, {}), unlabelled)


MIXED = Targets(torch.tensor([[0, 1], [2, 3], [4, 4]]), torch.tensor([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]), 0.1)


@pytest.mark.parametrize("targets", [hard_targets(torch.tensor([0, 1, 2])), MIXED], ids=["hard", "mixed"])
@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_accepted_images_join_the_labelled_ones(targets: Targets, weight: float) -> None:
    strategy, student, oracle = started(from_share=0.0, first_fraction=0.5, weight=weight)
    oracle.scores[:] = np.random.default_rng(1).normal(size=oracle.scores.shape)
    made = strategy.refresh(oracle, after(1), improved=True)
    step = batch(strategy, targets)
    assert step.unlabelled is not None
    images = step.unlabelled.views["normal"].images
    loss = strategy.losses(student, step, after(1)).terms["cross_entropy"]
    wells = pool(OPEN).ids["well_id"][(step.unlabelled.rows - 10).tolist()]
    kept = [place for place, well in enumerate(wells) if well in made.pseudo_labels]
    labels = torch.tensor([made.pseudo_labels[wells[place]] for place in kept])
    labelled = target_loss(student(*step.supervised.view), targets).sum()
    accepted = target_loss(student(images[kept]), hard_targets(labels, targets.smoothing)).sum()
    torch.testing.assert_close(loss, (labelled + weight * accepted) / (3 + weight * len(kept)))
    (gradient,) = torch.autograd.grad(loss, [images])
    moved = gradient.flatten(1).abs().sum(dim=1).gt(0).nonzero().flatten().tolist()
    assert moved == kept
    assert 0 < len(kept) < 16


def test_nothing_accepted_is_supervision() -> None:
    strategy, student, _ = started()
    step = batch(strategy, MIXED)
    expected = target_loss(student(*step.supervised.view), MIXED).mean()
    torch.testing.assert_close(strategy.losses(student, step, after(1)).total, expected)


def test_accepted_labels_are_saved() -> None:
    strategy, student, oracle = started(from_share=0.0)
    oracle.scores[:] = np.random.default_rng(1).normal(size=oracle.scores.shape)
    strategy.refresh(oracle, after(1), improved=True)
    state: dict[str, Any] = {name: tensor.clone() for name, tensor in strategy.state_dict().items()}
    resumed = ProgressivePseudoLabels(strategy.options)
    resumed.start(student, pool(OPEN))
    resumed.load_state_dict(state)
    step = batch(strategy, MIXED)
    losses = [each.losses(student, step, after(1)).total for each in (strategy, resumed)]
    assert torch.equal(*losses)
    made = [each.refresh(oracle, after(2), improved=False) for each in (strategy, resumed)]
    assert made[0] == made[1]


def test_a_screen_without_a_pool_is_never_predicted() -> None:
    strategy, student, oracle = started(from_share=0.0)
    sites = pool(OPEN)
    nobody = Pool(sites.rows[:0], {name: each[:0] for name, each in sites.ids.items()}, OPEN, CLASSES)
    strategy.start(student, nobody)
    assert not strategy.refresh(oracle, after(3), improved=True).pseudo_labels
    assert not oracle.calls
