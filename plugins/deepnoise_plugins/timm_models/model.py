"""Any timm architecture as a backbone."""

from deepnoise_core.engine.timm_network import TimmNetwork, timm_network
from deepnoise_plugins.timm_models.options import TimmOptions


def build(options: TimmOptions, *, channels: tuple[str, ...]) -> TimmNetwork:
    """The architecture that the options name, for this many channels, starting at random."""
    return timm_network(options.model, len(channels), options.drop_path)
