"""A strategy whose views are not made: the message names what is missing, and who makes it."""

import os

import pytest

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.simulator import PRESETS, simulate
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import compose
from deepnoise_registry.discovery import discover_from_environment
from deepnoise_registry.recipes import read_recipe


@pytest.fixture(scope="module")
def screen() -> Screen:
    return simulate(PRESETS["tiny"], seed=0)


def refusal(screen: Screen, *sets: str) -> str:
    installed = Catalogue(discover_from_environment(os.environ))
    recipe, _ = read_recipe("tiny", installed, sets=sets)
    with pytest.raises(InputError) as refused:
        compose(recipe, screen, installed)
    return str(refused.value)


def test_the_augmentation_that_makes_the_views_is_named(screen: Screen) -> None:
    assert refusal(screen, "strategy=fixmatch", "augmentation=deepnoise") == (
        "strategy 'fixmatch' learns from the view weak and strong, but augmentation 'deepnoise' makes "
        "easy, normal, hard; change one of the two, say augmentation: weak-strong"
    )


def test_every_augmentation_that_makes_them_is_named(screen: Screen) -> None:
    assert refusal(screen, "strategy=supervised", "augmentation=weak-strong").endswith(
        "say augmentation: deepnoise or rcic-1st or views"
    )


def test_views_that_nobody_makes_get_no_advice(screen: Screen) -> None:
    told = refusal(screen, "strategy={name: supervised, options: {view: dark}}")
    assert "learns from the view dark" in told
    assert told.endswith("change one of the two")
