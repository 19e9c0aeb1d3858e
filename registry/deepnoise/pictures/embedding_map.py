"""Embeddings of wells as a map of two axes, coloured by what should and by what should not place them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.randomness import permutation

Method = Literal["auto", "umap", "pca"]

_NEIGHBOURS = 15
_MOST_NAMED = 10
_OTHERS, _CONTROLS = ("others", "#d0d0d0"), ("controls", "#111111")


@dataclass(frozen=True)
class EmbeddingMap:
    """Where each of N wells lies on the map.

    Attributes:
        points: float32 [N, 2].
        axes: names of the two axes.
        caption: how the map was made.
    """

    points: NDArray[np.float32]
    axes: tuple[str, str]
    caption: str


class Kinds(NamedTuple):
    """What kind each point is of.

    Attributes:
        of_point: number of its kind, int64 [N].
        names: of the kinds, in the order of their numbers.
        colours: of the kinds, as `#rrggbb`.
        is_scale: whether the colours are steps of a scale, since there are too many kinds for a legend.
    """

    of_point: NDArray[np.int64]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    is_scale: bool = False


def embedding_map(embeddings: NDArray[np.float32], *, seed: int = 0, method: Method = "auto") -> EmbeddingMap:
    """Lay wells out by their embeddings.

    UMAP (McInnes et al. 2018, arXiv 1802.03426) shows which wells are neighbours, but its distances mean little;
    PCA shows distances, but only those along two directions.

    Args:
        embeddings: float32 [N, F], at least two rows, all finite.
        seed: of UMAP; PCA needs none.
        method: `auto` is UMAP where umap-learn is installed and there are more than 30 wells, else PCA.

    Raises:
        InputError: fewer than two wells, a value is not finite, or UMAP is asked for and is not installed.
    """
    if len(embeddings) < 2:
        raise InputError(f"a map needs two wells or more, but there are {len(embeddings)}")
    broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(broken):
        raise InputError(f"{len(broken)} embeddings are not finite, the first in row {broken[0]}")
    installed = find_spec("umap") is not None
    if method == "umap" and not installed:
        raise InputError("UMAP needs umap-learn: pip install 'deepnoise[umap]'")
    if method == "umap" or (method == "auto" and installed and len(embeddings) > 2 * _NEIGHBOURS):
        return _umap(embeddings, seed)
    return _pca(embeddings)


def perturbation_kinds(names: Sequence[str | None], controls: NDArray[np.bool_] | None = None) -> Kinds:
    """The ten most frequent treatments, then `others`, then `controls`, where there are any of these.

    Args:
        names: of each well's perturbation, or None where unknown, N of them.
        controls: whether each well is one, [N]; none is where None.
    """
    controls = np.zeros(len(names), dtype=bool) if controls is None else controls
    counts = Counter(name for name, control in zip(names, controls, strict=True) if name and not control)
    frequent = sorted(counts, key=lambda name: (-counts[name], natural_key(name)))[:_MOST_NAMED]
    shown = sorted(frequent, key=natural_key)
    number = {name: place for place, name in enumerate(shown)}
    of_point = np.array([number.get(str(name), len(shown)) for name in names], dtype=np.int64)
    of_point[controls] = len(shown) + 1
    kinds = [*zip(shown, _ten_colours(), strict=False), _OTHERS, _CONTROLS]
    present, of_point = np.unique(of_point, return_inverse=True)
    titles, colours = zip(*(kinds[kind] for kind in present), strict=True)
    return Kinds(of_point, titles, colours)


def batch_kinds(names: Sequence[str]) -> Kinds:
    """Plates or experiments in natural order; more than ten take a scale, so that near ones look alike."""
    shown = sorted(set(names), key=natural_key)
    number = {name: place for place, name in enumerate(shown)}
    of_point = np.array([number[name] for name in names], dtype=np.int64)
    is_scale = len(shown) > _MOST_NAMED
    steps = np.linspace(0.05, 0.95, len(shown))
    colours = [to_hex(colormaps["turbo"](step)) for step in steps] if is_scale else _ten_colours()[: len(shown)]
    return Kinds(of_point, tuple(shown), tuple(colours), is_scale)


def draw_embedding_map(found: EmbeddingMap, kinds: dict[str, Kinds]) -> Figure:
    """The same map in panels side by side, one a way to colour it.

    Perturbations should lie apart; plates and experiments should not.

    Args:
        found: N wells.
        kinds: title of a panel → the kind of each well.
    """
    figure = Figure(figsize=(4.2 * len(kinds), 5.4), dpi=140, layout="constrained")
    panels = figure.subplots(1, len(kinds), squeeze=False)[0]
    for axes, (title, own) in zip(panels, kinds.items(), strict=True):
        axes.set_title(title, fontsize=11, fontweight="bold", loc="left")
        _draw_points(axes, found, own)
        _draw_legend(axes, own)
    figure.supxlabel(found.caption, fontsize=8, color="0.35")
    return figure


def _umap(embeddings: NDArray[np.float32], seed: int) -> EmbeddingMap:
    neighbours = min(_NEIGHBOURS, len(embeddings) - 1)
    with warnings.catch_warnings():
        # UMAP and numba warn of their dependencies, of threads given up for a seed, and of small graphs.
        warnings.simplefilter("ignore")
        from umap import UMAP

        reducer = UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1)
        points = np.asarray(reducer.fit_transform(embeddings), dtype=np.float32)
    caption = (
        f"UMAP of {len(points):,} wells ({neighbours} neighbours, cosine, seed {seed}): "
        "near wells are alike, but distances between groups mean little"
    )
    return EmbeddingMap(points, ("UMAP 1", "UMAP 2"), caption)


def _pca(embeddings: NDArray[np.float32]) -> EmbeddingMap:
    from sklearn.decomposition import PCA

    values = embeddings.astype(np.float64)
    points, shares = np.zeros((len(values), 2)), np.zeros(2)
    if np.ptp(values, axis=0).any():
        # Exact, and scikit-learn fixes the signs.
        pca = PCA(min(2, *values.shape), svd_solver="full").fit(values)
        points[:, : pca.n_components_] = pca.transform(values)
        shares[: pca.n_components_] = pca.explained_variance_ratio_
    names = tuple(f"PC {number} ({share:.0%})" for number, share in enumerate(shares, start=1))
    caption = f"principal components of {len(points):,} wells; these two hold {shares.sum():.0%} of the variance"
    return EmbeddingMap(points.astype(np.float32), (names[0], names[1]), caption)


def _ten_colours() -> list[str]:
    return [to_hex(colormaps["tab10"](place)) for place in range(_MOST_NAMED)]


def _draw_points(axes: Axes, found: EmbeddingMap, kinds: Kinds) -> None:
    count = len(found.points)
    # Whatever is drawn last covers the rest, so that none may come last as a whole, but grey comes first.
    order = permutation(count, seed=0, epoch=0, purpose="points of a map")
    if _OTHERS[0] in kinds.names:
        order = order[np.argsort(kinds.of_point[order] != kinds.names.index(_OTHERS[0]), kind="stable")]
    colours = np.array([to_rgb(colour) for colour in kinds.colours])[kinds.of_point]
    alpha = float(np.clip(1.4 - 0.2 * np.log10(count), 0.5, 0.9))
    # Rare kinds have larger points, or nobody would find them among tens of thousands.
    sizes = np.clip(9000 / len(kinds.names) / np.bincount(kinds.of_point), 1.5, 22)[kinds.of_point]
    across, up = found.points[order].T
    axes.scatter(across, up, s=sizes[order], c=colours[order], alpha=alpha, linewidths=0, rasterized=True)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("0.8")
    axes.set_xlabel(found.axes[0], fontsize=8, color="0.35", loc="left")
    axes.set_ylabel(found.axes[1], fontsize=8, color="0.35", loc="bottom")


def _draw_legend(axes: Axes, kinds: Kinds) -> None:
    if kinds.is_scale:
        shown = np.unique(np.linspace(0, len(kinds.names) - 1, 6).round().astype(int))
        names = [kinds.names[place] for place in shown]
        title = f"{len(kinds.names)} in order, such as"
    else:
        shown, names, title = np.arange(len(kinds.names)), list(kinds.names), None
    marks = [Line2D([], [], ls="", marker="o", ms=5, color=kinds.colours[place]) for place in shown]
    axes.legend(
        marks,
        [name if len(name) <= 18 else f"{name[:17]}…" for name in names],
        title=title,
        fontsize=7.5,
        title_fontsize=7.5,
        ncols=3,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.06),
        handletextpad=0.1,
        columnspacing=1.0,
        alignment="left",
    )
