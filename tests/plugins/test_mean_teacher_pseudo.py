"""The teacher's online pseudo-labels: when they come, what they are, and what they weigh."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import log_softmax
from torch import Tensor, nn

from deepnoise_core.contracts import (
    Batch,
    PlateDesign,
    Pool,
    Predictions,
    Progress,
    StepBatch,
    SupervisedBatch,
    TestTimeViews,
    View,
)
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.testing.networks import SmallHead
from deepnoise_plugins.mean_teacher.options import MeanTeacherPseudoOptions
from deepnoise_plugins.mean_teacher.pseudo import MeanTeacherPseudo

CLASSES, EPOCHS = 6, 16
FIRST_ROW = 3
ROLES = ["treatment"] * 6 + ["negative_control"]
"""Of the seven wells of each of two plates; a site each, but for the second, which has two."""
GROUPS = (frozenset({0, 1, 2}), frozenset({3, 4, 5}))


class Flat(nn.Module):
    num_features = 2

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def pool(design: PlateDesign) -> Pool:
    wells = [(plate, well) for plate in ("1", "2") for well in (0, 1, 1, 2, 3, 4, 5, 6)]
    columns = {
        "experiment": ["E"] * len(wells),
        "plate": [plate for plate, _ in wells],
        "well": [f"B{well + 2:02}" for _, well in wells],
        "well_id": [f"E_{plate}_B{well + 2:02}" for plate, well in wells],
        "cell_type": ["HUVEC"] * len(wells),
        "role": [ROLES[well] for _, well in wells],
    }
    ids = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return Pool(FIRST_ROW + np.arange(len(wells)), ids, design, CLASSES)


class Oracle:
    """A predictor of wells in reverse order, with the scores that it is given; counts its calls."""

    def __init__(self, pool: Pool) -> None:
        _, first = np.unique(pool.ids["well_id"].astype(str), return_index=True)
        self.ids = {name: values[first][::-1] for name, values in pool.ids.items()}
        self.scores = np.zeros((len(first), CLASSES), dtype=np.float32)
        self.asked: list[tuple[nn.Module, TestTimeViews]] = []

    def __call__(self, model: nn.Module, tta: TestTimeViews = "none") -> Predictions:
        self.asked.append((model, tta))
        return Predictions(self.ids, tuple("abcdef"), self.scores[::-1])


def started(
    design: PlateDesign | None = None, **options: object
) -> tuple[MeanTeacherPseudo, Classifier, Pool, Oracle]:
    torch.manual_seed(0)
    strategy = MeanTeacherPseudo(MeanTeacherPseudoOptions.model_validate(options))
    student, sites = Classifier(Flat(), SmallHead(2, CLASSES), CLASSES), pool(design or PlateDesign())
    strategy.start(student, sites)
    return strategy, student, sites, Oracle(sites)


def after(epoch: int, epochs: int = EPOCHS) -> Progress:
    return Progress(epoch, 10 * epoch, epochs, 10)


def batch(sites: Pool, size: int = 8) -> StepBatch:
    torch.manual_seed(1)

    def views(rows: Tensor, *names: str) -> Batch:
        return Batch(rows, {name: View(torch.randn(len(rows), 2, 1, 1)) for name in names})

    known = views(torch.arange(3), "easy", "normal", "hard")
    supervised = SupervisedBatch(known.rows, known.views["normal"], hard_targets(torch.tensor([0, 1, 2])))
    rows = torch.from_numpy(sites.rows)[torch.randperm(len(sites.rows))[:size]]
    return StepBatch(supervised, known, views(rows, "easy", "hard"))


@pytest.mark.parametrize(("epochs", "first"), [(165, 20), (85, 10), (45, 5)])
def test_labels_come_with_the_published_epoch_and_not_before(epochs: int, first: int) -> None:
    strategy, student, sites, oracle = started()
    for epoch in range(1, first + 2):
        made = strategy.refresh(oracle, after(epoch, epochs), improved=epoch <= first - 1)
        assert bool(made.pseudo_labels) == (epoch >= first)
        terms = strategy.losses(student, batch(sites), after(epoch, epochs)).terms
        assert ("pseudo_cross_entropy" in terms) == (epoch >= first)
    assert len(oracle.asked) == 1


def test_the_teacher_labels_with_views_and_anew_when_it_is_best() -> None:
    strategy, _, _, oracle = started()
    for epoch, improved in enumerate((True, False, False, True, False), start=2):
        strategy.refresh(oracle, after(epoch), improved=improved)
    assert oracle.asked == [(strategy.teacher, "flips")] * 2
    strategy.refresh(oracle, after(EPOCHS), improved=True)
    assert len(oracle.asked) == 2, "after the last epoch nobody learns from labels"


def test_labels_can_be_renewed_each_epoch() -> None:
    strategy, _, _, oracle = started(refresh="every", tta="dihedral")
    for epoch in range(1, 6):
        strategy.refresh(oracle, after(epoch), improved=False)
    assert oracle.asked == [(strategy.teacher, "dihedral")] * 4


def test_the_loss_is_the_published_sum() -> None:
    strategy, student, sites, oracle = started(pseudo_weight=0.3, consistency=5.0, ramp_epochs=0.0)
    oracle.scores = np.random.default_rng(0).normal(size=oracle.scores.shape).astype(np.float32)
    step = batch(sites)
    assert step.unlabelled is not None
    before = strategy.losses(student, step, after(1)).terms
    assert set(before) == {"cross_entropy", "consistency"}
    strategy.refresh(oracle, after(2), improved=False)
    found = strategy.losses(student, step, after(2)).terms
    torch.testing.assert_close(found["cross_entropy"], 0.7 * before["cross_entropy"])
    torch.testing.assert_close(found["consistency"], before["consistency"])
    logits = student(*step.unlabelled.views["easy"]).detach().double().numpy()
    places = (step.unlabelled.rows - FIRST_ROW).tolist()
    wells, roles = (sites.ids[name][places] for name in ("well_id", "role"))
    names = np.unique(sites.ids["well_id"].astype(str)).tolist()
    labels = [int(oracle.scores[names.index(well)].argmax()) for well in wells]
    kept = roles == "treatment"
    each = -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    assert 0 < kept.sum() < len(kept)
    assert found["pseudo_cross_entropy"].item() == pytest.approx(0.3 * each[kept].mean(), rel=1e-5)


def test_images_without_a_label_get_no_gradient() -> None:
    strategy, student, sites, oracle = started(consistency=0.0)
    strategy.refresh(oracle, after(2), improved=False)
    step = batch(sites, size=16)
    assert step.unlabelled is not None
    images = step.unlabelled.views["easy"].images.requires_grad_()
    (gradient,) = torch.autograd.grad(strategy.losses(student, step, after(2)).total, [images])
    moved = gradient.flatten(1).abs().sum(dim=1).gt(0).tolist()
    roles = sites.ids["role"][(step.unlabelled.rows - FIRST_ROW).tolist()]
    assert moved == (roles == "treatment").tolist()
    assert 0 < sum(moved) < len(moved)


def test_without_images_of_the_pool_labels_weigh_all() -> None:
    strategy, student, sites, oracle = started(consistency=0.0)
    strategy.refresh(oracle, after(2), improved=False)
    step = batch(sites)
    loss = strategy.losses(student, replace(step, unlabelled=None), after(2))
    expected = student(*step.supervised.view, targets=step.supervised.targets).loss.mean()
    assert set(loss.terms) == {"cross_entropy"}
    torch.testing.assert_close(loss.total, expected)


def test_logits_are_blended_with_those_before() -> None:
    strategy, _, _, oracle = started(refresh="every", prior="none")
    generator, kept = np.random.default_rng(1), oracle.scores.astype(np.float64)
    treated = np.array(ROLES * 2) == "treatment"
    for epoch in range(2, 6):
        oracle.scores = generator.normal(size=oracle.scores.shape).astype(np.float32)
        share = 1.0 if epoch == 2 else 0.9
        kept = share * oracle.scores.astype(np.float64) + (1.0 - share) * kept
        made = strategy.refresh(oracle, after(epoch), improved=False)
        np.testing.assert_allclose(strategy.blended[treated], kept[treated], rtol=1e-5, atol=1e-6)
        assert list(made.pseudo_labels.values()) == kept.argmax(axis=1)[treated].tolist()
    assert not any("B08" in well for well in made.pseudo_labels), "a control has a label"


def sure_of_groups(oracle: Oracle) -> NDArray[np.float32]:
    """Scores of which the groups of the two plates can be told, with mistakes across and within groups."""
    scores = np.random.default_rng(20).normal(size=oracle.scores.shape)
    wells = np.arange(len(scores))
    scores[wells, np.where(wells < 7, 3, 0) + wells % 3] += 4.0
    return scores.astype(np.float32)


def test_the_group_of_a_plate_holds_its_labels() -> None:
    strategy, _, _, oracle = started(PlateDesign(GROUPS, exclusive=True), prior="group")
    oracle.scores = sure_of_groups(oracle)
    made = strategy.refresh(oracle, after(2), improved=True)
    allowed = oracle.scores.copy()
    allowed[:7, :3] = allowed[7:, 3:] = -np.inf
    treated = np.array(ROLES * 2) == "treatment"
    assert list(made.pseudo_labels.values()) == allowed.argmax(axis=1)[treated].tolist()
    assert (allowed.argmax(axis=1) != oracle.scores.argmax(axis=1))[treated].any()
    assert made.logs == {"pseudo_labels": 12.0, "wells_without_prior": 0.0}


def test_labels_are_assigned_one_to_one_by_the_best_sum() -> None:
    strategy, _, _, oracle = started(PlateDesign((), exclusive=True))
    oracle.scores = np.random.default_rng(3).normal(size=oracle.scores.shape).astype(np.float32)
    made = strategy.refresh(oracle, after(2), improved=True)
    labels = np.array(list(made.pseudo_labels.values())).reshape(2, 6)
    for plate in range(2):
        gains = log_softmax(oracle.scores[7 * plate : 7 * plate + 6].astype(np.float64), axis=1)
        assert labels[plate].tolist() == linear_sum_assignment(gains, maximize=True)[1].tolist()
    assert made.logs["wells_without_prior"] == 0


@pytest.mark.parametrize(
    ("design", "prior", "unbound"),
    [
        (PlateDesign(), "none", 0),
        (PlateDesign((), exclusive=True), "group", 12),  # Plates show no groups.
        (PlateDesign(GROUPS, exclusive=True, cyclic=False), "group", 12),  # No one order of groups.
        (PlateDesign(GROUPS, exclusive=False), "assigned", 12),  # Classes repeat on plates.
        (PlateDesign(GROUPS, exclusive=True), "group", 12),  # No order leads: all scores are alike.
        (PlateDesign(GROUPS, exclusive=True), "assigned", 12),
        (PlateDesign((), exclusive=True), "assigned", 0),
    ],
)
def test_wells_of_which_the_prior_says_nothing_are_counted(design: PlateDesign, prior: str, unbound: int) -> None:
    strategy, _, _, oracle = started(design, prior=prior)
    made = strategy.refresh(oracle, after(2), improved=True)
    assert made.logs == {"pseudo_labels": 12.0, "wells_without_prior": float(unbound)}


def test_a_plate_with_more_wells_than_its_group_has_classes_is_counted() -> None:
    strategy, _, _, oracle = started(PlateDesign(GROUPS, exclusive=True))
    oracle.scores = sure_of_groups(oracle)
    made = strategy.refresh(oracle, after(2), improved=True)
    assert made.logs["wells_without_prior"] == 12


def test_labels_and_blended_logits_are_saved() -> None:
    strategy, student, sites, oracle = started(refresh="every")
    oracle.scores = np.random.default_rng(4).normal(size=oracle.scores.shape).astype(np.float32)
    strategy.refresh(oracle, after(2), improved=True)
    state: dict[str, Any] = {name: tensor.clone() for name, tensor in strategy.state_dict().items()}
    resumed = MeanTeacherPseudo(strategy.options)
    resumed.start(student, sites)
    resumed.load_state_dict(state)
    oracle.scores = np.random.default_rng(5).normal(size=oracle.scores.shape).astype(np.float32)
    made = [each.refresh(oracle, after(3), improved=False) for each in (strategy, resumed)]
    assert made[0] == made[1]
    np.testing.assert_array_equal(strategy.blended, resumed.blended)


def test_a_screen_without_a_pool_is_never_predicted() -> None:
    strategy, student, sites, oracle = started()
    nobody = Pool(sites.rows[:0], {name: each[:0] for name, each in sites.ids.items()}, sites.design, CLASSES)
    strategy.start(student, nobody)
    assert not strategy.refresh(oracle, after(3), improved=True).pseudo_labels
    assert not oracle.asked
