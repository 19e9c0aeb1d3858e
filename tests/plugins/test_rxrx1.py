"""The RxRx1 reader: both releases, whole, partial and damaged."""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepnoise_core.contracts import SITE_COLUMNS, Role, Screen
from deepnoise_core.contracts.errors import ImageError, ScreenError
from deepnoise_core.contracts.protocols import Reader
from deepnoise_plugins import rxrx1
from deepnoise_plugins.rxrx1.options import RxRx1Options
from deepnoise_plugins.rxrx1.reader import RxRx1Reader

PUBLIC = """site_id,well_id,cell_type,dataset,experiment,plate,well,site,well_type,sirna,sirna_id
HUVEC-01_1_B02_1,HUVEC-01_1_B02,HUVEC,train,HUVEC-01,1,B02,1,negative_control,EMPTY,1138
HUVEC-01_1_B02_2,HUVEC-01_1_B02,HUVEC,train,HUVEC-01,1,B02,2,negative_control,EMPTY,1138
HUVEC-01_1_B03_1,HUVEC-01_1_B03,HUVEC,train,HUVEC-01,1,B03,1,treatment,s15652,513
HUVEC-01_1_C03_1,HUVEC-01_1_C03,HUVEC,train,HUVEC-01,1,C03,1,positive_control,n337250,1109
RPE-08_4_B03_1,RPE-08_4_B03,RPE,test,RPE-08,4,B03,1,treatment,,
"""
KAGGLE = {
    "train.csv": "id_code,experiment,plate,well,sirna\nHUVEC-01_1_B03,HUVEC-01,1,B03,513\n",
    "train_controls.csv": (
        "id_code,experiment,plate,well,sirna,well_type\n"
        "HUVEC-01_1_B02,HUVEC-01,1,B02,1138,negative_control\n"
        "HUVEC-01_1_C03,HUVEC-01,1,C03,1109,positive_control\n"
    ),
    "test.csv": "id_code,experiment,plate,well\nHEPG2-08_4_B03,HEPG2-08,4,B03\n",
    "test_controls.csv": (
        "id_code,experiment,plate,well,sirna,well_type\nHEPG2-08_4_B02,HEPG2-08,4,B02,UNTREATED,negative_control\n"
    ),
}


def reader(**options: object) -> RxRx1Reader:
    return RxRx1Reader(RxRx1Options.model_validate(options))


def write_public(folder: Path) -> Path:
    (folder / "metadata.csv").write_text(PUBLIC)
    for place, line in enumerate(PUBLIC.splitlines()[1:]):
        _, _, _, _, experiment, plate, well, site, *_ = line.split(",")
        write_site(folder / "images" / experiment / f"Plate{plate}", f"{well}_s{site}", place)
    return folder


def write_kaggle(folder: Path) -> Path:
    for name, text in KAGGLE.items():
        (folder / name).write_text(text)
    return folder


def write_site(plate: Path, stem: str, place: int) -> None:
    plate.mkdir(parents=True, exist_ok=True)
    for channel in range(1, 7):
        image = np.full((8, 8), 10 * place + channel, dtype=np.uint8)
        Image.fromarray(image).save(plate / f"{stem}_w{channel}.png")


def test_plugin_offers_one_reader_and_imports_nothing_heavy() -> None:
    (component,) = rxrx1.deepnoise_readers()
    assert (component.name, component.options) == ("rxrx1", RxRx1Options)
    assert component.factory == f"{RxRx1Reader.__module__}:{RxRx1Reader.__name__}"
    assert isinstance(reader(), Reader)
    code = "import sys, deepnoise_plugins.rxrx1; print({'polars', 'PIL', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_public_release(tmp_path: Path) -> None:
    assert reader().recognises(write_public(tmp_path))
    screen = reader().open(tmp_path)
    assert isinstance(screen, Screen)
    assert " ".join(screen.channels) == "nuclei endoplasmic_reticulum actin nucleoli mitochondria golgi"
    assert screen.sites.columns == [*SITE_COLUMNS, "sirna_id"]
    assert screen.sites["role"].to_list() == [
        *[Role.NEGATIVE_CONTROL] * 2,
        Role.TREATMENT,
        Role.POSITIVE_CONTROL,
        Role.TREATMENT,
    ]
    assert screen.sites["perturbation"].to_list() == ["EMPTY", "EMPTY", "s15652", "n337250", None]
    assert screen.sites["sirna_id"].to_list() == [1138, 1138, 513, 1109, None]
    assert screen.dropped == ()
    assert screen.store.shape == (6, 8, 8)
    expected = 10 * np.arange(5)[:, None] + np.arange(1, 7)
    np.testing.assert_array_equal(screen.store.read(np.arange(5))[:, :, 3, 3], expected)


@pytest.mark.parametrize("spelling", ["gz", "renamed", "Windows", "the file itself"])
def test_spellings_of_the_metadata(spelling: str, tmp_path: Path) -> None:
    path = write_public(tmp_path)
    metadata = tmp_path / "metadata.csv"
    if spelling == "gz":
        (tmp_path / "metadata.csv.gz").write_bytes(gzip.compress(metadata.read_bytes()))
        metadata.unlink()
    elif spelling == "renamed":
        metadata.rename(tmp_path / "metadata_v2.csv")
    elif spelling == "Windows":
        metadata.write_bytes(b"\xef\xbb\xbf" + PUBLIC.replace("\n", "\r\n").encode())
    else:
        path = metadata
    assert reader().recognises(path)
    assert len(reader().open(path)) == 5


def test_sites_without_all_images_are_listed(tmp_path: Path) -> None:
    plate = write_public(tmp_path) / "images" / "HUVEC-01" / "Plate1"
    for channel in (5, 6):
        (plate / f"B02_s2_w{channel}.png").unlink()
    screen = reader().open(tmp_path)
    assert "HUVEC-01_1_B02_2" not in screen.sites["site_id"]
    (dropped,) = screen.dropped
    assert dropped.site_id == "HUVEC-01_1_B02_2"
    assert dropped.reason == f"2 of 6 images missing in {plate}: B02_s2_w5.png, B02_s2_w6.png"
    np.testing.assert_array_equal(screen.store.read(np.array([1]))[0, :, 0, 0], np.arange(21, 27))
    with pytest.raises(ScreenError, match=re.escape("metadata.csv:3: site HUVEC-01_1_B02_2: 2 of 6 images")):
        reader(missing="error").open(tmp_path)


def test_missing_plate_folder_drops_its_sites(tmp_path: Path) -> None:
    write_public(tmp_path)
    (tmp_path / "images" / "RPE-08").rename(tmp_path / "elsewhere")
    screen = reader().open(tmp_path)
    assert len(screen) == 4
    assert [site.site_id for site in screen.dropped] == ["RPE-08_4_B03_1"]
    assert screen.dropped[0].reason.startswith("6 of 6 images missing")


def test_unwanted_sites_are_listed(tmp_path: Path) -> None:
    screen = reader(sites=(2,)).open(write_public(tmp_path))
    assert screen.sites["site_id"].to_list() == ["HUVEC-01_1_B02_2"]
    assert len(screen.dropped) == 4
    assert screen.dropped[0].reason == "site 1 is not among sites=(2,)"


def test_metadata_alone_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(PUBLIC)
    screen = reader().open(tmp_path)
    assert len(screen) == len(screen.store) == 5
    absent = f"images folder {tmp_path / 'images'} not found"
    with pytest.raises(ImageError, match=re.escape(absent)):
        screen.store.read(np.array([0]))
    with pytest.raises(ScreenError, match=r"images folder .* not found"):
        reader(missing="error").open(tmp_path)


def test_folder_of_images_without_any_of_them_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(PUBLIC)
    (tmp_path / "images").mkdir()
    with pytest.raises(
        ScreenError, match=r"none of the 5 listed sites can be used, e\.g\. HUVEC-01_1_B02_1: 6 of 6"
    ):
        reader().open(tmp_path)


def test_folders_are_listed_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_public(tmp_path)
    listed: list[str] = []
    scandir = os.scandir

    def record(path: str | os.PathLike[str]) -> object:
        listed.append(os.fspath(path))
        return scandir(path)

    monkeypatch.setattr("deepnoise_core.data.presence.os.scandir", record)
    reader().open(tmp_path)
    plates = [path for path in listed if "Plate" in path]
    assert len(plates) == len(set(plates)) == 2


def test_kaggle_release(tmp_path: Path) -> None:
    assert reader().recognises(write_kaggle(tmp_path))
    screen = reader().open(tmp_path)
    wells = screen.sites.unique("well_id", maintain_order=True)
    assert wells.select("well_id", "cell_type", "role", "perturbation", "dataset").rows() == [
        ("HUVEC-01_1_B03", "HUVEC", "treatment", "513", "train"),
        ("HUVEC-01_1_B02", "HUVEC", "negative_control", "1138", "train"),
        ("HUVEC-01_1_C03", "HUVEC", "positive_control", "1109", "train"),
        ("HEPG2-08_4_B03", "HEPG2", "treatment", None, "test"),
        ("HEPG2-08_4_B02", "HEPG2", "negative_control", "UNTREATED", "test"),
    ]
    assert screen.sites["site"].to_list() == [1, 2] * 5
    assert screen.sites["site_id"][3] == "HUVEC-01_1_B02_2"


def test_kaggle_images_lie_under_train_and_test(tmp_path: Path) -> None:
    write_kaggle(tmp_path)
    write_site(tmp_path / "train" / "HUVEC-01" / "Plate1", "B03_s1", 3)
    write_site(tmp_path / "test" / "HEPG2-08" / "Plate4", "B03_s2", 7)
    screen = reader().open(tmp_path)
    assert screen.sites["site_id"].to_list() == ["HUVEC-01_1_B03_1", "HEPG2-08_4_B03_2"]
    assert len(screen.dropped) == 8
    assert screen.store.read(np.arange(2))[:, 0, 0, 0].tolist() == [31, 71]


def test_kaggle_parts_alone_and_one_site(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(KAGGLE["test.csv"])
    screen = reader(sites=(2,)).open(tmp_path)
    assert screen.sites["site_id"].to_list() == ["HEPG2-08_4_B03_2"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("well_type", "kind", "metadata.csv:1: column 'well_type' is missing; the file has 'site_id'"),
        ("treatment,s15652", "dmso,s15652", "metadata.csv:4: role 'dmso' is unknown; allowed are treatment"),
        (
            "HUVEC-01_1_B02_2,",
            "HUVEC-01_1_B02_1,",
            "metadata.csv:3: site 'HUVEC-01_1_B02_1' stands already at",
        ),
        (
            "RPE,test,RPE-08",
            "RPE,test,../x",
            "metadata.csv:6: experiment '../x' cannot be part of a file name",
        ),
        ("RPE,test,RPE-08", "RPE,test,..", "metadata.csv:6: experiment '..' cannot be part of a file name"),
        ("1,C03,1", "1,a\\C03,1", "metadata.csv:5: well 'a\\\\C03' cannot be part of a file name"),
        ("1,C03,1", "1,C03,one", "metadata.csv:5: site is 'one'"),
        ("1,C03,1", "1,,1", "metadata.csv:5: well is empty"),
        ("513", "s513", "metadata.csv:4: sirna_id is 's513'; give a whole number"),
        (PUBLIC, "", "metadata.csv: the file is empty"),
    ],
)
def test_public_faults_are_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in PUBLIC
    (tmp_path / "metadata.csv").write_text(PUBLIC.replace(old, new))
    with pytest.raises(ScreenError, match=re.escape(message)):
        reader().open(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "train.csv",
            "id_code,experiment,plate,well\na,HUVEC-01,1,B03\n",
            "train.csv:1: column 'sirna' is missing",
        ),
        ("train.csv", KAGGLE["train.csv"].replace("513", ""), "train.csv:2: sirna (empty) is no label"),
        (
            "test.csv",
            KAGGLE["test.csv"].replace("HEPG2-08,", "HEPG2,"),
            "test.csv:2: experiment 'HEPG2' does not tell",
        ),
        (
            "test.csv",
            KAGGLE["test.csv"].replace("HEPG2-08,", "../a-1,"),
            "test.csv:2: experiment '../a-1' cannot be",
        ),
        ("test.csv", KAGGLE["test.csv"].replace("HEPG2-08,", ","), "test.csv:2: experiment is empty"),
        (
            "test_controls.csv",
            KAGGLE["test_controls.csv"].replace("negative", "bad"),
            "test_controls.csv:2: role 'bad_",
        ),
        (
            "train_controls.csv",
            KAGGLE["train_controls.csv"].replace("B02", "B03"),
            "train_controls.csv:2: site 'HUVEC-01_1_B03_1' stands already at",
        ),
    ],
)
def test_kaggle_faults_are_named(file: str, text: str, message: str, tmp_path: Path) -> None:
    (write_kaggle(tmp_path) / file).write_text(text)
    with pytest.raises(ScreenError, match=re.escape(message)):
        reader().open(tmp_path)


def test_faulty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match="no such folder"):
        reader().open(tmp_path / "nowhere")
    with pytest.raises(ScreenError, match=r"no metadata\.csv, train\.csv or test\.csv in it"):
        reader().open(tmp_path)
    write_kaggle(tmp_path)
    (tmp_path / "metadata.csv").write_text(PUBLIC)
    with pytest.raises(ScreenError, match=re.escape("found 'metadata.csv', 'train.csv', 'test.csv'")):
        reader().open(tmp_path)
    (tmp_path / "metadata_2.csv").write_text(PUBLIC)
    with pytest.raises(ScreenError, match="which list sites twice"):
        reader().open(tmp_path)
    assert len(reader().open(tmp_path / "metadata_2.csv")) == 5


@pytest.mark.parametrize("content", [b"", b"name,value\n1,2\n", b"\x1f\x8bgarbage", b"\xff\xfe\x00"])
def test_other_tables_are_not_recognised(content: bytes, tmp_path: Path) -> None:
    for name in ("metadata.csv", "train.csv"):
        (tmp_path / name).write_bytes(content)
        assert not reader().recognises(tmp_path)
        assert not reader().recognises(tmp_path / name)
    assert not reader().recognises(tmp_path / "nowhere")
