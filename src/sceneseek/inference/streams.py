"""Live sources: cameras that are watched over RTSP or HTTP, through every cable that is pulled and plugged in again.

A live source has no end and no beginning of its own: each time it is watched is one medium, which begins when watching
begins. Frames are timed by their arrival, since what streams count themselves is often made up.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import av

from sceneseek.errors import StreamError, VideoError
from sceneseek.inference.sampling import ByClock, OnChange, Sampler, SceneChange
from sceneseek.inference.video import pictures_in, upright, video_of
from sceneseek.structures import Frame, MediaItem, MediaProblem
from sceneseek.words import without_password, without_passwords

_STEP_S = 0.2
"""How often somebody who waits looks whether to stop."""

_OPTIONS = {
    # What an address leads to may name further addresses, but never a file of this machine.
    "http": {"protocol_whitelist": "http,https,tcp,tls,crypto", "analyzeduration": "2000000"},
    "rtsp": {"protocol_whitelist": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto", "rtsp_transport": "tcp"},
}


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Listening:
    """How long to watch live sources, and what to do when one falls silent.

    Attributes:
        duration_s: Seconds; ``None`` until ``stop``.
        stop: Asked between frames and while waiting.
        silence_s: A source that sends nothing for this long is taken for unplugged and connected to again.
        first_wait_s: Seconds before the first attempt; they double with each one in vain.
        longest_wait_s: Up to this.
        give_up_s: How long a source may be silent before watching it ends; ``None`` for ever.
    """

    duration_s: float | None = None
    stop: Callable[[], bool] = _never
    silence_s: float = 10.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    give_up_s: float | None = None


@dataclass(frozen=True)
class LiveItem(MediaItem):
    """A live source, with the address that opens it.

    Attributes:
        address: As the user gave it; unlike ``source``, which goes into galleries, it may hold a password.
    """

    address: str = field(default="", repr=False)


def live_item(address: str, camera: str | None = None) -> LiveItem:
    """A live source, watched from now on.

    Args:
        address: ``rtsp://``, ``rtsps://``, ``http://`` or ``https://``.
        camera: Its name; by default, host and path.
    """
    begins = datetime.now(UTC)
    source = without_password(address)
    parts = urlsplit(source)
    host = parts.netloc
    key = hashlib.blake2b(f"{source} {begins.isoformat()}".encode(), digest_size=20).hexdigest()
    named = camera or f"{host}{parts.path}".rstrip("/")
    return LiveItem(source, "stream", key, named, begins, address=address)


def live_frames(
    item: MediaItem, every_s: float, on_change: SceneChange | None = None, listening: Listening | None = None
) -> Iterator[Frame | MediaProblem]:
    """Watch a live source; see ``media.frames_of``.

    Yields:
        Frames; their index counts what was decoded, their time is that of arrival. At the end, a ``MediaProblem`` that
        says when nothing came.
    """
    watch = _Watch(item, listening or Listening())
    sampler: Sampler = ByClock(Fraction(str(every_s))) if on_change is None else OnChange(on_change)
    address = item.address if isinstance(item, LiveItem) else item.source
    index = -1
    while not watch.over():
        try:
            with _connected(address, watch.listening.silence_s) as (container, video):
                for frame in pictures_in(container, video):
                    index += 1
                    at = watch.heard()
                    if sampler.takes(index, at, frame):
                        taken = watch.begins + timedelta(seconds=float(at))
                        yield Frame(upright(frame), item.source, index, float(at), item.camera_id, taken)
                    if watch.over():
                        break
                else:
                    watch.fell_silent("the source ended")
        except StreamError as error:
            watch.fell_silent(str(error))
            if isinstance(error, _NotLiveError):
                break
        except (av.error.FFmpegError, OSError) as error:
            watch.fell_silent(_reason(error))
        watch.wait()
    if watch.remarks():
        yield MediaProblem(item.source, watch.remarks())


class _Watch:
    """How one watching goes: since when, how long silent, how long to wait."""

    def __init__(self, item: MediaItem, listening: Listening) -> None:
        self.listening = listening
        self.begins = item.captured_at or datetime.now(UTC)
        self._clock = time.monotonic() - (datetime.now(UTC) - self.begins).total_seconds()
        self._last = self._now()
        self._started = self._now()
        self._wait_s = listening.first_wait_s
        self._silent = False
        self._lost_s = 0.0
        self._times = 0
        self._reason = ""
        self.never_heard = True

    def _now(self) -> float:
        return time.monotonic() - self._clock

    def over(self) -> bool:
        """Whether to end: asked to, long enough, or silent for too long."""
        own = self.listening
        late = own.duration_s is not None and self._now() - self._started >= own.duration_s
        given_up = own.give_up_s is not None and self._silent and self._now() - self._last >= own.give_up_s
        return late or given_up or own.stop()

    def heard(self) -> Fraction:
        """A frame has come; returns its time."""
        now = self._now()
        if self._silent and not self.never_heard:
            self._lost_s += now - self._last
        self._silent, self.never_heard, self._last = False, False, now
        self._wait_s = self.listening.first_wait_s
        return Fraction(round(now * 1000), 1000)

    def fell_silent(self, reason: str) -> None:
        """No more frames for now."""
        if not self._silent:
            self._times += 1
        self._silent, self._reason = True, reason

    def wait(self) -> None:
        """Wait before the next attempt, longer each time."""
        until = self._now() + self._wait_s
        self._wait_s = min(2 * self._wait_s, self.listening.longest_wait_s)
        while self._now() < until and self._silent and not self.over():
            time.sleep(min(_STEP_S, max(0.0, until - self._now())))

    def remarks(self) -> str:
        """What to tell about the gaps; empty when there were none."""
        if self.never_heard:
            return f"Not one picture came ({self._reason})." if self._reason else ""
        if not self._times:
            return ""
        lost = self._lost_s + (self._now() - self._last if self._silent else 0.0)
        times = "once" if self._times == 1 else f"{self._times} times"
        return f"The source fell silent {times} ({self._reason}), {lost:.0f} s in all; what came was used."


class _NotLiveError(StreamError):
    """The address holds a recording, or nothing to be seen."""


@contextmanager
def _connected(address: str, silence_s: float) -> Iterator[tuple[Any, Any]]:
    options = _OPTIONS["rtsp" if address.lower().startswith("rtsp") else "http"]
    try:
        container = av.open(address, options=options, timeout=(2 * silence_s, silence_s))
    except (av.error.FFmpegError, OSError) as error:
        raise StreamError(f"it does not answer: {_reason(error)}") from error
    with container:
        try:
            video = video_of(container)
        except VideoError as error:
            raise _NotLiveError(str(error)) from error
        if video is None:
            raise _NotLiveError("it sends no video, only sound or data")
        if container.duration is not None and container.duration > 0:
            raise _NotLiveError(
                f"it is a recording of {container.duration / av.time_base:.0f} s and not a live source; download it "
                "and index the file"
            )
        yield container, video


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return without_passwords(str(text).strip().split("\n")[0])
