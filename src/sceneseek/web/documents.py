"""What goes over the wire, in both directions: every request and every answer of the HTTP interface."""

from __future__ import annotations

import inspect
import re
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sceneseek.structures import Standing
from sceneseek.web.settings import Role

MAX_TOP = 500
MAX_EXAMPLES = 32
_MAX_CHOICES = 1000

DetectionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}:\d{1,12}:\d{1,6}$")]
"""The gallery's own name for one person in one frame."""

TrackletId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}:t\d{1,12}$")]
"""The gallery's own name for one person followed through a video."""

MediaKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
"""The content key of a file."""

QueryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
FrameIndex = Annotated[int, Field(ge=0, lt=1 << 40)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Box = tuple[Coordinate, Coordinate, Coordinate, Coordinate]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400, pattern=r"^[^\x00]*$")]
Sampling = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
"""Seconds between the frames taken of a video; 0 takes every frame."""

Text = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]
Reranking = Literal["cbgm", "k_reciprocal"]
RERANKING: tuple[Reranking, ...] = get_args(Reranking)
Flag = Literal["small", "blurred", "cut", "unsure"]
CameraName = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""What a camera is called."""

MediaOrder = Literal["source", "name", "camera", "taken", "added", "people", "pictures", "status"]
"""What files can be ordered by."""


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Let the OpenAPI document say of each field what the docstring says of it, or that of a class it comes from."""
    for kind in reversed([kind for kind in model.__mro__ if issubclass(kind, BaseModel) and kind.__doc__]):
        text, _, attributes = (inspect.getdoc(kind) or "").partition("Attributes:")
        schema["description"] = text.strip()
        for name, told in re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", attributes, re.DOTALL | re.MULTILINE):
            if name in schema["properties"]:
                schema["properties"][name]["description"] = (
                    re.sub(r"\s+", " ", told).strip().replace("``None``", "`null`").replace("``", "`")
                )


class Asked(BaseModel):
    """A request body: an unknown key is a mistake, and is refused."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_describe)


class Told(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_describe)


class ErrorText(Told):
    """What went wrong.

    Attributes:
        message: What was found and what to do.
        found: The value that was refused, where that helps.
        expected: What would have been accepted.
    """

    message: str
    found: str | None = None
    expected: str | None = None


class ErrorDocument(Told):
    """Every error has this shape."""

    error: ErrorText


class Health(Told):
    """The server is there.

    Attributes:
        status: ``"ok"``.
        version: The version of sceneseek.
        login: Whether callers need a token.
        decoders: How the processes are confined that decode strangers' files; for those who have a token.
    """

    status: Literal["ok"]
    version: str
    login: bool
    decoders: str = ""


class Login(Asked):
    """A token, exchanged for a session.

    Attributes:
        token: What ``sceneseek serve --make-token`` printed.
    """

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class CallerView(Told):
    """Who the server takes the caller for.

    Attributes:
        name: The token's name; ``"local"`` where no tokens are needed.
        role: What the caller may do.
        csrf: To be sent as ``X-CSRF-Token`` with every request of a session that changes something; ``None`` where
            there is no session.
    """

    name: str
    role: Role
    csrf: str | None = None


class CalibrationView(Told):
    """How the gallery's false-match rates come about.

    Attributes:
        available: Whether matches carry a false-match rate.
        summary: In words: from how many pairs of strangers it was estimated, and how.
        num_pairs: Pairs of strangers that were compared.
    """

    available: bool
    summary: str
    num_pairs: int = 0


class CameraView(Told):
    """One camera.

    Attributes:
        camera_id: Its name; empty for people seen by no named camera.
        num_people: People seen by it, counted once per frame.
        first: The earliest time on the wall, when known.
        last: The latest.
    """

    camera_id: str
    num_people: int
    first: datetime | None = None
    last: datetime | None = None


class GalleryView(Told):
    """What the gallery holds.

    Attributes:
        name: The folder's name.
        model: The model that made it.
        fingerprint: The digest of its weights and preprocessing.
        created: When it was made.
        num_people: People, counted once per frame that shows them.
        num_photos: Photographs.
        num_videos: Videos.
        num_streams: Live sources.
        num_frames: Photographs and video frames searched.
        num_unfinished: Files whose indexing was interrupted.
        num_damaged: Files that could not be read, or not to their end.
        bytes_on_disk: Size of the folder.
        cameras: All cameras, by name.
        first: The earliest time on the wall, when known.
        last: The latest.
        calibration: How false-match rates come about.
        media_roots: Names of the folders that may be indexed through this server.
        upload_files: Files that one upload may hold.
        upload_bytes: Bytes that one upload may hold.
        every_s: Seconds between the frames taken of a video where nothing else is asked for.
        reranking: Methods that ``SearchRequest.rerank`` takes.
        report_formats: Formats that ``/api/reports`` writes.
        reasons: Whether a search must say why it is made.
        caller: Who the server takes the caller for.
    """

    name: str
    model: str
    fingerprint: str
    created: str
    num_people: int
    num_photos: int
    num_videos: int
    num_streams: int
    num_frames: int
    num_unfinished: int
    num_damaged: int
    bytes_on_disk: int
    cameras: list[CameraView]
    first: datetime | None
    last: datetime | None
    calibration: CalibrationView
    media_roots: list[str]
    upload_files: int
    upload_bytes: int
    every_s: float
    reranking: list[str]
    report_formats: list[str]
    reasons: bool
    caller: CallerView


class MediumView(Told):
    """One file that was looked at.

    Attributes:
        media_key: Its content key.
        source: Its path, or its address.
        name: The last part of it.
        kind: ``"photo"``, ``"video"`` or ``"stream"``.
        camera_id: Which camera, when known.
        captured_at: When it was taken, or begins, when known.
        num_frames: Frames searched for people so far.
        num_people: People found so far.
        status: ``"indexing"`` (interrupted, or in work), ``"complete"`` or ``"damaged"``.
        problem: What went wrong, empty when nothing did.
        indexed_at: When it was last written.
    """

    media_key: str
    source: str
    name: str
    kind: str
    camera_id: str | None
    captured_at: datetime | None
    num_frames: int
    num_people: int
    status: Literal["indexing", "complete", "damaged"]
    problem: str
    indexed_at: str


class MediaPage(Told):
    """A page of the media list.

    Attributes:
        total: Files that match the question.
        page: 1 is the first.
        per_page: Files on a page.
        media: By source.
    """

    total: int
    page: int
    per_page: int
    media: list[MediumView]


class QueryPersonView(Told):
    """A person found in a query picture.

    Attributes:
        index: Its number, to be named in a search.
        box: ``x1, y1, x2, y2`` in pixels of the upright picture.
        score: The detector's confidence.
        flags: What speaks against a good answer.
    """

    index: int
    box: Box
    score: float
    flags: list[Flag]


class QueryView(Told):
    """A query picture that was taken in.

    Attributes:
        query_id: Its name from now on.
        width: Width of the upright picture in pixels.
        height: Its height.
        people: Whom the model found, the surest first.
        expires_s: Seconds until it is forgotten when nobody uses it.
    """

    query_id: str
    width: int
    height: int
    people: list[QueryPersonView]
    expires_s: float


class Example(Asked):
    """One view of the person sought, or of somebody who is not: from a query picture or from the gallery.

    Attributes:
        query_id: A query picture; with ``person`` or ``box``.
        person: The number of a person found in it.
        box: Where the person is, ``x1, y1, x2, y2`` in pixels of the upright picture.
        detection_id: A person of the gallery instead.
        media_key: A picture of the gallery instead, by the content key of its file; with ``frame_index`` and ``box``,
            for somebody in it whom the detector missed.
        frame_index: Which frame of it; 0 for a photograph.
    """

    query_id: QueryId | None = None
    person: Annotated[int, Field(ge=0, lt=100_000)] | None = None
    box: Box | None = None
    detection_id: DetectionId | None = None
    media_key: MediaKey | None = None
    frame_index: FrameIndex | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Example:
        if sum(name is not None for name in (self.query_id, self.detection_id, self.media_key)) != 1:
            raise ValueError("give one of query_id, detection_id and media_key")
        if self.detection_id is not None and self.box is not None:
            raise ValueError("box belongs to a query_id or a media_key")
        if self.query_id is None and self.person is not None:
            raise ValueError("person belongs to a query_id")
        if self.query_id is not None and (self.person is None) == (self.box is None):
            raise ValueError("with a query_id give either person or box")
        if (self.media_key is None) != (self.frame_index is None):
            raise ValueError("media_key and frame_index belong together")
        if self.media_key is not None and self.box is None:
            raise ValueError("with a media_key give a box")
        return self

    @property
    def picture(self) -> tuple[str, int] | None:
        """The picture of the gallery in which a box was drawn; ``None`` for any other example."""
        if self.media_key is None or self.frame_index is None:
            return None
        return self.media_key, self.frame_index


class SearchRequest(Asked):
    """Whom to look for, and where.

    Attributes:
        examples: Views of the person sought.
        counter_examples: People who were found before and are somebody else.
        top: Matches at most.
        by: ``"sighting"``: each tracklet once, by its best frame; ``"detection"``: every frame.
        rerank: How to look at the first matches again.
        cameras: Only these cameras; who was seen by no named camera passes only without this.
        sources: Only these files, as answers name them, or files in folders below a media root. Viewers cannot name
            places on the disk.
        media_keys: Only these files, by content key.
        after: Only pictures taken at this time or later.
        before: Only pictures taken before this time, or at it.
        since_s: Only video from this second on.
        until_s: Only video up to this second.
        min_score: Only people of whom the detector was at least this sure.
        exclude_flags: No people with one of these flags.
        own_pictures: Also matches in pictures that examples come from.
        reason: Why the search is made, for the audit log and reports; some servers require one.
    """

    examples: Annotated[list[Example], Field(min_length=1, max_length=MAX_EXAMPLES)]
    counter_examples: Annotated[list[Example], Field(max_length=MAX_EXAMPLES)] = []
    top: Annotated[int, Field(ge=1, le=MAX_TOP)] = 50
    by: Literal["sighting", "detection"] = "sighting"
    rerank: Reranking | None = None
    cameras: Annotated[list[Text], Field(max_length=_MAX_CHOICES)] | None = None
    sources: Annotated[list[Text], Field(max_length=_MAX_CHOICES)] | None = None
    media_keys: Annotated[list[MediaKey], Field(max_length=_MAX_CHOICES)] | None = None
    after: AwareDatetime | None = None
    before: AwareDatetime | None = None
    since_s: Seconds | None = None
    until_s: Seconds | None = None
    min_score: Score | None = None
    exclude_flags: Annotated[list[Flag], Field(max_length=4)] = []
    own_pictures: bool = False
    reason: Reason | None = None


class SightingView(Told):
    """How long a person was in view without a break.

    Attributes:
        tracklet_id: The gallery's own name for the tracklet.
        start_s: Its first frame, seconds from the start of the video.
        end_s: Its last frame.
        num_detections: In how many searched frames the person was found.
    """

    tracklet_id: str
    start_s: float
    end_s: float
    num_detections: int


class SeenView(Told):
    """A person of the gallery in one frame.

    Attributes:
        detection_id: The gallery's own name for this person in this frame.
        box: ``x1, y1, x2, y2`` in pixels of the scene.
        score: The detector's confidence that this is a person.
        flags: What speaks against trusting it.
        width: Width of the scene.
        height: Its height.
        source: The photograph or video.
        name: The last part of it.
        media_key: Its content key.
        kind: ``"photo"``, ``"video"`` or ``"stream"``.
        frame_index: 0 for a photograph.
        time_s: Seconds from the start of the video.
        captured_at: When the picture was taken by the clock on the wall.
        camera_id: Which camera, when known.
        crop: Where the person's picture is.
        scene: Where the whole picture is.
    """

    detection_id: str
    box: Box
    score: float
    flags: list[Flag]
    width: int
    height: int
    source: str
    name: str
    media_key: str
    kind: str
    frame_index: int
    time_s: float | None
    captured_at: datetime | None
    camera_id: str | None
    crop: str
    scene: str


class MatchWordsView(Told):
    """What is said of one match, in the same words wherever it is shown.

    Attributes:
        standing: "Likely", "Possible", "Not close" or "Example".
        rate: How often a stranger scores this high, as a sentence.
        short_rate: The same in few words.
        basis: Where the rate comes from, and within which limits it lies.
        others: How many others are expected to score this high, with the interval; empty where it is not known.
        evidence: Which other match it is one piece of evidence with; empty where there is none.
        steps: 0 to 5, one for every power of ten that strangers are rarer; ``None`` where it is not known.
    """

    standing: str
    rate: str
    short_rate: str
    basis: str
    others: str
    evidence: str
    steps: int | None


class AnswerWordsView(Told):
    """What is said of an answer as a whole.

    Attributes:
        headline: In a few words.
        detail: Why.
    """

    headline: str
    detail: str


class MatchView(SeenView):
    """One ranked person.

    Attributes:
        rank: 1 is best.
        similarity: Cosine, -1 to 1.
        standing: How far to trust it: likely, possible, or distant; ``None`` for an example that was asked with.
        false_match_rate: How often a stranger scores this high with this query on this camera, 0 to 1; ``None`` where
            it is not known.
        rate_interval: The ends of its 90 % interval.
        rate_borrowed: Whether too few people were seen together on this camera, so that the rate is that of others.
        others_expected: How many others are expected to score this high among all who were compared, judged by how full
            the gallery is around the query; ``None`` where it is not known.
        others_interval: The ends of its 90 % interval.
        piece: The rank of the first match that this one resembles more than it resembles the query: the two are one
            piece of evidence.
        words: All of this as people read it; the same in every report.
        revised: The similarity after re-ranking, by which matches are ordered then; no cosine.
        sighting: The tracklet whose best frame this is; ``None`` for a photograph, or where frames are ranked.
    """

    rank: int
    similarity: float
    standing: Standing | None
    false_match_rate: float | None
    rate_interval: tuple[float, float] | None
    rate_borrowed: bool
    others_expected: float | None
    others_interval: tuple[float, float] | None
    piece: int
    words: MatchWordsView
    revised: float | None
    sighting: SightingView | None


class SearchAnswer(Told):
    """Ranked matches, best first.

    Attributes:
        standing: What the answer is as a whole: that of its best match; ``None`` where there is no match to judge.
        words: The answer as people read it.
        num_likely: How many matches are likely.
        searched: How many people were compared.
        method: How it was searched, for display.
        filters: The restrictions that applied, for display.
        model: The model that made query and gallery.
        seconds: How long the search took in the server.
        matches: The matches.
        pinned: The examples that are people of the gallery, apart from the matches: they are no answer. Ranks count
            them alone.
    """

    standing: Standing | None
    words: AnswerWordsView
    num_likely: int
    searched: int
    method: dict[str, str]
    filters: dict[str, str]
    model: str
    seconds: float
    matches: list[MatchView]
    pinned: list[MatchView]


class PersonView(SeenView):
    """A person of the gallery.

    Attributes:
        tracklet_id: The tracklet it belongs to.
    """

    tracklet_id: str | None


class TrackletView(Told):
    """A sighting, frame by frame.

    Attributes:
        tracklet_id: The gallery's own name for it.
        total: In how many frames it shows the person.
        people: The person in each frame asked for, in order of time.
    """

    tracklet_id: str
    total: int
    people: list[PersonView]


class FrameView(Told):
    """A photograph or a moment of a video.

    Attributes:
        media_key: The content key of its file.
        frame_index: 0 for a photograph.
        source: The photograph or video.
        name: The last part of it.
        kind: ``"photo"``, ``"video"`` or ``"stream"``.
        time_s: Seconds from the start of the video.
        captured_at: When it was taken by the clock on the wall.
        camera_id: Which camera, when known.
        width: Width in pixels.
        height: Height in pixels.
        people: Who was found in it.
        picture: Where the picture is.
    """

    media_key: str
    frame_index: int
    source: str
    name: str
    kind: str
    time_s: float | None
    captured_at: datetime | None
    camera_id: str | None
    width: int
    height: int
    people: list[PersonView]
    picture: str


class FramesAround(Told):
    """Frames of one video in order of time, with the one that was asked for.

    Attributes:
        media_key: The content key of their file.
        frame_index: The one that was asked for.
        frames: Those before it, itself, and those after it.
    """

    media_key: str
    frame_index: int
    frames: list[FrameView]


class FrameMark(Told):
    """One searched picture of a file, in few words.

    Attributes:
        frame_index: 0 for a photograph.
        time_s: Seconds from the start of the video.
        num_people: How many people were found in it.
    """

    frame_index: int
    time_s: float | None
    num_people: int


class FramePage(Told):
    """A part of the searched pictures of a file, in order of time.

    Attributes:
        media_key: The content key of the file.
        total: How many pictures of it were searched.
        first: The place of the first one told here, counted from 0.
        place: The place of the frame that was asked for, or of the last searched one before it; that of the first one
            told where no frame was asked for.
        frames: The pictures.
    """

    media_key: str
    total: int
    first: int
    place: int
    frames: list[FrameMark]


class Stretch(Told):
    """A stretch of a file's searched pictures.

    Attributes:
        first: The place of its first picture, counted from 0.
        time_s: The time of that picture, seconds from the start of the video.
        num_people: The most people that any of its pictures shows.
    """

    first: int
    time_s: float | None
    num_people: int


class MediumOutline(Told):
    """A whole file in stretches of equal length: where people are.

    Attributes:
        media_key: The content key of the file.
        total: How many pictures of it were searched.
        start_s: Time of the first one, seconds from the start of the video.
        end_s: Time of the last one.
        stretches: In order of time.
    """

    media_key: str
    total: int
    start_s: float | None
    end_s: float | None
    stretches: list[Stretch]


class CameraRequest(Asked):
    """Which camera took some files: some that are named, or all of one camera.

    Attributes:
        name: What the camera is called from now on; empty for no camera.
        media_keys: These files, by content key.
        camera: All files of this camera instead; empty for those of no camera.
    """

    name: CameraName
    media_keys: Annotated[list[MediaKey], Field(min_length=1, max_length=_MAX_CHOICES)] | None = None
    camera: CameraName | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> CameraRequest:
        if (self.media_keys is None) == (self.camera is None):
            raise ValueError("give either media_keys or camera")
        return self


class CameraAnswer(Told):
    """What was given to a camera.

    Attributes:
        num_media: Files whose camera changed.
        num_people: People seen in them, counted once per frame.
    """

    num_media: int
    num_people: int


class IndexRequest(Asked):
    """What to index.

    Attributes:
        paths: Files and folders below the server's media roots: a root's name followed by the path below it, or a path
            that starts at the root of the disk.
        camera: The name of the camera that took all this.
        camera_from: Where the paths name the camera, such as ``{camera}/*`` for the folder that a file lies in; where
            they do not, ``camera`` counts.
        taken_at: When all this was taken, for those files that do not say so themselves.
        every_s: Seconds between the frames taken of a video; the server's own setting when not given.
    """

    paths: Annotated[list[Text], Field(min_length=1, max_length=_MAX_CHOICES)]
    camera: Annotated[CameraName, Field(min_length=1)] | None = None
    camera_from: Annotated[Text, Field(min_length=1)] | None = None
    taken_at: AwareDatetime | None = None
    every_s: Sampling | None = None


class UploadFacts(Asked):
    """What the sender knows of uploaded media that they do not say themselves; fields of the form.

    Attributes:
        camera: The name of the camera that took all this.
        camera_from: Where the names of files in folders and archives name the camera, see ``IndexRequest``.
        taken_at: When all this was taken, for those files that do not say so themselves.
        every_s: Seconds between the frames taken of a video; the server's own setting when not given.
    """

    camera: Annotated[CameraName, Field(min_length=1)] | None = None
    camera_from: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    taken_at: AwareDatetime | None = None
    every_s: Sampling | None = None


class JobCreated(Told):
    """A job that was taken on.

    Attributes:
        job_id: Its name.
    """

    job_id: str


class ProblemView(Told):
    """A file that could not be used, or of which something is doubtful.

    Attributes:
        source: The file.
        reason: What was found and what to do.
    """

    source: str
    reason: str


class JobView(Told):
    """An indexing job.

    Attributes:
        job_id: Its name.
        state: ``"waiting"``, ``"running"``, ``"stopping"``, ``"done"``, ``"stopped"`` or ``"failed"``.
        what: What is indexed, in words.
        owner: Who asked for it.
        created_at: When it was asked for.
        started_at: When it began.
        ended_at: When it ended.
        done: How many of ``unit`` are finished.
        total: How many there are, once they have been counted.
        unit: ``"pictures"`` (photographs and video frames), or ``"files"`` where a video does not say how long it is.
        frames: Pictures searched.
        people: People found and remembered.
        already: Files that were known and needed nothing.
        frames_per_second: Pictures searched a second, lately.
        seconds_left: How long it will take from now on, estimated.
        note: Where it is.
        error: Why it failed, empty when it did not.
        problems: The first files that could not be used.
        num_problems: How many there are.
        notes: The first files of which something is doubtful, such as the time, and what was left alone, counted.
        num_notes: How many there are.
    """

    job_id: str
    state: Literal["waiting", "running", "stopping", "done", "stopped", "failed"]
    what: str
    owner: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    done: int
    total: int | None
    unit: Literal["pictures", "files"]
    frames: int
    people: int
    already: int
    frames_per_second: float | None
    seconds_left: float | None
    note: str
    error: str
    problems: list[ProblemView]
    num_problems: int
    notes: list[ProblemView]
    num_notes: int


class JobList(Told):
    """Jobs, the newest first; the server remembers the last hundred.

    Attributes:
        jobs: The jobs.
    """

    jobs: list[JobView]


class UploadCreated(Told):
    """Media that were taken in, and the job that indexes them.

    Attributes:
        job_id: The job's name.
        files: What became of each file, in order.
    """

    job_id: str | None
    files: list[UploadedFile]


class UploadedFile(Told):
    """One uploaded file.

    Attributes:
        name: What the sender called it, without what no file name should hold.
        stored_as: Where it lies below the folder of uploads; ``None`` when it was refused.
        problem: Why it was refused.
    """

    name: str
    stored_as: str | None
    problem: str | None


class ReportRequest(Asked):
    """A report to write.

    Attributes:
        search: The question.
        format: ``"html"``, ``"pdf"`` or ``"csv"``.
        blur: Make all people but the match unrecognisable in its pictures.
        detection_ids: Only these matches, in the ranking's order; all when not given.
    """

    search: SearchRequest
    format: Literal["html", "pdf", "csv"]
    blur: bool = True
    detection_ids: Annotated[list[DetectionId], Field(max_length=MAX_TOP)] | None = None


class ForgetRequest(Asked):
    """What to forget: exactly one of the kinds, or a time span and cameras together.

    Attributes:
        detection_ids: People in single frames, not the rest of the sightings they belong to.
        tracklet_ids: Sightings.
        media_keys: Whole files.
        like: Everybody who looks like this person of the gallery, with the whole sightings.
        min_similarity: From this similarity on; belongs to ``like``.
        after: Everything taken at this time or later.
        before: Everything taken before this time, or at it.
        cameras: Everything taken by these cameras.
        reason: Why, for the audit log.
        may_return: Whether indexing the same files again may find the same people again.
        dry_run: Only say what would be forgotten.
    """

    detection_ids: Annotated[list[DetectionId], Field(min_length=1, max_length=_MAX_CHOICES)] | None = None
    tracklet_ids: Annotated[list[TrackletId], Field(min_length=1, max_length=_MAX_CHOICES)] | None = None
    media_keys: Annotated[list[MediaKey], Field(min_length=1, max_length=_MAX_CHOICES)] | None = None
    like: Example | None = None
    min_similarity: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    after: AwareDatetime | None = None
    before: AwareDatetime | None = None
    cameras: Annotated[list[Text], Field(min_length=1, max_length=_MAX_CHOICES)] | None = None
    reason: Annotated[str, StringConstraints(max_length=500)] = ""
    may_return: bool = False
    dry_run: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> ForgetRequest:
        kinds = [self.detection_ids, self.tracklet_ids, self.media_keys, self.like]
        span = any(value is not None for value in (self.after, self.before, self.cameras))
        if sum(kind is not None for kind in kinds) + span != 1:
            raise ValueError(
                "say one thing to forget: detection_ids, tracklet_ids, media_keys, like, or a time span and cameras"
            )
        if (self.like is None) != (self.min_similarity is None):
            raise ValueError("like and min_similarity belong together")
        if self.like is not None and self.like.detection_id is None:
            raise ValueError("like names somebody of the gallery, by detection_id")
        return self


class ForgetAnswer(Told):
    """What was forgotten, or would be.

    Attributes:
        dry_run: Whether nothing was changed.
        num_people: People, counted once per frame.
        num_media: Files of which nothing is left.
        num_sightings: Tracklets that are gone, or shorter.
        proven: Whether a search through the raw files found everything before and nothing afterwards; ``None``
            for a dry run.
        proof: What that search showed, in words; empty for a dry run.
        examples: Some of those concerned, to look at before agreeing; empty when it is done.
    """

    dry_run: bool
    num_people: int
    num_media: int
    num_sightings: int
    proven: bool | None
    proof: str
    examples: list[PersonView]


class AuditEntry(Told):
    """One line of the audit log.

    Attributes:
        number: 1 is the oldest.
        at: When.
        who: Who did it: a token's name, or the account on the machine.
        action: What was done.
        details: To whom or what.
    """

    number: int
    at: datetime
    who: str
    action: str
    details: dict[str, object]


class AuditPage(Told):
    """A page of the audit log, the newest first.

    Attributes:
        total: Entries in all.
        page: 1 is the first.
        per_page: Entries on a page.
        intact: Whether the chain of hashes shows that nothing was removed or changed.
        problem: What it shows otherwise.
        entries: The entries.
    """

    total: int
    page: int
    per_page: int
    intact: bool
    problem: str
    entries: list[AuditEntry]


UploadCreated.model_rebuild()
