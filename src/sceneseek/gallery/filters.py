"""Whom to compare at all: conditions on camera, place, time and quality, in memory and pushed down into the table."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sceneseek.errors import ValueRefused
from sceneseek.gallery.schema import INSTANT, sql_instant, sql_text
from sceneseek.gallery.tables import one_of
from sceneseek.structures import BoolArray
from sceneseek.words import without_password


class FrameKey(NamedTuple):
    """One picture of the gallery.

    Attributes:
        media_key: The content key of the file.
        frame_index: 0 for a photograph.
    """

    media_key: str
    frame_index: int = 0


@dataclass(frozen=True)
class Filters:
    """Whom to compare at all. All that are given must hold; ``None`` lets everybody pass.

    Attributes:
        cameras: Camera names; a person seen by an unnamed camera passes only without this filter.
        sources: Files, or folders with all that lies below them.
        since_s: Seconds from the start of the video, inclusive. A photograph has no time and does not pass.
        until_s: The same, inclusive.
        min_score: The least confidence that it is a person at all.
        exclude: Frames to leave out: the query's own.
        after: By the clock on the wall, inclusive, a moment with its zone. Pictures of unknown time do not pass.
        before: The same, inclusive.
        exclude_flags: People with any of these flags are left out; those whom nobody looked at for flags stay.
        media_keys: Content keys of files.
        files_said: What these files are called, for display; how many they are when not given.

    Raises:
        ValueRefused: The time range is empty, a number is not one, or a moment has no zone.

    Example:
        >>> Filters(cameras=("door",), since_s=5).sql()
        "camera_id IN ('door') AND time_s >= 5.0"
    """

    cameras: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    since_s: float | None = None
    until_s: float | None = None
    min_score: float | None = None
    exclude: tuple[FrameKey, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    exclude_flags: tuple[str, ...] = ()
    media_keys: tuple[str, ...] | None = None
    files_said: str = ""

    def __post_init__(self) -> None:
        for name in ("cameras", "sources", "media_keys", "exclude_flags"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ValueRefused(f"filter {name} is the text {value!r}; expected a sequence of names.")
            nothing = () if name == "exclude_flags" else None
            object.__setattr__(self, name, tuple(value) if value else nothing)
        if self.sources is not None:
            object.__setattr__(self, "sources", tuple(map(without_password, self.sources)))
        for name in ("since_s", "until_s", "min_score"):
            value = getattr(self, name)
            if value is not None and np.isnan(value):
                raise ValueRefused(f"filter {name} is not a number.")
        for name in ("after", "before"):
            value = getattr(self, name)
            if value is not None and value.utcoffset() is None:
                raise ValueRefused(f"filter {name} is {value}, which has no time zone; expected one, such as +00:00.")
        if self.since_s is not None and self.until_s is not None and self.since_s > self.until_s:
            raise ValueRefused(f"the time range from {self.since_s:g} s to {self.until_s:g} s is empty; swap its ends.")
        if self.after is not None and self.before is not None and self.after > self.before:
            raise ValueRefused(f"the time range from {self.after} to {self.before} is empty; swap its ends.")
        object.__setattr__(self, "exclude", tuple(FrameKey(*key) for key in self.exclude))

    def mask(self, rows: pa.Table) -> BoolArray | None:
        """Which of ``N`` rows pass, ``(N,)`` bool, or ``None`` when nothing is asked."""
        conditions: list[Any] = []
        for column, names in (("camera_id", self.cameras), ("media_key", self.media_keys)):
            if names is not None:
                conditions.append(pc.is_in(rows[column], pa.array(names, pa.string())))
        if self.sources is not None:
            source = rows["source"]
            within = pc.is_in(source, pa.array(self.sources, pa.string()))
            for folder in self.sources:
                within = pc.or_(within, pc.starts_with(source, _as_folder(folder)))
            conditions.append(within)
        for column, least, most in self._ranges():
            if least is not None:
                conditions.append(pc.fill_null(pc.greater_equal(rows[column], least), False))
            if most is not None:
                conditions.append(pc.fill_null(pc.less_equal(rows[column], most), False))
        for key, index in self.exclude:
            own = pc.and_(pc.equal(rows["media_key"], key), pc.equal(rows["frame_index"], index))
            conditions.append(pc.invert(own))
        if not conditions and not self.exclude_flags:
            return None
        mask: BoolArray = np.ones(rows.num_rows, np.bool_)
        for condition in conditions:
            mask &= condition.to_numpy()
        if self.exclude_flags:
            mask[_flagged_indices(rows["flags"], self.exclude_flags)] = False
        return mask

    def sql(self) -> str | None:
        """The same conditions for the table itself, or ``None``; used where vectors do not lie in memory."""
        conditions = []
        for column, names in (("camera_id", self.cameras), ("media_key", self.media_keys)):
            if names is not None:
                conditions.append(one_of(column, names))
        if self.sources is not None:
            folders = [f"starts_with(source, {sql_text(_as_folder(s))})" for s in self.sources]
            conditions.append(f"({' OR '.join([one_of('source', self.sources), *folders])})")
        for column, least, most in self._ranges():
            if least is not None:
                conditions.append(f"{column} >= {_sql_value(least)}")
            if most is not None:
                conditions.append(f"{column} <= {_sql_value(most)}")
        for key, index in self.exclude:
            conditions.append(f"NOT (media_key = {sql_text(key)} AND frame_index = {int(index)})")
        if self.exclude_flags:
            unwanted = ", ".join(map(sql_text, self.exclude_flags))
            conditions.append(f"NOT COALESCE(array_has_any(flags, [{unwanted}]), false)")
        return " AND ".join(conditions) or None

    def described(self) -> dict[str, str]:
        """The restrictions in words, for display."""
        words: dict[str, str] = {}
        if self.cameras is not None:
            words["camera"] = ", ".join(self.cameras)
        if self.sources is not None:
            words["source"] = ", ".join(self.sources)
        if self.files_said:
            words["source"] = self.files_said
        elif self.media_keys is not None:
            words["files"] = f"{len(self.media_keys)}"
        if self.since_s is not None:
            words["since"] = f"{self.since_s:g} s"
        if self.until_s is not None:
            words["until"] = f"{self.until_s:g} s"
        for name in ("after", "before"):
            moment = getattr(self, name)
            if moment is not None:
                words[name] = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if self.min_score is not None:
            words["score"] = f"at least {self.min_score:g}"
        if self.exclude_flags:
            words["flagged"] = f"{', '.join(self.exclude_flags)} left out"
        if self.exclude:
            words["the examples' own pictures"] = "left out"
        return words

    def _ranges(self) -> tuple[tuple[str, Any, Any], ...]:
        """Columns with the least and the largest value that pass, as Arrow scalars of the column's type."""
        return (
            ("time_s", _scalar(self.since_s, pa.float64()), _scalar(self.until_s, pa.float64())),
            ("captured_at", _scalar(self.after, INSTANT), _scalar(self.before, INSTANT)),
            ("score", _scalar(self.min_score, pa.float32()), None),
        )


def _scalar(value: Any, kind: pa.DataType) -> pa.Scalar | None:
    return None if value is None else pa.scalar(value, kind)


def _sql_value(scalar: pa.Scalar) -> str:
    value = scalar.as_py()
    return sql_instant(value) if isinstance(value, datetime) else repr(float(value))


def _flagged_indices(flags: pa.ChunkedArray, unwanted: tuple[str, ...]) -> Any:
    """Rows that have one of the unwanted flags."""
    lists = pa.concat_arrays(flags.chunks) if flags.num_chunks else pa.array([], flags.type)
    hits = pc.is_in(pc.list_flatten(lists), pa.array(unwanted, pa.string())).to_numpy(zero_copy_only=False)
    return pc.list_parent_indices(lists).to_numpy()[hits.astype(np.bool_)]


def _as_folder(source: str) -> str:
    return source if source.endswith(os.sep) else source + os.sep
