"""Wells that may hold a treatment, told apart from controls, which may be learned but are never scored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.predictions import Predictions
from deepnoise_core.contracts.screens import Role, Screen

_CONTROLS = (Role.POSITIVE_CONTROL, Role.NEGATIVE_CONTROL, Role.UNTREATED)


def may_be_treated(roles: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each well may hold a treatment, by its role, bool [N]; where the role is unknown, it may."""
    return ~np.isin(roles.astype(str), [role.value for role in _CONTROLS])


def treated_sites(screen: Screen) -> NDArray[np.bool_]:
    """The same of each site of a screen, bool [N]."""
    treated: NDArray[np.bool_] = ~screen.sites["role"].is_in([role.value for role in _CONTROLS]).to_numpy()
    return treated


def are_treatments_scored(target: str, roles: tuple[Role, ...] | None) -> bool:
    """Whether accuracy counts treatments alone: where the perturbation is learned, and not of controls alone.

    Args:
        target: column whose values are the classes.
        roles: wells used; treatments where None and the target is the perturbation.
    """
    return target == "perturbation" and (roles is None or any(role not in _CONTROLS for role in roles))


def kept_apart(predictions: Predictions, num_treatments: int) -> Predictions:
    """The predictions, each well among its own kind: treatments among treatments, controls among controls.

    Args:
        predictions: over K classes, of which treatments come first.
        num_treatments: how many classes treatments show.
    """
    treated = may_be_treated(predictions.ids["role"])[:, None]
    of_treatments = np.arange(len(predictions.classes)) < num_treatments
    scores = np.where(treated == of_treatments, predictions.scores, np.float32(-np.inf))
    return replace(predictions, scores=scores)


def among_treatments(predictions: Predictions, num_treatments: int) -> Predictions:
    """The predictions without the classes that controls alone show.

    Wells of controls keep their rows and embeddings, by which corrections of embeddings measure what is
    technical. All their classes are excluded, so that they are named by no stage, and have no say where plates
    are known: a plate's group and its assignment are about treatments.

    Args:
        predictions: over K classes, of which treatments come first.
        num_treatments: how many classes treatments show.
    """
    own = kept_apart(predictions, num_treatments)
    return replace(own, classes=own.classes[:num_treatments], scores=own.scores[:, :num_treatments])
