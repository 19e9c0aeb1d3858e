"""Who sits where: experiments, plates, wells and sites, by the invariants of RxRx1.

Sypetkowski et al., "RxRx1: A Dataset for Evaluating Experimental Batch Correction Methods", CVPR Workshops
2023. Treatments fall in disjoint groups, one a plate; an experiment rotates the groups cyclically over its
plates; positive controls are shuffled over fixed wells; B02 is untreated; the border of the plate is unused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts.screens import SITE_COLUMNS, Role
from deepnoise_core.data.randomness import derive_seed, permutation
from deepnoise_core.data.simulator.options import LayoutOptions

ROWS = "BCDEFGHIJKLMNO"
COLUMNS = tuple(range(2, 24))
UNTREATED = "EMPTY"
UNTREATED_WELL = "B02"
CONTROL_WELLS = tuple(f"{row}{column:02d}" for row in "CFHJM" for column in (3, 7, 11, 15, 19, 22))


class _Content(NamedTuple):
    role: Role
    perturbation: str
    sirna_id: int


def plate_layout(options: LayoutOptions, seed: int) -> pl.DataFrame:
    """The table of all sites, ordered by experiment, plate, well and site.

    Returns:
        A frame with `SITE_COLUMNS` and the integer `sirna_id`, numbered as the public RxRx1 metadata do:
        treatments first, then positive controls, then untreated.
    """
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(SITE_COLUMNS, pl.String)
    schema |= {"site": pl.Int64, "sirna_id": pl.Int64}
    return pl.DataFrame(list(_site_rows(options, seed)), schema=schema)


def treatment_groups(options: LayoutOptions, seed: int) -> NDArray[np.int64]:
    """Integer labels of the treatments of each group, int64 [groups, group_size]."""
    labels = permutation(options.groups * options.group_size, seed, 0, "treatment groups")
    return np.sort(labels.reshape(options.groups, options.group_size), axis=1)


def group_of_plate(plate: int, rotation: int, groups: int) -> int:
    """The group on a plate (numbered from 1) of an experiment of this rotation.

    Unrotated, group 0 is on the last plate and group 1 on the first, as for most experiments of RxRx1.
    """
    return (plate - rotation) % groups


def used_wells(options: LayoutOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Wells of treatments and wells of positive controls, the same on every plate.

    A full plate uses all 277 and 30. A smaller one uses the block around B02 that holds what is asked for.
    """
    for rows, columns in _growing_blocks():
        block = [f"{row}{column:02d}" for column in COLUMNS[:columns] for row in ROWS[:rows]]
        controls = [well for well in block if well in CONTROL_WELLS]
        treatments = [well for well in block if well not in CONTROL_WELLS and well != UNTREATED_WELL]
        if len(controls) >= options.positive_controls and len(treatments) >= options.group_size:
            break
    return tuple(treatments[: options.group_size]), tuple(controls[: options.positive_controls])


def _growing_blocks() -> Iterator[tuple[int, int]]:
    for columns in range(2, len(COLUMNS) + 1):
        yield round(columns * len(ROWS) / len(COLUMNS)), columns


def _site_rows(options: LayoutOptions, seed: int) -> Iterator[dict[str, str | int]]:
    groups = treatment_groups(options, seed)
    for cell_type, experiment, dataset in _experiments(options):
        rotation = _rotation(options, seed, experiment)
        for plate in range(1, options.groups + 1):
            group = groups[group_of_plate(plate, rotation, options.groups)]
            contents = _plate(options, derive_seed(seed, "layout", experiment, plate), group)
            for well, content in contents.items():
                for site in range(1, options.sites + 1):
                    yield {
                        "site_id": f"{experiment}_{plate}_{well}_{site}",
                        "well_id": f"{experiment}_{plate}_{well}",
                        "experiment": experiment,
                        "plate": str(plate),
                        "well": well,
                        "site": site,
                        "cell_type": cell_type,
                        "dataset": dataset,
                        "role": content.role.value,
                        "perturbation": content.perturbation,
                        "sirna_id": content.sirna_id,
                    }


def _experiments(options: LayoutOptions) -> Iterator[tuple[str, str, str]]:
    for cell_type in sorted({*options.train_experiments, *options.test_experiments}):
        train = options.train_experiments.get(cell_type, 0)
        test = options.test_experiments.get(cell_type, 0)
        for number, dataset in enumerate(["train"] * train + ["test"] * test, start=1):
            yield cell_type, f"{cell_type}-{number:02d}", dataset


def _rotation(options: LayoutOptions, seed: int, experiment: str) -> int:
    random = np.random.default_rng(derive_seed(seed, "rotation", experiment))
    if options.groups == 1 or random.random() < options.common_rotation:
        return 0
    return int(random.integers(1, options.groups))


def _plate(options: LayoutOptions, seed: int, group: NDArray[np.int64]) -> dict[str, _Content]:
    random = np.random.default_rng(seed)
    treatment_wells, control_wells = used_wells(options)
    treatments = options.groups * options.group_size
    untreated = _Content(Role.NEGATIVE_CONTROL, UNTREATED, treatments + options.positive_controls)
    contents = {UNTREATED_WELL: untreated}
    for well, label in zip(treatment_wells, random.permutation(group), strict=True):
        contents[well] = _Content(Role.TREATMENT, f"PERT_{label + 1:04d}", int(label))
    for well, control in zip(control_wells, random.permutation(len(control_wells)), strict=True):
        contents[well] = _Content(Role.POSITIVE_CONTROL, f"CTRL_{control + 1:02d}", treatments + int(control))
    for well in (*treatment_wells, *control_wells):
        if random.random() < options.failed_transfers:
            contents[well] = untreated
        if random.random() < options.missing_wells:
            del contents[well]
    return dict(sorted(contents.items()))
