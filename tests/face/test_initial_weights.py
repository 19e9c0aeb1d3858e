"""Training that starts from the weights of a file, a run or a bundle."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

import deepnoise as dn
from deepnoise.training import Run
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ModelError

SMALL = ("backbone.options.model=test_resnet", "strategy=supervised", "train.max_steps=2", "train.batch_size=8")
FROZEN = ("train.optimizer={name: sgd, lr: 1e-12, momentum: 0, weight_decay: 0}",)
STEM = "backbone.network.conv1.0.weight"
Deepnoise = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as timm publishes them: three channels, ten classes."""
    file = tmp_path_factory.mktemp("weights") / "rgb.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(timm.create_model("test_resnet", num_classes=10).state_dict(), file)
    return file


def trained(screen: Screen, out: Path, initial: Mapping[str, object], *sets: str) -> Run:
    spelt = f"train.initial={json.dumps(initial)}"
    run = dn.train(dn.load_recipe("tiny", sets=[*SMALL, spelt, *sets]), screen, out, device="cpu")
    assert isinstance(run, Run)
    return run


@pytest.fixture(scope="module")
def first(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = dn.load_recipe("tiny", sets=[*SMALL, "seed=5"])
    return dn.train(recipe, screen, tmp_path_factory.mktemp("first") / "run", device="cpu").path


@pytest.mark.parametrize("stem", ["mean", "repeat", "by_channel", "random"])
def test_a_network_starts_from_a_file_of_timm(stem: str, screen: Screen, weights: Path, tmp_path: Path) -> None:
    initial: dict[str, object] = {"weights": str(weights), "stem": stem}
    if stem == "by_channel":
        initial["channels"] = dict(zip(screen.channels, ("red", "green", "blue") * 2, strict=False))
    run = trained(screen, tmp_path / "run", initial, *FROZEN)
    assert run.card["initial"] == [
        f"the backbone starts from {weights}",
        f"stem conv1.0.weight: 3 to {len(screen.channels)} channels by {stem}",
        "ignored the classifier of the weights: 'fc.bias', 'fc.weight'",
        "the head starts new",
    ]
    assert json.loads((run.path / "run.json").read_text())["initial"] == run.card["initial"]
    learned, given = load_file(run.bundle / "model.safetensors"), load_file(weights)
    torch.testing.assert_close(learned["backbone.network.conv1.3.weight"], given["conv1.3.weight"])
    if stem != "random":
        torch.testing.assert_close(learned[STEM].sum(dim=1), given["conv1.0.weight"].sum(dim=1))
    assert dn.load(run.path).predict(screen, part="test", device="cpu").unrestricted.shape[0]


def test_a_random_stem_follows_from_the_seed(screen: Screen, weights: Path, tmp_path: Path) -> None:
    initial, made = {"weights": str(weights), "stem": "random"}, []
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        run = trained(screen, tmp_path / name, initial, f"seed={seed}", *FROZEN)
        made.append(load_file(run.bundle / "model.safetensors")[STEM])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


@pytest.mark.parametrize("head", ["keep", "new"])
@pytest.mark.parametrize("folder", [".", "bundle"])
def test_a_run_starts_from_the_one_before(
    head: str, folder: str, first: Path, screen: Screen, tmp_path: Path
) -> None:
    run = trained(screen, tmp_path / "run", {"weights": str(first / folder), "head": head}, *FROZEN)
    before, after = (load_file(one / "bundle" / "model.safetensors") for one in (first, run.path))
    kept = {
        name: torch.allclose(before[name], after[name], atol=1e-8)
        for name in before
        if before[name].is_floating_point() and "running" not in name
    }
    assert {same for name, same in kept.items() if name.startswith("backbone.")} == {True}
    assert {same for name, same in kept.items() if name.startswith("head.")} == {head == "keep"}
    assert run.card["initial"][-1].startswith("the head is kept" if head == "keep" else "the head starts new")


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        ({"weights": "gone.safetensors"}, "gone.safetensors: cannot be read"),
        ({"weights": "rgb"}, "train.initial.stem: mean, repeat, by_channel, random"),
        ({"weights": "rgb", "stem": "mean", "head": "keep"}, "does not say its classes"),
        ({"weights": "rgb", "stem": "by_channel"}, "nothing is said of"),
        ({"weights": "empty"}, "is no bundle"),
    ],
)
def test_what_cannot_start_is_told_before_anything_is_written(
    initial: dict[str, str], message: str, screen: Screen, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"rgb": str(weights), "empty": str(tmp_path / "empty")}
    initial |= {"weights": places.get(initial["weights"], initial["weights"])}
    with pytest.raises(ModelError, match=message):
        trained(screen, tmp_path / "run", initial)
    assert not (tmp_path / "run").exists()


def test_another_network_is_refused(first: Path, screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is of another network than the recipe's backbone: it lacks 'conv_stem"):
        trained(screen, tmp_path / "run", {"weights": str(first)}, "backbone.options.model=test_efficientnet")


def test_channels_without_by_channel_are_a_fault_of_the_recipe(deepnoise: Deepnoise, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "name: mine\nbackbone: densenet121\ntrain:\n  initial: {weights: a, stem: mean, channels: {w1: red}}\n"
    )
    done = deepnoise("recipe", "check", recipe)
    assert done.returncode == 2
    assert "channels are for stem: by_channel" in done.stderr


def test_a_resumed_run_needs_its_initial_weights_no_longer(
    weights: Path, tiny_screen: Path, deepnoise: Deepnoise, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.safetensors"
    gone.write_bytes(weights.read_bytes())
    out = tmp_path / "run"
    words = (*SMALL[:2], f"train.initial.weights={gone}", "train.initial.stem=repeat", "train.epochs=1")
    done = deepnoise("train", "tiny", "--screen", tiny_screen, "--out", out, "--device", "cpu", "--set", *words)
    assert done.returncode == 0, done.stderr
    assert "stem conv1.0.weight: 3 to 6 channels by repeat" in done.stderr
    notes = json.loads((out / "run.json").read_text())["initial"]
    gone.unlink()
    # As a crash before the bundle was written leaves it.
    (out / "bundle").rename(tmp_path / "bundle")
    done = deepnoise("train", "--resume", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "stem conv1.0.weight" not in done.stderr
    assert json.loads((out / "run.json").read_text())["initial"] == notes


def test_running_statistics_follow_the_momentum(screen: Screen, weights: Path, tmp_path: Path) -> None:
    initial, made = {"weights": str(weights), "stem": "mean"}, {}
    for momentum in (0.05, 0.1):
        sets = (f"train.batch_norm_momentum={momentum}", "train.max_steps=1", *FROZEN)
        run = trained(screen, tmp_path / str(momentum), initial, *sets)
        made[momentum] = load_file(run.bundle / "model.safetensors")["backbone.network.bn1.running_mean"]
    # Both begin at 0 and see one and the same batch.
    torch.testing.assert_close(made[0.05] * 2, made[0.1])
