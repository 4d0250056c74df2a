"""Reading a recipe, or another file of tables: strictly, and with an answer to every mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sceneseek import text_files
from sceneseek.errors import RecipeError, TextFileError, suggest
from sceneseek.training.recipe.schema import Recipe

TableT = TypeVar("TableT", bound=BaseModel)


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        path: A TOML file.

    Returns:
        The checked recipe.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key, a missing key or a wrong value; the
            message names each, what was found and what is expected.
    """
    return parse_recipe(read_text(path, "recipe"), str(path))


def read_text(path: str | Path, what: str) -> str:
    """The text of a file that a person wrote.

    Args:
        path: The file.
        what: What to call it in messages: ``"recipe"``, ``"study"``.

    Raises:
        RecipeError: It is missing or is not UTF-8 text.
    """
    try:
        return text_files.read_text(path)
    except (OSError, TextFileError) as error:
        raise RecipeError(f"The {what} {path} cannot be read: {error}.") from error


def parse_recipe(text: str, name: str = "recipe") -> Recipe:
    """Read a recipe from its text.

    Args:
        text: TOML.
        name: What to call it in messages.

    Returns:
        The checked recipe.

    Raises:
        RecipeError: As ``read_recipe``.
    """
    return checked(Recipe, parse_tables(text, name), name)


def parse_tables(text: str, name: str) -> dict[str, Any]:
    """The tables of a TOML text, unchecked.

    Raises:
        RecipeError: It is not TOML.
    """
    try:
        return text_files.parse_toml(text)
    except TextFileError as error:
        raise RecipeError(f"{name} cannot be read: {error}.") from error


def checked(model: type[TableT], table: dict[str, Any], name: str) -> TableT:
    """Check tables against what they may say.

    Args:
        model: What they may say.
        table: What they say.
        name: What to call them in messages.

    Raises:
        RecipeError: As ``read_recipe``.
    """
    try:
        # Strict reading from JSON takes a list for a pair, which strict reading of Python values would not.
        return model.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        problems = [_describe(details, model) for details in error.errors()]
        raise RecipeError(f"{name}: {' '.join(problems)}") from error


def _describe(details: ErrorDetails, root: type[BaseModel]) -> str:
    """One mistake as a sentence: the key, the value, what was expected."""
    where, known = _walk(details["loc"], root)
    kind = details["type"]
    if kind == "extra_forbidden":
        return f"unknown key {where}.{suggest(str(details['loc'][-1]), known)}"
    if kind == "missing":
        return f"the key {where} is missing; a {root.__name__.lower()} is one complete file."
    if kind == "union_tag_not_found":
        return f"the key {where}.name is missing; a {root.__name__.lower()} is one complete file."
    if kind == "union_tag_invalid":
        context = details["ctx"]
        tags = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        return (
            f"{where}.name = {context['tag']!r}; expected one of {', '.join(tags)}.{suggest(str(context['tag']), tags)}"
        )
    expected = details["msg"].removeprefix("Value error, ")
    expected = expected.replace("Input should be", "expected").removesuffix(".")
    value = "" if isinstance(details["input"], dict) else f" = {details['input']!r}"
    ending = "" if expected.endswith("?") else "."
    return f"{where}{value}: {expected[:1].lower()}{expected[1:]}{ending}"


def _walk(location: tuple[int | str, ...], root: type[BaseModel]) -> tuple[str, list[str]]:
    """The dotted key as it stands in the file, and the keys known beside the last part of it.

    pydantic puts the name of a union's member into its locations; a file does not.
    """
    models = [root]
    known: list[str] = []
    shown = ""
    for part in location:
        members = [model for model in models if len(models) > 1 and part in _tags(model)]
        if isinstance(part, int):
            shown += f"[{part}]"
        elif members:
            models = members
        else:
            shown += f".{part}"
            known = sorted({name for model in models for name in model.model_fields})
            fields = [model.model_fields[part] for model in models if part in model.model_fields]
            models = [nested for field in fields for nested in _models_in(field.annotation)]
    return shown.removeprefix("."), known


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("name")
    return get_args(field.annotation) if field is not None else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
