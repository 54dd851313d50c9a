"""Looks whether this machine can do the work: what is installed, what really runs, and how to put the rest right."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from packaging.requirements import Requirement

from workbench.errors import EngineError, ModelError, WorkbenchError
from workbench.weights import list_models
from workbench.weights.nvidia import gpu_count
from workbench.weights.quiet import import_openvino

Status = Literal["ok", "missing", "broken", "info"]

PROJECT = "face-privacy-workbench"
OLDEST_PYTHON = (3, 11)
NEEDED_DISK_GB = 2.0  # a masked hour of 1080p and the detections kept for it
NEEDED_MEMORY_GB = 1.5  # a 1080p run stays below 1 GB
CUDA_TEST_SECONDS = 120.0  # the first import of torch with its CUDA libraries from a slow disk
GB = 1e9


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``advice`` says how to put it right; empty where nothing has to be done."""

    name: str
    status: Status
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything, in a few seconds. Raises nothing: what does not work is a finding."""
    return [
        _python(),
        *_packages(),
        *_libraries(),
        _openvino(),
        _cuda(),
        *_models(),
        *_encoders(),
        _disk("free space for temporary files", tempfile.gettempdir),
        _disk("free space here", os.getcwd),
        _memory(),
        _temporary_folder(),
    ]


def _python() -> Finding:
    found = f"{sys.version.split()[0]}, {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "broken", found, "install Python 3.11 or newer")
    return Finding("Python", "ok", found)


def _packages() -> Iterator[Finding]:
    """Each package that the project asks for; those of an extra are only needed for what the extra is for."""
    try:
        wanted = importlib.metadata.requires(PROJECT) or []
    except importlib.metadata.PackageNotFoundError:
        yield Finding(PROJECT, "missing", "not installed as a package", "run: make setup, or: pip install -e .")
        return
    for requirement in map(Requirement, wanted):
        optional = requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})
        yield _package(requirement, optional=optional)


def _package(requirement: Requirement, *, optional: bool) -> Finding:
    name = f"package {requirement.name}"
    remedy = f'run: pip install "{requirement.name}{requirement.specifier}"'
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        if optional:
            return Finding(name, "info", "not installed, optional", remedy)
        return Finding(name, "missing", "not installed", remedy)
    if not requirement.specifier.contains(version, prereleases=True):
        return Finding(name, "broken", f"{version}, wanted {requirement.specifier}", remedy)
    return Finding(name, "ok", version)


def _libraries() -> Iterator[Finding]:
    """Packages that bring compiled libraries, which a machine may be unable to load."""
    for module, package in (("cv2", "opencv-python"), ("av", "av"), ("pandas", "pandas")):
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:
            advice = (
                f"run: pip install --force-reinstall {package}; on a bare Debian also: apt install libgl1 libglib2.0-0"
            )
            yield Finding(f"{package} loads", "broken", _first_line(error), advice)
        else:
            yield Finding(f"{package} loads", "ok", "yes")


def _openvino() -> Finding:
    """Compile and run a model of one operation, and compare the numbers that come out."""
    name, remedy = "OpenVINO computes", "run: pip install --force-reinstall openvino"
    try:
        openvino = import_openvino()
        from openvino import opset13 as operations

        values = operations.parameter([1, 3], name="values")
        model = openvino.Model([operations.relu(values)], [values], "probe")
        core = openvino.Core()
        answer = core.compile_model(model, "CPU")([np.array([[-1.0, 0.0, 2.0]], np.float32)])[0].tolist()
        processor = str(core.get_property("CPU", "FULL_DEVICE_NAME")).strip()
    except (EngineError, ImportError, RuntimeError, OSError, TypeError, ValueError) as error:
        return Finding(name, "broken", _first_line(error), remedy)
    if answer != [[0.0, 0.0, 2.0]]:
        return Finding(name, "broken", f"relu of -1, 0, 2 came out as {answer}", remedy)
    return Finding(name, "ok", f"openvino {openvino.__version__} on {processor}")


def _cuda() -> Finding:
    """Whether torch really computes on an NVIDIA GPU, asked in a process of its own: a bad driver may end it."""
    gpus = gpu_count()
    if gpus == 0:
        return Finding("NVIDIA GPU", "info", "none usable; everything runs on the CPU")
    program = (
        "import torch; x = torch.ones(2, 2, device='cuda'); assert float((x @ x).sum()) == 8;"
        "print(torch.cuda.get_device_name(0), '· torch', torch.__version__)"
    )
    remedy = "install a CUDA build of torch that fits the driver, see https://pytorch.org/get-started/locally/"
    try:
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=CUDA_TEST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("NVIDIA GPU", "broken", _first_line(error), remedy)
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or [f"ended with code {run.returncode}"])[-1]
        return Finding("NVIDIA GPU", "broken", f"{gpus} found, torch cannot use it: {reason}", remedy)
    return Finding("NVIDIA GPU", "ok", run.stdout.strip())


def _models() -> Iterator[Finding]:
    try:
        states = list_models()
    except ModelError as error:
        yield Finding("models", "broken", str(error), "restore models/manifest.yaml from the repository")
        return
    for state in states:
        name = f"model {state.name}"
        remedy = f"run: workbench models fetch {state.name}" if state.url else "reinstall the package it comes with"
        if state.where is None:
            yield Finding(name, "missing", f"not here (licence {state.licence})", remedy)
        elif not state.verified:
            yield Finding(name, "broken", f"{state.where} is damaged", f"delete it, then {remedy}")
        else:
            yield Finding(name, "ok", f"verified, licence {state.licence}")


def _encoders() -> Iterator[Finding]:
    """What can write video here, each tried on a picture."""
    try:
        from workbench.video.encoders import working_encoders

        names = working_encoders()
    except (ImportError, OSError, WorkbenchError) as error:
        yield Finding("encoders", "broken", _first_line(error), "run: pip install --force-reinstall av")
        return
    yield Finding("encoders", "ok", ", ".join(names))


def _disk(name: str, place: Callable[[], str]) -> Finding:
    try:
        folder = place()
        free_gb = shutil.disk_usage(folder).free / GB
    except OSError as error:
        return Finding(name, "broken", f"no folder to use: {_first_line(error)}", "work in a folder that exists")
    found = f"{free_gb:.1f} GB in {folder}"
    if free_gb < NEEDED_DISK_GB:
        return Finding(name, "broken", found, f"free {NEEDED_DISK_GB:g} GB, or work in another place")
    return Finding(name, "ok", found)


def _memory() -> Finding:
    free_gb, total_gb = (size / GB for size in (psutil.virtual_memory().available, psutil.virtual_memory().total))
    found = f"{free_gb:.1f} GB free of {total_gb:.1f}, {psutil.cpu_count()} processors"
    if free_gb < NEEDED_MEMORY_GB:
        return Finding("memory", "broken", found, f"end other programs until {NEEDED_MEMORY_GB:g} GB are free")
    return Finding("memory", "ok", found)


def _temporary_folder() -> Finding:
    """Whether a folder made for temporary files can be written and is closed to other users."""
    remedy = "set TMPDIR to a folder of your own on a local disk"
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            Path(folder, "probe").write_bytes(b"probe")
            mode = stat.S_IMODE(Path(folder).stat().st_mode)
    except OSError as error:
        return Finding("temporary folder", "broken", f"cannot be written: {_first_line(error)}", remedy)
    if os.name == "posix" and mode != stat.S_IRWXU:
        return Finding("temporary folder", "broken", f"others may enter it (mode {mode:o})", remedy)
    return Finding("temporary folder", "ok", f"private, in {tempfile.gettempdir()}")


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
