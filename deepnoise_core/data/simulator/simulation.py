"""A whole screen with known truth: every site is a pure function of seed, site and options."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.screens import Role, Screen
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.data.simulator.acquisition import PlateOptics, plate_optics, take_picture, well_gain
from deepnoise_core.data.simulator.cells import grow_cells
from deepnoise_core.data.simulator.layout import plate_layout
from deepnoise_core.data.simulator.options import CellType, SimulatorOptions
from deepnoise_core.data.simulator.phenotype import (
    CHANNELS,
    SPREADS,
    TRAITS,
    baseline,
    perturbation_effect,
)
from deepnoise_core.data.simulator.rendering import render_cells
from deepnoise_core.data.stores import ArrayStore

_SURVIVORS = 0.03


@dataclass(frozen=True)
class SimulatedScreen(Screen):
    """A screen in memory, with what made it.

    Attributes:
        options: what the screen was asked to be.
        seed: seed of every random draw.
    """

    options: SimulatorOptions = field(kw_only=True)
    seed: int = field(kw_only=True)


def simulate(
    options: SimulatorOptions,
    seed: int,
    *,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> SimulatedScreen:
    """Makes a screen: uint8 sites of the six RxRx1 channels, in the RxRx1 design.

    Args:
        options: layout, signal and noise.
        seed: the same seed and options give the same pixels, whatever the number of workers.
        progress: called with the sites done and the sites in all, from the calling thread.
        workers: threads that render; one a usable core where None.
    """
    sites = plate_layout(options.layout, seed)
    size = options.image_size
    pixels = np.zeros((sites.height, len(CHANNELS), size, size), dtype=np.uint8)
    photographer = _Photographer(options, seed)
    columns = ("experiment", "plate", "well", "site", "cell_type", "role", "perturbation")
    wells = [_Site(*row) for row in sites.select(columns).iter_rows()]

    def render(row: int) -> None:
        pixels[row] = photographer.picture(wells[row])

    with ThreadPoolExecutor(workers or _usable_cores()) as pool:
        try:
            for done, _ in enumerate(pool.map(render, range(sites.height)), start=1):
                if progress is not None:
                    progress(done, sites.height)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return SimulatedScreen(
        sites=sites,
        channels=CHANNELS,
        store=ArrayStore(pixels),
        source=f"simulated with seed {seed}",
        options=options,
        seed=seed,
    )


@dataclass(frozen=True)
class _Site:
    experiment: str
    plate: str
    well: str
    site: int
    cell_type: CellType
    role: str
    perturbation: str


class _Photographer:
    """Renders any site of one screen; what sites share is drawn once."""

    def __init__(self, options: SimulatorOptions, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._optics = lru_cache(maxsize=64)(self._draw_optics)
        self._effect = lru_cache(maxsize=None)(self._draw_effect)

    def picture(self, site: _Site) -> NDArray[np.uint8]:
        noise, size = self._options.noise, self._options.image_size
        of_well = np.random.default_rng(derive_seed(self._seed, "well", site.experiment, site.plate, site.well))
        of_site = np.random.default_rng(
            derive_seed(self._seed, "site", site.experiment, site.plate, site.well, site.site)
        )
        optics = self._optics(site.experiment, site.plate)
        gain = well_gain(optics, noise, site.well, of_well.standard_normal(len(CHANNELS)))
        drift = noise.well_biology * SPREADS * of_well.standard_normal(len(TRAITS))
        is_empty = of_well.random() < noise.empty_wells
        in_focus = of_site.random() >= noise.out_of_focus
        traits = self._traits(site, drift)
        if is_empty:
            traits["cells_per_4096_pixels"] *= _SURVIVORS
        cells = grow_cells(of_site, traits, size, noise.cell_biology)
        light = render_cells(cells, traits, of_site, size)
        return take_picture(light, gain, optics, noise, of_site, in_focus=in_focus)

    def _traits(self, site: _Site, drift: NDArray[np.float64]) -> dict[str, float]:
        usual = baseline(site.cell_type, self._options.magnification)
        change = self._effect(site.role, site.perturbation, site.cell_type)
        change = change + drift + self._batch(site.experiment)
        return dict(zip(TRAITS, (usual * np.exp(change)).tolist(), strict=True))

    def _draw_effect(self, role: str, perturbation: str, cell_type: CellType) -> NDArray[np.float64]:
        signal = self._options.signal
        strength = {
            Role.TREATMENT: signal.strength,
            Role.POSITIVE_CONTROL: signal.control_strength,
            Role.NEGATIVE_CONTROL: 0.0,
        }[Role(role)]
        return perturbation_effect(signal, self._seed, perturbation, cell_type, strength)

    def _batch(self, experiment: str) -> NDArray[np.float64]:
        random = np.random.default_rng(derive_seed(self._seed, "experiment biology", experiment))
        shift: NDArray[np.float64] = (
            self._options.noise.experiment_biology * SPREADS * random.standard_normal(len(TRAITS))
        )
        return shift

    def _draw_optics(self, experiment: str, plate: str) -> PlateOptics:
        options = self._options
        return plate_optics(
            options.noise, self._seed, experiment, plate, options.image_size, options.magnification
        )


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
