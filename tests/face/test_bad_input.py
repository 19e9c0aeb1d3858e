"""What users get wrong: one clear message, exit code 2, and nothing half-written."""

import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest
from PIL import Image

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def screen(tiny_screen: Path, tmp_path: Path) -> Path:
    """A copy of the tiny screen to damage."""
    return Path(shutil.copytree(tiny_screen, tmp_path / "screen"))


def refused(done: CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def rewrite(screen: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    change(pl.read_csv(screen / "metadata.csv")).write_csv(screen / "metadata.csv")


RECIPES = [
    (["backbone=densnet121"], ["backbone.name", "densenet121"]),
    (["strategy.options.consistancy=1"], ["strategy.options.consistancy", "consistency"]),
    (["train.epochs=many"], ["train.epochs", "integer"]),
    (["train.epochs=0"], ["train.epochs", "greater than or equal to 1"]),
    (["nonsense=1"], ["nonsense", "unknown key"]),
    (["backbone.options.model=resnet19"], ["resnet19", "resnet18"]),
    (["data.split.test=[HUVEC-99]"], ["HUVEC-99", "HUVEC"]),
    (["data.target=colour"], ["colour", "cell_type"]),
    (["data.roles=[unknown]"], ["no site has a role of unknown", "treatment"]),
]


@pytest.mark.parametrize(("sets", "parts"), RECIPES, ids=[sets[0] for sets, _ in RECIPES])
def test_a_wrong_recipe_is_refused(
    sets: list[str], parts: list[str], tiny_screen: Path, tmp_path: Path, deepnoise: Run
) -> None:
    done = deepnoise("train", "tiny", "--screen", tiny_screen, "--out", tmp_path / "run", "--set", *sets)
    refused(done, *parts)
    assert not (tmp_path / "run").exists()


def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path, deepnoise: Run) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("name: mine\nbackbone: [densenet121\n")
    refused(deepnoise("recipe", "check", recipe), "mine.yaml:", "not YAML")


def test_a_recipe_that_is_nowhere_lists_those_that_are(deepnoise: Run) -> None:
    refused(deepnoise("recipe", "check", "tinny"), "did you mean 'tiny'", "deepnoise-densenet121")


def test_a_folder_without_metadata_is_refused(tmp_path: Path, deepnoise: Run) -> None:
    (tmp_path / "empty").mkdir()
    refused(
        deepnoise("train", "tiny", "--screen", tmp_path / "empty", "--out", tmp_path / "run"),
        "is no screen",
        "metadata",
    )
    refused(deepnoise("train", "tiny", "--screen", tmp_path / "not", "--out", tmp_path / "run"), "does not exist")
    assert not (tmp_path / "run").exists()


METADATA: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], list[str]]] = [
    ("missing column", lambda table: table.drop("plate"), ["metadata.csv", "plate"]),
    (
        "duplicate site",
        lambda table: pl.concat([table, table.head(1)]),
        ["metadata.csv:162", "metadata.csv:2", "keep one"],
    ),
    (
        "unknown role",
        lambda table: table.with_columns(well_type=pl.lit("placebo")),
        ["metadata.csv", "placebo", "treatment"],
    ),
    (
        "class in validation only",
        lambda table: table.with_columns(
            sirna=pl.when(pl.col("experiment") == "HUVEC-01").then("sirna" + pl.lit("x")).otherwise("sirna")
        ),
        ["in no training site"],
    ),
]


@pytest.mark.parametrize(("change", "parts"), [row[1:] for row in METADATA], ids=[row[0] for row in METADATA])
def test_wrong_metadata_are_refused(
    change: Callable[[pl.DataFrame], pl.DataFrame], parts: list[str], screen: Path, tmp_path: Path, deepnoise: Run
) -> None:
    rewrite(screen, change)
    done = deepnoise("train", "tiny", "--screen", screen, "--out", tmp_path / "run")
    refused(done, *parts)
    assert not (tmp_path / "run").exists()


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _overwrite(path: Path) -> None:
    path.write_text("<html>404</html>")


def _enlarge(path: Path) -> None:
    Image.new("L", (40, 32)).save(path)


IMAGES: list[tuple[str, Callable[[Path], None], str]] = [
    ("truncated", _truncate, "damaged"),
    ("no PNG", _overwrite, "PNG"),
    ("another size", _enlarge, "32"),
    ("in colour", lambda path: Image.new("RGB", (32, 32)).save(path), "RGB"),
]


@pytest.mark.parametrize(("damage", "part"), [row[1:] for row in IMAGES], ids=[row[0] for row in IMAGES])
@pytest.mark.parametrize("normalizer", ["z-score", "none"])
def test_a_wrong_image_is_named(
    damage: Callable[[Path], None],
    part: str,
    normalizer: str,
    screen: Path,
    tmp_path: Path,
    deepnoise: Run,
    tells_of: Callable[..., None],
) -> None:
    path = sorted((screen / "images").rglob("*_w3.png"))[5]
    damage(path)
    done = deepnoise(
        "train", "tiny", "--screen", screen, "--out", tmp_path / "run", "--set", f"normalizer={normalizer}"
    )
    refused(done, path.name)
    tells_of("an image cannot be read", done.stderr, 2)
    assert not (tmp_path / "run").exists()


def test_nothing_is_overwritten(
    tiny_run: Path,
    tiny_screen: Path,
    tiny_predictions: Path,
    tmp_path: Path,
    deepnoise: Run,
    tells_of: Callable[..., None],
) -> None:
    done = deepnoise("train", "tiny", "--screen", tiny_screen, "--out", tiny_run)
    tells_of("the folder holds something", done.stderr, done.returncode)
    refused(deepnoise("predict", tiny_run, "--screen", tiny_screen, "--out", tiny_predictions), "already exists")
    refused(deepnoise("simulate", tiny_screen, "--preset", "tiny"), "already exists")
    refused(deepnoise("demo", "--preset", "tiny", "--out", tiny_run), "already exists")
    done = deepnoise("train", "--resume", tiny_run)
    tells_of("the run is finished", done.stderr, done.returncode)
    done = deepnoise("train", "--resume", tmp_path)
    tells_of("the folder is no run", done.stderr, done.returncode)


def test_a_full_disk_is_told_before_work_begins(
    tiny_screen: Path,
    tmp_path: Path,
    deepnoise: Run,
    monkeypatch: pytest.MonkeyPatch,
    tells_of: Callable[..., None],
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    done = deepnoise("train", "tiny", "--screen", tiny_screen, "--out", tmp_path / "run")
    tells_of("the disk lacks space from the start", done.stderr, done.returncode)
    refused(deepnoise("simulate", tmp_path / "screen", "--preset", "tiny"), "MB free")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_leaves_nothing(
    tiny_screen: Path,
    tmp_path: Path,
    deepnoise: Run,
    monkeypatch: pytest.MonkeyPatch,
    tells_of: Callable[..., None],
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deepnoise_core.data.files.os.fsync", full)
    done = deepnoise("train", "tiny", "--screen", tiny_screen, "--out", tmp_path / "run")
    tells_of("the disk is full later", done.stderr, done.returncode)
    assert not (tmp_path / "run").exists()


def test_wrong_words_are_answered_with_the_right_ones(tiny_screen: Path, tmp_path: Path, deepnoise: Run) -> None:
    refused(deepnoise("simulate", tmp_path / "s", "--preset", "tinny"), "tiny", "ladder")
    refused(
        deepnoise("simulate", tmp_path / "s", "--preset", "tiny", "--set", "noise.plate_gian=1"), "plate_gain"
    )
    refused(deepnoise("components", "bakbone"), "backbone")
    refused(deepnoise("component", "show", "mean_teacher"), "mean-teacher")
    out = ("--screen", tiny_screen, "--out", tmp_path / "run")
    refused(deepnoise("train", "tiny", *out, "--device", "tpu"), "cpu", "cuda")
    refused(deepnoise("train", "tiny", *out, "--device", "cuda"), "not available")
    refused(deepnoise("train", "tiny"), "--screen")
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_or_prediction_is_refused(
    tiny_run: Path, tiny_screen: Path, tmp_path: Path, deepnoise: Run
) -> None:
    out = tmp_path / "predictions"
    refused(deepnoise("predict", tmp_path / "no", "--screen", tiny_screen, "--out", out), "no such run")
    (tmp_path / "empty").mkdir()
    refused(deepnoise("predict", tmp_path / "empty", "--screen", tiny_screen, "--out", out), "is no bundle")
    refused(deepnoise("evaluate", tmp_path / "empty"), "holds no predictions")
    refused(deepnoise("predict", tiny_run, "--screen", tiny_screen, "--out", out, "--part", "some"), "--part")
    refused(deepnoise("train", "--resume", tmp_path / "empty"), "holds no run")
    assert not out.exists()


def test_a_changed_weight_is_noticed(tiny_run: Path, tiny_screen: Path, tmp_path: Path, deepnoise: Run) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    weights = run / "bundle" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    done = deepnoise("predict", run, "--screen", tiny_screen, "--out", tmp_path / "predictions")
    refused(done, "model.safetensors", "sha256")


def test_predictions_of_another_screen_are_not_evaluated(
    tiny_predictions: Path, screen: Path, deepnoise: Run
) -> None:
    rewrite(screen, lambda table: table.filter(pl.col("experiment") != "RPE-02"))
    refused(deepnoise("evaluate", tiny_predictions, "--screen", screen), "another screen")
