from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_plugins.embeddings.combat import Combat
from deepnoise_plugins.embeddings.empirical_bayes import adjust_batches, fit_batches, posterior
from deepnoise_plugins.embeddings.options import CombatOptions

MakeProfiles = Callable[..., Predictions]
Rows = Callable[[Predictions, ArrayLike], Predictions]
Table = NDArray[np.float64]


def combated(predictions: Predictions, **options: Any) -> tuple[Table, Predictions]:
    made = Combat(CombatOptions(**options))(predictions, PlateDesign())
    assert made.embeddings is not None
    return made.embeddings.astype(np.float64), made


def by_hand(
    values: Table, batch: list[int], *, reference: int | None, mean_only: bool, roles: list[int] | None = None
) -> Table:
    """ComBat as the paper writes it, one feature and one batch at a time."""
    rows, features, batches = len(values), values.shape[1], sorted(set(batch))
    columns = [[float(own == each) for own in batch] for each in batches]
    columns += [[float(own == each) for own in roles] for each in sorted(set(roles))[1:]] if roles else []
    design = np.array(columns).T
    effects = np.linalg.pinv(design) @ values
    counts = [batch.count(each) for each in batches]
    kept, sigma, standard = np.empty_like(values), np.empty(features), np.empty_like(values)
    for g in range(features):
        if reference is None:
            level = sum(n * effects[b, g] for b, n in enumerate(counts)) / rows
        else:
            level = effects[reference, g]
        kept[:, g] = level + design[:, len(batches) :] @ effects[len(batches) :, g]
        residual = values[:, g] - design @ effects[:, g]
        sigma[g] = np.sqrt(
            np.mean([r**2 for r, b in zip(residual, batch, strict=True) if reference in (None, b)])
        )
        standard[:, g] = (values[:, g] - kept[:, g]) / sigma[g]
    adjusted = values.copy()
    for b, n in enumerate(counts):
        own = np.array(batch) == b
        if b == reference:
            continue
        gammas, deltas = standard[own].mean(axis=0), standard[own].var(axis=0, ddof=1)
        tau, mean, spread = gammas.var(ddof=1), deltas.mean(), deltas.var(ddof=1)
        shape, scale = (mean**2 + 2 * spread) / spread, (mean**3 + mean * spread) / spread
        for g in range(features):
            gamma, delta = gammas[g], 1.0 if mean_only else deltas[g]
            for _ in range(1 if mean_only else 100):
                gamma = (n * tau * gammas[g] + delta * gammas.mean()) / (n * tau + delta)
                if not mean_only:
                    delta = (scale + ((standard[own, g] - gamma) ** 2).sum() / 2) / (n / 2 + shape - 1)
            adjusted[own, g] = sigma[g] / np.sqrt(delta) * (standard[own, g] - gamma) + kept[own, g]
    return adjusted


@pytest.mark.parametrize("mean_only", [False, True])
@pytest.mark.parametrize("reference", [None, 1])
@pytest.mark.parametrize("keep_roles", [False, True])
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(3, 9), min_size=2, max_size=4))
def test_it_is_combat_by_hand(
    seed: int, sizes: list[int], keep_roles: bool, reference: int | None, mean_only: bool
) -> None:
    generator = np.random.default_rng(seed)
    batch = np.repeat(np.arange(len(sizes)), sizes)
    roles = np.concatenate([np.arange(size) % 3 for size in sizes])
    values = generator.normal(size=(len(batch), 5)) + generator.normal(size=(len(sizes), 5))[batch]
    covariates = np.eye(3)[roles][:, 1:] if keep_roles else np.empty((len(batch), 0))
    fit = fit_batches(values, batch, covariates, reference)
    assert not fit.confounded
    made = adjust_batches(values, batch, fit, reference=reference, mean_only=mean_only)
    expected = by_hand(
        values,
        batch.tolist(),
        reference=reference,
        mean_only=mean_only,
        roles=roles.tolist() if keep_roles else None,
    )
    np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-6)


def test_large_batches_become_alike(profiles: MakeProfiles) -> None:
    wells = profiles(roles=("treatment",) * 3000, experiments=2, plates=1)
    made, after = combated(wells)
    moved, _ = combated(wells, mean_only=True)
    assert wells.embeddings is not None
    plates = [wells.ids["experiment"] == name for name in ("E0", "E1")]
    for ours in (made, moved):
        np.testing.assert_allclose(ours[plates[0]].mean(axis=0), ours[plates[1]].mean(axis=0), atol=1e-2)
    np.testing.assert_allclose(made[plates[0]].std(axis=0), made[plates[1]].std(axis=0), rtol=1e-2)
    for own in plates:
        np.testing.assert_allclose(moved[own].std(axis=0), wells.embeddings[own].std(axis=0), rtol=1e-4)
    assert after.transductive == ("embeddings of all wells by plate",)
    again, _ = combated(after)
    np.testing.assert_allclose(again, made, atol=2e-2)


def test_a_small_batch_is_drawn_to_what_its_features_share() -> None:
    generator = np.random.default_rng(0)
    batch = generator.normal(2.0, 1.0, size=(3, 400))
    shift, variance = posterior(batch)
    assert np.square(shift - 2.0).mean() < 0.5 * np.square(batch.mean(axis=0) - 2.0).mean()
    assert np.square(variance - 1.0).mean() < 0.5 * np.square(batch.var(axis=0, ddof=1) - 1.0).mean()


def test_one_batch_stays_as_it_is(profiles: MakeProfiles) -> None:
    wells = profiles(experiments=1, plates=1)
    made, after = combated(wells)
    np.testing.assert_array_equal(made, wells.embeddings)
    assert after.notes[-1] == "combat: all wells are of one plate, so nothing is adjusted"


@pytest.mark.parametrize(("batch", "name", "close"), [("plate", "E1/0", "E1/9"), ("experiment", "E1", "E19")])
def test_the_reference_batch_stays_as_it_is(batch: str, name: str, close: str, profiles: MakeProfiles) -> None:
    wells = profiles()
    made, _ = combated(wells, batch=batch, reference_batch=name)
    own = wells.ids["experiment"] == "E1"
    if batch == "plate":
        own &= wells.ids["plate"] == "0"
    assert wells.embeddings is not None
    np.testing.assert_array_equal(made[own], wells.embeddings[own])
    others = wells.embeddings[~own]
    before = np.abs(others.mean(axis=0) - wells.embeddings[own].mean(axis=0))
    after = np.abs(made[~own].mean(axis=0) - wells.embeddings[own].mean(axis=0))
    assert after.max() < before.max() / 2
    with pytest.raises(
        PredictionsError, match=f"'{close}' is no {batch} of .*, did you mean .*{name}.*there are"
    ):
        combated(wells, batch=batch, reference_batch=close)


def test_roles_in_other_shares_keep_their_difference(profiles: MakeProfiles) -> None:
    wells = profiles(experiments=1, plates=2, roles=("treatment",) * 40)
    generator = np.random.default_rng(0)
    control = np.where(wells.ids["plate"] == "0", generator.random(80) < 0.9, generator.random(80) < 0.1)
    wells.ids["role"][control] = "negative_control"
    truth = 5.0 * control[:, None] + generator.normal(size=(80, 4))
    wells.embeddings[:] = truth + np.where(wells.ids["plate"] == "0", 3.0, 0.0)[:, None]  # type: ignore[index]
    gaps = []
    for keep in (False, True):
        made, _ = combated(wells, keep_roles=keep)
        gaps.append(made[control].mean() - made[~control].mean())
    assert gaps[0] < 4.0
    assert gaps[1] == pytest.approx(5.0, abs=0.5)


@pytest.mark.parametrize("size", [5, 49, 93])
def test_roles_that_are_batches_are_refused(size: int, profiles: MakeProfiles) -> None:
    wells = profiles(experiments=1, roles=("treatment",) * size)
    wells.ids["role"][wells.ids["plate"] == "1"] = "untreated"
    counts = f"{size} treatment, {size} untreated"
    with pytest.raises(PredictionsError, match=f"cannot tell roles from batches.*{counts}"):
        combated(wells, keep_roles=True)
    combated(wells)


def test_a_batch_of_one_well_is_named(profiles: MakeProfiles, rows_of: Rows) -> None:
    sites = profiles(sites=3)
    alone = (sites.ids["experiment"] == "E1") & (sites.ids["plate"] == "1") & (sites.ids["well"] != "B02")
    some = rows_of(sites, np.flatnonzero(~alone))
    with pytest.raises(PredictionsError, match=r"two wells a batch, but 1 of 4 have one \('plate E1/1'\)"):
        combated(some)
    combated(some, batch="experiment")


def test_features_without_spread_lose_their_shift_alone(profiles: MakeProfiles) -> None:
    wells = profiles()
    assert wells.embeddings is not None
    first = wells.ids["experiment"] == "E0"
    wells.embeddings[:, 1] = np.where(first, 1.0, 2.0)
    made, after = combated(wells)
    np.testing.assert_allclose(made[:, 1], 1.5, atol=1e-6)
    assert "1 of 4 features have no spread within batches" in after.notes[1]
    anchored, _ = combated(wells, reference_batch="E0/0")
    np.testing.assert_allclose(anchored[:, 1], 1.0, atol=1e-6)
    wells.embeddings[:, 1:] = 0.0
    with pytest.raises(PredictionsError, match="of 4 only 1 vary within batches"):
        combated(wells)


def test_a_batch_without_spread_is_named(profiles: MakeProfiles) -> None:
    wells = profiles()
    assert wells.embeddings is not None
    wells.embeddings[(wells.ids["experiment"] == "E1") & (wells.ids["plate"] == "0")] = 0.3
    with pytest.raises(PredictionsError, match="all wells of plate E1/0 have the same embedding"):
        combated(wells)


def test_cell_types_that_are_batches_are_noted(profiles: MakeProfiles) -> None:
    wells = profiles()
    _, after = combated(wells)
    assert "what differs between cell types is removed as well" in after.notes[-1]
    wells.ids["cell_type"][::2] = "RPE"
    _, after = combated(wells)
    assert after.notes == ("a note",)
