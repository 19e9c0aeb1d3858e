"""Post-processors that take what is technical out of embeddings; labels and scores stay."""

from collections.abc import Iterable

from deepnoise_core.contracts import Component, hookimpl
from deepnoise_plugins.embeddings.options import CenterScaleOptions, CombatOptions, SpheringOptions

DEEPNOISE_API = "1.0"


@hookimpl
def deepnoise_postprocessors() -> Iterable[Component]:
    """Offer the three corrections, from the mildest."""
    return [
        Component(
            name="center-scale",
            summary="Centres and scales embeddings by the controls of each plate, experiment or screen",
            factory="deepnoise_plugins.embeddings.center_scale:CenterScale",
            options=CenterScaleOptions,
            reference="doi:10.1038/nmeth.4397",
        ),
        Component(
            name="sphering",
            summary="Whitens embeddings on the controls; with align, typical variation normalization (TVN)",
            factory="deepnoise_plugins.embeddings.sphering:Sphering",
            options=SpheringOptions,
            reference="doi:10.1101/161422",
        ),
        Component(
            name="combat",
            summary="Moves and scales the embeddings of each batch to those of all, by empirical Bayes (ComBat)",
            factory="deepnoise_plugins.embeddings.combat:Combat",
            options=CombatOptions,
            reference="doi:10.1093/biostatistics/kxj037",
        ),
    ]
