"""Each recipe's network, losses and optimiser make two steps at tiny size."""

from pathlib import Path

import pytest
import torch

from sceneseek.data.loading import Batch
from sceneseek.models import zoo
from sceneseek.training.recipe import read_recipe
from sceneseek.training.recipe.building import build_optimiser
from sceneseek.training.task import SearchTask
from thin_zoo import options_of, scenes, thin_backbones

pytestmark = pytest.mark.trains

FOLDER = Path(__file__).parents[2] / "recipes"


def distinct_recipes():
    """One of the recipes that differ in nothing that a tiny network could notice: not those for other data sets."""
    found = {}
    for path in sorted(FOLDER.rglob("*.toml")):
        recipe = read_recipe(path)
        groups = tuple((group.parameters, group.lr_factor) for group in recipe.optimiser.groups)
        kept = tuple((key, str(value)) for key, value in recipe.model.options.items() if isinstance(value, (str, list)))
        found.setdefault((recipe.model.name, groups, tuple(recipe.loss_weights), kept), path)
    return sorted(found.values())


@pytest.mark.parametrize("path", distinct_recipes(), ids=lambda path: path.stem)
def test_two_steps_of_a_recipe(path):
    recipe = read_recipe(path)
    torch.manual_seed(0)
    with thin_backbones():
        tiny = options_of(recipe.model.name)
        chosen = {key: value for key, value in recipe.model.options.items() if not isinstance(value, (int, float))}
        for key in ("stem_norm", "tail_norm", "det_level", "det_size"):
            if key in recipe.model.options:
                tiny[key] = recipe.model.options[key]
        model = zoo.create(recipe.model.name, **{**chosen, **tiny, "weights": None}).train()
    task = SearchTask(model, recipe.loss_weights)
    optimiser = build_optimiser(recipe.optimiser, model)
    before = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    for seed in range(2):
        images, targets = scenes(seed=seed)
        losses = task.losses(Batch(images, targets))
        losses.total.backward()
        task.update_memories()
        optimiser.step()
        optimiser.zero_grad()
        assert torch.isfinite(losses.total)
    moved = [
        name for name, value in model.named_parameters() if name in before and not torch.equal(value, before[name])
    ]
    assert len(moved) > 0.9 * len(before)
