"""Targets: names of a column as class indices, with the labels of test wells withheld."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError, SplitError
from deepnoise_core.contracts.screens import Role, Screen
from deepnoise_core.contracts.training import NO_LABEL
from deepnoise_core.data.names import did_you_mean, natural_key, some_of
from deepnoise_core.data.splits import Split
from deepnoise_core.data.treatments import are_treatments_scored, treated_sites


@dataclass(frozen=True)
class Target:
    """What is learned of every row of a screen.

    Attributes:
        classes: names of the classes of training wells, K of them, in natural order; where treatments are
            learned beside controls, their classes come first, and then those that controls alone show.
        codes: class index of each site, int64 [N]; `NO_LABEL` in test, where the table gives no label, and
            in wells that are not used.
        used: whether a site's role is used at all, bool [N].
        scored: whether accuracy counts a site, bool [N]: those that are used or, where treatments are learned,
            that are used and no control.
        num_treatments: where treatments are learned, how many of the classes are theirs; None elsewhere.
    """

    classes: tuple[str, ...]
    codes: NDArray[np.int64]
    used: NDArray[np.bool_]
    scored: NDArray[np.bool_]
    num_treatments: int | None = None

    @property
    def control_classes(self) -> tuple[str, ...]:
        """Names of the classes that controls alone show, the last ones; among the others accuracy looks."""
        return self.classes[len(self.classes) if self.num_treatments is None else self.num_treatments :]


def encode_target(screen: Screen, target: str, roles: tuple[Role, ...] | None, split: Split) -> Target:
    """Class indices of a column. Labels of test sites are withheld here, whatever the table says.

    Args:
        screen: the screen, row-aligned with the split.
        target: column whose values are the classes.
        roles: wells used; where None, treatments if the target is the perturbation, else all.
        split: the part of every row.

    Raises:
        ScreenError: the column does not exist, or no well has one of the roles.
        SplitError: scored training wells show fewer than two classes, or such validation wells other ones.
    """
    labels = _labels(screen, target)
    used = used_sites(screen, target, roles)
    treatments = are_treatments_scored(target, roles)
    scored = used & treated_sites(screen) if treatments else used
    labelled = used & labels.is_not_null().to_numpy()
    training = labelled & split.holds("train")
    validation = labelled & split.holds("validation")
    counted = training & scored
    shown = _names(labels, counted)
    if len(shown) < 2:
        raise SplitError(
            f"{screen.source}: the {counted.sum()} labelled training sites show {len(shown)} class(es) "
            f"of {target!r}; at least two are needed: train on more experiments or choose another target"
        )
    controls = tuple(name for name in _names(labels, training & ~scored) if name not in set(shown))
    classes = shown + controls
    indices = {name: index for index, name in enumerate(classes)}
    codes = labels.replace_strict(indices, default=NO_LABEL, return_dtype=pl.Int64).to_numpy()
    untrained = (codes < 0) | (codes >= len(shown))
    _require_trained_classes(screen, target, _names(labels, validation & scored & untrained))
    codes = np.where(training | validation, codes, NO_LABEL).astype(np.int64, copy=False)
    return Target(classes, codes, used, scored, len(shown) if treatments else None)


def restrict_target(target: Target, screen: Screen, cell_types: tuple[str, ...] | None) -> Target:
    """The same target, with sites of other cell types neither labelled nor used.

    The classes stay those of all cell types, so that networks of different cell types have the same outputs.

    Args:
        target: of the N sites of the screen.
        screen: the screen.
        cell_types: those that are learned from; all where None.

    Raises:
        ScreenError: the screen has none of one of these cell types.
    """
    if cell_types is None:
        return target
    known = sorted(screen.sites["cell_type"].unique().to_list(), key=natural_key)
    for name in cell_types:
        if name not in known:
            raise ScreenError(
                f"{screen.source}: data.cell_types: no site is of cell type {name!r}{did_you_mean(name, known)}; "
                f"the screen has {some_of(known)}"
            )
    kept = is_of_cell_type(screen, cell_types)
    codes = np.where(kept, target.codes, NO_LABEL)
    return replace(target, codes=codes, used=target.used & kept, scored=target.scored & kept)


def is_of_cell_type(screen: Screen, cell_types: tuple[str, ...] | None) -> NDArray[np.bool_]:
    """Whether each site is of one of these cell types, or of any where None; bool [N]."""
    if cell_types is None:
        return np.ones(len(screen), dtype=bool)
    return screen.sites["cell_type"].is_in(cell_types).to_numpy()


def truth(screen: Screen, target: str) -> NDArray[Any]:
    """Every label that the table gives, test wells included: strings or None, [N].

    For evaluation alone. Training, strategies and post-processors use `encode_target`, which withholds.

    Raises:
        ScreenError: the column does not exist.
    """
    return np.array(_labels(screen, target).to_list(), dtype=object)


def codes_among(
    screen: Screen, target: str, classes: tuple[str, ...], known: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Class index of each site whose label may be known, such as those of validation, int64 [N].

    `NO_LABEL` of all others, and where the screen gives no label or one that is none of the classes.
    """
    if target not in screen.sites.columns:
        return np.full(len(screen), NO_LABEL, dtype=np.int64)
    indices = {name: index for index, name in enumerate(classes)}
    codes = _labels(screen, target).replace_strict(indices, default=NO_LABEL, return_dtype=pl.Int64).to_numpy()
    return np.where(known, codes, NO_LABEL).astype(np.int64)


def used_sites(screen: Screen, target: str, roles: tuple[Role, ...] | None) -> NDArray[np.bool_]:
    """Whether the role of each site's well is used, bool [N].

    Args:
        screen: N sites.
        target: column whose values are the classes.
        roles: wells used; where None, treatments if the target is the perturbation, else all.

    Raises:
        ScreenError: no site has one of the roles; says which roles there are.
    """
    if roles is None:
        roles = (Role.TREATMENT,) if target == "perturbation" else tuple(Role)
    wanted = [role.value for role in roles]
    used: NDArray[np.bool_] = screen.sites["role"].is_in(wanted).to_numpy()
    if not used.any():
        found = screen.sites["role"].value_counts(sort=True).rows()
        counts = ", ".join(f"{count} {role}" for role, count in found)
        raise ScreenError(
            f"{screen.source}: no site has a role of {', '.join(wanted) or 'none'}; "
            f"the screen has {counts}: set data.roles to some of these"
        )
    return used


def _labels(screen: Screen, target: str) -> pl.Series:
    columns = screen.sites.columns
    if target not in columns:
        raise ScreenError(
            f"{screen.source}: no column {target!r} to learn{did_you_mean(target, columns)}; "
            f"the screen has {some_of(columns, most=20)}"
        )
    return screen.sites[target].cast(pl.String)


def _names(labels: pl.Series, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(sorted(labels.filter(pl.Series(chosen)).unique().to_list(), key=natural_key))


def _require_trained_classes(screen: Screen, target: str, names: tuple[str, ...]) -> None:
    if names:
        raise SplitError(
            f"{screen.source}: {len(names)} class(es) of {target!r} stand in validation sites and in no "
            f"training site: {some_of(names)}; train on an experiment that holds them, "
            "or choose other validation units"
        )
