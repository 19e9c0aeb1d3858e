"""What is measured of a bundle goes with it to the Hub, and nothing that was measured of another."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from ruamel.yaml import YAML

import deepnoise as dn
from deepnoise.listing import catalogue
from deepnoise.model import Model
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.testing.notes import Notes
from deepnoise_registry.hub.card import YOURS, card, evaluation_results
from deepnoise_registry.hub.publishing import Pushed, push_bundle
from deepnoise_registry.hub.reference import parse_reference
from deepnoise_registry.hub.server.local import LocalHub
from deepnoise_registry.manifest import MANIFEST, Manifest, read_manifest
from deepnoise_registry.measured import measured_results, with_results

Deepnoise = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def evaluation(
    tiny_predictions: Path, tmp_path_factory: pytest.TempPathFactory, deepnoise: Deepnoise
) -> tuple[Path, dict[str, Any]]:
    """The file of an evaluation of the tiny run's predictions, and what it holds."""
    file = tmp_path_factory.mktemp("evaluations") / "evaluation.json"
    done = deepnoise("evaluate", tiny_predictions, "--out", file)
    assert done.returncode == 0, done.stderr
    return file, json.loads(file.read_text())


def tried(bundle: Path, observer: Notes | None = None, **options: Any) -> Pushed:
    return push_bundle(bundle, "org/tiny", catalogue(), dry_run=True, observer=observer, **options)


def test_figures_of_every_stage_become_results(
    tiny_run: Path, evaluation: tuple[Path, dict[str, Any]], tiny_screen: Path
) -> None:
    file, said = evaluation
    manifest = read_manifest(tiny_run / "bundle")
    told = with_results(manifest, measured_results(file, manifest))
    found = {(one.metric, one.stage): one for one in told.results if one.part == "test"}
    assert {stage for _, stage in found} == {"raw", "group", "assigned"}
    for stage, figures in said["stages"].items():
        assert found["accuracy", stage].value == figures["accuracy"]
        assert found["balanced_accuracy", stage].value == figures["balanced"]
    assert found["top_5_accuracy", "raw"].value == said["stages"]["raw"]["top"]["5"]
    assert ("top_5_accuracy", "assigned") not in found
    assert {(one.protocol, one.screen) for one in found.values()} == {("custom", tiny_screen.name)}
    assert told.identity == manifest.identity
    assert with_results(told, measured_results(file, told)) == told
    shown = card(told, parse_reference("org/tiny"), "mit")
    assert (
        f"| accuracy | {said['stages']['group']['accuracy']:.4g} | tiny, test wells, stage group, protocol"
        in shown
    )
    front = YAML(typ="safe").load(shown.split("---")[1])
    assert len(front["model-index"][0]["results"]) == len(told.results)
    entries = YAML(typ="safe").load(evaluation_results(told))
    assert [one["value"] for one in entries] == [one.value for one in told.results]


def test_pushed_results_are_still_of_the_same_model(
    tiny_run: Path,
    evaluation: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    python: Callable[..., CompletedProcess[str]],
    deepnoise: Deepnoise,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = (tiny_run / "bundle" / MANIFEST).read_bytes()
    with LocalHub(tmp_path / "store") as hub:
        around = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "hf_dummy"}
        words = ("push", tiny_run, "org/tiny", "--license", "mit", "--results", evaluation[0])
        # Of its own, since a push sets up the client of a process for one endpoint.
        done = python("-m", "deepnoise", *words, environment=around)
        assert done.returncode == 0, done.stderr
        for name, value in around.items():
            monkeypatch.setenv(name, value)
        assert deepnoise("pull", "org/tiny", "--to", tmp_path / "pulled").returncode == 0
    assert (tiny_run / "bundle" / MANIFEST).read_bytes() == before
    assert dn.verify(tmp_path / "pulled").ok
    ours, pulled = dn.load(tiny_run), dn.load(tmp_path / "pulled")
    assert isinstance(ours, Model)
    assert isinstance(pulled, Model)
    assert len(pulled.bundle.manifest.results) > len(ours.bundle.manifest.results)
    here, there = ours.provenance(), pulled.provenance()
    for name in ("model_sha256", "weights_sha256", "recipe_sha256"):
        assert here[name] == there[name]
    assert here["manifest_sha256"] != there["manifest_sha256"]
    assert measured_results(evaluation[0], pulled.bundle.manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"made_by": {"model": "tiny", "model_sha256": "0" * 64}},
            "made by 'tiny' of sha256 000000000000, and this is",
        ),
        ({"made_by": {"model": "ensemble of 3"}}, "made by 'ensemble of 3', which is no single bundle"),
        ({"made_by": None}, "made_by: Input should be an object; give what deepnoise evaluate --out"),
        ({"stages": {"raw": {}}}, "stages.raw.accuracy: Field required"),
    ],
    ids=["another-model", "ensemble", "no-hashes", "no-figures"],
)
def test_results_of_others_are_refused(
    change: dict[str, Any], message: str, evaluation: tuple[Path, dict[str, Any]], tiny_run: Path, tmp_path: Path
) -> None:
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps(evaluation[1] | change))
    manifest = read_manifest(tiny_run / "bundle")
    with pytest.raises(InputError, match=message):
        measured_results(file, manifest)
    file.write_text(
        json.dumps({"evaluations": {"ours": evaluation[1], "theirs": evaluation[1] | change}, "gains": {}})
    )
    with pytest.raises(InputError):
        measured_results(file, manifest)


def test_the_licence_of_images_is_recorded_and_told(tiny_run: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_run / "bundle", tmp_path / "bundle"))
    manifest = Manifest.model_validate_json((bundle / MANIFEST).read_bytes())
    said = manifest.model_copy(update={"data_licence": "cc-by-nc-sa-4.0"})
    (bundle / MANIFEST).write_text(said.model_dump_json())
    with pytest.raises(InputError, match=r"no licence is known; say --license, .*images is cc-by-nc-sa-4\.0"):
        tried(bundle)
    for licence, notes in {"apache-2.0": 1, "cc-by-nc-4.0": 0}.items():
        heard = Notes()
        tried(bundle, heard, licence=licence)
        assert sum("cc-by-nc-sa-4.0, forbids commercial use" in note for note in heard.told) == notes
    assert "licence of the training images: cc-by-nc-sa-4.0" in card(said)


def test_a_card_comes_with_training_and_keeps_its_author(tiny_run: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_run / "bundle", tmp_path / "bundle"))
    file, manifest = bundle / "README.md", read_manifest(bundle)
    written = file.read_text()
    assert written == card(manifest)
    assert "licence of the weights: not told yet" in written
    assert "license:" not in written.split("---")[1]
    assert written.endswith(f"{YOURS}\n")
    assert "deepnoise train --repeat path/of/this/bundle --screen plates" in written
    file.write_text(f"{written}Trained on a Tuesday.\n")
    assert dn.verify(bundle).ok
    heard = Notes()
    sent = {one.name: one for one in tried(bundle, heard, licence="mit").files}
    published = card(manifest, parse_reference("org/tiny"), "mit", "Trained on a Tuesday.\n")
    assert "deepnoise train --repeat hf-hub:org/tiny --screen plates" in published
    assert sent["README.md"].size == len(published.encode())
    assert not heard.told
    file.write_text("mine")
    tried(bundle, heard, licence="mit")
    assert "so another card takes its place" in heard.told[0]
