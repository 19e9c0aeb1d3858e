"""What a GPU computes beside what a CPU does; skipped where there is none."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_tensors

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.jobs import job_of, prepared
from deepnoise.saliency import channel_saliency
from deepnoise.training import resume_run
from deepnoise_core.contracts import Kind, Predictions, Screen
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.contracts.plan import Precision
from deepnoise_core.engine.devices import pick_hardware
from deepnoise_core.engine.observation import Advance, Silent
from deepnoise_core.engine.probing import probe
from deepnoise_registry.bundles import read_bundle
from deepnoise_registry.golden import TOLERANCES, difference, outputs_of
from deepnoise_registry.recipes.recipe import Recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

STRATEGIES = sorted(offer.name for offer in installed().offers(Kind.STRATEGY))


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny")


@pytest.fixture(scope="module")
def run(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in full precision on the GPU."""
    recipe = dn.load_recipe("tiny", sets=["train.precision=fp32"])
    return dn.train(recipe, screen, tmp_path_factory.mktemp("cuda") / "run", device="cuda").path


def losses(run: Path) -> list[float]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [record["loss/cross_entropy"] for record in records]


def weights(run: Path) -> Mapping[str, np.ndarray]:
    return load_file(run / "bundle" / "model.safetensors")


def recipe_of(strategy: str, precision: str, screen: Screen) -> Recipe:
    """The tiny recipe with a strategy, and whichever augmentation makes its views."""
    sets = [f"strategy={strategy}", f"train.precision={precision}", "train.epochs=1"]
    try:
        recipe = dn.load_recipe("tiny", sets=sets)
        dn.compose(recipe, screen)
    except InputError:
        return dn.load_recipe("tiny", sets=[*sets, "augmentation=weak-strong"])
    return recipe


def test_training_starts_as_on_a_cpu(run: Path, screen: Screen, tmp_path: Path) -> None:
    recipe = dn.load_recipe("tiny", sets=["train.precision=fp32"])
    beside = dn.train(recipe, screen, tmp_path / "run", device="cpu").path
    np.testing.assert_allclose(losses(run)[0], losses(beside)[0], rtol=0.01)


def test_a_bundle_predicts_alike_on_both_devices(run: Path, screen: Screen) -> None:
    model = dn.load(run)
    here: Predictions = model.predict(screen, device="cpu")
    there: Predictions = model.predict(screen, device="cuda")
    assert here.embeddings is not None
    assert there.embeddings is not None
    np.testing.assert_array_equal(there.ids["well_id"], here.ids["well_id"])
    for ours, theirs in ((here.scores, there.scores), (here.embeddings, there.embeddings)):
        known = np.isfinite(ours)
        np.testing.assert_array_equal(np.isfinite(theirs), known)
        np.testing.assert_allclose(theirs[known], ours[known], rtol=1e-3, atol=1e-3 * np.abs(ours[known]).max())


def test_saliency_is_alike_on_both_devices(run: Path, screen: Screen) -> None:
    model = dn.load(run)
    here, there = (channel_saliency(model, screen, most=6, device=device) for device in ("cpu", "cuda"))  # type: ignore[arg-type]
    ours, theirs = (np.array(one.overall["fall"]) for one in (here, there))
    np.testing.assert_allclose(theirs, ours, atol=0.01)


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp16", "fp32"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_learns_in_every_precision(
    strategy: str, precision: str, screen: Screen, tmp_path: Path
) -> None:
    made = dn.train(recipe_of(strategy, precision, screen), screen, tmp_path / "run", device="cuda").path
    assert np.isfinite(losses(made)).all()
    assert all(np.isfinite(one).all() for one in weights(made).values())


def test_plates_adapt_on_the_gpu(screen: Screen, tmp_path: Path) -> None:
    sets = ["inference.batch_norm=plate", "inference.tta=dihedral", "train.precision=fp32"]
    made = dn.train(dn.load_recipe("tiny", sets=sets), screen, tmp_path / "run", device="cuda").path
    model = dn.load(made)
    here, there = (model.predict(screen, part="test", device=device).scores for device in ("cpu", "cuda"))
    np.testing.assert_allclose(there, here, atol=2e-3 * np.abs(here[np.isfinite(here)]).max())


def test_an_interrupted_run_resumes_on_the_gpu(run: Path, screen: Screen, tmp_path: Path) -> None:
    class Impatient(Silent):
        def epoch(self, record: Mapping[str, float]) -> None:
            raise KeyboardInterrupt

    stored = dn.pack(screen, tmp_path / "screen")
    recipe = dn.load_recipe("tiny", sets=["train.precision=fp32"])
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        dn.train(recipe, tmp_path / "screen", out, device="cuda", observer=Impatient())
    resumed = resume_run(out, None, installed(), device="cuda").path
    assert stored is not None
    np.testing.assert_allclose(losses(resumed), losses(run), rtol=0.02)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_golden_tensors_are_met_in_every_precision(
    run: Path, precision: Precision, record_property: Callable[[str, object], None]
) -> None:
    golden = load_tensors(run / "bundle" / "golden.safetensors")
    network = read_bundle(run / "bundle", installed()).network
    for name, found in outputs_of(network, golden, pick_hardware("cuda", precision)).items():
        share = difference(found, golden[name])
        record_property(f"{precision} {name}", f"{share:.1e}")
        assert share <= TOLERANCES["cuda"][precision]


def test_a_bundle_verifies_on_the_gpu(run: Path) -> None:
    found = dn.verify(run, device="cuda")
    assert found.ok, found


def test_a_program_for_the_gpu_says_what_the_model_says(run: Path, tmp_path: Path) -> None:
    made = dn.export(run, tmp_path / "model.pt2", to="pt2", device="cuda")
    assert made.difference <= 1e-5
    program = torch.export.load(made.path).module()
    shape, centre = (2, 6, 32, 32), torch.full((2, 6), 100.0, dtype=torch.float64, device="cuda")
    logits, _ = program(torch.zeros(shape, dtype=torch.uint8, device="cuda"), centre, centre)
    assert logits.is_cuda


# Torch says once in each process that it does not find everything that waits.
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype feature:UserWarning")
@pytest.mark.parametrize("strategy", ["supervised", "mean-teacher"])
def test_no_step_waits_for_the_gpu(
    strategy: str, screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watchful(Silent):
        """Lets whatever waits for the GPU fail, from the third step to the one before the last."""

        @contextmanager
        def task(self, name: str, total: int) -> Iterator[Advance]:
            steps = itertools.count(1)

            def advance(count: int, text: str = "") -> None:
                inside = name.startswith("epoch") and 2 <= next(steps) < total - 1
                torch.cuda.set_sync_debug_mode("error" if inside else "default")

            yield advance

    # Losses that are shown are read, and whoever reads waits.
    monkeypatch.setattr("deepnoise_core.engine.training._SHOW_EVERY_SECONDS", float("inf"))
    recipe = dn.load_recipe("tiny", sets=[f"strategy={strategy}", "train.batch_size=8", "train.epochs=1"])
    try:
        run = dn.train(recipe, screen, tmp_path / "run", device="cuda", observer=Watchful())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert np.isfinite(losses(run.path)).all()


def test_a_probe_chooses_on_the_gpu(screen: Screen) -> None:
    recipe = dn.load_recipe("tiny", sets=["train.epochs=1000"])
    composition, hardware = prepared(recipe, screen, installed(), "cuda")
    found = probe(job_of(composition, hardware), hardware)
    assert found is not None
    assert {"bf16", "fp32", "bf16, contiguous", "fp32, contiguous"} == set(found.rates)


# Compilers warn of themselves.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::DeprecationWarning:triton")
def test_compiled_training_is_nearly_the_same(screen: Screen, tmp_path: Path) -> None:
    made = []
    for compiled in ("false", "true"):
        sets = [f"train.compile={compiled}", "train.precision=fp32", "train.epochs=1", "strategy=supervised"]
        recipe = dn.load_recipe("tiny", sets=sets)
        made.append(losses(dn.train(recipe, screen, tmp_path / compiled, device="cuda").path))
    np.testing.assert_allclose(made[1], made[0], rtol=0.02)
