"""Random numbers as pure functions: of (seed, epoch, site, view), never of ambient state.

A key is mixed from integers by the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014,
doi 10.1145/2660193.2660195); the i-th draw of a key is the mix of key and i. Draws of different samples
are independent of batch order, batch size, worker count and interruption.
"""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.data.buckets import AT_ONCE, in_buckets, places

Whole = TypeVar("Whole", bound=np.signedinteger[Any])

_FACTORS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_GOLDEN, _MIX_1, _MIX_2 = map(np.uint64, _FACTORS)
_WORD = 2**64 - 1


def sample_keys(seed: int, turn: ArrayLike, rows: ArrayLike, purpose: str) -> NDArray[np.uint64]:
    """One key a row, uint64 [B], for one purpose (a view's name, `jitter`, …).

    Args:
        seed: in [0, 2**63).
        turn: tells the appearances of a row apart: an epoch, or a number for each row, int [B].
        rows: int64 [B].
        purpose: what is drawn.
    """
    stream = np.uint64(zlib.crc32(purpose.encode()))
    keys = np.asarray(rows, dtype=np.int64).astype(np.uint64)
    for part in (stream, np.asarray(turn, dtype=np.int64).astype(np.uint64), np.uint64(seed)):
        keys = _mix(keys * _GOLDEN + part)
    return keys


def derive_seed(seed: int, *parts: int | str) -> int:
    """A seed for one part of a job, in [0, 2**63): different parts give unrelated seeds."""
    # In Python's integers, since every step derives seeds, and numpy takes ten times as long over one number.
    key, (golden, mix_1, mix_2) = seed, _FACTORS
    for part in parts:
        number = zlib.crc32(part.encode()) if isinstance(part, str) else part
        key = (key * golden + number) & _WORD
        key = ((key ^ (key >> 30)) * mix_1) & _WORD
        key = ((key ^ (key >> 27)) * mix_2) & _WORD
        key ^= key >> 31
    return key >> 1


def uniforms(keys: NDArray[np.uint64], draws: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), float64 [B, draws]; row i depends on `keys[i]` alone."""
    counters = np.arange(1, draws + 1, dtype=np.uint64) * _GOLDEN
    bits = _mix(_mix(keys[:, None] + counters[None, :]) ^ _GOLDEN)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(size: int, seed: int, epoch: int, purpose: str) -> NDArray[np.int64]:
    """A permutation of `range(size)`, int64, the same for the same arguments on every machine."""
    return shuffled(places(size), seed, epoch, purpose).astype(np.int64, copy=False)


def shuffled(numbers: NDArray[Whole], seed: int, epoch: int, purpose: str) -> NDArray[Whole]:
    """Different numbers, [n], in an order of their keys, which is random and the same on every machine."""
    if len(numbers) <= AT_ONCE:
        # Keys of different numbers differ, since they are mixed without loss: no order is left to the sorting.
        return numbers[np.argsort(sample_keys(seed, epoch, numbers, purpose))]

    def first_byte(some: NDArray[Whole]) -> NDArray[np.uint8]:
        return (sample_keys(seed, epoch, some, purpose) >> np.uint64(56)).astype(np.uint8)

    order, edges = in_buckets(numbers, first_byte, 256)
    for start, stop in pairwise(edges):
        bucket = order[start:stop]
        bucket[:] = bucket[np.argsort(sample_keys(seed, epoch, bucket, purpose))]
    return order


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed
