"""Each part of disentanglement beside another's implementation, or its formula written out."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare, false_discovery_control, kstest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import NearestNeighbors

from deepnoise_core.evaluation.disentanglement.factors import Factors, by_cell_type
from deepnoise_core.evaluation.disentanglement.measurement import measure
from deepnoise_core.evaluation.disentanglement.members import Members
from deepnoise_core.evaluation.disentanglement.mixing import inverse_simpson, kbet_accepts, neighbour_counts
from deepnoise_core.evaluation.disentanglement.neighbours import blocks, neighbourhood
from deepnoise_core.evaluation.disentanglement.nulls import drawn_share
from deepnoise_core.evaluation.disentanglement.probes import Discriminant
from deepnoise_core.evaluation.disentanglement.retrieval import random_precision, retrieve
from deepnoise_core.evaluation.disentanglement.significance import random_precisions, significant
from deepnoise_core.evaluation.disentanglement.silhouettes import silhouettes, within
from deepnoise_core.evaluation.disentanglement.variance import BetweenShare, adjusted, effective_rank, leading

Values = NDArray[np.float64]


def screen(
    seed: int = 0, perturbations: int = 12, experiments: int = 5, features: int = 10
) -> tuple[Values, Factors]:
    """Embeddings of a screen with signal and noise, one well a perturbation and experiment."""
    random = np.random.default_rng(seed)
    perturbation = np.tile(np.arange(perturbations), experiments)
    experiment = np.repeat(np.arange(experiments), perturbations)
    position = np.concatenate([random.permutation(perturbations) for _ in range(experiments)])
    signal, noise = random.normal(size=(perturbations, features)), random.normal(size=(experiments, features))
    values = signal[perturbation] + noise[experiment] + random.normal(size=(len(position), features))
    return values, Factors(perturbation, experiment, position % 2, position)


def test_retrieval_is_that_of_copairs() -> None:
    from copairs.map import average_precision

    values, known = screen(perturbations=30, experiments=6, features=16)
    meta = pd.DataFrame({"perturbation": known.perturbation, "experiment": known.experiment})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = average_precision(
            meta, values, ["perturbation"], ["experiment"], [], ["perturbation"], progress_bar=False
        )
    expected = table.groupby("perturbation")["average_precision"].mean().mean()
    found = measure(values, known).figures["retrieval_map"].value
    assert found == pytest.approx(expected, abs=1e-6)


def test_perturbations_retrieved_are_those_of_copairs() -> None:
    from copairs.map import average_precision, mean_average_precision

    values, known = screen(7, perturbations=30, experiments=6, features=16)
    values = values + 0.3 * np.random.default_rng(0).normal(size=values.shape)
    ((rows, codes),) = by_cell_type(known).values()
    retrieval = neighbourhood(values[rows], codes, seed=0).retrieval
    null = np.sort(random_precisions(5, 5 + 174, np.random.default_rng(1)))
    assert set(zip(retrieval.found.tolist(), retrieval.ranked.tolist(), strict=True)) == {(5, 179)}
    mean = np.bincount(codes.perturbation, retrieval.precision) / 6
    p_values = (1 + (null[:, None] > mean).sum(axis=0)) / (1 + len(null))
    meta = pd.DataFrame({"perturbation": known.perturbation, "experiment": known.experiment})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = average_precision(
            meta, values, ["perturbation"], ["experiment"], [], ["perturbation"], progress_bar=False
        )
        table = mean_average_precision(
            table, ["perturbation"], null_size=10_000, threshold=0.05, seed=0, progress_bar=False
        )
    expected = table.set_index("perturbation").sort_index()
    spread = np.sqrt(expected["p_value"] * (1 - expected["p_value"]) / 1000)
    assert (np.abs(p_values - expected["p_value"]) <= 4 * spread + 0.002).all()
    found = measure(values, known).figures["fraction_retrieved"].value
    assert 0.2 < found < 0.9
    assert found == pytest.approx(expected["below_corrected_p"].mean(), abs=0.1)


@given(st.lists(st.lists(st.floats(0, 1) | st.just(np.nan), min_size=5, max_size=5), min_size=1, max_size=4))
@settings(max_examples=40)
def test_missing_p_values_count_in_neither_way(rows: list[list[float]]) -> None:
    p_values = np.array([[0.01, *row] for row in rows])
    expected = [(false_discovery_control(row[~np.isnan(row)]) <= 0.05).mean() for row in p_values]
    assert significant(p_values) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("shared", "apart"),
    [
        ("perturbation", ("site",)),
        ("perturbation", ("experiment", "position")),
        ("plate", ("perturbation",)),
    ],
)
def test_shares_by_chance_are_counted_right(shared: str, apart: tuple[str, ...]) -> None:
    _, known = screen(8, perturbations=6, experiments=3)
    ((_, codes),) = by_cell_type(known).values()
    free = np.all([np.not_equal.outer(code, code) for code in (getattr(codes, name) for name in apart)], axis=0)
    same = np.equal.outer(getattr(codes, shared), getattr(codes, shared))
    asked = np.arange(len(codes)) % 2 == 0
    expected = ((free & same).sum(axis=1) / free.sum(axis=1))[asked].mean()
    assert drawn_share(codes, shared, apart, asked) == pytest.approx(expected)
    assert np.isnan(drawn_share(codes, shared, apart, np.zeros(len(codes), dtype=bool)))


def test_neighbours_are_those_of_scikit_learn() -> None:
    values, known = screen(1)
    ((rows, codes),) = by_cell_type(known).values()
    near = neighbourhood(values[rows], codes, seed=0)
    search = NearestNeighbors(n_neighbors=len(values), metric="cosine").fit(values[rows])
    order = search.kneighbors(return_distance=False, n_neighbors=len(values) - 1)
    size = near.nearest.shape[1]
    assert [set(one) for one in near.nearest.tolist()] == [set(one[:size]) for one in order.tolist()]
    for row, ranked in enumerate(order):
        elsewhere = [one for one in ranked if codes.experiment[one] != codes.experiment[row]]
        apart = [one for one in elsewhere if codes.position[one] != codes.position[row]]
        others = [one for one in ranked if codes.perturbation[one] != codes.perturbation[row]]
        assert near.any[row] == (codes.perturbation[ranked[0]] == codes.perturbation[row])
        assert near.other_experiment[row] == (codes.perturbation[elsewhere[0]] == codes.perturbation[row])
        assert near.other_position[row] == (codes.perturbation[apart[0]] == codes.perturbation[row])
        assert near.experiment[row] == (codes.experiment[others[0]] == codes.experiment[row])
        assert near.plate[row] == (codes.plate[others[0]] == codes.plate[row])
        assert near.position[row] == (codes.position[others[0]] == codes.position[row])


def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values, known = screen(2)
    whole = measure(values, known)
    monkeypatch.setattr("deepnoise_core.evaluation.disentanglement.neighbours._CELLS", 7 * len(values))
    parts = measure(values, known)
    assert len(list(blocks(len(values)))) > 5
    for name, figure in whole.figures.items():
        assert parts.figures[name].value == pytest.approx(figure.value, abs=1e-12, nan_ok=True)


@given(st.integers(1, 6), st.integers(0, 14), st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_tied_precision_is_the_mean_over_random_orders(found: int, others: int, levels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    positives, negatives = random.integers(0, levels, found), random.integers(0, levels, others)
    result = retrieve(
        np.sort(negatives.astype(np.float32))[None], np.zeros(found, dtype=np.int64), positives.astype(np.float32)
    )
    exact = enumerated(positives, negatives)
    assert result.precision[0] == pytest.approx(exact, abs=1e-9)
    assert result.tied == (positives[:, None] == negatives[None]).sum()
    assert result.compared == found * others


def enumerated(positives: NDArray[np.int64], negatives: NDArray[np.int64]) -> float:
    """Expected precision at each positive: by the chance of every number of positives before it in its block."""
    from math import comb

    total = 0.0
    for level in np.unique(positives):
        before, above = int((positives > level).sum()), int((positives > level).sum() + (negatives > level).sum())
        m, b = int((positives == level).sum()), int((positives == level).sum() + (negatives == level).sum())
        for place in range(1, b + 1):
            for earlier in range(max(0, place - 1 - (b - m)), min(m - 1, place - 1) + 1):
                chance = comb(m - 1, earlier) * comb(b - m, place - 1 - earlier) / comb(b - 1, place - 1)
                total += m / b * chance * (before + earlier + 1) / (above + place)
    return total / len(positives)


def test_random_orders_give_the_null_of_retrieval() -> None:
    random = np.random.default_rng(0)
    found, others = 3, 76
    simulated = [
        np.mean(np.arange(1, found + 1) / np.sort(random.permutation(found + others)[:found] + 1))
        for _ in range(20_000)
    ]
    null = random_precision(np.array([found]), np.array([found + others]))[0]
    assert null == pytest.approx(0.0867, abs=5e-5)
    assert null == pytest.approx(np.mean(simulated), abs=0.002)


def test_probes_are_scikit_learns_discriminants() -> None:
    random = np.random.default_rng(3)
    label = np.repeat(np.arange(6), 8)
    values = random.normal(size=(6, 5))[label] + random.normal(size=(48, 5)) @ random.normal(size=(5, 5))
    asked, own = random.normal(size=(200, 5)), random.integers(0, 6, 200)
    probe = Discriminant(values, label)
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=probe.shrinkage).fit(values, label)
    assert (probe.hits(asked, own) == (oracle.predict(asked) == own)).all()


def test_one_row_a_label_leaves_the_nearest_mean() -> None:
    values = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    probe = Discriminant(values, np.arange(3))
    assert probe.hits(values + 0.5, np.arange(3)).tolist() == [1.0, 1.0, 1.0]


def test_silhouettes_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(4)
    group = np.concatenate([np.arange(5), random.integers(0, 4, 60)])
    values = random.normal(size=(5, 3))[group] + random.normal(size=(65, 3))
    assert silhouettes(values, group) == pytest.approx(silhouette_samples(values, group), abs=1e-9)
    outer = random.integers(0, 3, 65)
    found = within(values, outer, group)
    for one in range(3):
        rows = outer == one
        assert found[rows] == pytest.approx(silhouette_samples(values[rows], group[rows]), abs=1e-9)


def test_silhouettes_of_rows_that_are_all_alone_are_unknown() -> None:
    assert np.isnan(silhouettes(np.eye(3), np.arange(3))).all()
    assert np.isnan(silhouettes(np.eye(3), np.zeros(3, dtype=np.int64))).all()
    assert silhouettes(np.zeros((4, 2)), np.array([0, 0, 1, 1])).tolist() == [0.0] * 4


def test_mixing_follows_the_formulas_of_scib_metrics() -> None:
    values, known = screen(5, perturbations=20)
    ((rows, codes),) = by_cell_type(known).values()
    near = neighbourhood(values[rows], codes, seed=0)
    batch = codes.experiment
    counts = neighbour_counts(near.nearest, batch)
    shares = np.bincount(batch) / len(batch)
    size = near.nearest.shape[1]
    for row, ranked in enumerate(near.nearest):
        own = np.array([(batch[ranked] == one).sum() for one in range(5)])
        assert counts[row].tolist() == own.tolist()
        accepted = chisquare(own, shares * size).pvalue > 0.05
        assert kbet_accepts(counts, batch)[row] == accepted
        effective = 1 / sum((own / size) ** 2)
        assert inverse_simpson(counts)[row] == pytest.approx((effective - 1) / 4)


def test_shares_of_variance_are_those_of_regressions() -> None:
    values, known = screen(6, features=6)
    centred = values - values.mean(axis=0)
    group = known.experiment
    weights = np.random.default_rng(0).integers(0, 3, len(values)).astype(np.float64)
    repeated = np.repeat(np.arange(len(values)), weights.astype(int))
    for rows, weight in ((np.arange(len(values)), np.ones(len(values))), (repeated, weights)):
        dummies = np.eye(5)[group[rows]]
        fitted = LinearRegression(fit_intercept=False).fit(dummies, values[rows]).predict(dummies)
        total = np.square(values[rows] - values[rows].mean(axis=0)).sum()
        expected = 1 - np.square(values[rows] - fitted).sum() / total
        assert BetweenShare(centred, group)(weight) == pytest.approx(expected, abs=1e-9)
    pca = PCA().fit(values)
    scores, dummies = pca.transform(values), np.eye(5)[group]
    each = [LinearRegression(fit_intercept=False).fit(dummies, one).score(dummies, one) for one in scores.T]
    regression = pca.explained_variance_ratio_ @ each
    assert BetweenShare(leading(centred), group)(np.ones(len(values))) == pytest.approx(regression, abs=1e-9)
    assert adjusted(0.3, 0.3) == 0.0
    assert adjusted(1.0, 0.3) == 1.0


def test_effective_rank_counts_even_directions() -> None:
    even = np.vstack([np.eye(6), -np.eye(6)])
    assert effective_rank(even) == pytest.approx(6.0)
    assert effective_rank(even * [1, 1, 1, 0, 0, 0]) == pytest.approx(3.0)
    assert effective_rank(np.zeros((5, 3))) == 0.0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_members_are_all_pairs_of_equal_codes(codes: list[int]) -> None:
    code = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    rows = np.arange(0, len(code), 2)
    places = set(zip(*(part.tolist() for part in Members(code).places(rows)), strict=True))
    assert places == {(i, j) for i, row in enumerate(rows) for j in range(len(code)) if code[j] == code[row]}


def test_random_labels_give_uniform_p_values() -> None:
    """The place of the true labels among those shuffled within batches, over embeddings without signal."""
    batch, places = np.repeat(np.arange(4), 8), []
    for seed in range(60):
        random = np.random.default_rng(seed)
        values = random.normal(size=(32, 5))
        observed, *null = (
            precision(values, np.concatenate([random.permutation(8) for _ in range(4)]), batch).mean()
            for _ in range(40)
        )
        places.append((1 + sum(one >= observed for one in null)) / 40)
    assert kstest(places, "uniform").pvalue > 0.01


def precision(values: Values, label: NDArray[np.int64], batch: NDArray[np.int64]) -> NDArray[np.float64]:
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    similar = (unit @ unit.T).astype(np.float32)
    same = label[:, None] == label
    replicates = np.nonzero(same & (batch[:, None] != batch))
    negatives = np.sort(np.where(same, -np.inf, similar), axis=1).astype(np.float32)
    return retrieve(negatives, replicates[0], similar[replicates]).precision
