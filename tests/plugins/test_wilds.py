"""RxRx1 as WILDS cut it: the metadata of the public release, and one RGB image a site."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deepnoise_core.contracts.errors import ImageError, ScreenError
from deepnoise_plugins.rxrx1.options import RxRx1Options
from deepnoise_plugins.rxrx1.reader import RxRx1Reader

METADATA = """site_id,well_id,cell_type,dataset,experiment,plate,well,site,well_type,sirna,sirna_id
HUVEC-01_1_B02_1,HUVEC-01_1_B02,HUVEC,train,HUVEC-01,1,B02,1,negative_control,EMPTY,1138
HUVEC-01_1_B02_2,HUVEC-01_1_B02,HUVEC,train,HUVEC-01,1,B02,2,negative_control,EMPTY,1138
HEPG2-08_3_M23_1,HEPG2-08_3_M23,HEPG2,val,HEPG2-08,3,M23,1,treatment,s15652,513
HEPG2-08_3_M23_2,HEPG2-08_3_M23,HEPG2,val,HEPG2-08,3,M23,2,treatment,s15652,513
"""
FILES = [
    "HUVEC-01/Plate1/B02_s1.png",
    "HUVEC-01/Plate1/B02_s2.png",
    "HEPG2-08/Plate3/M23_s1.png",
    "HEPG2-08/Plate3/M23_s2.png",
]


def reader(**options: object) -> RxRx1Reader:
    return RxRx1Reader(RxRx1Options.model_validate(options))


def rgb(seed: int, side: int = 256) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.fixture
def wilds(tmp_path: Path) -> Path:
    (tmp_path / "metadata.csv").write_text(METADATA)
    for seed, name in enumerate(FILES):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb(seed)).save(file)
    return tmp_path


def test_three_channels_of_one_file(wilds: Path) -> None:
    assert reader().recognises(wilds)
    screen = reader().open(wilds)
    assert screen.channels == ("nuclei", "endoplasmic_reticulum", "actin")
    assert screen.stains == {
        "nuclei": "Hoechst",
        "endoplasmic_reticulum": "concanavalin A",
        "actin": "phalloidin",
    }
    assert screen.sites["dataset"].to_list() == ["train", "train", "val", "val"]
    assert screen.dropped == ()
    assert screen.store.shape == (3, 256, 256)
    expected = np.stack([rgb(seed).transpose(2, 0, 1) for seed in range(4)])
    np.testing.assert_array_equal(screen.store.read(np.arange(4)), expected)
    taken = screen.take([3, 1])
    np.testing.assert_array_equal(taken.store.read(np.arange(2)), expected[[3, 1]])


def test_each_image_is_decoded_once(wilds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import imagecodecs

    decoded: list[int] = []
    decode = imagecodecs.png_decode

    def count(content: bytes) -> Any:
        decoded.append(len(content))
        return decode(content)

    monkeypatch.setattr("deepnoise_core.data.decoding.png.imagecodecs.png_decode", count)
    reader().open(wilds).store.read(np.arange(4))
    assert len(decoded) == 4


def test_missing_images_are_listed(wilds: Path) -> None:
    (wilds / "images" / FILES[1]).unlink()
    screen = reader().open(wilds)
    (dropped,) = screen.dropped
    assert dropped.site_id == "HUVEC-01_1_B02_2"
    folder = wilds / "images" / "HUVEC-01" / "Plate1"
    assert dropped.reason == f"1 of 1 images missing in {folder}: B02_s2.png"
    np.testing.assert_array_equal(screen.store.read(np.array([1]))[0], rgb(2).transpose(2, 0, 1))
    with pytest.raises(
        ScreenError, match=re.escape("metadata.csv:3: site HUVEC-01_1_B02_2: 1 of 1 images missing")
    ):
        reader(missing="error").open(wilds)


def test_a_missing_plate_does_not_hide_the_format(wilds: Path) -> None:
    (wilds / "images" / "HUVEC-01").rename(wilds / "elsewhere")
    screen = reader().open(wilds)
    assert screen.channels[-1] == "actin"
    assert screen.sites["site_id"].to_list() == ["HEPG2-08_3_M23_1", "HEPG2-08_3_M23_2"]


def test_without_images_six_channels_are_meant(wilds: Path) -> None:
    (wilds / "images").rename(wilds / "elsewhere")
    screen = reader().open(wilds)
    assert len(screen) == 4
    assert screen.stains["golgi"] == "wheat-germ agglutinin"
    assert screen.channels == tuple(screen.stains)
    with pytest.raises(ImageError, match=r"images folder .* not found"):
        screen.store.read(np.array([0]))


def test_images_of_two_releases_in_one_folder_are_refused(wilds: Path) -> None:
    Image.fromarray(rgb(0)[:, :, 0]).save(wilds / "images" / "HUVEC-01" / "Plate1" / "B02_s1_w1.png")
    with pytest.raises(ScreenError, match=r"Plate1: holds both B02_s1_w1\.png and B02_s1\.png"):
        reader().open(wilds)


def grey(file: Path) -> None:
    Image.fromarray(rgb(0)[:, :, 0]).save(file)


def small(file: Path) -> None:
    Image.fromarray(rgb(0, side=128)).save(file)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (grey, r"page 1 is asked for, and a greyscale PNG has page 0 alone"),
        (small, r"128 x 128 uint8, but the screen's first"),
        (cut, r"the file is cut"),
    ],
)
def test_images_that_are_not_alike_are_named(damage: Callable[[Path], None], message: str, wilds: Path) -> None:
    file = wilds / "images" / FILES[2]
    damage(file)
    screen = reader().open(wilds)
    with pytest.raises(ImageError, match=f"{re.escape(str(file))}: .*{message}"):
        screen.store.read(np.arange(4))


def test_real_images_cut_as_wilds_cut_them(shared: Callable[[str], Path], tmp_path: Path) -> None:
    six = reader().open(shared("rxrx1_images"))
    pixels = six.store.read(np.arange(len(six)))[:, :3, 128:384, 128:384]
    (tmp_path / "metadata.csv").write_bytes((shared("rxrx1_images") / "metadata.csv").read_bytes())
    for site, (experiment, plate, well) in zip(
        pixels, six.sites.select("experiment", "plate", "well").iter_rows(), strict=True
    ):
        folder = tmp_path / "images" / experiment / f"Plate{plate}"
        folder.mkdir(parents=True)
        Image.fromarray(site.transpose(1, 2, 0)).save(folder / f"{well}_s1.png")
    screen = reader(sites=(1,)).open(tmp_path)
    assert screen.sites.equals(six.sites)
    np.testing.assert_array_equal(screen.store.read(np.arange(len(screen))), pixels)
