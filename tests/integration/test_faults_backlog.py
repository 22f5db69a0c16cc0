"""A backlog of a million orders costs disk, not memory: neither where it waits nor where it drains."""

import json
import time

import pytest

from support.orders import order
from support.site import release_binary
from support.sites import check_memory
from support.waiting import eventually
from test_faults_target import backlog

BUCKET = "backlog-bucket"
OP_ID = "op-backlog"
GROUP = 10_000  # lines in one request
FETCHED = 120_000  # orders of which two partitions hold far more than is to be prefetched


def lines(first, count):
    """DELETE orders: each is a write at the target, and needs no source."""
    made = order("DELETE", BUCKET, "NAME", source="site-a", toSite="site-b", opId=OP_ID, hash=None)
    text = json.dumps(made)
    for number in range(first, first + count):
        yield text.replace('"NAME"', f'"backlog/object-{number:07d}"').encode() + b"\n"


def pile_up_and_drain(sites, orders, drain_s):
    """Gives what it took: (VmHWM of source and target in KiB, orders/s in, orders/s out)."""
    a, b = sites(["site-a", "site-b"], program=release_binary())
    a.client().make_bucket(BUCKET).must(201)
    eventually(lambda: b.client().bucket_status(BUCKET) == "READY", 20, "the bucket is at site-b")
    b.stop()
    began = time.monotonic()
    for first in range(0, orders, GROUP):
        a.client().order_lines(lines(first, min(GROUP, orders - first))).must(201)
        assert a.peak_kib() <= a.memory_kib(), f"after {first} orders"
    given = time.monotonic() - began
    eventually(lambda: backlog(a.client(), "site-b") >= orders, 120, "all are in site-b's topic")

    b.start()
    began = time.monotonic()

    def drained():
        for site in (a, b):
            assert site.peak_kib() <= site.memory_kib()
        done = b.client().metrics()['ferry_orders_completed_total{outcome="applied"}']
        return done >= orders

    eventually(drained, drain_s, "all are done")
    drain = time.monotonic() - began
    for site in (a, b):
        assert site.client().waiting(limit=1).must(200).json()["orders"] == []
    (site,) = b.client().outcomes(OP_ID, here=True).must(200).json()["sites"]
    assert site["counts"] == {"applied": orders}
    return (a.peak_kib(), b.peak_kib()), orders / given, orders / drain


def test_twenty_thousand_queued_orders_cost_no_memory_and_drain(sites):
    peaks, rate_in, rate_out = pile_up_and_drain(sites, orders=20_000, drain_s=60)
    print(f"VmHWM {peaks} KiB, {rate_in:.0f} orders/s in, {rate_out:.0f} orders/s out")


@pytest.mark.worlds("real")
def test_a_backlog_in_kafka_is_fetched_in_portions(sites):
    """Orders that resemble each other compress well: a megabyte of them is tens when it is fetched."""
    a, b = sites(["site-a", "site-b"], program=release_binary())
    a.client().make_bucket(BUCKET).must(201)
    eventually(lambda: b.client().bucket_status(BUCKET) == "READY", 20, "the bucket is at site-b")
    b.stop()
    for first in range(0, FETCHED, GROUP):
        a.client().order_lines(lines(first, GROUP)).must(201)
    eventually(lambda: backlog(a.client(), "site-b") >= FETCHED, 120, "all are in site-b's topic")
    b.start()

    def has_begun():
        done = b.client().metrics()
        return done.get('ferry_orders_completed_total{outcome="applied"}', 0) >= GROUP

    eventually(has_begun, 60, "the first of them are done")
    check_memory([a, b])


@pytest.mark.soak
@pytest.mark.worlds("embedded", "real")
@pytest.mark.timeout(3600)
def test_a_million_queued_orders_cost_no_memory_and_drain(sites, record_property):
    peaks, rate_in, rate_out = pile_up_and_drain(sites, orders=1_000_000, drain_s=3000)
    record_property("soak", f"VmHWM {peaks[0]} KiB where they waited, {peaks[1]} KiB where they went; "
                            f"{rate_in:.0f} orders/s in, {rate_out:.0f} orders/s out")  # fmt: skip
