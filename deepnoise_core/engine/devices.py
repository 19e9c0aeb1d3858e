"""Which device and precision a job runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, cast, get_args

import torch
from torch import nn

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.contracts.plan import MemoryFormat, Precision
from deepnoise_core.engine.processes import process_count

if TYPE_CHECKING:
    from accelerate import Accelerator

M = TypeVar("M", bound=nn.Module)
DeviceName = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Hardware:
    """A device, the precision of its matrix work, and the order of images in its memory.

    Attributes:
        device: where tensors live.
        precision: `fp32`, `bf16` or `fp16`.
        memory_format: `channels_last` or `contiguous`.
    """

    device: torch.device
    precision: Literal["fp32", "bf16", "fp16"]
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"

    def __str__(self) -> str:
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {self.way}"
        return f"{self.device.type} ({torch.get_num_threads()} threads), {self.way}"

    @property
    def way(self) -> str:
        """Precision, and the order of images where it is not the usual one."""
        return self.precision + (", contiguous" if self.memory_format == "contiguous" else "")

    def placed(self, network: M) -> M:
        """The network on the device, its weights in the order that suits the images."""
        return network.to(self.device).to(memory_format=self.layout)

    @property
    def layout(self) -> torch.memory_format:
        """What torch calls the memory format."""
        return torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format

    def autocast(self) -> torch.autocast:
        """A context in which matrix work runs in this precision."""
        dtype = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, dtype=dtype, enabled=self.precision != "fp32")

    def accelerator(self) -> Accelerator:
        """A fresh `accelerate.Accelerator` for this hardware."""
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        from accelerate.utils import DistributedDataParallelKwargs

        # accelerate keeps device and precision in a process-wide state that refuses a second job's choice.
        AcceleratorState._reset_state(reset_partial_state=True)
        mixed = "no" if self.precision == "fp32" else self.precision
        # Processes average batch-norm statistics themselves; a broadcast would keep those of the first alone.
        own = DistributedDataParallelKwargs(broadcast_buffers=False, gradient_as_bucket_view=True)
        return Accelerator(cpu=self.device.type == "cpu", mixed_precision=mixed, kwargs_handlers=[own])


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed what draws on the CPU and on a device.

    `torch.manual_seed` asks for every kind of device that this machine has not, which takes a millisecond.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def device_name(word: str) -> DeviceName:
    """The device that a word names.

    Raises:
        InputError: it names none.
    """
    if word not in get_args(DeviceName):
        raise InputError(f"no device is called {word!r}; devices are {', '.join(get_args(DeviceName))}")
    return cast(DeviceName, word)


def pick_hardware(
    device: DeviceName = "auto", precision: Precision = "auto", memory_format: MemoryFormat = "auto"
) -> Hardware:
    """The hardware that a user's words mean on this machine.

    `auto` takes a GPU where there is one, bf16 where that GPU has it, else fp32, and channels last.

    Raises:
        InputError: a device is asked for that this machine lacks.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if available[name])
    elif not available[device]:
        usable = ", ".join(name for name, there in available.items() if there)
        raise InputError(f"device {device} is not available to PyTorch on this machine; usable: {usable}")
    if precision == "auto":
        precision = "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    # Each of several processes of a machine has a GPU of its own.
    own = f":{torch.cuda.current_device()}" if device == "cuda" and process_count() > 1 else ""
    return Hardware(
        torch.device(device + own), precision, "channels_last" if memory_format == "auto" else memory_format
    )
