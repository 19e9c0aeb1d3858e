"""Test-time augmentation: copies of an image that show the same cells, turned and flipped."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from deepnoise_core.contracts import TestTimeViews

_TURNS: dict[TestTimeViews, tuple[int, ...]] = {"flips": (0, 2), "dihedral": (0, 1, 2, 3)}


def turned_copies(images: Tensor, views: TestTimeViews) -> Iterator[Tensor]:
    """Copies of images [B, C, H, W], the images themselves first.

    `flips` are the four of the two mirrors, `dihedral` the eight symmetries of the square. Each set is a group,
    so that the mean over it does not change when all images are flipped (or turned) beforehand.
    """
    if views == "none":
        yield images
        return
    for turns in _TURNS[views]:
        turned = images.rot90(turns, dims=(2, 3))
        yield turned
        yield turned.flip(3)
