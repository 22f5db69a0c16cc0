"""SIGKILL at every stage, again and again, while objects replicate: nothing is lost, nothing half
there, nothing left behind.

Uploads go to site-a; site-b pulls. A kill aims at one stage, and is sent in the moment in which the
stage is seen to have work:

upload         site-a, while uploads are begun and not answered (the test itself knows)
transfer       site-b, ferry_stage_orders{stage="transfer"} of /metrics is above 0
link-to-row    site-b, stage="catalogue": bodies durable under their names, rows not yet committed
row-to-offset  site-b, stage="commit": effects committed, offsets not

A gauge is a moment old when the kill lands. So what the kill really hit is read afterwards from the
files that the dead process left (support/faults_autopsy.py): the row of a half-done upload, or the body
of one that had no row yet; a body that no row names; an order that is applied but not committed. Only
that counts for those three. Of a transfer nothing stays on the disk; there the gauge counts, as long as
orders were pending.
"""

import random
import time

import pytest

from support.faults_autopsy import Autopsy, stop_swept
from support.faults_load import BUCKET, Thing, Uploader, differences, names_ready
from support.site import BUILDS
from support.sites import check_memory
from support.waiting import eventually

AIMS = ["transfer", "link-to-row", "row-to-offset", "upload"]
GAUGES = {"transfer": "transfer", "link-to-row": "catalogue", "row-to-offset": "commit"}
# The first orders after a quiet second are committed at once: one or two would be gone again.
LEAST = {"transfer": 1, "link-to-row": 1, "row-to-offset": 3}
SPARE = 5  # more kills, for a stage that all those aimed at it have missed
WINDOW = 60  # objects uploaded ahead of what site-b has, so that there is work during the kill
AIM_S = 20.0
SETTLE_S = 120.0


def gauge(numbers, stage):
    return int(numbers.get(f'ferry_stage_orders{{stage="{stage}"}}', 0))


class Crashes:
    def __init__(self, sites, kills, objects):
        self.a, self.b = sites
        self.kills = kills
        self.things = [Thing(number) for number in range(objects)]
        self.quota = objects // (kills + SPARE)
        self.uploader = Uploader(self.a, self.things, delete_every=20)
        self.log = []
        self.hits = dict.fromkeys(AIMS, 0)
        self.misses = 0
        self.memory = None  # of the processes that no kill has ended; of release builds only
        self.random = random.Random(1)

    # ---- one kill

    def work(self, number, numbers):
        """Lets the uploads run ahead of what site-b has by WINDOW, within this kill's share."""
        done = int(numbers["ferry_objects"]) + self.uploader.deleted
        share = (number + 1) * self.quota
        self.uploader.allow(min(done + WINDOW, share))

    def aim(self, number, stage):
        """Returns (gauges, uploads in flight) once the stage has work, or after AIM_S."""
        client, deadline = self.b.client(None), time.monotonic() + AIM_S
        while True:
            numbers = client.metrics()
            sending = self.uploader.sending
            seen = {name: gauge(numbers, name) for name in GAUGES.values()}
            has_work = sending > 1 if stage == "upload" else seen[GAUGES[stage]] >= LEAST[stage]
            if has_work or time.monotonic() > deadline:
                return seen, sending
            self.work(number, numbers)
            if self.uploader.done >= (number + 1) * self.quota:
                # This share is through without the stage having been met: a little more of the next.
                self.uploader.allow(self.uploader.done + 5)

    def kill(self, number, stage):
        """true: it hit something."""
        victim = self.a if stage == "upload" else self.b
        self.work(number, self.b.client(None).metrics())
        seen, sending = self.aim(number, stage)
        victim.kill()
        found = Autopsy(victim)
        hits = {
            "upload": found.uploads + len(found.linked_without_row()) if victim is self.a else 0,
            "transfer": min(seen["transfer"], found.orders()) if victim is self.b else 0,
            "link-to-row": len(found.linked_without_row()) if victim is self.b else 0,
            "row-to-offset": len(found.done_without_offset()) if victim is self.b else 0,
        }
        for name, count in hits.items():
            self.hits[name] += count > 0
        self.log.append((number + 1, victim.name, stage, seen, sending, hits))
        victim.start()
        return any(hits.values())

    def run(self):
        """Kills that hit nothing in flight do not count and must be few."""
        number = 0
        while number < self.kills:
            if self.kill(number, AIMS[number % len(AIMS)]):
                number += 1
            else:
                self.misses += 1
                assert self.misses <= self.kills // 2, "too many kills have hit nothing"
            if number % 4 == 3:
                self.check_some()
        for number in range(self.kills, self.kills + SPARE):
            missed = [stage for stage in AIMS if self.hits[stage] == 0]
            if missed:
                self.kill(number, missed[0])

    def print(self):
        print(f"{'kill':>4} {'site':7} {'aimed at':14} {'gauges before':34} {'hit (orders)'}")
        for number, site, stage, seen, sending, hits in self.log:
            before = " ".join(f"{name}={count}" for name, count in {**seen, "sending": sending}.items())
            hit = " ".join(f"{name}={count}" for name, count in hits.items() if count)
            print(f"{number:4} {site:7} {stage:14} {before:46} {hit}")
        print("kills by stage:", ", ".join(f"{name} {count}" for name, count in self.hits.items()))
        print(f"kills that hit nothing, not counted: {self.misses}")
        print(f"uploads tried again: {self.uploader.retries}")

    # ---- in the middle, and in the end

    def check_some(self):
        """What is READY now is whole now."""
        ready = names_ready(self.b)
        stay = [thing for thing in self.things if thing.name in ready and not self.uploader.deletes(thing)]
        assert differences(self.b, self.random.sample(stay, min(10, len(stay)))) == []

    def check_all(self):
        self.uploader.finish()
        kept = {thing.name for thing in self.things if not thing.deleted}
        for site in (self.a, self.b):
            eventually(lambda site=site: set(names_ready(site)) == kept, SETTLE_S, f"all is at {site.name}")
        for site in (self.a, self.b):
            assert differences(site, self.things) == []
            waiting = site.client().waiting().must(200).json()["orders"]
            assert waiting == [], f"{site.name} has waiting or dead orders"
            assert site.client(None).metrics()["ferry_dead_letters"] == 0

    def check_files(self):
        for site in (self.a, self.b):
            stop_swept(site, SETTLE_S)


def crash(sites, kills, objects, build="sanitized"):
    a_b = sites(["site-a", "site-b"], program=BUILDS[build](), trash_grace="500ms", sweep_every="300ms",
                retry_first="1s", retry_second="1s", retry_later="2s")  # fmt: skip
    a_b[0].client().make_bucket(BUCKET).must(201)
    crashes = Crashes(a_b, kills, objects)
    try:
        crashes.run()
        crashes.check_all()
        if build == "release":
            crashes.memory = check_memory(a_b)
    finally:
        crashes.uploader.stop()
        crashes.print()
    crashes.check_files()
    missed = [name for name, count in crashes.hits.items() if count == 0]
    assert missed == [], f"no kill landed in {missed}"
    return crashes


def test_nothing_is_lost_or_left_behind_by_twenty_kills(sites):
    crash(sites, kills=20, objects=2000)


@pytest.mark.soak
@pytest.mark.parametrize("build", BUILDS)
def test_nothing_is_lost_or_left_behind_by_two_hundred_kills(sites, build, record_property):
    crashes = crash(sites, 200, 20000, build)
    record_property("soak", "kills by stage: " + ", ".join(f"{n} {c}" for n, c in crashes.hits.items()))
    if crashes.memory:
        record_property("soak", crashes.memory)
