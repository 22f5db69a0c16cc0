"""Sources that lie, break off, hang or refuse: what they send is never READY, waits with its reason,
dies with exactly that reason when its time is over, and comes once the source is well again."""

import json
import os
import subprocess
import time

import pytest

from support.orders import order, wait_outcome
from support.site import environment
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

# What DESIGN 6 calls what each of them does.
REASONS = {
    "500": "SRC_REFUSED",
    "reset": "SRC_UNREACHABLE",
    "stall": "STALLED",
    "close_early": "SIZE_MISMATCH",
    "byte_more": "SIZE_MISMATCH",
    "byte_less": "SIZE_MISMATCH",
    "other_bytes": "HASH_MISMATCH",
    "cut_zstd": "SIZE_MISMATCH",
    "wrong_hash": "SRC_CHANGED",
}
BODY = os.urandom(50_000)
BUCKET = "bad-bucket"


def rows_of(client, **query):
    """{object name: row} of /ferry/v1/waiting."""
    page = client.waiting(**query).must(200).json()
    return {row["order"]["objectName"]: row for row in page["orders"]}


def retry(site, reason):
    """As a person does it."""
    words = [site.program, "failed", "retry", "--reason", reason, "--url", site.url]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done


class BadSources:
    """One source for each way to be bad, as CCS and as Ferry, each with one object."""

    def __init__(self, hostile, kinds=("ccs", "ferry")):
        self.sources = {
            (mode, kind): hostile(site=f"{mode}.{kind}".replace("_", "-"), mode=mode, ferry=kind == "ferry")
            for mode in REASONS
            for kind in kinds
        }
        self.orders = {}
        for (mode, kind), source in self.sources.items():
            name = f"{mode}.{kind}"
            source.plant(BUCKET, name, BODY)
            self.orders[name] = order("CREATE", BUCKET, name, source=source.site, data=BODY)
        self.reasons = {f"{mode}.{kind}": REASONS[mode] for mode, kind in self.sources}

    def peers(self):
        return {source.site: source.url for source in self.sources.values()}

    def heal(self):
        for source in self.sources.values():
            source.heal()


def none_ready(client, bad):
    ready = [name for name in bad.orders if client.status_of(BUCKET, name) == "READY"]
    assert ready == [], f"READY although its source never sent it: {ready}"


# The reason of every wrong: first waiting with it, then dead with it, then healed and READY.
def test_what_a_bad_source_sends_waits_dies_with_its_reason_and_comes_when_it_is_healed(sites, hostile):
    bad = BadSources(hostile)
    (a,) = sites(["site-a"], peers={"site-a": bad.peers()}, pull_stall_timeout="700ms", pull_zstd="on",
                 retry_memory="300ms", retry_first="1500ms", retry_second="1s", retry_later="1s",
                 retry_max_age="6s")  # fmt: skip
    client = a.client()
    client.post_orders(list(bad.orders.values())).must(201)

    seen = {}

    def all_waited():
        none_ready(client, bad)
        for name, row in rows_of(client, direction="in").items():
            seen.setdefault(name, (row["state"], row["reason"]))
        assert len(seen) == len(bad.orders), set(bad.orders) - set(seen)
        return True

    eventually(all_waited, 20, "every bad order is in waiting")
    assert seen == {name: ("waiting", reason) for name, reason in bad.reasons.items()}

    def all_dead():
        none_ready(client, bad)
        return len(rows_of(client, state="dead")) == len(bad.orders)

    eventually(all_dead, 30, "every bad order is dead")
    dead = rows_of(client, state="dead")
    assert {name: row["reason"] for name, row in dead.items()} == bad.reasons
    assert all(row["detail"] for row in dead.values())
    assert client.metrics()["ferry_dead_letters"] == len(bad.orders)
    for name, sent in bad.orders.items():
        row = wait_outcome(client, sent["opId"], "dead")
        assert row["reason"] == bad.reasons[name], name
    assert [path for path in a.body_files() if not path.name.startswith(".")] == []

    bad.heal()
    for reason in sorted(set(bad.reasons.values())):
        retry(a, reason)
    for name in bad.orders:
        eventually(lambda name=name: client.status_of(BUCKET, name) == "READY", 20, f"{name} is READY")
        assert client.get(BUCKET, name).must(200).body == BODY
    assert client.waiting().must(200).json()["orders"] == []


# Only the bad objects' own lanes wait for them, not their partition, their source or anybody else.
def test_a_thousand_others_are_ready_before_the_first_bad_one_has_left_memory(sites, hostile):
    source = hostile(site="site-b", ferry=True)
    (a,) = sites(["site-a"], peers={"site-a": {"site-b": source.url}}, pull_zstd="on")
    client = a.client()
    bad, good = [], []
    for mode in REASONS:
        source.plant(BUCKET, mode, BODY, mode=mode)
        bad.append(order("CREATE", BUCKET, mode, data=BODY))
    for number in range(1000):
        body = b"good %d " % number * 100
        source.plant(BUCKET, f"good/{number}", body)
        good.append(order("CREATE", BUCKET, f"good/{number}", data=body, opId=f"good-{number}"))
    client.post_orders(bad).must(201)
    eventually(lambda: client.metrics()["ferry_retry_total"] > 0, 10, "the bad ones fail")
    client.post_orders(good).must(201)

    def all_good_ready():
        left = [row["order"]["objectName"] for row in client.waiting().must(200).json()["orders"]]
        assert left == [], f"left memory before the good ones were READY: {left}"
        return int(client.metrics()["ferry_objects"]) == 1000

    # Not `eventually`: that takes a failed assertion for "not yet".
    deadline = time.monotonic() + 30
    while not all_good_ready():
        assert time.monotonic() < deadline, f"READY: {client.metrics()['ferry_objects']}"
        time.sleep(0.05)
    for mode in REASONS:
        assert client.status_of(BUCKET, mode) != "READY"
    sample = [0, 499, 999]
    for number in sample:
        assert client.get(BUCKET, f"good/{number}").must(200).body == b"good %d " % number * 100
    source.heal()
    for name in REASONS:
        eventually(lambda name=name: client.status_of(BUCKET, name) == "READY", 60, f"{name} is READY")


# Stamps decide by clocks, so a clock that is off is a person's to see, whichever way it is off.
def test_a_clock_a_minute_off_raises_an_alarm(sites, hostile):
    ahead = hostile(site="ahead", ferry=True, clock_ahead_s=200)
    behind = hostile(site="behind", ferry=True, clock_ahead_s=-100)
    right = hostile(site="right", ferry=True)
    (a,) = sites(["site-a"], peers={"site-a": {s.site: s.url for s in (ahead, behind, right)}})
    a.restart()  # clocks are compared at the start, and then once a minute

    def alarms():
        lines = [json.loads(line) for line in a.log_text().splitlines() if '"clock.skew"' in line]
        return {line["site"]: (line["level"], line["skew_ms"]) for line in lines}

    eventually(lambda: len(alarms()) == 2, reason="two alarms")
    assert {site: level for site, (level, _) in alarms().items()} == {"ahead": "error", "behind": "error"}
    assert 190_000 < alarms()["ahead"][1] < 210_000
    assert 90_000 < alarms()["behind"][1] < 110_000
    eventually(lambda: 190_000 < a.client().metrics()["ferry_clock_skew_ms"] < 210_000, reason="the worst")
