"""Fingerprints of screens: equal where sites and pixels are the same, however and wherever they are stored."""

from __future__ import annotations

import hashlib

import numpy as np

from deepnoise_core.contracts import SITE_COLUMNS, Screen, SiteStatistics

_SLICE = 500_000
_NULL = "\\N"


def sites_fingerprint(screen: Screen, *further: str) -> str:
    """SHA-256, in hex, of the channels and of all that is known of each site, in the order of rows.

    Args:
        screen: N sites; no pixel is read.
        further: columns that count beside those that every screen has.
    """
    digest = hashlib.sha256("\n".join(screen.channels).encode())
    columns = dict.fromkeys((*SITE_COLUMNS, *further))
    for part in screen.sites.select(*columns).iter_slices(_SLICE):
        digest.update(part.write_csv(include_header=False, null_value=_NULL).encode())
    return digest.hexdigest()


def pixels_fingerprint(statistics: SiteStatistics) -> str:
    """SHA-256, in hex, of the sums of all intensities and of their squares, of each site and channel."""
    digest = hashlib.sha256()
    for sums in (statistics.count, statistics.total, statistics.squares):
        digest.update(np.ascontiguousarray(sums, dtype=np.dtype("<u8")).tobytes())
    return digest.hexdigest()
