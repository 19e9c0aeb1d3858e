"""The three views against brute force."""

import numpy as np
import pytest
import torch

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.randomness import sample_keys
from deepnoise_plugins.views.augmentation import Views
from deepnoise_plugins.views.options import DeepNoiseOptions


def dihedral(image: torch.Tensor) -> list[torch.Tensor]:
    turned = [torch.rot90(image, quarter, (-2, -1)) for quarter in range(4)]
    return [*turned, *(torch.flip(one, (-1,)) for one in turned)]


def test_without_shifts_the_easy_view_is_one_of_eight_and_all_occur() -> None:
    views = Views(DeepNoiseOptions(shift_scale=0.0))
    image = torch.randn(1, 3, 9, 9)
    made = views(image.expand(300, -1, -1, -1), "easy", sample_keys(0, 0, np.arange(300), "easy"))
    known = torch.stack(dihedral(image[0]))
    distance = (made[:, None] - known[None]).abs().amax(dim=(2, 3, 4))
    assert (distance.amin(dim=1) < 1e-4).all()
    shares = torch.bincount(distance.argmin(dim=1), minlength=8) / 300
    assert (shares > 0.06).all()


def test_erased_boxes_keep_to_their_area_and_hold_zeros() -> None:
    views = Views(DeepNoiseOptions(flip=0.0, shift_scale=0.0))
    images = torch.ones(600, 2, 40, 40)
    made = views(images, "normal", sample_keys(1, 0, np.arange(600), "normal"))
    kept = (made - 1.0).abs() < 1e-4
    erased = made == 0
    assert (kept | erased).all()
    assert (erased[:, 0] == erased[:, 1]).all()
    area = erased[:, 0].float().mean(dim=(1, 2))
    assert 0.4 < (area > 0).float().mean() < 0.6
    assert 0.01 < area[area > 0].min() < 0.05
    assert 0.3 < area.max() < 0.42
    for one in erased[area > 0, 0]:
        rows, columns = one.any(dim=1), one.any(dim=0)
        assert one.sum() == rows.sum() * columns.sum()


def test_the_hard_view_shows_a_part_of_the_image() -> None:
    views = Views(DeepNoiseOptions(flip=0.0, shift_scale=0.0, erase=0.0))
    across = torch.linspace(-1, 1, 101).expand(1, 1, 101, 101)
    made = views(across.expand(400, -1, -1, -1), "hard", sample_keys(2, 0, np.arange(400), "hard"))
    span = (made[:, 0, 50, -1] - made[:, 0, 50, 0]) / 2
    assert 0.79 < span.min() < 0.82
    assert 0.97 < span.max() < 1.0


def test_shift_and_scale_come_half_of_the_time() -> None:
    views = Views(DeepNoiseOptions(flip=0.0))
    image = torch.randn(1, 1, 16, 16)
    made = views(image.expand(400, -1, -1, -1), "easy", sample_keys(3, 0, np.arange(400), "easy"))
    moved = (made - image).abs().amax(dim=(1, 2, 3)) > 1e-3
    assert 0.4 < moved.float().mean() < 0.6


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(InputError, match="easy, normal, hard, not 'weak'"):
        Views(DeepNoiseOptions())(torch.zeros(1, 1, 8, 8), "weak", sample_keys(0, 0, [0], "weak"))


def test_ranges_must_rise() -> None:
    with pytest.raises(ValueError, match=r"crop must be \(low, high\)"):
        DeepNoiseOptions(crop=(0.9, 0.8))


FROZEN = {
    "easy": [404.85919, 59.97765, -416.15813, -170.66667, -671.99998, 10.88187],
    "normal": [372.50794, 720.92527, 92.95167, -573.28808, 671.99998, 170.66667],
    "hard": [-24.89878, -39.1079, -188.85526, 19.50586, 286.55459, 677.97742],
}


@pytest.mark.parametrize("view", FROZEN)
def test_a_key_gives_the_view_that_it_always_gave(view: str) -> None:
    ramp = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).expand(6, -1, -1, -1)
    made = Views(DeepNoiseOptions())(ramp, view, sample_keys(7, 1, np.arange(6), view))
    marks = (made.double() * torch.arange(64).reshape(8, 8)).sum(dim=(1, 2, 3))
    assert marks.tolist() == pytest.approx(FROZEN[view], abs=1e-3)
