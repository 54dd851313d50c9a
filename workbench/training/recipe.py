"""Reads a recipe: one YAML file, strict as a preset."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workbench.errors import UsageError
from workbench.training.options import Recipe

SHIPPED = Path(__file__).parent / "recipes"


def load_recipe(name_or_path: str, data: Path) -> Recipe:
    """The shipped recipe of that name, or the one in that file; its paths are looked up in ``data``.

    Raises UsageError with what is wrong, on one line.
    """
    shipped = SHIPPED / f"{name_or_path}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_path)
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        recipe = Recipe.model_validate_json(json.dumps({"name": path.stem, **values}))
    except OSError as error:
        known = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.yaml")))
        raise UsageError(
            f"no recipe {name_or_path} ({error.strerror}): there are {known}; or name a .yaml file"
        ) from error
    except (YAMLError, UnicodeDecodeError, TypeError) as error:
        raise UsageError(f"{path.name} is no recipe: {str(error).splitlines()[0]}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path.name}: {key}: {first['msg']}") from error
    return _located(recipe, data)


def _located(recipe: Recipe, data: Path) -> Recipe:
    """The recipe with the weights' paths as paths from here. Raises UsageError for one that is not there."""
    teachers = tuple(
        one.model_copy(update={"weights": one.weights and _file(data / one.weights)}) for one in recipe.labels.teachers
    )
    labels = recipe.labels.model_copy(update={"teachers": teachers})
    is_file = bool(recipe.start and Path(recipe.start).suffix)  # else a model's name, if anything
    start = _file(data / str(recipe.start)) if is_file else recipe.start
    return recipe.model_copy(update={"labels": labels, "start": start})


def _file(path: Path) -> str:
    if not path.is_file():
        raise UsageError(
            f"the recipe names {path}, which is not there; put it there, or take it out of a copy of the recipe"
        )
    return str(path)
