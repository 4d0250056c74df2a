from __future__ import annotations

import copy
import math

import pytest
import torch

from sceneseek.data.coco import read_coco
from sceneseek.data.loading import SceneDataset, SceneLoader, identity_mapping
from sceneseek.data.samplers import ShuffledSampler
from sceneseek.errors import CheckpointError, NonFiniteLossError
from sceneseek.structures import SceneSet
from sceneseek.training.averaging import WeightAverage
from sceneseek.training.interruption import StopRequest
from sceneseek.training.loop import LoopSettings, TrainingLoop
from sceneseek.training.optimisers import adamw, parameter_groups, sgd
from sceneseek.training.schedules import CosineSchedule
from sceneseek.training.task import SearchTask
from training.tiny_search_net import TinySearchNet, draw_data

pytestmark = pytest.mark.trains


class Journal:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.records: list[dict] = []
        self.evaluated: list[int] = []
        self.saved: list[int] = []

    def log(self, record):
        self.records.append(record)

    def evaluate(self, step):
        self.evaluated.append(step)

    def save(self, step):
        self.saved.append(step)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> SceneSet:
    return read_coco(draw_data(tmp_path_factory.mktemp("loop") / "train"))


def make_loop(scenes, *, net=None, build=None, batch_size=4, average=False, **settings) -> TrainingLoop:
    torch.manual_seed(0)
    identities = identity_mapping(scenes)
    net = TinySearchNet(len(identities), norm=False, dropout=0.0) if net is None else net
    groups = parameter_groups(net, lr=0.05, weight_decay=1e-4)
    sampler = ShuffledSampler(scenes, batch_size=batch_size, seed=0)
    return TrainingLoop(
        SearchTask(net, {"loss_found": 1.0, "loss_identity": 0.5}),
        (build or sgd(0.9))(groups),
        CosineSchedule(100),
        SceneLoader(SceneDataset(scenes, identities), sampler, workers=1),
        settings=LoopSettings(**{"steps": 6, "log_every": 2, "checkpoint_every": 4, **settings}),
        average=WeightAverage(net, 0.9) if average else None,
    )


def weights_of(loop: TrainingLoop) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in loop.task.model.parameters()])


def test_what_is_due_happens_when_it_is_due(scenes):
    journal, seen = Journal(), []
    loop = make_loop(scenes, evaluate_every=3, steps=7)
    assert loop.run(journal, progress=lambda done, total, note="": seen.append((done, total, note)))
    assert [record["step"] for record in journal.records] == [2, 4, 6, 7]
    assert journal.evaluated == [3, 6, 7]
    assert journal.saved == [3, 4, 6, 7]
    assert [(done, total) for done, total, _ in seen] == [(step, 7) for step in range(1, 8)]
    assert "images/s" in seen[-1][2]
    assert "left" in seen[-1][2]
    record = journal.records[-1]
    assert record["loss"] == pytest.approx(record["weighted/loss_found"] + record["weighted/loss_identity"])
    assert record["weighted/loss_identity"] == pytest.approx(0.5 * record["raw/loss_identity"])
    assert all(math.isfinite(value) for value in record.values() if isinstance(value, float))


def test_training_lowers_the_loss(scenes):
    journal = Journal()
    make_loop(scenes, build=adamw((0.9, 0.999), 1e-8), steps=60, log_every=10).run(journal)
    assert journal.records[-1]["loss"] < 0.8 * journal.records[0]["loss"]


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("build", [sgd(0.9), adamw((0.9, 0.999), 1e-8)], ids=["sgd", "adamw"])
def test_save_load_one_more_step_equals_two_steps(scenes, build, average):
    whole, half = (make_loop(scenes, build=build, average=average, steps=2) for _ in range(2))
    whole.run(Journal())
    stop = StopRequest()
    stop.signal_number = 15
    assert not half.run(Journal(), stop=stop)
    assert half.step == 1
    state = copy.deepcopy(half.state_dict())
    again = make_loop(scenes, build=build, average=average, steps=2)
    with torch.no_grad():
        for parameter in again.task.model.parameters():
            parameter.add_(1.0)
    again.load_state_dict(state)
    torch.manual_seed(999)
    again.load_state_dict(state)
    assert again.run(Journal())
    assert torch.equal(weights_of(whole), weights_of(again))
    assert torch.equal(whole.task.model.memory.centres, again.task.model.memory.centres)


def test_accumulated_batches_equal_one_large_batch(scenes):
    large = make_loop(scenes, batch_size=8, steps=1)
    small = make_loop(scenes, batch_size=4, accumulation=2, steps=1)
    large.run(Journal())
    small.run(Journal())
    torch.testing.assert_close(weights_of(small), weights_of(large), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(small.task.model.memory.centres, large.task.model.memory.centres)


def test_the_gradient_is_clipped(scenes):
    free, clipped = Journal(), Journal()
    loops = [make_loop(scenes, steps=1, log_every=1, build=sgd(0.0), clip_norm=limit) for limit in (0.0, 0.01)]
    start = weights_of(loops[0])
    for loop, journal in zip(loops, (free, clipped), strict=True):
        loop.run(journal)
    norms = [journal.records[0]["gradient_norm"] for journal in (free, clipped)]
    assert norms[0] > 0.02
    assert norms[1] == pytest.approx(norms[0])  # the norm before clipping is what is logged
    moved = [float((weights_of(loop) - start).norm()) for loop in loops]
    assert moved[1] < 0.05 * 0.0101 + 0.05 * 1e-4 * float(start.norm())
    assert moved[0] > 5 * moved[1]


def test_memories_are_updated_once_per_step(scenes, monkeypatch):
    loop = make_loop(scenes, accumulation=3, steps=4)
    calls = []
    monkeypatch.setattr(loop.task, "update_memories", lambda: calls.append(loop.step))
    loop.run(Journal())
    assert calls == [0, 1, 2, 3]


def test_a_loss_that_is_not_finite_is_named_with_its_images(scenes):
    net = TinySearchNet(len(scenes.person_ids), norm=False, dropout=0.0, poison=105)
    loop = make_loop(scenes, net=net)
    journal = Journal()
    with pytest.raises(NonFiniteLossError, match=r"Step \d+: loss_found = nan for the images .*105") as caught:
        loop.run(journal)
    assert "loss_identity" not in str(caught.value)
    assert torch.isfinite(weights_of(loop)).all()
    assert loop.step < 3


def test_a_gradient_that_is_not_finite_is_refused(scenes):
    loop = make_loop(scenes)
    loop.task.model.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(NonFiniteLossError, match="gradient became NaN or infinite"):
        loop.run(Journal())
    assert torch.isfinite(weights_of(loop)).all()


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_mixed_precision_trains_in_float32_weights(scenes, amp):
    journal = Journal()
    loop = make_loop(scenes, build=adamw((0.9, 0.999), 1e-8), amp=amp, steps=30, log_every=5)
    loop.run(journal)
    assert journal.records[-1]["loss"] < 0.9 * journal.records[0]["loss"]
    assert weights_of(loop).dtype == torch.float32
    state = loop.state_dict()
    assert bool(state["scaler"]) == (amp == "fp16")


def test_a_checkpoint_of_another_network_is_refused(scenes):
    state = make_loop(scenes).state_dict()
    other = make_loop(scenes, net=TinySearchNet(len(scenes.person_ids), dim=4, norm=False, dropout=0.0))
    with pytest.raises(CheckpointError, match=r"another network or run: .*head\.weight"):
        other.load_state_dict(state)


def test_a_checkpoint_of_other_batches_is_refused(scenes):
    state = make_loop(scenes).state_dict()
    with pytest.raises(CheckpointError, match="batch_size"):
        make_loop(scenes, batch_size=2).load_state_dict(state)
