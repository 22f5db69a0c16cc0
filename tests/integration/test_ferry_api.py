"""/ferry/v1 sites, waiting and status; health, metrics and the API's own text."""

import re
import time
import uuid

import pytest
import yaml
from support.orders import order, wait_outcome
from support.setting import O1, check_common, check_error
from support.site import ROOT
from support.waiting import eventually, stays

pytestmark = pytest.mark.worlds("embedded", "real")

URI = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def pair(module_sites):
    """a and b; whatever fails waits after a moment, and is never tried again by itself."""
    return module_sites(
        ["site-a", "site-b"], retry_memory="100ms", retry_first="1h", retry_second="1h"
    )


@pytest.fixture
def client(pair):
    return pair[0].client()


@pytest.fixture
def bucket(client):
    name = f"w-{uuid.uuid4().hex[:12]}"
    client.make_bucket(name).must(201)
    return name


def check_ferry(answer, *statuses):
    return check_common(answer.must(*statuses), "FERRY")


# ---- hello and sites


def test_hello(client):
    said = check_ferry(client.call("GET", "/ferry/v1/hello"), 200).json()
    assert said["site"] == "site-a"
    assert said["version"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}(\.\d{3})?Z", said["now"])


def test_life_of_a_site(client):
    name = f"s-{uuid.uuid4().hex[:8]}"
    row = check_ferry(client.add_site(id=name, uri=URI), 201).json()
    assert row == {
        "id": name,
        "name": name,
        "uri": URI,
        "status": "UP",
        "paused": False,
        "self": False,
    }
    check_error(check_ferry(client.add_site(id=name, uri=URI), 409))
    assert check_ferry(client.pause(name), 200).json()["paused"] is True
    assert client.pause(name).must(200).json()["paused"] is True  # twice is harmless
    assert check_ferry(client.resume(name), 200).json()["paused"] is False
    rows = {row["id"]: row for row in client.sites().must(200).json()["sites"]}
    assert rows[name]["paused"] is False
    assert [one for one in rows.values() if one["self"]] == [rows["site-a"]]
    assert check_ferry(client.drop_site(name), 204).body == b""
    check_error(check_ferry(client.drop_site(name), 404))


@pytest.mark.parametrize("call", ["pause", "resume", "drop_site"])
def test_sites_that_cannot_be_changed(client, call):
    check_error(getattr(client, call)("site-a").must(400))  # itself
    check_error(getattr(client, call)("no-such-site").must(404))
    check_error(getattr(client, call)("not%20valid").must(404))


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": "x"},
        {"uri": URI},
        {"id": "a b", "uri": URI},
        {"id": "x", "uri": "gopher://x"},
        {"id": 1, "uri": URI},
    ],
)
def test_sites_that_are_refused(client, row):
    check_error(client.add_site(**row).must(400))


@pytest.fixture
def target(client):
    """What the status says of site b. Whatever becomes of the test, the site is not left paused: all
    tests of this file share it."""
    yield lambda: client.site_status().must(200).json()["targets"][0]
    client.resume("site-b").must(200)


@pytest.fixture
def settled(pair, client, bucket, target):
    """The bucket is at site b, which has heard of all so far: what is held from now on is counted.
    Site b has it before site a knows so, hence the lag."""
    there = pair[1].client()
    eventually(lambda: there.bucket_status(bucket) == "READY", 20, "the bucket is at site b")
    eventually(lambda: target()["lag"] == 0, 20, "site a knows")
    return there


def test_pause_holds_back_and_resume_lets_go(client, bucket, settled, target):
    client.pause("site-b").must(200)
    client.put(bucket, "o", b"held").must(201)
    eventually(lambda: target()["lag"] == 1, 20, "one order is held back")
    assert target()["paused"] is True
    stays(lambda: settled.status_of(bucket, "o") is None, 0.5, "site b has nothing")
    client.resume("site-b").must(200)
    eventually(lambda: settled.status_of(bucket, "o") == "READY", 20, "it flows again")
    eventually(lambda: target()["lag"] == 0, 20, "nothing is held back")


def test_a_pause_holds_while_the_sender_of_another_site_is_opened(client, bucket, settled, target):
    """With Kafka that takes a while: a topic is made, a group joined. Nothing that comes after the
    answer leaves meanwhile."""
    name = f"s-{uuid.uuid4().hex[:8]}"
    client.add_site(id=name, uri=URI).must(201)
    client.pause("site-b").must(200)
    client.drop_site(name).must(204)  # before the put, which is not for it
    client.put(bucket, "o", b"held").must(201)
    eventually(lambda: target()["lag"] == 1, 20, "one order is held back")
    assert settled.status_of(bucket, "o") is None
    client.resume("site-b").must(200)
    eventually(lambda: settled.status_of(bucket, "o") == "READY", 20, "it flows again")


def test_a_new_site_gets_what_comes_from_now_on(sites):
    a, b = sites(["site-a", "site-b"], peers={})
    a.client().make_bucket("bucket-1").must(201)
    a.client().add_site(id="site-b", uri=b.url).must(201)
    b.client().add_site(id="site-a", uri=a.url).must(201)
    a.client().put("bucket-1", "o", b"x").must(201)
    eventually(lambda: b.client().status_of("bucket-1", "o") == "READY", 20, "it is at site b")
    # The bucket's own order was written before site b was known: it came with its object.
    row = b.client().bucket("bucket-1").must(200).json()
    assert row["clientId"] == "client-1"


# ---- waiting orders


@pytest.fixture
def lost(client, bucket):
    """Three orders for objects that site b does not have, and one from a site that is unknown."""
    made = [order("CREATE", bucket, f"missing-{i}", data=O1) for i in range(3)]
    made.append(order("CREATE", bucket, "nowhere", source="site-z", data=O1))
    client.post_orders(made).must(201)
    for one in made:
        wait_outcome(client, one["opId"], "waiting")
    return made


def test_waiting_rows_say_everything(client, bucket, lost):
    rows = client.waiting(bucket=bucket, reason="SRC_NOT_FOUND").must(200).json()["orders"]
    assert len(rows) == 3
    row = rows[0]
    assert (row["direction"], row["state"], row["reason"]) == ("in", "waiting", "SRC_NOT_FOUND")
    assert row["httpStatus"] == 404
    assert row["attempts"] >= 1
    assert row["detail"]
    assert row["firstFailed"] <= row["lastFailed"] < row["due"]
    given = {one["opId"]: one for one in lost}[row["order"]["opId"]]
    for key in ("fromSite", "bucketName", "objectName", "action", "hash", "size", "clientId"):
        assert row["order"][key] == given[key], key
    assert row["order"]["stamp"].endswith("@site-b")


def test_a_given_order_waits_beside_that_of_a_change(client, bucket, lost):
    """It was stamped when the API took it, above the change. Were it to end it, and then die of its
    source's answer, the change would never come."""
    stamp = f"{int((time.time() - 60) * 1000) << 16:016x}@site-b"
    change = order("CREATE", bucket, "missing-0", data=O1, stamp=stamp)
    client.post_order(change).must(201)
    wait_outcome(client, change["opId"], "waiting")
    rows = client.waiting(bucket=bucket, reason="SRC_NOT_FOUND").must(200).json()["orders"]
    given = {row["order"]["opId"]: row["order"].get("given") for row in rows}
    assert given.pop(change["opId"]) is None
    assert given == {one["opId"]: True for one in lost[:3]}
    again = order("CREATE", bucket, "missing-0", data=O1)
    client.post_order(again).must(201)
    wait_outcome(client, again["opId"], "waiting")
    assert wait_outcome(client, lost[0]["opId"])["outcome"] == "superseded"
    assert wait_outcome(client, change["opId"], "waiting")["stamp"] == stamp


def test_waiting_filters(client, bucket, lost):
    def found(**query):
        rows = client.waiting(bucket=bucket, **query).must(200).json()["orders"]
        return sorted(row["order"]["objectName"] for row in rows)

    missing = ["missing-0", "missing-1", "missing-2"]
    assert found() == missing + ["nowhere"]
    assert found(reason="TOPOLOGY_UNKNOWN") == ["nowhere"]
    assert found(site="site-b") == missing
    assert found(site="site-z") == ["nowhere"]
    assert found(state="waiting", direction="in") == missing + ["nowhere"]
    assert found(state="dead") == []
    assert found(direction="out") == []
    assert client.waiting(bucket="other-bucket").must(200).json() == {"orders": [], "next": None}


def test_waiting_pages(client, bucket, lost):
    first = client.waiting(bucket=bucket, limit=3).must(200).json()
    assert len(first["orders"]) == 3
    second = client.waiting(bucket=bucket, limit=3, after=first["next"]).must(200).json()
    assert len(second["orders"]) == 1
    assert second["next"] is None
    ids = [row["id"] for row in first["orders"] + second["orders"]]
    assert ids == sorted(set(ids))
    one = client.waiting(id=ids[2]).must(200).json()["orders"]
    assert [row["id"] for row in one] == [ids[2]]


@pytest.mark.parametrize(
    "query",
    [
        {"state": "lost"},
        {"direction": "up"},
        {"reason": "BAD_LUCK"},
        {"limit": 0},
        {"limit": 1001},
        {"id": "x"},
        {"after": "-1"},
        {"site": "x" * 100},
    ],
)
def test_waiting_filters_that_are_none(client, query):
    check_error(client.waiting(**query).must(400))
    if not query.keys() & {"limit", "after"}:
        check_error(client.retry_waiting(**query).must(400))


def test_retry_brings_what_has_healed(pair, client, bucket, lost):
    """Rows are due in an hour; a person does not wait for that."""
    there = pair[1].client()
    eventually(lambda: there.bucket_status(bucket) == "READY", 20, "the bucket is at site b")
    there.put(bucket, "missing-1", O1).must(201)
    eventually(
        lambda: client.status_of(bucket, "missing-1") == "READY", 20, "b's own order brought it"
    )
    counted = client.retry_waiting(bucket=bucket, dryRun=True).must(200).json()
    assert counted["dryRun"] is True
    assert counted["matched"] >= 3
    assert client.retry_waiting(bucket=bucket, site="site-b").must(200).json()["matched"] >= 2
    outcome = wait_outcome(client, lost[1]["opId"])
    assert outcome["outcome"] in ("applied", "duplicate", "superseded")
    eventually(
        lambda: len(client.waiting(bucket=bucket).json()["orders"]) == 3, 20, "the rest waits again"
    )
    assert client.get(bucket, "missing-1").must(200).body == O1


def test_drop_waiting(client, bucket, lost):
    assert (
        client.drop_waiting(bucket=bucket, reason="SRC_NOT_FOUND", dryRun=True).json()["matched"]
        == 3
    )
    assert len(client.waiting(bucket=bucket).json()["orders"]) == 4
    assert client.drop_waiting(bucket=bucket, reason="SRC_NOT_FOUND").must(200).json() == {
        "matched": 3,
        "dryRun": False,
    }
    assert len(client.waiting(bucket=bucket).json()["orders"]) == 1
    assert wait_outcome(client, lost[0]["opId"])["outcome"] == "dropped"
    (row,) = client.waiting(bucket=bucket).json()["orders"]
    assert client.drop_waiting(id=row["id"]).must(200).json()["matched"] == 1
    assert client.drop_waiting(id=row["id"]).must(200).json()["matched"] == 0


def test_a_newer_order_supersedes_a_waiting_one(client, bucket, lost):
    newer = order("DELETE", bucket, "missing-0")
    client.post_order(newer).must(201)
    assert wait_outcome(client, newer["opId"])["outcome"] == "applied"
    client.retry_waiting(bucket=bucket).must(200)
    assert wait_outcome(client, lost[0]["opId"])["outcome"] == "superseded"


def test_a_dead_order_leaves_the_one_that_waits_alone(client, bucket, lost):
    expired = order("DELETE", bucket, "missing-0", orderedAt="2020-01-01T00:00:00Z")
    client.post_order(expired).must(201)
    assert wait_outcome(client, expired["opId"])["outcome"] == "dead"
    assert wait_outcome(client, lost[0]["opId"], "waiting")
    assert client.retry_waiting(bucket=bucket, reason="EXPIRED").must(200).json() == {
        "matched": 1,
        "superseded": 0,
        "incurable": 1,
        "dryRun": False,
    }
    assert wait_outcome(client, lost[0]["opId"], "waiting")
    assert len(client.waiting(bucket=bucket, state="dead").json()["orders"]) == 1


def test_an_order_refused_by_its_target_is_a_dead_letter_and_the_rest_flows(sites, hostile):
    """One bad order among many: found by halving the batch (DESIGN 4)."""
    target = hostile(ferry=True, order_status=lambda o: 400 if o["objectName"] == "m-37" else 201)
    (a,) = sites(["site-a"], peers={"site-a": {"site-b": target.url}})
    made = [
        order("DELETE", "bucket-1", f"m-{i}", source="site-a", toSite="site-b") for i in range(100)
    ]
    a.client().give_orders(made).must(201)
    wanted = {f"m-{i}" for i in range(100)} - {"m-37"}
    eventually(
        lambda: {o["objectName"] for o in target.orders} == wanted, 30, "all others are there"
    )

    def dead():
        return a.client().waiting(state="dead", direction="out").must(200).json()["orders"]

    (row,) = eventually(dead, 20, "the refused one is a dead letter")
    assert row["order"]["objectName"] == "m-37"
    assert (row["reason"], row["httpStatus"]) == ("BAD_ORDER", 400)
    target.order_status = lambda o: 201
    a.client().retry_waiting(direction="out").must(200)
    eventually(
        lambda: "m-37" in {o["objectName"] for o in target.orders}, 20, "retried, it arrives"
    )


# ---- status


def test_status(pair, client, bucket):
    client.put(bucket, "o", b"hello").must(201)
    eventually(lambda: pair[1].client().status_of(bucket, "o") == "READY", 20, "it is at site b")
    said = check_ferry(client.site_status(), 200).json()
    assert said["site"] == "site-a"
    assert said["objects"] >= 1
    assert said["bytes"] >= 5
    assert said["containers"] >= 1
    for part in ("incoming", "routing"):
        assert said[part].keys() == {"lag", "oldestSeconds"}
    assert 0 <= said["queue"]["usedBytes"] < said["queue"]["maxBytes"]
    assert said["queue"]["ok"] is True
    assert said["queue"]["reason"] is None
    assert said["store"]["ok"] is True
    (target,) = said["targets"]
    assert (target["site"], target["uri"], target["status"]) == ("site-b", pair[1].url, "UP")


def test_status_counts_what_waits(client, bucket, lost):
    said = client.site_status().must(200).json()
    counts = {
        (row["site"], row["reason"]): row for row in said["waiting"] if row["state"] == "waiting"
    }
    assert counts["site-b", "SRC_NOT_FOUND"]["orders"] >= 3
    assert counts["site-b", "SRC_NOT_FOUND"]["bytes"] >= 3 * len(O1)
    assert counts["site-z", "TOPOLOGY_UNKNOWN"]["orders"] >= 1
    assert said["waitingOrders"] >= 4


# ---- health, metrics, the API's own text


def test_health(client):
    assert client.live().must(200).json() == {"live": True}
    said = client.ready().must(200).json()
    assert said["ready"] is True
    assert set(said["checks"]) >= {"catalogue", "store", "queue"}
    assert set(said["checks"].values()) == {"ok"}


def test_ready_says_what_is_missing(sites):
    (a,) = sites(["site-a"], store_free_floor="1TiB", start=False)
    a.start(ready=False)
    answer = a.client().ready().must(503)
    assert answer.header("Retry-After")
    said = answer.json()
    assert said["ready"] is False
    assert "floor" in said["checks"]["store"]
    assert said["checks"]["catalogue"] == "ok"
    a.client().live().must(200)
    a.client().make_bucket("bucket-1").must(201)
    check_error(a.client().put("bucket-1", "o", b"x").must(507))
    a.client().get("bucket-1", "o").must(404)


SAMPLE = re.compile(
    r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="[^"]*",?)*\})? -?[0-9.eE+-]+|.* NaN'
)


def test_metrics(client):
    answer = client.call("GET", "/metrics").must(200)
    assert answer.header("Content-Type").startswith("text/plain; version=0.0.4")
    lines = answer.body.decode().splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    names = {re.split(r"[{ ]", line)[0] for line in samples}
    untyped = {
        n for n in names if n not in typed and re.sub("_(bucket|sum|count)$", "", n) not in typed
    }
    assert untyped == set()
    fixed = {
        "ferry_orders_accepted_total",
        "ferry_bytes_pending",
        "ferry_lag_seconds",
        "ferry_site_up",
        "ferry_site_paused",
        "ferry_hash_mismatch_total",
        "ferry_dead_letters",
        "ferry_progress_timestamp_seconds",
    }
    assert fixed <= typed, fixed - typed
    assert not any('bucket="' in line for line in samples)


def test_metrics_count(client):
    before = client.metrics()
    client.post_order(order("UPDATE", "bucket-1")).must(201)
    eventually(
        lambda: client.metrics()["ferry_orders_accepted_total"]
        == before.get("ferry_orders_accepted_total", 0) + 1,
        reason="it is counted",
    )


def test_admin_listener(sites):
    """--admin serves health and metrics on a port of its own, and nothing else."""
    from support.ports import take_port
    from support.wire import request

    port = take_port()
    (a,) = sites(["site-a"], admin=f"127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}"
    for path in ("/health/live", "/health/ready", "/metrics"):
        request(url, "GET", path).must(200)
    request(url, "GET", "/ferry/v1/status").must(404)
    a.client().live().must(200)


def test_openapi_is_served(client):
    answer = client.call("GET", "/openapi.yaml").must(200)
    assert answer.header("Content-Type").startswith("application/yaml")
    assert answer.body == (ROOT / "api/openapi.yaml").read_bytes()
    described = yaml.safe_load(answer.body)
    assert described["openapi"].startswith("3.")
    assert "/replicator/remote/orders" in described["paths"]


def test_openapi_describes_only_what_is_served(client):
    """Every path and method of it is answered by a route: never 404 for the path, never 405. OpenIO's
    API has no 405; its cases call each of its operations."""
    described = yaml.safe_load(client.call("GET", "/openapi.yaml").must(200).body)
    ours = {path: methods for path, methods in described["paths"].items() if not path.startswith("/v3.0/")}
    for path, methods in ours.items():
        target = re.sub(r"\{[^}]+\}", "some-1", path)
        allowed = client.call("PATCH", target)
        assert allowed.status == 405, (path, allowed)
        served = {word.strip().lower() for word in allowed.header("Allow").split(",")}
        wanted = {
            method for method in methods if method in ("get", "head", "put", "post", "delete")
        }
        assert wanted <= served, (path, wanted, served)


def test_every_answer_names_op_id_module_and_version(client):
    for target in ("/health/live", "/metrics", "/nowhere", "/ferry/v1/status", "/cloudclonestore"):
        answer = client.call("GET", target)
        for name in ("x-clonecloudstore-op-id", "x-clonecloudstore-module", "x-ferry-version"):
            assert answer.header(name), (target, name)
