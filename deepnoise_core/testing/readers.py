"""Laws of readers, on the example that the component names; what must be read of it is for its own tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from deepnoise_core.contracts import SITE_COLUMNS, ImageFiles, Role, Screen
from deepnoise_core.contracts.errors import ImageError, InputError
from deepnoise_core.testing.examples import ReaderMaker
from deepnoise_core.testing.laws import require

NAMES = ("screen", "two words", "Ø plate – 血")
"""Of folders, as people have them."""


def nothing_is_not_recognised(make: ReaderMaker) -> None:
    """An empty folder, a file, a binary file and an absent path are not recognised, without an error."""
    with TemporaryDirectory() as folder:
        for path in _strange_paths(Path(folder)):
            require(make().recognises(path) is False, f"{path.name} is recognised")


def nothing_opens_with_one_clear_error(make: ReaderMaker) -> None:
    """Opening what is no screen is an InputError that names the path."""
    with TemporaryDirectory() as folder:
        for path in _strange_paths(Path(folder)):
            try:
                make().open(path)
            except InputError as error:
                require(str(path) in str(error), f"the error does not name the path: {error}")
            else:
                raise AssertionError(f"{path.name} opens as a screen")


def looking_changes_nothing(make: ReaderMaker) -> None:
    """Recognising writes nothing to the folder."""
    with TemporaryDirectory() as folder:
        make().recognises(Path(folder))
        require(not list(Path(folder).iterdir()), "recognising leaves files behind")


def its_example_is_recognised(make: ReaderMaker) -> None:
    """The component names an example of its layout, which the reader recognises."""
    with make.written() as path:
        require(make().recognises(path) is True, "the reader does not recognise its own example")


def its_example_opens_as_sites(make: ReaderMaker) -> None:
    """The table has all columns of sites: names that are not empty, unique ids, roles that exist."""
    with _opened(make) as screen:
        sites = screen.sites
        absent = [name for name in SITE_COLUMNS if name not in sites.columns]
        require(not absent, f"columns are missing: {', '.join(absent)}")
        require(len(screen) > 0, "the example holds no site")
        require(sites["site"].dtype == pl.Int64, f"site is {sites['site'].dtype}, not Int64")
        for name in ("site_id", "well_id", "experiment", "plate", "well", "cell_type", "role"):
            column = sites[name]
            require(column.dtype == pl.String, f"{name} is {column.dtype}, not String")
            require(not (column.is_null() | (column == "")).any(), f"{name} is empty in a row")
        require(sites["site_id"].is_unique().all(), "two sites have one site_id")
        strange = set(sites["role"]) - {role.value for role in Role}
        require(not strange, f"roles are none of Role: {', '.join(sorted(strange))}")


def its_channels_have_names(make: ReaderMaker) -> None:
    """Channels have names, each its own, one for each channel of the images; stains are of channels."""
    with _opened(make) as screen:
        names = screen.channels
        require(all(isinstance(name, str) and name for name in names), f"channels are named {names}")
        require(len(set(names)) == len(names), f"two channels have one name: {', '.join(names)}")
        require(len(names) == screen.store.shape[0], f"{screen.store.shape[0]} channels have {len(names)} names")
        require(set(screen.stains) <= set(names), "stains are given of channels that are not there")


def its_images_are_read(make: ReaderMaker) -> None:
    """The store holds one image a row: contiguous, of the shape and dtype that it says, 8- or 16-bit."""
    with _opened(make) as screen:
        store = screen.store
        require(len(store) == len(screen), f"{len(screen)} rows have {len(store)} images")
        require(store.dtype in (np.uint8, np.uint16), f"pixels are {store.dtype}, not uint8 or uint16")
        pixels = store.read(np.arange(len(screen)))
        expected = (len(screen), *store.shape)
        require(pixels.shape == expected, f"images are {pixels.shape}, where the store says {expected}")
        require(pixels.dtype == store.dtype, f"pixels are {pixels.dtype}, where the store says {store.dtype}")
        require(pixels.flags.c_contiguous, "the images are not one contiguous array")


def rows_are_read_in_the_order_asked(make: ReaderMaker) -> None:
    """Rows come in the order asked for, repeated where asked twice, and none where none is asked."""
    with _opened(make) as screen:
        whole, store = screen.store.read(np.arange(len(screen))), screen.store
        for rows in ([len(screen) - 1, 0, 0], list(range(len(screen)))[::-1], []):
            index = np.array(rows, dtype=np.int64)
            require(np.array_equal(store.read(index), whole[index]), f"rows {rows} are read as others")


def a_part_reads_its_own_images(make: ReaderMaker) -> None:
    """Images of some rows that were taken are those of these rows."""
    with _opened(make) as screen:
        index = np.arange(len(screen))[::-2]
        part = screen.take(index).store
        require(len(part) == len(index), f"{len(index)} rows that were taken have {len(part)} images")
        taken, expected = part.read(np.arange(len(index))), screen.store.read(index)
        require(np.array_equal(taken, expected), "a part of the screen reads other images")


def opening_twice_gives_one_screen(make: ReaderMaker) -> None:
    """Two readers open one path as the same screen: rows in the same order, and pixels."""
    with make.written() as path:
        one, other = make().open(path), make().open(path)
        _require_same(one, other, "opened twice, a path")


def opening_changes_nothing(make: ReaderMaker) -> None:
    """Opening and reading neither write, change nor remove a file."""
    with make.written() as path:
        before = _files(path)
        screen = make().open(path)
        screen.store.read(np.arange(len(screen)))
        require(_files(path) == before, "opening changes files")


def any_spelling_of_the_path_will_do(make: ReaderMaker) -> None:
    """Relative, absolute, with `..` or a link in it: one screen; so do spaces and letters of any script."""
    for name in NAMES:
        with make.written(name) as path, chdir(path.parent):
            link = path.parent / "links" / path.name
            link.parent.mkdir()
            link.symlink_to(path, target_is_directory=path.is_dir())
            expected = make().open(path)
            for spelt in (
                Path(path.name),
                Path("..", path.parent.name, path.name),
                Path(f"{path}{os.sep}"),
                link,
            ):
                require(make().recognises(spelt) is True, f"{spelt} is not recognised, but {path} is")
                _require_same(make().open(spelt), expected, f"opened as {spelt}, the screen")


def examples_of_others_are_not_recognised(make: ReaderMaker) -> str | None:
    """No example of another installed reader is recognised."""
    for name, example in make.others.items():
        with make.written(example=example) as path:
            require(make().recognises(path) is False, f"the example of the reader {name} is recognised")
    return f"not held beside: {', '.join(make.unknown)}" if make.unknown else None


def a_missing_image_is_named(make: ReaderMaker) -> str | None:
    """The site of an image that is gone is listed or refused, and one that goes later is an ImageError."""
    with make.written() as path:
        opened = make().open(path)
        if not isinstance(opened.store, ImageFiles):
            return "images are no files of their own, so none was taken away"
        file, site = opened.store.file(len(opened) - 1, 0), opened.sites["site_id"][-1]
        file.unlink()
        _require_image_error(opened, file, "is gone")
        try:
            left = make().open(path)
        except InputError as error:
            require(file.name in str(error), f"the error does not name {file.name}: {error}")
        else:
            dropped = {one.site_id: one.reason for one in left.dropped}
            require(site not in set(left.sites["site_id"]), f"site {site} stays, though {file.name} is gone")
            require(site in dropped, f"site {site} is left out without a word")
            require(dropped.get(site), f"no reason is given why site {site} is left out")
    return None


def a_damaged_image_is_named(make: ReaderMaker) -> str | None:
    """Reading an image whose file is cut short is an ImageError that names the file."""
    with _opened(make) as screen:
        if not isinstance(screen.store, ImageFiles):
            return "images are no files of their own, so none was damaged"
        file = screen.store.file(len(screen) - 1, 0)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        _require_image_error(screen, file, "is cut short")
    return None


BASIC = (
    nothing_is_not_recognised,
    nothing_opens_with_one_clear_error,
    looking_changes_nothing,
    its_example_is_recognised,
    its_example_opens_as_sites,
    its_channels_have_names,
    its_images_are_read,
)

LAWS = (
    *BASIC,
    rows_are_read_in_the_order_asked,
    a_part_reads_its_own_images,
    opening_twice_gives_one_screen,
    opening_changes_nothing,
    any_spelling_of_the_path_will_do,
    examples_of_others_are_not_recognised,
    a_missing_image_is_named,
    a_damaged_image_is_named,
)


@contextmanager
def _opened(make: ReaderMaker) -> Iterator[Screen]:
    with make.written() as path:
        yield make().open(path)


def _require_same(one: Screen, other: Screen, what: str) -> None:
    require(one.sites.equals(other.sites), f"{what} has another table")
    require(one.channels == other.channels, f"{what} has other channels")
    rows = np.arange(len(one))
    require(np.array_equal(one.store.read(rows), other.store.read(rows)), f"{what} has other pixels")


def _require_image_error(screen: Screen, file: Path, what: str) -> None:
    try:
        screen.store.read(np.arange(len(screen)))
    except ImageError as error:
        require(file.name in str(error), f"the error does not name {file.name}: {error}")
    else:
        raise AssertionError(f"images are read though {file.name} {what}")


def _files(path: Path) -> dict[str, tuple[int, int]]:
    base = path if path.is_dir() else path.parent
    found = (file for file in base.rglob("*") if file.is_file())
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in found}


def _strange_paths(folder: Path) -> list[Path]:
    empty, file, binary = folder / "empty", folder / "file.csv", folder / "binary.png"
    empty.mkdir()
    file.write_text("a,b\n1,2\n")
    binary.write_bytes(bytes(range(256)))
    return [empty, file, binary, folder / "absent"]
