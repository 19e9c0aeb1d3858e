"""Identical images where there should be different ones, told by hashes of their pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.checks.measures import Measures


class Twin(NamedTuple):
    """A site some of whose channels equal some of another site.

    Attributes:
        row: the site.
        other: the site with most of the same images; the first of several.
        channels: (own channel, channel of the other site) of each same image.
    """

    row: int
    other: int
    channels: Sequence[tuple[int, int]]


def twins(measures: Measures) -> list[Twin]:
    """Sites with the same pixels as another site, in the order of rows; constant images do not count."""
    found: dict[int, list[tuple[int, tuple[int, int]]]] = {}
    for places in _repeated(measures):
        if len({row for row, _ in places}) == 1:
            continue
        first, second = places[0], next(place for place in places if place[0] != places[0][0])
        for row, channel in places:
            other, its = second if row == first[0] else first
            found.setdefault(row, []).append((other, (channel, its)))
    result = []
    for row in sorted(found):
        counted = Counter(other for other, _ in found[row])
        most = min(counted, key=lambda other: (-counted[other], other))
        result.append(Twin(row, most, [channels for other, channels in found[row] if other == most]))
    return result


def repeated_channels(measures: Measures) -> list[tuple[int, int, int]]:
    """(row, channel, later channel) of every two channels of a site with the same pixels."""
    digest, textured = measures.digest, measures.textured
    found = []
    for first, second in combinations(range(digest.shape[1]), 2):
        same = (digest[:, first] == digest[:, second]) & textured[:, first] & textured[:, second]
        found += [(int(row), first, second) for row in np.flatnonzero(same)]
    return sorted(found)


def _repeated(measures: Measures) -> list[list[tuple[int, int]]]:
    """Places (row, channel) of each image that occurs more than once."""
    rows, channels = np.nonzero(measures.textured)
    digests = measures.digest[rows, channels]
    order: NDArray[np.int64] = np.argsort(digests, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(digests[order])) + 1)
    return [[(int(rows[i]), int(channels[i])) for i in group] for group in groups if len(group) > 1]
