"""Signal apart from noise in embeddings: how well they tell perturbations, and how well plates and experiments.

One figure can always be bought at the cost of the other, as a constant embedding mixes all experiments, so signal
and noise are two axes, and anchors of known content stand beside every measurement.
"""

from deepnoise_core.evaluation.disentanglement.anchors import anchor_embeddings, anchors
from deepnoise_core.evaluation.disentanglement.factors import Factors
from deepnoise_core.evaluation.disentanglement.figures import Disentanglement, Figure
from deepnoise_core.evaluation.disentanglement.measurement import measure

__all__ = ["Disentanglement", "Factors", "Figure", "anchor_embeddings", "anchors", "measure"]
