"""The clock inside a video, put straight: when each picture is shown, however badly the packets say it.

A recorder that connects again begins at nought, a counter of 33 bits overflows, a packet has no time or an absurd one,
two have the same. None of this may cost a picture. Times are made to grow: what starts again goes on from where the
clock was, what is missing or absurd is taken from its neighbours, and what was done is told. No file is touched here:
it is arithmetic on what the packets say.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from sceneseek.structures import BoolArray, IntArray
from sceneseek.words import clock_words, counted

UNKNOWN = int(np.iinfo(np.int64).min)
"""Stands for a time that a packet does not say."""

FINER = 1000
"""The straightened clock counts in so many parts of the container's unit: where that is coarse, pictures share one."""

_FAR_S = 10
_FAR_STEPS = 64
"""A step of the clock up to this long, or of so many usual steps, is a pause and no leap."""
_LONG_S = 60
"""In a recording of a transmission, a longer pause is told: nobody knows whether its clock went on."""
_DAY_S = 86_400
"""A step that is longer is not believed."""
_SLACK_S = Fraction(1, 2)
_SLACK_STEPS = 16
"""So far the order of decoding goes back in time without meaning anything."""
_UNUSUAL_STEPS = 8
"""Steps longer than so many usual ones are looked at: does the clock come back at once?"""
_STRAYS = 8
_STRAYS_WITH_KEYS = 3
"""So many packets in a row may have an absurd time between neighbours that agree; with a key frame, fewer."""
_ROOM = 1 << 50
"""Times that are farther apart than this, in units of a container, are not those of one recording."""
_AROUND = 8
"""So many times before and behind one are asked whether it belongs to them."""
_MOST_ESTIMATED = 20_000
"""Up to so many times that packets do not say are sought in the gaps between the others."""
_LEADING = 8
"""Pictures that are decoded after a key frame may be shown before it; that many are looked at."""

_PERIODS_S = (
    Fraction(1 << 33, 90_000), Fraction(1 << 32, 90_000), Fraction(1 << 32, 1000), Fraction(1 << 31, 1000),
    Fraction(1 << 24, 1000),
)  # fmt: skip
"""After these spans the counters of containers begin again at nought: MPEG, RTP, and milliseconds in 32 and 24 bits."""


@dataclass(frozen=True, eq=False)
class Stamps:
    """What the packets of one video say of their time, in the order of the file.

    Attributes:
        shown: ``(N,)`` when each is shown, in units of the container, or ``UNKNOWN``.
        decoded: ``(N,)`` when each is decoded, which grows.
        lasting: ``(N,)`` how long each is shown; 0 where that is not said.
        keys: ``(N,)`` whether it can be decoded without others.
        unit: Seconds per unit.
        transmitted: Whether the container is one of transmissions, whose clock is the sender's.
    """

    shown: IntArray
    decoded: IntArray
    lasting: IntArray
    keys: BoolArray
    unit: Fraction
    transmitted: bool = False

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def is_sound(self) -> bool:
        """Whether there is nothing to put straight: each packet says when it is shown, no two the same, no leaps."""
        shown = self.shown
        if not len(self) or bool((shown == UNKNOWN).any()) or len(np.unique(shown)) < len(self):
            return False
        before = np.maximum.accumulate(shown)[:-1]
        if bool((self.keys[1:] & (shown[1:] <= before)).any()):
            return False  # a key frame is shown after all that came before it, unless the clock starts again
        clock = self.decoded if not bool((self.decoded == UNKNOWN).any()) else shown
        steps = np.diff(clock)
        if not len(steps):
            return True
        lags = np.abs(shown - clock)
        if any(len(_strays(times, self.unit)) for times in (shown, clock)):
            return False
        usual = _usual(clock, np.arange(len(clock), dtype=np.int64))
        slack = max(_units(_SLACK_S, self.unit), _SLACK_STEPS * usual)
        longest = max(_units(_LONG_S if self.transmitted else _DAY_S, self.unit), _FAR_STEPS * usual)
        return bool((steps >= -slack).all() and (steps <= longest).all() and (lags <= longest).all())


@dataclass(frozen=True, eq=False)
class Clock:
    """The straightened clock of one video.

    Attributes:
        times: ``(N,)`` when each packet's picture is shown, in the order of the file, in units of ``unit``.
        unit: Seconds per unit.
        ordered: Whether ``times`` belong to their packets. Where not, they hold in the order in which pictures are
            shown: the first picture has the smallest, and so on.
        dated_until: The first packet whose wall-clock time nobody knows; ``None`` when all are known.
        remarks: What was found and done, in sentences.
        as_said: Whether the times are those of the packets, after all.
        restarts: How often it starts again.
    """

    times: IntArray
    unit: Fraction
    ordered: bool
    dated_until: int | None = None
    remarks: tuple[str, ...] = ()
    as_said: bool = False
    restarts: int = 0


def straightened(stamps: Stamps) -> Clock | None:
    """Put the clock of a video straight.

    Returns:
        ``None`` where the packets do not say enough to have a clock at all.
    """
    stamps = _without_strays(_near(stamps))
    raw = stamps.decoded if (stamps.decoded != UNKNOWN).mean() >= 0.5 else stamps.shown
    known = np.flatnonzero(raw != UNKNOWN)
    if len(known) < 2 or len(np.unique(raw[known])) < 2:
        return None
    course = _Course(stamps, raw, _usual(raw, known))
    packets = known.tolist()
    for place, packet in enumerate(packets):
        course.take(packet, packets[place + 1 : place + 1 + _STRAYS])
    return course.clock()


def counted_clock(count: int, rate: Fraction, *, guessed: bool) -> Clock:
    """A clock for pictures that come with none: so many a second.

    Args:
        count: How many there are.
        rate: Pictures a second.
        guessed: Whether nothing says so.
    """
    pace = f"{float(rate):.4g}"
    told = (
        f"The file holds no clock and does not say its rate: times are counted at {pace} pictures a second, which is a "
        "guess, and the wall-clock time is given for the first picture alone. For times that hold, have the recorder "
        "export MP4 or MKV."
        if guessed
        else f"The file holds no clock: times are counted at the {pace} pictures a second that it says it has."
    )
    return Clock(np.arange(count, dtype=np.int64) * FINER, 1 / rate / FINER, False, 1 if guessed else None, (told,))


@dataclass
class _Course:
    """Goes through the packets in the order of the file and follows their clock.

    Attributes:
        stamps: What they say.
        raw: The one of their times that is followed, as the file has it.
        usual: The usual step.
        last: The last packet whose time was believed.
        reach: The latest time of a picture since the clock last began.
        shifts: From which packet on how much is added.
        strays: Packets whose times are absurd.
        restarts: Packets at which the clock starts again.
        leaps: Packets before which it leaps ahead.
    """

    stamps: Stamps
    raw: IntArray
    usual: int
    last: int | None = None
    reach: int | None = None
    shifts: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    strays: set[int] = field(default_factory=set)
    restarts: list[int] = field(default_factory=list)
    leaps: list[int] = field(default_factory=list)

    def take(self, packet: int, following: Sequence[int]) -> None:
        """Follow the clock to the next packet that has one."""
        if packet in self.strays:
            return
        if self.last is not None:
            step, steps = self._step(self.last, packet), packet - self.last
            back = self._starts_again(packet) or step < -self._slack
            if (back or step > _UNUSUAL_STEPS * self.usual * steps) and self._is_stray(packet, following):
                return
            if (back or step > self._far(steps)) and not self._began_astray(packet, following):
                self._jump(packet, step, steps)
        self.last = packet
        shown = int(self.stamps.shown[packet])
        if shown != UNKNOWN:
            self.reach = shown if self.reach is None else max(self.reach, shown)

    def clock(self) -> Clock:
        """The straightened clock, after the last packet."""
        stamps, count = self.stamps, len(self.stamps)
        starts, amounts = (np.array(part, np.int64) for part in zip(*self.shifts, strict=True))
        shift = np.repeat(amounts, np.diff(np.append(starts, count)))
        believed = self.raw != UNKNOWN
        believed[list(self.strays)] = False
        clock = self._filled(np.where(believed, self.raw + shift, 0), believed)
        lag = self._lags(believed)
        own = (stamps.shown != UNKNOWN) & (lag != UNKNOWN)
        own[list(self.strays)] = False
        usual_lag = int(np.median(lag[own & believed])) if bool((own & believed).any()) else 0
        # Where the time of decoding is believed, that of showing is counted from it: both wrap, and not together.
        shown = np.where(own, np.where(believed, clock + lag, stamps.shown + shift), clock + usual_lag)
        shown = _into_gaps(shown, own, self.usual)
        ordered = bool(own.all()) and len(np.unique(shown)) == count
        times = shown * FINER if ordered else _growing(shown * FINER, self.usual * FINER)
        dated_until = self.restarts[0] if self.restarts else None
        taken_over, alike = int((~own).sum()), count - len(np.unique(shown))
        remarks = tuple(self._remarks(clock, taken_over, alike))
        as_said = ordered and not remarks and np.array_equal(shown, stamps.shown)
        restarts = len(self.restarts)
        return Clock(times, stamps.unit / FINER, ordered, dated_until, remarks, as_said, restarts)

    @property
    def _slack(self) -> int:
        return max(_units(_SLACK_S, self.stamps.unit), _SLACK_STEPS * self.usual)

    def _far(self, steps: int) -> int:
        return max(_units(_FAR_S, self.stamps.unit), _FAR_STEPS * self.usual * steps)

    def _step(self, first: int, second: int) -> int:
        return int(self.raw[second]) - int(self.raw[first])

    def _starts_again(self, packet: int) -> bool:
        """Whether a key frame is shown before what came before it: then it belongs to another recording."""
        shown = int(self.stamps.shown[packet])
        return bool(self.stamps.keys[packet]) and shown != UNKNOWN and self.reach is not None and shown <= self.reach

    def _is_stray(self, packet: int, following: Sequence[int]) -> bool:
        """Whether the clock comes back in a moment to where it was; these packets' times are then absurd."""
        assert self.last is not None
        for place, later in enumerate(following, start=1):
            run = range(packet, later)
            if place > _STRAYS_WITH_KEYS and bool(self.stamps.keys[packet:later].any()):
                return False
            if 0 < self._step(self.last, later) <= _UNUSUAL_STEPS * self.usual * (later - self.last):
                self.strays.update(run)
                return True
        return False

    def _began_astray(self, packet: int, following: Sequence[int]) -> bool:
        """Whether the very first packets are the absurd ones, and the clock begins here."""
        assert self.last is not None
        if packet > _STRAYS_WITH_KEYS or len(following) <= packet or self.shifts != [(0, 0)]:
            return False
        course = [packet, *following]
        steps = [self._step(a, b) for a, b in zip(course, following, strict=False)]
        if not all(-self._slack <= step <= self._far(1) for step in steps):
            return False
        self.strays.update(range(packet))
        self.reach = None
        return True

    def _jump(self, packet: int, step: int, steps: int) -> None:
        """The clock does not go on: it wrapped, started again, or leapt."""
        period = self._period(step, steps)
        believable = 0 <= step <= _units(_DAY_S, self.stamps.unit) and not self._starts_again(packet)
        if period is not None:
            self._shift_from(packet, self.shifts[-1][1] + period)
        elif not believable:
            self._shift_from(packet, self._shift_after_restart(packet, step, steps))
            self.restarts.append(packet)
        elif self._is_untold(step):
            self.leaps.append(packet)

    def _shift_from(self, packet: int, shift: int) -> None:
        self.shifts.append((packet, shift))
        self.reach = None

    def _period(self, step: int, steps: int) -> int | None:
        """The period of a counter that just overflowed, or came back from having done so."""
        for period in _periods(self.stamps.unit):
            for way in (period, -period):
                if -self._slack <= step + way <= self._far(steps) and abs(step) > period // 2:
                    return way
        return None

    def _shift_after_restart(self, packet: int, step: int, steps: int) -> int:
        """So that the first picture follows upon the last one."""
        before = self.shifts[-1][1]
        shown = self.stamps.shown[packet : packet + _LEADING]
        if self.reach is None or shown[0] == UNKNOWN or not self.stamps.keys[packet]:
            return before - step + steps * self.usual
        leading = shown[(shown != UNKNOWN) & (shown <= shown[0]) & (shown >= shown[0] - self._slack)]
        return self.reach + before + self.usual - int(leading.min())

    def _is_untold(self, step: int) -> bool:
        """Whether a leap is long and the packet before it does not say that it lasts."""
        assert self.last is not None
        said = int(self.stamps.lasting[self.last])
        return self.stamps.transmitted and step > max(2 * said, _units(_LONG_S, self.stamps.unit))

    def _filled(self, clock: IntArray, believed: BoolArray) -> IntArray:
        """The clock of all packets, between those that are believed."""
        places = np.flatnonzero(believed)
        packets = np.arange(len(clock))
        filled = np.interp(packets, places, clock[places].astype(np.float64)).astype(np.int64)
        filled[believed] = clock[believed]
        first, last = int(places[0]), int(places[-1])
        filled[:first] = clock[first] - self.usual * (first - packets[:first])
        filled[last + 1 :] = clock[last] + self.usual * (packets[last + 1 :] - last)
        return filled

    def _lags(self, believed: BoolArray) -> IntArray:
        """How long after its decoding each picture is shown; ``UNKNOWN`` where that is absurd."""
        lag = np.where(believed & (self.stamps.shown != UNKNOWN), self.stamps.shown - self.raw, 0)
        for period in (period for period in _periods(self.stamps.unit) if period * self.stamps.unit > _DAY_S / 2):
            lag = np.where(lag < -period // 2, lag + period, np.where(lag > period // 2, lag - period, lag))
        longest = _units(_LONG_S if self.stamps.transmitted else _DAY_S, self.stamps.unit)
        return np.where(np.abs(lag) > max(longest, _FAR_STEPS * self.usual), UNKNOWN, lag)

    def _remarks(self, clock: IntArray, taken_over: int, alike: int) -> list[str]:
        def at(packet: int) -> str:
            return clock_words(float((int(clock[packet]) - int(clock.min())) * self.stamps.unit))

        remarks = []
        if self.restarts:
            often = "" if len(self.restarts) == 1 else f" {len(self.restarts):,} times, first"
            remarks.append(
                f"The clock of the video starts again{often} at {at(self.restarts[0])}, as where recordings were "
                "joined. All pictures are used, and their times go on without a gap; from there on, their wall-clock "
                "time is not known. For times that hold, split the file there."
            )
        if self.leaps:
            often = "" if len(self.leaps) == 1 else f" {len(self.leaps):,} times, first"
            remarks.append(
                f"The clock of the video leaps ahead{often} at {at(self.leaps[0] - 1)}. All pictures are used; times "
                "after that hold if the recorder's clock was right."
            )
        if taken_over:
            remarks.append(
                f"{taken_over:,} of {counted(len(self.stamps), 'picture')} came without a usable time: it was taken "
                "from their neighbours."
            )
        if alike:
            remarks.append(
                f"{alike:,} of {counted(len(self.stamps), 'picture')} came with the time of another: they were spread "
                "up to the next time."
            )
        return remarks


def _near(stamps: Stamps) -> Stamps:
    """Times counted from a middle one, so that there is room to calculate; what is too far from it is no time."""
    both = np.concatenate([stamps.shown, stamps.decoded])
    known = both[both != UNKNOWN]
    if not len(known):
        return stamps
    middle = int(np.sort(known)[len(known) // 2])

    def counted_from_middle(times: IntArray) -> IntArray:
        far = np.abs(times.astype(np.float64) - middle) > _ROOM
        return np.where((times == UNKNOWN) | far, UNKNOWN, times - middle)

    return replace(stamps, shown=counted_from_middle(stamps.shown), decoded=counted_from_middle(stamps.decoded))


def _without_strays(stamps: Stamps) -> Stamps:
    """What packets say, without single times that agree with nothing around them."""

    def without(times: IntArray) -> IntArray:
        kept = times.copy()
        kept[_strays(times, stamps.unit)] = UNKNOWN
        return kept

    return replace(stamps, shown=without(stamps.shown), decoded=without(stamps.decoded))


def _strays(times: IntArray, unit: Fraction) -> IntArray:
    """Places of times far outside of those before and behind them, which agree with each other.

    A container may say only when pictures are shown: then a wrong time does not stand out between the next two, since
    pictures are stored in the order of decoding, but it does among the next eight.
    """
    places = np.flatnonzero(times != UNKNOWN)
    known = times[places]
    if len(known) < _AROUND:
        return places[:0]
    usual = _usual(np.sort(known), np.arange(len(known), dtype=np.int64))
    slack = max(_units(_SLACK_S, unit), _SLACK_STEPS * usual)
    leaps = np.abs(np.diff(known)) > slack
    suspects = np.flatnonzero(np.append(leaps, False) | np.append(False, leaps))
    if len(suspects) > len(known) // _AROUND:
        return places[:0]  # a clock without any order, which has no strays
    periods = _periods(unit)
    found = [at for at in suspects.tolist() if _stands_apart(known, at, slack, periods)]
    return places[np.array(found, dtype=np.int64)]


def _stands_apart(known: IntArray, at: int, slack: int, periods: Sequence[int]) -> bool:
    before, behind = known[max(0, at - _AROUND) : at], known[at + 1 : at + 1 + _AROUND]
    if len(behind) < _AROUND // 2:
        return False
    later = float(np.median(behind))
    earlier = float(np.median(before)) if len(before) else -math.inf
    if len(before) and not 0 <= later - earlier <= 2 * slack:
        return False
    away = max(known[at] - later, earlier - known[at])
    overflows = any(abs(abs(known[at] - later) - period) <= 2 * slack for period in periods)
    return bool(away > slack) and not overflows


def _usual(clock: IntArray, known: IntArray) -> int:
    """The usual step from packet to packet."""
    paces = np.diff(clock[known]) / np.diff(known)
    paces = paces[paces > 0]
    return max(1, round(float(np.median(paces)))) if len(paces) else 1


def _into_gaps(times: IntArray, sure: BoolArray, usual: int) -> IntArray:
    """Estimated times moved into gaps that the sure ones leave, where pictures are missing in the usual step.

    Args:
        times: ``(N,)`` all of them.
        sure: ``(N,)`` which were said.
        usual: The usual step.
    """
    estimated = np.flatnonzero(~sure)
    known = np.unique(times[sure])
    if not 0 < len(estimated) <= _MOST_ESTIMATED or len(known) < 2:
        return times
    spans = np.diff(known)
    missing = np.rint(spans / usual).astype(np.int64) - 1
    gaps = [
        int(known[at]) + int(spans[at]) * part // (int(missing[at]) + 1)
        for at in np.flatnonzero((missing > 0) & (missing <= _SLACK_STEPS)).tolist()
        for part in range(1, int(missing[at]) + 1)
    ]
    moved = times.copy()
    for at in estimated[np.argsort(times[estimated], kind="stable")].tolist():
        nearest = bisect.bisect_left(gaps, int(times[at]))
        near = [place for place in (nearest - 1, nearest) if 0 <= place < len(gaps)]
        place = min(near, key=lambda place: abs(gaps[place] - int(times[at])), default=None)
        if place is not None and abs(gaps[place] - int(times[at])) <= _SLACK_STEPS * usual:
            moved[at] = gaps.pop(place)
    return moved


def _growing(times: IntArray, usual: int) -> IntArray:
    """Times in order, where several are equal spread up to the next."""
    values, counts = np.unique(times, return_counts=True)
    spans = np.diff(np.append(values, values[-1] + usual * counts[-1]))
    within = np.arange(len(times)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(values, counts) + np.repeat(spans, counts) * within // np.repeat(counts, counts)


def _units(seconds: int | Fraction, unit: Fraction) -> int:
    return round(seconds / unit)


def _periods(unit: Fraction) -> list[int]:
    return [int(period / unit) for period in _PERIODS_S if (period / unit).denominator == 1]
