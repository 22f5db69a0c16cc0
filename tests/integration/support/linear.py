"""Whether some serial order explains what clients of one thing saw at the same time: linearizability,
by search (Wing and Gong), with what was tried remembered (Lowe)."""

from dataclasses import dataclass

# Tried states of one history. Those of the tests take some thousands; a history that needs more is reported,
# not believed.
TRIES_MAX = 2_000_000


@dataclass(frozen=True)
class Call:
    """What was asked between begin and end, and what the answer was."""

    begin: float
    end: float
    asked: tuple
    answered: tuple


class Undecided(AssertionError):
    """The search was given up."""


def explained(calls, apply, state):
    """None, or the calls of which none can be the next one in any serial order, at the place that the
    search got furthest to, with the states there.

    A call takes effect at one moment between its begin and its end.
    apply   (state, asked, answered) -> the state after it, or None where that answer cannot be
    state   hashable, the first one
    """
    calls = sorted(calls, key=lambda call: call.begin)
    start = (0, 0, state)  # calls before the first are done, and those of the mask, counted from it
    left, tried, furthest = [start], {start}, (0, start)
    while left:
        first, mask, state = left.pop()
        if first == len(calls):
            return None
        done = first + mask.bit_count()
        furthest = max(furthest, (done, (first, mask, state)), key=lambda found: found[0])
        for index in _candidates(calls, first, mask):
            after = apply(state, calls[index].asked, calls[index].answered)
            if after is None:
                continue
            found = _past(first, mask | 1 << (index - first), after)
            if found not in tried:
                tried.add(found)
                left.append(found)
        if len(tried) > TRIES_MAX:
            raise Undecided(f"{len(calls)} calls: given up after {TRIES_MAX} tries")
    first, mask, state = furthest[1]
    return [calls[index] for index in _candidates(calls, first, mask)], state


def _candidates(calls, first, mask):
    """Those that may be next: begun before any other ended. The one that ended first comes last, and is
    tried first."""
    found, soonest = [], float("inf")
    for index in range(first, len(calls)):
        if calls[index].begin > soonest:
            break
        if not mask >> (index - first) & 1:
            found.append(index)
            soonest = min(soonest, calls[index].end)
    return sorted(found, key=lambda index: calls[index].end, reverse=True)


def _past(first, mask, state):
    """The same, counted from the first call that is not done."""
    while mask & 1:
        mask >>= 1
        first += 1
    return first, mask, state
