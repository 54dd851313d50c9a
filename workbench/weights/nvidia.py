"""Engines for NVIDIA GPUs, and torch for ``.pt`` files on any device. ONNX Runtime and torch are imported only here."""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.errors import EngineError, ModelError
from workbench.weights.quiet import import_ultralytics

Shape = tuple[int, int, int, int]


def gpu_count() -> int:
    """NVIDIA GPUs that the driver offers, asked without importing torch; 0 where there is no driver."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(name)
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


class OnnxRuntimeSession:
    """An ``.onnx`` model on one execution provider of ONNX Runtime, which must really be the one that runs."""

    def __init__(self, path: Path, shape: Shape, *, provider: str) -> None:
        try:
            onnxruntime: Any = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise EngineError("an .onnx model on an NVIDIA GPU needs: pip install onnxruntime-gpu") from error
        if provider not in onnxruntime.get_available_providers():
            raise EngineError(f"the installed onnxruntime has no {provider}; pip install onnxruntime-gpu in its place")
        try:
            self._session, self._input_shape = _open_onnx(onnxruntime, path, shape, provider)
        except Exception as error:  # onnxruntime's errors have no common base but Exception
            raise ModelError(f"ONNX Runtime cannot run {path}: {str(error).splitlines()[0]}") from error
        running = self._session.get_providers()[0]
        if running != provider:
            raise EngineError(
                f"ONNX Runtime could not start {provider} and fell back to {running}; check CUDA and cuDNN"
            )
        self._input = self._session.get_inputs()[0].name
        self._engine = f"onnxruntime {provider.removesuffix('ExecutionProvider').lower()} f32"

    @property
    def engine(self) -> str:
        return self._engine

    @property
    def input_shape(self) -> Shape:
        return self._input_shape

    def run(self, batch: Sequence[NDArray[np.float32]]) -> list[list[NDArray[Any]]]:
        return [list(self._session.run(None, {self._input: item.reshape(self._input_shape)})) for item in batch]


def _open_onnx(runtime: Any, path: Path, shape: Shape, provider: str) -> tuple[Any, Shape]:
    """A session for ``shape``, or for the model's own where the graph is built for one size."""
    import onnx

    model = onnx.load(str(path))
    own = tuple(side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim)
    baked = own if len(own) == 4 and all(own) else shape
    probe = np.zeros(shape, np.float32)
    try:
        session = runtime.InferenceSession(_with_input(model, shape), providers=[provider])
        session.run(None, {session.get_inputs()[0].name: probe})
    except Exception:  # onnxruntime's errors have no common base but Exception
        if baked == shape:
            raise
        return runtime.InferenceSession(str(path), providers=[provider]), baked
    return session, shape


def _with_input(model: Any, shape: Shape) -> bytes:
    """The model with its input declared as ``shape`` and all sizes that followed from the old one forgotten."""
    import onnx

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for side, size in zip(changed.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        side.dim_value = size
    for output in changed.graph.output:
        output.type.tensor_type.ClearField("shape")
    del changed.graph.value_info[:]
    return bytes(changed.SerializeToString())


class TorchSession:
    """A ``.pt`` model in torch, or a TensorRT ``.engine``, through ultralytics.

    A ``.pt`` file is a Python pickle and may run code when it is opened: use files of known origin.
    """

    def __init__(
        self, path: Path, shape: Shape, *, device: Literal["cpu", "cuda"], threads: int, why: str = ""
    ) -> None:
        import_ultralytics()
        import torch
        from ultralytics.nn.autobackend import AutoBackend

        if device == "cuda" and not torch.cuda.is_available():
            raise EngineError("the installed torch has no CUDA; install a CUDA build of torch, or use device cpu")
        if threads:
            torch.set_num_threads(threads)
        self._device = torch.device(device)
        half = device == "cuda"
        try:
            self._model: Any = AutoBackend(str(path), device=self._device, fp16=half, verbose=False).eval()
        except Exception as error:  # a pickle that cannot be read raises whatever its content leads to
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"ultralytics cannot open {path}: {reason}; it may be damaged or of another kind"
            ) from error
        self._half = bool(self._model.fp16)
        self._input_shape = self._engine_shape() or shape
        kind = "tensorrt" if path.suffix.lower() == ".engine" else "torch"
        suffix = f", {threads} thread{'s' if threads > 1 else ''}" if threads else ""
        self._engine = f"{kind} {device} {'half' if self._half else 'f32'}{suffix}{why}"

    @property
    def engine(self) -> str:
        return self._engine

    @property
    def input_shape(self) -> Shape:
        return self._input_shape

    def run(self, batch: Sequence[NDArray[np.float32]]) -> list[list[NDArray[Any]]]:
        import torch

        results = []
        with torch.inference_mode():
            for item in batch:
                picture = torch.from_numpy(item.reshape(self._input_shape)).to(self._device)
                output = self._model(picture.half() if self._half else picture)
                first = output[0] if isinstance(output, list | tuple) else output  # the rest is for training
                results.append([first.float().cpu().numpy()])
        return results

    def _engine_shape(self) -> Shape | None:
        """The fixed input of a TensorRT engine; None for torch, which takes any size."""
        bindings = getattr(self._model, "bindings", None)
        if not bindings:
            return None
        batch, channels, height, width = (int(side) for side in next(iter(bindings.values())).shape)
        return (batch, channels, height, width)
