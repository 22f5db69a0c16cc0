"""Two sites create, delete and re-create the same names at random while the orders between them are
repeated, shuffled and late. When all is quiet, both sites hold the same."""

import hashlib
import random
import subprocess
import threading
import time

import pytest

from support.faults_autopsy import stop_swept
from support.faults_load import BROKEN, rows
from support.site import BUILDS, environment
from support.sites import check_memory
from support.waiting import eventually

# How many names each has: one with a single name is often empty, so that it can be dropped.
BUCKETS = {"race-0": 12, "race-1": 6, "race-2": 1}
CLIENTS = 3  # at each site
QUIET_S = 90.0
SWEPT_S = 120.0  # the older of two copies of the same bytes stays a minute, whatever trash_grace says


class Racer(threading.Thread):
    """A client of one site; all it knows is what it sent. tough: its site may be dead at any moment."""

    def __init__(self, site, seed, until, tough):
        super().__init__(daemon=True)
        self.tough = tough
        self.client = site.client()
        self.random = random.Random(seed)
        self.until = until
        self.sent = {}  # sha256 -> (bucket, name)
        self.counts = {}
        self.problem = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                try:
                    self.step()
                except BROKEN:
                    if not self.tough:
                        raise
                    time.sleep(0.02)
        except Exception as problem:  # of a thread nobody would see it
            self.problem = problem

    def step(self):
        bucket = self.random.choice(list(BUCKETS))
        name = f"name-{self.random.randrange(BUCKETS[bucket])}"
        starting = (503,) if self.tough else ()
        action = self.random.choices(
            ["create", "delete", "make bucket", "drop bucket"], [46, 40, 7, 7])[0]  # fmt: skip
        if action == "create":
            body = self.random.randbytes(self.random.choice([0, 10, 100, 5000]))
            self.sent[hashlib.sha256(body).hexdigest()] = (bucket, name)
            # 404: no bucket now; 406, 409: somebody else's is there, or on its way.
            answer = self.client.put(bucket, name, body).must(201, 404, 406, 409, *starting)
        elif action == "delete":
            answer = self.client.delete(bucket, name).must(200, 204, 404, 406, 409, 410, *starting)
        elif action == "make bucket":
            answer = self.client.make_bucket(bucket).must(201, 406, 409, *starting)
        else:
            answer = self.client.drop_bucket(bucket).must(200, 204, 404, 406, 409, 410, *starting)
        key = f"{action} {answer.status}"
        self.counts[key] = self.counts.get(key, 0) + 1


class Killer(threading.Thread):
    """SIGKILL to one of the sites at a random moment, sometimes again while it starts."""

    def __init__(self, sites, seed, until):
        super().__init__(daemon=True)
        self.sites = sites
        self.random = random.Random(seed)
        self.until = until
        self.kills = 0
        self.problem = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                time.sleep(self.random.random() * 0.4)
                self.kill(self.random.choice(self.sites))
        except Exception as problem:
            self.problem = problem

    def kill(self, site):
        site.kill()
        self.kills += 1
        if self.random.random() < 0.3:
            with open(site.log, "ab") as log:
                starting = subprocess.Popen(
                    site.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                    env=environment())  # fmt: skip
            time.sleep(self.random.random() * 0.15)
            starting.kill()
            starting.wait()
            self.kills += 1
        site.start(ready=False)


def shown(site):
    """What the site holds: its buckets, and of each READY object everything that clients see of it."""
    held = {}
    for bucket in BUCKETS:
        held[bucket] = there = site.client().bucket_status(bucket) == "READY"
        if there:
            for name, row in rows(site, bucket, status="READY").items():
                held[bucket, name] = (row["hash"], row["size"], row["creation"], row["stamp"])
    return held


def backlog(site):
    numbers = site.client(None).metrics()
    kinds = ("ferry_backlog_orders", "ferry_waiting_orders")
    waiting = sum(count for name, count in numbers.items() if name.startswith(kinds))
    return waiting + numbers["ferry_outbox_orders"] + numbers["ferry_lane_orders"]


def race(sites, order_proxy, seconds, seed, killing=False, build="sanitized"):
    a, b = sites(["site-a", "site-b"], start=False, program=BUILDS[build](), retry_memory="5s", retry_first="500ms",
                 retry_second="1s", retry_later="1s", trash_grace="300ms", sweep_every="200ms")  # fmt: skip
    to_a = order_proxy(a.url, repeat=0.3, hold=0.4, seed=seed)
    to_b = order_proxy(b.url, repeat=0.3, hold=0.4, seed=seed + 1)
    a.peers, b.peers = {"site-b": to_b.url}, {"site-a": to_a.url}
    a.start()
    b.start()
    for bucket in BUCKETS:
        a.client().make_bucket(bucket).must(201)

    until = time.monotonic() + seconds
    racers = [Racer(site, seed * 100 + number, until, killing) for number in range(CLIENTS) for site in (a, b)]
    threads = racers + ([Killer((a, b), seed, until)] if killing else [])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 60)
    problems = [thread.problem for thread in threads if thread.problem]
    assert problems == [], problems

    for proxy in (to_a, to_b):
        proxy.hold = 0

    def quiet():
        for proxy in (to_a, to_b):
            proxy.release()
        return backlog(a) == 0 and backlog(b) == 0 and not to_a.held and not to_b.held

    eventually(quiet, QUIET_S, "all orders are delivered and done")
    # Late twice: a whole second delivery of the last thousand of each, shuffled.
    for proxy in (to_a, to_b):
        proxy.held = proxy.delivered[-1000:]
    eventually(quiet, QUIET_S, "the repeated orders are done as well")
    if killing:
        print(f"kills: {threads[-1].kills}")
    return a, b, racers, (to_a, to_b)


def check(a, b, racers, proxies):
    counts = {}
    for racer in racers:
        for key, count in racer.counts.items():
            counts[key] = counts.get(key, 0) + count
    delivered = [len(proxy.delivered) for proxy in proxies]
    print(f"operations: {dict(sorted(counts.items()))}; orders delivered to a, b: {delivered}")
    for what in ("create 201", "delete 204", "create 409", "drop bucket 204", "make bucket 201"):
        assert counts.get(what, 0) > 0, f"the race never saw '{what}'"

    left, right = shown(a), shown(b)
    differ = [key for key in left.keys() | right.keys() if left.get(key) != right.get(key)]
    assert differ == [], [(key, left.get(key), right.get(key)) for key in differ]
    assert any(isinstance(key, tuple) for key in left), "nothing is left: the race proves little"
    sent = {digest for racer in racers for digest in racer.sent}
    for key in left:
        if isinstance(key, tuple):
            bodies = [site.client().get(*key).must(200).body for site in (a, b)]
            assert bodies[0] == bodies[1], key
            assert hashlib.sha256(bodies[0]).hexdigest() in sent, f"{key}: nobody sent these bytes"
    for site in (a, b):
        assert site.client().waiting().must(200).json()["orders"] == []
        assert site.client(None).metrics()["ferry_dead_letters"] == 0


def test_two_racing_sites_end_equal_though_their_orders_are_shuffled_and_repeated(sites, order_proxy):
    seed = random.SystemRandom().randrange(1 << 16)
    print(f"seed {seed}")
    check(*race(sites, order_proxy, seconds=15, seed=seed))


def long_race(sites, order_proxy, build, seed, record_property, killing=False):
    """Gives the sites back, equal."""
    a, b, racers, proxies = race(sites, order_proxy, 60, seed, killing, build)
    check(a, b, racers, proxies)
    record_property("soak", f"{sum(sum(racer.counts.values()) for racer in racers)} operations")
    if build == "release":
        record_property("soak", check_memory((a, b)))
    return a, b


@pytest.mark.soak
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_racing_sites_end_equal_after_a_minute(sites, order_proxy, build, seed, record_property):
    long_race(sites, order_proxy, build, seed, record_property)


# The same while both are killed several times a second. Nothing is lost, left or leaked either.
@pytest.mark.soak
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_racing_sites_end_equal_though_both_are_killed_all_the_time(
    sites, order_proxy, build, seed, record_property
):
    for site in long_race(sites, order_proxy, build, seed, record_property, killing=True):
        stop_swept(site, SWEPT_S)
