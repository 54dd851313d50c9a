"""The doctor: it says what this machine really has, and how to put right what it lacks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from workbench import doctor
from workbench.doctor import Finding, examine


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


def test_what_the_tests_themselves_need_is_found(findings: dict[str, Finding]) -> None:
    for name in ("Python", "package torch", "package pytest", "opencv-python loads", "OpenVINO computes", "memory"):
        assert findings[name].status == "ok", findings[name]
    assert findings["Python"].found.startswith(sys.version.split()[0])
    assert findings["package torch"].found.startswith("2.")


def test_the_detector_that_comes_with_the_packages_is_verified(findings: dict[str, Finding]) -> None:
    assert findings["model centerface"].status == "ok"


def test_everything_is_one_line_and_what_is_wrong_has_a_remedy(findings: dict[str, Finding]) -> None:
    for finding in findings.values():
        assert "\n" not in finding.found + finding.advice
        assert finding.status in ("ok", "info") or finding.advice, finding


def test_looking_loads_no_heavy_package() -> None:
    program = (
        "import sys; from workbench.doctor import examine; examine();"
        "print(*{'torch', 'ultralytics', 'gradio', 'openvino_telemetry'} & {n for n, m in sys.modules.items() if m})"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize(
    ("requirement", "optional", "status", "advice"),
    [
        ("numpy", False, "ok", ""),
        ("numpy<1", False, "broken", 'run: pip install "numpy<1"'),
        ("no-such-package==1.2", False, "missing", 'run: pip install "no-such-package==1.2"'),
        ("no-such-package", True, "info", 'run: pip install "no-such-package"'),
    ],
)
def test_packages_are_compared_with_what_is_asked_for(
    requirement: str, optional: bool, status: str, advice: str
) -> None:
    finding = doctor._package(Requirement(requirement), optional=optional)
    assert (finding.status, finding.advice) == (status, advice)


def test_a_damaged_model_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yolov8n-face.onnx").write_bytes(b"not the model")
    monkeypatch.setenv("WORKBENCH_MODELS", str(tmp_path))
    finding = {finding.name: finding for finding in doctor._models()}["model yolov8n-face"]
    assert finding.status == "broken"
    assert "workbench models fetch yolov8n-face" in finding.advice


def test_a_temporary_folder_that_cannot_be_used_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert doctor._temporary_folder().status == "broken"
    assert doctor._disk("free space", lambda: str(tmp_path / "gone")).status == "broken"
