"""Screens with known truth, in the RxRx1 design: `simulate` makes one, `write_screen` saves it."""

from deepnoise_core.data.simulator.options import (
    LayoutOptions,
    NoiseOptions,
    SignalOptions,
    SimulatorOptions,
)
from deepnoise_core.data.simulator.phenotype import CHANNELS
from deepnoise_core.data.simulator.presets import PRESETS
from deepnoise_core.data.simulator.simulation import SimulatedScreen, simulate
from deepnoise_core.data.simulator.writing import METADATA_COLUMNS, write_screen

__all__ = [
    "CHANNELS",
    "METADATA_COLUMNS",
    "PRESETS",
    "LayoutOptions",
    "NoiseOptions",
    "SignalOptions",
    "SimulatedScreen",
    "SimulatorOptions",
    "simulate",
    "write_screen",
]
