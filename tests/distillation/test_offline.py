import pytest
import torch

from distillation.tiny_networks import batch, network
from sceneseek.distillation import offline
from sceneseek.distillation.initialisation import inherit
from sceneseek.distillation.teacher import OnlineTeacher
from sceneseek.errors import CheckpointError, RecipeError

KEY = "k" * 64


@pytest.fixture(scope="module")
def teacher():
    return network("alignps_mobilenet_v2", seed=1).eval()


@pytest.fixture(scope="module")
def answers(teacher):
    images, targets = batch()
    scenes = (offline.Scene(i, image, t["boxes"]) for i, (image, t) in enumerate(zip(images, targets, strict=True)))
    return offline.ask_about(teacher, scenes, key=KEY, maps=True)


def test_cached_answers_are_those_of_the_teacher_asked_now(teacher, answers, tmp_path):
    offline.save_answers(answers, tmp_path / "answers.safetensors")
    again = offline.load_answers(tmp_path / "answers.safetensors", KEY)
    cached = offline.OfflineTeacher(teacher, again)
    student = network("alignps_mobilenet_v2").train()
    reading = student.read(*batch())
    now = OnlineTeacher(teacher, scenes="own", student=student).read(*batch(), reading)
    seen = cached.read(*batch(), reading)
    torch.testing.assert_close(seen.embeddings, now.embeddings, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(seen.map("p3"), now.map("p3"), atol=1e-2, rtol=1e-2)  # half precision
    assert seen.sizes == now.sizes
    assert (cached.facts.detects, cached.facts.located, list(cached.facts.maps)) == ("", False, ["p3"])
    with pytest.raises(RecipeError, match="The teacher's cache shows no map 'reg_tower'"):
        seen.map("reg_tower")


def test_mirrored_pictures_get_mirrored_answers(teacher, answers):
    student = network("alignps_mobilenet_v2").train()
    images, targets = batch()
    width = images[0].shape[-1]
    targets[1]["boxes"] = targets[1]["boxes"][[2, 0]]  # the augmentation dropped one, and mirrored the picture
    targets[1]["boxes"][:, [0, 2]] = width - targets[1]["boxes"][:, [2, 0]]
    targets[1]["person_ids"] = targets[1]["person_ids"][[2, 0]]
    targets[1]["annotations"] = torch.tensor([2, 0])
    targets[1]["mirrored"] = torch.tensor(True)
    images[1] = images[1].flip(-1)
    reading = student.read(images, targets)
    seen = offline.OfflineTeacher(teacher, answers).read(images, targets, reading)
    now = OnlineTeacher(teacher, scenes="own", student=student).read(images, targets, reading)
    torch.testing.assert_close(seen.embeddings, now.embeddings, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(answers.embeddings[0], answers.embeddings[1], atol=1e-3)


def test_a_batch_must_say_which_annotations_it_shows(teacher, answers):
    images, targets = batch()
    for target in targets:
        del target["annotations"]
    reading = network("alignps_mobilenet_v2").train().read(images, targets)
    with pytest.raises(RecipeError, match="needs to know which annotation each box of a batch is"):
        offline.OfflineTeacher(teacher, answers).read(images, targets, reading)


def test_maps_with_channels_last_are_kept_too(tmp_path):
    net = network("dcinet_mobilenet_v2").eval()
    assert not net.shared_features(batch()[0])["stride8"].is_contiguous()
    scene = offline.Scene(0, batch()[0][0], batch()[1][0]["boxes"])
    answers = offline.ask_about(net, [scene], key=KEY, maps=True)
    offline.save_answers(answers, tmp_path / "answers.safetensors")
    again = offline.load_answers(tmp_path / "answers.safetensors", KEY)
    assert again.maps.keys() == {"0/0/stride8", "0/1/stride8"}
    assert all(torch.equal(again.maps[name], answers.maps[name]) for name in again.maps)


def test_the_table_of_means(answers):
    table = answers.table(torch.tensor([0, 1, -1, 0, 1, -1]), 3)
    rows = answers.embeddings[:, [0, 3]].sum(dim=(0, 1))
    torch.testing.assert_close(table[0], rows / rows.norm())
    assert not table[2].any()


def test_stale_answers_are_refused(teacher, answers, tmp_path):
    path = tmp_path / "answers.safetensors"
    offline.save_answers(answers, path)
    with pytest.raises(CheckpointError, match="answers of another teacher, of other data"):
        offline.load_answers(path, "x" * 64)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="is damaged or holds no teacher's answers"):
        offline.load_answers(path, KEY)
    own = offline.cache_key(teacher, "data", maps=False)
    assert own == offline.cache_key(teacher, "data", maps=False)
    others = [
        offline.cache_key(teacher, "other data", maps=False),
        offline.cache_key(teacher, "data", maps=True),
        offline.cache_key(network("alignps_mobilenet_v2", seed=2).eval(), "data", maps=False),
        offline.cache_key(network("alignps_mobilenet_v2", seed=1, max_size=100).eval(), "data", maps=False),
    ]
    assert own not in others


def test_a_student_begins_with_what_fits(teacher):
    student = network("alignps_mobilenet_v2", seed=3, tower_convs=1)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    taken = inherit(student, teacher, ["detector.*"])
    assert "detector.head.conv_cls.weight" in taken.copied
    torch.testing.assert_close(student.detector.head.conv_cls.weight, teacher.detector.head.conv_cls.weight)
    assert all(name.startswith("detector.") for name in (*taken.copied, *taken.left))
    others = [name for name in before if name not in taken.copied]
    assert others
    assert all(torch.equal(student.state_dict()[name], before[name]) for name in others)
    wide = network("alignps_mobilenet_v2", embedding_dim=24)
    assert inherit(wide, teacher, ["aggregation.*"]).left["aggregation.fpn_convs.0.weight"].startswith("its shape is")
    with pytest.raises(RecipeError, match=r"named 'detectr\.\*'\. Its parts are aggregation, detector"):
        inherit(student, teacher, ["detectr.*"])
