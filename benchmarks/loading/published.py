"""The loaders of two published solutions, written from their descriptions; one site each.

DeepNoise (arXiv 2209.05772, released code): statistics are looked up in a table of 1,224 rows, a mean and a
standard deviation a channel; six greyscale files are decoded and resized; each is normalized with jittered
statistics. The first place (kaggle-rcic-1st): six files are decoded, flipped, transposed, cropped and resized
by nearest neighbour, normalized within the image, scaled and shifted a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
import pandas as pd

SIDE = 512


def plate_table() -> pd.DataFrame:
    """Mean and std of 51 experiments x 4 plates x 6 channels, as in the released table."""
    keys = list(product([f"E{number}" for number in range(51)], range(1, 5), range(1, 7)))
    table = pd.DataFrame(keys, columns=["experiment", "plate", "channel"])
    return table.assign(mean=np.linspace(5, 60, len(keys)), std=np.linspace(3, 40, len(keys)))


class DeepNoiseLoader:
    """Site by site, as DeepNoise's released loader goes about it."""

    def __init__(self) -> None:
        self.table = plate_table()
        self.random = np.random.default_rng(0)

    def __call__(self, files: Sequence[str], experiment: str) -> np.ndarray:
        """A normalized site, float32 [6, 512, 512]."""
        planes = []
        for channel, file in enumerate(files, start=1):
            mean, std = (self._look_up(experiment, channel, name) for name in ("mean", "std"))
            plane = cv2.resize(cv2.imread(file, cv2.IMREAD_GRAYSCALE), (SIDE, SIDE)).astype(np.float32)
            jitter = 1 + self.random.uniform(-0.1, 0.1, 2)
            planes.append((plane - mean * jitter[0]) / (std * jitter[1]))
        return np.stack(planes).astype(np.float32)

    def _look_up(self, experiment: str, channel: int, name: str) -> float:
        table = self.table
        rows = (table.experiment == experiment) & (table.plate == 1) & (table.channel == channel)
        return float(table.loc[rows, name].iloc[0])


class FirstPlaceLoader:
    """Site by site, as the first-place loader goes about it."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def __call__(self, files: Sequence[str], experiment: str) -> np.ndarray:
        """An augmented and normalized site, float32 [6, 512, 512]."""
        image = np.stack([cv2.imread(file, cv2.IMREAD_GRAYSCALE) for file in files], axis=-1)
        image = image.astype(np.float32) / 255
        for turn in (lambda one: one[::-1], lambda one: one[:, ::-1], lambda one: one.transpose(1, 0, 2)):
            if self.random.random() < 0.5:
                image = turn(image)
        side = int(SIDE * self.random.uniform(0.5, 1))
        top, left = self.random.integers(0, SIDE - side + 1, 2)
        crop = np.ascontiguousarray(image[top : top + side, left : left + side])
        image = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
        image = (image - image.mean(axis=(0, 1))) / (image.std(axis=(0, 1)) + 1e-6)
        image = image * self.random.normal(1, 0.1, 6) + self.random.normal(0, 0.1, 6)
        return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
