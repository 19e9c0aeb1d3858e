"""Learning from labelled wells alone."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.supervised.options import SupervisedOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_strategies() -> Iterable[Component]:
    """Offer cross-entropy."""
    return [
        Component(
            name="supervised",
            summary="Cross-entropy on labelled wells; unlabelled images are not read",
            factory="deepnoise_plugins.supervised.strategy:Supervised",
            options=SupervisedOptions,
        )
    ]
