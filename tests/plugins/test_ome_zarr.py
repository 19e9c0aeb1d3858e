"""The OME-Zarr reader on plates that zarr-python wrote, pixel by pixel; whole, sparse and damaged."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numcodecs import Blosc, Delta  # type: ignore[import-untyped]
from numpy.typing import NDArray

from deepnoise_core.contracts import ImageStore, Screen
from deepnoise_core.contracts.errors import ImageError, InputError, ScreenError
from deepnoise_core.contracts.protocols import Reader
from deepnoise_core.data.plate_format import row_name
from deepnoise_plugins import ome_zarr
from deepnoise_plugins.ome_zarr.options import OmeZarrOptions
from deepnoise_plugins.ome_zarr.reader import OmeZarrReader
from deepnoise_plugins.ome_zarr.store import SITES_AT_ONCE

Json = dict[str, Any]
CHANNELS = ("DNA", "actin", "mitochondria")
AXES = "tczyx"
FORMATS = (2, 3)


def reader(**options: object) -> OmeZarrReader:
    return OmeZarrReader(OmeZarrOptions.model_validate(options))


def pixels(seed: int, shape: tuple[int, ...] = (1, 3, 1, 20, 30), dtype: str = "uint16") -> NDArray[Any]:
    generator = np.random.default_rng(seed)
    return generator.integers(1, np.iinfo(dtype).max, shape, dtype, endpoint=True)


class Plate:
    """Writes a plate as the specification lays it down, with zarr-python for arrays alone."""

    levels = 1

    def __init__(self, folder: Path, zarr_format: int = 2, name: str | None = None, **array: Any) -> None:
        self.folder, self.zarr_format, self.array = folder, zarr_format, {"chunks": (1, 1, 1, 16, 16), **array}
        self.section: Json = {"rows": [], "columns": [], "wells": [], "field_count": 9}
        if name is not None:
            self.section["name"] = name
        folder.mkdir(parents=True)
        self.write()

    def write(self, **attributes: object) -> None:
        version = {"version": "0.4"} if self.zarr_format == 2 else {}
        self.group(self.folder, {"plate": {**version, **self.section}}, **attributes)

    def group(self, folder: Path, ome: Json, **attributes: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self.zarr_format == 2:
            (folder / ".zgroup").write_text('{"zarr_format": 2}')
            (folder / ".zattrs").write_text(json.dumps({**ome, **attributes}))
        else:
            content = {"ome": {"version": "0.5", **ome}, **attributes}
            group = {"zarr_format": 3, "node_type": "group", "attributes": content}
            (folder / "zarr.json").write_text(json.dumps(group))

    def list_well(self, path: str) -> None:
        places = []
        for lines, name in zip(("rows", "columns"), path.split("/"), strict=True):
            if {"name": name} not in self.section[lines]:
                self.section[lines].append({"name": name})
            places.append(self.section[lines].index({"name": name}))
        self.section["wells"].append({"path": path, "rowIndex": places[0], "columnIndex": places[1]})
        self.write()

    def well(
        self,
        path: str,
        images: Mapping[str, NDArray[Any]],
        *,
        acquisitions: Mapping[str, int] | None = None,
        **attributes: object,
    ) -> Path:
        self.list_well(path)
        listed = [
            {"path": name, **({"acquisition": acquisitions[name]} if acquisitions else {})} for name in images
        ]
        self.group(self.folder / path, {"well": {"images": listed}}, **attributes)
        for name, image in images.items():
            self.image(self.folder / path / name, image)
        return self.folder / path

    def image(
        self,
        folder: Path,
        image: NDArray[Any],
        axes: str = AXES,
        labels: tuple[str | None, ...] | None = CHANNELS,
    ) -> None:
        datasets = [{"path": str(level)} for level in range(self.levels)]
        multiscale = {"axes": [{"name": name} for name in axes], "datasets": datasets}
        omero = {} if labels is None else {"omero": {"channels": [{"label": label} for label in labels]}}
        self.group(folder, {"multiscales": [multiscale], **omero})
        options = {**self.array, "chunks": self.array["chunks"][-image.ndim :]}
        for level in range(self.levels):
            array = image[..., :: 2**level, :: 2**level]
            whole = zarr.create_array(
                folder / str(level),
                shape=array.shape,
                **{"dtype": array.dtype, **options},
                zarr_format=self.zarr_format,
                overwrite=True,
            )
            whole[...] = array


def one_well(folder: Path, zarr_format: int = 2, **array: Any) -> Plate:
    """A plate `screen/p.zarr` whose well B/02 has images 0 and 1."""
    plate = Plate(folder / "screen" / "p.zarr", zarr_format, **array)
    plate.well("B/02", {"0": pixels(0), "1": pixels(1)})
    return plate


def read(screen: Screen) -> NDArray[Any]:
    return screen.store.read(np.arange(len(screen)))


def test_plugin_offers_one_reader_and_imports_nothing_heavy() -> None:
    (component,) = ome_zarr.deepnoise_readers()
    assert (component.name, component.options) == ("ome-zarr", OmeZarrOptions)
    assert component.factory == f"{OmeZarrReader.__module__}:{OmeZarrReader.__name__}"
    assert isinstance(reader(), Reader)
    code = "import sys, deepnoise_plugins.ome_zarr; print({'polars', 'tensorstore', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


SHARDS: Json = {"chunks": (1, 1, 1, 8, 8), "shards": (1, 3, 1, 24, 32)}


@pytest.mark.parametrize(
    ("zarr_format", "array"),
    [
        (2, {}),
        (2, {"compressors": None, "chunks": (1, 3, 1, 20, 30)}),
        (2, {"compressors": [Blosc(cname="lz4")]}),
        (2, {"dtype": ">u2"}),
        (2, {"chunk_key_encoding": {"name": "v2", "separator": "/"}}),
        (3, {}),
        (3, {"compressors": None}),
        (3, {"compressors": [zarr.codecs.BloscCodec()]}),
        (3, {"compressors": [zarr.codecs.GzipCodec(), zarr.codecs.Crc32cCodec()]}),
        (3, {"chunk_key_encoding": {"name": "v2", "separator": "."}}),
        (3, {"chunk_key_encoding": {"name": "default", "separator": "."}}),
        (3, SHARDS),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else ",".join(value) or "default",
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pixels_are_those_that_were_written(dtype: str, zarr_format: int, array: Json, tmp_path: Path) -> None:
    array = {**array, **({"dtype": dtype} if dtype == "uint8" and "dtype" in array else {})}
    plate = Plate(tmp_path / "screen" / "p.zarr", zarr_format, name="P1", **array)
    written = [pixels(seed, dtype=dtype) for seed in range(4)]
    plate.well("C/3", {"0": written[2], "1": written[3]})
    plate.well("B/12", {"0": written[0], "1": written[1]})
    assert reader().recognises(plate.folder)
    screen = reader().open(plate.folder)
    assert isinstance(screen.store, ImageStore)
    assert screen.channels == CHANNELS
    assert screen.sites.select("site_id", "experiment", "plate", "well", "site").rows() == [
        ("screen_P1_B12_0", "screen", "P1", "B12", 0),
        ("screen_P1_B12_1", "screen", "P1", "B12", 1),
        ("screen_P1_C03_0", "screen", "P1", "C03", 0),
        ("screen_P1_C03_1", "screen", "P1", "C03", 1),
    ]
    assert (screen.store.shape, screen.store.dtype) == ((3, 20, 30), np.dtype(dtype))
    found = read(screen)
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, np.stack(written)[:, 0, :, 0])
    rows = np.array([3, 0, 3])
    np.testing.assert_array_equal(screen.store.read(rows), found[rows])
    taken = screen.take([2, 1])
    np.testing.assert_array_equal(taken.store.read(np.array([1, 0])), found[[1, 2]])
    assert taken.store.read(np.array([], dtype=np.int64)).shape == (0, 3, 20, 30)


@pytest.mark.parametrize(
    ("axes", "shape", "options", "index"),
    [
        ("cyx", (3, 20, 30), {}, np.s_[:]),
        ("yx", (20, 30), {}, np.s_[None]),
        ("zyx", (1, 20, 30), {}, np.s_[:]),
        ("czyx", (3, 4, 20, 30), {"z": 2}, np.s_[:, 2]),
        ("tcyx", (5, 3, 20, 30), {"t": 4}, np.s_[4]),
        ("tczyx", (2, 3, 4, 20, 30), {"t": 1, "z": 0}, np.s_[1, :, 0]),
        ("acyx", (1, 3, 20, 30), {}, np.s_[0]),
    ],
)
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_axes_reduce_to_channels_y_and_x(
    zarr_format: int, axes: str, shape: tuple[int, ...], options: Json, index: Any, tmp_path: Path
) -> None:
    plate = Plate(tmp_path / "p.zarr", zarr_format, chunks=(1, 1, 3, 16, 16))
    folder = plate.well("B/02", {}) / "0"
    plate.group(folder.parent, {"well": {"images": [{"path": "0"}]}})
    image = pixels(5, shape)
    plate.image(folder, image, axes, labels=None)
    screen = reader(**options).open(plate.folder)
    np.testing.assert_array_equal(read(screen)[0], image[index])
    assert screen.channels == tuple(f"c{number}" for number in range(screen.store.shape[0]))


@pytest.mark.parametrize(
    ("axes", "shape", "options", "message"),
    [
        ("czyx", (3, 4, 20, 30), {}, "0: its axis z has 4 places, and a site has one; set z to one of 0 to 3"),
        ("tcyx", (2, 3, 20, 30), {}, "its axis t has 2 places, and a site has one; set t to one of 0 to 1"),
        ("acyx", (2, 3, 20, 30), {}, "its axis a has 2 places, and a site has one; no option picks one"),
        ("czyx", (3, 4, 20, 30), {"z": 4}, "its axis z has 4 places, numbered from 0; z=4 is none of them"),
        ("yxc", (20, 30, 3), {}, "its axes are 'y', 'x', 'c'; OME-Zarr orders them t, c, z, y, x"),
        ("ccyx", (3, 1, 20, 30), {}, "its axes are 'c', 'c', 'y', 'x'; OME-Zarr orders them"),
        ("cyx", (1, 3, 20, 30), {}, "its shape [1, 3, 20, 30] does not fit its axes 'c', 'y', 'x'"),
        ("cyx", (3, 20, 30), {"level": 1}, "levels of the pyramid are numbered 0 to 0; level=1 is none of them"),
    ],
)
def test_axes_that_do_not_reduce_are_refused(
    axes: str, shape: tuple[int, ...], options: Json, message: str, tmp_path: Path
) -> None:
    plate = Plate(tmp_path / "p.zarr")
    folder = plate.well("B/02", {"0": pixels(0)}) / "0"
    plate.image(folder, pixels(0, shape), axes, labels=None)
    with pytest.raises(ScreenError, match=re.escape(message)):
        reader(**options).open(plate.folder)


def test_smaller_levels_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plate, "levels", 3)
    screen = reader(level=1).open(one_well(tmp_path).folder)
    np.testing.assert_array_equal(read(screen)[1], pixels(1)[0, :, 0, ::2, ::2])


@pytest.mark.parametrize("dtype", ["int16", "uint32", "float32"])
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_other_dtypes_are_refused(zarr_format: int, dtype: str, tmp_path: Path) -> None:
    plate = one_well(tmp_path, zarr_format, dtype=dtype)
    with pytest.raises(ScreenError, match=r"B/02/0/0: its pixels are .*; uint8 and uint16 are read, convert"):
        reader().open(plate.folder)


def test_a_folder_of_plates_is_an_experiment_and_so_are_its_folders(tmp_path: Path) -> None:
    root = tmp_path / "screen"
    (root / "notes").mkdir(parents=True)
    for seed, (place, zarr_format, name) in enumerate(
        [
            ("p10.ome.zarr", 3, None),
            ("p2.zarr", 2, None),
            ("day2/plate", 2, "P1"),
            ("day1/b.zarr", 3, "P1"),
        ]
    ):
        Plate(root / place, zarr_format, name).well("A/1", {"0": pixels(seed)})
    assert reader().recognises(root)
    screen = reader().open(root)
    assert screen.sites["site_id"].to_list() == [
        "screen_p2_A01_0",
        "screen_p10_A01_0",
        "day1_P1_A01_0",
        "day2_P1_A01_0",
    ]
    np.testing.assert_array_equal(read(screen), np.stack([pixels(seed)[0, :, 0] for seed in (1, 0, 3, 2)]))
    assert reader(plate_name="store").open(root).sites["plate"].to_list() == ["p2", "p10", "b", "plate"]


def test_stores_that_are_no_plates_are_listed(tmp_path: Path) -> None:
    plate = one_well(tmp_path)
    (plate.folder.parent / "flat.zarr").mkdir()
    screen = reader().open(plate.folder.parent)
    (dropped,) = screen.dropped
    assert dropped.site_id == "screen_flat"
    assert "flat.zarr is no OME-Zarr plate" in dropped.reason
    with pytest.raises(ScreenError, match=r"flat\.zarr is no OME-Zarr plate.*; put it back, or set missing=drop"):
        reader(missing="error").open(plate.folder.parent)
    with pytest.raises(ScreenError, match=r"flat\.zarr: no OME-Zarr plate"):
        reader().open(plate.folder.parent / "flat.zarr")


def test_names_in_another_encoding_are_refused(tmp_path: Path) -> None:
    plate = one_well(tmp_path)
    other = plate.folder.with_name(os.fsdecode(b"plaque \xe9.zarr"))
    try:
        plate.folder.rename(other)
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(ScreenError, match=r"plaque \\xe9\.zarr'?: no name in UTF-8; rename the folder"):
        reader().open(other)


def test_plates_of_one_name_are_refused(tmp_path: Path) -> None:
    for place in ("a.zarr", "b.zarr"):
        Plate(tmp_path / "screen" / place, name="P1").well("A/1", {"0": pixels(0)})
    with pytest.raises(
        ScreenError, match=r"b.zarr: plate 'P1' of screen is .*a.zarr already; .*plate_name=store"
    ):
        reader().open(tmp_path / "screen")
    assert reader(plate_name="store").open(tmp_path / "screen").sites["plate"].to_list() == ["a", "b"]


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_wells_of_a_sparse_plate_of_1536(zarr_format: int, tmp_path: Path) -> None:
    plate = Plate(tmp_path / "p.zarr", zarr_format)
    plate.section["rows"] = [{"name": row_name(row)} for row in range(32)]
    plate.section["columns"] = [{"name": str(column + 1)} for column in range(48)]
    for seed, path in enumerate(("AF/48", "AA/1", "Z/9", "B/10", "B/9")):
        plate.well(path, {"0": pixels(seed)})
    screen = reader().open(plate.folder)
    assert screen.sites["well"].to_list() == ["B09", "B10", "Z09", "AA01", "AF48"]
    assert screen.dropped == ()
    np.testing.assert_array_equal(read(screen)[-1], pixels(0)[0, :, 0])


def test_acquisitions_are_a_column_and_can_be_picked(tmp_path: Path) -> None:
    plate = Plate(tmp_path / "screen" / "p.zarr")
    images = {str(seed): pixels(seed) for seed in range(4)}
    plate.well("B/02", images, acquisitions={"0": 0, "1": 0, "2": 7, "3": 7})
    screen = reader().open(plate.folder)
    assert screen.sites["acquisition"].to_list() == [0, 0, 7, 7]
    picked = reader(acquisitions=(7,), missing="error").open(plate.folder)
    assert picked.sites["site"].to_list() == [2, 3]
    np.testing.assert_array_equal(read(picked)[0], pixels(2)[0, :, 0])
    assert [one.site_id for one in picked.dropped] == ["screen_p_B02_0", "screen_p_B02_1"]
    assert picked.dropped[0].reason == "acquisition 0 is not among acquisitions=(7,)"


def test_images_without_numbers_are_counted(tmp_path: Path) -> None:
    plate = Plate(tmp_path / "p.zarr")
    plate.well("B/02", {"0_mip": pixels(0), "field-2": pixels(1)})
    screen = reader().open(plate.folder)
    assert screen.sites["site"].to_list() == [0, 1]
    assert "acquisition" not in screen.sites.columns
    plate.well("B/03", {"9" * 30: pixels(2)})
    assert reader().open(plate.folder).sites["site"].to_list() == [0, 1, 0]


def remove_well(plate: Plate) -> None:
    shutil.rmtree(plate.folder / "B" / "02")


def remove_image(plate: Plate) -> None:
    shutil.rmtree(plate.folder / "B" / "02" / "1")


def remove_array(plate: Plate) -> None:
    shutil.rmtree(plate.folder / "B" / "02" / "1" / "0")


def chunk_files(array: Path) -> list[Path]:
    files = [file for file in sorted(array.rglob("*")) if file.is_file()]
    return [file for file in files if file.name not in (".zarray", ".zattrs", "zarr.json")]


def remove_chunk(plate: Plate) -> None:
    chunk_files(plate.folder / "B" / "02" / "1" / "0")[-1].unlink()


def remove_chunks(plate: Plate) -> None:
    for file in chunk_files(plate.folder / "B" / "02" / "1" / "0"):
        file.unlink()


def list_no_image(plate: Plate) -> None:
    plate.group(plate.folder / "B" / "02", {"well": {"images": []}})


@pytest.mark.parametrize(
    ("remove", "lost", "reason"),
    [
        (remove_well, "screen_p_B02", "no well at .*02$"),
        (list_no_image, "screen_p_B02", "02/.* lists no image$"),
        (remove_image, "screen_p_B02_1", "no image at .*02/1$"),
        (remove_array, "screen_p_B02_1", "no array at .*02/1/0$"),
        (remove_chunk, "screen_p_B02_1", r"^1 of 12 chunks missing in .*02/1/0: '(c/)?0.2.0.1.1'; the copy is"),
        (remove_chunks, "screen_p_B02_1", "^12 of 12 chunks missing"),
    ],
)
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_what_is_listed_and_not_there_is_dropped_with_a_reason(
    zarr_format: int, remove: Callable[[Plate], None], lost: str, reason: str, tmp_path: Path
) -> None:
    plate = one_well(tmp_path, zarr_format)
    plate.well("C/03", {"0": pixels(2)})
    remove(plate)
    screen = reader().open(plate.folder)
    (dropped,) = screen.dropped
    assert dropped.site_id == lost
    assert re.search(reason, dropped.reason)
    np.testing.assert_array_equal(read(screen)[-1], pixels(2)[0, :, 0])
    with pytest.raises(ScreenError, match=re.escape(f"{lost}: {dropped.reason}; put it back")):
        reader(missing="error").open(plate.folder)


def test_unknown_codecs_are_named_when_pixels_are_read(tmp_path: Path) -> None:
    screen = reader().open(one_well(tmp_path, filters=[Delta(dtype="u2")]).folder)
    with pytest.raises(ImageError, match=r"site screen_p_B02_0 cannot be read \(.*filters are not supported\)"):
        read(screen)


def test_nothing_left_is_refused(tmp_path: Path) -> None:
    plate = one_well(tmp_path)
    remove_well(plate)
    with pytest.raises(ScreenError, match=r"no site of its plates can be used, e\.g\. screen_p_B02: no well at"):
        reader().open(plate.folder)
    plate.section["wells"] = []
    plate.write()
    with pytest.raises(ScreenError, match=r"p\.zarr: no site of its plates can be used; check"):
        reader().open(plate.folder)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_chunks_that_a_writer_left_out_are_black_where_that_is_said(zarr_format: int, tmp_path: Path) -> None:
    plate = Plate(tmp_path / "p.zarr", zarr_format)
    image = pixels(0)
    image[0, 1, 0, :16] = 0
    plate.well("B/02", {"0": image})
    with pytest.raises(ScreenError, match=r"2 of 12 chunks missing in .* absent_chunks=fill reads them"):
        reader().open(plate.folder)
    screen = reader(absent_chunks="fill").open(plate.folder)
    np.testing.assert_array_equal(read(screen)[0], image[0, :, 0])


def test_black_chunks_inside_a_shard_are_none_that_were_lost(tmp_path: Path) -> None:
    plate = Plate(tmp_path / "p.zarr", 3, **SHARDS)
    image = pixels(0)
    image[0, 1] = 0
    plate.well("B/02", {"0": image})
    np.testing.assert_array_equal(read(reader().open(plate.folder))[0], image[0, :, 0])


def cut(array: Path) -> None:
    file = chunk_files(array)[3]
    file.write_bytes(file.read_bytes()[:-9])


def empty(array: Path) -> None:
    chunk_files(array)[3].write_bytes(b"")


def flip(array: Path) -> None:
    file = chunk_files(array)[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def lose_chunk(array: Path) -> None:
    chunk_files(array)[3].unlink()


def lose_metadata(array: Path) -> None:
    for file in (*array.glob(".z*"), *array.glob("zarr.json")):
        file.unlink()


def break_metadata(array: Path) -> None:
    for file in (*array.glob(".zarray"), *array.glob("zarr.json")):
        file.write_text("{")


def rewrite(shape: tuple[int, ...], dtype: str) -> Callable[[Path], None]:
    def write(array: Path) -> None:
        shutil.rmtree(array)
        zarr.create_array(array, data=pixels(0, shape, dtype), zarr_format=3 if "v3" in str(array) else 2)

    return write


DAMAGES = {
    "cut": cut,
    "empty": empty,
    "lose_chunk": lose_chunk,
    "lose_metadata": lose_metadata,
    "break_metadata": break_metadata,
    "another_shape": rewrite((1, 3, 1, 20, 31), "uint16"),
    "another_dtype": rewrite((1, 3, 1, 20, 30), "uint8"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("compressors", ["auto", None])
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_damage_after_opening_names_array_and_site(
    zarr_format: int, compressors: str | None, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    plate = one_well(tmp_path / f"v{zarr_format}", zarr_format, compressors=compressors)
    screen = reader().open(plate.folder)
    array = plate.folder / "B" / "02" / "1" / "0"
    damage(array)
    np.testing.assert_array_equal(screen.store.read(np.array([0]))[0], pixels(0)[0, :, 0])
    with pytest.raises(ImageError, match=f"^{re.escape(str(array))}: site screen_p_B02_1 cannot be read"):
        read(screen)


@pytest.mark.parametrize(
    "array", [{"compressors": [zarr.codecs.Crc32cCodec()]}, SHARDS], ids=["crc32c", "shards"]
)
def test_wrong_checksums_are_found(array: Json, tmp_path: Path) -> None:
    if "shards" in array:
        array = {**array, "compressors": [zarr.codecs.Crc32cCodec()]}
    plate = one_well(tmp_path, 3, **array)
    screen = reader().open(plate.folder)
    flip(plate.folder / "B" / "02" / "1" / "0")
    with pytest.raises(ImageError, match=r"02/1/0: site screen_p_B02_1 cannot be read \(.*checksum"):
        read(screen)


@pytest.mark.parametrize(("shape", "dtype"), [((1, 3, 1, 20, 31), "uint16"), ((1, 3, 1, 20, 30), "uint8")])
def test_sites_of_another_kind_are_refused(shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    plate = one_well(tmp_path)
    plate.well("C/03", {"0": pixels(2, shape, dtype)})
    message = (
        f"C/03/0/0: site screen_p_C03_0 is 3 x 20 x {shape[-1]} {dtype}, but the screen's first site screen_p_"
    )
    with pytest.raises(ImageError, match=message):
        reader().open(plate.folder)


def test_channels_have_labels_or_numbers(tmp_path: Path) -> None:
    plate = one_well(tmp_path)
    assert reader().open(plate.folder).channels == CHANNELS
    for folder in (plate.folder / "B" / "02" / name for name in "01"):
        plate.image(folder, pixels(0), labels=("DNA", None, ""))
    assert reader().open(plate.folder).channels == ("DNA", "c1", "c2")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ("DNA", "actin", "golgi"),
            r"02/1: its channels are 'DNA', 'actin', 'golgi', but those of .*02/0 are 'DNA",
        ),
        (
            ("DNA", "actin"),
            r"omero.channels are 'DNA', 'actin', and the image has 3; give each channel one label",
        ),
        (("DNA", "DNA", "actin"), r"omero.channels are 'DNA', 'DNA', 'actin', and the image has 3"),
    ],
)
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_channels_must_agree(zarr_format: int, labels: tuple[str, ...], message: str, tmp_path: Path) -> None:
    plate = one_well(tmp_path, zarr_format)
    plate.image(plate.folder / "B" / "02" / "1", pixels(0), labels=labels)
    with pytest.raises(ScreenError, match=message):
        reader().open(plate.folder)


def test_stains_belong_to_channels(tmp_path: Path) -> None:
    plate = one_well(tmp_path)
    stains = {"DNA": "Hoechst 33342"}
    assert reader(stains=stains).open(plate.folder).stains == stains
    with pytest.raises(ScreenError, match=r"option stains names channel 'dna', did you mean|'dna'; the channels"):
        reader(stains={"dna": "Hoechst"}).open(plate.folder)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_treatments_come_from_attributes_and_then_from_the_map(zarr_format: int, tmp_path: Path) -> None:
    plate = Plate(tmp_path / "screen" / "p.zarr", zarr_format, name="P1")
    plate.well("B/02", {"0": pixels(0)}, perturbation="TP53", role="treatment")
    plate.well("B/03", {"0": pixels(1)}, perturbation="KIF11", cell_type="HeLa")
    plate.write(cell_type="U2OS")
    columns = ("well", "perturbation", "role", "cell_type")
    assert reader().open(plate.folder).sites.select(columns).rows() == [
        ("B02", "TP53", "treatment", "U2OS"),
        ("B03", "KIF11", "unknown", "HeLa"),
    ]
    layout = tmp_path / "screen" / "map.csv"
    layout.write_text("plate,well,perturbation,role,dose\nP1,B3,PLK1,positive_control,5\nP9,B2,x,treatment,1\n")
    for path in (plate.folder, plate.folder.parent):
        screen = reader(layout="map.csv").open(path)
        assert screen.sites.select(*columns, "dose").rows() == [
            ("B02", "TP53", "treatment", "U2OS", None),
            ("B03", "PLK1", "positive_control", "HeLa", "5"),
        ]
    assert reader(layout=str(layout)).open(plate.folder).sites["dose"].to_list() == [None, "5"]
    with pytest.raises(ScreenError, match=r"screen/absent\.csv: file not found"):
        reader(layout="absent.csv").open(plate.folder)


def test_treatments_must_be_words_and_roles_known(tmp_path: Path) -> None:
    plate = Plate(tmp_path / "p.zarr")
    folder = plate.well("B/02", {"0": pixels(0)}, role="dmso")
    with pytest.raises(ScreenError, match=r"B/02/0: role 'dmso' is unknown; allowed are treatment"):
        reader().open(plate.folder)
    plate.group(folder, {"well": {"images": [{"path": "0"}]}}, perturbation=5)
    with pytest.raises(ScreenError, match=r"02/.zattrs: perturbation: .*valid string, found 5; mend"):
        reader().open(plate.folder)


Change = Callable[[Plate], None]


def section(**changes: object) -> Change:
    def change(plate: Plate) -> None:
        plate.section.update(changes)
        plate.write()

    return change


def well_lists(*images: Json) -> Change:
    return lambda plate: plate.group(plate.folder / "B" / "02", {"well": {"images": list(images)}})


def image_says(**ome: object) -> Change:
    return lambda plate: plate.group(plate.folder / "B" / "02" / "0", ome)


def array_says(**changes: object) -> Change:
    def change(plate: Plate) -> None:
        file = plate.folder / "B" / "02" / "0" / "0" / ".zarray"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def file_is(name: str, content: bytes) -> Change:
    def change(plate: Plate) -> None:
        (plate.folder / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (section(version="0.3"), ".zattrs: OME-NGFF version '0.3'; convert the plate to 0.4 or 0.5"),
        (section(wells=[{"path": "../../etc"}]), "plate.wells.0.path: String should match pattern"),
        (section(wells=[{"path": "B/.."}]), "found 'B/..'; mend the metadata"),
        (section(wells=[{"path": "B/02", "rowIndex": 1}]), "well B/02 has rowIndex 1 and columnIndex None"),
        (section(wells=[{"path": "B/02", "columnIndex": -1}]), "plate.wells.0.columnIndex: Input should be"),
        (section(rows=[{"name": "A"}]), "well B/02 has rowIndex 0 and columnIndex 0, which are another row"),
        (section(wells=[{"path": "B/02"}, {"path": "B/2"}]), "well B02 is listed as B/02 and as B/2; keep one"),
        (section(wells=[{"path": "1/2"}]), ".zattrs: '12' is no well; wells are a row letter"),
        (section(rows=None), "plate.rows: Input should be a valid tuple, found None"),
        (well_lists({"path": ".."}), "well.images.0.path: String should match pattern"),
        (well_lists({"path": "../03/0"}), "found '../03/0'; mend the metadata"),
        (well_lists({"path": "0", "acquisition": "a"}), "well.images.0.acquisition: Input should be a valid int"),
        (well_lists({"path": "0"}, {"path": "0"}), "site 'screen_p_B02_0' stands already at"),
        (image_says(), "02/0/.zattrs: multiscales: Field required"),
        (image_says(multiscales=[]), "multiscales: Tuple should have at least 1 item"),
        (
            image_says(multiscales=[{"axes": [{"name": "y"}], "datasets": [{"path": "/etc/x"}]}]),
            "multiscales.0.datasets.0.path: String should match pattern",
        ),
        (
            image_says(multiscales=[{"axes": [{"name": "y"}], "datasets": [{"path": "a/../../x"}]}]),
            "found 'a/../../x'; mend",
        ),
        (array_says(shape=[1, 3, 1, 0, 30]), "0/.zarray: shape.3: Input should be greater than 0, found 0"),
        (array_says(shape=[1, 3, 1, 9000, 9000]), "0/0: its sites are 9000 x 9000 pixels, and at most"),
        (array_says(chunks=[1, 1, 1, 60000, 60000]), "its sites or chunks take 7200000000 bytes, and at most"),
        (array_says(shape=[1, 3, 1, 999, 999], chunks=[1] * 5), "lie in more than 65536 chunks each"),
        (array_says(dtype=[["a", "<u2"]]), "0/.zarray: dtype: Input should be a valid string"),
        (file_is(".zattrs", b'{"plate": {"rows"'), ".zattrs: no JSON (EOF while parsing"),
        (file_is(".zattrs", b'{"plate":' + b"[" * 100_000), ".zattrs: no JSON (recursion limit"),
        (file_is("B/02/.zattrs", b"[1]"), "02/.zattrs: no JSON object; copy the store again"),
        (file_is("B/02/0/.zattrs", b"\xff\xfe{"), "0/.zattrs: no JSON ("),
        (file_is("B/02/0/.zattrs", b" " * (16 * 1024**2 + 1)), "longer than 16777216 bytes"),
    ],
)
def test_faulty_metadata_are_named(change: Change, message: str, tmp_path: Path) -> None:
    plate = one_well(tmp_path)
    change(plate)
    with pytest.raises(ScreenError, match=re.escape(message)):
        reader().open(plate.folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"plate": 3', b'{"a": 1}', b"\xff"])
@pytest.mark.parametrize("name", [".zattrs", "zarr.json"])
def test_other_folders_are_not_recognised(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "in" / "it.zarr").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "in", tmp_path / "in" / "it.zarr"):
        (folder / name).write_bytes(content)
        assert not reader().recognises(tmp_path)
        with pytest.raises(InputError):
            reader().open(tmp_path)


def test_opening_opens_no_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plate = one_well(tmp_path)
    monkeypatch.setattr("deepnoise_plugins.ome_zarr.store.tensorstore.open", None)
    assert reader().open(plate.folder).store.shape == (3, 20, 30)


def test_later_versions_are_refused(tmp_path: Path) -> None:
    plate = one_well(tmp_path, 3)
    plate.group(plate.folder, {"version": "0.6", "plate": plate.section})
    with pytest.raises(
        ScreenError, match=r"zarr\.json: OME-NGFF version '0\.6'; convert the plate to 0\.4 or 0\.5"
    ):
        reader().open(plate.folder)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_more_sites_than_are_read_at_once(zarr_format: int, tmp_path: Path) -> None:
    plate = Plate(tmp_path / "p.zarr", zarr_format)
    images = {str(seed): pixels(seed, (1, 1, 1, 6, 5)) for seed in range(5)}
    plate.list_well("A/1")
    for seed, image in images.items():
        plate.image(plate.folder / "A" / "1" / seed, image, labels=None)
    plate.group(plate.folder / "A" / "1", {"well": {"images": [{"path": seed} for seed in images]}})
    for column in range(2, 11):
        plate.list_well(f"A/{column}")
        shutil.copytree(plate.folder / "A" / "1", plate.folder / "A" / str(column))
    screen = reader().open(plate.folder)
    order = np.random.default_rng(0).permutation(50)
    assert len(screen) == 50 > 3 * SITES_AT_ONCE
    expected = np.stack(list(images.values()))[order % 5, 0, :, 0]
    np.testing.assert_array_equal(screen.store.read(order), expected)
