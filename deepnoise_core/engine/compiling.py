"""Networks made faster by `torch.compile`."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from deepnoise_core.contracts.errors import TrainingError


def compile_for_training(device: torch.device, *networks: nn.Module) -> None:
    """Compile what networks do when they are called, in place.

    Prediction asks a classifier for features and scores by name, and so stays as it is, hooks included.

    Raises:
        TrainingError: nothing can be compiled for this device, for lack of a compiler in most cases.
    """
    try:
        with warnings.catch_warnings():
            # Whoever makes errors of warnings would be told that there is no compiler, since it warns of itself.
            warnings.simplefilter("ignore")
            torch.compile(torch.sin)(torch.zeros(2, device=device))
    except Exception as error:  # compilers fail in many ways, and none of them is part of torch's interface
        first = next((line for line in str(error).splitlines() if line), type(error).__name__)
        raise TrainingError(
            f"train.compile: nothing can be compiled for {device.type} on this machine ({first}); install a C++ "
            "compiler, and Triton for a GPU, or set it to false"
        ) from error
    for network in dict.fromkeys(networks):
        network.compile()
