"""Laws of every figure: what changes nothing, what gives the null; and other draws of the sanity table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import average_precision_score, silhouette_samples

from deepnoise_core.evaluation.disentanglement import Disentanglement, Factors, measure

from .test_disentanglement import (
    BATCH,
    BATCHES,
    CLASS,
    CLASSES,
    FIGURES,
    STRENGTHS,
    factors,
    sanity_embeddings,
    values_of,
)

Values = NDArray[np.float64]
COLUMNS = ("perturbation", "experiment", "plate", "well")


def replicated(seed: int) -> tuple[Values, Factors]:
    """10 perturbations in 4 experiments of 2 plates, twice each, with signal and noise."""
    random = np.random.default_rng(seed)
    perturbation, experiment = np.tile(np.arange(10), 8), np.repeat(np.arange(4), 20)
    position = np.concatenate([random.permutation(20) for _ in range(4)])
    signal, noise = random.normal(size=(10, 8)), random.normal(size=(4, 8))
    values = signal[perturbation] + noise[experiment] + random.normal(size=(80, 8))
    return values.astype(np.float32).astype(np.float64), Factors(perturbation, experiment, position % 2, position)


@given(st.integers(0, 1000), st.floats(1e-6, 1e6))
@settings(max_examples=12)
def test_rotation_scale_and_order_change_no_value(seed: int, scale: float) -> None:
    """To 1e-9, though similarities are compared in float32, as they are computed in float64 before."""
    values, known = replicated(seed)
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(8, 8)))
    order = random.permutation(len(values))
    base = values_of(measure(values, known))
    shuffled = Factors(*(getattr(known, name)[order] for name in COLUMNS))
    assert values_of(measure(scale * values @ turn, known)) == pytest.approx(base, abs=1e-9)
    assert values_of(measure(values[order], shuffled)) == pytest.approx(base, abs=1e-9)


def test_shuffled_labels_give_the_null_of_every_figure() -> None:
    """Embeddings dealt out anew have nothing to do with what is known of the wells, each design as it is."""
    values, known = replicated(0)
    dealt = [
        measure(values[np.random.default_rng(seed).permutation(len(values))], known, seed=seed)
        for seed in range(40)
    ]
    for name in dealt[0].figures:
        beyond = np.array([one.figures[name].value - one.figures[name].null for one in dealt])
        error = beyond.std(ddof=1) / np.sqrt(len(beyond))
        if name == "fraction_retrieved":  # queries of a perturbation are tested as if they were one
            assert -dealt[0].figures[name].null - 1e-9 <= beyond.mean() <= 3 * error
        else:
            assert abs(beyond.mean()) <= 3 * error, name


@pytest.fixture(scope="module")
def redrawn() -> dict[str, tuple[Values, Disentanglement]]:
    known = factors()
    return {name: (one, measure(one, known)) for name, one in sanity_embeddings(1).items()}


@pytest.mark.parametrize("name", [name for name in STRENGTHS if name != "constant"])
def test_other_draws_are_measured_as_by_scikit_learn(
    name: str, redrawn: dict[str, tuple[Values, Disentanglement]]
) -> None:
    values, measured = redrawn[name]
    for figure, expected in zip(FIGURES, by_scikit_learn(values), strict=True):
        # its probes standardize features before they shrink
        within = 0.04 if figure.endswith("probe") else 1e-6
        assert measured.figures[figure].value == pytest.approx(expected, abs=within), figure


def test_nothing_is_told_by_what_is_constant(redrawn: dict[str, tuple[Values, Disentanglement]]) -> None:
    figures = redrawn["constant"][1].figures
    for name in ("retrieval_map", "neighbour_any", "neighbour_nsb", "neighbour_nsbp", "experiment_neighbour"):
        assert figures[name].value == pytest.approx(figures[name].null, abs=1e-9)
    assert figures["fraction_retrieved"].value == 0.0


def by_scikit_learn(values: Values) -> tuple[float, ...]:
    """The columns of the sanity table, in its order."""
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    elsewhere = np.where(BATCH[:, None] == BATCH, -np.inf, near)
    around = BATCH[np.argsort(-near, axis=1)[:, :30]]
    counts = np.stack([(around == batch).sum(axis=1) for batch in range(BATCHES)], axis=1)
    replicate, other = CLASS[:, None] == CLASS, BATCH[:, None] != BATCH
    ranked = (replicate & other) | ~replicate
    pairs = zip(near, replicate, ranked, strict=True)
    components = PCA().fit(values)
    scores = components.transform(values)
    regression = components.explained_variance_ratio_ @ [between(one[:, None], BATCH) for one in scores.T]
    by_batch = np.concatenate(
        [silhouette_samples(values[own], BATCH[own]) for own in (one == CLASS for one in range(CLASSES))]
    )
    return (
        left_out(values, CLASS, BATCH),
        left_out(values, BATCH, CLASS),
        float((CLASS[near.argmax(axis=1)] == CLASS).mean()),
        float((CLASS[elsewhere.argmax(axis=1)] == CLASS).mean()),
        float(np.mean([average_precision_score(same[asked], row[asked]) for row, same, asked in pairs])),
        float((regression - 5 / 359) / (1 - 5 / 359)),
        between(values, CLASS),
        float(np.median((1 / np.square(counts / 30).sum(axis=1) - 1) / (BATCHES - 1))),
        float(np.mean(chisquare(counts, axis=1).pvalue > 0.05)),
        float(1 - np.abs(by_batch).mean()),
        float((silhouette_samples(values, CLASS).mean() + 1) / 2),
    )


def left_out(values: Values, label: NDArray[np.int64], group: NDArray[np.int64]) -> float:
    hits = np.empty(len(label))
    for one in np.unique(group):
        own = group == one
        probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(values[~own], label[~own])
        hits[own] = probe.predict(values[own]) == label[own]
    return float(hits.mean())


def between(values: Values, group: NDArray[np.int64]) -> float:
    means = np.stack([values[group == one].mean(axis=0) for one in range(group.max() + 1)])
    centre = values.mean(axis=0)
    return float(np.square(means[group] - centre).sum() / np.square(values - centre).sum())
