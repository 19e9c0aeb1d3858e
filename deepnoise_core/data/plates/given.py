"""The design of plates as recipe and screen give it, over what labelled plates show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.plan import DesignOptions
from deepnoise_core.contracts.predictions import PlateDesign
from deepnoise_core.contracts.screens import Screen
from deepnoise_core.data.names import did_you_mean, natural_key, some_of
from deepnoise_core.data.plates.groups import discover_design
from deepnoise_core.data.plates.layout import plates_of
from deepnoise_core.data.plates.restriction import UNKNOWN_GROUP
from deepnoise_core.data.rows import first_of_wells


def design_of(
    screen: Screen, codes: NDArray[np.int64], num_classes: int, options: DesignOptions | None = None
) -> PlateDesign:
    """What training plates show and a recipe says about all plates of a screen.

    Args:
        screen: N sites.
        codes: class index of each training site whose label may be used, negative for all others, int64 [N].
        num_classes: number of classes K.
        options: what the recipe says; all is found from labels where None.

    Raises:
        ScreenError: the column of sets is missing or empty, has two sets on one plate, or two sets share a
            class; or a labelled plate holds more wells of a class than the recipe allows.
    """
    options = options or DesignOptions()
    roles = tuple(role.value for role in options.roles or ())
    design = PlateDesign(roles=roles)
    known = np.flatnonzero(codes >= 0)
    if roles:
        known = known[design.binds(screen.column("role", known))]
    wells = first_of_wells(screen, known)
    labels, experiment, plate = codes[wells], screen.column("experiment", wells), screen.column("plate", wells)
    design = replace(discover_design(labels, experiment, plate, num_classes), roles=roles)
    if options.replicates is not None:
        design = replace(design, capacity=_capacity(screen, labels, experiment, plate, num_classes, options))
    if options.sets is None:
        return design
    of_site = _sets(screen, options.sets)
    names = tuple(sorted(set(of_site[wells].tolist()), key=natural_key))
    groups = tuple(frozenset(labels[of_site[wells] == name].tolist()) for name in names)
    _require_disjoint(screen, options.sets, names, groups)
    design = replace(design, groups=groups, cyclic=False, sets=names)
    return with_plates(design, screen, options.sets)


def with_plates(design: PlateDesign, screen: Screen, column: str | None) -> PlateDesign:
    """The design with the group of each plate of a screen, which may be another than it was learned from.

    Raises:
        ScreenError: the column of sets is missing or empty, or has two sets on one plate.
    """
    if column is None or not design.sets:
        return design
    number = {name: index for index, name in enumerate(design.sets)}
    of_site = _sets(screen, column)
    known: Mapping[str, Mapping[str, int]] = {
        experiment: {name: number.get(of_site[rows[0]], UNKNOWN_GROUP) for name, rows in plates.items()}
        for experiment, plates in plates_of(screen.column("experiment"), screen.column("plate")).items()
    }
    return replace(design, known=known)


def _sets(screen: Screen, column: str) -> NDArray[Any]:
    """Name of the set of each site's plate, strings [N]."""
    columns = screen.sites.columns
    if column not in columns:
        raise ScreenError(
            f"{screen.source}: design.sets: no column {column!r}{did_you_mean(column, columns)}; the screen has "
            f"{some_of(columns, most=20)}"
        )
    values = np.array(
        ["" if value is None else str(value) for value in screen.sites[column].to_list()], dtype=object
    )
    for experiment, plates in plates_of(screen.column("experiment"), screen.column("plate")).items():
        for plate, rows in plates.items():
            found = sorted(set(values[rows].tolist()), key=natural_key)
            if len(found) > 1 or found == [""]:
                raise ScreenError(
                    f"{screen.source}: design.sets: plate {plate} of experiment {experiment} must name "
                    f"one set of classes in the column {column!r}, the same at each site; found {some_of(found)}"
                )
    return values


def _require_disjoint(
    screen: Screen, column: str, names: tuple[str, ...], groups: tuple[frozenset[int], ...]
) -> None:
    holder: dict[int, str] = {}
    for name, group in zip(names, groups, strict=True):
        for label in sorted(group):
            if label in holder:
                raise ScreenError(
                    f"{screen.source}: design.sets: a class stands on plates of set {holder[label]!r} and of set "
                    f"{name!r} of the column {column!r}, but sets must be disjoint; name the roles of the wells "
                    "that keep to the design in design.roles, or take design.sets out"
                )
            holder[label] = name


def _capacity(
    screen: Screen,
    labels: NDArray[np.int64],
    experiment: NDArray[Any],
    plate: NDArray[Any],
    num_classes: int,
    options: DesignOptions,
) -> tuple[int, ...]:
    most = np.zeros(num_classes, dtype=np.int64)
    for name, plates in plates_of(experiment, plate).items():
        for each, rows in plates.items():
            counts = np.bincount(labels[rows], minlength=num_classes)
            if isinstance(options.replicates, int) and counts.max() > options.replicates:
                raise ScreenError(
                    f"{screen.source}: design.replicates is {options.replicates}, but plate {each} of experiment "
                    f"{name} has {counts.max()} wells of one class; raise it, or name the roles of the wells "
                    "that keep to the design in design.roles"
                )
            most = np.maximum(most, counts)
    if isinstance(options.replicates, int):
        return (options.replicates,) * num_classes
    return tuple(np.maximum(most, 1).tolist())
