"""Sites whose orders wait in a real Kafka, which they share by prefixes."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from support.command import USAGE, Ferry
from support.kafka import Cluster, tool
from support.kcat import records, write
from support.orders import order, wait_outcome
from support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "broker-schemas"
PREFIXES = {"site-a": "a.", "site-b": "b."}
# A group waits for one that was cut off while it joined as long as max.poll.interval.ms (60 s), once its
# session (15 s) is over.
REJOIN_S = 120
OBJECTS = 200


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("kafka") / "brokers") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def pair(kafka, module_sites):
    """Two sites on one broker, which outlives them; bucket-1 is client-1's on both."""
    sites = module_sites(
        list(PREFIXES),
        per_site={name: {"queue_prefix": prefix} for name, prefix in PREFIXES.items()},
        queue=f"kafka://{kafka.bootstrap}",
        retry_memory="1s",
        retry_first="1s",
        retry_second="1s",
    )
    sites[0].client().make_bucket("bucket-1").must(201)
    there = sites[1].client()
    eventually(lambda: there.bucket_status("bucket-1") == "READY", 30, "bucket-1 is at site-b")
    return sites


# ---- looking at the broker as anybody would


def group_lag(kafka, group):
    """topic -> lag, by Kafka's own tool."""
    words = ["--bootstrap-server", kafka.bootstrap, "--describe", "--group", group]
    text = tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", *words)
    lags = {}
    for line in text.splitlines():
        cells = line.split()
        if len(cells) > 5 and cells[0] == group and cells[5].isdigit():
            lags[cells[1]] = lags.get(cells[1], 0) + int(cells[5])
    return lags


def metric_sum(client, name, **labels):
    page = client.call("GET", "/metrics").must(200).body.decode()
    total = 0.0
    for line in page.splitlines():
        if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def schema(name):
    """The schema of a file, with what it refers to."""
    every = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    registry = jsonschema_rs.Registry([(f"json-schema:///{n}", s) for n, s in every.items()])
    return jsonschema_rs.validator_for(
        {"$ref": f"json-schema:///{name}"}, registry=registry
    )


# ---- the schemas


@pytest.mark.parametrize("name", sorted(path.name for path in SCHEMAS.glob("*.json")))
def test_samples_are_what_their_folders_say(name):
    validator = schema(name)
    folder = SCHEMAS / "samples" / name.removesuffix(".json")
    samples = {
        path: json.loads(path.read_text()) for path in sorted(folder.glob("*/*.json"))
    }
    assert {path.parent.name for path in samples} == {"valid", "invalid"}
    for path, sample in samples.items():
        assert validator.is_valid(sample) == (path.parent.name == "valid"), path


# ---- a site on Kafka


def test_objects_and_their_deletes_arrive_at_the_other_site(pair):
    a, b = pair
    a.client().put("bucket-1", "hello.txt", b"hello").must(201)
    eventually(lambda: b.client().status_of("bucket-1", "hello.txt") == "READY", 20, "it is at site-b")
    assert b.client().get("bucket-1", "hello.txt").must(200).body == b"hello"
    a.client().delete("bucket-1", "hello.txt").must(204)
    eventually(lambda: b.client().status_of("bucket-1", "hello.txt") != "READY", 20, "it is gone")


def test_nothing_is_lost_while_the_broker_is_killed_and_comes_back(pair, kafka):
    a, b = pair
    names = [f"kill/{i}" for i in range(OBJECTS)]
    for i, name in enumerate(names):
        if i == OBJECTS // 3:
            kafka.brokers[0].signal("KILL")
        if i == 2 * OBJECTS // 3:
            kafka.brokers[0].start()
        a.client().put("bucket-1", name, name.encode()).must(201)  # the outbox keeps its order
    kafka.await_answers()
    for name in names:
        eventually(lambda: b.client().status_of("bucket-1", name) == "READY", REJOIN_S, f"{name} at site-b")
        assert b.client().get("bucket-1", name).must(200).body == name.encode()


def test_an_order_in_the_form_of_ccs_is_done_and_a_poison_one_holds_nobody_up(pair, kafka):
    a, b = pair
    a.client().pause("site-b").must(200)  # so that only that order can bring the object
    a.client().put("bucket-1", "from-ccs", b"body").must(201)
    wanted = order("CREATE", "bucket-1", "from-ccs", source="site-a")
    assert len(wanted) == 9 and None in wanted.values()
    write(kafka, "b.request-action", b"this is no order")
    write(kafka, "b.request-action", json.dumps(wanted).encode())
    assert wait_outcome(b.client(), wanted["opId"])["outcome"] == "applied"
    assert b.client().get("bucket-1", "from-ccs").must(200).body == b"body"
    a.client().resume("site-b").must(200)
    dead = eventually(lambda: records(kafka, "b.request-action.dead"), 20, "a dead letter")
    assert [r["payload"] for r in dead] == ["this is no order"]
    assert dead[0]["headers"]["ferry-dlq-reason"] == "BAD_ORDER"


def test_lag_is_what_kafkas_own_tool_says(pair, kafka):
    a, b = pair

    def behind(topic="request-replication.site-b"):
        return metric_sum(a.client(), "ferry_consumer_lag", topic=topic)

    # What was given before is committed, too: looked at in the order in which it goes.
    eventually(lambda: a.client(None).metrics()["ferry_outbox_orders"] == 0, 20, "all is pumped")
    eventually(lambda: behind("request-replication") == 0, 20, "all is routed")
    eventually(lambda: behind() == 0, 20, "all is sent")
    b.stop()
    for i in range(7):
        a.client().put("bucket-1", f"lag/{i}", b"x").must(201)

    def both():
        ours = behind()
        theirs = group_lag(kafka, "a.ferry-sender")["a.request-replication.site-b"]
        rows = Ferry(a.url)("lag", "--json").must().lines()
        told = sum(row["orders"] for row in rows if row["topic"] == "request-replication.site-b")
        assert ours == theirs == told == 7, (ours, theirs, told)
        return True

    eventually(both, 60, "seven orders wait for site-b")
    assert metric_sum(a.client(), "ferry_lag_seconds", topic="request-replication.site-b") > 0
    b.start()
    eventually(lambda: b.client().status_of("bucket-1", "lag/6") == "READY", 60, "site-b caught up")


def test_a_topic_that_the_cluster_refuses_is_said_with_its_reason(pair, kafka):
    where = ["--site", "site-c", "--queue", f"kafka://{kafka.bootstrap}", "--queue-prefix", "c."]
    ran = Ferry(pair[0].url)("topics", "ensure", *where, "--topics-replication", 3).must(USAGE)
    assert "replication factor" in ran.err.lower(), ran.err


# Last, so that it sees what all others wrote.
def test_every_record_captured_is_as_the_schemas_say(pair, kafka):
    orders = schema("order.v1.json")
    headers = schema("dead-letter-headers.v1.json")
    seen = 0
    for prefix, other in (("a.", "site-b"), ("b.", "site-a")):
        for topic in ("request-replication", f"request-replication.{other}", "request-action"):
            for record in records(kafka, prefix + topic):
                if record["payload"] == "this is no order":
                    continue
                value = json.loads(record["payload"])
                orders.validate(value)
                key = value["bucketName"] + "\0" + (value["objectName"] or "")
                assert record["key"] in (None, key), record  # CCS writes none
                seen += 1
        for record in records(kafka, prefix + "request-action.dead"):
            headers.validate(record["headers"])
            seen += 1
    assert seen > 2 * OBJECTS
