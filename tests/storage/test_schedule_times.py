"""When a schedule is due: the pure rule, held against the cron library, the clock's changes and the quiet hours."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import InvalidInput
from storage.schedule_fields import read_jitter, read_quiet, read_rhythm
from storage.schedule_times import DueRule, begins_at, is_quiet, next_due, spread_until, upcoming

BERLIN = "Europe/Berlin"
ZONES = ["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rule(rhythm: str, zone: str = "UTC", quiet: str = "") -> DueRule:
    return DueRule(read_rhythm(rhythm), zone, read_quiet(quiet), NOON)


def local(times: tuple[datetime, ...], zone: str) -> list[str]:
    return [f"{at.astimezone(ZoneInfo(zone)):%m-%d %H:%M %z}" for at in times]


def hour(day: int, at: int, minute: int = 0, *, month: int = 3) -> datetime:
    return datetime(2026, month, day, at, minute, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_comes_when_they_have_jumped_and_only_once() -> None:
    # Europe/Berlin, 29 March 2026: 02:00 becomes 03:00.
    due = upcoming(rule("30 2 * * *", BERLIN), hour(27, 12), 3)
    assert local(due, BERLIN) == ["03-28 02:30 +0100", "03-29 03:00 +0200", "03-30 02:30 +0200"]


def test_a_time_that_the_clocks_show_twice_comes_once_even_when_asked_in_between() -> None:
    # Europe/Berlin, 25 October 2026: 03:00 becomes 02:00.
    twice = rule("30 2 * * *", BERLIN)
    assert local(upcoming(twice, hour(24, 12, month=10), 2), BERLIN) == ["10-25 02:30 +0200", "10-26 02:30 +0100"]
    for minute in range(0, 60, 5):  # 02:30 was shown the first time at 00:30Z
        due = next_due(twice, hour(25, 0, 31, month=10) + timedelta(minutes=minute))
        assert due == hour(26, 1, 30, month=10)


def test_what_comes_every_hour_comes_every_hour_whatever_the_clocks_do() -> None:
    for month, day in ((3, 28), (10, 24)):
        due = upcoming(rule("0 * * * *", BERLIN), hour(day, 20, month=month), 12)
        assert {later - earlier for earlier, later in itertools.pairwise(due)} == {timedelta(hours=1)}


def test_a_leap_day_is_waited_for() -> None:
    assert local(upcoming(rule("0 2 29 2 *"), NOON, 2), "UTC") == ["02-29 02:00 +0000", "02-29 02:00 +0000"]
    assert [at.year for at in upcoming(rule("0 2 29 2 *"), NOON, 2)] == [2028, 2032]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0 30 2 *", "never comes"),
        ("0 0 */31 * MON#5", "never comes: no date fits"),
        ("* 2 * * *", "comes more often than every 5 minutes"),
        ("0,3 * * * *", "comes more often"),
        ("every 4m", "from 5 minutes"),
        ("every 9999d", "to 366 days"),
        ("", "is empty"),
        ("daily", "neither a cron expression nor an interval"),
        ("0 2 * * * *", "neither a cron expression"),
        ("61 2 * * *", "Bad minute"),
        ("L/2 L/2 L/2 * *", "cron cannot read it"),
    ],
)
def test_a_rhythm_that_cannot_be_says_why(text: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_rhythm(text)
    assert caught.value.field == "rhythm"
    assert says in str(caught.value)
    assert caught.value.hint


def test_rhythms_are_written_as_they_are_read_and_said_in_words() -> None:
    for typed, kept, words in (
        ("0 2 * * *", "0 2 * * *", "At 02:00 every day"),
        (" 30  3 * * mon ", "30 3 * * MON", "At 03:30 on Monday"),
        ("every 360 minutes", "every 6h", "Every 6 h"),
        ("90m", "every 90m", "Every 90 min"),
        ("Every 2 days", "every 2d", "Every 2 d"),
    ):
        rhythm = read_rhythm(typed)
        assert (str(rhythm), rhythm.words) == (kept, words)
        assert read_rhythm(str(rhythm)) == rhythm


@given(st.text(max_size=20) | st.from_regex(r"[-*/,#LW0-9A-Z]{1,5}( [-*/,#LW0-9A-Z]{1,4}){4}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_whatever_is_typed_is_a_rhythm_or_is_refused_in_our_words(text: str) -> None:
    for read in (read_rhythm, read_jitter, read_quiet):
        try:
            value = read(text)
        except InvalidInput:
            continue
        assert read(str(value) if value is not None else "") == value


def test_due_times_in_quiet_hours_wait_for_their_end_together() -> None:
    quiet = rule("0 */2 * * *", BERLIN, "22:00-06:30")
    due = upcoming(quiet, hour(1, 18), 4)
    assert local(due, BERLIN) == ["03-01 20:00 +0100", "03-02 06:30 +0100", "03-02 08:00 +0100", "03-02 10:00 +0100"]
    # In the middle of the night it is still to come, though it was due before.
    assert next_due(quiet, hour(2, 1)) == due[1]
    assert next_due(rule("0 2 * * *", "UTC", "01:00-03:00"), hour(1, 2, 30)) == hour(1, 3)


def test_quiet_hours_end_on_the_days_on_which_the_clocks_change() -> None:
    for quiet, after in (("22:00-02:30", hour(28, 20)), ("22:00-02:30", hour(24, 20, month=10))):
        night = rule("15 23 * * *", BERLIN, quiet)
        due = next_due(night, after)
        assert due is not None
        assert not is_quiet(night, due)
        assert due - after < timedelta(hours=8)


def test_intervals_are_counted_from_their_anchor_and_do_not_drift() -> None:
    every = rule("every 90m")
    assert next_due(every, NOON) == NOON + timedelta(minutes=90)
    assert next_due(every, NOON + timedelta(minutes=90)) == NOON + timedelta(minutes=180)
    assert next_due(every, NOON + timedelta(days=30, minutes=1)) == NOON + timedelta(days=30, minutes=90)
    assert next_due(every, NOON - timedelta(days=1)) == NOON + timedelta(minutes=90), "none was due before"
    night = rule("every 6h", "UTC", "10:00-13:00")
    assert next_due(night, NOON) == NOON + timedelta(hours=6), "nor is one waiting in the quiet hours it was made in"


_minutes = st.integers(0, 59)
_clock = st.tuples(st.integers(0, 23), _minutes).map(lambda at: f"{at[0]:02}:{at[1]:02}")
_crons = st.builds(
    "{} {} {} {} {}".format,
    st.one_of(_minutes.map(str), st.sampled_from(["*/15", "0,30"])),
    st.one_of(st.integers(0, 23).map(str), st.sampled_from(["*", "*/3", "8-18"])),
    st.sampled_from(["*", "1", "29", "31", "L", "1-7"]),
    st.sampled_from(["*", "2", "3,10", "*/2"]),
    st.sampled_from(["*", "1-5", "SUN", "5L"]),
)


@given(
    rhythm=st.one_of(_crons, st.integers(5, 3000).map(lambda minutes: f"every {minutes}m")),
    zone=st.sampled_from(ZONES),
    quiet=st.one_of(st.just(""), st.tuples(_clock, _clock).filter(lambda q: q[0] != q[1]).map("-".join)),
    after=st.integers(0, 4 * 366 * 24 * 60).map(
        lambda minutes: NOON - timedelta(days=400) + timedelta(minutes=minutes)
    ),
)
@settings(max_examples=150, deadline=None)
def test_the_next_due_time_is_later_fits_the_rhythm_and_is_never_in_quiet_hours(
    rhythm: str, zone: str, quiet: str, after: datetime
) -> None:
    try:
        asked = rule(rhythm, zone, quiet)
    except InvalidInput:
        return  # never comes
    due = next_due(asked, after)
    assert due is not None
    assert due > after
    assert next_due(asked, due - timedelta(seconds=1)) == due, "nothing due was passed over"
    if asked.quiet is None:
        if asked.rhythm.cron is not None:
            behind = CronSim(asked.rhythm.cron, (due - timedelta(minutes=2)).astimezone(ZoneInfo(zone)))
            assert due in {next(behind).astimezone(UTC) for _ in range(3)}
    else:
        # Unless quiet hours leave only minutes that the clocks skip that day, they are over.
        assert not is_quiet(asked, due)


def test_jitter_gives_each_connection_a_place_of_its_own_that_stays() -> None:
    until = spread_until(rule("0 2 * * *"), NOON, 240)
    places = [begins_at(7, connection, NOON, until) for connection in range(1000)]
    assert places == [begins_at(7, connection, NOON, until) for connection in range(1000)]
    assert min(places) >= NOON
    assert max(places) <= until == NOON + timedelta(hours=4)
    quarters = [sum(NOON + timedelta(hours=n) <= at < NOON + timedelta(hours=n + 1) for at in places) for n in range(4)]
    assert min(quarters) > 200, "they are spread evenly"
    assert begins_at(7, 1, NOON, NOON) == NOON


def test_jitter_does_not_reach_into_the_quiet_hours() -> None:
    assert spread_until(rule("0 21 * * *", "UTC", "22:00-06:00"), hour(1, 21), 240) == hour(1, 21, 59)
    assert spread_until(rule("0 21 * * *", "UTC", "22:00-06:00"), hour(1, 6), 240) == hour(1, 10)
    for text, minutes in (("", 0), ("240", 240), ("4h", 240), ("1d", 1440), ("90 min", 90)):
        assert read_jitter(text) == minutes
    for wrong in ("-1", "25h", "soon", "every 4h", "²"):
        with pytest.raises(InvalidInput, match="jitter"):
            read_jitter(wrong)
