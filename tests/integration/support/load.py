"""Orders given from several connections at once, with a record of what was answered to each.

Each order is a CREATE of an object of its own, which a hostile.HostileSource holds ready, so that an
order's effect can be seen: the object is there, with its own bytes.
"""

import collections
import concurrent.futures
import itertools
import threading
import time

from support.faults_load import BROKEN
from support.orders import order, outcome_rows
from support.waiting import eventually

BUCKET = "load-bucket"
ARRAY = 10  # orders in one request, from every fourth connection
JOIN_S = 60.0

# What was answered to one order; began and ended of its request, monotonic. status None: no answer.
Given = collections.namedtuple("Given", "op_id name began ended status")


def body_of(name):
    return f"the bytes of {name}".encode()


class OrderLoad:
    """`with OrderLoad(client, source) as load:` gives orders until the block ends."""

    def __init__(self, client, source, connections=8, pause_s=0.05, label="load"):
        """client: or a function that gives the one for connection n. pause_s: after each answer."""
        self.client_of = client if callable(client) else lambda number: client
        self.source = source
        self.pause_s = pause_s
        self.label = label
        self.given = []
        self.problems = []
        self.lock = threading.Lock()
        self.numbers = itertools.count()
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(connections)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.stopping.set()
        for thread in self.threads:
            thread.join(JOIN_S)
        assert not self.problems, self.problems[:3]

    def _run(self, number):
        try:
            while not self.stopping.wait(self.pause_s):
                self._give(self.client_of(number), ARRAY if number % 4 == 3 else 1)
        except Exception as problem:  # a thread's own would be seen by nobody
            self.problems.append(repr(problem))

    def _give(self, client, count):
        orders = [self._order() for _ in range(count)]
        began = time.monotonic()
        try:
            answer = client.post_order(*orders) if count == 1 else client.post_orders(orders)
            status = answer.status
        except BROKEN:
            status = None
        ended = time.monotonic()
        with self.lock:
            self.given += [Given(o["opId"], o["objectName"], began, ended, status) for o in orders]

    def _order(self):
        with self.lock:
            name = f"{self.label}-{next(self.numbers):06d}"
        data = self.source.plant(BUCKET, name, body_of(name))
        return order("CREATE", BUCKET, name, source=self.source.site, data=data, opId=f"op-{name}")

    # ---- what was answered

    def answers(self, since=0.0, until=float("inf")):
        """Of the requests that began and ended in this time."""
        with self.lock:
            return [one for one in self.given if one.began >= since and one.ended <= until]

    def statuses(self, since=0.0, until=float("inf")):
        """{status: how many orders}."""
        return dict(collections.Counter(one.status for one in self.answers(since, until)))

    def await_status(self, status, count, timeout, since=0.0):
        """Until so many orders given since then have this answer; gives the time of the first."""

        def look():
            found = [one.ended for one in self.answers(since) if one.status == status]
            return len(found) >= count and min(found)

        return eventually(look, timeout, f"{count} orders are answered {status}")


def check_effects(client, given, timeout):
    """That every order answered 201 has its effect, once, and every other at most once; gives
    {outcome: count} of those that were not answered 201."""
    accepted = [one for one in given if one.status == 201]
    others = [one for one in given if one.status != 201]

    def rows_of(one):
        rows = outcome_rows(client, one.op_id)
        assert len(rows) <= 1, rows
        return rows[0]["outcome"] if rows else None

    def applied(one):
        def look():
            outcome = rows_of(one)
            assert outcome == "applied", outcome
            return True

        eventually(look, timeout, f"{one} is applied")
        assert client.get(BUCKET, one.name).must(200).body == body_of(one.name)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(applied, accepted))
        return dict(collections.Counter(pool.map(rows_of, others)))
