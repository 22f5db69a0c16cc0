"""Bounded waits: nothing here sleeps for a fixed time and hopes."""

import time

POLL_FIRST_S = 0.01
POLL_MAX_S = 0.2


def eventually(predicate, timeout=15.0, reason="the condition"):
    """Calls predicate until it gives something true, and returns that.

    An AssertionError or a failed connection of the predicate counts as "not yet". When the time is
    up, the AssertionError tells what was waited for and what the predicate said last.
    """
    deadline = time.monotonic() + timeout
    pause = POLL_FIRST_S
    while True:
        try:
            last = predicate()
            if last:
                return last
        except (AssertionError, ConnectionError, TimeoutError) as error:
            last = error
        left = deadline - time.monotonic()
        if left <= 0:
            raise AssertionError(f"after {timeout:g} s still not: {reason}; last: {last!r}")
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, POLL_MAX_S)


def stays(predicate, seconds, reason="the condition"):
    """The predicate stays true for so long: for what must not happen, which no event announces."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = predicate()
        assert value, f"no longer: {reason}; now: {value!r}"
        time.sleep(POLL_MAX_S / 4)
