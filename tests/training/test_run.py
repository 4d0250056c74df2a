from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sceneseek.errors import CheckpointError, DataError, RecipeError, UnknownModelError
from sceneseek.training.checkpoint import read_checkpoint
from sceneseek.training.interruption import StopRequest
from sceneseek.training.logs import read_log
from sceneseek.training.recipe.reading import parse_recipe
from sceneseek.training.run import train
from training.tiny_search_net import draw_data

pytestmark = pytest.mark.trains

TEXT = (Path(__file__).parent / "tiny.toml").read_text().replace("steps = 30", "steps = 6")
EVALUATION = """
[evaluation]
layout = "coco"
data = "test"
every_steps = 2
batch_size = 2
best = "mAP"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    draw_data(folder / "train")
    draw_data(folder / "test", seed=1, num_images=6)
    return folder


def start(text: str, data: Path, out: Path, **options):
    return train(parse_recipe(text), out, recipe_text=text, data_root=data, **options)


def test_a_run_leaves_weights_logs_curve_and_checkpoints(data, tmp_path):
    from sceneseek.models.weights import load_model

    summary = start(TEXT + EVALUATION, data, tmp_path)
    assert summary.finished
    assert summary.step == summary.steps == 6
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"recipe.toml", "identities.json", "log.jsonl", "tensorboard", "curve.png", "model.safetensors"}
    assert (tmp_path / "recipe.toml").read_text() == TEXT + EVALUATION
    assert json.loads((tmp_path / "identities.json").read_text()) == {"1000": 0, "1007": 1, "1014": 2, "1021": 3}
    marks = [record for record in read_log(tmp_path / "log.jsonl") if record["kind"] == "evaluation"]
    assert [mark["step"] for mark in marks] == [2, 4, 6]
    assert 0.0 <= marks[-1]["mAP"] <= 1.0
    assert "top-1" in marks[-1]
    best = max(marks, key=lambda mark: mark["mAP"])
    assert summary.best == best["mAP"]
    assert summary.best_step == best["step"]
    assert read_checkpoint(tmp_path / "checkpoints" / "best.pt")["step"] == best["step"]
    model, info = load_model(summary.weights)
    assert info.builder == "tiny_search_net"
    assert info.info["training step"] == "6"
    state = read_checkpoint(tmp_path / "checkpoints" / "last.pt")
    assert state["recipe"]["training"]["steps"] == 6
    assert state["versions"]["torch"] == str(torch.__version__)
    average = state["average"]["average"]["head.weight"]
    torch.testing.assert_close(model.head.weight.detach(), average)
    assert not torch.equal(average, state["model"]["head.weight"])


def test_the_best_weights_are_exported_on_request(data, tmp_path):
    from sceneseek.models.weights import load_model

    text = TEXT.replace('weights = "last"', 'weights = "best"').replace("ema_decay = 0.9", "ema_decay = 0.0")
    text = text.replace("lr = 0.05", "lr = 1e-9")  # nothing gets better: the first evaluation stays the best
    summary = start(text + EVALUATION, data, tmp_path)
    assert summary.best_step == 2
    model, info = load_model(summary.weights)
    assert info.info["training step"] == "2"
    state = read_checkpoint(tmp_path / "checkpoints" / "best.pt")
    assert torch.equal(model.head.weight.detach(), state["model"]["head.weight"])


def test_evaluation_does_not_change_training(data, tmp_path):
    start(TEXT, data, tmp_path / "without")
    start(TEXT + EVALUATION, data, tmp_path / "with")
    without, with_it = (read_checkpoint(tmp_path / name / "checkpoints" / "last.pt") for name in ("without", "with"))
    for name, value in without["model"].items():
        assert torch.equal(value, with_it["model"][name]), name
    assert torch.equal(without["random"][0], with_it["random"][0])


def test_a_folder_with_a_run_is_not_overwritten(data, tmp_path):
    start(TEXT, data, tmp_path)
    before = (tmp_path / "log.jsonl").read_text()
    with pytest.raises(CheckpointError, match=r"already holds a run\. Give --resume"):
        start(TEXT, data, tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == before
    assert start(TEXT, data, tmp_path, resume=True).finished
    assert (tmp_path / "log.jsonl").read_text() == before


def test_a_run_is_continued_with_its_own_recipe_only(data, tmp_path):
    stop = StopRequest()
    stop.signal_number = 15
    summary = start(TEXT, data, tmp_path, stop=stop)
    assert not summary.finished
    assert summary.step == 1
    assert summary.weights is None
    with pytest.raises(CheckpointError, match=r"another recipe \(optimiser\.lr: 0\.05 -> 0\.1"):
        start(TEXT.replace("lr = 0.05", "lr = 0.1"), data, tmp_path, resume=True)
    assert start(TEXT.replace("workers = 1", "workers = 0"), data, tmp_path, resume=True).finished


def test_a_run_is_continued_with_its_own_data_only(data, tmp_path):
    stop = StopRequest()
    stop.signal_number = 15
    start(TEXT, data, tmp_path / "out", stop=stop)
    draw_data(tmp_path / "train", num_people=5)
    with pytest.raises(CheckpointError, match="a run with 4 identities, the data set train has 5"):
        start(TEXT, tmp_path, tmp_path / "out", resume=True)


def test_resuming_where_nothing_was_saved_begins(data, tmp_path):
    assert start(TEXT, data, tmp_path, resume=True).finished


def test_a_damaged_checkpoint_is_refused(data, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"last\.pt is damaged"):
        start(TEXT, data, tmp_path, resume=True)


def test_epochs_are_counted_in_draws_of_the_sampler(data, tmp_path):
    summary = start(TEXT.replace("steps = 6", "epochs = 2.0"), data, tmp_path)
    assert summary.steps == 4  # four people make eight draws; twice, in batches of four


@pytest.mark.parametrize(
    ("old", "new", "error", "match"),
    [
        ('train = "train"', 'train = "nowhere"', RecipeError, r"data\.train = 'nowhere'.*--data names the folder"),
        ('"tiny_search_net"', '"tiny_serch_net"', UnknownModelError, "tiny_search_net"),
        ("loss_found = 1.0\n", "", RecipeError, "no weight for 'loss_found'"),
        ('parameters = "stem.*"', 'parameters = "trunk.*"', RecipeError, r"named 'trunk\.\*'"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(data, tmp_path, old, new, error, match):
    with pytest.raises(error, match=match):
        start(TEXT.replace(old, new), data, tmp_path)


def test_an_unknown_best_metric_is_refused(data, tmp_path):
    with pytest.raises(RecipeError, match=r"evaluation\.best = 'map' is not measured"):
        start(TEXT + EVALUATION.replace('"mAP"', '"map"'), data, tmp_path)


def test_pairs_need_people_in_two_images(data, tmp_path):
    draw_data(tmp_path / "train", num_images=1)
    with pytest.raises(DataError, match="no person appears in two images"):
        start(TEXT, tmp_path, tmp_path / "out")
