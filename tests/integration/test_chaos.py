"""Three sites in bad weather: lines that delay, throttle, stall, break and corrupt, processes that are
killed or stand still, clocks that are wrong and jump, and clients that make, delete and order again the
same few names all the while. Then all heals, and what the sites hold is compared from outside."""

import concurrent.futures
import contextlib
import hashlib
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support.command import Ferry
from support.links import Links
from support.offline import fsck
from support.orders import FINAL, outcome_rows
from support.racers import BUCKETS, Racer, backlog, shown
from support.sites import check_memory
from support.site import BUILDS
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

NAMES = ("site-a", "site-b", "site-c")
CLIENTS = 2  # at each site
SIZES = (0, 10, 300, 5000, 60_000, 300_000)
QUIET_S = 120.0
# How orders die of a bad line: their bytes are not the promised ones however often they are pulled.
SPOILT = {"HASH_MISMATCH", "SIZE_MISMATCH"}
# An order without a stamp asks for what the source had when it was given. If that is another by then, or
# nothing, and the source's clock is behind, nobody can tell that the source's change is the newer one.
OVERTAKEN = {"SRC_NOT_FOUND", "SRC_CHANGED"}
SETTINGS = dict(
    retry_memory="2s", retry_first="500ms", retry_second="1s", retry_later="1s", trash_grace="300ms",
    sweep_every="200ms")  # fmt: skip


class WrongClock:
    """A site's wall clock is wrong by another amount each time it starts."""

    def __init__(self, program, folder, chances, most_s):
        self.chances = chances
        self.most_s = most_s
        library = folder / "wrong_clock.so"
        source = Path(__file__).parent / "support" / "wrong_clock.c"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
        linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        first = [line.split()[2] for line in linked.splitlines() if "libasan" in line]
        self.preload = ":".join([*first, str(library)])

    def __call__(self, words):
        off_s = self.chances.randint(-self.most_s, self.most_s)
        return ["env", f"LD_PRELOAD={self.preload}", f"WRONG_CLOCK_S={off_s}", *words]


class Trouble(threading.Thread):
    """Makes it for a moment, again and again, until the time is up; its `end` mends what is left."""

    def __init__(self, seed, until):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.until = until
        self.counts = {}
        self.problem = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.count(self.step())
            self.end()
        except Exception as problem:  # of a thread nobody would see it
            self.problem = problem

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def end(self):
        pass

    def hold(self, longest_s):
        time.sleep(self.random.random() * longest_s)


class Weather(Trouble):
    """On the lines."""

    KINDS = ("delayed", "slow", "stalled", "reset", "refused", "corrupt")

    def __init__(self, links, kinds, seed, until):
        super().__init__(seed, until)
        self.links = links
        self.kinds = kinds

    def step(self):
        link = self.random.choice(self.links)
        kind = self.random.choice(self.kinds)
        if kind == "delayed":
            link.delay = 0.3
        elif kind == "slow":
            link.rate = 50_000
        elif kind == "corrupt":
            link.corrupt = 0.3
        elif kind == "reset":
            link.reset()
        else:
            setattr(link, kind, True)
        self.hold(2.0)
        link.clear()
        return kind


class Killer(Trouble):
    """Of processes: dead, or asleep for a while."""

    def __init__(self, sites, seed, until):
        super().__init__(seed, until)
        self.sites = sites

    def step(self):
        self.hold(3.0)
        site = self.random.choice(self.sites)
        if self.random.random() < 0.5:
            site.kill()
            self.hold(0.5)
            site.start(ready=False)
            return "killed"
        site.process.send_signal(signal.SIGSTOP)
        try:
            self.hold(3.0)
        finally:
            site.process.send_signal(signal.SIGCONT)
        return "stopped"


def connect(sites, links):
    """Each reaches each other, its PostgreSQL and its Redis by a line of its own. Gives those between
    the sites, and those to the servers."""
    between, engines = [], []
    for site in sites:
        site.peers = {}
        for other in sites:
            if other is not site:
                between.append(links.to(other.url))
                site.peers[other.name] = between[-1].url
        for engine in ("catalogue", "cache"):
            if engine in site.settings:
                engines.append(links.to(site.settings[engine]))
                site.settings[engine] = engines[-1].url
    return between, engines


def storm(sites, between, engines, seconds, seed):
    """Gives the clients and the troubles, all ended."""
    until = time.monotonic() + seconds
    clients = [
        Racer(site, seed * 100 + number, until, tough=True, sizes=SIZES,
              others=[other for other in sites if other is not site])
        for number in range(CLIENTS) for site in sites]  # fmt: skip
    troubles = [Weather(between, Weather.KINDS, seed + number, until) for number in range(3)]
    if engines:
        troubles.append(Weather(engines, ("delayed", "stalled", "reset", "refused"), seed + 3, until))
    troubles.append(Killer(sites, seed + 4, until))
    for thread in clients + troubles:
        thread.start()
    for thread in clients + troubles:
        thread.join(seconds + 90)
        assert not thread.is_alive(), thread
    problems = [thread.problem for thread in clients + troubles if thread.problem]
    assert problems == [], problems
    return clients, troubles


def await_quiet(sites):
    """Nothing is on its way, dead letters aside. Applying an order writes none, so what one site passes
    on while another is looked at shows at the second look."""

    def left_of(site):
        return backlog(site) - site.client(None).metrics()["ferry_dead_letters"]

    def quiet():
        left = [left_of(site) for site in (*sites, *sites)]
        assert not any(left), left
        return True

    eventually(quiet, QUIET_S, "all orders are delivered and done")


def end_dead_letters(sites, clients):
    """As an operator does when the lines are good again: tries once more what the line has spoilt.
    Gives {reason: count} of all there were."""
    unstamped = set().union(*(racer.unstamped for racer in clients))
    reasons = {}
    for site in sites:
        for row in site.client().waiting(state="dead", limit=1000).must(200).json()["orders"]:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
            if row["reason"] in SPOILT:
                site.client().retry_waiting(id=row["id"]).must(200)
            else:
                assert row["reason"] in OVERTAKEN and row["order"]["opId"] in unstamped, row
                site.client().drop_waiting(id=row["id"]).must(200)
    return reasons


def check_outcomes(clients):
    """Every order that was accepted has its end."""

    def ended(pair):
        client, op_id = pair
        [row] = outcome_rows(client, op_id)
        assert row["outcome"] in FINAL, row

    pairs = [(racer.client, op_id) for racer in clients for op_id in racer.accepted]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(ended, pairs))
    return len(pairs)


def check_equal(sites, clients):
    held = [shown(site) for site in sites]
    keys = set().union(*held)
    differ = {key: [one.get(key) for one in held] for key in keys if any(held[0].get(key) != one.get(key) for one in held)}
    assert differ == {}, differ
    objects = [key for key in held[0] if isinstance(key, tuple)]
    assert objects, "nothing is left: the storm proves little"
    sent = set().union(*(racer.sent for racer in clients))
    for key in objects:
        bodies = {hashlib.sha256(site.client().get(*key).must(200).body).hexdigest() for site in sites}
        assert len(bodies) == 1 and bodies <= sent, key
    for site in sites:
        for other in sites:
            for bucket in BUCKETS if other is not site else ():
                Ferry(site.url)("diff", bucket, "--with", other.name).must()


def total(threads):
    """{what: how often}"""
    counts = {}
    for thread in threads:
        for key, count in thread.counts.items():
            counts[key] = counts.get(key, 0) + count
    return dict(sorted(counts.items()))


@contextlib.contextmanager
def three_sites(sites, build, folder, seed, most_s):
    """They run, and their lines are good, as they are in the end; then all are stopped and looked at."""
    program = BUILDS[build]()
    clock = WrongClock(program, folder, random.Random(seed), most_s)
    with Links(seed) as links:
        made = sites(list(NAMES), start=False, program=program, wrapper=clock, **SETTINGS)
        between, engines = connect(made, links)
        for site in made:
            site.start()
        for bucket in BUCKETS:
            made[0].client().make_bucket(bucket).must(201)
        yield made, between, engines
        for link in links.made:
            link.clear()
        for site in made:
            site.stop()
            damages, _, _ = fsck(site)
            assert damages == [], damages


def weather_and_after(sites, build, folder, seconds, seed, most_s):
    """Gives what happened, in words."""
    with three_sites(sites, build, folder, seed, most_s) as (made, between, engines):
        clients, troubles = storm(made, between, engines, seconds, seed)
        await_quiet(made)
        dead = end_dead_letters(made, clients)
        await_quiet(made)
        assert end_dead_letters(made, clients) == {}
        orders = check_outcomes(clients)
        check_equal(made, clients)
        memory = check_memory(made) if build == "release" else "not measured"
        return {"memory": memory, "dead": dead, "orders": orders,
                "corrupted": sum(link.corrupted for link in between),
                "troubles": total(troubles), "clients": total(clients)}  # fmt: skip


def test_three_sites_end_equal_after_a_storm(sites, tmp_path):
    seed = random.SystemRandom().randrange(1 << 16)
    print(f"seed {seed}")
    happened = weather_and_after(sites, "sanitized", tmp_path, seconds=40, seed=seed, most_s=30)
    print(happened)
    for what in ("create 201", "delete 204", "repeat 201"):
        assert happened["clients"].get(what, 0) > 0, f"the storm never saw '{what}'"
    assert set(happened["troubles"]) >= {*Weather.KINDS, "killed", "stopped"}


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_three_sites_end_equal_after_half_an_hour_of_storm(sites, tmp_path, record_property):
    happened = weather_and_after(sites, "release", tmp_path, seconds=1800, seed=1, most_s=90)
    for what, value in happened.items():
        record_property("soak", f"{what}: {value}")
