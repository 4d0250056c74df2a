"""Forget: remove files, people or a time span with everything that was kept of them, down to the bytes on the disk.

It happens in steps, each of which can be repeated:

1. ``forgetting.json`` says what is to go, by names only, and the audit log that it was begun;
2. what is not to come back is put on the keep-out list;
3. rows are removed from all tables;
4. the tables' files are rewritten without them, indexes are dropped, former versions are removed;
5. the list is removed.

Whoever is killed in between has not half forgotten: the next one that opens the gallery finds the list and ends it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sceneseek import text_files
from sceneseek.errors import GalleryError, NotInGalleryError, ValueRefused
from sceneseek.gallery.audit import AuditLog
from sceneseek.gallery.files import bytes_in
from sceneseek.gallery.filters import Filters
from sceneseek.gallery.keep_out import KeepOut
from sceneseek.gallery.manifest import write_whole
from sceneseek.gallery.migrations import bring_up_to_date
from sceneseek.gallery.naming import keys_at, keys_of
from sceneseek.gallery.proof import Proof, evenly, prove, traces_of
from sceneseek.gallery.records import MediaRecord
from sceneseek.gallery.schema import DETECTIONS, FRAMES, THUMBNAILS
from sceneseek.gallery.tables import Tables, in_parts, one_of
from sceneseek.gallery.traces import search_files
from sceneseek.structures import Match

if TYPE_CHECKING:
    from sceneseek.gallery.store import Gallery
    from sceneseek.gallery.writer import GalleryWriter

FORGETTING = "forgetting.json"


@dataclass(frozen=True)
class ForgetPlan:
    """What would go.

    Attributes:
        media: Files that go as a whole.
        people: Detections in other files, which stay without them.
        files_of_people: Content keys of these files.
        num_people: All people that go, those in ``media`` included.
        num_frames: Searched pictures that go with their files.
        num_thumbnails: Small pictures that go.
        tracklets: Tracklets that go or lose somebody.
    """

    media: tuple[MediaRecord, ...]
    people: tuple[str, ...]
    files_of_people: tuple[str, ...]
    num_people: int
    num_frames: int
    num_thumbnails: int
    tracklets: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to forget."""
        return not self.media and not self.people


@dataclass(frozen=True)
class Forgotten:
    """What is gone.

    Attributes:
        plan: What was asked for.
        proof: What the search through the raw files showed, when it was asked for.
        bytes_before: Size of the gallery's tables before.
        bytes_after: The same after.
        index_dropped: Whether the index of the embeddings was dropped, which held copies; until it is built again,
            searches are exact.
    """

    plan: ForgetPlan
    proof: Proof | None
    bytes_before: int
    bytes_after: int
    index_dropped: bool = False


def plan_forgetting(
    gallery: Gallery,
    *,
    media: Iterable[str] = (),
    detections: Iterable[str] = (),
    tracklets: Iterable[str] = (),
    filters: Filters | None = None,
    whole_sightings: bool = True,
) -> ForgetPlan:
    """Find out what would go; nothing is changed, except that an earlier format is brought up to date.

    Args:
        gallery: Where.
        media: Files, by content key or by any path at which they were met; or folders, with all below them.
        detections: People, by detection id.
        tracklets: People, by tracklet id.
        filters: Everybody who passes: cameras, sources, times. A file of which all pictures pass goes as a whole.
        whole_sightings: Whether a person goes with all of the tracklet they belong to.

    Raises:
        NotInGalleryError: A named file, person or tracklet is not there.
        ValueRefused: The filters let everybody pass.
    """
    bring_up_to_date(gallery)
    tables = Tables(gallery.path)
    records = {record.key: record for record in gallery.media()}
    whole = keys_of(records.values(), media)
    named = set(detections)
    names = {name for name, _, _ in _rows(tables, "id", named)}
    if named - names:
        raise NotInGalleryError(f"the gallery has no detection {min(named - names)!r}; it may be forgotten already.")
    groups = set(tracklets)
    for tracklet in groups:
        names.update(person.detection_id for person in gallery.tracklet(tracklet))
    if filters is not None:
        covered, passing = _passing(tables, records, filters)
        whole |= covered
        names |= passing
    rows = _rows(tables, "id", names)
    groups |= {tracklet for _, _, tracklet in rows if tracklet is not None}
    if whole_sightings:
        rows |= _rows(tables, "tracklet_id", groups)
    rows = {row for row in rows if row[1] not in whole}
    inside = _rows(tables, "media_key", whole)
    people = tuple(sorted(name for name, _, _ in rows))
    everybody = [*people, *(name for name, _, _ in inside)]
    return ForgetPlan(
        media=tuple(records[key] for key in sorted(whole)),
        people=people,
        files_of_people=tuple(sorted({key for _, key, _ in rows})),
        num_people=len(everybody),
        num_frames=sum(_count(tables, FRAMES, "media_key", part) for part in in_parts(whole)),
        num_thumbnails=sum(_count(tables, THUMBNAILS, "id", part) for part in in_parts(everybody)),
        tracklets=tuple(sorted({tracklet for _, _, tracklet in rows | inside if tracklet is not None})),
    )


def people_in(gallery: Gallery, keys: Collection[str]) -> list[str]:
    """Ids of all detections in some files, by content key."""
    return sorted(name for name, _, _ in _rows(Tables(gallery.path), "media_key", keys))


def similar_people(gallery: Gallery, detections: Sequence[str], at_least: float) -> list[Match]:
    """Everybody at least this similar to one of some people, themselves included, the most similar first.

    Similarity is a hint and no proof that it is the same person: show the list to somebody before it is forgotten.

    Args:
        gallery: Where.
        detections: Whom they are compared with.
        at_least: Cosine, -1 to 1.

    Raises:
        NotInGalleryError: One of them is not there.
        ValueRefused: ``at_least`` is no cosine.
    """
    if not -1 <= at_least <= 1:
        raise ValueRefused(f"the least similarity is {at_least:g}; expected a cosine from -1 to 1.")
    best: dict[str, Match] = {}
    for person in gallery.people(list(detections)):
        top = 256
        while True:
            ranking = gallery.search(person.embedding, top, by="detection", exact=True)
            if len(ranking) < top or ranking.matches[-1].similarity < at_least:
                break
            top *= 4
        for match in ranking:
            known = best.get(match.detection_id)
            if match.similarity >= at_least and (known is None or known.similarity < match.similarity):
                best[match.detection_id] = match
    return sorted(best.values(), key=lambda match: -match.similarity)


def forget(
    gallery: Gallery,
    plan: ForgetPlan,
    *,
    actor: str,
    reason: str = "",
    may_return: bool = False,
    with_proof: bool = False,
) -> Forgotten:
    """Do it. Nothing brings it back.

    Args:
        gallery: Where.
        plan: From ``plan_forgetting``.
        actor: Who asks for it, for the audit log.
        reason: Why, for the audit log.
        may_return: Whether indexing the same files again may find the same people again.
        with_proof: Search the raw files before and after. Reads everything twice.

    Raises:
        GalleryError: Somebody else is writing, or an index is being built and takes long.
    """
    log = AuditLog(gallery.path)
    with gallery.writer() as writer:
        names = people_in(gallery, [record.key for record in plan.media])
        names += sorted(name for name, _, _ in _rows(Tables(gallery.path), "id", plan.people))
        chosen = evenly(names)
        traces = traces_of(gallery, chosen, plan.tracklets) if with_proof else []
        before = search_files(gallery.path, traces) if with_proof else None
        size = bytes_in(gallery.path)
        pending = Pending(
            media=tuple(record.key for record in plan.media),
            people=plan.people,
            files_of_people=plan.files_of_people,
            may_return=may_return,
        )
        facts = {"files": pending.media, "people": plan.num_people, "digest": _digest(names), "may_return": may_return}
        log.append(actor, "forget", reason=reason, **facts)
        pending.write(gallery.path)
        index_dropped = pending.finish(writer)
    proof = None if before is None else prove(gallery, traces, before, sampled=len(chosen) < len(names))
    outcome = {} if proof is None else {"proven": proof.proven, "bytes_searched": proof.after.num_bytes}
    log.append(actor, "forgotten", people=plan.num_people, digest=_digest(names), **outcome)
    return Forgotten(plan, proof, size, bytes_in(gallery.path), index_dropped)


@dataclass(frozen=True)
class Pending:
    """A forgetting that was begun.

    Attributes:
        media: Content keys of files that go as a whole.
        people: Detections in other files.
        files_of_people: Content keys of those.
        may_return: Whether indexing may bring them back.
    """

    media: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    files_of_people: tuple[str, ...] = ()
    may_return: bool = False

    @classmethod
    def read(cls, folder: Path) -> Pending | None:
        """What was begun in a gallery and not ended, or ``None``.

        Raises:
            GalleryError: The list cannot be read.
        """
        path = folder / FORGETTING
        try:
            content = text_files.read_json(path)
            lists = {f.name: tuple(map(str, content[f.name])) for f in fields(cls) if f.name != "may_return"}
            return cls(**lists, may_return=bool(content["may_return"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GalleryError(
                f"{path} is damaged ({error!r}): somebody was being forgotten, and it is not known who. Forget them "
                "again, then remove this file."
            ) from error

    def write(self, folder: Path) -> None:
        """Note what is being forgotten, before anything is removed."""
        write_whole(folder / FORGETTING, json.dumps({f.name: getattr(self, f.name) for f in fields(self)}))

    def finish(self, writer: GalleryWriter) -> bool:
        """Remove everything that is still there; says whether an index was dropped."""
        folder = writer.folder
        if not self.may_return:
            KeepOut.read(folder).with_entries(self.media, self.files_of_people).write(folder)
        if self.media:
            writer.remove_media(self.media)
        if self.people:
            writer.remove_people(self.people)
        index_dropped = writer.purge()
        (folder / FORGETTING).unlink()
        return index_dropped


def end_interrupted(writer: GalleryWriter) -> bool:
    """End a forgetting whose process died; the writer calls this when it opens the gallery.

    Returns:
        Whether there was one.
    """
    pending = Pending.read(writer.folder)
    if pending is None:
        return False
    pending.finish(writer)
    facts = {"files": pending.media, "people_in_other_files": len(pending.people)}
    AuditLog(writer.folder).append("sceneseek", "forgotten", after_interruption=True, **facts)
    return True


def _passing(tables: Tables, records: dict[str, MediaRecord], filters: Filters) -> tuple[set[str], set[str]]:
    """Files of which all searched pictures pass, and detections that pass."""
    condition = filters.sql()
    if condition is None:
        raise ValueRefused("the filters let everybody pass; remove the gallery's folder to forget everything.")
    if filters.sources is not None:
        # By content: a file that was also met in a folder is the same file, wherever else it lies.
        keys = keys_at(records.values(), filters.sources)
        keys &= set(filters.media_keys) if filters.media_keys is not None else keys
        filters = replace(filters, sources=None, media_keys=tuple(sorted(keys)) or ("",))
        condition = filters.sql()
    people = set(tables[DETECTIONS].search().where(condition).select(["id"]).to_arrow()["id"].to_pylist())
    if filters.min_score is not None or filters.exclude_flags or filters.exclude:
        return set(), people
    counts = [_counts(tables[FRAMES].search().where(c)) for c in (condition, "true")]
    return {key for key, passing in counts[0].items() if passing == counts[1][key]}, people


def _counts(query: Any) -> dict[str, int]:
    column = query.select(["media_key"]).to_arrow()["media_key"]
    return {entry["values"]: entry["counts"] for entry in column.value_counts().to_pylist()}


def _rows(tables: Tables, column: str, names: Collection[str]) -> set[tuple[str, str, str | None]]:
    """Detections by one of their columns: id, content key, tracklet."""
    found: set[tuple[str, str, str | None]] = set()
    for part in in_parts(sorted(names)):
        table = tables[DETECTIONS].search().where(one_of(column, part)).select(["id", "media_key", "tracklet_id"])
        found.update((r["id"], r["media_key"], r["tracklet_id"]) for r in table.to_arrow().to_pylist())
    return found


def _count(tables: Tables, table: str, column: str, names: Collection[str]) -> int:
    return int(tables[table].count_rows(one_of(column, names)))


def _digest(names: Iterable[str]) -> str:
    """One hash for a set of people: the log can be checked against a list that somebody kept, and names nobody."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
