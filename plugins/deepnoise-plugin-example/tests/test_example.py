"""Every component of the example keeps the laws of its kind."""

from collections.abc import Callable
from importlib.metadata import entry_points

import pytest


def test_the_plugin_is_installed() -> None:
    """Run `pip install -e .` where this fails."""
    assert "example" in entry_points(group="deepnoise").names


@pytest.mark.deepnoise(
    "example",
    options={
        "stainwise": [{"maps": 2, "width": 8}],
        "entropy-minimization": [{"weight": 1.0, "ramp_epochs": 0.0}],
    },
)
def test_laws(law: Callable[[], None]) -> None:
    """One test for each law."""
    law()
