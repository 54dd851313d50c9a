"""Imports inference libraries so that they stay silent: nothing leaves the machine, nothing is installed on the quiet.

- ``import openvino`` sends an event to Google Analytics when ``openvino_telemetry`` (which it depends on) can be
  imported; where that is blocked it uses a stub of its own, and so does nncf.
- diffusers and transformers look for newer files on a hub, and draw progress bars.
- ultralytics asks two name servers whether it is online, sends usage events, and installs missing packages with pip.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, cast

from platformdirs import user_cache_path

from workbench.errors import EngineError
from workbench.torchvision_ops import ensure_torchvision

APP = "face-privacy-workbench"
"""Folder name under the user's cache and data folders."""


def block_telemetry() -> None:
    """Make every later ``import openvino_telemetry`` fail, which OpenVINO and nncf take as "not installed"."""
    cast(dict[str, ModuleType | None], sys.modules).setdefault("openvino_telemetry", None)


def import_openvino() -> Any:
    """The ``openvino`` module. Raises EngineError where it does not work."""
    block_telemetry()
    try:
        import openvino
    except (ImportError, OSError) as error:
        raise EngineError(
            f"OpenVINO cannot be loaded ({_first_line(error)}); reinstall the package openvino"
        ) from error
    return openvino


def import_ultralytics() -> Any:
    """The ``ultralytics`` module, offline and quiet. Raises EngineError where it does not work."""
    block_telemetry()
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(user_cache_path(APP, appauthor=False)))
    try:
        ensure_torchvision()
        import ultralytics
    except (ImportError, OSError, RuntimeError) as error:
        message = f"ultralytics cannot be loaded ({_first_line(error)}); reinstall ultralytics, torch and torchvision"
        raise EngineError(message) from error
    return ultralytics


def import_diffusers() -> Any:
    """The ``diffusers`` module, offline and quiet. Raises EngineError where it does not work."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TRANSFORMERS_OFFLINE="1")
    os.environ.update(DIFFUSERS_VERBOSITY="error", TRANSFORMERS_VERBOSITY="error")
    try:
        ensure_torchvision()
        import diffusers
    except (ImportError, OSError, RuntimeError) as error:
        message = f"diffusers cannot be loaded ({_first_line(error)}); reinstall diffusers, transformers and torch"
        raise EngineError(message) from error
    diffusers.utils.logging.disable_progress_bar()
    if (transformers := sys.modules.get("transformers")) is not None:
        transformers.utils.logging.disable_progress_bar()
    return diffusers


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
