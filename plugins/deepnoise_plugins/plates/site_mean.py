"""From sites to wells."""

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_core.data.wells import merge_sites
from deepnoise_plugins.plates.options import SiteMeanOptions


class SiteMean:
    """The mean of the logits and embeddings of a well's sites; wells pass through."""

    def __init__(self, options: SiteMeanOptions) -> None:
        self.options = options

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """One row a well, in the order of their first sites, with the stage `raw`."""
        return merge_sites(predictions)
