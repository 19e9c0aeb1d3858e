"""First convolutions for other channels: sums are kept, and timm repeats as we do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.models import adapt_input_conv
from torch import Tensor
from torch.nn import functional as F

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.contracts.plan import Stem
from deepnoise_core.engine.stems import adapt_stem, channel_sources

RGB = ("red", "green", "blue")


def kernel(channels: int) -> Tensor:
    return torch.randn(5, channels, 3, 3, generator=torch.Generator().manual_seed(0))


@given(st.data())
def test_an_image_of_equal_channels_keeps_its_output(data: st.DataObject) -> None:
    old = data.draw(st.integers(1, 5), label="old")
    stem: Stem = data.draw(st.sampled_from(["mean", "repeat", "by_channel"]), label="stem")
    new = data.draw(st.integers(1 if stem == "mean" else old, 9), label="new")
    others = (
        st.lists(st.integers(0, old - 1), min_size=new - old, max_size=new - old) if new >= old else st.just([])
    )
    sources = data.draw(others.flatmap(lambda rest: st.permutations([*range(old), *rest])), label="sources")
    weight, plane = kernel(old), torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    adapted = adapt_stem(weight, (5, new, 3, 3), stem, sources if stem == "by_channel" else ())
    before = F.conv2d(plane.expand(-1, old, -1, -1), weight)
    torch.testing.assert_close(F.conv2d(plane.expand(-1, new, -1, -1), adapted), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("new", [3, 6, 9])
def test_repeat_is_that_of_timm_where_all_channels_come_equally_often(new: int) -> None:
    weight = kernel(3)
    torch.testing.assert_close(
        adapt_stem(weight, (5, new, 3, 3), "repeat"), adapt_input_conv(new, weight.clone())
    )


@pytest.mark.parametrize("new", [4, 5, 7])
def test_repeat_is_that_of_timm_up_to_a_factor_a_channel_that_keeps_the_sum(new: int) -> None:
    weight = kernel(3)
    times = np.bincount(np.arange(new) % 3)[np.arange(new) % 3]
    factor = torch.from_numpy(new / (3 * times)).float()[:, None, None]
    expected = adapt_input_conv(new, weight.clone()) * factor
    torch.testing.assert_close(adapt_stem(weight, (5, new, 3, 3), "repeat"), expected)


def test_mean_of_one_channel_is_that_of_timm() -> None:
    weight = kernel(3)
    torch.testing.assert_close(adapt_stem(weight, (5, 1, 3, 3), "mean"), adapt_input_conv(1, weight.clone()))


def test_equally_many_channels_repeat_bit_for_bit() -> None:
    weight = kernel(4)
    assert torch.equal(adapt_stem(weight, weight.shape, "repeat"), weight)


def test_repeat_never_drops_a_channel() -> None:
    with pytest.raises(ModelError, match="repeat cannot take 3 channels to 2; use mean or by_channel"):
        adapt_stem(kernel(3), (5, 2, 3, 3), "repeat")


def test_channels_are_taken_by_name() -> None:
    sources = channel_sources(RGB, ("DNA", "green", "ER", "AGP"), {"DNA": "blue", "ER": "red", "AGP": "red"})
    assert sources == [2, 1, 0, 0]
    weight = kernel(3)
    adapted = adapt_stem(weight, (5, 4, 3, 3), "by_channel", sources)
    expected = torch.stack([weight[:, 2], weight[:, 1], weight[:, 0] / 2, weight[:, 0] / 2], dim=1)
    torch.testing.assert_close(adapted, expected)


def test_channels_that_are_not_taken_are_made_up_for_by_their_number() -> None:
    weight = kernel(3)
    adapted = adapt_stem(weight, (5, 2, 3, 3), "by_channel", [2, 1])
    torch.testing.assert_close(adapted, weight[:, [2, 1]] * 1.5)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"DNA": "blue", "ER": "rad"}, "weights have no channel 'rad', did you mean 'red'"),
        ({"DNA": "blue", "ER": "red", "ERR": "red"}, "screen has no channel 'ERR', did you mean 'ER'"),
        ({"DNA": "blue"}, "nothing is said of ER; .* the weights read red, green, blue, the screen has DNA, ER"),
    ],
)
def test_wrong_names_are_told(named: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        channel_sources(RGB, ("DNA", "ER"), named)


def test_random_has_the_spread_of_outputs_and_the_seed_of_torch() -> None:
    weight = 0.3 * torch.randn(64, 3, 3, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one = adapt_stem(weight, (64, 6, 7, 7), "random")
        torch.manual_seed(1)
        assert torch.equal(one, adapt_stem(weight, (64, 6, 7, 7), "random"))
    expected = float(weight.std()) * np.sqrt(3 * 9 / (6 * 49))
    assert float(one.std()) == pytest.approx(expected, rel=0.02)
    assert abs(float(one.mean())) < 0.02 * expected


def test_half_precision_stays() -> None:
    assert adapt_stem(kernel(3).half(), (5, 6, 3, 3), "mean").dtype is torch.float16
