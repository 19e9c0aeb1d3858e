"""The processes that work on one job together, each with its share of it.

Alone, a process is all of them, and everything here gives back what it was given. Otherwise all processes must
call these functions in the same order. Tensors travel as they are and texts as bytes; nothing is pickled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import distributed as dist

from deepnoise_core.data.randomness import derive_seed


def process_count() -> int:
    """How many processes work together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    """The number of this one, from 0."""
    return dist.get_rank() if process_count() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes files and talks to people."""
    return process_rank() == 0


def own_seed(seed: int, *parts: int | str) -> int:
    """A seed that no two processes share; that of the first is what `derive_seed` gives a process alone."""
    return derive_seed(seed, *parts, *([] if is_first() else [process_rank()]))


def wait_for_all() -> None:
    """Go on when all processes have come here."""
    numbers_of_all(0)


def meeting_point() -> Callable[[], None]:
    """A function that goes on when all processes have called it, however long the slowest takes.

    For work of unlike lengths, after which `wait_for_all` would take a process that is long in coming for lost.
    """
    if process_count() == 1:
        return lambda: None
    group = dist.new_group(backend="gloo", timeout=timedelta(days=365))
    assert isinstance(group, dist.ProcessGroup)  # noqa: S101 - of which this process is one

    def meet() -> None:
        dist.barrier(group)

    return meet


def numbers_of_all(*numbers: int) -> list[tuple[int, ...]]:
    """The numbers of each process, which must fit int64."""
    if process_count() == 1:
        return [numbers]
    own = torch.tensor([numbers], dtype=torch.int64)
    return [tuple(one) for one in rows_of_all(own, [1] * process_count()).tolist()]


def texts_of_all(text: str) -> list[str]:
    """The text of each process."""
    if process_count() == 1:
        return [text]
    data = text.encode()
    sizes = [size for (size,) in numbers_of_all(len(data))]
    joined = rows_of_all(torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy()), sizes).numpy().tobytes()
    ends = np.cumsum(sizes)
    return [joined[end - size : end].decode() for size, end in zip(sizes, ends, strict=True)]


def rows_of_all(values: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
    """The rows of all processes, one process after another, without a gradient.

    Args:
        values: [n, …]; processes may have different numbers of rows, but are alike in all else.
        sizes: how many rows each process has, where that is known.
    """
    count = process_count()
    if count == 1:
        return values
    held = [size for (size,) in numbers_of_all(len(values))] if sizes is None else sizes
    padded = values.new_zeros((max(held), *values.shape[1:]))
    padded[: len(values)] = values.detach()
    found = [torch.empty_like(padded) for _ in range(count)]
    dist.all_gather(found, padded)
    return torch.cat([rows[:size] for rows, size in zip(found, held, strict=True)])


def array_of_all(values: NDArray[Any]) -> NDArray[Any]:
    """As `rows_of_all`, of an array [n, …] of any type."""
    if process_count() == 1:
        return values
    row = values.dtype.itemsize * math.prod(values.shape[1:])
    data = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(len(values), row)
    whole: NDArray[Any] = rows_of_all(torch.from_numpy(data.copy())).numpy().reshape(-1).view(values.dtype)
    return whole.reshape(-1, *values.shape[1:])


def average_over_all(tensors: Sequence[Tensor]) -> None:
    """Replace floating-point tensors of one type by their mean over all processes, to the same bits in each."""
    if process_count() == 1 or not tensors:
        return
    with torch.no_grad():
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        parts = (flat / process_count()).split_with_sizes([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))
