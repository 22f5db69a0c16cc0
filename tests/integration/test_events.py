"""What became of orders, told on topic object-events by sites on a real Kafka."""

import json
import subprocess
import uuid

import pytest
from support.kafka import tool
from support.kcat import records
from support.orders import order, outcome_rows, wait_outcome
from support.site import binary, environment
from support.waiting import eventually
from support.world import KAFKA
from test_kafka import schema

# The broker is everybody's; of these prefixes (b., c., d.) only the tests here make use.
EVENTS = "b.object-events"
WEEK_MS = 7 * 24 * 3600 * 1000


@pytest.fixture(scope="module")
def kafka(servers):
    return servers.kafka


def on_kafka(cluster, prefix, **settings):
    return {"queue": f"kafka://{cluster.bootstrap}", "queue_prefix": prefix, **settings}


@pytest.fixture(scope="module")
def pair(kafka, module_sites):
    """site-a in a queue of its own, which tells nobody; site-b tells. bucket-1 is on both."""
    sites = module_sites(
        ["site-a", "site-b"],
        # A killed member is missed sooner than after the usual 15 s.
        per_site={"site-b": on_kafka(kafka, "b.", kafka=KAFKA)},
        retry_memory="100ms",
        retry_first="200ms",
        retry_second="200ms",
    )
    sites[0].client().make_bucket("bucket-1").must(201)
    eventually(lambda: sites[1].client().bucket_status("bucket-1") == "READY", 30, "bucket-1 is there")
    return sites


def name(prefix):
    return f"{prefix}-{uuid.uuid4()}"


def identity(event):
    keys = "site", "direction", "opId", "bucketName", "objectName", "action", "stamp", "toSite"
    return tuple(event[key] for key in keys)


def told(kafka, op_id, topic=EVENTS):
    """The events of an opId, in order."""
    values = [json.loads(record["payload"]) for record in records(kafka, topic)]
    return [value for value in values if value["opId"] == op_id]


def once(site, events):
    """The same, without what an order gave when it came again (at least once), where the site's workers
    have lost their partitions: a broker that stands still for a moment misses them."""
    if '"lost":1' not in site.log_text():
        return events
    kept = []
    for event in events:
        before = [other["outcome"] for other in kept if identity(other) == identity(event)]
        if not before or event["outcome"] not in (*before, "duplicate"):
            kept.append(event)
    return kept


def wait_told(kafka, op_id, count=1, topic=EVENTS):
    def look():
        found = told(kafka, op_id, topic)
        assert len(found) >= count, found
        return found

    return eventually(look, 20, f"{op_id} is told {count} times")


# ---- what is told


def test_a_client_learns_by_its_op_id_that_the_other_site_has_its_object_and_its_delete(pair, kafka):
    a, b = pair
    put, rm, object_name = name("put"), name("rm"), name("told")
    a.client().put("bucket-1", object_name, b"hello", op_id=put).must(201)
    applied = wait_told(kafka, put)
    assert b.client().get("bucket-1", object_name).must(200).body == b"hello"
    delete = {"x-clonecloudstore-client-id": "client-1", "x-clonecloudstore-op-id": rm}
    a.client().call("DELETE", f"/cloudclonestore/bucket-1/{object_name}", delete).must(204)
    deleted = wait_told(kafka, rm)
    for events, action in ((applied, "CREATE"), (deleted, "DELETE")):
        [found] = once(b, events)
        assert (found["outcome"], found["action"]) == ("applied", action)
        assert (found["site"], found["fromSite"], found["direction"]) == ("site-b", "site-a", "in")
        assert (found["bucketName"], found["objectName"]) == ("bucket-1", object_name)
        assert found["clientId"] == "client-1" and found["reason"] is None
        row = outcome_rows(b.client(), found["opId"])[0]
        assert (row["stamp"], row["at"]) == (found["stamp"], found["at"])


def test_orders_that_do_nothing_or_fail_are_told_too(pair, kafka):
    a, b = pair
    object_name = name("known")
    first = name("first")
    a.client().put("bucket-1", object_name, b"bytes", op_id=first).must(201)
    stamp = wait_told(kafka, first)[0]["stamp"]
    older = f"{int(stamp[:16], 16) - 1:016x}@site-a"
    cases = {
        "duplicate": order("CREATE", "bucket-1", object_name, source="site-a", stamp=stamp),
        "superseded": order("CREATE", "bucket-1", object_name, source="site-a", stamp=older),
        "settled": order("UPDATE", "bucket-1", object_name, source="site-a"),
        "dead": order("CREATE", "bucket-1", name("nowhere"), source="site-a"),
    }
    for wanted in cases.values():
        b.client().post_order(wanted).must(201)
    for outcome, wanted in cases.items():
        found = once(b, wait_told(kafka, wanted["opId"]))
        assert [event["outcome"] for event in found] == [outcome]
        assert found[0]["reason"] == ("SRC_NOT_FOUND" if outcome == "dead" else None)


def test_what_a_person_drops_is_told(pair, kafka):
    a, b = pair
    wanted = order("CREATE", "bucket-1", name("dropped"), source="site-a")
    b.client().post_order(wanted).must(201)
    wait_outcome(b.client(), wanted["opId"], "dead")
    rows = b.client().waiting(state="dead").must(200).json()["orders"]
    row = next(found for found in rows if found["order"]["opId"] == wanted["opId"])
    assert b.client().drop_waiting(id=row["id"]).must(200).json()["matched"] == 1
    found = eventually(lambda: once(b, told(kafka, wanted["opId"]))[1:], 20, "it is told that it was dropped")
    assert [event["outcome"] for event in found] == ["dropped"]


# ---- at least once


def test_a_site_killed_before_it_could_tell_tells_when_it_is_back(pair, kafka):
    a, b = pair
    op_ids = [name("kill") for _ in range(40)]
    for i, op_id in enumerate(op_ids):
        a.client().put("bucket-1", op_id, op_id.encode(), op_id=op_id).must(201)
        if i == 20:
            wait_outcome(b.client(), op_ids[0])
            b.kill()
    b.start()

    def all_told():
        found = [json.loads(record["payload"]) for record in records(kafka, EVENTS)]
        by_op_id = {op_id: [event for event in found if event["opId"] == op_id] for op_id in op_ids}
        assert all(by_op_id.values()), [op_id for op_id in op_ids if not by_op_id[op_id]]
        return by_op_id

    for events in eventually(all_told, 40, "all are told").values():
        assert len({identity(event) for event in events}) == 1, events
        assert events[0]["outcome"] == "applied", events
        assert {event["outcome"] for event in events} <= {"applied", "duplicate"}, events


# ---- a topic that does not take them


def test_orders_flow_while_events_are_not_taken_and_then_all_is_told(pair, kafka, sites):
    """A broker that refuses them stands for any other reason."""
    a, _ = pair
    brokers = ["--bootstrap-server", kafka.bootstrap]
    topic = "c.object-events"
    made = ["--create", "--topic", topic, "--partitions", "1", "--config", "max.message.bytes=100"]
    tool("org.apache.kafka.tools.TopicCommand", *brokers, *made)
    c = sites(["site-c"], per_site={"site-c": on_kafka(kafka, "c.")}, peers={"site-c": {"site-a": a.url}})[0]
    client = c.client()
    client.make_bucket("bucket-1").must(201)
    op_ids = []
    for _ in range(3):
        wanted = order("DELETE", "bucket-1", name("gone"), source="site-a")
        client.post_order(wanted).must(201)
        assert wait_outcome(client, wanted["opId"])["outcome"] == "applied"
        op_ids.append(wanted["opId"])

    def waiting():
        page = client.call("GET", "/metrics").must(200).body.decode()
        return int(page.split("\nferry_events_waiting ")[1].split()[0])

    assert waiting() == 3
    entry = ["--entity-type", "topics", "--entity-name", topic]
    change = ["--alter", "--delete-config", "max.message.bytes"]
    tool("kafka.admin.ConfigCommand", *brokers, *entry, *change)
    wait_told(kafka, op_ids[-1], topic=topic)
    assert all(len(once(c, told(kafka, op_id, topic))) == 1 for op_id in op_ids)
    eventually(lambda: waiting() == 0, 20, "nothing is left to tell")


# ---- the topic, and the setting


def run(*words):
    command = [binary(), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())


def test_the_topic_is_made_to_end_by_time_and_that_fits(pair, kafka):
    here = ["--site", "site-d", "--queue", f"kafka://{kafka.bootstrap}", "--queue-prefix", "d."]
    asked = run("topics", "ensure", *here, "--topics-manage", "off")
    command = next(line for line in asked.stdout.splitlines() if "d.object-events" in line)
    assert f"--config retention.ms={WEEK_MS} " in command
    assert "retention.ms=-1 " in next(l for l in asked.stdout.splitlines() if "d.request-action " in l)
    made = run("topics", "ensure", *here, "--json")
    found = [json.loads(line) for line in made.stdout.splitlines()]
    [said] = [line for line in found if line["topic"] == "object-events"]
    assert said["level"] != "fail" and made.returncode == 0, made
    without = run("topics", "ensure", *here, "--events", "off", "--json")
    assert "object-events" not in without.stdout and "request-action" in without.stdout
    entry = ["--entity-type", "topics", "--entity-name", "d.object-events", "--describe"]
    kept = tool("kafka.admin.ConfigCommand", "--bootstrap-server", kafka.bootstrap, *entry)
    assert f"retention.ms={WEEK_MS} " in kept


def test_events_are_refused_where_nobody_could_read_them(tmp_path):
    words = ["up", "--site", "site-d", "--data", str(tmp_path), "--listen", "127.0.0.1:0"]
    refused = run(*words, "--events", "on")
    assert refused.returncode == 2 and "nobody can read them" in refused.stderr
    refused = run(*words, "--events", "maybe")
    assert refused.returncode == 2 and "neither on nor off" in refused.stderr


# Last, so that it sees what all others wrote.
def test_every_event_captured_is_as_the_schema_says(pair, kafka):
    validator = schema("object-event.v1.json")
    seen = records(kafka, EVENTS)
    for record in seen:
        value = json.loads(record["payload"])
        validator.validate(value)
        assert record["key"] == value["bucketName"] + "\0" + (value["objectName"] or "")
        assert record["headers"] == {}
    assert len(seen) > 45
