"""Black-box cases 49-60: how objects get into a site, Administration, and the reader's patience."""

import json
import time
import uuid

import pytest
import zstandard
from support import digest, wire
from support.client import OCTETS, ccs_headers
from support.orders import order, wait_outcome
from support.queued import messages
from support.setting import check_common, check_error
from support.waiting import eventually

HELLO_HASH = "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i0"
OUT = "request-replication"
PATIENCE_S = 1.0  # of CCS's readers between two chunks (spec 1.5)

pytestmark = pytest.mark.worlds("embedded", "real")


@pytest.fixture(scope="module")
def three(module_sites):
    """Three sites that all know each other."""
    return module_sites(["site-a", "site-b", "site-c"])


@pytest.fixture
def site(three):
    return three[0]


@pytest.fixture
def client(site):
    return site.client()


@pytest.fixture
def bucket(client):
    """bucket-9 under a name of the test's own."""
    name = f"bucket-9-{uuid.uuid4().hex[:12]}"
    client.make_bucket(name).must(201)
    return name


def orders_out(site, bucket, name=None, action="CREATE"):
    """The orders for other sites about this bucket or object, once there is any."""

    def look():
        return [
            o
            for o in messages(site, OUT)
            if (o["bucketName"], o["objectName"], o["action"]) == (bucket, name, action)
        ]

    return eventually(look, reason=f"an order {action} {bucket} {name}")


def everywhere(three, bucket, name, status="READY"):
    for other in three:
        client = other.client()
        eventually(
            lambda: client.status_of(bucket, name) == status,
            20,
            f"{bucket}/{name} is {status} at {other.name}",
        )


def test_case_49_create_bucket(site, client):
    name = f"bucket-9-{uuid.uuid4().hex[:12]}"
    answer = check_common(client.make_bucket(name).must(201), "ACCESSOR")
    row = answer.json()
    assert (row["id"], row["clientId"], row["site"], row["status"]) == (
        name,
        "client-1",
        "site-a",
        "READY",
    )
    check_error(check_common(client.make_bucket(name).must(409), "ACCESSOR"))
    (made,) = orders_out(site, name)
    assert made["toSite"] is None
    assert made["objectName"] is None
    assert made["size"] == 0
    assert made["hash"] is None
    assert (made["fromSite"], made["clientId"]) == ("site-a", "client-1")


def test_case_50_create_object(three, site, client, bucket):
    headers = {"Content-Type": OCTETS, **ccs_headers(size="0")}
    answer = client.call("POST", f"/cloudclonestore/{bucket}/a%20b", headers, iter([b"hel", b"lo"]))
    row = check_common(answer.must(201), "ACCESSOR").json()
    assert (row["name"], row["size"], row["hash"], row["status"]) == ("a_b", 5, HELLO_HASH, "READY")
    (made,) = orders_out(site, bucket, "a_b")
    assert (made["size"], made["hash"]) == (5, HELLO_HASH)
    everywhere(three, bucket, "a_b")
    for other in three:
        assert other.client().get(bucket, "a_b").must(200).body == b"hello"


def test_case_51_create_object_twice(client, bucket):
    client.put(bucket, "a b", b"hello").must(201)
    check_error(check_common(client.put(bucket, "a b", b"hello").must(409), "ACCESSOR"))
    check_error(client.put(bucket, "a_b", b"other").must(409))
    assert client.get(bucket, "a_b").must(200).body == b"hello"


def test_case_52_create_object_as_zstd(client, bucket):
    body = zstandard.ZstdCompressor().compress(b"hello")
    row = client.put(bucket, "z", body, encoding="zstd").must(201).json()
    assert (row["size"], row["hash"]) == (5, HELLO_HASH)
    assert client.get(bucket, "z").must(200).body == b"hello"


def test_case_53_listing(client, bucket):
    for name in ("one", "two", "three"):
        client.put(bucket, name, name.encode()).must(201)
    client.delete(bucket, "two").must(204)
    answer = check_common(client.listing(bucket, statuses=["READY"]).must(200), "ACCESSOR")
    assert answer.header("Content-Type") == OCTETS
    assert answer.body.endswith(b"\n")
    rows = answer.lines()
    assert {row["name"]: row["hash"] for row in rows} == {
        "one": digest.base32hex(b"one"),
        "three": digest.base32hex(b"three"),
    }
    assert all(row["bucket"] == bucket and row["metadata"] == {} for row in rows)


def test_case_54_listing_of_nothing(client, bucket):
    client.put(bucket, "one", b"1").must(201)
    answer = client.listing(bucket, statuses=["READY"], namePrefix="zz").must(200)
    assert answer.body == b""


def test_case_55_delete_object_twice(three, site, client, bucket):
    client.put(bucket, "a_b", b"hello").must(201)
    check_common(client.delete(bucket, "a_b").must(204), "ACCESSOR")
    client.delete(bucket, "a_b").must(204)
    assert len(orders_out(site, bucket, "a_b", "DELETE")) == 1
    assert client.describe(bucket, "a_b").must(200).json()["status"] == "DELETED"
    check_error(client.get(bucket, "a_b").must(404))
    everywhere(three, bucket, "a_b", "DELETED")
    assert len(orders_out(site, bucket, "a_b", "DELETE")) == 1


def test_case_56_delete_bucket_of_another_client(site, client, bucket):
    check_error(check_common(site.client("client-2").drop_bucket(bucket).must(403), "ACCESSOR"))
    assert client.bucket_status(bucket) == "READY"


def test_case_57_delete_bucket(three, site, client, bucket):
    client.put(bucket, "inside", b"x").must(201)
    check_error(client.drop_bucket(bucket).must(406))
    client.delete(bucket, "inside").must(204)
    client.drop_bucket(bucket).must(204)
    check_error(client.drop_bucket(bucket).must(410))
    check_error(client.bucket(bucket).must(410))
    client.ownership("client-1", bucket).must(404)
    assert len(orders_out(site, bucket, action="DELETE")) == 1
    for other in three:
        there = other.client()
        eventually(lambda: there.bucket_status(bucket) == "DELETED", 20, f"gone at {other.name}")


def test_case_58_topology_twice(client):
    uri = "http://127.0.0.1:9"
    answer = check_common(client.add_topology("site-58", uri, "DOWN").must(201), "ADMINISTRATION")
    assert answer.json() == {"id": "site-58", "name": "site-58", "uri": uri, "status": "DOWN"}
    check_error(check_common(client.add_topology("site-58", uri).must(409), "ADMINISTRATION"))
    assert client.topology("site-58").must(200).json()["status"] == "DOWN"
    client.drop_topology("site-58").must(204)


def test_case_59_ownership_is_fused(client, bucket):
    assert client.add_ownership("client-59", bucket, "WRITE").must(201).json() == "WRITE"
    answer = check_common(
        client.fuse_ownership("client-59", bucket, "READ").must(202), "ADMINISTRATION"
    )
    assert answer.json() == "READ_WRITE"
    assert client.ownership("client-59", bucket).must(200).json() == "READ_WRITE"


def longest_gap(url, target, headers):
    """Reads an answer as it comes; (bytes, most seconds that passed without one)."""
    headers = {"Accept": OCTETS, **ccs_headers(client_id="client-1"), **headers}
    last = time.monotonic()
    connection, response = wire.open_request(url, "GET", target, headers)
    size, gap = 0, 0.0
    try:
        assert response.status == 200
        while piece := response.read1(1 << 16):
            now = time.monotonic()
            size, gap, last = size + len(piece), max(gap, now - last), now
    finally:
        connection.close()
    return size, gap


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "zstd"}])
@pytest.mark.parametrize("door", ["remote", "local"])
def test_case_60_a_reader_never_waits_a_second(three, client, bucket, door, headers):
    """The real reader cuts what stands still for longer, on /local as on /remote."""
    piece = b"".join(digest.base32hex(str(i).encode()).encode() for i in range(20000))
    pieces = 32
    client.put(bucket, "big", (piece for _ in range(pieces))).must(201)
    asked = three[0] if door == "remote" else three[1]
    target = f"/replicator/{door}/buckets/{bucket}/big"
    if door == "local":
        headers = {**headers, **ccs_headers(target_id="site-a")}
    size, gap = longest_gap(asked.url, target, headers)
    if "Accept-Encoding" not in headers:
        assert size == len(piece) * pieces
    assert 0 < size <= len(piece) * pieces
    assert gap < PATIENCE_S


# ---- beyond the numbered cases: buckets


def test_buckets_of_a_client(site):
    mine = site.client(f"client-{uuid.uuid4().hex[:8]}")
    assert mine.buckets().must(200).json() == []
    names = [f"b-{uuid.uuid4().hex}" for _ in range(3)]
    for name in names:
        mine.make_bucket(name).must(201)
    mine.drop_bucket(names[1]).must(204)
    rows = mine.buckets().must(200).json()
    assert {row["id"]: row["status"] for row in rows} == {
        names[0]: "READY",
        names[1]: "DELETED",
        names[2]: "READY",
    }
    assert {row["clientId"] for row in rows} == {mine.client}


def test_head_bucket(client, bucket):
    check_type_accessor(client.head_bucket(bucket), "BUCKET")
    answer = client.head_bucket("nope-1").must(404)
    assert answer.header("x-clonecloudstore-type") == "NONE"


def check_type_accessor(answer, kind):
    check_common(answer.must(204), "ACCESSOR")
    assert answer.header("x-clonecloudstore-type") == kind


def test_bad_bucket_names(client):
    for name in ("Bad_Name", "ab", "a" * 64, "b.c"):
        check_error(client.make_bucket(name).must(400))
        check_error(client.bucket(name).must(400))


def test_bucket_of_a_bad_client(site):
    """It must not block the name (spec 2.4)."""
    name = f"b-{uuid.uuid4().hex}"
    check_error(site.client("Not A Client").make_bucket(name).must(400))
    site.client().make_bucket(name).must(201)


def test_deleted_bucket_may_come_again_with_another_owner(three, site, client, bucket):
    client.drop_bucket(bucket).must(204)
    other = site.client("client-2")
    assert other.make_bucket(bucket).must(201).json()["clientId"] == "client-2"
    client.ownership("client-2", bucket).must(200)
    client.ownership("client-1", bucket).must(404)
    there = three[1].client("client-2")
    eventually(
        lambda: there.bucket(bucket).must(200).json()["clientId"] == "client-2",
        20,
        "the new owner is known elsewhere",
    )


def test_bucket_operations_need_a_client(site):
    nobody = site.client(None)
    for method, path in [
        ("GET", ""),
        ("GET", "/bucket-1"),
        ("HEAD", "/bucket-1"),
        ("POST", "/bucket-1"),
        ("DELETE", "/bucket-1"),
        ("PUT", "/bucket-1"),
    ]:
        answer = nobody.call(method, "/cloudclonestore" + path).must(401)
        check_error(check_common(answer, "ACCESSOR"))


def test_method_override_is_not_honoured(client, bucket):
    """Undocumented there (spec 1.1); a POST that deletes would be a trap."""
    client.call("POST", f"/cloudclonestore/{bucket}", {"X-HTTP-Method-Override": "DELETE"}).must(
        409
    )
    assert client.bucket_status(bucket) == "READY"


# ---- objects


def test_head_object(client, bucket):
    client.put(bucket, "dir/one", b"1").must(201)
    check_type_accessor(client.head(bucket, "dir/one"), "OBJECT")
    check_type_accessor(client.head(bucket, "dir"), "DIRECTORY")
    check_type_accessor(client.head(bucket, "di"), "DIRECTORY")
    answer = client.head(bucket, "none").must(404)
    assert answer.header("x-clonecloudstore-type") == "NONE"


def test_get_object_headers_say_what_json_says(client, bucket):
    facts = {
        "size": 5,
        "hash": HELLO_HASH,
        "expires": "2099-01-02T03:04:05Z",
        "metadata": {"a_key": "a value", "other": "x:=/"},
    }
    headers = {**facts, "size": "5"}
    client.put(bucket, "o", b"hello", **headers).must(201)
    row = client.describe(bucket, "o").must(200).json()
    assert {key: row[key] for key in facts} == facts
    answer = client.get(bucket, "o").must(200)
    for key in ("id", "site", "bucket", "name", "hash", "status", "creation", "expires"):
        assert answer.header("x-clonecloudstore-" + key) == row[key], key
    assert answer.header("x-clonecloudstore-size") == "5"
    assert json.loads(answer.header("x-clonecloudstore-metadata")) == facts["metadata"]


def test_facts_travel_with_the_object(three, client, bucket):
    client.put(bucket, "o", b"hello", expires="2099-01-02T03:04:05.678Z", metadata={"k": "v"}).must(
        201
    )
    here = client.describe(bucket, "o").must(200).json()
    for other in three[1], three[2]:
        there = other.client()
        eventually(lambda: there.status_of(bucket, "o") == "READY", 20, f"arrived at {other.name}")
        row = there.describe(bucket, "o").must(200).json()
        for key in ("hash", "size", "metadata", "creation", "expires", "status", "stamp"):
            assert row[key] == here[key], (other.name, key)
        assert row["site"] == other.name


@pytest.mark.parametrize(
    "given",
    [
        HELLO_HASH,
        HELLO_HASH.upper(),
        digest.hexadecimal(b"hello"),
        digest.hexadecimal(b"hello").lower(),
    ],
)
def test_given_hash_is_taken_in_both_forms(client, bucket, given):
    row = client.put(bucket, "o", b"hello", hash=given).must(201).json()
    assert row["hash"] == HELLO_HASH


@pytest.mark.parametrize("given", [digest.base32hex(b"other"), "nonsense", "0" * 51])
def test_given_hash_that_is_not_the_bodys(site, client, bucket, given):
    """400, and nothing is kept."""
    before = len(site.body_files())
    check_error(client.put(bucket, "o", b"hello" * 10000, hash=given).must(400))
    client.get(bucket, "o").must(404)
    assert client.status_of(bucket, "o") in (None, "DELETED", "ERR_UPL")
    eventually(lambda: len(site.body_files()) <= before, reason="the body's file is gone")
    client.put(bucket, "o", b"hello").must(201)


@pytest.mark.parametrize(
    "headers",
    [
        {"metadata": "{"},
        {"metadata": "[]"},
        {"metadata": {"1key": "x"}},
        {"metadata": {"a-b": "x"}},
        {"metadata": {"a": 1}},
        {"metadata": {"a": "x\u0001"}},
        {"metadata": {"a": "<script>"}},
        {"expires": "tomorrow"},
        {"size": "-1"},
        {"size": "many"},
    ],
)
def test_wrong_upload_headers(client, bucket, headers):
    check_error(client.put(bucket, "o", b"hello", **headers).must(400))
    client.put(bucket, "o", b"hello").must(201)


def test_upload_into_a_missing_bucket(client):
    check_error(client.put("nope-1", "o", b"x").must(404))


def test_upload_into_a_deleted_bucket(client, bucket):
    client.drop_bucket(bucket).must(204)
    check_error(client.put(bucket, "o", b"x").must(404))


def test_upload_without_the_right(site, client, bucket):
    check_error(site.client("client-2").put(bucket, "o", b"x").must(403))
    client.add_ownership("client-2", bucket, "WRITE").must(201)
    site.client("client-2").put(bucket, "o", b"x").must(201)
    site.client("client-2").get(bucket, "o").must(404)  # no READ: as if it were not there
    site.client("client-2").describe(bucket, "o").must(404)
    check_error(site.client("client-2").delete(bucket, "o").must(403))
    check_error(site.client("client-2").listing(bucket).must(403))


def test_delete_of_what_is_not_there(client, bucket):
    check_error(client.delete(bucket, "none").must(404))


def test_recreate_a_deleted_object(three, client, bucket):
    """New bytes, new metadata, everywhere; nothing of the old one is left."""
    client.put(bucket, "o", b"first", metadata={"old": "yes"}).must(201)
    client.delete(bucket, "o").must(204)
    row = client.put(bucket, "o", b"second").must(201).json()
    assert (row["size"], row["metadata"]) == (6, {})
    for other in three:
        there = other.client()
        eventually(lambda: there.get(bucket, "o").must(200).body == b"second", 20, other.name)
        assert there.describe(bucket, "o").json()["metadata"] == {}


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd, gzip"])
def test_upload_in_an_unknown_encoding(client, bucket, encoding):
    check_error(client.put(bucket, "o", b"hello", encoding=encoding).must(415))
    client.get(bucket, "o").must(404)


def zstd_bodies():
    frame = zstandard.ZstdCompressor().compress(b"hello" * 1000)
    return {"cut": frame[:-3], "no frame": b"hello", "garbage behind": frame + b"xx"}


@pytest.mark.parametrize("kind", ["cut", "no frame", "garbage behind"])
def test_upload_of_broken_zstd(client, bucket, kind):
    check_error(client.put(bucket, "o", zstd_bodies()[kind], encoding="zstd").must(400))
    client.get(bucket, "o").must(404)
    client.put(bucket, "o", b"hello").must(201)


def test_upload_of_several_zstd_frames(client, bucket):
    """Real writers end the frame at each flush (spec 1.5)."""
    compressor = zstandard.ZstdCompressor()
    body = compressor.compress(b"hel") + compressor.compress(b"lo")
    row = client.put(bucket, "o", body, encoding="zstd").must(201).json()
    assert (row["size"], row["hash"]) == (5, HELLO_HASH)


def test_upload_that_breaks_off_leaves_nothing(site, client, bucket):
    with pytest.raises(Exception):
        client.put(bucket, "o", breaking_off())
    eventually(
        lambda: client.status_of(bucket, "o") in (None, "ERR_UPL"), reason="the upload is given up"
    )
    client.get(bucket, "o").must(404)
    eventually(lambda: client.put(bucket, "o", b"whole").status == 201, reason="the name is free")
    assert client.get(bucket, "o").must(200).body == b"whole"


def breaking_off():
    yield b"x" * 300000
    raise ConnectionAbortedError


def test_large_upload_of_unknown_length(three, client, bucket):
    piece = bytes(range(256)) * 4096  # 1 MiB
    row = client.put(bucket, "large", (piece for _ in range(20))).must(201).json()
    assert row["size"] == 20 << 20
    assert row["hash"] == digest.base32hex(piece * 20)
    there = three[1].client()
    eventually(lambda: there.status_of(bucket, "large") == "READY", 30, "it arrived")
    assert there.get(bucket, "large").must(200).body == piece * 20


def test_applying_an_order_writes_none(three, client, bucket):
    """Loop prevention: only local operations of clients write replication orders (DESIGN 3)."""
    client.put(bucket, "o", b"hello").must(201)
    everywhere(three, bucket, "o")
    for other in three[1], three[2]:
        assert [o for o in messages(other, OUT) if o["bucketName"] == bucket] == []


def test_own_order_back_is_harmless(three, client, bucket):
    """B orders at A what it got from A: equal stamp or other, the object stays."""
    client.put(bucket, "o", b"hello").must(201)
    everywhere(three, bucket, "o")
    made = order("CREATE", bucket, "o", source="site-b", data=b"hello")
    client.post_order(made).must(201)
    wait_outcome(client, made["opId"], "applied", "duplicate", "superseded")
    assert client.get(bucket, "o").must(200).body == b"hello"


def test_accept_decides_between_bytes_and_json(client, bucket):
    client.put(bucket, "o", b"hello").must(201)
    target = f"/cloudclonestore/{bucket}/o"
    for accept in (None, "*/*", OCTETS, "application/json, application/octet-stream"):
        headers = {} if accept is None else {"Accept": accept}
        assert client.call("GET", target, headers).must(200).body == b"hello", accept
    check_error(client.call("GET", target, {"Accept": "text/html"}).must(406))
