"""Converting models: what comes out means the same; what cannot be done is said in one line."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import EngineError, ModelError
from workbench.weights import convert, find, open_session
from workbench.weights.nvidia import gpu_count

SHAPE = (1, 3, 64, 96)


def picture() -> Any:
    return np.random.default_rng(4).uniform(0, 255, SHAPE).astype(np.float32)


@pytest.mark.parametrize("half", [False, True])
def test_openvino_gives_what_the_onnx_gives(tmp_path: Path, half: bool) -> None:
    path = convert("centerface", format="openvino", half=half, out=tmp_path / "new" / "cf.xml")
    assert sorted(file.name for file in path.parent.iterdir()) == ["cf.bin", "cf.xml"]
    before, after = (
        open_session(p, device="cpu", input_shape=SHAPE).run([picture()])[0] for p in (find("centerface"), path)
    )
    np.testing.assert_allclose(before[0], after[0], atol=0.02 if half else 1e-4)


def test_half_halves_the_file(tmp_path: Path) -> None:
    sizes = [
        convert("centerface", format="openvino", half=half, out=tmp_path / f"{half}.xml")
        .with_suffix(".bin")
        .stat()
        .st_size
        for half in (False, True)
    ]
    assert sizes[1] < 0.6 * sizes[0]


@pytest.mark.skipif(importlib.util.find_spec("nncf") is not None, reason="nncf is installed here")
def test_int8_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pip install nncf"):
        convert("centerface", format="openvino", int8=True, out=tmp_path / "a.xml", calibration=[picture()])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("nncf") is None, reason="needs nncf")
def test_int8_is_quantised_and_says_so(tmp_path: Path) -> None:
    path = convert("centerface", format="openvino", int8=True, out=tmp_path / "a.xml", calibration=[picture()] * 4)
    assert open_session(path, device="cpu", input_shape=SHAPE).engine.startswith("openvino int8")
    with pytest.raises(ModelError, match="calibration pictures"):
        convert("centerface", format="openvino", int8=True, out=tmp_path / "b.xml")


@pytest.mark.skipif(gpu_count() > 0, reason="this machine has an NVIDIA GPU")
def test_a_tensorrt_engine_cannot_be_built_without_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="NVIDIA GPU"):
        convert("centerface", format="engine", out=tmp_path / "a.engine")


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"format": "onnx"}, "in that format already"),
        ({"format": "openvino", "out": Path("a.bin")}, r"must end in \.xml"),
    ],
)
def test_what_makes_no_sense_is_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        convert("centerface", **wish)


def test_a_damaged_source_leaves_nothing(tmp_path: Path) -> None:
    for name in ("bad.onnx", "bad.pt"):
        (tmp_path / name).write_bytes(b"this is no network")
        with pytest.raises(ModelError, match=name):
            convert(tmp_path / name, format="openvino")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.onnx", "bad.pt"]


def test_a_format_that_is_no_start_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.engine").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"start from the \.pt or \.onnx"):
        convert(tmp_path / "a.engine", format="openvino")
