"""Faults planted in simulated screens on disk are found, named and placed; whole screens raise no alarm."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from deepnoise_core.contracts import DroppedSite, Screen
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.checks import CHECKS, Finding, Severity, check_screen, exclusions
from deepnoise_core.data.exclusions import read_exclusions, without_excluded, write_exclusions
from deepnoise_core.data.simulator import (
    PRESETS,
    LayoutOptions,
    NoiseOptions,
    SignalOptions,
    SimulatorOptions,
    simulate,
    write_screen,
)
from deepnoise_core.data.stores import ArrayStore, FileStore

# No source of faults: what a check finds here is what a test planted.
CLEAN = PRESETS["tiny"].model_copy(
    update={"noise": NoiseOptions(empty_wells=0.0, out_of_focus=0.0, experiment_gain=0.0)}
)
SIMULATED = simulate(CLEAN, 0, workers=2)
CHANNELS = SIMULATED.channels


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checks") / "screen"
    write_screen(SIMULATED, folder)
    return folder


class Folder:
    """The written screen; a file that is asked for becomes a copy to damage."""

    def __init__(self, written: Path, copies: Path) -> None:
        self.copies = copies
        places = SIMULATED.sites.select("experiment", "plate", "well", "site").rows()
        self.files = [
            [written / "images" / e / f"Plate{p}" / f"{w}_s{s}_w{c}.png" for c in range(1, 7)]
            for e, p, w, s in places
        ]

    def file(self, row: int, channel: int) -> Path:
        path = self.copies / f"{row}_{channel}.png"
        if self.files[row][channel] != path:
            shutil.copy(self.files[row][channel], path)
            self.files[row][channel] = path
        return path

    def screen(self) -> Screen:
        names = [[str(file) for file in files] for files in self.files]
        store = FileStore(self.copies, names, site_ids=SIMULATED.sites["site_id"].to_list())
        return Screen(SIMULATED.sites, CHANNELS, store, "here")


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Folder:
    return Folder(written, tmp_path)


def site(row: int) -> str:
    return str(SIMULATED.sites["site_id"][row])


def found(folder: Folder, *checks: str) -> list[Finding]:
    findings = check_screen(folder.screen()).findings
    assert {finding.check for finding in findings} == set(checks)
    return list(findings)


def test_a_clean_screen_is_clean(folder: Folder) -> None:
    calls: list[int] = []
    examination = check_screen(folder.screen(), calls.append)
    assert examination.findings == ()
    assert examination.unjudged == ()
    assert sum(calls) == len(SIMULATED)
    assert check_screen(SIMULATED).findings == ()


DAMAGE: list[tuple[str, Callable[[Path], object], str]] = [
    ("missing", Path.unlink, "not found"),
    ("empty", lambda path: path.write_bytes(b""), "empty"),
    ("cut", lambda path: path.write_bytes(path.read_bytes()[:200]), "cut"),
    ("no image", lambda path: path.write_text("<html>404</html>"), "not a PNG"),
    (
        "small",
        lambda path: Image.new("L", (16, 32)).save(path),
        "is 32 x 16 uint8, while the screen's images are 32 x 32",
    ),
    ("deep", lambda path: Image.fromarray(np.full((32, 32), 900, np.uint16)).save(path), "uint16, while"),
    ("coloured", lambda path: Image.new("RGB", (32, 32)).save(path), "RGB"),
]


@pytest.mark.parametrize(("damage", "part"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_an_image_that_cannot_be_used_is_placed(
    damage: Callable[[Path], object], part: str, folder: Folder
) -> None:
    row = 77
    path = folder.file(row, 3)
    damage(path)
    (finding,) = found(folder, "unreadable")
    assert (finding.severity, finding.site, finding.channel) == (Severity.ERROR, site(row), "nucleoli")
    assert finding.file == str(path)
    assert part in finding.message


def test_every_bad_image_is_found_even_where_the_first_is(folder: Folder) -> None:
    bad = {(row, channel) for row in range(0, 160, 7) for channel in (0, 5)}
    for row, channel in bad:
        folder.file(row, channel).write_bytes(b"")
    findings = found(folder, "unreadable")
    assert {(finding.site, finding.channel) for finding in findings} == {
        (site(row), CHANNELS[channel]) for row, channel in bad
    }


def test_images_that_are_not_there_are_one_finding_and_the_table_is_checked(tmp_path: Path) -> None:
    store = FileStore(tmp_path, [[f"images/{row}_{c}.png" for c in range(6)] for row in range(160)])
    wells = pl.when(pl.col("site_id") == site(3)).then(pl.lit("Q")).otherwise("well").alias("well")
    screen = Screen(SIMULATED.sites.with_columns(wells), CHANNELS, store, "here")
    examination = check_screen(screen)
    assert examination.counts() == {"no images": 1, "wells": 1}
    assert "images folder" in examination.findings[0].message
    assert "only the table" in examination.unjudged[0]


def test_copied_images_are_found_on_both_sites(folder: Folder) -> None:
    for channel in range(6):
        shutil.copy(folder.file(10, channel), folder.file(93, channel))
    shutil.copy(folder.file(20, 2), folder.file(140, 2))
    shutil.copy(folder.file(30, 1), folder.file(31, 4))
    findings = {finding.site: finding for finding in found(folder, "same pixels")}
    assert set(findings) == {site(row) for row in (10, 93, 20, 140, 30, 31)}
    assert findings[site(10)].message == f"has the same pixels as {site(93)}: all channels"
    assert findings[site(93)].message == f"has the same pixels as {site(10)}: all channels"
    assert findings[site(140)].message == f"has the same pixels as {site(20)}: actin"
    assert findings[site(31)].message == (
        f"has the same pixels as {site(30)}: mitochondria (there endoplasmic_reticulum)"
    )


def test_one_image_for_two_channels_is_found_by_content_and_by_path(folder: Folder) -> None:
    shutil.copy(folder.file(50, 4), folder.file(50, 2))
    (finding,) = found(folder, "same channels")
    assert (finding.site, finding.channel) == (site(50), "mitochondria")
    assert finding.message == f"is the same image as actin ({folder.file(50, 2)})"
    folder.files[50][2] = folder.files[50][4]
    (finding,) = found(folder, "same channels")
    assert finding.message == "is the same image as actin (one file)"


def test_constant_and_saturated_images_are_told_apart(folder: Folder) -> None:
    Image.new("L", (32, 32), 7).save(folder.file(60, 0))
    Image.new("L", (32, 32), 7).save(folder.file(61, 0))
    Image.new("L", (32, 32), 255).save(folder.file(62, 0))
    burnt = np.array(Image.open(folder.file(63, 1)))
    burnt[:8] = 255
    Image.fromarray(burnt).save(folder.file(63, 1))
    findings = found(folder, "constant", "saturated")
    told = [(finding.site, finding.message) for finding in findings if finding.check == "constant"]
    assert told == [
        (site(60), "is 7 everywhere"),
        (site(61), "is 7 everywhere"),
        (site(62), "is 255 everywhere"),
    ]
    assert findings[-1].message == "has 25 % of its pixels at 255, the top of the scale"
    assert (findings[-1].site, findings[-1].channel) == (site(63), "endoplasmic_reticulum")


@pytest.mark.parametrize(("top", "is_found"), [(4095, True), (4094, False), (65535, True), (50_000, False)])
def test_the_top_of_a_camera_of_fewer_bits_is_known(top: int, is_found: bool) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(50, top - 100, (len(SIMULATED), 1, 16, 16), dtype=np.uint16)
    pixels[5, 0, :3] = top
    screen = Screen(SIMULATED.sites, ("w1",), ArrayStore(pixels), "here")
    saturated = [finding.site for finding in check_screen(screen).findings if finding.check == "saturated"]
    assert saturated == ([site(5)] if is_found else [])


def test_blurred_and_empty_sites_stand_out() -> None:
    layout = LayoutOptions(train_experiments={"HUVEC": 1}, test_experiments={}, group_size=15)
    signal = SignalOptions(strength=0.3)
    sharp = simulate(SimulatorOptions(layout=layout, signal=signal, noise=CLEAN.noise), 1, workers=2)
    pixels = sharp.store.read(np.arange(len(sharp))).astype(float)
    generator = np.random.default_rng(3)
    for channel in range(6):
        pixels[40, channel] = ndimage.gaussian_filter(pixels[40, channel], 3.0)
    pixels[40] += generator.normal(0, 1.0, pixels[40].shape)
    pixels[41, 0] = ndimage.gaussian_filter(pixels[41, 0], 6.0)
    pixels[77] = generator.normal(6, 0.6, pixels[77].shape)
    store = ArrayStore(pixels.clip(0, 255).round().astype(np.uint8))
    every = check_screen(Screen(sharp.sites, CHANNELS, store, "here")).findings
    findings = [one for one in every if one.check != "saturated"]
    ids = sharp.sites["site_id"]
    assert [(one.check, one.site, one.channel) for one in findings] == [
        ("out of focus", ids[40], None),
        ("out of focus", ids[41], "nuclei"),
        ("empty", ids[77], None),
    ]
    assert {one.severity for one in findings} == {Severity.WARNING}


def test_a_store_without_files_is_checked_by_site() -> None:
    class Damaged(ArrayStore):
        def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
            if 4 in rows:
                raise ImageError("chunk 4 is damaged")
            return super().read(rows)

    store = Damaged(SIMULATED.store.read(np.arange(len(SIMULATED))))
    (finding,) = check_screen(Screen(SIMULATED.sites, CHANNELS, store, "here")).findings
    assert (finding.check, finding.site, finding.channel, finding.file) == ("unreadable", site(4), None, None)
    assert finding.message == "chunk 4 is damaged"


def test_the_order_of_findings_and_the_numbers_of_threads_change_nothing(folder: Folder) -> None:
    for row in range(0, 160, 9):
        shutil.copy(folder.file(row, 0), folder.file(row, 1))
    first, again = check_screen(folder.screen()), check_screen(folder.screen())
    assert first == again
    assert [finding.site for finding in first.findings] == [site(row) for row in range(0, 160, 9)]


def test_findings_of_sites_become_exclusions_that_a_screen_accepts(folder: Folder, tmp_path: Path) -> None:
    folder.file(12, 0).unlink()
    shutil.copy(folder.file(40, 1), folder.file(40, 2))
    Image.new("L", (32, 32), 1).save(folder.file(40, 5))
    screen = folder.screen()
    dropped = (DroppedSite("elsewhere", "was never there"),)
    screen = Screen(screen.sites, CHANNELS, screen.store, "here", dropped=dropped)
    findings = check_screen(screen).findings
    assert findings[0] == Finding("left out", Severity.WARNING, "was never there", site="elsewhere")
    reasons = exclusions(findings, screen)
    assert list(reasons) == [site(12), site(40)]
    assert reasons[site(40)] == (
        f"same channels: actin is the same image as endoplasmic_reticulum ({folder.file(40, 1)}); "
        "constant: golgi is 1 everywhere"
    )
    write_exclusions(tmp_path / "bad.csv", reasons)
    kept = without_excluded(screen, read_exclusions(tmp_path / "bad.csv"), "bad.csv")
    assert check_screen(kept).counts() == {"left out": 3}


def test_small_plates_are_said_not_to_be_compared() -> None:
    few = SIMULATED.take(np.arange(0, 160, 10))
    lines = check_screen(few).unjudged
    assert lines == ("out of focus, empty: 16 of 16 plates have fewer than 8 sites to compare",)
    alone = check_screen(SIMULATED.take(np.arange(10))).unjudged
    assert alone == ("channel order: 1 of 1 plates have too few others to be compared with",)


def test_every_check_is_explained() -> None:
    assert all(CHECKS.values())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads all files")
def test_a_forbidden_file_is_a_finding(folder: Folder) -> None:
    folder.file(5, 5).chmod(0)
    (finding,) = found(folder, "unreadable")
    assert "rights" in finding.message
