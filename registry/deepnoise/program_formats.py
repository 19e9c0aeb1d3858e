"""Files that hold a traced program: PyTorch's own, and ONNX."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.export import ExportedProgram

from deepnoise_core.contracts.errors import InputError

METADATA = "deepnoise"
"""Where a file says its inputs and outputs, in JSON: an extra file of a pt2, a metadata property of an ONNX."""

Run = Callable[[Sequence[Tensor]], Sequence[Tensor]]


class Format(NamedTuple):
    """How a program becomes a file, and how the file runs."""

    require: Callable[[], None]
    """Raises InputError where what it stands on is not installed."""
    content: Callable[[ExportedProgram, Mapping[str, Any]], bytes]
    """The file of a program and of what is said of its inputs and outputs."""
    opened: Callable[[bytes], Run]
    """What runs a file, as a user would run it."""


@contextmanager
def _unwarned() -> Iterator[None]:
    """What exporters warn of concerns their own workings; whether they worked is measured afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _pt2(program: ExportedProgram, interface: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    with _unwarned():
        torch.export.save(program, file, extra_files={METADATA: json.dumps(interface)})
    return file.getvalue()


def _opened_pt2(content: bytes) -> Run:
    with _unwarned():
        run = torch.export.load(io.BytesIO(content)).module()

    def ran(given: Sequence[Tensor]) -> Sequence[Tensor]:
        with torch.no_grad():
            made: Sequence[Tensor] = run(*given)
        return made

    return ran


def _onnx(program: ExportedProgram, interface: Mapping[str, Any]) -> bytes:
    names = {part: [one["name"] for one in interface[part]] for part in ("inputs", "outputs")}
    with _unwarned():
        made = torch.onnx.export(
            program,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=names["inputs"],
            output_names=names["outputs"],
        )
    assert made is not None  # noqa: S101 - made for dynamo=True
    model = made.model_proto
    model.metadata_props.add(key=METADATA, value=json.dumps(interface))
    for values, described in (
        (model.graph.input, interface["inputs"]),
        (model.graph.output, interface["outputs"]),
    ):
        for value, one in zip(values, described, strict=True):
            _name_free_dimensions(value, one["shape"])
    return bytes(model.SerializeToString())


def _opened_onnx(content: bytes) -> Run:
    from onnxruntime import InferenceSession

    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def ran(given: Sequence[Tensor]) -> Sequence[Tensor]:
        arrays = dict(zip(names, (one.numpy() for one in given), strict=True))
        return [torch.from_numpy(one) for one in session.run(None, arrays)]

    return ran


def _name_free_dimensions(value: Any, shape: Sequence[int | str]) -> None:
    for dimension, name in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        if isinstance(name, str):
            dimension.dim_param = name


def _require_onnx() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(f"export to onnx needs {error.name}; try: pip install 'deepnoise[onnx]'") from error


FORMATS = {
    "pt2": Format(lambda: None, _pt2, _opened_pt2),
    "onnx": Format(_require_onnx, _onnx, _opened_onnx),
}
