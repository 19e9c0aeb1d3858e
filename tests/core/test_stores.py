"""Stores give the rows that were asked for, in that order, or an error that names the file."""

import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from deepnoise_core.contracts import ImageStore
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.contracts.screens import ImageFiles
from deepnoise_core.data.stores import ArrayStore, FileStore

PIXELS = np.random.default_rng(7).integers(1, 256, (6, 3, 8, 10), dtype=np.uint8)


def write_screen(root: Path, pixels: NDArray[Any] = PIXELS) -> NDArray[Any]:
    names = np.array([[f"p/{i}_w{c}.png" for c in range(pixels.shape[1])] for i in range(len(pixels))])
    (root / "p").mkdir()
    for image, name in zip(pixels.reshape(-1, *pixels.shape[2:]), names.ravel(), strict=True):
        Image.fromarray(image).save(root / name)
    return names


@pytest.fixture(params=["array", "png", "png in one thread"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ImageStore:
    if request.param == "array":
        return ArrayStore(PIXELS)
    return FileStore(tmp_path, write_screen(tmp_path), threads=1 if "one" in request.param else 3)


def test_store_follows_the_contract(store: ImageStore) -> None:
    assert isinstance(store, ImageStore)
    assert store.shape == (3, 8, 10)
    assert store.dtype == np.uint8
    assert len(store) == 6


def test_rows_come_in_the_order_asked_for(store: ImageStore) -> None:
    rows = np.array([4, 0, 4, 5])
    pixels = store.read(rows)
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, PIXELS[rows])


def test_no_row_is_an_empty_array(store: ImageStore) -> None:
    none = np.array([], dtype=np.int64)
    assert store.read(none).shape == (0, 3, 8, 10)
    assert len(store.take(none)) == 0
    assert store.take(none).shape == (3, 8, 10)


def test_taken_twice_is_taken_of_the_taken(store: ImageStore) -> None:
    taken = store.take(np.array([5, 3, 1])).take(np.array([2, 0]))
    assert len(taken) == 2
    np.testing.assert_array_equal(taken.read(np.array([0, 1])), PIXELS[[1, 5]])
    assert len(store) == 6


def test_store_outlives_pickling(store: ImageStore) -> None:
    copy = pickle.loads(pickle.dumps(store.take(np.array([2, 4]))))
    np.testing.assert_array_equal(copy.read(np.array([1])), PIXELS[[4]])


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5)), st.data())
def test_take_then_read_is_read(rows: list[int], data: st.DataObject) -> None:
    store = ArrayStore(PIXELS).take(np.array(rows, dtype=np.int64))
    if rows:
        again = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1))), dtype=np.int64)
        np.testing.assert_array_equal(store.read(again), PIXELS[np.array(rows)[again]])


def test_reading_an_array_copies_it() -> None:
    pixels = PIXELS.copy()
    ArrayStore(pixels).read(np.arange(6))[:] = 0
    np.testing.assert_array_equal(pixels, PIXELS)


@pytest.mark.parametrize("pixels", [PIXELS[0], PIXELS.astype(np.float32)])
def test_array_of_another_kind_is_refused(pixels: NDArray[Any]) -> None:
    with pytest.raises(ImageError, match="give uint8 or uint16"):
        ArrayStore(pixels)


def test_sixteen_bit_screens_keep_their_type(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(1, 65536, (2, 2, 5, 4), dtype=np.uint16)
    store = FileStore(tmp_path, write_screen(tmp_path, pixels))
    assert store.dtype == np.uint16
    np.testing.assert_array_equal(store.read(np.arange(2)), pixels)


@pytest.mark.parametrize(
    ("image", "found"),
    [(PIXELS[0, 0, :4], "4 x 10 uint8"), (PIXELS[0, 0].astype(np.uint16), "8 x 10 uint16")],
)
def test_mixed_screens_name_both_files(image: NDArray[Any], found: str, tmp_path: Path) -> None:
    store = FileStore(tmp_path, write_screen(tmp_path))
    assert store.shape == (3, 8, 10)
    odd = tmp_path / "p" / "3_w1.png"
    Image.fromarray(image).save(odd)
    message = f"{odd}: {found}, but the screen's first image {tmp_path / 'p' / '0_w0.png'} is 8 x 10 uint8"
    with pytest.raises(ImageError, match=re.escape(message)):
        store.take(np.array([3])).read(np.array([0]))


def test_damage_is_named_and_other_rows_stay_usable(tmp_path: Path) -> None:
    store = FileStore(tmp_path, write_screen(tmp_path))
    bad = tmp_path / "p" / "2_w2.png"
    bad.write_bytes(bad.read_bytes()[:50])
    with pytest.raises(ImageError, match=re.escape(str(bad))):
        store.read(np.arange(6))
    np.testing.assert_array_equal(store.read(np.array([0, 1, 3])), PIXELS[[0, 1, 3]])


def test_opening_touches_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a file was looked at")

    names = np.array([[f"{i}_w{c}.png" for c in range(6)] for i in range(1000)], dtype=object)
    with monkeypatch.context() as patch:
        for name in ("open", "stat", "scandir"):
            patch.setattr(os, name, refuse)
        store = FileStore(tmp_path / "images", names).take(np.arange(10))
    assert len(store) == 10
    with pytest.raises(ImageError, match=re.escape(f"images folder {tmp_path / 'images'} not found")):
        _ = store.shape


def test_store_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image files are listed"):
        FileStore(tmp_path, np.empty((0, 6), dtype=object))


def test_a_plane_is_read_alone_whatever_its_size(tmp_path: Path) -> None:
    names = write_screen(tmp_path)
    odd = np.full((4, 5), 9, dtype=np.uint8)
    Image.fromarray(odd).save(tmp_path / str(names[2, 1]))
    store = FileStore(tmp_path, names, site_ids=[f"s{i}" for i in range(6)])
    assert np.array_equal(store.read_plane(2, 1), odd)
    assert np.array_equal(store.read_plane(2, 0), PIXELS[2, 0])
    (tmp_path / str(names[3, 2])).write_bytes(b"")
    with pytest.raises(ImageError, match=r"empty.*\(site s3\)"):
        store.read_plane(3, 2)


def test_sites_are_read_without_the_damaged_first_one(tmp_path: Path) -> None:
    names = write_screen(tmp_path)
    (tmp_path / str(names[0, 0])).write_bytes(b"")
    kept = FileStore(tmp_path, names).take(np.arange(1, 6))
    assert kept.shape == (3, 8, 10)
    assert np.array_equal(kept.read(np.arange(5)), PIXELS[1:])


def write_stack(root: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Names and pages: all channels of a site in one file, backwards."""
    for number, planes in enumerate(PIXELS):
        tifffile.imwrite(root / f"{number}.tif", planes[::-1], metadata=None, photometric="minisblack")
    return np.array([[f"{number}.tif"] * 3 for number in range(6)]), np.tile([2, 1, 0], (6, 1))


def test_channels_may_be_pages_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, pages = write_stack(tmp_path)
    store = FileStore(tmp_path, names, pages=pages)
    rows = np.array([4, 0, 5])
    assert store.shape == (3, 8, 10)
    opened: list[Path] = []
    open_file = Path.open

    def record(path: Path, *mode: Any) -> Any:
        opened.append(path)
        return open_file(path, *mode)

    monkeypatch.setattr(Path, "open", record)
    np.testing.assert_array_equal(store.read(rows), PIXELS[rows])
    assert sorted(opened) == [tmp_path / f"{row}.tif" for row in sorted(rows)]
    taken = store.take(rows)
    np.testing.assert_array_equal(taken.read(np.arange(3)), PIXELS[rows])
    np.testing.assert_array_equal(taken.read_plane(1, 2), PIXELS[0, 2])


def test_several_pages_are_refused_where_one_is_meant(tmp_path: Path) -> None:
    names, _ = write_stack(tmp_path)
    with pytest.raises(ImageError, match="holds several pages"):
        _ = FileStore(tmp_path, names).shape


def test_planes_are_files(tmp_path: Path) -> None:
    names = write_screen(tmp_path)
    store = FileStore(tmp_path, names).take(np.array([3]))
    assert isinstance(store, ImageFiles)
    assert store.file(0, 1) == tmp_path / "p" / "3_w1.png"
    absolute = FileStore(tmp_path / "elsewhere", [[str(tmp_path / name) for name in names[3]]])
    assert absolute.file(0, 1) == tmp_path / "p" / "3_w1.png"
    np.testing.assert_array_equal(absolute.read(np.array([0])), PIXELS[[3]])


def test_damage_names_its_site(tmp_path: Path) -> None:
    names = write_screen(tmp_path)
    store = FileStore(tmp_path, names, site_ids=[f"plate_B0{row}_1" for row in range(6)])
    (tmp_path / str(names[4, 1])).unlink()
    with pytest.raises(ImageError, match=r"4_w1.png: image file not found.*\(site plate_B04_1\)$"):
        store.take(np.array([0, 4])).read(np.arange(2))


@pytest.mark.parametrize("wrong", [{"pages": [[0, 0, 0]]}, {"site_ids": ["a", "b"]}])
def test_pages_and_sites_go_with_the_files(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="and files need"):
        FileStore(tmp_path, write_screen(tmp_path), **wrong)
