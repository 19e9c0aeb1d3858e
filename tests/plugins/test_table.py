"""The table reader: every habit of naming columns, hand-made faults, images here and elsewhere."""

import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from deepnoise_core.contracts import SITE_COLUMNS, Role
from deepnoise_core.contracts.errors import ImageError, ScreenError
from deepnoise_core.contracts.protocols import Reader
from deepnoise_plugins import table
from deepnoise_plugins.rxrx1.options import RxRx1Options
from deepnoise_plugins.rxrx1.reader import RxRx1Reader
from deepnoise_plugins.table.options import TableOptions
from deepnoise_plugins.table.reader import TableReader

OWN = """experiment,plate,well,site,role,perturbation,cell_type,dose,nuclei,actin
E1,P1,B02,1,negative_control,DMSO,U2OS,0,P1/B02_1_n.png,P1/B02_1_a.png
E1,P1,B02,2,negative_control,DMSO,U2OS,0,P1/B02_2_n.png,P1/B02_2_a.png
E1,P1,C03,1,treatment,taxol,U2OS,3,P1/C03_1_n.png,P1/C03_1_a.png
E1,P2,C03,1,treatment,,U2OS,3,P2/C03_1_n.png,P2/C03_1_a.png
"""
JUMP = """FileName_OrigDNA,PathName_OrigDNA,FileName_OrigAGP,PathName_OrigAGP,FileName_IllumDNA,\
PathName_IllumDNA,Metadata_Batch,Metadata_Plate,Metadata_Well,Metadata_Site,Metadata_control_type,Metadata_pert_type
a1.tiff,{root}/BR1/Images/,b1.tiff,{root}/BR1/Images/,i.tiff,{root}/illum,2020_11_04,BR1,A01,1,negcon,control
a2.tiff,{root}/BR1/Images/,b2.tiff,{root}/BR1/Images/,i.tiff,{root}/illum,2020_11_04,BR1,A02,1,poscon_cp,control
a3.tiff,{root}/BR1/Images/,b3.tiff,{root}/BR1/Images/,i.tiff,{root}/illum,2020_11_04,BR1,A03,1,,trt
a4.tiff,{root}/BR1/Images/,b4.tiff,{root}/BR1/Images/,i.tiff,{root}/illum,2020_11_04,BR1,A04,1,,control
a5.tiff,{root}/BR1/Images/,b5.tiff,{root}/BR1/Images/,i.tiff,{root}/illum,2020_11_04,BR1,A05,1,,
"""
BBBC021 = """TableNumber,ImageNumber,Image_FileName_DAPI,Image_PathName_DAPI,Image_FileName_Actin,\
Image_PathName_Actin,Image_Metadata_Plate_DAPI,Image_Metadata_Well_DAPI,Replicate,Image_Metadata_Compound,Image_Metadata_Concentration
4,233,G10_s1_w1.tif,Week4/P,G10_s1_w4.tif,Week4/P,Week4_27481,G10,1,DMSO,0.003
4,234,G10_s2_w1.tif,Week4/P,G10_s2_w4.tif,Week4/P,Week4_27481,G10,1,DMSO,0.003
4,235,G11_s1_w1.tif,Week4/P,G11_s1_w4.tif,Week4/P,Week4_27481,G11,1,taxol,3
"""
DEEPPROFILER = """Metadata_Plate,Metadata_Well,Metadata_Site,DNA,ER,RNA,AGP,Mito,Treatment
P1,a1,1,P1/d.png,P1/e.png,P1/r.png,P1/a.png,P1/m.png,X
"""


def reader(**options: object) -> TableReader:
    return TableReader(TableOptions.model_validate(options))


def write_image(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((4, 5), value, dtype=np.uint8)
    if path.suffix == ".png":
        Image.fromarray(pixels).save(path)
    else:
        tifffile.imwrite(path, pixels)


def write_own(folder: Path, text: str = OWN) -> Path:
    """The table, and an image of value 10 * row + channel for each name."""
    path = folder / "index.csv"
    path.write_text(text)
    for row, line in enumerate(OWN.splitlines()[1:]):
        for channel, name in enumerate(line.split(",")[-2:]):
            write_image(folder / name, 10 * row + channel)
    return path


def error_of(path: Path, **options: object) -> str:
    with pytest.raises(ScreenError) as error:
        reader(**options).open(path)
    return str(error.value)


def test_plugin_offers_one_reader_and_imports_nothing_heavy() -> None:
    (component,) = table.deepnoise_readers()
    assert (component.name, component.options) == ("table", TableOptions)
    assert component.factory == f"{TableReader.__module__}:{TableReader.__name__}"
    assert isinstance(reader(), Reader)
    code = "import sys, deepnoise_plugins.table; print({'polars', 'PIL', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_own_columns(tmp_path: Path) -> None:
    write_own(tmp_path)
    for path in (tmp_path, tmp_path / "index.csv"):
        assert reader().recognises(path)
        screen = reader().open(path)
        assert (screen.source, screen.reader, screen.channels) == (str(path), "table", ("nuclei", "actin"))
        assert screen.sites.columns == [*SITE_COLUMNS, "dose"]
        assert screen.sites.select("site_id", "role", "perturbation", "cell_type", "dataset", "dose").rows() == [
            ("E1_P1_B02_1", "negative_control", "DMSO", "U2OS", None, "0"),
            ("E1_P1_B02_2", "negative_control", "DMSO", "U2OS", None, "0"),
            ("E1_P1_C03_1", "treatment", "taxol", "U2OS", None, "3"),
            ("E1_P2_C03_1", "treatment", None, "U2OS", None, "3"),
        ]
        assert (screen.stains, screen.dropped) == ({}, ())
        assert screen.store.shape == (2, 4, 5)
        expected = 10 * np.arange(4)[:, None] + np.arange(2)
        np.testing.assert_array_equal(screen.store.read(np.arange(4))[:, :, 1, 1], expected)


@pytest.mark.parametrize("spelling", ["Windows", "UTF-16", "semicolons", "tabs", "gz", "parquet", "Capitals"])
def test_spellings_of_the_file(spelling: str, tmp_path: Path) -> None:
    path = write_own(tmp_path)
    expected = reader().open(path).sites
    path.unlink()
    frame = pl.read_csv(OWN.encode())
    if spelling == "Windows":
        path.write_bytes(b"\xef\xbb\xbf" + OWN.replace("\n", "\r\n").encode())
    elif spelling == "UTF-16":
        path.write_bytes(OWN.replace(",", "\t").encode("utf-16"))
    elif spelling in ("semicolons", "tabs"):
        frame.write_csv(tmp_path / "sites.tsv", separator=";" if spelling == "semicolons" else "\t")
    elif spelling == "gz":
        frame.write_csv(tmp_path / "sites.csv.gz", compression="gzip")
    elif spelling == "parquet":
        frame.write_parquet(tmp_path / "sites.parquet")
    else:
        path.write_text(OWN.replace("plate,well", "Plate,Well", 1))
    screen = reader().open(tmp_path)
    assert screen.sites.with_columns(pl.col("dose").cast(pl.String)).equals(expected)
    assert screen.store.read(np.array([3]))[0, :, 0, 0].tolist() == [30, 31]


def test_load_data_of_jump(tmp_path: Path) -> None:
    for number in range(1, 6):
        write_image(tmp_path / "images" / "BR1" / "Images" / f"a{number}.tiff", number)
        write_image(tmp_path / "images" / "BR1" / "Images" / f"b{number}.tiff", 10 + number)
    (tmp_path / "load_data.csv").write_text(JUMP.format(root=tmp_path / "images"))
    screen = reader().open(tmp_path)
    assert screen.channels == ("DNA", "AGP")
    assert screen.sites.select("experiment", "plate", "well", "site").row(1) == ("2020_11_04", "BR1", "A02", 1)
    assert screen.sites["role"].to_list() == [
        Role.NEGATIVE_CONTROL,
        Role.POSITIVE_CONTROL,
        Role.TREATMENT,
        Role.UNKNOWN,
        Role.UNKNOWN,
    ]
    assert screen.sites.columns == [*SITE_COLUMNS, "Metadata_control_type", "Metadata_pert_type"]
    assert screen.store.read(np.array([4, 0]))[:, :, 0, 0].tolist() == [[5, 15], [1, 11]]
    chosen = reader(roles={"control": "untreated", "": "treatment"}).open(tmp_path)
    assert chosen.sites["role"].to_list()[3:] == ["untreated", "treatment"]


@pytest.mark.parametrize(
    "root", ["/home/ubuntu/bucket/2020", "s3://gallery/cpg0016/images", "D:\\plates\\images", "\\\\server\\share"]
)
def test_tables_of_other_machines(root: str, tmp_path: Path) -> None:
    (tmp_path / "load_data.csv").write_text(JUMP.format(root=root))
    screen = reader().open(tmp_path)
    assert len(screen) == len(screen.store) == len(screen.take([1, 0, 2, 3, 4])) == 5
    for ask in (lambda: screen.store.shape, lambda: screen.store.dtype, lambda: screen.store.read(np.arange(1))):
        with pytest.raises(
            ImageError, match=r"load_data.csv: none of its images is there, the first would be .*a1"
        ):
            ask()
    assert "none of its images is there" in error_of(tmp_path, missing="error")
    for number, letter in product(range(1, 6), "ab"):
        write_image(tmp_path / "here" / "BR1" / "Images" / f"{letter}{number}.tiff", number)
    for listed in (root, root + "/"):
        moved = reader(image_root="here", listed_root=listed).open(tmp_path)
        assert moved.store.read(np.array([2]))[0, :, 0, 0].tolist() == [3, 3]
    if not root.startswith("\\\\"):
        message = error_of(tmp_path, image_root="here")
        assert "load_data.csv:2: DNA" in message
        assert "is absolute, and cannot be found under image_root 'here'; say with listed_root" in message
    assert "load_data.csv:2: DNA" in error_of(tmp_path, image_root="here", listed_root=root[:-1])


def test_image_root_moves_relative_names(tmp_path: Path) -> None:
    (tmp_path / "screen").mkdir()
    write_own(tmp_path / "screen")
    (tmp_path / "tables").mkdir()
    (tmp_path / "screen" / "index.csv").rename(tmp_path / "tables" / "index.csv")
    for root in ("../screen", str(tmp_path / "screen")):
        assert reader(image_root=root).open(tmp_path / "tables").store.shape == (2, 4, 5)


def test_tables_of_a_cellprofiler_database(tmp_path: Path) -> None:
    (tmp_path / "image.csv").write_text(BBBC021)
    screen = reader().open(tmp_path)
    assert screen.channels == ("DAPI", "Actin")
    assert screen.sites.select("site_id", "plate", "well", "site", "perturbation", "role").rows() == [
        ("unknown_Week4_27481_G10_1", "Week4_27481", "G10", 1, "DMSO", "unknown"),
        ("unknown_Week4_27481_G10_2", "Week4_27481", "G10", 2, "DMSO", "unknown"),
        ("unknown_Week4_27481_G11_1", "Week4_27481", "G11", 1, "taxol", "unknown"),
    ]
    further = ["TableNumber", "ImageNumber", "Replicate", "Image_Metadata_Concentration"]
    assert screen.sites.columns == [*SITE_COLUMNS, *further]
    screen = reader(
        columns={"role": "Image_Metadata_Compound", "experiment": "TableNumber"},
        roles={"DMSO": "negative_control", "*": "treatment"},
        constants={"cell_type": "MCF7"},
    ).open(tmp_path)
    assert screen.sites["role"].to_list() == ["negative_control", "negative_control", "treatment"]
    assert set(screen.sites["experiment"]) == {"4"}
    assert set(screen.sites["cell_type"]) == {"MCF7"}


def test_index_of_deepprofiler(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(DEEPPROFILER)
    screen = reader(stains={"AGP": "phalloidin"}).open(tmp_path)
    assert screen.channels == ("DNA", "ER", "RNA", "AGP", "Mito")
    assert screen.stains["DNA"] == "Hoechst 33342"
    assert screen.stains["AGP"] == "phalloidin"
    assert screen.sites.select("plate", "well", "site", "Treatment").rows() == [("P1", "A01", 1, "X")]
    chosen = reader(channels={"nucleus": "DNA", "mitochondria": "Mito"}).open(tmp_path)
    assert chosen.channels == ("nucleus", "mitochondria")
    assert (chosen.stains, chosen.sites.columns) == ({}, [*SITE_COLUMNS, "Treatment"])


def test_wells_by_row_and_column(tmp_path: Path) -> None:
    header = "Metadata_Plate,Metadata_Row,Metadata_Col,Metadata_Site,DNA\n"
    (tmp_path / "index.csv").write_text(f"{header}1,2,3.0,1,a.png\n1,C,12,1.0,b.png\n1,27,1,2,c.png\n")
    assert reader().open(tmp_path).sites["well"].to_list() == ["B03", "C12", "AA01"]
    assert "index.csv:2: well '2' is no well" in error_of(tmp_path, columns={"well": "Metadata_Row"})


def test_pages_of_files(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", np.arange(24, dtype=np.uint16).reshape(6, 2, 2))
    (tmp_path / "own.csv").write_text(
        "plate,well,site,a,a_page,b,b_page\nP,A1,1,stack.tif,0,stack.tif,1\nP,A1,2,stack.tif,5,stack.tif,2.0\n"
    )
    (tmp_path / "load_data.csv").write_text(
        "FileName_OrigA,Frame_OrigA,FileName_OrigB,Frame_OrigB,Metadata_Plate,Metadata_Well,Metadata_Site\n"
        "stack.tif,0,stack.tif,1,P,A1,1\nstack.tif,5,stack.tif,2,P,A1,2\n"
    )
    for name in ("own.csv", "load_data.csv"):
        screen = reader().open(tmp_path / name)
        assert screen.sites.columns == list(SITE_COLUMNS)
        assert screen.store.read(np.arange(2))[:, :, 0, 0].tolist() == [[0, 4], [20, 8]]
    (tmp_path / "own.csv").write_text("plate,well,a,a_page\nP,A1,stack.tif,0\nP,A1,stack.tif,first\n")
    assert "own.csv:3: a_page 'first' is no page" in error_of(tmp_path / "own.csv")


def test_plate_maps_give_what_the_table_does_not(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(DEEPPROFILER)
    (tmp_path / "map.csv").write_text("well,perturbation,role\nA1,taxol,treatment\n")
    screen = reader(layout="map.csv").open(tmp_path)
    assert screen.sites.select("perturbation", "role").rows() == [("taxol", "treatment")]


def test_sites_without_all_images_are_listed(tmp_path: Path) -> None:
    path = write_own(tmp_path, OWN.replace("P1/C03_1_n.png", ""))
    (tmp_path / "P1" / "B02_1_a.png").unlink()
    screen = reader().open(path)
    assert screen.sites["site_id"].to_list() == ["E1_P1_B02_2", "E1_P2_C03_1"]
    assert [(one.site_id, one.reason) for one in screen.dropped] == [
        ("E1_P1_B02_1", f"1 of 2 images missing in {tmp_path / 'P1'}: B02_1_a.png"),
        ("E1_P1_C03_1", f"1 of 2 images missing in {tmp_path}: (none named for nuclei)"),
    ]
    assert screen.store.read(np.arange(2))[:, 0, 0, 0].tolist() == [10, 30]
    message = error_of(path, missing="error")
    assert message.startswith(f"{path}:2: site E1_P1_B02_1: 1 of 2 images missing")
    assert "2 sites lack images" in message


def test_a_channel_without_any_image_is_refused(tmp_path: Path) -> None:
    path = write_own(tmp_path)
    for image in tmp_path.rglob("*_a.png"):
        image.unlink()
    assert "none of its 4 sites has all its images, e.g. E1_P1_B02_1: 1 of 2" in error_of(path)
    assert len(reader(channels={"nuclei": "nuclei"}).open(path)) == 4


@given(
    letter=st.sampled_from("bB"),
    number=st.sampled_from(["2", "02", "002"]),
    wrap=st.sampled_from(["{}", " {} ", '="{}"', '"{}"', '"=""{}"""', '" {}"', '="{} "']),
    site=st.sampled_from(["1", "1.0", " 1", '="1"']),
)
def test_spellings_of_wells(
    letter: str, number: str, wrap: str, site: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "wells.csv"
    path.write_text(f"plate,well,site,dna\nP,{wrap.format(letter + number)},{site},a.png\n")
    assert reader().open(path).sites.select("well", "site").rows() == [("B02", 1)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("P1,C03", "P1,2-Dec", ":4: well '2-Dec' is a name that Excel has changed"),
        ("P1,C03", "P1,Sep-01", ":4: well 'Sep-01' is a name that Excel has changed"),
        ("P1,C03", "1.00E+05,C03", ":4: plate '1.00E+05' is a name that Excel has changed"),
        ("taxol", "1-Mar", ":4: perturbation '1-Mar' is a name that Excel has changed"),
        ("P1,C03", "P1,C", ":4: well 'C' is no well; wells are a row letter and a column number"),
        ("P1,C03", "P1,C00", ":4: well 'C00' is no well"),
        ("P1,C03", "P1,", ":4: well is empty"),
        ("P1,C03", ",C03", ":4: plate is empty"),
        ("C03,1,treatment,t", "C03,one,treatment,t", ":4: site is 'one'; give a whole number"),
        ("C03,1,treatment,t", "C03,,treatment,t", ":4: site is None; give a whole number"),
        (
            "C03,1,treatment,t",
            "C03,1,drug,t",
            ":4: role 'drug' names no role; say which one with the option roles",
        ),
        ("B02,2,", "b2,1.0,", ":3: site 'E1_P1_B02_1' stands already at"),
        ("B02_2_n", "B02_1_n", ":3: nuclei is 'P1/B02_1_n.png', which is nuclei at"),
        ("C03_1_a.png\nE", "C03_1_n.png\nE", ":4: actin is 'P1/C03_1_n.png', which is nuclei at"),
        ("P1/C03_1_n", "../C03_1_n", ":4: '../C03_1_n.png' may lead out of its folder"),
        ("P1/C03_1_n", "P1\\..\\C03_1_n", ":4: 'P1/../C03_1_n.png' may lead out of its folder"),
        ("P1/C03_1_n", "/data/../C03_1_n", ":4: 'data/../C03_1_n.png' may lead out of its folder"),
        ("P1/C03_1_n", "D:C03_1_n", ":4: 'D:C03_1_n.png' may lead out of its folder"),
        (",P1/C03_1_a.png", "", ":4: 9 fields where the header has 10"),
        ("actin\n", "actin;\n", ":1: the header has commas and semicolons"),
        ("actin\n", "plate\n", ":1: column 'plate' stands there twice"),
        ("plate", "barcode", ": no column names the plate; say which does with the option columns.plate"),
        (",well", ",where", ": no column names the well; say which does with the option columns.well"),
        (".png", ".jpg", ": no column names image files (.png, .tif, .tiff) in its first 4 rows"),
    ],
)
def test_faults_are_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in OWN
    path = write_own(tmp_path, OWN.replace(old, new))
    assert message in error_of(path)
    assert str(path) in error_of(path)


def test_faults_of_parquet_name_the_row(tmp_path: Path) -> None:
    frame = pl.read_csv(OWN.encode())
    frame.with_columns(well=pl.Series(["B02", "B02", "C", "C03"])).write_parquet(tmp_path / "sites.parquet")
    assert "sites.parquet, row 3: well 'C' is no well" in error_of(tmp_path)
    frame.with_columns(plate=pl.Series([["P1"]] * 4)).write_parquet(tmp_path / "sites.parquet")
    assert "sites.parquet: column 'plate' holds List(String); give text or numbers" in error_of(tmp_path)
    frame.with_columns(nuclei=pl.Series(["a\0.png", "b.png", "c.png", "d.png"])).write_parquet(
        tmp_path / "sites.parquet"
    )
    assert "sites.parquet, row 1: 'a\\x00.png' may lead out" in error_of(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"plate": "plat"}}, ": no column 'plat', did you mean 'plate'?"),
        ({"channels": {"DNA": "nucleus"}}, ": no column 'nucleus', did you mean 'nuclei'?"),
        ({"stains": {"nucleus": "DAPI"}}, ": option stains names channel 'nucleus', did you mean 'nuclei'?"),
        ({"channels": {"a": "actin", "b": "actin"}}, ":2: b is 'P1/B02_1_a.png', which is a at"),
        ({"columns": {"role": "dose"}}, ":2: dose '0' names no role"),
    ],
)
def test_options_that_do_not_fit_the_table(options: dict[str, object], message: str, tmp_path: Path) -> None:
    assert message in error_of(write_own(tmp_path), **options)


def test_roles_without_a_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(DEEPPROFILER)
    assert "no column names the role" in error_of(tmp_path, roles={"DMSO": "negative_control"})


@pytest.mark.parametrize(
    "options",
    [
        {"columns": {"plate": "a"}, "constants": {"plate": "b"}},
        {"listed_root": "D:/"},
        {"columns": {"barcode": "a"}},
        {"roles": {"DMSO": "control"}},
        {"channels": {"": "a"}},
    ],
)
def test_options_that_contradict_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        reader(**options)


def test_folders_hold_one_table(tmp_path: Path) -> None:
    assert "no such file or folder" in error_of(tmp_path / "nowhere")
    assert f"{tmp_path}: no table of sites with image files in it (found no CSV or Parquet file)" in error_of(
        tmp_path
    )
    (tmp_path / "platemap.csv").write_text("well,compound\nA01,DMSO\n")
    assert "platemap.csv: no column names image files" in error_of(tmp_path)
    (tmp_path / "batches.csv").write_text("plate,batch\nP1,E1\n")
    message = f"{tmp_path}: no table of sites with image files in it (looked at 'batches.csv', 'platemap.csv')"
    assert message in error_of(tmp_path)
    write_own(tmp_path)
    assert len(reader().open(tmp_path)) == 4
    (tmp_path / "load_data.csv").write_text(DEEPPROFILER)
    assert reader().recognises(tmp_path)
    assert (
        error_of(tmp_path)
        == f"{tmp_path}: 'index.csv', 'load_data.csv' list sites each; keep one, or give its path"
    )
    (tmp_path / "load_data.csv").write_text("a,b\n1\n")
    assert len(reader().open(tmp_path)) == 4


def test_what_is_left_of_a_table_is_no_table(tmp_path: Path) -> None:
    """A pack keeps the sites of a screen as a table; only one reader may recognise it."""
    cases = [(OWN, {"nuclei": "nuclei"}), (JUMP, {}), (BBBC021, {}), (DEEPPROFILER, {"DNA": "DNA"})]
    for number, (text, channels) in enumerate(cases):
        (tmp_path / f"{number}.csv").write_text(text)
        screen = reader(channels=channels).open(tmp_path / f"{number}.csv")
        screen.sites.write_parquet(tmp_path / f"{number}.parquet")
        assert not reader().recognises(tmp_path / f"{number}.parquet")


def test_releases_of_rxrx1_have_their_own_reader(tmp_path: Path) -> None:
    public = "site_id,well_id,cell_type,dataset,experiment,plate,well,site,well_type,sirna,sirna_id\n"
    (tmp_path / "metadata.csv").write_text(public + "H_1_B02_1,H_1_B02,HUVEC,train,H,1,B02,1,treatment,s1,1\n")
    (tmp_path / "train.csv").write_text("id_code,experiment,plate,well,sirna\nH-01_1_B03,H-01,1,B03,513\n")
    assert not reader().recognises(tmp_path)
    assert not RxRx1Reader(RxRx1Options()).recognises(write_own(tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"\x1f\x8bgarbage", b"\xff\xfe\x00", b"PAR1garbage", b"a,b\n1\n"]
)
def test_other_files_are_not_recognised(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    path.write_bytes(content)
    for place in (path, tmp_path, path / "below", Path("a\0b")):
        assert reader().recognises(place) is False


@given(
    cells=st.lists(st.text(st.characters(codec="utf-8", exclude_characters='"\n\r\0')), min_size=4, max_size=4)
)
def test_any_cells_open_or_are_refused(cells: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    quoted = ",".join(f'"{cell}"' for cell in cells)
    path.write_text(f"plate,well,site,role,dna\nP,B02,1,,a.png\n{quoted},b.png\n")
    fault = ""
    try:
        reader().open(path)
    except ScreenError as error:
        fault = str(error)
    assert not fault or fault.startswith(f"{path}:3: ")


def test_a_table_without_images_is_opened_where_one_says_so(tmp_path: Path) -> None:
    (tmp_path / "wells.csv").write_text("plate,well,moa\nP1,a1,X\nP1,A02,\n")
    assert not reader().recognises(tmp_path)
    with pytest.raises(ScreenError, match="no column names image files"):
        reader().open(tmp_path)
    screen = reader(images="none").open(tmp_path)
    assert (screen.channels, len(screen), len(screen.store)) == ((), 2, 2)
    assert screen.column("well").tolist() == ["A01", "A02"]
    assert screen.column("moa").tolist() == ["X", None]
    with pytest.raises(ImageError, match=r"wells\.csv: was opened as a table without images"):
        screen.take([0]).store.read(np.array([0]))
    with pytest.raises(ValidationError, match="leave them out with images: none"):
        TableOptions.model_validate({"images": "none", "image_root": "here"})
