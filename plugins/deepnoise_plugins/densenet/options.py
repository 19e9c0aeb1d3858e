"""Options of the DenseNet backbones."""

from deepnoise_core.contracts import NoOptions


class DenseNetOptions(NoOptions):
    """A DenseNet has nothing to set yet."""
