"""FixMatch and its relatives at work: what a step adds up to, who is masked, what a round leaves behind."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Kind, PlateDesign, Pool, Predictions, StepBatch, TestTimeViews
from deepnoise_core.engine.classifier import Classifier, joined
from deepnoise_core.testing.networks import small_classifier
from deepnoise_core.testing.rehearsal import LATE, pool_of_the_rehearsal, progress_at, random_batch
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes.recipe import ComponentReference

CATALOGUE = Catalogue(discover())
FAMILY = ("fixmatch", "freematch", "noisy-student", "plate-aligned", "pseudo-label", "softmatch", "uda")


def started(
    name: str, pool: Pool | None = None, *, confidence: float = 20.0, **options: Any
) -> tuple[Any, Classifier]:
    strategy = build(CATALOGUE, Kind.STRATEGY, ComponentReference(name=name, options=options))
    student = small_classifier(confidence=confidence)
    strategy.start(student, pool or pool_of_the_rehearsal())
    return strategy, student


def logits_apart(student: Classifier, batch: StepBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of labelled, weak and strong images, of one pass."""
    assert batch.unlabelled is not None
    views = (batch.supervised.view, *(batch.unlabelled.views[name] for name in ("weak", "strong")))
    sizes = [len(view.images) for view in views]
    labelled, weak, strong = student(*joined(views)).split(sizes)
    return labelled, weak, strong


def test_fix_match_is_its_formula_in_one_pass() -> None:
    strategy, student = started("fixmatch", threshold=0.7, weight=2.0)
    batch = random_batch(strategy.views, 0)
    losses = strategy.losses(student, batch, progress_at(0))
    labelled, weak, strong = logits_apart(student, batch)
    sure, label = weak.softmax(dim=1).max(dim=1)
    masked = (sure >= 0.7).float()
    assert 0 < masked.mean() < 1
    expected = F.cross_entropy(labelled, batch.supervised.targets.classes[:, 0])
    torch.testing.assert_close(losses.terms["cross_entropy"], expected)
    expected = 2.0 * (masked * F.cross_entropy(strong, label, reduction="none")).mean()
    torch.testing.assert_close(losses.terms["matching"], expected)
    torch.testing.assert_close(losses.logs["mask_rate"], masked.mean())


def test_separate_passes_have_batch_statistics_of_their_own() -> None:
    strategy, student = started("fixmatch", threshold=0.0, joint=False)
    batch = random_batch(strategy.views, 0)
    assert batch.unlabelled is not None
    losses = strategy.losses(student, batch, progress_at(0))
    weak, strong = (student(*batch.unlabelled.views[name]) for name in ("weak", "strong"))
    torch.testing.assert_close(losses.terms["matching"], F.cross_entropy(strong, weak.argmax(dim=1)))


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (4, 0.625), (LATE, 1.0)])
def test_a_pseudo_label_comes_from_the_pass_that_learns_it(step: int, share: float) -> None:
    strategy, student = started("pseudo-label", threshold=0.7)
    batch = random_batch(strategy.views, 0)
    assert batch.unlabelled is not None
    losses = strategy.losses(student, batch, progress_at(step))
    logits = student(*batch.unlabelled.views["weak"])
    sure = logits.softmax(dim=1).amax(dim=1)
    expected = share * (-(sure.log()) * (sure >= 0.7)).mean()
    torch.testing.assert_close(losses.terms["matching"], expected)


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "noisy-student"])
def test_controls_of_the_pool_teach_nothing(name: str) -> None:
    known = pool_of_the_rehearsal()
    roles = np.array(
        ["treatment", "negative_control", "treatment", "untreated", "positive_control"], dtype=object
    )
    strategy, student = started(name, replace(known, ids={**known.ids, "role": roles}))
    batch = random_batch(strategy.views, 0)
    assert batch.unlabelled is not None
    state = {key: value.clone() for key, value in strategy.state_dict().items()}
    moved = {name: view._replace(images=view.images.clone()) for name, view in batch.unlabelled.views.items()}
    student.eval()  # Batch statistics would carry what the controls look like to the others.
    before = strategy.losses(student, batch, progress_at(LATE))
    after_first = {key: value.clone() for key, value in strategy.state_dict().items()}
    strategy.load_state_dict(state)
    for view in moved.values():
        view.images[[1, 3, 4]] += 5.0
    other = StepBatch(batch.supervised, batch.labelled, replace(batch.unlabelled, views=moved))
    after = strategy.losses(student, other, progress_at(LATE))
    torch.testing.assert_close(before.terms["matching"], after.terms["matching"])
    assert before.logs["mask_rate"] <= 2 / 5
    for key, value in strategy.state_dict().items():
        torch.testing.assert_close(value, after_first[key])


def test_a_pool_of_controls_alone_is_no_pool() -> None:
    known = pool_of_the_rehearsal()
    roles = np.full(len(known.rows), "negative_control", dtype=object)
    strategy, student = started("freematch", replace(known, ids={**known.ids, "role": roles}))
    losses = strategy.losses(student, random_batch(strategy.views, 0), progress_at(0))
    assert set(losses.terms) == {"cross_entropy"}


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "noisy-student"])
def test_the_pool_is_guessed_among_treatments(name: str) -> None:
    strategy, student = started(name, replace(pool_of_the_rehearsal(), num_treatments=3))
    batch = random_batch(strategy.views, 0)
    student.eval()
    state = {key: value.clone() for key, value in strategy.state_dict().items()}
    before = strategy.losses(student, batch, progress_at(LATE))
    assert before.terms["matching"] > 0
    strategy.load_state_dict(state)
    last = [module for module in student.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        last.bias[3] += 50.0
    after = strategy.losses(student, batch, progress_at(LATE))
    assert before.terms["cross_entropy"] != after.terms["cross_entropy"]
    torch.testing.assert_close(before.terms["matching"], after.terms["matching"])
    torch.testing.assert_close(before.logs["mask_rate"], after.logs["mask_rate"])


def test_a_teacher_labels_among_treatments() -> None:
    pool = replace(pool_of_the_rehearsal(), num_treatments=3)
    strategy, _ = started("noisy-student", pool, threshold=0.5)
    soft = np.full((5, 4), 0.25)
    soft[1] = 0.3, 0.05, 0.05, 0.6
    told = strategy.refresh(Says(pool.ids, np.log(soft).astype(np.float32)), progress_at(4), improved=True)
    assert told.pseudo_labels == {"B03": 0}
    assert strategy.labelled.labels[1].tolist() == pytest.approx([0.75, 0.125, 0.125])


@pytest.mark.parametrize("name", FAMILY)
def test_what_is_published_is_the_average_with_the_students_statistics(name: str) -> None:
    strategy, student = started(name, ema=0.9)
    first = {key: value.clone() for key, value in student.state_dict().items()}
    with torch.no_grad():
        for tensor in student.parameters():
            tensor.add_(1.0)
        student.get_buffer("backbone.layers.1.running_mean").add_(1.0)
    strategy.after_step(student, progress_at(1))
    teacher = strategy.inference_model().state_dict()
    torch.testing.assert_close(teacher["head.linear.weight"], first["head.linear.weight"] + 0.5)
    assert torch.equal(
        teacher["backbone.layers.1.running_mean"], student.state_dict()["backbone.layers.1.running_mean"]
    )
    strategy, student = started(name, ema=0.9, cap=False)
    with torch.no_grad():
        for tensor in student.parameters():
            tensor.add_(1.0)
    strategy.after_step(student, progress_at(1))
    teacher = strategy.inference_model().state_dict()
    torch.testing.assert_close(teacher["head.linear.weight"], first["head.linear.weight"] + 0.1)
    strategy, student = started(name, publish="student")
    assert strategy.inference_model() is student


def test_uda_releases_labelled_images_by_what_is_known_of_their_class() -> None:
    strategy, student = started("uda", annealing="linear")
    batch = random_batch(strategy.views, 0)
    losses = strategy.losses(student, batch, progress_at(0))
    labelled, _, _ = logits_apart(student, batch)
    labels = batch.supervised.targets.classes
    kept = labelled.softmax(dim=1).gather(1, labels)[:, 0] <= 0.25
    assert 0 < kept.sum() < len(kept)
    expected = F.cross_entropy(labelled, labels[:, 0], reduction="none")[kept].mean()
    torch.testing.assert_close(losses.terms["cross_entropy"], expected)


class Says:
    """A predictor that says the same of every network, and counts how often it is asked."""

    def __init__(self, ids: Mapping[str, NDArray[Any]], scores: NDArray[np.float32]) -> None:
        classes = tuple(str(number) for number in range(scores.shape[1]))
        self.predictions, self.asked = Predictions(ids, classes, scores), 0

    def __call__(self, model: nn.Module, tta: TestTimeViews = "none") -> Predictions:
        self.asked += 1
        return self.predictions


def test_a_noisy_student_learns_what_the_teacher_was_sure_of() -> None:
    pool = pool_of_the_rehearsal()
    roles = np.array(["treatment"] * 4 + ["negative_control"], dtype=object)
    pool = replace(pool, ids={**pool.ids, "role": roles})
    strategy, student = started("noisy-student", pool, threshold=0.5)
    batch = random_batch(strategy.views, 0)
    assert batch.unlabelled is not None
    assert strategy.losses(student, batch, progress_at(0)).terms["matching"].item() == 0
    soft = np.full((5, 4), 0.25)
    soft[1], soft[3], soft[4] = (0.1, 0.6, 0.2, 0.1), (0.7, 0.1, 0.1, 0.1), (0.0, 0.0, 1.0, 0.0)
    says = Says(pool.ids, np.log(soft + 1e-12).astype(np.float32))
    told = [strategy.refresh(says, progress_at(2 * epoch), improved=True) for epoch in range(1, 9)]
    # Three rounds in eight epochs: after the second, fourth and sixth.
    assert says.asked == 3
    assert [refreshed.logs.get("round") for refreshed in told] == [None, 1, None, 2, None, 3, None, None]
    assert told[1].pseudo_labels == {"B03": 1, "B05": 0}
    assert told[1].logs["pseudo_labelled"] == pytest.approx(0.4)
    losses = strategy.losses(student, batch, progress_at(LATE))
    views = (batch.supervised.view, batch.unlabelled.views["strong"])
    strong = student(*joined(views))[len(views[0].images) :]
    targets = torch.from_numpy(soft[[1, 3]]).float()
    expected = F.cross_entropy(strong[[1, 3]], targets, reduction="none").sum() / 5
    torch.testing.assert_close(losses.terms["matching"], expected)


def plates() -> Pool:
    """Two experiments of two plates, of two wells each; classes 0 to 3 are treatments in two groups, 4 is not."""
    experiment, plate = np.repeat(["e1", "e2"], 4), np.tile(np.repeat(["1", "2"], 2), 2)
    wells = np.array(
        [f"{one}-{other}-{number}" for number, (one, other) in enumerate(zip(experiment, plate, strict=True))]
    )
    ids = {
        "experiment": experiment,
        "plate": plate,
        "well": wells,
        "well_id": wells,
        "cell_type": np.full(8, "c"),
        "role": np.full(8, "treatment"),
    }
    groups = (frozenset({0, 1}), frozenset({2, 3}))
    ids = {name: values.astype(object) for name, values in ids.items()}
    return Pool(np.arange(20, 28), ids, PlateDesign(groups, exclusive=True), 5)


@pytest.mark.parametrize("per", ["experiment", "plate"])
def test_plates_are_aligned_to_the_classes_that_they_hold(per: str) -> None:
    pool = plates()
    strategy, _ = started("plate-aligned", pool, per=per, momentum=0.5, threshold=0.9)
    rule = strategy.rule
    everywhere = [0.25, 0.25, 0.25, 0.25, 0.0]
    assert rule.known.tolist() == [everywhere] * 4
    # e1 leads clearly, with group 1 on plate 1 and group 0 on plate 2; e2 does not lead.
    scores = np.zeros((8, 5), dtype=np.float32)
    scores[range(4), [2, 3, 0, 1]] = 3.0
    refreshed = strategy.refresh(Says(pool.ids, scores), progress_at(2), improved=False)
    assert refreshed.logs == {"plates_of_known_group": 0.5}
    assert rule.known.tolist() == [[0, 0, 0.5, 0.5, 0], [0.5, 0.5, 0, 0, 0], everywhere, everywhere]
    # Wells of plates 1 and 2 of e1: the first thinks mostly of a class that is not there.
    q = np.array([[0.6, 0.1, 0.2, 0.05, 0.05], [0.2, 0.1, 0.3, 0.3, 0.1]])
    guess = rule(torch.from_numpy(np.log(q)).float(), torch.tensor([20, 22]))
    first = np.array(everywhere)
    mean = (
        [0.5 * first + 0.5 * q.mean(axis=0)] * 2
        if per == "experiment"
        else [0.5 * first + 0.5 * row for row in q]
    )
    expected = q * rule.known[:2].numpy() / (np.array(mean) + 1e-6)
    expected /= expected.sum(axis=1, keepdims=True)
    assert guess.targets.argmax(dim=1).tolist() == expected.argmax(axis=1).tolist()
    assert guess.weights.tolist() == (expected.max(axis=1) >= 0.9).tolist()
    domains = rule.running.mean.numpy()
    assert domains[: 1 if per == "experiment" else 2] == pytest.approx(
        np.array(mean)[: 1 if per == "experiment" else 2]
    )


def test_a_design_without_groups_asks_for_no_prediction() -> None:
    pool = replace(plates(), design=PlateDesign())
    strategy, _ = started("plate-aligned", pool)
    says = Says(pool.ids, np.zeros((8, 5), dtype=np.float32))
    assert strategy.refresh(says, progress_at(2), improved=True).logs == {}
    assert says.asked == 0
    assert strategy.rule.known.tolist() == [pytest.approx([0.2] * 5)] * 4


@pytest.mark.parametrize("name", FAMILY)
def test_without_weight_the_gradient_is_that_of_supervision(name: str) -> None:
    gradients, alone = [], {"weight": 0.0, "joint": False}
    for strategy, student in (
        started(name, None, **alone, **({"fairness": 0.0} if name == "freematch" else {})),
        started("supervised", view="strong" if name == "noisy-student" else "weak"),
    ):
        batch = random_batch(started(name)[0].views, 0)
        strategy.losses(student, batch, progress_at(LATE)).total.backward()
        gradients.append([parameter.grad for parameter in student.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
