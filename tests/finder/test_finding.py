"""Finding with examples from the gallery, counter-examples, sightings and second looks, and how far to trust it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fake_predictor import BLUE, GREEN, ORANGE, PURPLE, RED, YELLOW, ColourPredictor, person, save_scene, scene
from fake_predictor import media_item as photo
from sceneseek.errors import NotInGalleryError, ValueRefused
from sceneseek.finder import Finder
from sceneseek.finder.asking import people_in
from sceneseek.finder.second_look import second_look
from sceneseek.gallery import Gallery, StoredPerson
from sceneseek.structures import Frame, ImageArray, MediaItem

PINK = (220, 60, 90)
ASKED = people_in(ColourPredictor(), scene(person(RED)))


def finder_of(folder: Path) -> Finder:
    model = ColourPredictor()
    return Finder(model, Gallery.open_or_create(folder / "g", model.name, model.fingerprint, model.embedding_dim))


def with_photos(folder: Path, *people: tuple[tuple[int, int, int], ...]) -> Finder:
    """One photograph per tuple of colours."""
    finder = finder_of(folder)
    items = []
    for number, colours in enumerate(people):
        path = save_scene(folder / f"{number}.png", *(person(c, place) for place, c in enumerate(colours)))
        items.append(photo(path))
    finder.index(items, lambda item: iter([Frame(read(item), item.source)]))
    return finder


def read(item: MediaItem) -> ImageArray:
    from sceneseek.pictures import read_picture

    return read_picture(item.source)


def names(finder: Finder, colour: tuple[int, int, int], **options: object) -> list[str]:
    query = finder.people(scene(person(colour)))
    return [Path(m.source).name for m in finder.find_people(query, **options)]  # type: ignore[arg-type]


def test_somebody_of_the_gallery_can_be_asked_for(tmp_path: Path) -> None:
    finder = with_photos(tmp_path, (RED, BLUE), (GREEN,), (RED,))
    first = finder.find_people(finder.people(scene(person(RED))), top=1).matches[0]
    example = finder.person(first.detection_id)
    assert example.detection_id == first.detection_id
    assert example.company is not None or Path(first.source).name == "2.png"
    own = Path(first.source).name
    assert [Path(m.source).name for m in finder.find_people([example], top=1)] == [
        {"0.png": "2.png", "2.png": "0.png"}[own]
    ]
    found = finder.find_people([example], top=2, own_pictures=True)
    assert {Path(m.source).name for m in found} == {"0.png", "2.png"}
    (pinned,) = finder.pinned([example])
    assert (Path(pinned.source).name, round(pinned.similarity, 5)) == (own, 1)
    assert finder.pinned(finder.people(scene(person(RED)))) == []
    with pytest.raises(NotInGalleryError, match="nobody:0:0"):
        finder.person("nobody:0:0")


def test_company_of_somebody_of_the_gallery_is_the_rest_of_the_frame(tmp_path: Path) -> None:
    finder = with_photos(tmp_path, (RED, BLUE, GREEN))
    people = {p.box: p for p in finder.gallery.frame(finder.gallery.media()[0].key).people}
    chosen = next(iter(people.values()))
    company = finder.person(chosen.detection_id).company
    assert company is not None
    others = np.stack([p.embedding for p in people.values() if p is not chosen])
    np.testing.assert_allclose(np.sort(company, axis=0), np.sort(others, axis=0))


def test_counter_examples_are_left_out_and_turned_away_from(tmp_path: Path) -> None:
    finder = with_photos(tmp_path, (RED,), (PINK,), (ORANGE,))
    query = finder.people(scene(person(RED)))
    before = finder.find_people(query, top=3)
    assert [Path(m.source).name for m in before] == ["0.png", "1.png", "2.png"]
    wrong = finder.person(before.matches[1].detection_id)
    after = finder.find_people(query, top=3, against=[wrong])
    assert [Path(m.source).name for m in after] == ["0.png", "2.png"]
    assert [m.rank for m in after] == [1, 2]
    assert after.method["counter-examples"] == "1"


def video(finder: Finder) -> None:
    """RED walks through three frames, BLUE through two, beside each other in one."""
    item = MediaItem("/hall.mp4", "video", "hall", "hall")
    frames = [[(RED, 0, 0)], [(RED, 1, 0), (BLUE, 3, 1)], [(PINK, 2, 0), (BLUE, 4, 1)]]
    with finder.gallery.writer() as writer:
        writer.begin(item, 1.0)
        for index, people in enumerate(frames):
            image = scene(*(person(colour, place) for colour, place, _ in people))
            found = finder.model.detect([image])[0]
            order = np.argsort(np.argsort(found.boxes[:, 0]))
            tracklets = [people[i][2] for i in order]
            writer.add(item, Frame(image, item.source, index, float(index)), found, tracklet_ids=tracklets)
        writer.finish(item)


def test_a_sighting_counts_once_and_is_wrong_as_a_whole(tmp_path: Path) -> None:
    finder = finder_of(tmp_path)
    video(finder)
    query = finder.people(scene(person(RED)))
    sightings = finder.find_people(query)
    assert len(sightings) == 2
    assert len(finder.find_people(query, by="detection")) == 5
    first = sightings.matches[0].sighting
    assert first is not None
    assert (first.start_s, first.end_s, first.num_detections) == (0, 2, 3)
    # As an example it is no match either, whichever of its frames; frame by frame the others are asked for.
    for example in finder.gallery.tracklet(first.tracklet_id):
        asked = [finder.person(example.detection_id)]
        assert first.tracklet_id not in [m.sighting.tracklet_id for m in finder.find_people(asked) if m.sighting]
        frames = finder.find_people(asked, by="detection")
        assert example.detection_id not in [m.detection_id for m in frames]
        assert len(frames) == 5 - sum(p.frame_index == example.frame_index for p in everybody(finder))
    # Another frame of the sighting is marked as wrong: the whole sighting is.
    other = finder.gallery.tracklet(first.tracklet_id)[-1]
    left = finder.find_people(query, against=[finder.person(other.detection_id)])
    assert [m.sighting.tracklet_id for m in left if m.sighting] == [sightings.matches[1].sighting.tracklet_id]  # type: ignore[union-attr]


def everybody(finder: Finder) -> list[StoredPerson]:
    return [person for frame in finder.gallery.frames_around("hall", 0, 0, 9) for person in frame.people]


def test_company_vouches_for_a_person(tmp_path: Path) -> None:
    # ORANGE alone is nearer to the query's colour; PINK comes with BLUE, as the query does.
    query_colour = (230, 100, 50)
    finder = with_photos(tmp_path, (ORANGE,), (RED, BLUE), (GREEN,), (YELLOW,))
    asked = [finder.locate(scene(person(query_colour), person(BLUE, 3)), person(query_colour)[1])]
    plain = finder.find_people(asked, top=4)
    again = finder.find_people(asked, top=4, rerank="cbgm")
    assert plain.matches[0].revised is None
    assert Path(again.matches[0].source).name == "1.png"
    assert again.matches[0].revised == pytest.approx(1, abs=1e-3)
    assert again.method["re-ranking"] == "cbgm (k1 10, k2 3)"
    assert {m.detection_id for m in plain} == {m.detection_id for m in again}


def test_neighbours_are_asked(tmp_path: Path) -> None:
    finder = with_photos(tmp_path, (RED,), (RED, BLUE), (PINK,), (GREEN,), (PURPLE,), (YELLOW,))
    query = finder.people(scene(person(RED)))
    found = finder.find_people(query, top=3, rerank="k_reciprocal:k1=2,k2=1")
    revised = [m.revised for m in found]
    assert None not in revised
    assert revised == sorted(revised, reverse=True)  # type: ignore[type-var]
    assert {Path(m.source).name for m in found.matches[:2]} == {"0.png", "1.png"}
    assert all(m.similarity <= 1 for m in found)


def test_what_cannot_look_again_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueRefused, match="cbgm or k_reciprocal; found 'query_expansion'"):
        second_look("query_expansion")
    with pytest.raises(ValueRefused, match="no re-ranking 'magic'"):
        with_photos(tmp_path, (RED,)).find_people(ASKED, rerank="magic")


def test_a_second_look_at_nobody_is_nobody(tmp_path: Path) -> None:
    finder = finder_of(tmp_path)
    assert len(finder.find_people(ASKED, rerank="k_reciprocal")) == 0
    assert len(finder.find_people(ASKED, rerank="cbgm")) == 0


def test_a_small_gallery_says_that_rates_are_not_known(tmp_path: Path) -> None:
    found = with_photos(tmp_path, (RED, BLUE)).find_people(ASKED)
    assert (found.standing, found.num_likely, found.calibrated) == ("possible", 0, False)
    assert found.method["false-match rates"].startswith("not known: 1 pair of strangers on 1 camera or folder")
