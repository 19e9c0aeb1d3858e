"""The example plugin, built as a wheel and used as a third party's: trained, published, missed and found."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest

from deepnoise.cli import main
from deepnoise_registry.hub.server.local import LocalHub

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "plugins" / "deepnoise-plugin-example"
RECIPE = """\
name: example
data: {image_size: 32, split: {column: dataset, folds: 2}}
backbone: {name: stainwise, options: {width: 16}}
head: linear
normalizer: z-score
augmentation: deepnoise
strategy: entropy-minimization
postprocessors: [site-mean, doubt]
train: {epochs: 1, batch_size: 32}
"""

ONE_AFTER_ANOTHER = """
import json, sys
from deepnoise.cli import main
sys.exit(next((code for code in map(main, json.loads(sys.argv[1])) if code), 0))
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def with_example(new_environment: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs Python where the example is installed from its own wheel."""
    out = tmp_path_factory.mktemp("example")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(EXAMPLE)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return new_environment(*out.glob("*.whl"))


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screens") / "tiny"
    assert main(["simulate", str(folder), "--preset", "tiny"]) == 0
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Variables by which processes find a Hub of their own."""
    folder = tmp_path_factory.mktemp("hub")
    with LocalHub(folder / "store") as served:
        variables = {"HF_ENDPOINT": served.endpoint, "HF_HOME": str(folder / "home"), "HF_TOKEN": "hf_dummy"}
        yield {**variables, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}


@pytest.fixture(scope="module")
def work(
    with_example: Run, screen: Path, hub: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with a run of the recipe, published as org/example at v1, and predictions by run and by Hub."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "example.yaml").write_text(RECIPE)
    given = ("--screen", screen, "--device", "cpu", "--out")
    with_example(
        *commands(
            ("train", folder / "example.yaml", *given, folder / "run"),
            ("push", folder / "run", "org/example", "--tag", "v1", "--license", "mit"),
            ("predict", folder / "run", *given, folder / "by-run"),
            ("predict", "hf-hub:org/example@v1", *given, folder / "by-hub"),
        ),
        environment=hub,
    )
    return folder


def test_it_is_short() -> None:
    sources = (EXAMPLE / "src").rglob("*.py")
    assert sum(len(file.read_text().splitlines()) for file in sources) < 150


def test_its_own_tests_pass(with_example: Run) -> None:
    done = with_example("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", cwd=EXAMPLE)
    assert "backbone stainwise" in done.stdout


def test_a_bundle_names_it(work: Path) -> None:
    needs = json.loads((work / "run" / "bundle" / "manifest.json").read_text())["requires"]
    of_example = {need["name"] for need in needs if need["distribution"] == "deepnoise-plugin-example"}
    assert of_example == {"stainwise", "entropy-minimization", "doubt"}


def test_with_it_a_bundle_from_the_hub_predicts_as_the_run_does(work: Path) -> None:
    by_hub, by_run = ((work / name / "scores.safetensors").read_bytes() for name in ("by-hub", "by-run"))
    assert by_hub == by_run
    assert "entropy" in pl.read_parquet_schema(work / "by-hub" / "predictions.parquet")


@pytest.mark.usefixtures("work")
def test_without_it_a_pulled_bundle_says_what_to_install(
    alone: Run, hub: Mapping[str, str], screen: Path, tmp_path: Path
) -> None:
    pull = ("pull", "org/example@v1", "--to", tmp_path / "bundle")
    predict = ("predict", tmp_path / "bundle", "--screen", screen, "--out", tmp_path / "out")
    done = alone(*commands(pull, predict), code=2, environment=hub)
    assert (tmp_path / "bundle" / "model.safetensors").is_file()
    assert "pip install 'deepnoise-plugin-example==0.1.0'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def commands(*lines: Sequence[object]) -> list[str]:
    """What Python is to run to run these commands in one process, up to the first that fails."""
    return ["-c", ONE_AFTER_ANOTHER, json.dumps([[str(word) for word in line] for line in lines])]
