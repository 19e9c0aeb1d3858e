"""CutMix against pixels counted one by one, MixUp against its formula."""

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from deepnoise_core.contracts import MixingOptions, Targets, View
from deepnoise_core.engine.losses import hard_targets, target_loss
from deepnoise_core.engine.mixing import mixed

Per = Literal["batch", "image"]
PER = st.sampled_from(["batch", "image"])
SEEDS = st.integers(0, 2**40)


def numbered(size: int, height: int = 12, width: int = 12) -> tuple[View, Targets]:
    """Image i is all i, of class i, and is told i."""
    numbers = torch.arange(size)
    images = numbers.float()[:, None, None, None].expand(-1, 2, height, width).contiguous()
    return View(images, numbers.double()[:, None]), hard_targets(numbers)


def pasted(size: int, seed: int, options: MixingOptions) -> torch.Tensor:
    """Weight of the other image, [B]."""
    return mixed(*numbered(size), options, seed)[1].weights[:, 1]


@settings(max_examples=80)
@given(st.integers(2, 9), st.integers(1, 17), st.integers(1, 17), st.floats(0.2, 4.0), PER, SEEDS)
def test_the_weights_of_cutmix_are_the_areas(
    size: int, height: int, width: int, alpha: float, per: Per, seed: int
) -> None:
    view, targets = numbered(size, height, width)
    (images, condition), found = mixed(view, targets, MixingOptions(name="cutmix", alpha=alpha, per=per), seed)
    assert condition is not None
    assert sorted(found.classes[:, 1].tolist()) == list(range(size))
    boxes = set()
    for i in range(size):
        own, other = found.classes[i].tolist()
        assert own == i
        assert torch.equal(images[i, 0], images[i, 1])
        strange = (images[i, 0] != own).numpy()
        assert set(images[i, 0][strange].tolist()) <= {float(other)}
        rows, columns = strange.any(axis=1), strange.any(axis=0)
        assert strange.sum() == rows.sum() * columns.sum()
        if own != other:
            assert found.weights[i, 1].item() == pytest.approx(strange.mean(), abs=1e-7)
            boxes.add(strange.tobytes())
        assert found.weights[i].sum().item() == pytest.approx(1.0, abs=1e-6)
        expected = float(found.weights[i].double() @ found.classes[i].double())
        assert condition[i].item() == pytest.approx(expected, abs=1e-5)
    if per == "batch":
        assert len(boxes) <= 1


@settings(max_examples=40)
@given(st.integers(2, 9), PER, SEEDS)
def test_mixup_is_its_formula(size: int, per: Per, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 3, 5, 4, generator=generator).contiguous(memory_format=torch.channels_last)
    condition = torch.eye(size)
    classes, weights = torch.arange(2 * size).reshape(size, 2), torch.tensor([[0.7, 0.3]]).expand(size, 2)
    options = MixingOptions(name="mixup", per=per)
    view, found = mixed(View(images, condition), Targets(classes, weights, 0.2), options, seed)
    assert view.condition is not None
    other = found.classes[:, 2].numpy() // 2
    kept = found.weights[:, :2].sum(dim=1).double().numpy()
    assert view.images.is_contiguous(memory_format=torch.channels_last)
    blend = kept[:, None, None, None]
    pixels = images.double().numpy()
    np.testing.assert_allclose(view.images.numpy(), blend * pixels + (1 - blend) * pixels[other], atol=1e-5)
    told = condition.double().numpy()
    np.testing.assert_allclose(
        view.condition, kept[:, None] * told + (1 - kept[:, None]) * told[other], atol=1e-6
    )
    np.testing.assert_array_equal(found.classes, np.hstack([classes.numpy(), classes.numpy()[other]]))
    shares = np.hstack([kept[:, None] * weights.numpy(), (1 - kept[:, None]) * weights.numpy()[other]])
    np.testing.assert_allclose(found.weights, shares, atol=1e-6)
    assert found.smoothing == 0.2
    assert (len(set(kept.round(6))) == 1) == (per == "batch")


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("per", ["batch", "image"])
def test_shares_are_from_the_beta_distribution(alpha: float, per: Per) -> None:
    options = MixingOptions(name="mixup", alpha=alpha, per=per)
    drawn = (
        pasted(2000, 0, options).numpy()
        if per == "image"
        else np.array([pasted(2, seed, options)[0].item() for seed in range(1000)])
    )
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).pvalue > 1e-3
    assert drawn.mean() == pytest.approx(0.5, abs=0.04)


def test_batches_are_mixed_as_often_as_they_should() -> None:
    options = MixingOptions(name="mixup", probability=0.3)
    found = [mixed(*numbered(2), options, seed)[1].weights.shape[1] == 2 for seed in range(600)]
    assert np.mean(found) == pytest.approx(0.3, abs=0.06)


def test_images_are_mixed_as_often_as_they_should() -> None:
    weights = pasted(2000, 0, MixingOptions(name="mixup", probability=0.3, per="image"))
    assert (weights > 0).float().mean().item() == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize("options", [MixingOptions(), MixingOptions(name="cutmix", probability=0.0)], ids=str)
def test_what_is_not_mixed_is_the_very_same(options: MixingOptions) -> None:
    view, targets = numbered(6)
    assert mixed(view, targets, options, 3) == (view, targets)
    assert mixed(view, targets, options, 3)[0].images is view.images


@pytest.mark.parametrize("name", ["cutmix", "mixup"])
def test_an_image_that_is_not_mixed_keeps_its_bits(name: Literal["cutmix", "mixup"]) -> None:
    images = torch.randn(64, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    options = MixingOptions(name=name, probability=0.5, per="image")
    view, targets = mixed(View(images), hard_targets(torch.arange(64)), options, 1)
    whole = targets.weights[:, 1] == 0
    assert view.condition is None
    assert 20 < int(whole.sum()) < 44
    assert torch.equal(view.images[whole], images[whole])


def test_the_loss_of_a_mixture_is_the_mixture_of_losses() -> None:
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(2))
    _, targets = mixed(*numbered(5), MixingOptions(name="cutmix", per="image"), 4)
    apart = [target_loss(logits, hard_targets(targets.classes[:, k])) for k in range(2)]
    expected = targets.weights[:, 0] * apart[0] + targets.weights[:, 1] * apart[1]
    torch.testing.assert_close(target_loss(logits, targets), expected)
