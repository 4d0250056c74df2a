"""Procedural data sets: a world of people under cameras, and a world of tattoos."""

from sceneseek.data.synthetic.generate import generate
from sceneseek.data.synthetic.spec import DIFFICULTIES, WorldSpec
from sceneseek.data.synthetic.world import PeopleWorld, render_scene

__all__ = ["DIFFICULTIES", "PeopleWorld", "WorldSpec", "generate", "render_scene"]
