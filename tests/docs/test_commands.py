"""Every `sceneseek` command that the README and the documentation show exists, with the options shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from sceneseek.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RECIPES = sorted((ROOT / "recipes").rglob("*.toml"))


def shown_commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            joined = block.replace("\\\n", " ")
            lines = [line.strip().removeprefix("$ ") for line in joined.splitlines()]
            found += [(page.name, line) for line in lines if line.startswith("sceneseek ")]
    for recipe in RECIPES:
        comments = [
            line.lstrip("# ").strip() for line in recipe.read_text(encoding="utf-8").splitlines() if "#" in line
        ]
        found += [(recipe.name, line) for line in comments if line.startswith("sceneseek ")]
    return found


def check(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    known = {o for p in command.params if p.param_type_name == "option" for o in [*p.opts, *p.secondary_opts]}
    known |= {"--help", "-h"}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{word} is not an option of this command; it has {sorted(known)}"


def test_there_is_something_to_check() -> None:
    assert len(shown_commands()) >= 8


@pytest.mark.parametrize(("page", "line"), shown_commands(), ids=lambda value: str(value)[:60])
def test_shown_command_exists(page: str, line: str) -> None:
    check(line)


def test_the_check_can_fail() -> None:
    with pytest.raises(AssertionError, match="no command"):
        check("sceneseek dance")
    with pytest.raises(AssertionError, match="not an option"):
        check("sceneseek index pictures --colour red")


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken


def test_every_command_says_what_it_does() -> None:
    def leaves(command: Any, path: str) -> list[tuple[str, Any]]:
        if hasattr(command, "commands"):
            return [leaf for name, child in command.commands.items() for leaf in leaves(child, f"{path} {name}")]
        return [(path, command)]

    found = leaves(typer.main.get_command(app), "sceneseek")
    assert len(found) >= 8
    for path, command in found:
        assert command.help, path
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{path}: {parameter.name} has no help"
