"""Networks divided among processes: which blocks, what stays whole, and what is refused."""

from collections.abc import Iterator

import pytest
import timm
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore

from deepnoise_core.contracts import TrainOptions
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.engine.copies import require_alike
from deepnoise_core.engine.divided_tensors import divided_as, own_share, whole
from deepnoise_core.engine.division import Division, blocks_of
from deepnoise_core.engine.ema import RunningAverage, clone_teacher
from deepnoise_core.engine.observation import Silent

CPU = torch.device("cpu")
FULL = TrainOptions(sharding="full")


class Network(nn.Module):
    """Five rows of weights, statistics, and a block."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(3, 5)
        self.norm = nn.BatchNorm1d(5)
        self.blocks = nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))

    def forward(self, values: Tensor) -> Tensor:
        made: Tensor = self.blocks(self.norm(self.first(values)))
        return made


@pytest.fixture
def _first_of_two() -> Iterator[None]:
    """This process is the first of two, of which the other is never heard: what it would send is zeros."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    yield
    dist.destroy_process_group()


@pytest.fixture
def _only_one() -> Iterator[None]:
    """A group of this process alone, in which divided networks hold all of themselves."""
    store = dist.HashStore()  # type: ignore[attr-defined]
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def divided_alone(network: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    fully_shard(network, mesh=init_device_mesh("cpu", (1,)), reshard_after_forward=True)
    return network


@pytest.mark.parametrize(("name", "blocks"), [("vit_small_patch16_224", 12), ("densenet121", 54)])
def test_blocks_of_known_networks_hold_nearly_all_and_none_much(name: str, blocks: int) -> None:
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
    sizes = [sum(p.numel() for p in block.parameters()) for block in blocks_of(network)]
    total = sum(p.numel() for p in network.parameters())
    assert len(sizes) == blocks
    assert sum(sizes) > 0.9 * total
    assert max(sizes) < 0.2 * total


@pytest.mark.usefixtures("_first_of_two")
def test_each_process_holds_its_rows_and_all_statistics() -> None:
    network, before = Network(), Network()
    assert Division(FULL, [network, network], CPU, Silent()).divides
    for name, parameter in network.named_parameters():
        rows = before.get_parameter(name)
        assert torch.equal(own_share(parameter), rows[: -(-len(rows) // 2)])
        assert torch.equal(own_share(divided_as(rows.detach(), parameter)), own_share(parameter))
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before.get_buffer(name))
    # Of what is divided there is one copy, which cannot differ from others; the fake process sends zeros.
    require_alike({"student": dict(network.named_parameters())}, parts=("student",))


@pytest.mark.usefixtures("_first_of_two")
def test_a_network_is_whole_for_a_while() -> None:
    network, other = Network(), Network()
    division = Division(FULL, [network], CPU, Silent())
    with division.whole(network) as found:
        assert {name: p.shape for name, p in found.named_parameters()} == {
            name: p.shape for name, p in other.named_parameters()
        }
        assert not any(p.is_meta for p in found.parameters())
        assert found.norm.running_mean is network.norm.running_mean
        with torch.inference_mode():
            found.eval()(torch.zeros(4, 3))
    assert all(p.is_meta for p in found.parameters())
    with division.whole(other) as same:
        assert same is other


class Told(Silent):
    notes: list[str]

    def __init__(self) -> None:
        self.notes = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_one_process_divides_nothing_and_says_so() -> None:
    told = Told()
    assert not Division(FULL, [Network()], CPU, told).divides
    assert told.notes == ["train.sharding: full divides nothing, since there is one process (--processes)"]
    assert not Division(TrainOptions(), [Network()], CPU, told).divides
    assert len(told.notes) == 1


@pytest.mark.usefixtures("_first_of_two")
def test_parameters_that_somebody_still_holds_are_named() -> None:
    network = Network()
    held = list(network.blocks.parameters())
    with pytest.raises(TrainingError, match=r"the strategy holds 'blocks\.0\.weight' of a network"):
        Division(FULL, [network], CPU, Silent())
    assert held


@pytest.mark.usefixtures("_first_of_two")
def test_what_cannot_be_divided_is_refused() -> None:
    network = Network()
    network.scale = nn.Parameter(torch.ones(()))
    with pytest.raises(TrainingError, match=r"this network cannot be divided .*scalar.*; set it to none"):
        Division(FULL, [network], CPU, Silent())
    with pytest.raises(TrainingError, match="full divides nothing on mps; set it to none"):
        Division(FULL, [Network()], torch.device("mps"), Silent())


@pytest.mark.usefixtures("_only_one")
@pytest.mark.parametrize("both", [True, False])
def test_a_divided_student_is_averaged_as_a_whole_one_is(both: bool) -> None:
    def moved(*, divide: bool) -> list[Tensor]:
        student = Network()
        teacher = clone_teacher(student)
        average = RunningAverage(teacher, student, "copy")
        if divide:
            divided_alone(student)
            if both:
                divided_alone(teacher)
        for number in range(3):
            with torch.no_grad():
                for parameter in student.parameters():
                    own_share(parameter).add_(number + 0.3)
            average.move(0.9)
        return [whole(parameter) for parameter in teacher.parameters()]

    for found, expected in zip(moved(divide=True), moved(divide=False), strict=True):
        assert torch.equal(found, expected)
