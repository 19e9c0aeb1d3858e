"""The rules of FixMatch and its relatives by values worked out by hand, and against plain NumPy."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_plugins.matching.freematch import AdaptiveThresholds, unfairness
from deepnoise_plugins.matching.marginals import RunningMarginals, aligned
from deepnoise_plugins.matching.rules import Threshold, best_of, soft_cross_entropy
from deepnoise_plugins.matching.softmatch import GaussianWeights
from deepnoise_plugins.matching.uda import annealed

LN = math.log
TABLE = torch.tensor(
    [
        [LN(97), LN(2), LN(1)],  # 0.97, 0.02, 0.01
        [LN(1), LN(8), LN(1)],  # 0.1, 0.8, 0.1
        [0.0, 0.0, 0.0],  # a third each
        [LN(1), LN(3), LN(6)],  # 0.1, 0.3, 0.6
    ]
)
ROWS = torch.arange(4)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def logits_of(seed: int, size: int = 24, classes: int = 5) -> Tensor:
    return 3.0 * torch.randn(size, classes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("threshold", "weights"),
    [(0.95, [1, 0, 0, 0]), (0.8, [1, 1, 0, 0]), (0.6, [1, 1, 0, 1]), (0.3, [1, 1, 1, 1]), (1.0, [0, 0, 0, 0])],
)
def test_a_threshold_admits_confident_rows(threshold: float, weights: list[int]) -> None:
    guess = Threshold(threshold - 1e-6)(TABLE, ROWS)
    assert guess.weights.tolist() == weights
    assert guess.targets.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_the_temperature_sharpens_what_is_learned_and_not_what_is_judged() -> None:
    guess = Threshold(0.79, temperature=0.5)(TABLE, ROWS)
    # Half the temperature squares the odds: 1 : 64 : 1 and 1 : 9 : 36.
    expected = [[0, 64 / 66, 1 / 66], [1 / 3, 1 / 3, 1 / 3], [1 / 46, 9 / 46, 36 / 46]]
    assert guess.targets[1:, 1:].numpy() == pytest.approx(np.array(expected)[:, 1:])
    assert guess.weights.tolist() == [1, 1, 0, 0]
    published = Threshold(0.8, temperature=0.4)(TABLE, ROWS).targets[3]
    raised = np.array([1.0, 3.0, 6.0]) ** 2.5
    assert published.numpy() == pytest.approx(raised / raised.sum())


def test_the_soft_cross_entropy_is_that_of_torch() -> None:
    logits, targets = logits_of(0), logits_of(1).softmax(dim=1)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(soft_cross_entropy(logits, targets), expected)
    labels = torch.arange(24) % 5
    hard = soft_cross_entropy(logits, torch.nn.functional.one_hot(labels, 5).float())
    torch.testing.assert_close(hard, torch.nn.functional.cross_entropy(logits, labels, reduction="none"))


@pytest.mark.parametrize("highest", [1.0, 0.7])
def test_free_match_follows_its_paper(highest: float) -> None:
    rule, momentum = AdaptiveThresholds(5, 0.9, highest), 0.9
    level, mean, counts = 0.2, np.full(5, 0.2), np.full(5, 0.2)
    for step in range(30):
        logits = logits_of(step)
        q = softmax(logits.numpy().astype(np.float64))
        level = min(momentum * level + (1 - momentum) * q.max(axis=1).mean(), highest)
        mean = momentum * mean + (1 - momentum) * q.mean(axis=0)
        counts = momentum * counts + (1 - momentum) * np.bincount(q.argmax(axis=1), minlength=5) / len(q)
        guess = rule(logits, torch.arange(24))
        expected = q.max(axis=1) >= (level * mean / mean.max())[q.argmax(axis=1)]
        assert guess.weights.tolist() == expected.tolist()
        learning = logits_of(100 + step)
        s, kept = softmax(learning.numpy().astype(np.float64)), expected.astype(bool)
        frequency = np.bincount(s[kept].argmax(axis=1), minlength=5) / kept.sum()
        ratio = s[kept].mean(axis=0) * np.divide(1, frequency, out=np.zeros(5), where=frequency > 0)
        wanted = mean / counts / (mean / counts).sum() * np.log(ratio / ratio.sum() + 1e-12)
        found = unfairness(learning, guess.weights, rule.mean, rule.counts)
        assert found.item() == pytest.approx(wanted.sum(), rel=1e-5)
    assert rule.level.item() == pytest.approx(level, rel=1e-5)
    assert rule.counts.numpy() == pytest.approx(counts, rel=1e-5)


def test_free_match_by_hand() -> None:
    rule = AdaptiveThresholds(3, 0.0)
    guess = rule(TABLE[[0, 1, 3]], ROWS[:3])
    # Confidence 0.97, 0.8 and 0.6 on average 0.79; classes 1.17, 1.12 and 0.71 thirds.
    assert rule.level.item() == pytest.approx(0.79)
    assert (3 * rule.mean).numpy() == pytest.approx([1.17, 1.12, 0.71])
    # Thresholds 0.79, 0.756 and 0.479: all three are at or above their own.
    assert guess.weights.tolist() == [1, 1, 1]
    assert rule.counts.numpy() == pytest.approx([1 / 3] * 3)


def test_nothing_is_unfair_where_all_is_masked() -> None:
    learning = logits_of(0).requires_grad_()
    term = unfairness(learning, torch.zeros(24), torch.full((5,), 0.2), torch.full((5,), 0.2))
    term.backward()  # type: ignore[no-untyped-call]
    assert term.item() == 0
    assert learning.grad is not None
    assert not learning.grad.any()


def test_soft_match_by_hand() -> None:
    rule = GaussianWeights(3, 0.0, 2.0, align=False)
    guess = rule(TABLE, ROWS)
    confidence = np.array([0.97, 0.8, 1 / 3, 0.6])
    assert rule.centre.item() == pytest.approx(confidence.mean())
    assert rule.variance.item() == pytest.approx(confidence.var(ddof=1))
    below = np.minimum(confidence - confidence.mean(), 0)
    assert guess.weights.numpy() == pytest.approx(
        np.exp(-(below**2) / (2 * confidence.var(ddof=1) / 4)), rel=1e-5
    )
    assert guess.weights[:2].tolist() == [1, 1]


def test_soft_match_starts_wide_and_judges_aligned_guesses() -> None:
    rule = GaussianWeights(3, 0.999, 2.0, align=True)
    guess = rule(TABLE, ROWS)
    q = softmax(TABLE.numpy().astype(np.float64))
    mean = q.mean(axis=0)
    even = q / (mean + 1e-6) / (q / (mean + 1e-6)).sum(axis=1, keepdims=True)
    centre = 0.999 / 3 + 0.001 * even.max(axis=1).mean()
    assert rule.centre.item() == pytest.approx(centre)
    assert rule.variance.item() == pytest.approx(0.999 + 0.001 * even.max(axis=1).var(ddof=1))
    assert rule.marginals.mean[0].numpy() == pytest.approx(mean)
    assert torch.equal(guess.targets, best_of(TABLE))


def test_a_single_image_has_no_variance() -> None:
    rule = GaussianWeights(3, 0.999, 2.0, align=True)
    assert rule(TABLE[:1], ROWS[:1]).weights.isfinite().all()
    assert rule.variance.item() == 1


@pytest.mark.parametrize(
    ("schedule", "done", "expected"),
    [
        ("linear", 0.0, 0.25),
        ("linear", 0.5, 0.625),
        ("linear", 1.0, 1.0),
        ("exponential", 1.0, 1.0),
        ("exponential", 0.0, 0.25 + 0.75 * math.exp(-5)),
        ("logarithmic", 0.0, 0.25),
        ("logarithmic", 1.0, 1.0 - 0.75 * math.exp(-5)),
    ],
)
def test_the_training_signal_is_released_by_schedule(schedule: str, done: float, expected: float) -> None:
    assert annealed(schedule, done, 4) == pytest.approx(expected)


def test_running_marginals_keep_domains_apart() -> None:
    start = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    means = RunningMarginals(start, 0.75)
    q = TABLE.softmax(dim=1)
    means.update(q, torch.tensor([1, 0, 1, 1]))
    assert means.mean[0].numpy() == pytest.approx(0.75 * start[0].numpy() + 0.25 * q[1].numpy())
    assert means.mean[1].numpy() == pytest.approx(0.75 * start[1].numpy() + 0.25 * q[[0, 2, 3]].mean(0).numpy())
    assert torch.equal(means.mean[2], start[2])


def test_marginals_may_begin_with_their_first_batch() -> None:
    means = RunningMarginals(torch.zeros(2, 3), 0.9, first_batch=True)
    q = TABLE.softmax(dim=1)
    for _ in range(2):
        means.update(q, torch.zeros(4, dtype=torch.int64))
        assert means.mean[0].numpy() == pytest.approx(q.mean(dim=0).numpy())
    assert means.empty.tolist() == [False, True]


def test_means_are_exact_under_autocast() -> None:
    means = RunningMarginals(torch.zeros(1, 5), 0.0)
    q = logits_of(3).softmax(dim=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        means.update(q, torch.zeros(24, dtype=torch.int64))
    torch.testing.assert_close(means.mean[0], q.mean(dim=0))


def test_alignment_by_hand() -> None:
    q = torch.tensor([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])
    made = aligned(q, torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.5, 0.25]))
    # Row 1: 0.5 · 2 against 0.3 · 1. Row 2 thinks only what is excluded.
    assert made[0].numpy() == pytest.approx([1 / 1.3, 0.3 / 1.3, 0], abs=1e-5)
    assert made[1].tolist() == [0, 0, 0]
