"""An order that is being worked on whenever its worker dies: found out when the worker dies of its own
fault, left alone when it is killed from outside.

The death is a signal: SIGABRT is what a failed assertion of the program's own ends with, SIGKILL what
operators and the kernel send. (Pitfall 16; with Kafka in test_kafka_pitfalls.py.)
"""

import os
import signal

import pytest

from support.orders import order
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

BUCKET = "poison-bucket"
BODY = os.urandom(100_000)
DEATHS = 3  # in company; the next one is alone


def inflight(site):
    return site.client(None).metrics()["ferry_inflight_orders"]


def die(site, number):
    """In the middle of a transfer."""
    eventually(lambda: inflight(site) >= 1, 20, "an order is being worked on")
    site.process.send_signal(number)
    assert site.process.wait(20) == -number
    site.process = None
    site.start()


def stalling(sites, hostile):
    source = hostile(site="site-b", mode="stall", ferry=True)
    (a,) = sites(["site-a"], peers={"site-a": {"site-b": source.url}}, pull_stall_timeout="60s",
                 log_level="info")  # fmt: skip
    source.plant(BUCKET, "killer", BODY)
    sent = order("CREATE", BUCKET, "killer", data=BODY)
    a.client().post_orders([sent]).must(201)
    return source, a


def test_an_order_that_crashes_its_worker_is_dead_and_the_others_come(sites, hostile):
    source, a = stalling(sites, hostile)
    for _ in range(DEATHS + 1):
        die(a, signal.SIGABRT)

    def dead():
        return a.client().waiting(state="dead").must(200).json()["orders"]

    (row,) = eventually(dead, 20, "the order is dead")
    assert row["reason"] == "INTERNAL"
    assert row["order"]["objectName"] == "killer"
    assert "died 4 times" in row["detail"]
    lines = [line for line in a.log_text().splitlines() if '"order.dead"' in line]
    assert len(lines) == 1, lines
    source.heal()
    source.plant(BUCKET, "other", BODY)
    a.client().post_orders([order("CREATE", BUCKET, "other", data=BODY)]).must(201)
    eventually(lambda: a.client().status_of(BUCKET, "other") == "READY", 20, "others arrive")


@pytest.mark.worlds("embedded")  # in the other each kill is a session timeout of its group
def test_an_order_whose_worker_is_killed_from_outside_comes_in_the_end(sites, hostile):
    source, a = stalling(sites, hostile)
    for _ in range(DEATHS + 4):
        die(a, signal.SIGKILL)
    eventually(lambda: inflight(a) >= 1, 20, "it is tried once more")
    source.heal()
    eventually(lambda: a.client().status_of(BUCKET, "killer") == "READY", 20, "it arrives")
    assert a.client().get(BUCKET, "killer").must(200).body == BODY
    assert a.client().waiting().must(200).json()["orders"] == []
    a.stop()
