"""Checkpoints of other programs become bundles, and nothing that could run code is ever unpickled."""

import io
import pickle
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

import deepnoise as dn
from deepnoise.model import Model
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.engine import checkpoint_reading
from deepnoise_core.engine.checkpoint_reading import read_checkpoint

Deepnoise = Callable[..., CompletedProcess[str]]
Words = Callable[..., list[object]]
CLASSES = ("quiet", "loud", "odd")
RULES = r"""
select: {select}
rules:
  - {{match: '^module\.', to: ''}}
  - {{match: '^(fc|classifier)\.', to: 'head.linear.'}}
  - {{match: '^(?!head\.)', to: 'backbone.network.'}}
"""


def network(model: str) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: torch.nn.Module = timm.create_model(model, in_chans=2, num_classes=len(CLASSES)).eval()
    return made


def prefixed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `DataParallel` calls them."""
    return {f"module.{name}": tensor for name, tensor in state.items()}


@contextmanager
def in_this_process() -> Iterator[None]:
    """Checkpoints are read here, without the seconds that a process of their own takes to import PyTorch."""

    def run(command: Sequence[str], **_: object) -> CompletedProcess[str]:
        told = io.StringIO()
        with redirect_stdout(told):
            code = checkpoint_reading.main(*command[-2:])
        return CompletedProcess(command, code, told.getvalue(), "")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint_reading, "_limit_memory", lambda _: None)
        patch.setattr(subprocess, "run", run)
        yield


@pytest.fixture
def here() -> Iterator[None]:
    """All checkpoints of a test are read in this process."""
    with in_this_process():
        yield


@pytest.fixture
def words(tmp_path: Path) -> Words:
    """The words of an import whose map selects a key."""
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))

    def made(checkpoint: Path, model: str, select: str = "", rules: str = RULES) -> list[object]:
        (tmp_path / "rules.yaml").write_text(rules.format(select=select or "''"))
        (tmp_path / "recipe.yaml").write_text(
            f"name: old\nbackbone: {{name: timm, options: {{model: {model}}}}}\nhead: linear\nnormalizer: none\n"
            "postprocessors: [site-mean]\n"
        )
        chosen = ["--recipe", tmp_path / "recipe.yaml", "--classes", tmp_path / "classes.txt", "--size", 32]
        paths = [checkpoint, "--map", tmp_path / "rules.yaml", "-o", tmp_path / "bundle"]
        return ["import", *paths, *chosen, "--channels", "dna,actin"]

    return made


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("model", "select", "wrapped"),
    [
        ("test_resnet", "", lambda state: state),
        ("test_resnet", "state_dict", lambda state: {"state_dict": state, "epoch": 3, "args": ["a", 1.5]}),
        (
            "test_resnet",
            "net.student",
            lambda state: {"net": {"student": prefixed(state)}},
        ),
        ("densenet121", "", prefixed),
    ],
    ids=["bare", "nested", "nested-data-parallel", "densenet-data-parallel"],
)
def test_a_timm_checkpoint_becomes_a_bundle(
    model: str,
    select: str,
    wrapped: Callable[[Mapping[str, Tensor]], Any],
    words: Words,
    tmp_path: Path,
    deepnoise: Deepnoise,
) -> None:
    original, file = network(model), tmp_path / "old.pth"
    torch.save(wrapped(original.state_dict()), file)
    done = deepnoise(*words(file, model, select))
    assert done.returncode == 0, done.stderr
    assert f"took {len(original.state_dict())} tensors" in done.stderr
    loaded = dn.load(tmp_path / "bundle")
    assert isinstance(loaded, Model)
    manifest = loaded.bundle.manifest
    assert (manifest.classes, manifest.channels) == (CLASSES, ("dna", "actin"))
    assert manifest.training["imported_from"]["file"] == "old.pth"
    assert "--repeat" not in (tmp_path / "bundle" / "README.md").read_text()
    images = torch.rand(2, 2, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(loaded.bundle.network(images), original(images))


@pytest.mark.usefixtures("here")
def test_every_tensor_that_does_not_fit_is_named(words: Words, tmp_path: Path, deepnoise: Deepnoise) -> None:
    state = network("test_resnet").state_dict()
    state["ema.decay"] = torch.ones(1)
    state["module.bn1.weight"] = state["bn1.weight"]
    state["fc.bias"] = torch.zeros(7)
    del state["bn1.bias"]
    torch.save(state, tmp_path / "old.pth")
    done = deepnoise(*words(tmp_path / "old.pth", "test_resnet"))
    assert done.returncode == 2
    for line in (
        "unmatched, 1: ema.decay (as backbone.network.ema.decay)",
        "doubled, 1: backbone.network.bn1.weight from bn1.weight and module.bn1.weight",
        "missing, 1: backbone.network.bn1.bias",
        "of another shape, 1: head.linear.bias [7], not [3]",
    ):
        assert line in done.stderr
    assert not (tmp_path / "bundle").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("rules: [{match: '(', to: x}]", "is no regular expression"),
        ("rules: [{match: a}]", "say either to, or drop: true"),
        ("rules: [{match: a, to: b, drop: true}]", "say either to, or drop: true"),
        ("rename: []", "rename"),
        ("select: weights", "has no tensor under select: 'weights'"),
    ],
    ids=["no-expression", "neither", "both", "unknown-key", "unknown-selection"],
)
def test_rules_are_checked(rules: str, message: str, words: Words, tmp_path: Path, deepnoise: Deepnoise) -> None:
    torch.save(network("test_resnet").state_dict(), tmp_path / "old.pth")
    chosen = words(tmp_path / "old.pth", "test_resnet")
    (tmp_path / "rules.yaml").write_text(rules)
    done = deepnoise(*chosen)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_code_in_a_checkpoint_never_runs(tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    writers: dict[str, Callable[[Path], object]] = {
        "zip": lambda file: torch.save({"weights": Malicious(mark)}, file),
        "legacy": lambda file: torch.save({"w": Malicious(mark)}, file, _use_new_zipfile_serialization=False),
        "pickle": lambda file: file.write_bytes(pickle.dumps(Malicious(mark))),
    }
    for name, write in writers.items():
        file = tmp_path / f"{name}.pth"
        write(file)
        with in_this_process(), pytest.raises(ModelError, match="could run code"):
            read_checkpoint(file)
    assert not mark.exists()


def test_a_process_of_its_own_reads_and_refuses(tmp_path: Path) -> None:
    file, weights = tmp_path / "file.pth", {"a": torch.arange(3.0)}
    torch.save({"net": weights}, file)
    torch.testing.assert_close(read_checkpoint(file), {"net.a": weights["a"]})
    torch.save({"weights": Malicious(tmp_path / "it-ran")}, file)
    with pytest.raises(ModelError, match="could run code"):
        read_checkpoint(file)
    assert not (tmp_path / "it-ran").exists()


def test_what_is_no_whole_checkpoint_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    torch.save({"a": torch.zeros(1000)}, whole)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("letter.txt", "dear sir")
    for name, content in {
        "truncated": whole.getvalue()[:-2000],
        "text": b"dear sir",
        "empty": b"",
        "zip": other.getvalue(),
    }.items():
        file = tmp_path / name
        file.write_bytes(content)
        with in_this_process(), pytest.raises(ModelError, match=rf"{name}: is no (whole )?PyTorch checkpoint"):
            read_checkpoint(file)
    with pytest.raises(ModelError, match="there is no such checkpoint"):
        read_checkpoint(tmp_path / "none")
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with in_this_process(), pytest.raises(ModelError, match="holds no tensor"):
        read_checkpoint(tmp_path / "none.pth")
    torch.save({"a": torch.zeros(1).expand(2**31, 16)}, tmp_path / "large.pth")
    with pytest.raises(ModelError, match="far more memory than its size"):
        read_checkpoint(tmp_path / "large.pth")
    with pytest.raises(ModelError, match=r"read for 0\.01 s without an end"):
        read_checkpoint(tmp_path / "large.pth", seconds=0.01)
