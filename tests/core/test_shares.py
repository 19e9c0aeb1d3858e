"""Steps divided among processes, and whether their copies stay alike."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.data.batches import Rows, StepRows, shares_of
from deepnoise_core.engine import copies


def rows(count: int, start: int) -> Rows:
    return Rows(np.arange(start, start + count), np.arange(count) % 3)


@given(known=st.integers(2, 40), pool=st.integers(0, 40), count=st.integers(1, 5))
def test_each_appearance_is_in_one_share_and_shares_are_of_equal_size(known: int, pool: int, count: int) -> None:
    step = StepRows(rows(known, 0), rows(pool, 100))
    if known < 2 * count or 0 < pool < count:
        with pytest.raises(TrainingError, match=f"{count} processes need 2 labelled sites each"):
            shares_of([step], 0, count)
        return
    shares = [shares_of([step], part, count)[0] for part in range(count)]
    for kind in ("labelled", "unlabelled"):
        whole, parts = getattr(step, kind), [getattr(share, kind) for share in shares]
        np.testing.assert_array_equal(np.concatenate([part.rows for part in parts]), whole.rows)
        np.testing.assert_array_equal(np.concatenate([part.turns for part in parts]), whole.turns)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert min(len(share.labelled) for share in shares) >= 2


def test_copies_that_differ_in_one_bit_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def compared(*numbers: int) -> list[tuple[int, ...]]:
        seen.append(numbers)
        return [seen[0], numbers]

    monkeypatch.setattr(copies, "process_count", lambda: 2)
    monkeypatch.setattr(copies, "numbers_of_all", compared)
    state = {
        "student": {"weight": torch.rand(5)},
        "strategy": {"level": torch.tensor(0.5), "steps": torch.tensor(7)},
    }
    copies.require_alike(state, parts=("student", "strategy"))
    copies.require_alike(state, parts=("student", "strategy"))
    state["strategy"]["level"] = torch.nextafter(torch.tensor(0.5), torch.tensor(1.0))
    with pytest.raises(TrainingError, match="the strategy differs between processes, first in 'level'"):
        copies.require_alike(state, parts=("student", "strategy"))
