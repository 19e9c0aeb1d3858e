"""Screens worth having by name."""

from __future__ import annotations

from deepnoise_core.data.simulator.options import LayoutOptions, NoiseOptions, SignalOptions, SimulatorOptions

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
            test_experiments={"HUVEC": 2, "RPE": 2},
            group_size=30,
            common_rotation=0.4,
            positive_controls=4,
            missing_wells=0.005,
            failed_transfers=0.003,
        ),
        signal=SignalOptions(strength=0.45, control_strength=0.7),
    ),
    "ladder": SimulatorOptions(
        image_size=64,
        magnification=1.0,
        layout=LayoutOptions(
            train_experiments={"HEPG2": 3, "HUVEC": 4, "RPE": 3, "U2OS": 2},
            test_experiments={"HEPG2": 1, "HUVEC": 2, "RPE": 2, "U2OS": 1},
            group_size=20,
            common_rotation=0.6,
            positive_controls=3,
            missing_wells=0.005,
            failed_transfers=0.003,
        ),
        signal=SignalOptions(strength=0.55, control_strength=0.85),
        # As far apart as real plates and experiments of RxRx1 are: docs/method.md says how each figure was found.
        noise=NoiseOptions(
            experiment_gain=0.45,
            plate_gain=0.07,
            experiment_offset=2.0,
            plate_offset=0.5,
            row_effect=0.025,
            column_effect=0.025,
            edge_effect=0.05,
            staining_drift=0.025,
        ),
    ),
}
"""`tiny` for tests, `demo` for a first look, `ladder` for ablations over all four cell types."""
