"""The loop itself, on a small network and random pixels."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import (
    Losses,
    Measure,
    PlateDesign,
    Pool,
    Predictions,
    Progress,
    Refreshed,
    Screen,
    StepBatch,
    TrainOptions,
    ViewPlan,
)
from deepnoise_core.contracts.errors import InputError, ModelError, TrainingError
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.engine.checkpoints import load_weights, restore
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import device_name, pick_hardware
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.job import TrainingJob
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.training import train
from deepnoise_core.engine.validation import LabelledPool, validate
from deepnoise_core.testing.networks import small_classifier
from deepnoise_core.testing.screens import random_screen

CLASSES = ("p0", "p1", "p2", "p3")


class Plain:
    """Divides by 255."""

    needs: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()
    transductive = ""

    def fit(self, statistics: object) -> None: ...

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        return images.float() / 255


class Same:
    """One view, the image itself."""

    views: tuple[str, ...] = ("same",)

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return images


class Learner:
    """Cross-entropy on labelled images; asks for the pool at each refresh, and remembers what it saw."""

    def __init__(self, unlabelled: tuple[str, ...] = ("same",), factor: float = 1.0) -> None:
        self.views = ViewPlan("same", (), unlabelled)
        self.factor = factor
        self.seen: list[StepBatch] = []
        self.pools: list[Predictions] = []

    def start(self, student: nn.Module, pool: Pool) -> None:
        self.student = student

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        self.seen.append(batch)
        loss = student(*batch.supervised.view, targets=batch.supervised.targets).loss.mean()
        return Losses({"cross_entropy": loss * self.factor})

    def after_step(self, student: nn.Module, progress: Progress) -> None: ...

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        self.pools.append(predictor(self.student))
        return Refreshed({"pools": float(len(self.pools))})

    def inference_model(self) -> nn.Module:
        return self.student

    def state_dict(self) -> Mapping[str, Tensor]:
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None: ...


def job(strategy: Learner, screen: Screen | None = None, **plan: object) -> TrainingJob:
    screen = screen or random_screen(experiments=3)
    codes = np.array([int(name[1:]) for name in screen.column("perturbation")])
    part = screen.column("experiment")
    labels = np.where(part == "E0", codes, 99)
    validation = np.flatnonzero(part == "E1")
    wells = screen.column("well_id").astype(str)
    options = {"epochs": 2, "batch_size": 6, "optimizer": {"lr": 0.01}, **plan}
    return TrainingJob(
        student=small_classifier(classes=4),
        strategy=strategy,
        augmentation=Same(),
        inputs=Inputs(screen.store, Plain(), torch.device("cpu")),
        screen=screen,
        classes=CLASSES,
        labelled=np.flatnonzero(part == "E0"),
        labels=labels,
        unlabelled=np.flatnonzero(part == "E2"),
        validation=LabelledPool(validation, codes[validation], wells[validation], len(CLASSES)),
        design=PlateDesign(),
        plan=TrainOptions.model_validate(options),
        seed=3,
    )


CPU = pick_hardware("cpu")


def test_an_epoch_sees_each_training_site_once_and_no_other_label(tmp_path: Path) -> None:
    strategy = Learner()
    result = train(job(strategy), tmp_path, CPU, Silent())
    assert result.steps == 6
    for epoch in (strategy.seen[:3], strategy.seen[3:]):
        rows = torch.cat([batch.supervised.rows for batch in epoch]).tolist()
        assert sorted(rows) == list(range(16))
    assert max(int(batch.supervised.targets.classes.max()) for batch in strategy.seen) < 4
    unlabelled = {int(row) for batch in strategy.seen if batch.unlabelled for row in batch.unlabelled.rows}
    assert unlabelled <= set(range(32, 48))


def test_the_pool_is_predicted_by_well_without_labels(tmp_path: Path) -> None:
    strategy = Learner()
    train(job(strategy), tmp_path, CPU, Silent())
    assert [len(pool) for pool in strategy.pools] == [8, 8]
    assert "perturbation" not in strategy.pools[0].ids
    assert set(strategy.pools[0].ids["experiment"]) == {"E2"}


def test_a_strategy_without_unlabelled_views_gets_none(tmp_path: Path) -> None:
    strategy = Learner(unlabelled=())
    train(job(strategy), tmp_path, CPU, Silent())
    assert all(batch.unlabelled is None for batch in strategy.seen)


def test_steps_are_bounded_and_metrics_written(tmp_path: Path) -> None:
    result = train(job(Learner(), max_steps=4, clip_gradient=0.5), tmp_path, CPU, Silent())
    assert result.steps == 4
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 3), (2, 4)]


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"cross_entropy became infinite or not a number .* train.optimizer.lr"
    ):
        train(job(Learner(factor=float("nan"))), tmp_path, CPU, Silent())


def test_one_site_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the split leaves 1"):
        train(replace(job(Learner()), labelled=np.array([0])), tmp_path, CPU, Silent())


def test_without_validation_the_last_epoch_is_kept(tmp_path: Path) -> None:
    result = train(replace(job(Learner()), validation=None), tmp_path, CPU, Silent())
    assert result.best_epoch == 2
    assert "validation_accuracy" not in result.record


def test_the_best_epoch_is_the_one_of_highest_accuracy_then_lowest_loss(tmp_path: Path) -> None:
    result = train(job(Learner(), epochs=5), tmp_path, CPU, Silent())
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: (line["validation_accuracy"], -line["validation_loss"]))
    assert result.best_epoch == best["epoch"]
    network = small_classifier(classes=4)
    path = tmp_path / "checkpoints" / "best.safetensors"
    restore(network, load_weights(path), path)
    one = job(Learner())
    assert one.validation is not None
    again = validate(network, one.inputs, one.validation)
    assert again["validation_loss"] == pytest.approx(best["validation_loss"], rel=1e-5)


@pytest.mark.parametrize(
    "batches",
    [{}, {"mix": "random"}, {"domain": "plate"}, {"domain": "plate", "weights": "balanced"}],
    ids=["ratio", "random", "plate", "balanced"],
)
def test_a_run_of_any_kind_of_batch_resumes_exactly(batches: dict[str, str], tmp_path: Path) -> None:
    class Impatient(Silent):
        def epoch(self, record: Mapping[str, float]) -> None:
            raise KeyboardInterrupt

    (straight := tmp_path / "straight").mkdir()
    (halted := tmp_path / "halted").mkdir()
    steps = train(job(Learner(), batches=batches), straight, CPU, Silent()).steps
    with pytest.raises(KeyboardInterrupt):
        train(job(Learner(), batches=batches), halted, CPU, Impatient())
    assert train(job(Learner(), batches=batches), halted, CPU, Silent(), resume=True).steps == steps
    expected = load_weights(straight / "checkpoints" / "last" / "student.safetensors")
    for name, tensor in load_weights(halted / "checkpoints" / "last" / "student.safetensors").items():
        assert torch.equal(tensor, expected[name]), name


def test_validation_is_the_accuracy_of_mean_logits(tmp_path: Path) -> None:
    one = job(Learner())
    pool = one.validation
    assert pool is not None
    network: Classifier = one.student.eval()
    with torch.no_grad():
        logits = network(*one.inputs.clean(one.screen.store.read(pool.rows), pool.rows)).numpy()
    wells = list(dict.fromkeys(pool.wells.tolist()))
    mean = np.stack([logits[pool.wells == well].mean(axis=0) for well in wells])
    labels = np.array([pool.labels[pool.wells == well][0] for well in wells])
    figures = validate(network, one.inputs, pool)
    assert figures["validation_accuracy"] == pytest.approx((mean.argmax(axis=1) == labels).mean())
    expected = F.cross_entropy(torch.from_numpy(mean), torch.from_numpy(labels))
    assert figures["validation_loss"] == pytest.approx(float(expected), rel=1e-5)


def test_sixteen_bits_and_another_size_reach_the_network(tmp_path: Path) -> None:
    screen = random_screen(dtype="uint16")
    inputs = Inputs(screen.store, Plain(), torch.device("cpu"), image_size=8)
    rows = np.arange(3)
    assert inputs.clean(screen.store.read(rows), rows).images.shape == (3, 3, 8, 8)
    assert site_statistics(screen).total.max() > 255 * 16 * 16


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(ModelError, match="cannot be read as safetensors"):
        load_weights(path)
    path.write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be read as safetensors"):
        load_weights(path)
    with pytest.raises(ModelError, match="do not fit the network"):
        restore(nn.Linear(2, 2), {"weight": torch.zeros(3, 3)}, path)


def test_devices_are_picked_by_name() -> None:
    assert pick_hardware("cpu").precision == "fp32"
    assert str(pick_hardware("cpu")).startswith("cpu (")
    assert pick_hardware("cpu", "bf16").autocast().fast_dtype is torch.bfloat16
    with pytest.raises(InputError, match="no device is called 'gpu'"):
        device_name("gpu")
