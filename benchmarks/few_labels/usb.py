"""USB's algorithms from the released package `semilearn`, one step at a time on the CPU.

USB refuses to train without a GPU, but its steps ask for none: only what surrounds them does.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from deepnoise_core.engine.classifier import Classifier

VERSION = "0.3.2"
RELEASE = f"semilearn=={VERSION}"
"""The releases before 0.3.1, and the repository's head, train their mean teacher without consistency."""

HOME = Path(__file__).parents[2] / ".venv-semilearn"
ABSENT = {"aim", "wandb", "torchaudio", "transformers", "progress", "tensorboard", "torch.utils.tensorboard"}
"""What USB imports for logging, speech and text, and no step here uses."""


def install() -> None:
    """Put the release beside the repository's environment, and make it importable."""
    if not (HOME / "semilearn").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--target", str(HOME), RELEASE], check=True)
    sys.path.append(str(HOME))
    sys.meta_path.insert(0, _Nothing())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("semilearn")


def trained(
    algorithm: str,
    settings: Mapping[str, Any],
    student: Classifier,
    batches: Iterable[tuple[Tensor, Tensor, Tensor, Tensor]],
    *,
    steps: int,
    lr: float,
    ema: float,
) -> Iterator[tuple[dict[str, float], dict[str, Tensor]]]:
    """Train a student; of each step what USB logs, and its averaged parameters.

    Args:
        algorithm: USB's name of the method.
        settings: those that differ from USB's defaults.
        student: moved in place.
        batches: labelled images, their labels, weak and strong views of the pool, for each step.
        steps: how many of them there are.
        lr: of the first step.
        ema: decay of the average.
    """
    semilearn, utils = importlib.import_module("semilearn"), importlib.import_module("semilearn.core.utils")
    fixed = {
        "algorithm": algorithm,
        "dataset": "none",
        "gpu": None,
        "rank": 0,
        "distributed": False,
        "amp": False,
        "clip_grad": 0,
        "num_classes": student.num_classes,
        "num_train_iter": steps,
        "epoch": 1,
        "lr": lr,
        "ema_m": ema,
        **settings,
    }
    config = semilearn.get_config(dict(fixed))
    for name, value in fixed.items():
        setattr(config, name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = semilearn.get_algorithm(config, lambda **_: _Dressed(student), None, None)
    method.ema = utils.EMA(method.model, ema)
    method.ema.register()
    for step, (labelled, labels, weak, strong) in enumerate(batches):
        method.it = step
        method.model.train()
        views = {"x_ulb_w": weak, **({} if algorithm == "pseudolabel" else {"x_ulb_s": strong})}
        out, logged = method.train_step(x_lb=labelled, y_lb=labels, **views)
        out["loss"].backward()
        method.optimizer.step()
        method.scheduler.step()
        method.model.zero_grad()
        method.ema.update()
        yield logged, {name.removeprefix("network."): value for name, value in method.ema.shadow.items()}


class _Dressed(nn.Module):
    """A classifier that answers as USB's networks do."""

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.network.embed(images)
        return {"logits": self.network.score(features), "feat": features}

    def no_weight_decay(self) -> set[str]:
        return set()


class _Nothing(MetaPathFinder, Loader):
    """Finds empty modules in place of those that are absent on purpose."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        absent = name in ABSENT or name.partition(".")[0] in ABSENT
        return ModuleSpec(name, self, is_package=True) if absent else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _Empty(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


class _Anything(type):
    def __getattr__(cls, name: str) -> type:
        return _stand_in(name)


class _Empty(types.ModuleType):
    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> type:
        return _stand_in(name)


def _stand_in(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Anything(name, (), {})
