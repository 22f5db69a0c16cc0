"""Many clients create, fill, empty and destroy the same few containers: every answer is one that some
serial order of the requests explains, and the counters are exact at the end."""

import random
import threading
import time

import pytest
from support.linear import Call, explained
from support.oio import Oio, counters, fresh
from support.oio_model import ABSENT, apply

pytestmark = pytest.mark.worlds("embedded", "real")

CLIENTS = 64
CONTAINERS = 10
STEPS = 30  # of each client: nearly 200 requests about a container
KEYS, NAMES = ("a", "b", "c"), ("x", "y")
# Reads tie the order down, so that a wrong answer cannot hide among those of others.
WEIGHTS = {
    "create": 16, "destroy": 10, "set": 14, "unset": 4, "put": 12, "delete": 10, "flush": 4, "get": 22, "list": 8,
}  # fmt: skip
JOIN_S = 120.0  # under a sanitizer, on a busy machine
STATUSES = {
    "create": (201, 204), "destroy": (204, 404, 409), "set": (200, 404), "unset": (200, 404), "put": (201, 404),
    "delete": (204, 404), "flush": (204, 404), "get": (200, 404), "list": (200, 404),
}  # fmt: skip


class Racer(threading.Thread):
    def __init__(self, url, containers, seed):
        super().__init__(daemon=True)
        self.oio = Oio(url)
        self.containers = containers
        self.random = random.Random(seed)
        self.seed = seed
        self.calls = {ref: [] for ref in containers}
        self.problem = None

    def run(self):
        try:
            for number in range(STEPS):
                [step] = self.random.choices(list(WEIGHTS), WEIGHTS.values())
                self.step(step, self.random.choice(self.containers), f"{self.seed}-{number}")
        except Exception as problem:  # of a thread nobody would see it
            self.problem = problem

    def step(self, step, ref, value):
        begin = time.monotonic()
        words, answer, told = getattr(self, "do_" + step)(ref, value)
        end = time.monotonic()
        answer.must(*STATUSES[step])
        told = told(answer.json()) if answer.status == 200 and told else ()
        self.calls[ref].append(Call(begin, end, (step, *words), (answer.status, *told)))

    def do_create(self, ref, value):
        return [(("a", value),)], self.oio.create(ref, {"a": value}), None

    def do_destroy(self, ref, _):
        return [], self.oio.destroy(ref), None

    def do_set(self, ref, value):
        key = self.random.choice(KEYS)
        return [key, value], self.oio.set(ref, {key: value}), None

    def do_unset(self, ref, _):
        key = self.random.choice(KEYS)
        return [key], self.oio.unset(ref, [key]), None

    def do_put(self, ref, value):
        name, body = self.random.choice(NAMES), value.encode() * self.random.randint(1, 9)
        return [name, len(body)], self.oio.put(ref, name, body), None

    def do_delete(self, ref, _):
        name = self.random.choice(NAMES)
        return [name], self.oio.delete(ref, name), None

    def do_flush(self, ref, _):
        return [], self.oio.flush(ref), None

    def do_get(self, ref, _):
        def told(found):
            sums = (int(found["system"][key]) for key in ("sys.m2.objects", "sys.m2.usage"))
            return tuple(sorted(found["properties"].items())), *sums

        return [], self.oio.get(ref), told

    def do_list(self, ref, _):
        def told(page):
            return (tuple((entry["name"], entry["size"]) for entry in page["objects"]),)

        return [], self.oio.list(ref), told


def check_history(ref, racers):
    calls = [call for racer in racers for call in racer.calls[ref]]
    stuck = explained(calls, apply, ABSENT)
    assert stuck is None, f"{ref}: no serial order explains one of {stuck[0]} in state {stuck[1]}"
    return calls


def check_counters(oio, ref):
    if oio.show(ref).must(200, 404).status == 404:
        return 0
    entries = oio.versions(ref)
    assert counters(oio, ref) == (len(entries), sum(entry["size"] for entry in entries))
    return len(entries)


def test_every_answer_of_racing_clients_is_one_that_a_serial_order_explains(sites):
    seed = random.SystemRandom().randrange(1 << 16)
    print(f"seed {seed}")
    (site,) = sites(["site-a"])
    containers = [fresh("race") for _ in range(CONTAINERS)]
    racers = [Racer(site.url, containers, seed * 100 + number) for number in range(CLIENTS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(JOIN_S)
        assert not racer.is_alive(), "a client waits for ever"
    assert [racer.problem for racer in racers if racer.problem] == []

    seen = {(call.asked[0], call.answered[0]) for ref in containers for call in check_history(ref, racers)}
    assert seen == {(step, status) for step, statuses in STATUSES.items() for status in statuses}
    left = sum(check_counters(Oio(site.url), ref) for ref in containers)
    assert left > 0, "nothing is left: the counters prove little"


# ---- the judge itself


def history(*lines):
    return [Call(*line) for line in lines]


CREATE = ("create", ())
PUT = ("put", "x", 5)


@pytest.mark.parametrize(
    "lines",
    [
        # Two creates, and both are told that they made it.
        [(0, 1, CREATE, (201,)), (0, 1, CREATE, (201,))],
        # A property that was set and answered is not there afterwards.
        [(0, 1, CREATE, (201,)), (2, 3, ("set", "a", "1"), (200,)), (4, 5, ("get",), (200, (), 0, 0))],
        # An object in a container that was destroyed before it came.
        [(0, 1, CREATE, (201,)), (2, 3, ("destroy",), (204,)), (4, 5, PUT, (201,))],
        # A counter that misses the object.
        [(0, 1, CREATE, (201,)), (2, 3, PUT, (201,)), (4, 5, ("get",), (200, (), 0, 0))],
        # Not empty, though nothing ever was in it.
        [(0, 1, CREATE, (201,)), (0, 9, ("destroy",), (409,))],
        # Seen, and then not yet there.
        [(0, 1, CREATE, (201,)), (2, 9, PUT, (201,)), (3, 4, ("list",), (200, (("x", 5),))),
         (5, 6, ("list",), (200, ()))],
    ],
)  # fmt: skip
def test_a_history_that_no_order_explains_is_found_out(lines):
    assert explained(history(*lines), apply, ABSENT) is not None


def test_a_history_that_an_order_explains_is_believed():
    lines = [
        (0, 9, PUT, (201,)), (1, 3, CREATE, (201,)), (2, 4, ("destroy",), (204,)), (5, 7, CREATE, (201,)),
        (6, 8, ("get",), (200, (), 1, 5)), (6, 8, ("destroy",), (409,)), (10, 11, ("list",), (200, (("x", 5),))),
    ]  # fmt: skip
    assert explained(history(*lines), apply, ABSENT) is None
