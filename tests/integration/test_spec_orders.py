"""Black-box cases 36-48 of the replicator API: orders that are brought to the target."""

import json
import time
import uuid

import pytest
from support.client import ccs_headers
from support.disk import FileLimit, SmallDisk
from support.orders import order, outcome_rows, wait_outcome
from support.setting import METADATA, O1, O1_HASH, Setting, check_common, check_error
from support.waiting import eventually, stays

pytestmark = pytest.mark.worlds("embedded", "real")

ORDERS = "/replicator/remote/orders"


@pytest.fixture(scope="module")
def setting(module_sites):
    return Setting(module_sites, retry_memory="1s")


@pytest.fixture
def client(setting):
    return setting.client()


def accepted(answer):
    """201 with nothing in it."""
    check_common(answer.must(201))
    assert answer.body == b""


def test_case_36_create_bucket(client):
    made = order("CREATE", "bucket-2")
    accepted(client.post_order(made))
    eventually(lambda: client.bucket_status("bucket-2") == "READY", reason="bucket-2 is there")
    row = client.bucket("bucket-2").json()
    assert (row["clientId"], row["site"]) == ("client-1", "site-a")
    assert client.ownership("client-1", "bucket-2").must(200).json() == "OWNER"


def test_case_37_create_object(setting, client):
    made = order("CREATE", "bucket-1", "dir/o1", data=O1)
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"])["outcome"] == "applied"
    here = client.describe("bucket-1", "dir/o1").must(200).json()
    there = setting.b.client().describe("bucket-1", "dir/o1").must(200).json()
    for key in ("hash", "size", "metadata", "creation", "status", "name", "bucket", "expires"):
        assert here[key] == there[key], key
    assert (here["hash"], here["size"], here["metadata"]) == (O1_HASH, 120, METADATA)
    assert here["site"] == "site-a"
    assert here["id"] != there["id"]
    assert client.get("bucket-1", "dir/o1").must(200).body == O1


def without_stamp(row):
    """What CCS knows of it."""
    return {key: value for key, value in row.items() if key != "stamp"}


def test_case_38_the_same_order_again(client):
    first = order("CREATE", "bucket-1", "dir/o1", data=O1)
    accepted(client.post_order(first))
    assert wait_outcome(client, first["opId"])["outcome"] in ("applied", "duplicate")
    before = client.describe("bucket-1", "dir/o1").must(200).json()
    again = order("CREATE", "bucket-1", "dir/o1", data=O1)
    accepted(client.post_order(again))
    assert wait_outcome(client, again["opId"])["outcome"] in ("applied", "duplicate")
    after = client.describe("bucket-1", "dir/o1").must(200).json()
    assert without_stamp(after) == without_stamp(before)


def test_case_39_an_array_is_applied_in_its_order(setting, client):
    there = setting.b.client()
    there.make_bucket("bucket-3").must(201)
    there.put("bucket-3", "x", O1).must(201)
    made = [
        order("CREATE", "bucket-3"),
        order("CREATE", "bucket-3", "x", data=O1),
        order("DELETE", "bucket-3", "x"),
        order("DELETE", "bucket-3"),
    ]
    accepted(client.post_orders(made))
    for one in made:
        wait_outcome(client, one["opId"], "applied", "superseded")
    assert client.bucket_status("bucket-3") == "DELETED"
    # With the bucket went all rights on it; its owner still sees the tombstones by the exact route.
    rows = client.objects("bucket-3", account="client-1", status="ANY").must(200).json()["objects"]
    assert [(row["name"], row["status"]) for row in rows] == [("x", "DELETED")]


def test_case_40_an_empty_array(client):
    before = client.metrics().get("ferry_orders_received_total", 0)
    accepted(client.post_orders([]))
    assert client.metrics().get("ferry_orders_received_total", 0) == before


@pytest.mark.parametrize(
    "body", [b'{"action":"FROB"}', b"{", b"", b"[]", b'"text"', b"null", b"\xff\xfe"]
)
def test_case_41_what_is_no_order(client, body):
    answer = client.call("POST", ORDERS, {"Content-Type": "application/json"}, body)
    check_error(check_common(answer.must(400)))


@pytest.mark.parametrize("path", [ORDERS, ORDERS + "/multiple"])
def test_case_42_other_media_types(client, path):
    answer = client.send_json("POST", path, order("UPDATE", "bucket-1"), content_type="text/plain")
    check_error(check_common(answer.must(415)))


def test_case_43_unknown_keys_are_ignored(client):
    made = order("UPDATE", "bucket-1", "dir/a1", x=1, y={"deep": [None]})
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"])["outcome"] == "settled"


@pytest.mark.parametrize("action", ["UPDATE", "UNKNOWN"])
def test_case_44_update_changes_nothing(client, action):
    before = client.describe("bucket-1", "dir/a1").must(200).json()
    made = order(action, "bucket-1", "dir/a1", data=O1)
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"])["outcome"] == "settled"
    assert client.describe("bucket-1", "dir/a1").must(200).json() == before


def test_case_45_no_write_right_here(setting, client):
    name = f"x-{uuid.uuid4()}"
    setting.b.client().put("bucket-1", name, O1).must(201)
    made = order("CREATE", "bucket-1", name, client="client-7", data=O1)
    accepted(client.post_order(made))
    row = wait_outcome(client, made["opId"], "waiting")
    assert row["reason"] == "RIGHTS"
    assert client.status_of("bucket-1", name) is None
    client.drop_waiting(id=_waiting_id(client, made)).must(200)


def _waiting_id(client, made):
    rows = client.waiting(bucket=made["bucketName"]).must(200).json()["orders"]
    return next(row["id"] for row in rows if row["order"]["opId"] == made["opId"])


def test_case_46_a_bucket_with_an_object_stays(client):
    made = order("DELETE", "bucket-1")
    accepted(client.post_order(made))
    wait_outcome(client, made["opId"])
    assert client.bucket_status("bucket-1") == "READY"
    assert client.get("bucket-1", "dir/a1").must(200)


# ---- case 47: the queue cannot take it


def refused(answer):
    check_error(check_common(answer.must(503)))
    assert int(answer.header("Retry-After")) >= 1


def large_orders(count, **keys):
    """Some 60 KiB of orders."""
    return [order("DELETE", "bucket-1", f"dir/{'n' * 900}-{i}", **keys) for i in range(count)]


def fill_queue(client):
    """With orders for site-b, which is paused, so that they stay. Full is what refuses for a
    second on end: before that the router is still moving orders from topic to topic."""
    orders = large_orders(50, source="site-a", toSite="site-b")
    refused_since = None
    for _ in range(2000):
        if client.give_orders(orders).must(201, 503).status == 201:
            refused_since = None
            continue
        refused_since = refused_since or time.monotonic()
        if time.monotonic() - refused_since > 1:
            return
    raise AssertionError("the queue does not become full")


@pytest.mark.worlds("embedded")
def test_case_47_queue_full(sites, hostile):
    target = hostile(site="site-b", ferry=True)
    (a,) = sites(["site-a"], peers={"site-a": {"site-b": target.url}}, queue_max_bytes="1MiB")
    client = a.client()
    client.pause("site-b").must(200)
    fill_queue(client)
    eventually(
        lambda: refused(client.post_order(order("UPDATE", "bucket-1"))) is None,
        reason="an order is refused",
    )
    refused(client.post_orders(large_orders(50)))
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in large_orders(50))
    refused(client.order_lines(lines, ORDERS + "/multiple"))
    # Uploads go on: their orders stay in the outbox.
    client.make_bucket("bucket-1").must(201)
    client.put("bucket-1", "o", b"data").must(201)

    client.resume("site-b").must(200)
    made = order("UPDATE", "bucket-1")
    eventually(lambda: client.post_order(made).must(201), 60, "orders are taken again")
    wait_outcome(client, made["opId"])
    names = eventually(
        lambda: {o["objectName"] for o in target.orders} >= {None, "o"},
        60,
        "what was uploaded meanwhile has arrived",
    )
    assert names
    client.ready().must(200)


def check_full_disk(site, disk):
    """201 while there is space, 503 while there is none, 201 again; nothing accepted is lost."""
    client = site.client()
    before = order("UPDATE", "bucket-1")
    accepted(client.post_order(before))
    wait_outcome(client, before["opId"])
    disk.fill()
    body = order("UPDATE", "bucket-1", "o" * 900)
    eventually(lambda: refused(client.post_order(body)) is None, reason="an order is refused")
    for _ in range(3):
        refused(client.post_orders([body] * 50))
    client.live().must(200)
    disk.free()
    after = order("UPDATE", "bucket-1")
    eventually(lambda: client.post_order(after).must(201), 60, "orders are taken again")
    assert wait_outcome(client, after["opId"], timeout=60)["outcome"] == "settled"


@pytest.mark.worlds("embedded")
def test_case_47_queue_disk_full(sites, tmp_path):
    disk = SmallDisk(tmp_path / "disk", 4 << 20)
    if disk.possible:
        (a,) = sites(["site-a"], wrapper=disk.wrapper, queue=f"sqlite:{disk.folder}/queue.db")
        check_full_disk(a, disk.attach(a))
    else:  # neither root nor user namespaces
        (a,) = sites(["site-a"])
        check_full_disk(a, FileLimit(a))


@pytest.mark.worlds("embedded")
def test_case_47_queue_file_may_not_grow(sites):
    (a,) = sites(["site-a"])
    check_full_disk(a, FileLimit(a))


@pytest.mark.parametrize("path", [ORDERS, ORDERS + "/multiple"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_case_48_other_methods(client, method, path):
    answer = check_error(check_common(client.call(method, path).must(405)))
    assert answer.header("Allow") == "POST"


# ---- beyond the numbered cases: rows I, G and H of spec 1.6


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": None},
        {"action": "create"},
        {"bucketName": ""},
        {"bucketName": "  "},
        {"bucketName": None},
        {"bucketName": "Bad_Name"},
        {"bucketName": "b" * 64},
        {"objectName": "a b"},
        {"objectName": "a;b"},
        {"objectName": "n" * 1025},
        {"clientId": "Not A Client"},
        {"fromSite": "site-a"},
        {"fromSite": None},
        {"fromSite": "Pékin"},
        {"size": -1},
        {"size": "12"},
        {"size": 1.5},
        {"hash": 7},
        {"opId": "a\nb"},
        {"stamp": "nonsense"},
        {"stamp": "00000000000000zz@site-b"},
        {"orderedAt": "yesterday"},
    ],
)
def test_orders_that_are_refused(client, wrong):
    made = order("CREATE", "bucket-1", "dir/a1", **wrong)
    check_error(client.post_order(made).must(400))


def test_no_client_id_is_needed_for_orders(setting):
    accepted(setting.client(None).post_order(order("UPDATE", "bucket-1")))


@pytest.mark.parametrize("given", [None, "site-a", ""])
def test_to_site_that_means_here(client, given):
    made = order("UPDATE", "bucket-1", toSite=given)
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"])["outcome"] == "settled"


def test_foreign_to_site_is_accepted_and_ends_as_dead_letter(client):
    made = order("CREATE", "bucket-1", "x", toSite="site-z", data=O1)
    accepted(client.post_order(made))
    row = wait_outcome(client, made["opId"])
    assert (row["outcome"], row["reason"]) == ("dead", "BAD_ORDER")
    client.drop_waiting(id=_waiting_id(client, made)).must(200)


def test_opaque_hash_is_accepted(setting, client):
    """A client may have supplied anything (spec 2.5): then the source's own hash is the promise."""
    name = f"x-{uuid.uuid4()}"
    setting.b.client().put("bucket-1", name, O1).must(201)
    made = order("CREATE", "bucket-1", name, hash="md5:whatever", size=120)
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"])["outcome"] == "applied"
    assert client.get("bucket-1", name).must(200).body == O1


def test_op_id_of_the_request_is_the_default(client):
    op_id = f"req-{uuid.uuid4()}"
    accepted(client.post_order(order("UPDATE", "bucket-1", opId=None), op_id=op_id))
    assert wait_outcome(client, op_id)["outcome"] == "settled"
    op_id = f"req-{uuid.uuid4()}"
    mixed = [
        order("UPDATE", "bucket-1", opId=None),
        order("UPDATE", "bucket-1", opId=" own-" + op_id),
        order("UPDATE", "bucket-1", opId=""),
    ]
    accepted(client.post_orders(mixed, op_id=op_id))
    for expected in (op_id + "-0", " own-" + op_id, op_id + "-2"):
        assert wait_outcome(client, expected)["outcome"] == "settled"


def test_duplicates_in_one_array(setting, client):
    name = f"x-{uuid.uuid4()}"
    setting.b.client().put("bucket-1", name, O1).must(201)
    op_id = f"twice-{uuid.uuid4()}"
    made = [order("CREATE", "bucket-1", name, data=O1, opId=op_id) for _ in range(20)]
    accepted(client.post_orders(made))
    eventually(lambda: client.status_of("bucket-1", name) == "READY", reason="it is there")
    rows = outcome_rows(client, op_id)
    assert {row["outcome"] for row in rows} <= {"applied", "duplicate"}, rows
    assert client.get("bucket-1", name).must(200).body == O1


def test_source_unknown_here_waits(client):
    made = order("CREATE", "bucket-1", "x", source="site-nowhere", data=O1)
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"], "waiting")["reason"] == "TOPOLOGY_UNKNOWN"
    client.drop_waiting(id=_waiting_id(client, made)).must(200)
    assert wait_outcome(client, made["opId"])["outcome"] == "dropped"


def test_order_for_an_object_the_source_does_not_have(client):
    made = order("CREATE", "bucket-1", f"missing-{uuid.uuid4()}", data=O1)
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"], "waiting")["reason"] == "SRC_NOT_FOUND"
    assert client.status_of("bucket-1", made["objectName"]) is None
    client.drop_waiting(id=_waiting_id(client, made)).must(200)


def test_order_that_promises_what_the_source_does_not_claim(setting, client):
    name = f"x-{uuid.uuid4()}"
    setting.b.client().put("bucket-1", name, O1).must(201)
    made = order("CREATE", "bucket-1", name, data=b"something else")
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"], "waiting")["reason"] == "SRC_CHANGED"
    assert client.status_of("bucket-1", name) is None
    client.drop_waiting(id=_waiting_id(client, made)).must(200)


def test_delete_of_what_is_not_there_leaves_a_tombstone(client):
    """A DELETE that overtakes its CREATE must win (spec 8)."""
    name = f"never-{uuid.uuid4()}"
    made = order("DELETE", "bucket-1", name)
    accepted(client.post_order(made))
    assert wait_outcome(client, made["opId"])["outcome"] == "applied"
    client.get("bucket-1", name).must(404)


def test_delete_replicates(setting, client):
    name = f"x-{uuid.uuid4()}"
    setting.b.client().put("bucket-1", name, O1).must(201)
    accepted(client.post_order(order("CREATE", "bucket-1", name, data=O1)))
    eventually(lambda: client.status_of("bucket-1", name) == "READY", reason="it is there")
    accepted(client.post_order(order("DELETE", "bucket-1", name)))
    eventually(lambda: client.status_of("bucket-1", name) == "DELETED", reason="it is gone")
    client.get("bucket-1", name).must(404)
    assert stays(lambda: client.status_of("bucket-1", name) == "DELETED", 0.5, "deleted") is None


def test_module_and_op_id_of_orders(client):
    answer = client.post_order(order("UPDATE", "bucket-1"), op_id="given-1").must(201)
    assert answer.header("x-clonecloudstore-op-id") == "given-1"
    assert answer.header("x-clonecloudstore-module") == "REPLICATOR"
    headers = {"Content-Type": "application/json; charset=UTF-8", **ccs_headers(op_id="given-2")}
    body = b'{"fromSite":"site-b","bucketName":"bucket-1","action":"UPDATE"}'
    accepted(client.call("POST", ORDERS, headers, body))
