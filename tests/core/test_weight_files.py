"""Safetensors files against the format's own reader: sound ones in full, and no other at all."""

import hashlib
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load, load_file
from torch import nn

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.engine.filling import WithoutFilling
from deepnoise_core.engine.weight_files import BYTES_OF_TYPE, LARGEST_HEADER, check_header
from deepnoise_core.engine.weights import adopt_weights, load_weights, save_weights

TENSORS = {
    "stem.weight": torch.arange(24, dtype=torch.float32).reshape(4, 3, 2),
    "count": torch.tensor(7),
    "half": torch.linspace(-1, 1, 5).half(),
    "mask": torch.tensor([True, False, True]),
    "nothing": torch.zeros(0, 3),
}
Entries = dict[str, Any]


def written(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    """A file with this header, whatever it is, and these bytes."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


def entry(start: int, stop: int, dtype: object = "U8", shape: object = None) -> Entries:
    """An entry of a header; one row of bytes if nothing else is said."""
    return {"dtype": dtype, "shape": [stop - start] if shape is None else shape, "data_offsets": [start, stop]}


def test_every_type_is_read_as_the_reference_reads_it(tmp_path: Path) -> None:
    names = [
        *("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "bfloat16"),
        *("float32", "float64", "complex64", "bool", "float8_e4m3fn", "float8_e5m2"),
    ]
    tensors = {name: torch.arange(6).reshape(2, 3).to(getattr(torch, name)) for name in names} | TENSORS
    path = tmp_path / "all.safetensors"
    save_weights(path, tensors)
    found, expected = load_weights(path), load_file(path)
    assert found.keys() == expected.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert found[name].contiguous().view(-1).untyped_storage().nbytes() > 0 or not tensor.numel()
        assert torch.equal(found[name].view(-1).view(torch.uint8), expected[name].view(-1).view(torch.uint8))
    assert {record.dtype for record in check_header(path).tensors.values()} == set(BYTES_OF_TYPE)


def test_numbers_need_not_lie_at_multiples_of_their_size(tmp_path: Path) -> None:
    numbers = torch.tensor([1.5, -2.0])
    header = {"a": entry(0, 1), "b": entry(1, 9, "F32", [2])}
    path = written(tmp_path / "odd.safetensors", header, b"\x05" + numbers.numpy().tobytes())
    found = load_weights(path)
    assert found["a"].tolist() == [5]
    assert torch.equal(found["b"], numbers)


@given(shapes=st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=6), kind=st.sampled_from(["F16", "I64"]))
def test_what_is_laid_end_to_end_is_accepted(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[list[int]], kind: str
) -> None:
    header, end = {}, 0
    for number, shape in enumerate(shapes):
        size = int(torch.tensor(shape).prod()) * BYTES_OF_TYPE[kind] if shape else BYTES_OF_TYPE[kind]
        header[str(number)] = entry(end, end + size, kind, shape)
        end += size
    path = written(tmp_path_factory.mktemp("laid") / "w.safetensors", header, bytes(end))
    assert {name: list(tensor.shape) for name, tensor in load_weights(path).items()} == {
        str(number): shape for number, shape in enumerate(shapes)
    }


HOSTILE: dict[str, tuple[Any, bytes, int | None, str]] = {
    "header_of_2_to_the_62": ({}, b"", 2**62, r"its header would be 4,611,686,018,427,387,904 bytes"),
    "header_larger_than_the_file": ({}, b"", 3, "its header would be 3 bytes, but the file has 10"),
    "no_json": (b"{'a': 1}", b"", None, "its header is no JSON"),
    "no_utf8": (b'{"\xff": 1}', b"", None, "its header is no JSON"),
    "nested_without_end": (b'{"a":' * 100_000, b"", None, "its header is no JSON"),
    "a_list": ([], b"", None, "its header is a list, not a table of tensors"),
    "doubled_name": (b'{"a": {}, "a": {}}', b"", None, "'a' stands there twice"),
    "metadata_of_numbers": ({"__metadata__": {"a": 1}}, b"", None, "__metadata__ is no table of texts"),
    "no_entry": ({"a": 5}, b"", None, "the entry 'a' does not consist of data_offsets, dtype, shape"),
    "more_in_an_entry": ({"a": entry(0, 1) | {"code": "x"}}, b"1", None, "the entry 'a' does not consist of"),
    "unknown_type": ({"a": entry(0, 1, "PICKLE")}, b"1", None, "'a' is of the type 'PICKLE'; known are BOOL"),
    "type_of_no_text": ({"a": entry(0, 1, ["U8"])}, b"1", None, "is of the type"),
    "shape_of_floats": ({"a": entry(0, 1, shape=[1.0])}, b"1", None, r"'a' has the shape '\[1.0\]'"),
    "shape_of_truths": ({"a": entry(0, 1, shape=[True])}, b"1", None, r"'a' has the shape '\[True\]'"),
    "negative_shape": ({"a": entry(0, 1, shape=[-1, -1])}, b"1", None, r"'a' has the shape '\[-1, -1\]'"),
    "shape_beyond_counting": ({"a": entry(0, 0, shape=[0, 2**62])}, b"", None, "'a' has the shape"),
    "offsets_backwards": ({"a": entry(0, 1) | {"data_offsets": [1, 0]}}, b"1", None, r"offsets '\[1, 0\]'"),
    "negative_offsets": ({"a": entry(-1, 0)}, b"1", None, r"has the offsets '\[-1, 0\]'"),
    "three_offsets": ({"a": entry(0, 1) | {"data_offsets": [0, 1, 2]}}, b"1", None, "has the offsets"),
    "outside_of_the_file": ({"a": entry(0, 9)}, b"12", None, "'a' ends at byte 9 of 2, outside of the file"),
    "overlapping": ({"a": entry(0, 3), "b": entry(2, 4)}, b"1234", None, "'b' overlaps the tensor before it"),
    "the_same_bytes_twice": ({"a": entry(0, 2), "b": entry(0, 2)}, b"12", None, "'b' overlaps the tensor"),
    "hole": ({"a": entry(0, 1), "b": entry(2, 3)}, b"123", None, "the 1 bytes before 'b' belong to no tensor"),
    "bytes_at_the_end": ({"a": entry(0, 1)}, b"12", None, "its last 1 bytes belong to no tensor"),
    "shape_and_bytes_disagree": ({"a": entry(0, 4, "F32", [2])}, b"1234", None, r"F32 \[2\], 8 bytes, but has 4"),
    "name_that_moves_the_cursor": ({"\x1b[2J": entry(0, 1)}, b"1", None, "is no printable text"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_unsound_files_are_refused_with_a_reason(tmp_path: Path, case: str) -> None:
    header, data, length, message = HOSTILE[case]
    path = written(tmp_path / "model.safetensors", header, data, length)
    with pytest.raises(ModelError, match=message) as refused:
        load_weights(path)
    assert str(refused.value).startswith(f"{path}: cannot be read as safetensors weights: ")
    with pytest.raises(ModelError, match=message):
        check_header(path)


@pytest.mark.parametrize("start", [b"PK\x03\x04" + b"\x14" * 60, b"\x80\x02}q\x00X\x06\x00\x00\x00weight"])
def test_a_pickle_is_called_one(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(start)
    with pytest.raises(ModelError, match=r"it is a pickle, as torch\.save writes"):
        load_weights(path)


def test_short_empty_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelError, match="No such file"):
        load_weights(path)
    path.write_bytes(b"1234")
    with pytest.raises(ModelError, match="it has 4 bytes, fewer than the shortest header"):
        load_weights(path)
    with pytest.raises(ModelError, match="Is a directory"):
        load_weights(tmp_path)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", LARGEST_HEADER + 1))
        file.truncate(10 * 2**30)
    with pytest.raises(ModelError, match="no more than 16,777,216 are read"):
        load_weights(path)


def test_another_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(path, TENSORS)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_weights(path, digest).keys() == TENSORS.keys()
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    assert load_weights(path).keys() == TENSORS.keys()
    with pytest.raises(ModelError, match="differs from the bundle's manifest"):
        load_weights(path, digest)


def flipped(raw: bytes, draw: random.Random) -> bytes:
    """One bit is another."""
    changed = bytearray(raw)
    changed[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut(raw: bytes, draw: random.Random) -> bytes:
    """Some bytes are gone, from anywhere."""
    start = draw.randrange(len(raw))
    return raw[:start] + raw[start + draw.randrange(1, 40) :]


def inserted(raw: bytes, draw: random.Random) -> bytes:
    """Some bytes are there besides."""
    start = draw.randrange(len(raw) + 1)
    return raw[:start] + draw.randbytes(draw.randrange(1, 40)) + raw[start:]


def edited(raw: bytes, draw: random.Random) -> bytes:
    """A header that says something else, in good JSON and with the right length."""
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    name = draw.choice(sorted(header))
    match draw.randrange(5):
        case 0:
            header[name]["data_offsets"][draw.randrange(2)] += draw.choice([-8, -1, 1, 4, 2**40])
        case 1:
            header[name]["shape"].append(draw.choice([2, 3, 2**50]))
            header[name]["shape"].append(1 if name != "nothing" else 2**62)
        case 2:
            width = BYTES_OF_TYPE[header[name]["dtype"]]
            other = [dtype for dtype, size in BYTES_OF_TYPE.items() if size != width]
            header[name if name != "nothing" else "count"]["dtype"] = draw.choice(other)
            if name == "nothing" and header["count"]["dtype"] in ("I64", "U64", "F64", "C64"):
                header["count"]["dtype"] = "U8"
        case 3:
            del header[name if name != "nothing" else "mask"]
        case _:
            header["more"] = entry(0, draw.randrange(1, len(data)))
    return struct.pack("<Q", len(packed := json.dumps(header).encode())) + packed + data


@pytest.mark.parametrize("mutate", [flipped, cut, inserted, edited])
def test_no_mutant_is_taken_for_the_file(tmp_path: Path, mutate: Callable[[bytes, random.Random], bytes]) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(path, TENSORS)
    raw, draw, accepted = path.read_bytes(), random.Random(0), 0
    digest = hashlib.sha256(raw).hexdigest()
    for _ in range(2_500):
        mutant = mutate(raw, draw)
        if mutant == raw:
            continue
        # A new file each time, since file systems wait for the disk where one is overwritten.
        path.unlink()
        path.write_bytes(mutant)
        try:
            found = load_weights(path)
        except ModelError:
            continue
        accepted += 1
        with pytest.raises(ModelError, match="differs from the bundle's manifest"):
            load_weights(path, digest)
        try:
            expected = load(mutant)
        except SafetensorError as error:  # pragma: no cover - what we accept, the reference must
            raise AssertionError(f"the reference refuses {mutant!r}") from error
        assert {name: (one.dtype, one.shape) for name, one in found.items()} == {
            name: (one.dtype, one.shape) for name, one in expected.items()
        }
    # A flipped bit of a number or of a name is known by its hash alone; everything else by the header.
    assert (accepted > 0) == (mutate is flipped)


class Small(nn.Module):
    """Layers that start in several ways, with a buffer of either kind."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 2)
        nn.init.trunc_normal_(self.last.weight, std=0.02)
        nn.init.kaiming_normal_(self.first.weight)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("made", torch.arange(4.0).mul_(2), persistent=False)


def test_adopted_weights_are_the_files(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made, path = Small(), tmp_path / "w.safetensors"
    save_weights(path, made.state_dict())
    with WithoutFilling():
        blank = Small()
    adopt_weights(blank, load_weights(path), path)
    assert torch.equal(blank.get_buffer("made"), made.get_buffer("made"))
    for name, tensor in made.state_dict().items():
        assert torch.equal(blank.state_dict()[name], tensor), name
    assert all(one.requires_grad for one in blank.parameters())
    save_weights(path, {name: one.half() if one.ndim else one for name, one in made.state_dict().items()})
    adopt_weights(blank, load_weights(path), path)
    assert blank.first.weight.dtype == torch.float32


def test_weights_of_another_network_or_of_nan_are_not_adopted(tmp_path: Path) -> None:
    network, path = Small(), tmp_path / "w.safetensors"
    state = network.state_dict()
    save_weights(path, {**state, "first.bias": torch.full((3,), torch.nan)})
    with pytest.raises(ModelError, match=r"'first\.bias' holds NaN"):
        adopt_weights(network, load_weights(path), path)
    save_weights(path, {**state, "first.bias": torch.zeros(4)})
    with pytest.raises(
        ModelError, match=r"do not fit the network of the recipe: 'first.bias' is \[4\], not \[3\]"
    ):
        adopt_weights(network, load_weights(path), path)
    del state["kept"]
    save_weights(path, {**state, "other": torch.zeros(1)})
    with pytest.raises(ModelError, match="it lacks 'kept'; it has too many: 'other'"):
        adopt_weights(network, load_weights(path), path)
    save_weights(path, {**Small().state_dict(), "first.bias": torch.tensor([-torch.inf, torch.inf, 0])})
    adopt_weights(network, load_weights(path), path)
