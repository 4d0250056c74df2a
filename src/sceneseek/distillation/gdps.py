"""GDPS-style distillation, and its relatives: sets of terms that belong together, each written out as a recipe's block.

Fu et al., GDPS: A general distillation architecture for end-to-end person search (2025), distils features that
detection and re-identification share, and relations and responses for re-identification, at once. Its abstract alone is
public; formulas, weights and layers here are ours, and ``docs/explanation/gdps.md`` says why each is what it is.
"""

from __future__ import annotations

from importlib.resources import files

from sceneseek.errors import RecipeError, suggest

PRESETS = ("ddps", "detection_only", "gdps", "gid", "reid_only", "reid_table")


def preset(name: str) -> str:
    """A preset as a recipe holds it: the tables of its terms in TOML, to be pasted and changed.

    Raises:
        RecipeError: There is none of that name.

    Example:
        >>> [line for line in preset("gdps").splitlines() if line.startswith("[")]
        ['[distillation.feature]', '[distillation.relation]', '[distillation.response]']
    """
    if name not in PRESETS:
        raise RecipeError(f"There is no distillation preset called {name!r}.{suggest(name, PRESETS)}")
    return files("sceneseek.distillation").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
