"""Predictor and gallery together: look for people in media, remember them, find them again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from sceneseek.errors import GalleryModelError, ValueRefused
from sceneseek.finder.asking import (
    Box,
    QueryPerson,
    combined,
    locate_person,
    people_in,
    pinned,
    remembered,
    shown,
    without_own_pictures,
)
from sceneseek.finder.indexing import IndexSummary, index_media
from sceneseek.finder.reading import FramesOf, Stop, never
from sceneseek.finder.second_look import CANDIDATES, look_again, second_look
from sceneseek.gallery import HITS, By, Calibration, Calibrator, Filters, FrameKey, Gallery, judged
from sceneseek.structures import (
    FloatArray,
    ImageArray,
    Match,
    MediaItem,
    MediaProblem,
    PersonModel,
    Progress,
    Ranking,
    silent,
)


class Finder:
    """Index media into a gallery and find people in it.

    Args:
        model: Finds people in pictures and embeds them.
        gallery: Where people are remembered.
        group_frames: Pictures handed to the model at a time, at most.
        commit_frames: Pictures between two writes, at most: what a killed run can lose.

    Raises:
        GalleryModelError: The gallery was made by another model.
    """

    def __init__(self, model: PersonModel, gallery: Gallery, group_frames: int = 8, commit_frames: int = 64) -> None:
        if model.fingerprint != gallery.manifest.fingerprint:
            raise GalleryModelError(
                f"{gallery.path} was made by model {gallery.manifest.model!r}, not by {model.name!r}; their embeddings "
                f"cannot be compared. Use --model {gallery.manifest.model}, or another --gallery folder."
            )
        if group_frames < 1:
            raise ValueRefused(f"group_frames is {group_frames}; expected at least 1.")
        self.model = model
        self.gallery = gallery
        self.group_frames = group_frames
        self.commit_frames = commit_frames
        self._calibrator = Calibrator(gallery)

    def index(
        self,
        items: Iterable[MediaItem | MediaProblem],
        frames_of: FramesOf,
        *,
        every_s: float | None = None,
        progress: Progress = silent,
        stop: Stop = never,
    ) -> IndexSummary:
        """Look for people in media and remember them.

        Known files are passed over, an interrupted file continues at its first frame that was not written, a changed
        file replaces what was found in it before. A file that cannot be used is reported and never stops the others.
        Reading, looking and writing overlap; see ``finder.indexing``. The people of a video are linked into tracklets,
        flagged where there is something against trusting them, and cut out as small pictures.

        Args:
            items: Photographs, videos and live sources; problems met while looking for them are passed on to the
                summary.
            frames_of: Opens one of them.
            every_s: The sampling that ``frames_of`` applies to video, remembered so that another one starts over:
                seconds between frames, or what stands for another rule, such as ``SceneChange.every_s``.
            progress: Told after each picture: pictures done, pictures in all, and where it is. Files are counted in
                their place where a video does not say how long it is.
            stop: Asked between pictures; once it says so, what was read is written down and the run ends.

        Returns:
            What was done, and all problems.

        Raises:
            GalleryError: Another process is writing into the gallery.
        """
        with self.gallery.writer(self.commit_frames) as writer:
            return index_media(
                self.model,
                self.gallery,
                writer,
                items,
                frames_of,
                every_s=every_s,
                group_frames=self.group_frames,
                progress=progress,
                stop=stop,
            )

    def people(self, image: ImageArray) -> list[QueryPerson]:
        """Find everybody in a query picture, so that one of them can be chosen.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.

        Returns:
            The surest person first; empty when nobody was found.
        """
        return people_in(self.model, image)

    def locate(self, image: ImageArray, box: Box | None = None, *, company: bool = True) -> QueryPerson:
        """Find out who is asked for in a query picture.

        Args:
            image: ``(H, W, 3)`` uint8 RGB.
            box: ``xyxy`` in pixels; parts outside the picture are cut off. Without one: the most confident person.
            company: Whether to look for the others in the picture as well, whom context matching asks for.

        Raises:
            ValueRefused: No box was given and nobody was found.
            BoxError: The box is not one, or lies outside the picture.
        """
        return locate_person(self.model, image, box, company=company)

    def find(
        self,
        queries: Sequence[tuple[ImageArray, Box | None]],
        *,
        top: int = 20,
        cameras: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        since: float | None = None,
        until: float | None = None,
        min_score: float | None = None,
        exclude: Sequence[FrameKey] = (),
    ) -> Ranking:
        """Find a person shown in one or several query pictures.

        Args:
            queries: Pictures ``(H, W, 3)`` uint8 RGB of one person, each with a box or ``None`` for the most confident
                person in it.
            top: How many matches at most.
            cameras: Only these cameras.
            sources: Only these files, or files below these folders.
            since: Only video frames from this second on.
            until: Only video frames up to this second.
            min_score: Only people of whom the detector was at least this sure.
            exclude: Frames to leave out, such as the query's own.

        Returns:
            Matches, best first.

        Raises:
            ValueRefused: No query was given, or nobody was found in one.
        """
        filters = Filters(
            cameras=None if cameras is None else tuple(cameras),
            sources=None if sources is None else tuple(sources),
            since_s=since,
            until_s=until,
            min_score=min_score,
            exclude=tuple(exclude),
        )
        people = [self.locate(image, box, company=False) for image, box in queries]
        return self.find_people(people, top=top, filters=filters)

    def person(self, detection_id: str) -> QueryPerson:
        """Somebody whom the gallery holds, as an example or a counter-example.

        Raises:
            NotInGalleryError: There is nobody of that name.
        """
        return remembered(self.gallery, detection_id)

    def calibration(self, by: By = "sighting") -> Calibration:
        """How far to trust similarities in this gallery, as it is now."""
        return self._calibrator(by)

    def find_people(
        self,
        people: Sequence[QueryPerson],
        *,
        top: int = 20,
        filters: Filters | None = None,
        against: Sequence[QueryPerson] = (),
        by: By = "sighting",
        rerank: str | None = None,
        own_pictures: bool = False,
    ) -> Ranking:
        """Find one person of whom one or several views were located before.

        Several views are combined as the mean of their unit embeddings, scaled to length one again: the ranking is then
        by the mean similarity to the views. Counter-examples turn the question away from those who were mistaken for
        the person, see ``asking.combined``; they themselves are left out of the answer.

        The pictures that the views come from are no matches, see ``asking.without_own_pictures``, and neither is the
        rest of a view's sighting; ``pinned`` tells of those views that are people of the gallery.

        Every match says how far to trust it, see ``gallery.trust``; one that is itself an example does not.

        Args:
            people: Views of the person: from query pictures, and matches that were marked as right.
            top: How many matches at most.
            filters: Whom to compare; everybody when not given.
            against: Matches that were marked as wrong.
            by: ``"sighting"`` ranks each person followed through a video once, by their best frame; ``"detection"``
                ranks every frame for itself.
            rerank: A second look at the best candidates: ``"cbgm"``, ``"k_reciprocal"``, with parameters behind a
                colon; matches are then ordered by ``Match.revised``.
            own_pictures: Also matches in the pictures that the views come from.

        Raises:
            ValueRefused: No view was given, the views point in opposite directions, or a setting is unknown.
        """
        method = second_look(rerank) if rerank is not None else None
        vector = combined(people, against)
        filters = filters if own_pictures else without_own_pictures(filters, people)
        # Frame by frame a sighting has no match of its own that could be left out: its other frames are asked for then.
        known = [*against, *(people if by == "sighting" and not own_pictures else ())]
        found = self.gallery.search(vector, max(top, HITS) + len(known), filters, by=by)
        hits = [match for match in found if not shown(match, known)]
        looked = hits
        if method is not None:
            looked = look_again(method, self.gallery, people, vector, hits[: max(top, CANDIDATES)])
        matches = [replace(match, rank=rank) for rank, match in enumerate(looked[:top], start=1)]
        calibration = self.calibration(by)
        facts = {"examples": str(len(people)), "counter-examples": str(len(against)), "re-ranking": str(method or "")}
        facts = {
            name: value for name, value in facts.items() if value not in ("", "0", "1" if name == "examples" else "")
        }
        ranking = replace(
            found,
            matches=tuple(matches),
            method={**found.method, **facts, "false-match rates": calibration.summary},
        )
        examples = frozenset(match.rank for match in matches if shown(match, people))
        return judged(
            calibration, vector, ranking, hits[: max(top, HITS)], self._embeddings, filters=filters, examples=examples
        )

    def _embeddings(self, detection_ids: Sequence[str]) -> FloatArray:
        people = self.gallery.people(detection_ids)
        return np.stack([person.embedding for person in people]) if people else np.zeros((0, 0), np.float32)

    def pinned(self, people: Sequence[QueryPerson], against: Sequence[QueryPerson] = ()) -> list[Match]:
        """The views of a question that are people of the gallery, apart from its matches; see ``asking.pinned``."""
        return pinned(self.gallery, people, combined(people, against))
