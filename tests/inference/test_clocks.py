"""The clock of a video put straight: arithmetic on what packets say, without a file."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sceneseek.inference.clocks import UNKNOWN, Clock, Stamps, counted_clock, straightened

STEP = 9000  # a tenth of a second at 90 kHz
WRAP = 1 << 33
TWENTY = [number * STEP for number in range(20)]


def stamps(
    shown: Sequence[int | None],
    decoded: Sequence[int | None] | None = None,
    keys: Sequence[int] = (0,),
    *,
    unit: Fraction = Fraction(1, 90_000),
    lasting: int = 0,
    transmitted: bool = True,
) -> Stamps:
    def integers(values: Sequence[int | None]) -> np.ndarray:
        return np.array([UNKNOWN if value is None else value for value in values], np.int64)

    is_key = np.zeros(len(shown), bool)
    is_key[list(keys)] = True
    unknown: list[int | None] = [None] * len(shown)
    return Stamps(
        integers(shown),
        integers(unknown if decoded is None else decoded),
        np.full(len(shown), lasting, np.int64),
        is_key,
        unit,
        transmitted,
    )


def straight(given: Stamps) -> Clock:
    assert not given.is_sound
    clock = straightened(given)
    assert clock is not None
    return clock


def seconds(clock: Clock) -> list[float]:
    return [round(float((int(time) - int(clock.times.min())) * clock.unit), 3) for time in clock.times]


def tenths(count: int) -> list[float]:
    return [round(number / 10, 3) for number in range(count)]


def test_sound_clocks_are_left_alone() -> None:
    reordered = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    paused = TWENTY[:10] + [time + 20 * 90_000 for time in TWENTY[10:]]
    for sound in (
        stamps(TWENTY, TWENTY),
        stamps([place * STEP for place in reordered], [place * STEP for place in range(-1, 9)]),
        stamps(paused, paused),
        stamps([time + WRAP for time in TWENTY], [time + WRAP for time in TWENTY]),
        stamps([time - 5 * STEP for time in TWENTY], [time - 5 * STEP for time in TWENTY]),
    ):
        assert sound.is_sound


@pytest.mark.parametrize("keys", [(0, 20), tuple(range(40))])
def test_what_starts_again_goes_on_from_where_the_clock_was(keys: Sequence[int]) -> None:
    clock = straight(stamps(TWENTY * 2, TWENTY * 2, keys))
    assert clock.ordered
    assert seconds(clock) == tenths(40)
    assert clock.dated_until == 20, "nobody knows how much later the second recording was made"
    assert "starts again at 0:02" in clock.remarks[0]


def test_a_short_recording_is_not_mixed_with_the_next() -> None:
    clock = straight(stamps([*TWENTY[:4], *TWENTY], None, (0, 4)))
    assert seconds(clock) == tenths(24)


def test_pictures_that_lead_a_joined_recording_stay_with_it() -> None:
    order = [2, 0, 1, 5, 3, 4, 8, 6, 7]  # begins with a key frame that two others precede
    shown = [place * STEP for place in order]
    clock = straight(stamps(shown * 2, [place * STEP for place in range(-1, 8)] * 2, (0, 9)))
    assert clock.ordered
    assert seconds(clock) == [place / 10 for place in order] + [round(0.9 + place / 10, 3) for place in order]


def test_a_clock_that_is_set_back_within_a_group_of_pictures() -> None:
    back = TWENTY + [time + STEP * 100 for time in TWENTY]
    clock = straight(stamps(back[20:] + back[:20]))
    assert seconds(clock) == tenths(40)
    assert clock.dated_until == 20


@pytest.mark.parametrize("period", [Fraction(1 << 33, 90_000), Fraction(1 << 32, 1000), Fraction(1 << 24, 1000)])
@pytest.mark.parametrize("keys", [(0,), (0, 7), tuple(range(20))])
def test_a_counter_that_overflows_goes_on(period: Fraction, keys: Sequence[int]) -> None:
    unit = Fraction(1, 90_000) if period.denominator % 1000 else Fraction(1, 1000)
    size, step = int(period / unit), int(Fraction(1, 10) / unit)
    wrapped = [(size - 7 * step + number * step) % size for number in range(20)]
    clock = straight(stamps(wrapped, wrapped, keys, unit=unit))
    assert seconds(clock) == tenths(20)
    assert clock.dated_until is None, "nothing is doubtful about it"
    assert not clock.remarks


def test_both_clocks_of_reordered_pictures_overflow_at_moments_of_their_own() -> None:
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    shown = [(WRAP - 5 * STEP + place * STEP) % WRAP for place in order]
    decoded = [(WRAP - 6 * STEP + place * STEP) % WRAP for place in range(10)]
    clock = straight(stamps(shown, decoded))
    assert clock.ordered
    assert seconds(clock) == [place / 10 for place in order]


@pytest.mark.parametrize("absurd", [10**9, -(10**9), 5, 50 * STEP])
@pytest.mark.parametrize("place", [1, 8, 12])
@pytest.mark.parametrize("keys", [(0,), tuple(range(20))])
def test_one_absurd_time_costs_neither_its_picture_nor_the_others(absurd: int, place: int, keys: Sequence[int]) -> None:
    given = [*TWENTY[:place], absurd, *TWENTY[place + 1 :]]
    clock = straightened(stamps(given, given, keys))
    assert clock is not None
    assert len(clock.times) == 20
    assert max(abs(a - b) for a, b in zip(sorted(seconds(clock)), tenths(20), strict=True)) <= 0.1 * place
    if abs(absurd) == 10**9:
        assert seconds(clock) == tenths(20)
        assert "1 of 20 pictures came without a usable time" in clock.remarks[0]
        assert clock.dated_until is None


@pytest.mark.parametrize("absurd", [3, 10**9])
def test_the_first_time_of_all_may_be_the_absurd_one(absurd: int) -> None:
    rest = [time + 10**7 for time in TWENTY[1:]]
    assert seconds(straight(stamps([absurd, *rest], [absurd, *rest]))) == tenths(20)


def test_a_picture_whose_time_of_showing_alone_is_absurd() -> None:
    shown = [0, 3 * STEP, STEP, 2 * STEP, 10**9, 4 * STEP, 5 * STEP]
    clock = straight(stamps(shown, [place * STEP for place in range(-1, 6)]))
    assert seconds(clock) == sorted(seconds(clock))
    assert max(seconds(clock)) < 1


def test_missing_times_are_taken_from_the_neighbours() -> None:
    clock = straight(stamps([0, None, None, 3 * STEP, None, 5 * STEP, None]))
    assert seconds(clock) == tenths(7)
    assert "4 of 7 pictures came without a usable time" in clock.remarks[0]


def test_times_of_decoding_serve_where_those_of_showing_are_missing() -> None:
    decoded = list(TWENTY)
    clock = straight(stamps([None] * 20, decoded))
    assert seconds(clock) == tenths(20)


def test_a_clock_of_whole_seconds_is_spread() -> None:
    clock = straight(stamps([0] * 5 + [90_000] * 5 + [180_000] * 5))
    assert seconds(clock)[:11] == [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2]
    assert "12 of 15 pictures came with the time of another" in clock.remarks[0]


def test_no_clock_at_all() -> None:
    for clockless in (stamps([None] * 5), stamps([7] * 5), stamps([None, 3, None])):
        assert straightened(clockless) is None


def test_a_clock_may_be_counted() -> None:
    stated = counted_clock(3, Fraction(10), guessed=False)
    assert seconds(stated) == [0, 0.1, 0.2]
    assert stated.dated_until is None
    guessed = counted_clock(3, Fraction(25), guessed=True)
    assert seconds(guessed) == [0, 0.04, 0.08]
    assert guessed.dated_until == 1
    assert "guess" in guessed.remarks[0]


def leaping(seconds_: int, **options: object) -> Stamps:
    leapt = TWENTY[:10] + [time + seconds_ * 90_000 for time in TWENTY[10:]]
    return stamps(leapt, leapt, **options)  # type: ignore[arg-type]


def test_a_leap_in_a_transmission_is_told_and_believed_for_a_day() -> None:
    clock = straight(leaping(7200))
    assert seconds(clock)[9:11] == [0.9, 7201]
    assert "leaps ahead at 0:00" in clock.remarks[0]
    assert clock.dated_until is None
    long = straight(leaping(30 * 3600))
    assert seconds(long) == tenths(20)
    assert long.dated_until == 10


def test_a_leap_that_a_container_states_is_a_pause() -> None:
    assert leaping(7200, transmitted=False).is_sound
    told = straightened(leaping(7200, lasting=7200 * 90_000))
    assert told is not None
    assert not told.remarks


ANYTHING = st.one_of(st.integers(-(1 << 34), 1 << 34), st.integers(0, 10**6), st.integers(-(1 << 62), 1 << 62))


@given(
    st.lists(st.one_of(st.none(), ANYTHING), min_size=1, max_size=40),
    st.lists(st.one_of(st.none(), ANYTHING), min_size=40, max_size=40),
    st.sets(st.integers(0, 39)),
)
def test_whatever_packets_say_each_picture_has_a_time_and_times_grow(
    shown: list[int | None], decoded: list[int | None], keys: set[int]
) -> None:
    given = stamps(shown, decoded[: len(shown)], [key for key in keys if key < len(shown)])
    if given.is_sound:
        return
    clock = straightened(given)
    if clock is None:
        return
    assert len(clock.times) == len(shown)
    in_order = np.sort(clock.times)
    assert (np.diff(in_order) > 0).all()
    assert clock.ordered or np.array_equal(clock.times, in_order)
