"""FixMatch (Sohn et al. 2020, arXiv 2001.07685), and pseudo-labels (Lee 2013) as its case of one view."""

from torch import nn

from deepnoise_core.contracts import Pool
from deepnoise_plugins.matching.options import FixMatchOptions, PseudoLabelOptions
from deepnoise_plugins.matching.rules import Threshold
from deepnoise_plugins.matching.strategy import Matching


class FixMatch(Matching):
    """The strong view learns the best class of the weak view, where its probability is high enough."""

    def __init__(self, options: FixMatchOptions) -> None:
        super().__init__(options, options.supervised_view, options.weak_view, options.strong_view)
        self.options = options

    def make_rule(self, pool: Pool) -> nn.Module:
        """A fixed threshold."""
        return Threshold(self.options.threshold)


class PseudoLabel(Matching):
    """A view learns its own best class, where its probability is high enough.

    This is USB's form (arXiv 2208.07204): a threshold, a linear ramp, and passes of their own for labelled images
    and the pool. Unlike there, the pool's pass counts in the running statistics of batch norm; no gradient does.
    """

    def __init__(self, options: PseudoLabelOptions) -> None:
        super().__init__(options, options.supervised_view, options.view, options.view)
        self.options = options

    def make_rule(self, pool: Pool) -> nn.Module:
        """A fixed threshold."""
        return Threshold(self.options.threshold)
