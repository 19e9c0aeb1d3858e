"""Laws of strategies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from deepnoise_core.contracts import Batch, StepBatch
from deepnoise_core.contracts.protocols import Strategy
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.testing.laws import close, require
from deepnoise_core.testing.networks import small_classifier
from deepnoise_core.testing.rehearsal import (
    CHANNELS,
    CLASSES,
    LATE,
    MIDWAY,
    SIDE,
    Rehearsal,
    pool_of_the_rehearsal,
    progress_at,
    random_batch,
    renamed,
    shuffled,
)

Make = Callable[[], Strategy]


def unlabelled_images_move_the_student(make: Make) -> None:
    """Other unlabelled images give the student's parameters another gradient, late in training.

    By then the pool has been predicted between epochs, by those that learn from that.
    A rule that learns from confident images alone has nothing to learn from a vague student, and a squared
    distance nothing from a certain one; so one of several degrees of confidence must do.
    """
    if not make().views.unlabelled:
        return
    for confidence in (1.0, 10.0, 100.0):
        gradients = []
        for pool in (1, 2):
            job = Rehearsal(make, small_classifier(batch_norm=False, confidence=confidence))
            job.refresh_until(LATE)
            job.backward(random_batch(job.strategy.views, 0, pool=pool), step=LATE)
            gradients.append(job.gradients())
        if any(not torch.equal(one, other) for one, other in zip(*gradients, strict=True)):
            return
    raise AssertionError("the loss on unlabelled images gives the student no gradient")


def the_student_alone_is_trained(make: Make) -> None:
    """Nothing but the student has a gradient, or is moved by an optimiser over the student's parameters."""
    job = Rehearsal(make)
    student = {id(parameter) for parameter in job.student.parameters()}
    networks = [value for value in vars(job.strategy).values() if isinstance(value, nn.Module)]
    networks.append(job.strategy.inference_model())
    others = [p for network in networks for p in network.parameters() if id(p) not in student]
    before = [parameter.clone() for parameter in others]
    job.refresh_until(LATE)
    job.backward(random_batch(job.strategy.views, 0), step=LATE)
    job.optimizer.step()
    require(any(bool(gradient.any()) for gradient in job.gradients()), "the student gets no gradient at all")
    require(all(p.grad is None for p in others), "a network beside the student gets a gradient")
    moved = any(not torch.equal(old, new) for old, new in zip(before, others, strict=True))
    require(not moved, "the optimiser moves a network beside the student")


def starting_leaves_the_student_alone(make: Make) -> None:
    """`start` adds no parameter to the student and changes none of its tensors."""
    student = small_classifier()
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    make().start(student, pool_of_the_rehearsal())
    _require_equal(before, student.state_dict(), "start changes the student")


def the_same_seed_repeats(make: Make) -> None:
    """Two trainings from one seed end in the same bits."""
    one, other = Rehearsal(make), Rehearsal(make)
    one.train(0, LATE)
    other.train(0, LATE)
    _require_equal(one.tensors(), other.tensors(), "two trainings from one seed differ")


def a_saved_state_continues_exactly(make: Make) -> None:
    """Training that is saved mid-run and continued by fresh objects equals one that never stopped."""
    whole, first, second = Rehearsal(make), Rehearsal(make), Rehearsal(make)
    whole.train(0, LATE)
    first.train(0, MIDWAY)
    student, strategy = save(first.student.state_dict()), save(dict(first.strategy.state_dict()))
    second.student.load_state_dict(load(student))
    second.strategy.load_state_dict(load(strategy))
    second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    second.train(MIDWAY, LATE)
    _require_equal(whole.tensors(), second.tensors(), "continuing from a saved state differs")


def losses_are_finite_with_many_classes(make: Make) -> None:
    """Terms and logs are finite scalars at K = 1,108, in float32 and under bf16 autocast."""
    for enabled in (False, True):
        job = Rehearsal(make, small_classifier(classes=1108))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            losses = job.backward(random_batch(job.strategy.views, 0, classes=1108), step=LATE)
        for name, value in (*losses.terms.items(), *losses.logs.items()):
            require(value.ndim == 0 and bool(value.isfinite()), f"{name} is {value}, not a finite scalar")
        require(all(not value.requires_grad for value in losses.logs.values()), "a log is not detached")
        finite = all(bool(gradient.isfinite().all()) for gradient in job.gradients())
        require(finite, "a gradient is not finite")


def an_empty_pool_is_no_obstacle(make: Make) -> None:
    """Without unlabelled images the strategy learns from labelled ones alone."""
    job = Rehearsal(make)
    batch = random_batch(job.strategy.views, 0)
    job.backward(StepBatch(batch.supervised, batch.labelled), step=0)
    require(any(bool(gradient.any()) for gradient in job.gradients()), "labelled images give no gradient")


def without_a_pool_labels_teach_as_ever(make: Make) -> None:
    """In the first step, without images of the pool, the term `cross_entropy` is plain supervision, bit for bit.

    What it is in later steps, and what stands beside it, is the strategy's business.
    """
    job = Rehearsal(make, small_classifier())
    batch = random_batch(job.strategy.views, 0)
    job.student.train()
    losses = job.strategy.losses(job.student, StepBatch(batch.supervised, batch.labelled), progress_at(0))
    require("cross_entropy" in losses.terms, f"no term cross_entropy, but {', '.join(losses.terms)}")
    plain = small_classifier().train()
    expected = plain(*batch.supervised.view, targets=batch.supervised.targets).loss.mean()
    found, wanted = (
        torch.autograd.grad(loss, list(network.parameters()))
        for loss, network in ((losses.terms["cross_entropy"], job.student), (expected, plain))
    )
    alike = all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    require(alike, "without a pool the gradient of cross_entropy is not that of supervision")


def the_order_of_images_does_not_matter(make: Make) -> None:
    """The same images in another order give the same losses and gradients, up to rounding, early and late."""
    for step in (0, LATE):
        losses, gradients = [], []
        for order in (0, 1):
            job = Rehearsal(make, small_classifier())
            job.refresh_until(step)
            batch = random_batch(job.strategy.views, 0)
            losses.append(job.backward(shuffled(batch, 0) if order else batch, step).total)
            gradients.append(job.gradients())
        require(close(losses[0], losses[1]), f"in another order the loss is {losses[1]}, not {losses[0]}")
        same = all(close(one, other) for one, other in zip(*gradients, strict=True))
        require(same, "in another order images give another gradient")


def classes_are_only_names(make: Make) -> None:
    """A training in which classes are numbered otherwise differs in the order of the outputs alone."""
    order = torch.tensor([2, 0, 3, 1])
    one, other = Rehearsal(make, small_classifier()), Rehearsal(make, _renamed_outputs(order))
    one.train(0, LATE)
    other.train(0, LATE, lambda batch: renamed(batch, order))
    images = torch.randn(6, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    for networks in ((one.student, other.student), tuple(j.strategy.inference_model() for j in (one, other))):
        expected, found = (network.eval()(images) for network in networks)
        require(close(found[:, order], expected, 1e-3), "other numbers of the classes give another training")


def unlabelled_images_come_without_labels(make: Make) -> None:
    """Rows and views are all that there is of unlabelled images, and the strategy asks for no more."""
    job = Rehearsal(make)
    batch = random_batch(job.strategy.views, 0)
    for part in (batch.labelled, batch.unlabelled):
        require(part is None or set(vars(part)) == {"rows", "views"}, "more is told than rows and views")
    try:
        job.backward(batch, step=0)
    except AttributeError as error:
        if not isinstance(error.obj, Batch):
            raise
        raise AssertionError(f"the strategy asks for {error.name!r} of images without labels") from error


def the_published_network_scores_images(make: Make) -> None:
    """`inference_model` gives logits [B, K] in evaluation, without labels."""
    job = Rehearsal(make)
    job.train(0, 2)
    logits = job.strategy.inference_model().eval()(torch.zeros(5, CHANNELS, SIDE, SIDE))
    require(logits.shape == (5, CLASSES), f"the published network gives {tuple(logits.shape)} for 5 images")


BASIC = (
    unlabelled_images_move_the_student,
    starting_leaves_the_student_alone,
    an_empty_pool_is_no_obstacle,
    unlabelled_images_come_without_labels,
    the_published_network_scores_images,
)

LAWS = (
    *BASIC,
    the_student_alone_is_trained,
    the_same_seed_repeats,
    a_saved_state_continues_exactly,
    losses_are_finite_with_many_classes,
    without_a_pool_labels_teach_as_ever,
    the_order_of_images_does_not_matter,
    classes_are_only_names,
)


def _renamed_outputs(order: Tensor) -> Classifier:
    """The small classifier, whose output k is now output `order[k]`."""
    network = small_classifier()
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter[order] = parameter.clone()
    return network


def _require_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor], what: str) -> None:
    require(one.keys() == other.keys(), f"{what}: other names of tensors")
    different = [name for name, tensor in one.items() if not torch.equal(tensor, other[name])]
    require(not different, f"{what}: {', '.join(different[:3])}")
