"""The feed: what a step sees depends on its number alone, and a site that cannot be read is missed by nobody."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from deepnoise_core.contracts import Measure, Progress, StepBatch, TrainOptions, ViewPlan
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.batches import plan_steps
from deepnoise_core.data.randomness import uniforms
from deepnoise_core.data.stores import ArrayStore, FileStore
from deepnoise_core.data.tolerance import TolerantStore
from deepnoise_core.engine.feeding import Feed
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.testing.screens import random_screen

SCREEN = random_screen(experiments=4, plates=2, wells=4, sites=2, channels=1, side=4)
EXPERIMENT = SCREEN.column("experiment").astype(str)
LABELLED, POOL = np.flatnonzero(EXPERIMENT < "E2"), np.flatnonzero(EXPERIMENT >= "E2")
LABELS = np.array([int(name[1:]) for name in SCREEN.column("perturbation")])
WAYS: list[dict[str, Any]] = [
    {},
    {"batches": {"mix": "random"}},
    {"batches": {"domain": "plate"}},
    {"batches": {"weights": "balanced"}},
    {"mixing": {"name": "cutmix"}},
    {"mixing": {"name": "mixup", "per": "image", "probability": 0.5}},
]


class Plain:
    """Scales, and jitters by the key."""

    needs: tuple[Measure, ...] = ()
    transductive = ""
    notes: tuple[str, ...] = ()

    def fit(self, statistics: object) -> None: ...

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        assert keys is not None
        return images.float() / 255 + torch.from_numpy(uniforms(keys, 1)).float()[:, :, None, None]


class Shifted:
    """Adds a random number to each image."""

    views: tuple[str, ...] = ("weak", "strong")

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return images + torch.from_numpy(uniforms(keys, 1)).float()[:, :, None, None]


class Damaged(ArrayStore):
    """Rows of which some cannot be read; counts the sites that were asked for."""

    def __init__(self, pixels: NDArray[Any], bad: set[int]) -> None:
        super().__init__(pixels)
        self.bad, self.asked = bad, 0

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        self.asked += len(rows)
        for row in rows.tolist():
            if row in self.bad:
                raise ImageError(f"row {row} is damaged")
        return super().read(rows)


PIXELS = SCREEN.store.read(np.arange(len(SCREEN)))


def feed(store: Any = SCREEN.store, seed: int = 0, views: tuple[str, ...] = ("weak",), **options: Any) -> Feed:
    inputs = Inputs(store, Plain(), torch.device("cpu"))
    plan = TrainOptions.model_validate({"batch_size": 6, **options})
    steps = plan_steps(plan, SCREEN, LABELLED, LABELS, POOL if views else POOL[:0], seed=seed)
    return Feed(
        inputs,
        Shifted(),
        LABELS,
        steps,
        ViewPlan("weak", ("weak", "strong"), views),
        seed,
        plan.mixing,
        plan.label_smoothing,
    )


def epoch_of(one: Feed, step: int = 0, last_step: int = 10_000) -> list[StepBatch | None]:
    per_epoch = one.steps.per_epoch
    return [
        portion.batch for portion in one.rest_of_epoch(Progress(step // per_epoch, step, 9, per_epoch), last_step)
    ]


def assert_same(found: StepBatch | None, expected: StepBatch | None) -> None:
    assert found is not None
    assert expected is not None
    pairs: list[tuple[Any, Any]] = [(found.labelled, expected.labelled), (found.unlabelled, expected.unlabelled)]
    assert torch.equal(found.supervised.view.images, expected.supervised.view.images)
    assert torch.equal(found.supervised.targets.classes, expected.supervised.targets.classes)
    assert torch.equal(found.supervised.targets.weights, expected.supervised.targets.weights)
    for one, other in pairs:
        assert torch.equal(one.rows, other.rows)
        assert all(torch.equal(one.views[name].images, other.views[name].images) for name in other.views)


@pytest.mark.parametrize("way", WAYS, ids=str)
@settings(max_examples=15)
@given(step=st.integers(0, 60), seed=st.integers(0, 3))
def test_a_feed_from_any_step_equals_the_tail_of_a_whole_epoch(way: dict[str, Any], step: int, seed: int) -> None:
    whole, late = feed(seed=seed, **way), feed(seed=seed, **way)
    start = step - step % whole.steps.per_epoch
    tail = epoch_of(whole, start)[step - start :]
    for found, expected in zip(epoch_of(late, step), tail, strict=True):
        assert_same(found, expected)


def test_views_hold_the_pixels_and_labels_of_their_rows() -> None:
    for batch in epoch_of(feed()):
        assert batch is not None
        assert batch.unlabelled is not None
        assert batch.supervised.targets.classes[:, 0].tolist() == LABELS[batch.supervised.rows.numpy()].tolist()
        assert torch.equal(batch.supervised.rows, batch.labelled.rows)
        assert torch.equal(batch.supervised.view.images, batch.labelled.views["weak"].images)
        for part, names in ((batch.labelled, {"weak", "strong"}), (batch.unlabelled, {"weak"})):
            assert set(part.views) == names
            added = part.views["weak"].images - torch.from_numpy(PIXELS[part.rows.numpy()]).float() / 255
            assert torch.allclose(added.amax((1, 2, 3)), added.amin((1, 2, 3)), atol=1e-5)
            assert 0 <= float(added.min()) <= float(added.max()) < 2


def test_mixing_changes_what_is_named_and_nothing_else() -> None:
    plain, mixing = epoch_of(feed()), epoch_of(feed(mixing={"name": "mixup"}, label_smoothing=0.1))
    for found, expected in zip(mixing, plain, strict=True):
        assert found is not None
        assert expected is not None
        for one, other in ((found.labelled, expected.labelled), (found.unlabelled, expected.unlabelled)):
            assert one is not None
            assert other is not None
            assert all(torch.equal(one.views[name].images, other.views[name].images) for name in other.views)
        assert not torch.equal(found.supervised.view.images, expected.supervised.view.images)
        assert torch.equal(found.supervised.rows, expected.supervised.rows)
        assert found.supervised.targets.classes.shape == (len(found.supervised.rows), 2)
        assert torch.equal(found.supervised.targets.classes[:, :1], expected.supervised.targets.classes)
        assert (found.supervised.targets.smoothing, expected.supervised.targets.smoothing) == (0.1, 0.0)


def test_two_draws_of_one_site_look_different() -> None:
    batches = [
        batch for epoch in range(20) for batch in epoch_of(feed(batches={"weights": "balanced"}), 6 * epoch)
    ]
    looks = {
        (int(row), float(view[0, 0, 0]))
        for batch in batches
        if batch is not None
        for row, view in zip(batch.labelled.rows, batch.labelled.views["weak"].images, strict=True)
    }
    assert len(looks) == 20 * len(LABELLED)


def test_steps_end_where_they_are_told_to() -> None:
    assert len(epoch_of(feed(), 0, last_step=2)) == 2
    assert len(epoch_of(feed(), 4, last_step=5)) == 1
    assert epoch_of(feed(), 4, last_step=4) == []


def test_a_site_that_cannot_be_read_is_missing_from_its_batch_alone() -> None:
    bad = {int(LABELLED[3]), int(POOL[7])}
    store = TolerantStore(Damaged(PIXELS, bad))
    damaged, whole = epoch_of(feed(store)), epoch_of(feed())
    for found, expected in zip(damaged, whole, strict=True):
        assert found is not None
        assert expected is not None
        for one, other in ((found.labelled, expected.labelled), (found.unlabelled, expected.unlabelled)):
            assert one is not None
            assert other is not None
            kept = torch.tensor([int(row) not in bad for row in other.rows])
            assert torch.equal(one.rows, other.rows[kept])
            assert torch.equal(one.views["weak"].images, other.views["weak"].images[kept])
    assert store.bad == {row: f"row {row} is damaged" for row in store.bad}
    assert set(store.bad) == bad


def test_a_bad_site_is_not_tried_again() -> None:
    damaged = Damaged(PIXELS, {int(LABELLED[3])})
    one = feed(TolerantStore(damaged), views=())
    epoch_of(one)
    first = damaged.asked
    epoch_of(one)
    assert damaged.asked - first == len(LABELLED) - 1


def test_an_error_is_an_error_without_tolerance() -> None:
    with pytest.raises(ImageError, match="is damaged"):
        epoch_of(feed(Damaged(PIXELS, {int(LABELLED[3])})))


def test_a_thread_that_fails_to_read_is_heard(tells_of: Callable[..., None]) -> None:
    class Large(ArrayStore):
        def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
            raise MemoryError("Unable to allocate 20 GiB")

    with pytest.raises(ImageError, match="Unable to allocate 20 GiB") as raised:
        epoch_of(feed(TolerantStore(Large(PIXELS))))
    tells_of("images do not fit the memory of the machine", raised.value, 2)


def test_a_batch_with_one_labelled_site_left_is_no_batch() -> None:
    one = feed(TolerantStore(Damaged(PIXELS, {int(LABELLED[0])})), batch_size=2)
    batches = epoch_of(one)
    assert batches.count(None) == 1
    assert len(batches) == len(LABELLED) // 2


def test_too_many_bad_sites_stop_the_work() -> None:
    rows = {int(row) for row in LABELLED[:7]}
    with pytest.raises(ImageError, match=r"7 of 64 sites cannot be read, more than 10 %; .* row \d+ is damaged"):
        epoch_of(feed(TolerantStore(Damaged(PIXELS, rows))))


def test_tolerance_is_a_store_like_any_other() -> None:
    store = TolerantStore(Damaged(PIXELS, {5, 9}))
    rows = np.array([9, 2, 5, 3])
    pixels = store.read(rows)
    assert store.good(rows).tolist() == [False, True, False, True]
    np.testing.assert_array_equal(pixels[[1, 3]], PIXELS[[2, 3]])
    assert not pixels[[0, 2]].any()
    assert (store.shape, store.dtype, len(store)) == (PIXELS.shape[1:], PIXELS.dtype, len(PIXELS))
    taken = store.take(np.array([4, 9, 2]))
    assert taken.bad == {1: "row 9 is damaged"}


def test_the_first_site_whose_header_can_be_read_tells_the_size(tmp_path: Path) -> None:
    names = [[f"{row}.png"] for row in range(40)]
    for row, (name,) in enumerate(names):
        Image.fromarray(PIXELS[row, 0]).save(tmp_path / name)
    for row in (0, 1, 20):
        (tmp_path / names[row][0]).write_bytes(b"")
    store = TolerantStore(FileStore(tmp_path, names))
    rows = np.array([21, 0, 2, 20])
    pixels = store.read(rows)
    assert store.shape == (1, 4, 4)
    assert store.good(rows).tolist() == [True, False, True, False]
    np.testing.assert_array_equal(pixels[[0, 2], 0], PIXELS[[21, 2], 0])
    assert list(store.bad) == [0, 1, 20]
    assert all("the file is empty" in reason for reason in store.bad.values())


def test_waiting_is_the_time_that_reading_takes_longer_than_the_work() -> None:
    class Slow(ArrayStore):
        def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
            time.sleep(0.02)
            found = super().read(rows)
            ready.release()
            return found

    def waited(*, works: bool) -> float:
        one = feed(Slow(PIXELS), batch_size=4)
        left = one.steps.per_epoch
        for _ in one.rest_of_epoch(Progress(0, 0, 1, left), 10_000):
            left -= 1
            ready.acquire()
            if works and left:  # until the images of the next step are there
                ready.acquire()
                ready.release()
        return one.waited

    ready = threading.Semaphore(0)
    assert waited(works=False) > 2 * waited(works=True) > 0.02
