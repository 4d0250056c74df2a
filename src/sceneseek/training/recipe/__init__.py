"""Recipes: one complete TOML file per trained model, read strictly, and turned into the parts of a run."""

from sceneseek.training.recipe.reading import read_recipe
from sceneseek.training.recipe.schema import Recipe

__all__ = ["Recipe", "read_recipe"]
