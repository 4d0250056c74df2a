"""Forgetting: the bytes are gone from the raw files, everybody else stays, and nothing brings it back unasked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from fake_predictor import contents
from populated_gallery import MORNING, SCENE, add_photo, add_video, embedding, jpeg, photo, populate, video
from sceneseek.errors import NotInGalleryError, ValueRefused
from sceneseek.gallery import AuditLog, Filters, Gallery, KeepOut, forget, plan_forgetting, similar_people
from sceneseek.gallery.traces import Trace, search_files
from sceneseek.structures import Detections, Frame, MediaItem

WHO = "anna@desk"


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return populate(tmp_path / "gallery")


def traces(*people: tuple[int, int]) -> list[Trace]:
    """Vector and thumbnail of persons in one of their views."""
    found = [Trace(f"{i} {view}", "vector", embedding(i, view).tobytes()) for i, view in people]
    return found + [Trace(f"{i} {view}", "thumbnail", jpeg(i, view)) for i, view in people]


def ids(gallery: Gallery) -> set[object]:
    return {row["id"] for row in contents(gallery)}


def test_a_photograph_is_gone_from_the_raw_files_and_nobody_else_is(gallery: Gallery) -> None:
    mine, others = traces((7, 7), (8, 7)), traces((7, 6), (8, 8), (30, 30))
    assert search_files(gallery.path, mine).num_found == 4, "the search sees them before"
    before = ids(gallery)
    plan = plan_forgetting(gallery, media=["/media/7.jpg"])
    assert (plan.num_people, plan.num_frames, plan.num_thumbnails, plan.people) == (2, 1, 2, ())
    result = forget(gallery, plan, actor=WHO, with_proof=True)
    assert search_files(gallery.path, mine).num_found == 0
    assert search_files(gallery.path, others).num_found == 6
    assert ids(gallery) == before - {"photo007:0:0", "photo007:0:1"}
    assert "photo007" not in {record.key for record in gallery.media()}
    assert result.proof is not None
    assert result.proof.proven
    assert (result.proof.num_traces, result.proof.num_seen_before, result.proof.still_there) == (4, 4, ())
    assert result.proof.after.num_bytes == sum(p.stat().st_size for p in gallery.path.rglob("*") if p.is_file()) - (
        len(AuditLog(gallery.path).path.read_bytes().splitlines(keepends=True)[-1])
    )


def test_every_file_of_the_gallery_is_searched_the_log_and_the_journals_too(gallery: Gallery) -> None:
    (gallery.path / "journal.json.bak").write_bytes(embedding(7, 7).tobytes())
    result = forget(gallery, plan_forgetting(gallery, media=["photo007"]), actor=WHO, with_proof=True)
    assert result.proof is not None
    assert not result.proof.proven
    assert result.proof.still_there == (("photo007:0:0", ("journal.json.bak",)),)


def test_a_dry_run_changes_nothing(gallery: Gallery) -> None:
    before = {p: p.read_bytes() for p in gallery.path.rglob("*") if p.is_file()}
    plan = plan_forgetting(gallery, media=["photo007"], filters=Filters(cameras=("yard",)), tracklets=["video000:t1"])
    assert not plan.nothing
    assert {p: p.read_bytes() for p in gallery.path.rglob("*") if p.is_file()} == before


def test_a_person_goes_with_the_whole_sighting_and_the_video_stays(gallery: Gallery) -> None:
    name = gallery.tracklet("video000:t1")[2].detection_id
    views = [(101, index) for index in range(0, 12, 2)]
    assert search_files(gallery.path, traces(*views)).num_found == 12
    plan = plan_forgetting(gallery, detections=[name])
    assert (plan.num_people, plan.media, plan.files_of_people) == (6, (), ("video000",))
    result = forget(gallery, plan, actor=WHO, with_proof=True)
    assert search_files(gallery.path, traces(*views)).num_found == 0
    assert result.proof is not None
    assert result.proof.proven
    assert result.proof.num_traces == 13, "and the mean vector of the tracklet"
    with pytest.raises(NotInGalleryError):
        gallery.tracklet("video000:t1")
    assert len(gallery.tracklet("video000:t0")) == 12
    assert [len(frame.people) for frame in gallery.frames_around("video000", 0, 0, 3)] == [2, 1, 1, 2]
    (record,) = (r for r in gallery.media() if r.key == "video000")
    assert (record.num_people, record.next_frame) == (16, 12)


def test_single_frames_can_go_without_the_rest_of_the_sighting(gallery: Gallery) -> None:
    name = gallery.tracklet("video000:t1")[2].detection_id
    plan = plan_forgetting(gallery, detections=[name], whole_sightings=False)
    assert plan.people == (name,)
    mean = gallery.tracklets(["video000"])[1].embedding
    forget(gallery, plan, actor=WHO)
    (kept,) = (t for t in gallery.tracklets(["video000"]) if t.tracklet_id == "video000:t1")
    assert kept.num_detections == 5
    assert search_files(gallery.path, [Trace("mean", "vector", mean.tobytes())]).num_found == 0


def test_everybody_similar_is_listed_first_and_then_goes(gallery: Gallery) -> None:
    alike = similar_people(gallery, ["photo007:0:0"], 0.8)
    assert [m.detection_id for m in alike] == ["photo007:0:0", "photo006:0:1"]
    assert alike[0].similarity == pytest.approx(1)
    assert len(similar_people(gallery, ["photo007:0:0"], -1)) == len(gallery)
    plan = plan_forgetting(gallery, detections=[m.detection_id for m in alike])
    forget(gallery, plan, actor=WHO)
    assert search_files(gallery.path, traces((7, 7), (7, 6))).num_found == 0
    assert search_files(gallery.path, traces((8, 7), (6, 6))).num_found == 4
    with pytest.raises(ValueRefused, match="cosine"):
        similar_people(gallery, ["photo008:0:0"], 80)


def test_a_time_span_takes_whole_photographs_and_parts_of_a_video(gallery: Gallery) -> None:
    span = Filters(after=MORNING, before=MORNING + timedelta(seconds=2))
    plan = plan_forgetting(gallery, filters=span)
    assert [record.key for record in plan.media] == ["photo000"]
    assert plan.files_of_people == ("video000",)
    plan = plan_forgetting(gallery, filters=span, whole_sightings=False)
    assert {name.split(":")[1] for name in plan.people} == {"0", "1", "2", "3", "4"}
    forget(gallery, plan, actor=WHO)
    assert gallery.search(embedding(100), filters=span).searched == 0
    days = plan_forgetting(gallery, filters=Filters(after=MORNING + timedelta(days=10)))
    assert [record.key for record in days.media] == [f"photo{i:03d}" for i in range(10, 40)]


def test_a_camera_or_a_folder(gallery: Gallery) -> None:
    plan = plan_forgetting(gallery, filters=Filters(cameras=("hall",)))
    assert ([record.key for record in plan.media], plan.people) == (["video000"], ())
    everything = plan_forgetting(gallery, media=["/media"])
    assert len(everything.media) == 41
    with gallery.writer() as writer:
        writer.recognise(photo(3, "yard", "/elsewhere"))
    assert [r.key for r in plan_forgetting(gallery, media=["/elsewhere"]).media] == ["photo003"]
    assert [r.key for r in plan_forgetting(gallery, filters=Filters(sources=("/elsewhere",))).media] == ["photo003"]
    with pytest.raises(NotInGalleryError, match="/nowhere"):
        plan_forgetting(gallery, media=["/nowhere"])
    with pytest.raises(ValueRefused, match="everybody"):
        plan_forgetting(gallery, filters=Filters())


def test_what_was_forgotten_stays_away_unless_it_may_return(gallery: Gallery) -> None:
    forget(gallery, plan_forgetting(gallery, media=["photo007"]), actor=WHO)
    forget(gallery, plan_forgetting(gallery, media=["photo008"]), actor=WHO, may_return=True)
    with gallery.writer() as writer:
        plan = writer.plan(photo(7))
        assert plan.start_frame is None
        assert "not to come back" in plan.problem
        assert writer.recognise(photo(7)) == plan.problem
        assert writer.plan(photo(8)).start_frame == 0
    with gallery.writer() as writer:
        KeepOut.read(gallery.path).without(["photo007"]).write(gallery.path)
    with gallery.writer() as writer:
        assert writer.plan(photo(7)).start_frame == 0
        add_photo(writer, photo(7), [7, 8])
    assert search_files(gallery.path, traces((7, 7))).num_found == 2


def test_a_video_without_somebody_is_not_read_again_from_its_start(gallery: Gallery) -> None:
    forget(gallery, plan_forgetting(gallery, tracklets=["video000:t1"]), actor=WHO)
    with gallery.writer() as writer:
        assert writer.plan(video(0), 0.5).problem == "", "as it is, it is known and complete"
        plan = writer.plan(video(0), 0.1)
        assert plan.start_frame is None
        assert "people in it were forgotten" in plan.problem


def test_a_video_without_somebody_whose_record_is_gone_is_not_read_again_either(gallery: Gallery) -> None:
    forget(gallery, plan_forgetting(gallery, tracklets=["video000:t1"]), actor=WHO)
    with gallery.writer() as writer:
        add_video(writer, replace(video(1), source=video(0).source))  # its name now belongs to another video
    assert "video000" not in {record.key for record in gallery.media()}
    with gallery.writer() as writer:
        plan = writer.plan(replace(video(0), source="/media/renamed.mp4"), 0.5)
    assert plan.start_frame is None
    assert "people in it were forgotten" in plan.problem


def test_a_file_that_may_return_does_so_without_those_who_were_forgotten_before(gallery: Gallery) -> None:
    forget(gallery, plan_forgetting(gallery, detections=["photo007:0:0"]), actor=WHO)
    forget(gallery, plan_forgetting(gallery, media=["photo007"]), actor=WHO, may_return=True)
    with gallery.writer() as writer:
        assert writer.plan(photo(7)).start_frame is None
    KeepOut.read(gallery.path).without(["photo007"]).write(gallery.path)
    with gallery.writer() as writer:
        assert writer.plan(photo(7)).start_frame == 0


def test_the_log_says_who_and_how_many_and_keeps_no_picture(gallery: Gallery) -> None:
    forget(gallery, plan_forgetting(gallery, media=["photo007"]), actor=WHO, reason="asked for by letter")
    first, second = AuditLog(gallery.path).entries()
    assert (first.actor, first.action, first.details["reason"]) == (WHO, "forget", "asked for by letter")
    assert (first.details["people"], first.details["files"]) == (2, ["photo007"])
    assert second.action == "forgotten"
    assert first.details["digest"] == second.details["digest"]


def test_an_open_gallery_answers_without_those_who_were_forgotten(gallery: Gallery) -> None:
    reader = Gallery.open(gallery.path)
    assert reader.search(embedding(7, 7), top=1).matches[0].detection_id == "photo007:0:0"
    forget(gallery, plan_forgetting(gallery, media=["photo007"]), actor=WHO)
    assert reader.search(embedding(7, 7), top=1).matches[0].detection_id == "photo006:0:1"
    assert reader.thumbnail("photo007:0:0") is None
    with pytest.raises(NotInGalleryError, match="forgotten"):
        reader.person("photo007:0:0")


def test_a_copy_that_stays_is_told_apart_from_a_trace_that_was_missed(gallery: Gallery) -> None:
    with gallery.writer() as writer:
        for key in ("one", "two"):
            item = MediaItem(f"/m/{key}.jpg", "photo", key)
            writer.begin(item)
            people = Detections([[0, 0, 9, 9]], [0.9], embedding(7, 500)[None])
            writer.add(item, Frame(SCENE, item.source), people, thumbnails=[jpeg(7, 500)])
            writer.finish(item)
    proof = forget(gallery, plan_forgetting(gallery, media=["one"]), actor=WHO, with_proof=True).proof
    assert proof is not None
    assert (proof.proven, proof.num_shared, proof.still_there) == (True, 2, ())


def test_forgetting_everything_leaves_an_empty_gallery_that_can_be_filled_again(gallery: Gallery) -> None:
    forget(gallery, plan_forgetting(gallery, media=["/media"]), actor=WHO)
    assert len(gallery) == 0
    assert search_files(gallery.path, traces(*[(i, i) for i in range(40)])).num_found == 0
    with gallery.writer() as writer:
        add_video(writer, video(5))
    assert len(gallery.search(embedding(100, 0))) == 3


def test_those_gone_before_a_plan_is_carried_out_are_no_error(gallery: Gallery) -> None:
    first = plan_forgetting(gallery, detections=["photo007:0:0"])
    second = plan_forgetting(gallery, media=["photo007"])
    forget(gallery, second, actor=WHO)
    forget(gallery, first, actor=WHO)
    assert np.all([not str(name).startswith("photo007") for name in ids(gallery)])
