"""Calibration: claims that come true in galleries whose truth is known, and silence where too little is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sceneseek.gallery import Calibrator, Gallery
from sceneseek.gallery.calibration import MIN_GROUPS, MIN_PAIRS, REACH, Calibration, calibrate
from sceneseek.gallery.calibration_file import calibration_path
from sceneseek.similarity import normalise
from sceneseek.structures import Detections, Frame, MediaItem, Ranking

DIM = 48
PER_FRAME = 4
BLANK = np.zeros((60, 200, 3), np.uint8)
BOXES = np.array([[40 * i, 5, 40 * i + 20, 55] for i in range(PER_FRAME)], np.float32)


def crowd(num_people: int, seed: int = 0) -> np.ndarray:
    """Directions of people; strangers are alike by chance, around a common mean as networks have it."""
    return normalise(np.random.default_rng(seed).normal(size=(num_people, DIM)) + 0.3)


def seen(people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Somebody as one picture shows them."""
    return normalise(people + rng.normal(size=people.shape) * 0.08).astype(np.float32)


def filled(path: Path, num_frames: int, num_people: int = 300, seed: int = 0) -> tuple[Gallery, np.ndarray, np.ndarray]:
    """A gallery of photographs of four people each, with who is in each row and the people's directions."""
    people, rng = crowd(num_people), np.random.default_rng(seed)
    gallery = Gallery.create(path, "crowd", "crowd-1", DIM)
    who = []
    with gallery.writer(commit_frames=10_000, commit_seconds=600) as writer:
        for index in range(num_frames):
            here = rng.choice(num_people, PER_FRAME, replace=False)
            who.append(here)
            item = MediaItem(f"/{index}.jpg", "photo", f"{index:05d}")
            writer.begin(item)
            found = Detections(BOXES, np.ones(PER_FRAME), seen(people[here], rng))
            writer.add(item, Frame(BLANK, item.source), found)
            writer.finish(item)
    return gallery, np.array(who).reshape(-1), people


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gallery, np.ndarray, np.ndarray]:
    return filled(tmp_path_factory.mktemp("calibration") / "g", 300)


def test_claims_come_true(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, who, people = known
    calibration = Calibrator(gallery)("sighting")
    everybody = gallery.sample_embeddings(len(gallery))
    rng = np.random.default_rng(9)
    claimed = []
    for person in range(0, 300, 3):
        query = seen(people[person][None], rng)[0]
        rates = calibration.rates(query, everybody.embeddings[who != person] @ query)
        assert rates is not None
        assert (rates.low <= rates.rate).all()
        assert (rates.rate <= rates.high).all()
        claimed.append(rates.rate)
    rate = np.concatenate(claimed)
    for claim in (0.3, 0.1, 0.03, 0.01, 0.003):
        assert 0.4 < (rate <= claim).mean() / claim < 1.4, claim


def test_higher_similarities_are_never_claimed_more_often(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, people = known
    rates = Calibrator(gallery)("sighting").rates(people[0].astype(np.float32), np.linspace(-1, 1, 201))
    assert rates is not None
    assert (np.diff(rates.rate) <= 1e-12).all()
    assert rates.rate[0] == 1


def test_a_query_that_resembles_everybody_needs_more(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, people = known
    calibration = Calibrator(gallery)("sighting")
    plain = normalise(people.mean(axis=0, keepdims=True))[0]
    odd = normalise((people[0] - 0.9 * plain * (people[0] @ plain))[None])[0]
    common, special = calibration.rates(plain, [0.6]), calibration.rates(odd, [0.6])
    assert common is not None
    assert special is not None
    assert common.rate[0] > 20 * special.rate[0]


def test_the_person_is_likely_and_a_stranger_is_not(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, who, people = known
    calibration, rng = Calibrator(gallery)("sighting"), np.random.default_rng(4)
    likely = []
    for person in range(40):
        query = seen(people[person][None], rng)[0]
        found = calibration.applied(query, gallery.search(query, 20))
        assert found.num_likely is not None
        assert found.num_likely == sum(m.likely for m in found)
        likely.append(found.num_likely)
        first = found.matches[0]
        assert first.false_match_rate is not None
        assert first.strangers_expected == pytest.approx(first.false_match_rate * len(gallery))
    shown = [(who == person).sum() for person in range(40)]
    assert sum(likely) > 0.5 * sum(shown)
    unknown = [seen(stranger[None], rng)[0] for stranger in crowd(40, seed=77)]
    alarms = [calibration.applied(query, gallery.search(query, 20)).num_likely for query in unknown]
    assert np.mean([bool(alarm) for alarm in alarms]) < 0.5, "a stranger reaches half an expected stranger seldom"


def test_an_example_is_not_judged_by_its_likeness_to_itself(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, _ = known
    query = gallery.sample_embeddings(1).embeddings[0]
    found = Calibrator(gallery)("sighting").applied(query, gallery.search(query, 3), frozenset({1}))
    assert found.matches[0].false_match_rate is None
    assert found.matches[1].false_match_rate is not None
    assert (found.num_likely or 0) >= 1


@pytest.mark.parametrize("num_frames", [0, 1, MIN_GROUPS - 1, MIN_PAIRS // (PER_FRAME * (PER_FRAME - 1))])
def test_little_is_not_enough(tmp_path: Path, num_frames: int) -> None:
    gallery, _, people = filled(tmp_path / "g", num_frames)
    calibration = Calibrator(gallery)("sighting")
    assert calibration.tail is None
    assert calibration.summary.startswith("not known")
    assert calibration.rates(people[0], [0.9]) is None
    found = calibration.applied(people[0], gallery.search(people[0].astype(np.float32)))
    assert found.num_likely is None
    assert all(match.false_match_rate is None for match in found)


def test_no_rate_is_claimed_below_what_the_pairs_can_tell(tmp_path: Path) -> None:
    gallery, _, people = filled(tmp_path / "g", 40)
    calibration = Calibrator(gallery)("sighting")
    rates = calibration.rates(people[0], [1.0])
    assert rates is not None
    assert rates.rate[0] >= 1 / (REACH * calibration.num_pairs)
    # A hundred thousand others: so few pairs cannot tell whether one of them would score as high.
    ranking = replace(gallery.search(people[0].astype(np.float32), 5), searched=100_000)
    exact = Ranking((replace(ranking.matches[0], similarity=1.0),), "crowd", 100_000)
    assert calibration.applied(people[0], exact).num_likely is None


def test_it_is_kept_without_anybodys_embedding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, _, people = filled(tmp_path / "g", 60)
    first = Calibrator(gallery)("sighting")
    path = calibration_path(gallery.path, "sighting")
    text = path.read_text()
    assert "embedding" not in text
    assert "reference" not in text

    def refuse(*_: object) -> Calibration:
        raise AssertionError("it was calibrated again")

    monkeypatch.setattr("sceneseek.gallery.calibration_file.calibrate", refuse)
    again = Calibrator(Gallery.open(gallery.path))("sighting")
    known, kept = first.rates(people[0], [0.2, 0.5, 0.9]), again.rates(people[0], [0.2, 0.5, 0.9])
    assert known is not None
    assert kept is not None
    np.testing.assert_allclose(np.array(kept), np.array(known))
    path.write_text(json.dumps({**json.loads(text), "fingerprint": "another model"}))
    with pytest.raises(AssertionError, match="again"):
        Calibrator(Gallery.open(gallery.path))("sighting")
    path.write_text(text[: len(text) // 2])
    with pytest.raises(AssertionError, match="again"):
        Calibrator(Gallery.open(gallery.path))("sighting")


def test_a_gallery_that_has_grown_is_calibrated_again(tmp_path: Path) -> None:
    gallery, _, _ = filled(tmp_path / "g", 60)
    calibrator = Calibrator(gallery)
    before = calibrator("sighting")
    with gallery.writer() as writer:
        for index in range(20):
            item = MediaItem(f"/new/{index}.jpg", "photo", f"new{index}")
            writer.begin(item)
            found = Detections(BOXES, np.ones(PER_FRAME), crowd(PER_FRAME, seed=index + 50).astype(np.float32))
            writer.add(item, Frame(BLANK, item.source), found)
            writer.finish(item)
    after = calibrator("sighting")
    assert after.num_groups == before.num_groups + 20


def test_a_folder_that_cannot_be_written_to_is_calibrated_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, _, _ = filled(tmp_path / "g", 60)

    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("sceneseek.gallery.calibration_file.write_whole", full)
    assert Calibrator(gallery)("sighting").tail is not None
    assert not calibration_path(gallery.path, "sighting").exists()


def test_the_same_gallery_gives_the_same_calibration(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, people = known
    sample = gallery.sample_embeddings(len(gallery))
    one, two = (calibrate(sample, sample.embeddings[:500], "detection") for _ in range(2))
    first, second = one.rates(people[3], [0.4, 0.7]), two.rates(people[3], [0.4, 0.7])
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(np.array(first), np.array(second))


def test_a_gallery_that_rests_on_one_group_photograph_can_be_searched(tmp_path: Path) -> None:
    """Twenty people side by side once, and thirty couples: draws without the one picture may have no tail to fit."""
    gallery = Gallery.create(tmp_path / "g", "crowd", "crowd-1", DIM)
    rng = np.random.default_rng(3)
    with gallery.writer() as writer:
        for index, count in enumerate([20, *[2] * 30]):
            item = MediaItem(f"/{index}.jpg", "photo", f"{index:05d}")
            writer.begin(item)
            boxes = np.array([[9 * i, 5, 9 * i + 8, 55] for i in range(count)], np.float32)
            people = normalise(rng.normal(size=(count, DIM))).astype(np.float32)
            writer.add(item, Frame(BLANK, item.source), Detections(boxes, np.ones(count), people))
            writer.finish(item)
    calibration = Calibrator(gallery)("detection")
    assert calibration.num_pairs >= MIN_PAIRS
    rates = calibration.rates(people[0], [0.9])
    assert rates is None or 0 < rates.rate[0] <= 1
    assert len(gallery.search(people[0], 3)) == 3
