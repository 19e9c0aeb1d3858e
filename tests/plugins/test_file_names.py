"""Folders of named images open without a table, and whatever is ambiguous is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tifffile
from pydantic import ValidationError

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError, ScreenError
from deepnoise_plugins.file_names.conventions import CONVENTIONS
from deepnoise_plugins.file_names.options import FileNamesOptions
from deepnoise_plugins.file_names.reader import FileNamesReader

Make = Callable[..., Path]


def reader(**options: Any) -> FileNamesReader:
    return FileNamesReader(FileNamesOptions(**options))


def pixels(number: int) -> Any:
    return np.full((4, 6), number, dtype=np.uint16)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes TIFFs; every pixel of the i-th is i."""

    def write(*names: str) -> Path:
        root = tmp_path / "screen"
        for number, name in enumerate(names):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(root / name, pixels(number), metadata=None)
        return root

    return write


def places(screen: Screen) -> list[tuple[Any, ...]]:
    return screen.sites.select("experiment", "plate", "well", "site").rows()


def values(screen: Screen) -> list[list[int]]:
    """The pixel of each site and channel."""
    read: list[list[int]] = screen.store.read(np.arange(len(screen)))[:, :, 0, 0].tolist()
    return read


HERE = "screen"
KNOWN: dict[str, tuple[tuple[str, ...], list[tuple[Any, ...]], tuple[str, ...]]] = {
    "ImageXpress": (
        ("Week1_B02_s1_w1.TIF", "Week1_B02_s1_w2.TIF", "Week1_B02_s2_w1.TIF", "Week1_B02_s2_w2.TIF"),
        [(HERE, "Week1", "B02", 1), (HERE, "Week1", "B02", 2)],
        ("w1", "w2"),
    ),
    "ImageXpress with previews and keys": (
        (
            "P1/TimePoint_1/x_AA02_w1F89C55CA-1234-4844-8D6F-E6A4C0F9C5D8.tif",
            "P1/TimePoint_1/x_AA02_w2F89C55CA-1234-4844-8D6F-E6A4C0F9C5D9.tif",
            "P1/TimePoint_1/x_AA02_w1_thumb5F1A7B2C-1234-4844-8D6F-E6A4C0F9C5D9.tif",
        ),
        [(HERE, "P1", "AA02", 1)],
        ("w1", "w2"),
    ),
    "Harmony": (
        tuple(f"Exp1/Plate7/Images/r02c11f0{site}p01-ch{c}sk1fk1fl1.tiff" for site in (1, 2) for c in (1, 10, 2)),
        [("Exp1", "Plate7", "B11", 1), ("Exp1", "Plate7", "B11", 2)],
        ("ch1", "ch2", "ch10"),
    ),
    "CellVoyager": (
        tuple(f"Assay_{well}_T0001F003L01A01Z01C0{c}.tif" for well in ("B02", "C02") for c in (1, 2)),
        [(HERE, "Assay", "B02", 3), (HERE, "Assay", "C02", 3)],
        ("C01", "C02"),
    ),
    "Gen5": (
        (
            "P2/B7_01_2_3_DAPI_001.tif",
            "P2/B7_01_1_3_GFP_001.tif",
            "P10/B7_01_2_1_DAPI_001.tif",
            "P10/B7_01_1_1_GFP_001.tif",
        ),
        [(HERE, "P2", "B07", 3), (HERE, "P10", "B07", 1)],
        ("GFP", "DAPI"),
    ),
    "Cellomics": (
        ("AS_1_D03f00d0.tif", "AS_1_D03f00d1.tif"),
        [(HERE, "AS_1", "D03", 0)],
        ("d0", "d1"),
    ),
    "IN Cell": (
        ("B - 02(fld 1 wv DAPI - DAPI).tif", "B - 02(fld 1 wv FITC - FITC).tif"),
        [(HERE, HERE, "B02", 1)],
        ("DAPI - DAPI", "FITC - FITC"),
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_names_of_microscopes_are_read(name: str, make: Make) -> None:
    files, expected, channels = KNOWN[name]
    root = make(*files)
    assert reader().recognises(root)
    screen = reader().open(root)
    assert places(screen) == expected
    assert screen.channels == channels
    assert screen.dropped == ()
    assert screen.store.read(np.arange(len(screen))).shape == (len(expected), len(channels), 4, 6)


def test_pixels_are_those_of_site_and_channel(make: Make) -> None:
    screen = reader().open(make(*KNOWN["Gen5"][0]))
    assert values(screen) == [[1, 0], [3, 2]]


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda one: one.name)
def test_every_example_follows_its_own_convention_alone(convention: Any, make: Make) -> None:
    files = pl.Series([convention.example])
    assert [one.name for one in CONVENTIONS if one.follows(files).all()] == [convention.name]


def test_folders_name_plates_and_experiments(make: Make) -> None:
    names = ("a/b/P1/Images/x_B02_s1_w1.tif", "P2/y_B2_s1_w1.tif", "z_B02_s1_w1.tif")
    assert places(reader().open(make(*names))) == [
        ("a_b", "P1", "B02", 1),
        (HERE, "P2", "B02", 1),
        (HERE, "z", "B02", 1),
    ]


def test_a_pattern_reads_any_name(make: Make) -> None:
    root = make("E1/day1/p7-2-3-x1-red.tif", "E1/day1/p7-2-3-x1-green.tif", "E1/day1/notes.tif")
    assert not reader().recognises(root)
    pattern = r"(?P<plate>p\d+)-(?P<row>\d+)-(?P<col>\d+)-x(?P<site>\d+)-(?P<channel>[a-z]+)"
    screen = reader(pattern=pattern).open(root)
    assert places(screen) == [("E1_day1", "p7", "B03", 1)]
    assert screen.channels == ("green", "red")
    assert [site.site_id for site in screen.dropped] == ["E1/day1/notes.tif"]
    named = reader(pattern=r"(?P<experiment>[^/]+)/[^/]+/" + pattern).open(root)
    assert places(named) == [("E1", "p7", "B03", 1)]


def test_channels_are_chosen_named_and_ordered(make: Make) -> None:
    root = make("B02_s1_w1.tif", "B02_s1_w2.tif", "B02_s1_w3.tif")
    screen = reader(channels={"actin": "w3", "DNA": "w1"}, stains={"DNA": "Hoechst"}).open(root)
    assert screen.channels == ("actin", "DNA")
    assert values(screen) == [[2, 0]]
    assert screen.stains == {"DNA": "Hoechst"}


def test_sites_that_lack_a_channel_are_dropped_or_refused(make: Make) -> None:
    root = make("B02_s1_w1.tif", "B02_s1_w2.tif", "B02_s2_w1.tif")
    screen = reader().open(root)
    assert len(screen) == 1
    assert [(site.site_id, "none named for w2" in site.reason) for site in screen.dropped] == [
        ("screen_screen_B02_2", True)
    ]
    with pytest.raises(ScreenError, match=r"site screen_screen_B02_2: 1 of 2 images missing.*missing=drop"):
        reader(missing="error").open(root)


def test_a_plate_map_tells_perturbations(make: Make) -> None:
    root = make("B02_s1_w1.tif", "C02_s1_w1.tif")
    (root / "map.csv").write_text("well,perturbation,role\nB2,TP53,treatment\nC2,,negative_control\n")
    assert not reader().recognises(root)
    screen = reader(layout="map.csv").open(root)
    assert screen.sites["perturbation"].to_list() == ["TP53", None]
    assert screen.sites["role"].to_list() == ["treatment", "negative_control"]


SECTIONS = tuple(f"x_B02_T000{t}F001L01A01Z0{z}C01.tif" for t in (1, 2) for z in (1, 2, 3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"several z planes \(1, 2, 3\); pick one with the option z, e.g. z=1"),
        ({"z": 2}, r"several time points \(1, 2\); pick one with the option t, e.g. t=1"),
        ({"z": 4, "t": 1}, "no image is of z=4; the z planes are 1, 2, 3"),
    ],
)
def test_several_sections_are_refused(options: dict[str, int], message: str, make: Make) -> None:
    with pytest.raises(ScreenError, match=message):
        reader(**options).open(make(*SECTIONS))


def test_one_section_is_picked(make: Make) -> None:
    assert values(reader(z=2, t=2).open(make(*SECTIONS))) == [[4]]


def test_folders_number_sections(make: Make) -> None:
    root = make(*(f"P/TimePoint_1/ZStep_{z}/x_B02_s1_w1.tif" for z in (1, 2)))
    with pytest.raises(ScreenError, match="several z planes"):
        reader().open(root)
    assert values(reader(z=2).open(root)) == [[1]]


REFUSED: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "unknown names": (("a.tif", "b.tif"), {}, "e.g. 'a.tif', follow no convention .* option pattern"),
    "pattern of nothing": (("a.tif",), {"pattern": "(?P<well>B02)"}, "e.g. 'a' is not"),
    "look-around": (("B02.tif",), {"pattern": "(?P<well>B02)(?=x)"}, "pattern is not understood"),
    "well that is none": (("B00_s1_w1.tif",), {}, "B00_s1_w1.tif: 'B00' is no well"),
    "row that is none": (("r00c01.tif",), {"pattern": r"r(?P<row>\d+)c(?P<col>\d+)"}, "'00, 01' is no well"),
    "site that is none": (
        ("B02_x.tif",),
        {"pattern": "(?P<well>B02)_(?P<site>x)"},
        "B02_x.tif: site is 'x', not a whole number",
    ),
    "two files a plane": (
        ("P/1_B02_s1_w1.tif", "P/2_B02_s1_w1.tif"),
        {},
        "P/1_B02_s1_w1.tif and P/2_B02_s1_w1.tif are the same channel of the same site",
    ),
    "channel that is not there": (("B02_s1_w1.tif",), {"channels": {"a": "W1"}}, "'W1'.*the images have 'w1'"),
    "stain of no channel": (("B02_s1_w1.tif",), {"stains": {"w2": "a"}}, "names channel 'w2'"),
    "no whole site": (("B02_s1_w1.tif", "B02_s2_w2.tif"), {}, "none of its 2 sites has all 2 channels"),
    "channel in some names": (
        ("B02_w1.tif", "B03.tif"),
        {"pattern": "(?P<well>B0[23])(?:_(?P<channel>w1))?"},
        "B03.tif: its name gives no channel",
    ),
    "no image": (("B02_s1_w1.txt",), {}, "no PNG or TIFF image"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_not_clear_is_refused(fault: str, make: Make) -> None:
    files, options, message = REFUSED[fault]
    root = make(*files)
    with pytest.raises(ScreenError, match=message) as error:
        reader(**options).open(root)
    assert str(root) in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "no regular expression"),
        ("(?P<wel>B02)", "the group wel; known are well"),
        ("B02", "needs the group well"),
    ],
)
def test_impossible_patterns_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        reader(pattern=pattern)


def test_two_channels_from_the_same_files_are_refused() -> None:
    with pytest.raises(ValidationError, match="two channels from the same files"):
        reader(channels={"DNA": "w1", "actin": "w1"})


@pytest.mark.parametrize(
    "name", ["metadata.csv", "load_data.CSV", "x.parquet", "zarr.json", ".zattrs", "index.tsv.gz"]
)
def test_folders_of_other_readers_are_left_to_them(name: str, make: Make) -> None:
    root = make("B02_s1_w1.tif")
    assert reader().recognises(root)
    (root / name).touch()
    assert not reader().recognises(root)


def test_strange_names_are_recorded_while_few(make: Make) -> None:
    names = [f"B{well:02}_s1_w1.tif" for well in range(1, 11)]
    root = make(*names, "overview.png", "._B01_s1_w1.tif")
    assert reader().recognises(root)
    assert [site.site_id for site in reader().open(root).dropped] == ["overview.png"]
    (root / "second.png").touch()
    assert not reader().recognises(root)


def test_circle_of_folders_is_refused(make: Make) -> None:
    root = make("B02_s1_w1.tif")
    (root / "again").symlink_to(root)
    assert not reader().recognises(root)
    with pytest.raises(ScreenError, match="folders lie too deep, or in a circle"):
        reader().open(root)


STACK = np.arange(2 * 3 * 4 * 6, dtype=np.uint16).reshape(2, 3, 4, 6)


def write_ome(root: Path, *names: str, axes: str = "ZCYX", **metadata: Any) -> Path:
    root.mkdir(exist_ok=True)
    channels = {"Name": ["DNA", "actin", "golgi"]}
    for name in names:
        shape = STACK if axes == "ZCYX" else STACK[0]
        tifffile.imwrite(
            root / name, shape, ome=True, photometric="minisblack",
            metadata={"axes": axes, "Channel": channels, **metadata},
        )  # fmt: skip
    return root


def test_ome_metadata_tell_channels_and_planes(tmp_path: Path) -> None:
    root = write_ome(tmp_path / "s", "P_B02_s1.ome.tif", "P_B02_s2.ome.tif")
    assert reader().recognises(root)
    with pytest.raises(ScreenError, match="holds 2 z planes; pick one with the option z"):
        reader().open(root)
    screen = reader(z=1).open(root)
    assert screen.channels == ("DNA", "actin", "golgi")
    assert places(screen) == [("s", "P", "B02", 1), ("s", "P", "B02", 2)]
    np.testing.assert_array_equal(screen.store.read(np.array([1])), STACK[[1]])
    chosen = reader(z=0, channels={"Golgi": "golgi", "nuclei": "DNA"}).open(root)
    assert chosen.channels == ("Golgi", "nuclei")
    np.testing.assert_array_equal(chosen.store.read(np.array([0])), STACK[:1, [2, 0]])


def test_stacks_of_a_screen_hold_the_same(tmp_path: Path) -> None:
    root = write_ome(tmp_path / "s", "B02.ome.tif", axes="CYX")
    write_ome(root, "B03.ome.tif", axes="CYX", Channel={"Name": ["actin", "DNA", "golgi"]})
    with pytest.raises(
        ScreenError, match=r"B03.ome.tif: 3 pages .* of actin, DNA, golgi, but .*B02.ome.tif: 3 pages"
    ):
        reader().open(root)


def test_imagej_metadata_tell_channels(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "B02_s1.tif",
        STACK[0],
        imagej=True,
        metadata={"axes": "CYX", "Labels": ["DNA", "actin", "golgi"]},
    )
    screen = reader().open(tmp_path)
    assert screen.channels == ("DNA", "actin", "golgi")
    np.testing.assert_array_equal(screen.store.read(np.array([0])), STACK[:1])


def test_bare_pages_are_named_by_the_option(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "B02_s1.tif", STACK[0], metadata=None, photometric="minisblack")
    with pytest.raises(
        ScreenError, match="does not say what its 3 pages are; name them with the option channels"
    ):
        reader().open(tmp_path)
    screen = reader(channels={"golgi": "2", "DNA": "0"}).open(tmp_path)
    assert screen.channels == ("golgi", "DNA")
    np.testing.assert_array_equal(screen.store.read(np.array([0])), STACK[:1, [2, 0]])
    with pytest.raises(ScreenError, match="option channels names '3'"):
        reader(channels={"x": "3"}).open(tmp_path)


def test_entities_are_refused(tmp_path: Path) -> None:
    described = '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "b">]><OME>&a;</OME>'
    tifffile.imwrite(
        tmp_path / "B02_s1.ome.tif", STACK[0], description=described, photometric="minisblack", metadata=None
    )
    with pytest.raises(InputError, match="define entities"):
        reader().open(tmp_path)


def test_single_planes_are_called_as_their_ome_metadata_do(tmp_path: Path) -> None:
    for number, name in ((1, "DNA"), (2, "actin")):
        tifffile.imwrite(
            tmp_path / f"B02_s1_w{number}.ome.tif", pixels(number), ome=True,
            metadata={"axes": "YX", "Channel": {"Name": name}},
        )  # fmt: skip
    screen = reader().open(tmp_path)
    assert screen.channels == ("DNA", "actin")
    assert values(screen) == [[1, 2]]


def test_damaged_image_names_its_site(make: Make) -> None:
    root = make("B02_s1_w1.tif", "B03_s1_w1.tif")
    (root / "B03_s1_w1.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match=r"B03_s1_w1.tif: .*\(site screen_screen_B03_1\)"):
        reader().open(root).store.read(np.array([1]))


def test_real_cytation_images(shared: Callable[[str], Path]) -> None:
    folder = shared("nf1_images")
    assert reader().recognises(folder)
    screen = reader().open(folder)
    assert screen.channels == ("DAPI", "GFP", "RFP")
    wells = [("B07", 3), ("D06", 2), ("D07", 1), ("F07", 2), ("H12", 1)]
    assert places(screen) == [("nf1_images", "nf1_images", *well) for well in wells]
    read = screen.store.read(np.array([1]))
    assert read.shape == (1, 3, 904, 1224)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read[0, 1], tifffile.imread(folder / "D6_01_2_2_GFP_001.tif"))


def test_real_arrayscan_images(shared: Callable[[str], Path]) -> None:
    folder = shared("examplehuman_cc0")
    assert reader().recognises(folder)
    screen = reader().open(folder)
    assert screen.channels == ("d0", "d1", "d2")
    assert places(screen) == [("examplehuman_cc0", "AS_09125_050116030001", "D03", 0)]
    read = screen.store.read(np.array([0]))
    assert read.shape == (1, 3, 512, 512)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read[0, 2], tifffile.imread(folder / "AS_09125_050116030001_D03f00d2.tif"))
