"""The loop itself, on a small network and random pixels."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import (
    InferenceOptions,
    Losses,
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
from deepnoise_core.engine.checkpoints import newest_state
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import device_name, pick_hardware
from deepnoise_core.engine.domain_norm import domain_norm
from deepnoise_core.engine.job import TrainingJob
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.prediction import predict_rows
from deepnoise_core.engine.training import CHECKPOINTS, train
from deepnoise_core.engine.validation import LabelledPool, validate
from deepnoise_core.engine.weights import load_weights, restore
from deepnoise_core.testing.networks import small_classifier
from deepnoise_core.testing.pixels import plain_inputs
from deepnoise_core.testing.screens import random_screen

CLASSES = ("p0", "p1", "p2", "p3")


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


def job(
    strategy: Learner, screen: Screen | None = None, *, batch_norm: bool = True, **plan: object
) -> TrainingJob:
    screen = screen or random_screen(experiments=3)
    codes = np.array([int(name[1:]) for name in screen.column("perturbation")])
    part = screen.column("experiment")
    labels = np.where(part == "E0", codes, 99)
    validation = np.flatnonzero(part == "E1")
    wells = screen.column("well_id").astype(str)
    options = {"epochs": 2, "batch_size": 6, "optimizer": {"lr": 0.01}, **plan}
    return TrainingJob(
        student=small_classifier(classes=4, batch_norm=batch_norm),
        strategy=strategy,
        augmentation=Same(),
        inputs=plain_inputs(screen.store),
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
    restore(network, load_weights(result.weights), result.weights)
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
    plan: dict[str, Any] = {"batches": batches, "checkpoints": {"minutes": 0}}
    steps = train(job(Learner(), **plan), straight, CPU, Silent()).steps
    with pytest.raises(KeyboardInterrupt):
        train(job(Learner(), **plan), halted, CPU, Impatient())
    assert train(job(Learner(), **plan), halted, CPU, Silent(), resume=True).steps == steps
    expected = student_of(straight)
    for name, tensor in student_of(halted).items():
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
    inputs = plain_inputs(screen.store, image_size=8)
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


def trained(folder: Path, **plan: object) -> Mapping[str, Tensor]:
    """Weights after a training without batch norm, of plain steps."""
    folder.mkdir()
    optimizer = {"name": "sgd", "lr": 0.1, "momentum": 0.0}
    options: dict[str, Any] = {"optimizer": optimizer, "schedule": {"name": "constant"}, **plan}
    train(job(Learner(), batch_norm=False, **options), folder, CPU, Silent())
    return student_of(folder)


def student_of(folder: Path) -> Mapping[str, Tensor]:
    return newest_state(folder / CHECKPOINTS)[0].tensors["student"]


@pytest.mark.parametrize("parts", [2, 3])
def test_a_step_in_parts_is_the_whole_step_without_batch_norm(parts: int, tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", batch_size=7)
    divided = trained(tmp_path / "divided", batch_size=7, accumulate=parts)
    for name, tensor in whole.items():
        torch.testing.assert_close(divided[name], tensor, rtol=0, atol=1e-6)


def test_parts_hold_every_image_once_and_two_labelled_ones_at_least(tmp_path: Path) -> None:
    whole, divided = Learner(), Learner()
    (tmp_path / "whole").mkdir()
    train(job(whole), tmp_path / "whole", CPU, Silent())
    (tmp_path / "divided").mkdir()
    result = train(job(divided, accumulate=3), tmp_path / "divided", CPU, Silent())
    assert result.steps == 6
    for kind in ("supervised", "labelled", "unlabelled"):
        rows = [torch.cat([getattr(batch, kind).rows for batch in one.seen]) for one in (whole, divided)]
        assert torch.equal(*rows)
    assert min(len(batch.supervised.rows) for batch in divided.seen) >= 2
    assert len(divided.seen) > 2 * len(whole.seen)


def test_a_gradient_is_cut_to_its_largest_norm(tmp_path: Path) -> None:
    start = small_classifier(classes=4, batch_norm=False).state_dict()

    def moved(name: str, largest: float | None) -> float:
        after = trained(tmp_path / name, max_steps=1, clip_gradient=largest)
        return float(torch.cat([(after[key] - start[key]).flatten() for key in start]).norm())

    free = moved("free", None)
    # Plain SGD moves by rate times gradient, and the weight decay of 1e-4 by next to nothing.
    assert moved("cut", free / 0.1 / 4) == pytest.approx(free / 4, rel=1e-3)
    assert moved("whole", 1e3) == pytest.approx(free, rel=1e-6)


def test_training_stops_where_no_better_epoch_comes(tmp_path: Path) -> None:
    still = {"optimizer": {"lr": 1e-12}, "batch_norm_momentum": 1e-12}
    options: dict[str, Any] = {"epochs": 9, "early_stopping": 2, **still}
    result = train(job(Learner(), **options), tmp_path, CPU, Silent())
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert result.stopped_early
    assert len(lines) == result.best_epoch + 2 < 9
    again = train(job(Learner(), **options), tmp_path, CPU, Silent(), resume=True)
    assert (again.best_epoch, again.steps, again.stopped_early) == (result.best_epoch, result.steps, True)


@pytest.mark.parametrize(
    ("selection", "key"),
    [("loss", lambda line: -line["validation_loss"]), ("last", lambda line: line["epoch"])],
    ids=["loss", "last"],
)
def test_the_published_epoch_is_the_selected_one(
    selection: str, key: Callable[[dict[str, float]], float], tmp_path: Path
) -> None:
    result = train(job(Learner(), epochs=4, selection=selection), tmp_path, CPU, Silent())
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert result.best_epoch == max(lines, key=key)["epoch"]
    assert not result.stopped_early


def test_accuracy_within_groups_is_that_of_the_likeliest_arrangement(tmp_path: Path) -> None:
    design = PlateDesign((frozenset({0, 2}), frozenset({1, 3})))
    one = replace(job(Learner(), selection="group"), design=design)
    result = train(one, tmp_path, CPU, Silent())
    network = one.strategy.inference_model()
    assert one.validation is not None
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: (line["validation_group_accuracy"], -line["validation_loss"]))
    assert result.best_epoch == best["epoch"]

    rows = one.validation.rows
    logits = predict_rows(cast(Classifier, network), one.inputs, rows).logits
    wells = logits.reshape(2, 4, 2, 4).mean(axis=2)  # plate, well, class: two sites a well
    chances = np.exp(wells) / np.exp(wells).sum(axis=2, keepdims=True)
    groups = [sorted(group) for group in design.groups]
    arrangements = [(groups[turn], groups[1 - turn]) for turn in (0, 1)]
    mass = [sum(chances[plate][:, held[plate]].sum() for plate in (0, 1)) for held in arrangements]
    held = arrangements[int(np.argmax(mass))]
    named = np.stack([np.array(held[plate])[wells[plate][:, held[plate]].argmax(axis=1)] for plate in (0, 1)])
    assert lines[-1]["validation_group_accuracy"] == pytest.approx((named == np.arange(4)).mean())


def test_validation_and_pool_take_the_statistics_of_plates_where_asked(tmp_path: Path) -> None:
    strategy = Learner()
    options = InferenceOptions(batch_norm="plate", batch_norm_minimum=8)
    one = replace(job(strategy), inference=options)
    train(one, tmp_path, CPU, Silent())
    network = cast(Classifier, strategy.inference_model())
    norm = domain_norm(options, one.screen, network)
    assert one.validation is not None
    expected = validate(network, one.inputs, one.validation, norm=norm)
    last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["validation_loss"] == pytest.approx(expected["validation_loss"], rel=1e-6)
    assert expected["validation_loss"] != pytest.approx(
        validate(network, one.inputs, one.validation)["validation_loss"], rel=1e-4
    )
    pool = predict_rows(network, one.inputs, one.unlabelled, norm=norm).logits.reshape(8, 2, 4).mean(axis=1)
    np.testing.assert_allclose(strategy.pools[-1].scores, pool, rtol=1e-5, atol=1e-6)


def test_jobs_that_cannot_be_trained_are_refused_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="early_stopping compares epochs by validation wells"):
        train(replace(job(Learner(), early_stopping=1), validation=None), tmp_path, CPU, Silent())
    without = replace(job(Learner(), batch_norm=False), inference=InferenceOptions(batch_norm="plate"))
    with pytest.raises(ModelError, match="needs a network with batch norm"):
        train(without, tmp_path, CPU, Silent())


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"accumulate": 4}, "4 parts of at least 2 images do not fit a batch_size of 6"),
        ({"selection": "last", "early_stopping": 1}, "early_stopping compares epochs"),
        ({"sharding": "full", "compile": True}, "what sharding divides is not compiled"),
        ({"sharding": "full", "precision": "fp16"}, "fp16 scales losses by the gradients of a whole network"),
    ],
)
def test_plans_that_contradict_themselves_are_refused(plan: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrainOptions.model_validate({"batch_size": 6, **plan})
