"""Whether the copies of one training, in its processes, are still alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.engine.divided_tensors import is_divided
from deepnoise_core.engine.processes import numbers_of_all, process_count


def require_alike(tensors: Mapping[str, Mapping[str, Tensor]], *, parts: Sequence[str]) -> None:
    """Find out whether all processes hold the same bits; each process must do so.

    Args:
        tensors: by part and by name; of those that are divided there is one copy, and nothing to compare.
        parts: those that are compared.

    Raises:
        TrainingError: a tensor differs; names it.
    """
    if process_count() == 1:
        return
    found = ((part, name, tensor) for part in parts for name, tensor in tensors[part].items())
    named = [one for one in found if not is_divided(one[2])]
    sums = numbers_of_all(*(_sum_of_bytes(tensor) for _, _, tensor in named))
    for (part, name, _), *bits in zip(named, *sums, strict=True):
        if len(set(bits)) > 1:
            raise TrainingError(
                f"the {part} differs between processes, first in {name!r}: something in it follows each "
                "process's own images and is not brought together; train it with one process"
            )


def _sum_of_bytes(tensor: Tensor) -> int:
    """A sum that changes with any single bit."""
    return int(tensor.detach().contiguous().reshape(-1).view(torch.uint8).sum(dtype=torch.int64))
