"""How a process that a launcher started finds the others, and how all end when one does.

The launcher says who is who by RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as torchrun and
`accelerate launch` do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
from torch import distributed as dist
from torch.distributed.rendezvous import rendezvous

from deepnoise_core.contracts.errors import InputError, TrainingError
from deepnoise_core.engine.devices import DeviceName

LONGEST_WAIT = timedelta(minutes=30)
"""How long a process waits for others that are alive; it knows at once when one of them ends."""

_OTHER_WAYS = {"ACCELERATE_USE_FSDP": "FSDP", "ACCELERATE_USE_DEEPSPEED": "DeepSpeed"}


def launched() -> int:
    """How many processes a launcher started, of which this is one; 1 where there was no launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def joined(device: DeviceName) -> Iterator[None]:
    """Work together with the other processes for the length of the block; does nothing where there are none.

    An error of one process ends all of them: it is told by the process that it came to, and the others, which
    find that one gone, leave in silence.

    Args:
        device: `auto`, `cpu` or `cuda`; each process of a machine takes a GPU of its own.

    Raises:
        InputError: the launcher asks for another way to divide the work, or there are fewer GPUs than processes.
        TrainingError: another process ended without a word.
        SystemExit: another process ended, and has said why.
    """
    if launched() == 1:
        yield
        return
    for variable, name in _OTHER_WAYS.items():
        if os.environ.get(variable, "false").lower() in {"true", "1"}:
            raise InputError(
                f"{variable} asks for {name} of accelerate, which deepnoise does not use; choose plain data "
                "parallelism (MULTI_GPU or MULTI_CPU) in accelerate's configuration, and train.sharding: full in "
                "the recipe where processes are to divide the network"
            )
    backend = "gloo" if device == "cpu" or not torch.cuda.is_available() else _own_gpu()
    _share_cores()
    store, rank, count = next(iter(rendezvous("env://", timeout=LONGEST_WAIT)))
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=LONGEST_WAIT)
    try:
        yield
    except Exception as error:
        if not _is_first_to_fail(store):
            raise SystemExit(2) from None
        if _is_loss_of_others(error):
            raise TrainingError(
                "another process ended without a word, and so do all; it was killed, or its machine lacks memory"
            ) from None
        raise
    # After an error the others are gone, and to part from them in good order would wait for them.
    dist.destroy_process_group()


def _own_gpu() -> str:
    """Take this process's GPU; with which libraries tensors travel then."""
    number, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= there:
        raise InputError(
            f"process {number} of this machine has no GPU of its own, since there are {there}; start fewer "
            "processes, or use --device cpu"
        )
    torch.cuda.set_device(number)
    return "cpu:gloo,cuda:nccl"


def _share_cores() -> None:
    """Divide the machine's cores among its processes, unless the user has."""
    if "OMP_NUM_THREADS" not in os.environ:
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        threads = max(torch.get_num_threads() // beside, 1)
        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)


def _is_first_to_fail(store: Any) -> bool:
    # The store may be gone with the process or machine that kept it.
    with suppress(RuntimeError):
        return bool(store.add("deepnoise/failed", 1) == 1)
    return False


def _is_loss_of_others(error: Exception) -> bool:
    """Whether a collective failed, which happens where a process that takes part in it is gone."""
    return isinstance(error, dist.DistError) or "gloo" in str(error) or "NCCL" in str(error)
