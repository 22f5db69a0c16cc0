"""Changes of containers and their objects, told on topic oio of a real Kafka as OpenIO tells them."""

import json
import subprocess
import threading

import pytest
from support.kafka import tool
from support.kcat import records
from support.oio import Oio, cid, counters, fresh, refused
from support.rows import tell_many
from support.site import binary, environment
from support.waiting import eventually
from support.world import KAFKA, PARTITIONS
from test_kafka import schema

pytestmark = pytest.mark.worlds("embedded", "real")
TOLD_S = 30.0
WEEK_MS = 7 * 24 * 3600 * 1000
STATE_S = 1.0  # the sums of a container are told at most so often
SCHEMAS = {"storage.container": "oio-container", "account": "oio-services", "storage.content": "oio-content"}


def on_kafka(servers, prefix=None):
    """Whichever its catalogue: the embedded queue tells nobody."""
    return {"queue": f"kafka://{servers.kafka.bootstrap}", "queue_prefix": prefix or f"{fresh('oio')}.",
            "queue_partitions": PARTITIONS, "X": KAFKA}  # fmt: skip


@pytest.fixture(scope="module")
def site(module_sites, servers):
    return module_sites(["site-a"], **on_kafka(servers))[0]


@pytest.fixture(scope="module")
def oio(site):
    return Oio(site.url)


def topic_of(site):
    return site.settings["queue_prefix"] + "oio"


def everything(servers, site):
    return [json.loads(record["payload"]) for record in records(servers.kafka, topic_of(site))]


def told(servers, site, ref, account="account-1"):
    """The events of a container, in their order."""
    number = cid(account, ref)
    return [event for event in everything(servers, site) if event["url"]["id"] == number]


def line(event):
    kind = event["event"].removeprefix("storage.")
    if kind == "account.services":
        kind = "linked" if event["data"] else "unlinked"
    return " ".join([kind, *([event["url"]["path"]] if "path" in event["url"] else [])])


def wait_lines(servers, site, ref, *expected):
    """Until the container is told of so, all of it and in that order."""

    def look():
        events = told(servers, site, ref)
        assert [line(event) for event in events] == list(expected)
        return events

    return eventually(look, TOLD_S, f"{ref} is told as {expected}")


def metric(site, name):
    page = site.client().call("GET", "/metrics").must(200).body.decode()
    return int(page.split(f"\n{name} ")[1].split()[0])


# ---- order and sums


def test_the_life_of_a_container_is_told_in_its_order(oio, site, servers):
    ref = fresh()
    oio.create(ref, headers={"x-oio-req-id": "R-new"}).must(201)
    oio.put(ref, "a", b"12345").must(201)
    oio.content("POST", "delete", ref, "a").must(204)
    oio.destroy(ref, headers={"x-oio-req-id": "R-gone"}).must(204)
    events = wait_lines(servers, site, ref, "linked", "container.new", "content.new a", "content.deleted a",
                        "container.state", "unlinked", "container.deleted")  # fmt: skip
    whens = [event["when"] for event in events]
    assert whens == sorted(whens) and len(set(whens)) == len(whens)
    host = site.url.removeprefix("http://")
    assert events[0]["data"] == [{"type": "meta2", "host": host}] and events[1]["data"]["peers"] == [host]
    assert events[1]["request_id"] == "R-new" and events[6]["request_id"] == "R-gone"
    assert events[2]["url"]["version"] == events[3]["url"]["version"]
    assert events[2]["url"]["content"] == events[3]["url"]["content"]


def test_objects_are_told_in_order_and_sums_once_a_second(oio, site, servers):
    ref = oio.made()
    names = [f"o{i:03}" for i in range(60)]
    oio.fill(ref, names, b"12345")
    counts = counters(oio, ref)
    assert counts == (60, 300)

    def look():
        events = told(servers, site, ref)
        states = [event for event in events if event["event"] == "storage.container.state"]
        assert states
        last = states[-1]["data"]
        assert (last["object-count"], last["bytes-count"]) == counts
        return events, states

    events, states = eventually(look, TOLD_S, "the sums are told")
    assert [event["url"]["path"] for event in events if event["event"] == "storage.content.new"] == names
    whens = [event["when"] for event in states]
    for earlier, later in zip(whens, whens[1:]):
        assert later - earlier >= STATE_S * 900_000, whens
    assert len(states) < len(names) / 2


def test_a_touch_tells_the_sums_of_a_container_that_nothing_changed(oio, site, servers):
    ref = oio.made()
    oio.touch(ref).must(204)
    events = wait_lines(servers, site, ref, "linked", "container.new", "container.state")
    assert events[2]["data"]["object-count"] == 0


def test_an_object_that_came_through_the_other_api_is_told_as_well(oio, site, servers):
    bucket, client = fresh("bucket"), site.client()
    client.make_bucket(bucket).must(201)
    client.put(bucket, "o", b"bytes", op_id="put-1").must(201)

    def look():
        events = told(servers, site, bucket, "client-1")
        assert [line(event) for event in events][:3] == ["linked", "container.new", "content.new o"]
        assert events[2]["request_id"] == "put-1"
        return events

    eventually(look, TOLD_S, "the bucket is told of")


# ---- at least once


def test_a_site_killed_while_it_tells_loses_nothing_and_repeats_what_it_said(oio, site, servers):
    ref, acknowledged = oio.made(), []
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            name = f"k{number:05}"
            number += 1
            try:
                if oio.put(ref, name, b"12345").status == 201:
                    acknowledged.append(name)
            except OSError:  # killed: it may be there, and then it is told
                stop.wait(0.05)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for _ in range(3):
        before = len(acknowledged)
        eventually(lambda: len(acknowledged) > before + 30, TOLD_S, "objects come")
        site.kill()
        site.start()
    stop.set()
    writer.join(60)

    def all_told():
        events = [event for event in told(servers, site, ref) if event["event"] == "storage.content.new"]
        paths = {event["url"]["path"] for event in events}
        assert set(acknowledged) <= paths, sorted(set(acknowledged) - paths)[:5]
        return events

    first = {}
    for event in eventually(all_told, TOLD_S, "all are told"):
        assert first.setdefault(event["url"]["path"], event) == event  # the same event again, if at all


# ---- a topic that does not take them


@pytest.fixture
def deaf(sites, servers):
    """A site whose topic refuses every record."""
    prefix = f"{fresh('deaf')}."
    brokers = ["--bootstrap-server", servers.kafka.bootstrap]
    made = ["--create", "--topic", prefix + "oio", "--partitions", "1", "--config", "max.message.bytes=100"]
    tool("org.apache.kafka.tools.TopicCommand", *brokers, *made)
    return sites(["site-d"], **on_kafka(servers, prefix))[0]


def test_over_so_many_events_changes_are_refused_and_objects_are_not(deaf, servers):
    oio = Oio(deaf.url)
    ref = oio.made()
    oio.put(ref, "before", b"12345").must(201)
    deaf.stop()
    tell_many(deaf, 100_001)
    deaf.start()
    assert metric(deaf, "ferry_oio_events_waiting") > 100_000
    for answer in (oio.create(fresh()), oio.touch(ref), oio.flush(ref), oio.purge(ref), oio.destroy(ref)):
        assert refused(answer, 503, 503).header("Retry-After") == "1"
    oio.show(ref).must(200)
    oio.set(ref, {"a": "1"}).must(200)
    oio.put(ref, "meanwhile", b"12345").must(201)
    entry = ["--entity-type", "topics", "--entity-name", topic_of(deaf)]
    change = ["--alter", "--delete-config", "max.message.bytes"]
    tool("kafka.admin.ConfigCommand", "--bootstrap-server", servers.kafka.bootstrap, *entry, *change)
    eventually(lambda: oio.touch(ref).must(204), TOLD_S, "it has told, and takes changes again")
    paths = [event["url"].get("path") for event in told(servers, deaf, ref)]
    assert "before" in paths and "meanwhile" in paths


# ---- the topic, and the setting


def run(*words):
    command = [binary(), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())


@pytest.mark.worlds("embedded")
def test_the_topic_is_made_to_end_by_time_and_only_for_a_site_that_tells(servers):
    here = ["--site", "site-e", "--queue", f"kafka://{servers.kafka.bootstrap}", "--queue-prefix", f"{fresh('e')}."]
    asked = run("topics", "ensure", *here, "--topics-manage", "off")
    [command] = [text for text in asked.stdout.splitlines() if ".oio " in text]
    assert f"--config retention.ms={WEEK_MS} " in command
    without = run("topics", "ensure", *here, "--topics-manage", "off", "--oio-events", "off")
    assert ".oio " not in without.stdout and "request-action" in without.stdout


def test_a_site_that_tells_nobody_keeps_nothing_for_it(sites, servers):
    site = sites(["site-f"], **on_kafka(servers), oio_events="off")[0]
    oio = Oio(site.url)
    oio.put(oio.made(), "o", b"12345").must(201)
    assert metric(site, "ferry_oio_events_waiting") == 0


# Last, so that it sees what all others wrote.
def test_every_event_captured_is_as_its_schema_says(oio, site, servers):
    validators = {prefix: schema(f"{name}.v1.json") for prefix, name in SCHEMAS.items()}
    ref = oio.made(system={"sys.m2.policy.version": "-1", "sys.m2.bucket.name": "b"}, properties={"colour": "röt"})
    oio.set(ref, {"a": "1"}).must(200)
    oio.unset(ref, []).must(200)
    for _ in range(2):
        oio.put(ref, "dir/ö o", b"12345").must(201)
    oio.content("POST", "delete", ref, "dir/ö o").must(204)
    oio.flush(ref).must(204)
    oio.destroy(ref).must(204)

    def gone():
        return [line(event) for event in told(servers, site, ref)][-1:] == ["container.deleted"]

    eventually(gone, TOLD_S, "the container is told to be gone")
    seen = records(servers.kafka, topic_of(site))
    kinds = set()
    for record in seen:
        value = json.loads(record["payload"])
        validators[value["event"].rsplit(".", 1)[0]].validate(value)
        assert record["key"] == value["url"]["id"] == cid(value["url"]["account"], value["url"]["user"])
        assert record["headers"] == {}
        kinds.add(value["event"])
    assert kinds >= {"account.services", "storage.container.new", "storage.container.deleted",
                     "storage.container.state", "storage.container.update", "storage.content.new",
                     "storage.content.deleted"}  # fmt: skip
    assert len(seen) > 100
