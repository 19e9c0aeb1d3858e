"""Make the bundle that ships with the package again, and measure it on the screen that nobody trained it on.

Run `python benchmarks/shipped_bundle.py OUT`; OUT is then what lies in `registry/deepnoise/zoo/tiny`. The network
learns from further experiments of the simulated screen `tiny`. The four that `deepnoise simulate` writes by that
name are held out whole: neither their labels nor their pixels are seen.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import torch

import deepnoise as dn
from deepnoise.console import Terminal
from deepnoise.prediction import predict_folder
from deepnoise.simulation import simulated_screen
from deepnoise_core.data.files import fresh_folder, replace_file
from deepnoise_registry.hub.card import summary
from deepnoise_registry.manifest import CARD, MANIFEST, Result, read_manifest

LAYOUT = ("layout.train_experiments={HUVEC: 10, RPE: 8}", "layout.test_experiments={}")
HELD_OUT = "[HUVEC-01, HUVEC-02, RPE-01, RPE-02]"
RECIPE = (
    f"data.split={{test: {HELD_OUT}, validation: [HUVEC-03, RPE-03]}}",
    "strategy=supervised",
    "augmentation.options={shift_scale: 0.0, crop: [0.9, 0.99], erase: 0.0}",
    "train.epochs=20",
    "train.batch_size=32",
    "train.optimizer={name: adamw, lr: 3e-3}",
)

TITLE = """# tiny

The bundle that comes with deepnoise, as `builtin:tiny`, for trying what a model can do. It knows the twelve
perturbations of the simulated screen `tiny` and nothing of real cells. Its test figures are of the four
experiments that `deepnoise simulate SCREEN --preset tiny` writes, which it never saw.
`python benchmarks/shipped_bundle.py OUT` in the repository makes it again.

"""


def main(out: Path) -> None:
    torch.set_num_threads(1)
    screen, held_out = simulated_screen("tiny", seed=0, sets=LAYOUT), dn.simulate("tiny")
    recipe = dn.load_recipe("tiny", sets=("name=tiny", *RECIPE))
    with fresh_folder(out, "a bundle") as folder, tempfile.TemporaryDirectory() as aside:
        run = dn.train(recipe, screen, Path(aside) / "run", device="cpu", observer=Terminal())
        bundle = run.path / "bundle"
        made, predictions = dn.load(bundle), Path(aside) / "predictions"
        predict_folder(made, held_out, predictions, part="test", device="cpu", observer=Terminal())
        measured = dn.evaluate(predictions, held_out)
        for file in bundle.iterdir():
            shutil.copyfile(file, folder / file.name)
        results = tuple(
            Result(metric="accuracy", value=one.accuracy, part="test", stage=str(stage), protocol="held out")
            for stage, one in measured.stages.items()
        )
        manifest = read_manifest(bundle)
        told = {**manifest.training, "made_by": "python benchmarks/shipped_bundle.py OUT", "layout": list(LAYOUT)}
        facts = {"training": told, "results": (*manifest.results, *results), "data_licence": "CC0-1.0"}
        manifest = manifest.model_copy(update=facts)
        replace_file(folder / MANIFEST, manifest.model_dump_json(indent=2))
        replace_file(folder / CARD, f"{TITLE}{summary(manifest)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
