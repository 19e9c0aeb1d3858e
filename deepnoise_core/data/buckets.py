"""Values put in buckets, some at a time, so that millions of them are sorted in little more than they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 2**18
"""Values for which anything is worked out together; whole numbers of 64 bits of as many are 2 MB."""


def places(size: int) -> NDArray[np.signedinteger[Any]]:
    """`range(size)` as int32, or as int64 where that is too narrow."""
    return np.arange(size, dtype=np.int32 if size <= np.iinfo(np.int32).max else np.int64)


def in_buckets(
    values: NDArray[Any], bucket_of: Callable[[NDArray[Any]], NDArray[Any]], count: int
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Values bucket after bucket, those of a bucket in the order that they had.

    Args:
        values: [n].
        bucket_of: the bucket of each of some values, integers in [0, count).
        count: of buckets.

    Returns:
        The values anew, [n], and where in them each bucket begins, and the last one ends, int64 [count + 1].
    """
    parts = [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]
    sizes = np.zeros(count, dtype=np.int64)
    for part in parts:
        sizes += np.bincount(bucket_of(part), minlength=count)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    sorted_values, free = np.empty_like(values), edges[:-1].copy()
    for part in parts:
        buckets = bucket_of(part)
        sizes = np.bincount(buckets, minlength=count)
        # Where each value goes: to the first free place of its bucket, behind those before it in this part.
        own = np.arange(len(part)) + np.repeat(free - np.cumsum(sizes) + sizes, sizes)
        sorted_values[own] = part[np.argsort(buckets, kind="stable")]
        free += sizes
    return sorted_values, edges
