"""Views by name, each setting against an oracle of its own."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import ndimage, stats

from deepnoise_core.data.randomness import sample_keys, uniforms
from deepnoise_plugins.views.augmentation import Views
from deepnoise_plugins.views.options import FirstPlaceOptions, FreeOptions, ViewOptions, WeakStrongOptions

COUNT = 600
KEYS = sample_keys(4, 0, np.arange(COUNT), "one")


def made(images: torch.Tensor, **options: object) -> torch.Tensor:
    """COUNT images in one view with these settings; a single image is repeated."""
    views = Views(FreeOptions(views={"one": ViewOptions.model_validate(options)}))
    return views(images.expand(COUNT, -1, -1, -1), "one", KEYS)


def noise(channels: int = 4, side: int = 12) -> torch.Tensor:
    return torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(1))


def test_nothing_is_changed_by_default() -> None:
    assert torch.equal(made(noise()), noise().expand(COUNT, -1, -1, -1))


def test_gain_and_bias_are_normal_and_of_each_channel() -> None:
    image = noise()
    seen = made(image, gain=0.1, bias=0.3).double().flatten(2)
    values = image.double().flatten(2)
    centred = values - values.mean(dim=2, keepdim=True)
    gain = (seen * centred).sum(dim=2) / centred.square().sum(dim=2)
    bias = seen.mean(dim=2) - gain * values.mean(dim=2)
    torch.testing.assert_close(seen, gain[..., None] * values + bias[..., None], atol=1e-5, rtol=0)
    for drawn, mean, spread in ((gain, 1.0, 0.1), (bias, 0.0, 0.3)):
        assert stats.kstest(drawn.flatten().numpy(), stats.norm(mean, spread).cdf).pvalue > 1e-3
        assert np.abs(np.corrcoef(drawn.T.numpy()) - np.eye(4)).max() < 0.15
    assert abs(np.corrcoef(gain.flatten(), bias.flatten())[0, 1]) < 0.1


def test_noise_is_normal_and_of_each_pixel() -> None:
    added = (made(noise(), noise=0.2) - noise()).double().numpy()
    assert stats.kstest(added[:20].ravel(), stats.norm(0.0, 0.2).cdf).pvalue > 1e-3
    pixels = added.reshape(COUNT * 4, -1)
    assert np.abs(np.corrcoef(pixels[:40]) - np.eye(40)).max() < 0.5


def test_channels_are_left_out_as_often_as_said_and_each_as_often() -> None:
    seen = made(noise(channels=5), drop=0.4, drop_channels=2)
    gone = (seen == 0).all(dim=3).all(dim=2)
    assert set(gone.sum(dim=1).tolist()) == {0, 2}
    assert gone.any(dim=1).float().mean().item() == pytest.approx(0.4, abs=0.06)
    assert gone.float().mean(dim=0).tolist() == pytest.approx([0.16] * 5, abs=0.05)
    assert torch.equal(seen[~gone], noise(channels=5).expand(COUNT, -1, -1, -1)[~gone])


def test_the_last_channel_is_never_left_out() -> None:
    assert ((made(noise(channels=3), drop=1.0, drop_channels=9) == 0).flatten(2).all(dim=2).sum(dim=1) == 2).all()
    assert torch.equal(made(noise(channels=1), drop=1.0), noise(channels=1).expand(COUNT, -1, -1, -1))


def test_free_rotation_is_that_of_scipy() -> None:
    image = noise(channels=1, side=21)
    seen = made(image, rotation=70.0)
    angles = 70.0 * (2.0 * uniforms(KEYS, 12)[:, 11] - 1.0)
    inside = np.hypot(*np.mgrid[-10:11, -10:11]) < 9
    for one, angle in list(zip(seen[:, 0].numpy(), angles, strict=True))[:40]:
        turned = ndimage.rotate(image[0, 0].numpy(), angle, reshape=False, order=1)
        np.testing.assert_allclose(one[inside], turned[inside], atol=1e-3)


def test_a_nearest_crop_holds_pixels_of_a_square_of_its_side() -> None:
    places = torch.stack(torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij"))[None]
    seen = made(places, crop=[0.5, 1.0], interpolation="nearest")
    assert torch.equal(seen, seen.round())
    steps = torch.cat([seen[:, 0].diff(dim=1), seen[:, 1].diff(dim=2).mT], dim=2)
    assert ((steps == 0) | (steps == 1)).all()
    down, across = (
        seen[:, axis].flatten(1).amax(dim=1) - seen[:, axis].flatten(1).amin(dim=1) for axis in (0, 1)
    )
    assert (down - across).abs().max() <= 1
    assert stats.kstest(((down + 1) / 32).numpy(), stats.uniform(0.5, 0.5).cdf).statistic < 0.12


def test_reflection_shows_no_zeros() -> None:
    ones = torch.ones(1, 1, 16, 16)
    assert (made(ones, shift=0.4) == 0).any()
    torch.testing.assert_close(made(ones, shift=0.4, border="reflection"), ones.expand(COUNT, -1, -1, -1))


def test_a_move_comes_as_often_as_said() -> None:
    moved = (made(noise(), move=0.3, shift=0.2, scale=0.2) - noise()).abs().amax(dim=(1, 2, 3)) > 1e-3
    assert moved.float().mean().item() == pytest.approx(0.3, abs=0.06)


def test_the_weak_view_moves_whole_pixels() -> None:
    image = noise(channels=1, side=40)
    known = {float(value) for value in image.flatten()} | {0.0}
    seen = Views(WeakStrongOptions())(image.expand(COUNT, -1, -1, -1), "weak", KEYS)
    assert {float(value) for value in seen[:60].flatten()} <= known
    assert 0.01 < (seen == 0).float().mean() < 0.08


def test_the_easy_view_of_the_first_place_is_one_of_eight_exactly() -> None:
    image = noise(side=9)
    turned = [torch.rot90(image[0], quarter, (-2, -1)) for quarter in range(4)]
    known = torch.stack([*turned, *(torch.flip(one, (-1,)) for one in turned)])
    seen = Views(FirstPlaceOptions())(image.expand(COUNT, -1, -1, -1), "easy", KEYS)
    same = (seen[:, None] == known[None]).flatten(2).all(dim=2)
    assert (same.sum(dim=1) == 1).all()
    assert stats.chisquare(same.sum(dim=0).numpy()).pvalue > 1e-3


def test_what_a_recipe_does_not_say_keeps_the_default_of_its_view() -> None:
    options = WeakStrongOptions.model_validate({"strong": {"noise": 0.5}})
    assert options.strong == WeakStrongOptions().strong.model_copy(update={"noise": 0.5})
    assert options.weak == WeakStrongOptions().weak


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weak": {"rotate": 3}}, r"weak\.rotate\n  Extra inputs"),
        ({"strong": {"crop": [0.9, 0.5]}}, r"strong\n.*crop must be \(low, high\), but 0.9 > 0.5"),
        ({"strong": {"crop": [0.0, 0.5]}}, r"strong\.crop\.0\n.*greater than 0"),
    ],
)
def test_wrong_settings_name_their_view(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WeakStrongOptions.model_validate(options)


def test_views_need_a_name() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        FreeOptions(views={})
