"""What users see of a site while its broker is away, and after."""

import time

import pytest
from support.command import Ferry
from support.kafka import Cluster
from support.waiting import eventually

NOTICED_S = 15  # two of the queue's looks at its brokers, on a loaded machine
BACK_S = 60  # a broker's start, and the reconnect
QUICK_S = 3.0  # an answer from memory, on a loaded machine


@pytest.fixture
def kafka(tmp_path):
    with Cluster(tmp_path / "brokers") as cluster:
        yield cluster


@pytest.fixture
def site(kafka, sites):
    (site,) = sites(["site-a"], queue=f"kafka://{kafka.bootstrap}")
    site.client().add_site(id="site-b", uri="http://127.0.0.1:9").must(201)
    return site


def queue_check(client):
    return client.ready().json()["checks"]["queue"]


def quickly(ask):
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < QUICK_S
    return answer


def metric(client, name):
    page = client.call("GET", "/metrics").must(200).body.decode()
    return [line.rsplit(" ", 1)[1] for line in page.splitlines() if line.split("{")[0].split(" ")[0] == name]


def test_a_broker_that_is_away_is_told_everywhere_and_nobody_waits_for_it(site, kafka):
    client = site.client()
    assert queue_check(client) == "ok"
    assert metric(client, "ferry_queue_up") == ["1"]
    eventually(lambda: metric(client, "ferry_consumer_lag"), BACK_S, "the broker has loaded its groups")

    kafka.brokers[0].signal("KILL")
    eventually(lambda: client.ready().status == 503, NOTICED_S, "readiness is red")
    assert queue_check(client).startswith("kafka: no broker answers: ")
    client.live().must(200)

    said = quickly(lambda: client.site_status().must(200)).json()
    assert said["queue"]["ok"] is False
    assert "no broker answers" in said["queue"]["reason"]
    assert said["incoming"] == {"lag": None, "oldestSeconds": None}
    assert [target["lag"] for target in said["targets"]] == [None]
    assert said["containers"] == 0

    assert quickly(lambda: metric(client, "ferry_queue_up")) == ["0"]
    assert metric(client, "ferry_consumer_lag") == []
    assert metric(client, "ferry_outbox_orders") == ["0"]

    shown = quickly(lambda: Ferry(site.url)("status").must()).text
    assert "queue      away: kafka: no broker answers" in shown
    assert "incoming   unknown" in shown

    kafka.brokers[0].start()
    eventually(lambda: client.ready().status == 200, BACK_S, "ready again, by itself")
    eventually(lambda: metric(client, "ferry_consumer_lag"), BACK_S, "the lag is known again")
    assert "queue      kafka; not acknowledged yet: 0 B" in Ferry(site.url)("status").must().text
