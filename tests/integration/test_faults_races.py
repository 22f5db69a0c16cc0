"""Two sites create, delete and re-create the same names at random while the orders between them are
repeated, shuffled and late. When all is quiet, both sites hold the same."""

import hashlib
import random
import subprocess
import threading
import time

import pytest

from support.faults_autopsy import stop_swept
from support.racers import BUCKETS, Racer, backlog, shown
from support.site import BUILDS, environment
from support.sites import check_memory
from support.waiting import eventually

CLIENTS = 3  # at each site
QUIET_S = 90.0
SWEPT_S = 120.0  # the older of two copies of the same bytes stays a minute, whatever trash_grace says


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
    sent = set().union(*(racer.sent for racer in racers))
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
