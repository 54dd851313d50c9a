"""Opens a model on the engine that suits the machine and says which one really runs.

CPU: OpenVINO, as several streams of one thread each, so that the pictures of a batch run side by side; that costs a
quarter less CPU time than one stream with as many threads. ``.pt`` files run in torch. NVIDIA: ``.onnx`` on ONNX
Runtime, ``.pt`` in torch at half precision, ``.engine`` on TensorRT.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.errors import EngineError, ModelError
from workbench.weights.manifest import SUFFIXES
from workbench.weights.nvidia import OnnxRuntimeSession, TorchSession, gpu_count
from workbench.weights.processor import has_bf16
from workbench.weights.quiet import import_openvino

Device = Literal["auto", "cpu", "cuda"]
Shape = tuple[int, int, int, int]

COMPILED_KEPT = 4  # models with their shape; each takes some tens of MB


class Session(Protocol):
    """A model ready to run. For one thread at a time."""

    @property
    def engine(self) -> str:
        """What really runs: ``openvino f32, 2 streams``."""
        ...

    @property
    def input_shape(self) -> Shape:
        """(1, channels, height, width) that every picture must have: the model's own where it cannot be changed."""
        ...

    def run(self, batch: Sequence[NDArray[np.float32]]) -> list[list[NDArray[Any]]]:
        """The model's outputs, in its order, for each (c, h, w) or (1, c, h, w) picture; each output begins (1, …)."""
        ...


def open_session(
    path: Path, *, device: Device = "auto", threads: int = 0, input_shape: Sequence[int] = (1, 3, 384, 640)
) -> Session:
    """The model file ``path`` on ``device``, for pictures of ``input_shape`` (n, c, h, w); n is not used.

    ``auto`` takes an NVIDIA GPU where one works for this kind of file, else the CPU. ``threads`` bounds the threads on
    the CPU, 0 takes all.
    Raises EngineError where the device was asked for and does not work, ModelError where the file is bad.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ModelError(f"{path} is no model file; known endings are {', '.join(SUFFIXES)}")
    channels, height, width = (int(side) for side in input_shape[-3:])
    shape = (1, channels, height, width)
    if device == "cpu" or (device == "auto" and gpu_count() == 0):
        return _on_cpu(path, shape, threads)
    if device == "cuda" and gpu_count() == 0:
        raise EngineError("an NVIDIA GPU was asked for and none is usable here; check its driver, or use device cpu")
    try:
        return _on_cuda(path, shape)
    except EngineError as error:
        if device == "cuda" or suffix == ".engine":
            raise
        return _on_cpu(path, shape, threads, why=f" (GPU not used: {error})")


def usable_threads(threads: int = 0) -> int:
    """``threads`` bounded by the processors that this process may use; all of them for 0."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(threads, available) if threads else available


def _on_cuda(path: Path, shape: Shape) -> Session:
    suffix = path.suffix.lower()
    if suffix == ".xml":
        raise EngineError(f"{path.name} is an OpenVINO model, which runs on the CPU; use the .onnx file or device cpu")
    if suffix == ".onnx":
        return OnnxRuntimeSession(path, shape, provider="CUDAExecutionProvider")
    return TorchSession(path, shape, device="cuda", threads=0)


def _on_cpu(path: Path, shape: Shape, threads: int, *, why: str = "") -> Session:
    if path.suffix.lower() == ".engine":
        raise EngineError(f"{path.name} is a TensorRT engine, which needs an NVIDIA GPU; use the .onnx or .pt file")
    if path.suffix.lower() == ".pt":
        return TorchSession(path, shape, device="cpu", threads=usable_threads(threads), why=why)
    return OpenVinoSession(path, shape, streams=usable_threads(threads), why=why)


class OpenVinoSession:
    """An ``.onnx`` or ``.xml`` model on the CPU, ``streams`` pictures at a time with one thread each."""

    def __init__(self, path: Path, shape: Shape, *, streams: int, why: str = "") -> None:
        try:
            with _compiling:
                compiled, precision = _compiled(path, _version(path), shape, streams)
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO cannot run {path}: {_reason(error)}; it may be damaged or of another kind"
            ) from error
        self._input_shape = _shape_of(compiled.inputs[0])
        self._outputs = len(compiled.outputs)
        self._requests = [compiled.create_infer_request() for _ in range(streams)]
        self._engine = f"openvino {precision}, {streams} stream{'s' if streams > 1 else ''}{why}"

    @property
    def engine(self) -> str:
        return self._engine

    @property
    def input_shape(self) -> Shape:
        return self._input_shape

    def run(self, batch: Sequence[NDArray[np.float32]]) -> list[list[NDArray[Any]]]:
        results: list[list[NDArray[Any]]] = []
        for index, picture in enumerate(batch):
            if index >= len(self._requests):  # its stream's last picture is the oldest one not taken out yet
                results.append(self._take(index - len(self._requests)))
            self._requests[index % len(self._requests)].start_async([picture.reshape(self._input_shape)])
        results += [self._take(index) for index in range(len(results), len(batch))]
        return results

    def _take(self, index: int) -> list[NDArray[Any]]:
        request = self._requests[index % len(self._requests)]
        request.wait()
        return [request.get_output_tensor(number).data.copy() for number in range(self._outputs)]


_compiling = threading.Lock()


@functools.lru_cache(maxsize=COMPILED_KEPT)
def _compiled(path: Path, _version: tuple[int, ...], shape: Shape, streams: int) -> tuple[Any, str]:
    """The model ready to make requests of, and its precision. Kept: every clip that is opened asks for the same."""
    core = import_openvino().Core()
    model = core.read_model(path)
    _fix_input(model, shape)
    config = {
        "INFERENCE_NUM_THREADS": streams,
        "NUM_STREAMS": streams,
        "INFERENCE_PRECISION_HINT": "bf16" if has_bf16() else "f32",
    }
    compiled = core.compile_model(model, "CPU", config)
    if any(operation.get_type_name() == "FakeQuantize" for operation in model.get_ops()):
        return compiled, "int8"
    return compiled, compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()


def _version(path: Path) -> tuple[int, ...]:
    """Changes whenever the model's files do."""
    stats = [each.stat() for each in (path, path.with_suffix(".bin")) if each.is_file()]
    return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_size))


def _fix_input(model: Any, shape: Shape) -> None:
    """Give the model's input one fixed shape: ``shape`` where the graph allows it, else the model's own."""
    own = model.inputs[0].get_partial_shape()
    try:
        model.reshape(list(shape))
    except RuntimeError:  # sizes are baked into the graph, as in an export for one size
        if not own.is_static:
            raise
        model.reshape(own)


def _shape_of(port: Any) -> Shape:
    batch, channels, height, width = (int(side) for side in port.get_shape())
    if batch != 1:
        raise ModelError(f"the model takes {batch} pictures at once and its size cannot be changed; export it for one")
    return (batch, channels, height, width)


def _reason(error: RuntimeError) -> str:
    """The last line of OpenVINO's many that tells something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__
