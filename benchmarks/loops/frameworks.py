"""The same supervised steps in the loops of accelerate and of Lightning."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from torch.nn import functional as F

from loops.bare import optimizer_of, seen
from loops.material import Material

HOME = Path(__file__).parents[2] / ".venv-lightning"
LIGHTNING = "2.6.6"
RELEASES = (
    f"lightning=={LIGHTNING}",
    f"pytorch-lightning=={LIGHTNING}",
    "lightning-utilities==0.15.3",
    "torchmetrics==1.9.0",
    "greenlet==3.5.6",
)
# Written last, so that a folder without it, or with that of other releases, is not finished.
INSTALLED = HOME / "releases.txt"


def install() -> None:
    """Put Lightning beside the repository's environment, anew where others are, and make it importable."""
    if not (INSTALLED.is_file() and INSTALLED.read_text().split() == [*RELEASES]):
        if HOME.exists():
            shutil.rmtree(HOME)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--target", str(HOME), *RELEASES], check=True)
        INSTALLED.write_text("\n".join(RELEASES) + "\n")
    sys.path.append(str(HOME))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("lightning")


def under_accelerate(material: Material) -> Iterator[nn.Module]:
    """Prepared network and optimiser, and `accelerator.backward`."""
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=True)
    network = material.network()
    network, optimizer = accelerator.prepare(network, optimizer_of(network))
    total = torch.zeros(())
    for step in seen(material, ["normal"]):
        optimizer.zero_grad()
        with accelerator.autocast():
            loss = F.cross_entropy(network(step.labelled["normal"]), step.labels)
        accelerator.backward(loss)
        optimizer.step()
        total += loss.detach()
        yield network


def under_lightning(material: Material) -> Iterator[nn.Module]:
    """A module that logs nothing, trained without logger, bar, checkpoints and summary.

    Lightning owns the loop, so it runs in a coroutine that comes back after every batch.
    """
    lightning, greenlets = importlib.import_module("lightning"), importlib.import_module("greenlet")
    network, back = material.network(), greenlets.getcurrent()

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return F.cross_entropy(self.network(batch.labelled["normal"]), batch.labels)

        def on_train_batch_end(self, *_: Any) -> None:
            back.switch()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return optimizer_of(self.network)

    class Batches(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            return seen(material, ["normal"])

    def fit() -> None:
        off = dict.fromkeys(
            ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary"), False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer = lightning.Trainer(accelerator="cpu", devices=1, max_epochs=1, **off)
            trainer.fit(Module(), torch.utils.data.DataLoader(Batches(), batch_size=None))

    loop = greenlets.greenlet(fit)
    while True:
        back = greenlets.getcurrent()
        loop.switch()
        if loop.dead:
            return
        yield network
