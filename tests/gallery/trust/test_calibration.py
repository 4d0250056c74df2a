"""Calibration: claims that come true in galleries whose truth is known, and silence where too little is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sceneseek.gallery import HITS, Calibrator, Gallery, judged
from sceneseek.gallery.trust.calibration import MIN_PAIRS, MIN_PEOPLE, REACH, Calibration, calibrate
from sceneseek.gallery.trust.calibration_file import calibration_path
from sceneseek.gallery.trust.cohorts import Cohorts, group_name
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


FOLDER = group_name(None, "/0.jpg", None)


def asked(
    gallery: Gallery,
    query: np.ndarray,
    top: int = 20,
    examples: frozenset[int] = frozenset(),
    calibration: Calibration | None = None,
) -> Ranking:
    """A search as the finder makes it, judged."""
    found = gallery.search(query, HITS)
    ranking = replace(found, matches=found.matches[:top])

    def embeddings(ids: object) -> np.ndarray:
        return np.stack([person.embedding for person in gallery.people(ids)])  # type: ignore[arg-type]

    calibration = calibration or Calibrator(gallery)("sighting")
    return judged(calibration, query, ranking, found.matches, embeddings, examples=examples)


def test_claims_come_true(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, who, people = known
    calibration = Calibrator(gallery)("sighting")
    everybody = gallery.sample_embeddings(len(gallery))
    rng = np.random.default_rng(9)
    claimed = []
    for person in range(0, 300, 10):
        query = seen(people[person][None], rng)[0]
        similarities = everybody.embeddings[who != person] @ query
        rates = calibration.rates(query, similarities, [FOLDER] * len(similarities))
        assert rates is not None
        assert rates.own.all()
        assert (rates.low <= rates.rate).all()
        assert (rates.rate <= rates.high).all()
        claimed.append(rates.rate)
    rate = np.concatenate(claimed)
    for claim in (0.3, 0.1, 0.03, 0.01, 0.003):
        assert 0.4 < (rate <= claim).mean() / claim < 1.6, claim


def test_higher_similarities_are_never_claimed_more_often(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, people = known
    calibration = Calibrator(gallery)("sighting")
    rates = calibration.rates(people[0].astype(np.float32), np.linspace(-1, 1, 201), [FOLDER] * 201)
    assert rates is not None
    assert (np.diff(rates.rate) <= 1e-12).all()
    assert rates.rate[0] == pytest.approx(1)


def test_a_query_that_resembles_everybody_needs_more(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, people = known
    calibration = Calibrator(gallery)("sighting")
    plain = normalise(people.mean(axis=0, keepdims=True))[0]
    odd = normalise((people[0] - 0.9 * plain * (people[0] @ plain))[None])[0]
    common, special = calibration.rates(plain, [0.6], [FOLDER]), calibration.rates(odd, [0.6], [FOLDER])
    assert common is not None
    assert special is not None
    assert common.rate[0] > 20 * special.rate[0]


def test_the_person_is_likely_and_a_stranger_is_not(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, who, people = known
    calibration, rng = Calibrator(gallery)("sighting"), np.random.default_rng(4)
    likely, wrong, found_likely = 0, 0, 0
    for person in range(40):
        found = asked(gallery, seen(people[person][None], rng)[0], calibration=calibration)
        assert found.calibrated
        assert found.num_likely == sum(m.likely for m in found)
        rows = [int(m.media_key) * PER_FRAME + int(m.detection_id.rsplit(":", 1)[1]) for m in found if m.likely]
        likely += len(rows)
        wrong += sum(who[row] != person for row in rows)
        first = found.matches[0]
        assert first.false_match_rate is not None
        assert not first.rate_borrowed
        found_likely += found.standing == "likely"
    shown = sum(int((who == person).sum()) for person in range(40))
    assert found_likely >= 30
    assert likely > 0.5 * shown
    assert wrong <= 0.1 * likely
    unknown = [seen(stranger[None], rng)[0] for stranger in crowd(40, seed=77)]
    answers = [asked(gallery, query, calibration=calibration) for query in unknown]
    assert np.mean([answer.standing == "likely" for answer in answers]) < 0.5
    assert any(answer.standing == "distant" for answer in answers), "they resemble nobody"


def test_pictures_of_one_person_are_one_piece_of_evidence(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, who, people = known
    person = int(np.bincount(who).argmax())
    found = asked(gallery, seen(people[person][None], np.random.default_rng(1))[0])
    assert found.num_likely_pieces < found.num_likely
    assert found.matches[0].piece == 1
    fewer = found.showing(found.matches[1:4])
    assert [match.rank for match in fewer] == [1, 2, 3]
    assert fewer.matches[0].piece == 1


def test_an_example_is_not_judged_by_its_likeness_to_itself(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, _ = known
    query = gallery.sample_embeddings(1).embeddings[0]
    found = asked(gallery, query, 3, frozenset({1}))
    assert found.matches[0].false_match_rate is None
    assert found.matches[0].standing is None
    assert found.matches[1].false_match_rate is not None
    assert found.standing == found.matches[1].standing
    alone = asked(gallery, query, 1, frozenset({1}))
    assert alone.standing is None


@pytest.mark.parametrize("num_frames", [0, 1, (MIN_PEOPLE - 1) // PER_FRAME])
def test_little_is_not_enough(tmp_path: Path, num_frames: int) -> None:
    gallery, _, people = filled(tmp_path / "g", num_frames)
    calibration = Calibrator(gallery)("sighting")
    assert calibration.strangers is None
    assert calibration.summary.startswith("not known")
    assert calibration.rates(people[0], [0.9], [FOLDER]) is None
    found = asked(gallery, people[0].astype(np.float32))
    assert found.num_likely == 0
    assert not found.calibrated
    assert all(match.false_match_rate is None for match in found)


def test_where_strangers_are_unknown_the_hits_tell_and_nothing_is_likely(tmp_path: Path) -> None:
    """One person a picture: nobody was ever seen beside anybody."""
    people = crowd(200)
    gallery = Gallery.create(tmp_path / "g", "crowd", "crowd-1", DIM)
    with gallery.writer() as writer:
        for index, person in enumerate(seen(people, np.random.default_rng(0))):
            item = MediaItem(f"/{index}.jpg", "photo", f"{index:05d}")
            writer.begin(item)
            writer.add(item, Frame(BLANK, item.source), Detections(BOXES[:1], np.ones(1), person[None]))
            writer.finish(item)
    calibration, rng = Calibrator(gallery)("sighting"), np.random.default_rng(5)
    answers = [asked(gallery, seen(people[i][None], rng)[0], calibration=calibration) for i in range(20)]
    assert all(answer.standing == "possible" for answer in answers)
    first = [answer.matches[0].others_expected for answer in answers]
    assert np.median([number for number in first if number is not None]) < 0.5


def test_no_rate_is_claimed_below_what_the_pairs_can_tell(tmp_path: Path) -> None:
    gallery, _, people = filled(tmp_path / "g", 40)
    calibration = Calibrator(gallery)("sighting")
    rates = calibration.rates(people[0], [1.0], [FOLDER])
    assert rates is not None
    assert rates.rate[0] >= 1 / (REACH * calibration.num_pairs)
    few, many = (calibration.expected(people[0], [0.5], n) for n in (100.0, 100_000.0))
    assert few is not None
    assert many is not None
    np.testing.assert_allclose(many, 1000 * few)


def test_it_is_kept_without_anybodys_embedding_or_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, _, people = filled(tmp_path / "g", 60)
    first = Calibrator(gallery)("sighting")
    path = calibration_path(gallery.path, "sighting")
    text = path.read_text()
    assert not any(word in text for word in ("embedding", "cohort", "/0.jpg", ".jpg"))

    def refuse(*_: object) -> Calibration:
        raise AssertionError("it was calibrated again")

    monkeypatch.setattr("sceneseek.gallery.trust.calibration_file.calibrate", refuse)
    again = Calibrator(Gallery.open(gallery.path))("sighting")
    known, kept = (c.rates(people[0], [0.2, 0.5, 0.9], [FOLDER, FOLDER, "another"]) for c in (first, again))
    assert known is not None
    assert kept is not None
    np.testing.assert_allclose(np.array(kept, np.float64), np.array(known, np.float64))
    path.write_text(json.dumps({**json.loads(text), "fingerprint": "another model"}))
    with pytest.raises(AssertionError, match="again"):
        Calibrator(Gallery.open(gallery.path))("sighting")
    path.write_text(text[: len(text) // 2])
    with pytest.raises(AssertionError, match="again"):
        Calibrator(Gallery.open(gallery.path))("sighting")
    path.write_text(text.replace('"tail"', '"head"'))
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
    assert after.num_pairs > before.num_pairs + 100
    assert after.num_groups == before.num_groups + 1


def test_a_folder_that_cannot_be_written_to_is_calibrated_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, _, _ = filled(tmp_path / "g", 60)

    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("sceneseek.gallery.trust.calibration_file.write_whole", full)
    assert Calibrator(gallery)("sighting").strangers is not None
    assert not calibration_path(gallery.path, "sighting").exists()


def test_the_same_gallery_gives_the_same_calibration(known: tuple[Gallery, np.ndarray, np.ndarray]) -> None:
    gallery, _, people = known
    sample = gallery.sample_embeddings(len(gallery))
    one, two = (calibrate(sample, Cohorts.of(sample), "detection") for _ in range(2))
    first, second = (c.rates(people[3], [0.4, 0.7], [FOLDER] * 2) for c in (one, two))
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(np.array(first), np.array(second))


def test_a_crowd_that_was_photographed_often_counts_once(tmp_path: Path) -> None:
    """Eight pictures of the same people standing still are the evidence of one."""
    people = crowd(24)
    rng = np.random.default_rng(0)
    boxes = np.array([[8 * i, 5, 8 * i + 6, 55] for i in range(24)], np.float32)

    def pictures(count: int) -> Gallery:
        gallery = Gallery.create(tmp_path / str(count), "crowd", "crowd-1", DIM)
        with gallery.writer() as writer:
            for index in range(count):
                item = MediaItem(f"/{index}.jpg", "photo", f"{index:05d}")
                writer.begin(item)
                noise = rng.normal(size=people.shape) * 0.01
                found = Detections(boxes, np.ones(24), normalise(people + noise).astype(np.float32))
                writer.add(item, Frame(BLANK, item.source), found)
                writer.finish(item)
        return gallery

    once, often = (Calibrator(pictures(count))("sighting") for count in (1, 8))
    assert once.num_pairs == 24 * 23 / 2
    assert 0.7 * once.num_pairs <= often.num_pairs <= once.num_pairs, "two who are taken for one are weaker evidence"


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
    rates = calibration.rates(people[0], [0.9], [FOLDER])
    assert rates is None or 0 < rates.rate[0] <= 1
    assert len(gallery.search(people[0], 3)) == 3


def test_what_other_small_folders_showed_is_no_evidence_of_this_one(tmp_path: Path) -> None:
    """Small folders share a scale; strangers seen together in one of them say nothing certain about the next."""
    gallery, rng = Gallery.create(tmp_path / "g", "crowd", "crowd-1", DIM), np.random.default_rng(0)
    people = crowd(200)
    with gallery.writer(commit_frames=10_000, commit_seconds=600) as writer:

        def photograph(source: str, here: np.ndarray) -> None:
            item = MediaItem(source, "photo", source)
            writer.begin(item)
            boxes = BOXES[: len(here)]
            writer.add(item, Frame(BLANK, source), Detections(boxes, np.ones(len(here)), seen(people[here], rng)))
            writer.finish(item)

        for index in range(60):
            photograph(f"/street/{index}.jpg", rng.choice(200, PER_FRAME, replace=False))
        for index in range(10):
            photograph(f"/campus/{index}.jpg", rng.choice(200, PER_FRAME, replace=False))
        for index in range(5):
            photograph(f"/stairs/{index}.jpg", rng.choice(200, 2, replace=False))
        for index in range(20):
            photograph(f"/room/{index}.jpg", rng.choice(200, 1))
    calibration = Calibrator(gallery)("sighting")
    folders = [group_name(None, f"/{name}/0.jpg", None) for name in ("street", "campus", "stairs", "room", "unseen")]
    rates = calibration.rates(people[0].astype(np.float32), [0.6] * 5, folders)
    assert rates is not None
    assert rates.own.tolist() == [True, True, False, False, False]
    width = rates.high / rates.low
    assert (width[2:] > width[1]).all(), "a borrowed rate is as doubtful as cameras differ"
    assert calibration.num_groups == 3, "folders in which strangers were seen together, small ones too"
    kept = Calibrator(Gallery.open(gallery.path))("sighting").rates(people[0].astype(np.float32), [0.6] * 5, folders)
    np.testing.assert_allclose(np.array(kept, np.float64), np.array(rates, np.float64))
