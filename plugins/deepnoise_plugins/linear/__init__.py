"""The plain classifier."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.linear.options import LinearOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_heads() -> Iterable[Component]:
    """Offer one linear layer."""
    return [
        Component(
            name="linear",
            summary="One linear layer, with dropout before it",
            factory="deepnoise_plugins.linear.head:LinearHead",
            options=LinearOptions,
        )
    ]
