"""``sceneseek weights import``: a published file in, weights that search and start a training out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import published_checkpoints as published
from sceneseek.cli import app
from sceneseek.data.loading import Batch
from sceneseek.errors import WeightsError
from sceneseek.models import zoo
from sceneseek.models.convert import import_checkpoint
from sceneseek.models.registry import sha256_of
from sceneseek.models.weights import load_into, load_model
from sceneseek.models.zoo import default_options
from sceneseek.training.recipe.building import build_model
from sceneseek.training.recipe.schema import ModelTable
from sceneseek.training.task import SearchTask


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """As SeqNet's program saves it, with optimiser and epoch beside the network."""
    path = tmp_path_factory.mktemp("published") / "epoch_19.pth"
    state = published.drawn(published.nae())
    torch.save({"model": state, "optimizer": {"param_groups": [{"lr": 0.003}]}, "lr_scheduler": {}, "epoch": 19}, path)
    yield path
    path.unlink()


def test_an_imported_network_searches_and_starts_a_training(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "nae.safetensors"
    answer = CliRunner().invoke(
        app, ["weights", "import", "--as", "nae", str(checkpoint), "--out", str(out), "--note", "the test", "--json"]
    )
    assert answer.exit_code == 0, answer.output
    report = json.loads(answer.stdout)
    held = torch.load(checkpoint, weights_only=True, mmap=True)["model"]
    assert {*report["used"], *report["unused"]} == {*held}
    assert report["beside"]["epoch"] == "19"
    assert report["checkpoint_sha256"] == sha256_of(checkpoint)
    assert report["stored"]["sha256"] == sha256_of(out)
    assert report["stored"]["info"]["source"] == "the test"
    assert "for research" in report["stored"]["info"]["licence"]

    net, facts = load_model(out, min_size=96, max_size=128, test_proposals=(20, 3), score_threshold=0.0)
    assert (facts.builder, facts.options["num_identities"], facts.options["queue_size"]) == ("nae_resnet50", 482, 500)
    scene = torch.rand(3, 96, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        (found,) = net([scene])
        (embedded,) = net.embed([scene], [torch.tensor([[5.0, 5.0, 60.0, 90.0]])])
    assert len(found["boxes"]) > 0
    torch.testing.assert_close(found["embeddings"].norm(dim=1), torch.ones(len(found["boxes"])))
    assert embedded.shape == (1, 256)
    # Another data set, another number of identities: memories begin anew.
    student = zoo.create("nae_resnet50", num_identities=7, queue_size=11)
    load_into(student, out, builder="nae_resnet50")
    assert torch.equal(student.head.embedding.rescaler.weight, net.head.embedding.rescaler.weight)


def test_a_kept_identity_table_answers_again_and_starts_no_training(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "teacher.safetensors"
    command = ["weights", "import", "--as", "nae", str(checkpoint), "--out", str(out), "--keep-identity-table"]
    assert CliRunner().invoke(app, command).exit_code == 0
    held = torch.load(checkpoint, weights_only=True, mmap=True)["model"]["roi_heads.reid_loss.lut"]
    teacher, _ = load_model(out)
    torch.testing.assert_close(teacher.identity_table, torch.nn.functional.normalize(held, dim=1))
    assert bool(teacher.identity.table.seen.all())
    # People of another data set: the rows would be others'.
    pupil = zoo.create("nae_resnet50", num_identities=7)
    load_into(pupil, out, builder="nae_resnet50")
    assert not pupil.identity_table.any()


@pytest.mark.trains
def test_a_recipe_trains_on_from_imported_weights(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "nae.safetensors"
    import_checkpoint(checkpoint, "nae", out)
    options = {"min_size": 64, "max_size": 96, "train_proposals": [20, 6], "det_regions": 4, "queue_size": 20}
    table = ModelTable(name="nae_resnet50", init="nae.safetensors", channels_last=True, options=options)
    model = build_model(table, 5, tmp_path).train()
    before = model.head.embedding.rescaler.weight.detach().clone()
    torch.testing.assert_close(before, load_model(out)[0].head.embedding.rescaler.weight)
    scene = torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0))
    people = {"boxes": torch.tensor([[5.0, 5.0, 40.0, 60.0]]), "person_ids": torch.tensor([3]), "image_id": "a"}
    losses = SearchTask(model, dict.fromkeys(default_options("nae_resnet50").losses, 1.0)).losses(
        Batch([scene, scene], [people, people])
    )
    losses.total.backward()
    torch.optim.SGD(model.parameters(), lr=1e-6).step()
    model.update_memories()
    assert torch.isfinite(losses.total)
    assert model.identity_table[3].norm() == pytest.approx(1.0, abs=1e-4)
    assert not torch.equal(before, model.head.embedding.rescaler.weight)


def test_the_report_is_a_few_lines_for_people(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "half.safetensors"
    answer = CliRunner().invoke(app, ["weights", "import", "--as", "nae", str(checkpoint), "--out", str(out), "--half"])
    assert answer.exit_code == 0, answer.output
    assert "2 x a memory of training" in answer.output
    assert "2 x a classifier that the published program makes and never asks" in answer.output
    assert "--confidence-weighted" in answer.output
    assert "optimizer (a dict of 1)" in answer.output
    assert out.stat().st_size < 0.6 * checkpoint.stat().st_size


def test_another_network_is_refused_before_anything_is_written(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "seqnet.safetensors"
    answer = CliRunner().invoke(app, ["weights", "import", "--as", "seqnet", str(checkpoint), "--out", str(out)])
    assert isinstance(answer.exception, WeightsError)
    assert "import it --as nae" in str(answer.exception)
    assert not out.parent.exists()
