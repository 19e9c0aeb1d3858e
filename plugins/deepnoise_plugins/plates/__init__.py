"""Post-processors that use what is known of plates."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.plates.options import (
    BalancedOptions,
    ClassBalancedOptions,
    GroupOptions,
    SiteMeanOptions,
    TransportOptions,
)

_FIRST_PLACE = "https://github.com/maciej-sypetkowski/kaggle-rcic-1st"

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_postprocessors() -> Iterable[Component]:
    """Offer the three steps from sites to assigned wells, and two other ways to assign."""
    return [
        Component(
            name="site-mean",
            summary="One row a well: the mean of its sites' logits (stage raw)",
            factory="deepnoise_plugins.plates.site_mean:SiteMean",
            options=SiteMeanOptions,
        ),
        Component(
            name="plate-group",
            summary="Excludes classes outside of the plate's group, whose place is estimated (stage group)",
            factory="deepnoise_plugins.plates.plate_group:PlateGroup",
            options=GroupOptions,
            reference=_FIRST_PLACE,
        ),
        Component(
            name="plate-balanced",
            summary="Uses each class at most so often a plate, by linear sum assignment (stage assigned)",
            factory="deepnoise_plugins.plates.plate_balanced:PlateBalanced",
            options=BalancedOptions,
            reference="arXiv:2209.05772",
        ),
        Component(
            name="class-balanced",
            summary="Evens out the classes of a plate by multipliers, as DeepNoise's code did (stage assigned)",
            factory="deepnoise_plugins.plates.class_balanced:ClassBalanced",
            options=ClassBalancedOptions,
            reference="arXiv:2209.05772",
        ),
        Component(
            name="plate-transport",
            summary="Probabilities that keep to what a plate can hold, by optimal transport (stage assigned)",
            factory="deepnoise_plugins.plates.plate_transport:PlateTransport",
            options=TransportOptions,
            reference="arXiv:1306.0895",
        ),
    ]
