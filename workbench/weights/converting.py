"""Converts model files between formats: ``.pt`` → ``.onnx`` → OpenVINO ``.xml`` or TensorRT ``.engine``."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.errors import EngineError, ModelError, OutputError
from workbench.weights.manifest import find
from workbench.weights.nvidia import gpu_count
from workbench.weights.quiet import block_telemetry, import_openvino, import_ultralytics

Format = Literal["onnx", "openvino", "engine"]
ENDINGS: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "engine": ".engine"}
ENGINE_SIZE = (384, 640)
"""Height and width of a TensorRT engine's picture: 16:9 at the default detection size."""

Calibration = Iterable[NDArray[np.float32]]
"""Inputs as the network takes them, (1, 3, h, w) all of one size; a few dozen varied pictures do."""


def convert(
    name_or_path: str | Path,
    *,
    format: Format,
    half: bool = False,
    int8: bool = False,
    out: Path | None = None,
    calibration: Calibration | None = None,
) -> Path:
    """Convert a model and return the new file: ``out``, or the model's name with the new ending beside it.

    ``half`` stores (OpenVINO) or computes (TensorRT) with 16 bits. ``int8`` quantises an OpenVINO model by what it does
    on ``calibration``. OpenVINO's weights lie beside the ``.xml`` as ``.bin``.
    Raises ModelError for what cannot be done, EngineError for what this machine cannot do.
    """
    source = find(name_or_path)
    if source.suffix.lower() == ENDINGS[format]:
        raise ModelError(f"{source.name} is in that format already")
    if source.suffix.lower() not in (".pt", ".onnx"):
        raise ModelError(f"{source.name} cannot be converted; start from the .pt or .onnx file")
    if format == "engine":
        _require_tensorrt()
    if int8 and format != "openvino":
        raise ModelError(f"int8 is made for OpenVINO only, not for {format}; use --format openvino --int8")
    if half and format == "onnx":
        raise ModelError("an ONNX file is kept at full precision; use --half with --format openvino or engine")
    target = out or source.with_name(f"{source.stem}{'-int8' if int8 else ''}{ENDINGS[format]}")
    if target.suffix.lower() != ENDINGS[format]:
        raise ModelError(f"{target.name} must end in {ENDINGS[format]}")
    with _scratch(target) as folder:
        draft = Path(folder) / target.name
        onnx_file = source if source.suffix.lower() == ".onnx" else _to_onnx(source, draft.with_suffix(".onnx"))
        if format == "openvino":
            _to_openvino(onnx_file, draft, half=half, int8=int8, calibration=calibration)
        elif format == "engine":
            _to_engine(onnx_file, draft, half=half)
        return _move_all(draft, target)


def _scratch(target: Path) -> tempfile.TemporaryDirectory[str]:
    """A private folder on the target's own disk, so that the result can be renamed into its place."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=target.parent, prefix=".convert-")
    except OSError as error:
        raise OutputError(
            f"{target.parent} cannot be written: {error.strerror}; give another place with out"
        ) from error


def _move_all(draft: Path, target: Path) -> Path:
    """The weights first: the file that is opened appears last."""
    if draft.suffix == ".xml":
        draft.with_suffix(".bin").replace(target.with_suffix(".bin"))
    draft.replace(target)
    return target


def _to_onnx(source: Path, draft: Path) -> Path:
    """Export with free height and width. Works on a copy: ultralytics writes beside the file that it exports."""
    ultralytics = import_ultralytics()
    copy = draft.with_suffix(".pt")
    shutil.copyfile(source, copy)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says that the exporter ultralytics uses is the older one
            ultralytics.YOLO(str(copy)).export(format="onnx", dynamic=True, simplify=False, device="cpu", verbose=False)
    except Exception as error:  # whatever the file's content leads to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"ultralytics cannot export {source}: {reason}") from error
    copy.unlink()
    return draft


def _to_openvino(source: Path, draft: Path, *, half: bool, int8: bool, calibration: Calibration | None) -> None:
    openvino = import_openvino()
    try:
        model = openvino.Core().read_model(source)
    except RuntimeError as error:
        raise ModelError(f"OpenVINO cannot read {source}; it may be damaged or no ONNX model") from error
    if int8:
        model = _quantised(model, list(calibration or []))
    openvino.save_model(model, draft, compress_to_fp16=half)


def _quantised(model: Any, inputs: list[NDArray[np.float32]]) -> Any:
    if importlib.util.find_spec("nncf") is None:
        raise ModelError("int8 needs one more package: pip install nncf")
    if not inputs:
        raise ModelError("int8 needs calibration pictures that look like the recordings it will be used on")
    block_telemetry()
    import nncf

    model.reshape(list(inputs[0].shape))
    return nncf.quantize(model, nncf.Dataset(inputs), subset_size=len(inputs))


def _require_tensorrt() -> None:
    if gpu_count() == 0:
        raise EngineError("a TensorRT engine is built on the NVIDIA GPU that will run it, and none is usable here")
    if importlib.util.find_spec("tensorrt") is None:
        raise EngineError("a TensorRT engine needs one more package: pip install tensorrt")


def _to_engine(source: Path, draft: Path, *, half: bool) -> None:
    import_ultralytics()
    from ultralytics.utils.export.engine import onnx2engine

    height, width = ENGINE_SIZE
    facts = {"stride": 32, "task": "detect", "batch": 1, "imgsz": [height, width], "names": {0: "face"}}
    try:
        onnx2engine(str(source), draft, quantize=16 if half else None, shape=(1, 3, height, width), metadata=facts)
    except (RuntimeError, ValueError, ImportError) as error:
        raise EngineError(f"TensorRT cannot build an engine from {source}: {str(error).splitlines()[0]}") from error
