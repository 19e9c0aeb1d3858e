"""Screens worth having by name."""

from __future__ import annotations

from deepnoise_core.data.simulator.options import LayoutOptions, SignalOptions, SimulatorOptions

PRESETS: dict[str, SimulatorOptions] = {
    "tiny": SimulatorOptions(
        image_size=32,
        magnification=0.7,
        layout=LayoutOptions(
            train_experiments={"HUVEC": 2, "RPE": 1},
            test_experiments={"RPE": 1},
            group_size=3,
            positive_controls=1,
        ),
    ),
    "demo": SimulatorOptions(
        layout=LayoutOptions(
            train_experiments={"HUVEC": 5, "RPE": 4},
            test_experiments={"HUVEC": 1, "RPE": 1},
            group_size=30,
            common_rotation=0.4,
            positive_controls=4,
            missing_wells=0.005,
            failed_transfers=0.003,
        ),
        signal=SignalOptions(strength=0.45, control_strength=0.7),
    ),
    "ladder": SimulatorOptions(
        layout=LayoutOptions(
            train_experiments={"HEPG2": 3, "HUVEC": 5, "RPE": 3, "U2OS": 2},
            test_experiments={"HEPG2": 1, "HUVEC": 2, "RPE": 1, "U2OS": 1},
            group_size=67,
            positive_controls=9,
            missing_wells=0.005,
            failed_transfers=0.003,
        ),
        signal=SignalOptions(strength=0.45, control_strength=0.7),
    ),
}
"""`tiny` for tests, `demo` for a first look, `ladder` for ablations over all four cell types."""
