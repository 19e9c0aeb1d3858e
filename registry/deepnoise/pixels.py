"""The pixels of a screen, read as far as training or prediction needs them beforehand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch

from deepnoise_core.contracts import DataOptions, DroppedSite, Measure, Screen, SiteStatistics
from deepnoise_core.contracts.protocols import Normalizer
from deepnoise_core.data.memory import LIMIT_BYTES, fits_in_memory
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.data.tolerance import TolerantStore
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.processes import process_count
from deepnoise_core.engine.reading import held_in_memory, measured


def fitted_inputs(
    screen: Screen, normalizer: Normalizer, options: DataOptions, device: torch.device, observer: Observer
) -> tuple[Screen, Inputs]:
    """The screen with what was read of it, and the path of its images through the normalizer, fitted on it.

    Small screens are held in memory. Where `bad_images` is skip, sites that cannot be read keep their rows; the
    inputs tell which they are, and the normalizer is fitted without them.

    Args:
        screen: N sites.
        normalizer: is fitted on the statistics of the screen's sites, where it needs any.
        options: image size, and what becomes of bad images.
        device: where views are made.
        observer: is told of progress.

    Raises:
        ImageError: an image cannot be read, or with skip too many of them.
    """
    tolerant = TolerantStore(screen.store)
    skip = options.bad_images == "skip" and not isinstance(screen.store, ArrayStore)
    seen = replace(screen, store=tolerant) if skip else screen
    if _fits(seen):
        seen = _held(seen, observer)
        screen = replace(screen, store=seen.store)
    bad, places = tolerant.bad, None
    if normalizer.needs:
        statistics = _statistics(seen, normalizer.needs, observer)
        screen = replace(screen, statistics=statistics)
        good = ~np.isin(np.arange(len(screen)), list(bad))
        places = np.cumsum(good) - 1 if bad else None
        normalizer.fit(statistics.take(np.flatnonzero(good)) if bad else statistics)
    store = TolerantStore(screen.store, bad) if skip else screen.store
    return screen, Inputs(store, normalizer, device, options.image_size, places)


def with_pixels_read(
    screen: Screen, measures: Collection[Measure], options: DataOptions, observer: Observer
) -> Screen:
    """The screen with what several trainings or models would else read and measure again, each for itself.

    Small screens are held in memory. Where `bad_images` is skip nothing is read, since each of them then finds
    and records for itself what cannot be.

    Args:
        screen: N sites.
        measures: what the normalizers of all need, if anything.
        options: says what becomes of bad images.
        observer: is told of progress.

    Raises:
        ImageError: an image cannot be read.
    """
    if options.bad_images == "skip":
        return screen
    if _fits(screen):
        screen = _held(screen, observer)
    if measures:
        screen = replace(screen, statistics=_statistics(screen, measures, observer))
    return screen


def note_left_out(sites: tuple[DroppedSite, ...], where: str, observer: Observer) -> None:
    """Tell of sites that were left out, if any, and where all of them are listed."""
    if sites:
        shown = ", ".join(f"{one.site_id} ({one.reason})" for one in sites[:3])
        more = f" and {len(sites) - 3} more" if len(sites) > 3 else ""
        observer.note(f"left out {len(sites)} sites: {shown}{more}; all are listed in {where}")


def _fits(screen: Screen) -> bool:
    return fits_in_memory(screen, LIMIT_BYTES // process_count())


def _held(screen: Screen, observer: Observer) -> Screen:
    with observer.task("reading images", len(screen)) as advance:
        return held_in_memory(screen, advance)


def _statistics(screen: Screen, measures: Collection[Measure], observer: Observer) -> SiteStatistics:
    with observer.task("intensity statistics", len(screen)) as advance:
        return measured(screen, measures, advance)
