"""Normalizers that break a law of normalizers are caught by it."""

from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import Measure, SiteStatistics
from deepnoise_core.contracts.protocols import Arithmetic
from deepnoise_core.data.statistics import Pools, SparseHistograms
from deepnoise_core.testing import normalizers
from deepnoise_core.testing.suites import Law
from deepnoise_plugins.intensity.options import ScaleOptions
from deepnoise_plugins.intensity.portable import Division
from deepnoise_plugins.intensity.scaled import Scale
from deepnoise_plugins.intensity.z_score import ZScore


class _BatchZScore(ZScore):
    """Standardizes by the batch at hand, as batch norm does."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        made = super().__call__(images, rows, keys)
        return made - made.mean(dim=(0, 2, 3), keepdim=True)


class _FirstSites(ZScore):
    """Fits on the sites that happen to come first."""

    def fit(self, statistics: SiteStatistics) -> None:
        super().fit(statistics)
        self._centre = self._centre + statistics.total[0].mean() / statistics.count[0]


class _HastySums(ZScore):
    """Adds up what it should pool, in the order of the rows and in single precision."""

    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        totals = statistics.total.astype(np.float32)
        means = [totals[sites].cumsum(axis=0)[-1] / statistics.count[sites].sum() for sites in pools.sites]
        return np.stack(means).astype(np.float64), super().pooled(statistics, pools)[1]


class _RunningZScore(ZScore):
    """Goes on from the last fit, as an average over screens would."""

    def fit(self, statistics: SiteStatistics) -> None:
        before = self._centre
        super().fit(statistics)
        if len(before):
            self._centre = (self._centre + before.mean(axis=0)) / 2


class _Needy(ZScore):
    """Says that it needs nothing, and is fitted all the same."""

    def __init__(self, options: ScaleOptions) -> None:
        super().__init__(options)
        self.needs = ()


class _AnyRow(ZScore):
    """Takes a row that it does not know for one that it does."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        return super().__call__(images, rows % len(self._pool), keys)


class _BareZScore(ZScore):
    """Divides by the spread without looking at it."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        pool = self._pool[rows.numpy()]
        centre, spread = (torch.from_numpy(each[pool])[:, :, None, None] for each in (self._centre, self._spread))
        return ((images - centre) / spread).float()


class _HalfPrecision(ZScore):
    """Cannot hold a saturated 16-bit channel."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        return super().__call__(images, rows, keys) + 0 * images.half().float()


class _AmbientJitter(ZScore):
    """Draws from torch's generator in training."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        made = super().__call__(images, rows, keys)
        return made if keys is None else made * torch.rand(())


class _GreedyZScore(ZScore):
    """Writes into images that are float32 already."""

    def values(self, images: Tensor, rows: NDArray[np.int64]) -> Tensor:
        return images.float()


class _Double(ZScore):
    """Goes on in float64."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        return super().__call__(images, rows, keys).double()


class _FirstValue(ZScore):
    """Looks past the contract, into how histograms are held."""

    measure = Measure.HISTOGRAMS

    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        centre, spread = super().pooled(statistics, pools)
        held = statistics.histograms
        first = held.values[0] if isinstance(held, SparseHistograms) else 0.0
        return centre + first, spread


class _OtherArithmetic(ZScore):
    """Exports what it does not do."""

    def arithmetic(self) -> Arithmetic:
        return Arithmetic(Division(), {})

    def statistics_of(self, images: Tensor, rows: Tensor) -> Scale:
        return cast(Scale, ())


class _Discreet(ZScore):
    """Does not say that it measures whole plates."""

    def __init__(self, options: ScaleOptions) -> None:
        super().__init__(options)
        self.transductive = ""


class _FirstPlate(ZScore):
    """Measures all plates by that whose name comes first."""

    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        centre, spread = super().pooled(statistics, pools)
        first = pools.of_row[np.lexsort((statistics.plate, statistics.experiment))[0]]
        return centre - centre + centre[first], spread


class _Homeless(ZScore):
    """Makes its result wherever torch makes things."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        return torch.zeros(images.shape)


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_Double, normalizers.raw_images_become_float32, "become torch.float64, not float32"),
        (_FirstValue, normalizers.the_fit_ignores_how_statistics_are_held, "are held changes the result"),
        (_OtherArithmetic, normalizers.arithmetic_is_what_the_normalizer_does, "arithmetic differs"),
        (_Discreet, normalizers.what_it_uses_of_other_images_is_said, "without a word"),
        (_FirstPlate, normalizers.names_have_no_say, "names change the result"),
        (_GreedyZScore, normalizers.raw_images_are_left_alone, "writes into its input"),
        (_HalfPrecision, normalizers.a_constant_channel_stays_finite, "infinite or not a number"),
        (_Needy, normalizers.what_is_asked_for_suffices, "more than it needs"),
        (_FirstSites, normalizers.the_fit_ignores_the_order_of_sites, "order of sites"),
        (_HastySums, normalizers.the_fit_ignores_the_order_of_sites, "order of sites"),
        (_RunningZScore, normalizers.a_second_fit_forgets_the_first, "fitted before"),
        (_AnyRow, normalizers.unknown_rows_are_refused, "not fitted"),
        (_BareZScore, normalizers.a_constant_channel_stays_finite, "constant channel"),
        (_AmbientJitter, normalizers.evaluation_is_not_random, "same keys the result is random"),
        (_BatchZScore, normalizers.an_image_stands_alone, "changes with the others"),
        (ZScore, normalizers.only_reference_wells_are_measured, "beyond the reference"),
    ],
)
def test_a_broken_normalizer_is_caught(broken: type[ZScore], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(ScaleOptions(jitter=0.1)))


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [(_Homeless, normalizers.images_stay_on_their_device, "images on meta come back on cpu")],
)
def test_a_result_on_another_device_is_caught(
    broken: type[ZScore], law: Law, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: torch.device("meta"))
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(ScaleOptions()))
