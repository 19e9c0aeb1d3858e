"""What labelled plates tell about every plate: class groups, their order, and whether a class can repeat."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deepnoise_core.contracts.predictions import PlateDesign
from deepnoise_core.data.plates.layout import plates_of


def discover_design(
    labels: NDArray[np.int64],
    experiment: NDArray[Any],
    plate: NDArray[Any],
    num_classes: int,
) -> PlateDesign:
    """The design that the labelled wells of a screen show.

    Plates that share a class hold the same group, so the groups are the connected components of plates and
    classes; plates with missing wells do no harm. One component alone tells nothing, and gives no groups.
    Groups come in the order of the plates of labelled experiments that hold all groups, starting from the
    group of class 0 (or the lowest class seen); the commonest order where experiments disagree.

    Args:
        labels: class index of each well, int64 [N]; negative where unknown. One row a well, not a site.
        experiment: experiment of each well, [N].
        plate: plate of each well, unique within its experiment, [N].
        num_classes: number of classes K.

    Raises:
        ValueError: a label is K or larger.
    """
    labels = np.asarray(labels, dtype=np.int64)
    if len(labels) and labels.max() >= num_classes:
        raise ValueError(f"label {labels.max()} is outside of {num_classes} classes")
    known = np.flatnonzero(labels >= 0)
    if not len(known):
        return PlateDesign()
    labels = labels[known]
    layout = plates_of(np.asarray(experiment)[known], np.asarray(plate)[known])
    rows_of_plates = [rows for plates in layout.values() for rows in plates.values()]
    held = coo_array(
        (
            np.ones(len(labels), dtype=np.int64),
            (
                np.repeat(np.arange(len(rows_of_plates)), [len(rows) for rows in rows_of_plates]),
                labels[np.concatenate(rows_of_plates)],
            ),
        ),
        shape=(len(rows_of_plates), num_classes),
    ).tocsr()
    exclusive = bool(held.max() <= 1)
    component = _components(held)
    components = np.unique(component[: len(rows_of_plates)])
    if len(components) == 1:
        return PlateDesign((), exclusive)
    of_class = component[len(rows_of_plates) :]
    groups = sorted((frozenset(np.flatnonzero(of_class == c).tolist()) for c in components), key=min)
    number = {int(of_class[min(group)]): index for index, group in enumerate(groups)}
    sequences = []
    position = 0
    for plates in layout.values():
        sequences.append([number[int(component[position + i])] for i in range(len(plates))])
        position += len(plates)
    order, cyclic = _order(sequences, len(groups))
    return PlateDesign(tuple(groups[index] for index in order), exclusive, cyclic)


def _components(held: Any) -> NDArray[np.int32]:
    """Component of each plate, then of each class, where a plate is linked to the classes that it holds."""
    plates, classes = held.shape
    links = held.tocoo()
    graph = coo_array((links.data, (links.row, links.col + plates)), shape=(plates + classes,) * 2)
    component: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return component


def _order(sequences: list[list[int]], groups: int) -> tuple[tuple[int, ...], bool]:
    """Cyclic order of the groups, and whether every experiment that holds them all follows it."""
    seen: Counter[tuple[int, ...] | None] = Counter()
    for sequence in sequences:
        turn = sequence[:groups]
        if set(turn) == set(range(groups)):
            start = turn.index(0)
            repeats = all(group == turn[i % groups] for i, group in enumerate(sequence))
            seen[(*turn[start:], *turn[:start]) if repeats else None] += 1
    orders = [(order, count) for order, count in seen.items() if order is not None]
    if not orders:
        return tuple(range(groups)), groups == 2 and not seen
    best = max(orders, key=lambda item: item[1])[0]
    return best, len(seen) == 1
