"""/ferry/v1 content, objects, container and containers: exact names."""

import uuid

import pytest
import zstandard
from support import digest
from support.setting import check_common, check_error
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

NAMES = [
    "plain",
    "../../etc/passwd",
    "..",
    ".",
    "/leading",
    "trailing/",
    "a//b///c",
    "per%2Fcent",
    "%",
    "sp ace",
    "plus+plus",
    "semi;colon",
    "qu?ery&am=p#",
    "tab\tnew\nline\r\u0001\u007f",
    "<script>alert(1)</script>",
    "é/ü/日本/🚢",
    "back\\slash",
    "UPPER lower",
    "x" * 1023,
    "é" * 511 + "x",
    "con",
    "-rf",
]


@pytest.fixture(scope="module")
def two(module_sites):
    return module_sites(["site-a", "site-b"])


@pytest.fixture
def client(two):
    return two[0].client()


@pytest.fixture
def there(two):
    return two[1].client()


@pytest.fixture
def bucket(client):
    name = f"exact-{uuid.uuid4().hex[:12]}"
    client.make_bucket(name).must(201)
    return name


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[1:20])
def test_exact_names_are_kept(two, client, there, bucket, name):
    """There and back, and at the other site; no name ever reaches a path of the file system."""
    data = name.encode()
    row = check_common(client.put_exact(bucket, name, data).must(201), "FERRY").json()
    assert (row["name"], row["bucket"], row["hash"]) == (name, bucket, digest.base32hex(data))
    assert client.get_exact(bucket, name).must(200).body == data
    eventually(lambda: there.get_exact(bucket, name).must(200).body == data, 20, "it is at site b")
    listed = there.objects(bucket).must(200).json()["objects"]
    assert [one["name"] for one in listed] == [name]
    client.delete_exact(bucket, name).must(204)
    eventually(lambda: there.get_exact(bucket, name).status == 404, 20, "it is gone at site b")
    for site in two:
        outside = {p for p in site.data.parent.rglob("*") if not p.is_relative_to(site.data)}
        assert outside == {site.log}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?ref=bucket-1",
        "?path=x",
        "?ref=&path=x",
        "?ref=bucket-1&path=",
        "?ref=bucket-1&path=" + "%C3%A9" * 512,
        "?ref=" + "b" * 1024 + "&path=x",
        "?ref=bucket-1&path=%FF%FE",
        "?ref=bucket-1&path=a%00b",
        "?ref=bucket-1&path=%zz",
        "?ref=bucket-1&path=x&acct=%FF",
    ],
)
def test_names_that_are_none(client, query):
    for method in ("GET", "PUT", "DELETE"):
        body = b"x" if method == "PUT" else None
        check_error(client.call(method, "/ferry/v1/content" + query, body=body).must(400))


def test_head_says_what_get_says(client, bucket):
    client.put_exact(bucket, "o", b"hello", metadata={"k": "v"}).must(201)
    head = client.head_exact(bucket, "o").must(200)
    got = client.get_exact(bucket, "o").must(200)
    assert head.body == b""
    for name in ("id", "site", "bucket", "name", "size", "hash", "status", "creation", "metadata"):
        assert head.header("x-clonecloudstore-" + name) == got.header(
            "x-clonecloudstore-" + name
        ), name
    assert head.header("x-ferry-stamp") == got.header("x-ferry-stamp")
    assert head.header("x-ferry-stamp").endswith("@site-a")
    assert head.header("x-ferry-version")


def test_the_stamp_is_the_same_at_every_site(client, there, bucket):
    client.put_exact(bucket, "o", b"hello").must(201)
    eventually(lambda: there.head_exact(bucket, "o").status == 200, 20, "it is at site b")
    stamps = {c.head_exact(bucket, "o").header("x-ferry-stamp") for c in (client, there)}
    assert len(stamps) == 1


def test_a_deleted_object_answers_with_its_stamp(client, bucket):
    """Newer than the order's, it settles the puller's order as superseded (DESIGN 6)."""
    client.put_exact(bucket, "o", b"hello").must(201)
    alive = client.head_exact(bucket, "o").header("x-ferry-stamp")
    client.delete_exact(bucket, "o").must(204)
    answer = check_error(client.get_exact(bucket, "o").must(404))
    assert answer.header("x-ferry-stamp") > alive
    assert client.get_exact(bucket, "never").must(404).header("x-ferry-stamp") is None


def test_range_and_zstd(client, bucket):
    data = bytes(range(256)) * 5000
    client.put_exact(bucket, "o", data).must(201)
    answer = client.get_exact(bucket, "o", Range="bytes=0-").must(206)
    assert answer.body == data
    assert answer.header("Content-Length") == str(len(data))
    answer = client.get_exact(bucket, "o", Range="bytes=1000-1999").must(206)
    assert answer.body == data[1000:2000]
    answer = client.get_exact(bucket, "o", Accept_Encoding="zstd").must(200)
    assert answer.header("Content-Encoding") == "zstd"
    assert zstandard.ZstdDecompressor().stream_reader(answer.body).read() == data


def test_put_as_zstd(client, bucket):
    headers = {"Content-Encoding": "zstd"}
    body = zstandard.ZstdCompressor().compress(b"hello" * 1000)
    client.call("PUT", client.exact(bucket, "o"), headers, body).must(201)
    assert client.get_exact(bucket, "o").must(200).body == b"hello" * 1000


def test_put_over_an_object(client, bucket):
    """A changed object of a CCS bucket is 409: delete, then create (DESIGN 7)."""
    client.put_exact(bucket, "o", b"one").must(201)
    check_error(client.put_exact(bucket, "o", b"two").must(409))
    assert client.get_exact(bucket, "o").must(200).body == b"one"


def test_given_hash_is_verified(client, bucket):
    check_error(client.put_exact(bucket, "o", b"one", hash=digest.base32hex(b"two")).must(400))
    client.get_exact(bucket, "o").must(404)
    client.put_exact(bucket, "o", b"one", hash=digest.hexadecimal(b"one")).must(201)


def test_rights(two, client, bucket):
    client.put_exact(bucket, "o", b"one").must(201)
    stranger = two[0].client("client-2")
    check_error(stranger.get_exact(bucket, "o").must(403))
    check_error(stranger.put_exact(bucket, "p", b"x").must(403))
    check_error(stranger.delete_exact(bucket, "o").must(403))
    check_error(stranger.objects(bucket).must(403))
    two[0].client(None).get_exact(bucket, "o").must(401)
    client.get_exact(bucket, "o", account="client-1").must(200)


def test_a_bucket_that_is_not_there_is_not_found_before_rights_are_asked_for(client, bucket):
    """As a GET of /replicator/remote does: 404 for the bucket comes before 403 for the right."""
    for call in (client.get_exact, client.head_exact):
        check_common(call("no-such-bucket", "o"), "FERRY").must(404)
        call("no-such-bucket", "o", account="client-2").must(404)
    check_error(client.objects("no-such-bucket").must(404))
    client.drop_bucket(bucket).must(204)
    check_error(client.get_exact(bucket, "o").must(404))
    check_error(client.objects(bucket).must(404))


def test_names_outside_the_ccs_rule_stay_out_of_its_routes(client, bucket):
    client.put_exact(bucket, "a b", b"exact").must(201)
    client.put(bucket, "a b", b"cleaned").must(201)
    assert client.get_exact(bucket, "a b").must(200).body == b"exact"
    assert client.get_exact(bucket, "a_b").must(200).body == b"cleaned"
    assert client.get(bucket, "a b").must(200).body == b"cleaned"


# ---- pages of objects


def test_pages(client, bucket):
    names = [f"p/{i:03}" for i in range(25)] + ["q/ü", "q/z"]
    for name in names:
        client.put_exact(bucket, name, b"x").must(201)
    seen, after, pages = [], None, 0
    while True:
        query = {"limit": 10} if after is None else {"limit": 10, "after": after}
        page = client.objects(bucket, **query).must(200).json()
        seen += [one["name"] for one in page["objects"]]
        pages += 1
        after = page["next"]
        if after is None:
            break
    assert seen == sorted(names, key=str.encode)
    assert pages == 3
    prefixed = client.objects(bucket, prefix="q/").must(200).json()
    assert [one["name"] for one in prefixed["objects"]] == sorted(["q/ü", "q/z"], key=str.encode)
    assert prefixed["next"] is None
    ended = client.objects(bucket, prefix="q/", until="q/z").must(200).json()
    assert [one["name"] for one in ended["objects"]] == ["q/z"]
    assert ended["next"] is None
    assert client.objects(bucket, prefix="q/", until="").must(200).json() == prefixed


def test_objects_by_status(client, bucket):
    for name in ("one", "two"):
        client.put_exact(bucket, name, b"x").must(201)
    client.delete_exact(bucket, "two").must(204)

    def names(**query):
        return [
            (o["name"], o["status"])
            for o in client.objects(bucket, **query).must(200).json()["objects"]
        ]

    assert names() == [("one", "READY")]
    assert names(status="DELETED") == [("two", "DELETED")]
    assert names(status="ANY") == [("one", "READY"), ("two", "DELETED")]
    check_error(client.objects(bucket, status="FROB").must(400))


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many"])
def test_limits_that_are_none(client, bucket, limit):
    check_error(client.objects(bucket, limit=limit).must(400))


# ---- containers


@pytest.mark.parametrize(
    "method,route,bounds",
    [
        ("GET", "objects", ["prefix", "after", "until"]),
        ("GET", "deleted", ["prefix", "after"]),
        ("GET", "digests", ["prefix", "after", "until"]),
        ("POST", "verify", ["prefix"]),
    ],
)
def test_a_bound_that_is_longer_than_any_name_or_no_utf8_is_refused(
    client, bucket, method, route, bounds
):
    for bound in bounds:
        for value in "x" * 1025, "%FF":
            path = f"/ferry/v1/{route}?ref={bucket}&{bound}={value}"
            check_error(client.call(method, path).must(400))


def test_life_of_a_container(client, there):
    name = f"c-{uuid.uuid4().hex}"
    row = client.container("POST", name).must(201).json()
    assert (row["account"], row["name"], row["status"], row["present"]) == (
        "client-1",
        name,
        "READY",
        True,
    )
    assert row["stamp"].endswith("@site-a")
    check_error(client.container("POST", name).must(409))
    eventually(
        lambda: there.container("GET", name).must(200).json()["present"], 20, "it is at site b"
    )
    assert there.container("GET", name).json()["stamp"] == row["stamp"]
    client.container("DELETE", name).must(204)
    gone = client.container("GET", name).must(200).json()
    assert (gone["status"], gone["present"]) == ("DELETED", False)
    assert gone["stamp"] > row["stamp"]
    eventually(
        lambda: not there.container("GET", name).must(200).json()["present"], 20, "gone there"
    )
    check_error(client.container("GET", f"c-{uuid.uuid4().hex}").must(404))


@pytest.mark.parametrize(
    "name",
    ["a b/c%&é", "/", " ", "line\nfeed", "..", "é" * 511 + "/", "%" * 1023],
    ids=lambda name: ascii(name)[1:20],
)
def test_a_container_may_have_any_name(client, there, name):
    """It is made, found by that name alone, and is at the other site with what is in it."""
    path = "é" * 511 + "x"
    client.container("POST", name).must(201)
    assert client.container("GET", name, "client-1").must(200).json()["name"] == name
    client.put_exact(name, path, b"bytes", "client-1").must(201)
    eventually(
        lambda: there.get_exact(name, path, "client-1").must(200).body == b"bytes", 20, "at site b"
    )
    assert there.container("GET", name, "client-1").must(200).json()["present"]
    client.delete_exact(name, path, "client-1").must(204)
    client.container("DELETE", name, "client-1").must(204)
    eventually(
        lambda: there.container("GET", name, "client-1").json()["status"] == "DELETED", 20, "gone"
    )


def test_container_of_another_account(two):
    stranger = two[0].client("client-2")
    check_error(stranger.container("POST", "mine-1", account="client-1").must(403))


def test_containers_of_an_account(two):
    mine = two[0].client(f"client-{uuid.uuid4().hex[:8]}")
    names = sorted(f"c-{uuid.uuid4().hex}" for _ in range(5))
    for name in names:
        mine.container("POST", name).must(201)
    page = mine.call("GET", "/ferry/v1/containers?limit=3").must(200).json()
    assert [row["name"] for row in page["containers"]] == names[:3]
    rest = mine.call("GET", f"/ferry/v1/containers?limit=3&after={page['next']}").must(200).json()
    assert [row["name"] for row in rest["containers"]] == names[3:]
    assert rest["next"] is None


def test_a_bucket_shows_until_its_last_object_is_gone(client, there, bucket):
    """At both sites, in whatever order the deletes of the object and of the bucket arrive."""
    client.put_exact(bucket, "o", b"x").must(201)
    eventually(lambda: there.head_exact(bucket, "o").status == 200, 20, "it is at site b")
    check_error(client.container("DELETE", bucket).must(406))
    client.delete_exact(bucket, "o").must(204)
    client.container("DELETE", bucket).must(204)
    eventually(lambda: there.bucket_status(bucket) == "DELETED", 20, "gone at site b")


# A READY object whose file somebody has removed or cut is not served, and does not stay unnoticed.
@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_lost_body_is_404_and_an_error_in_the_log(sites, damage):
    (a,) = sites(["site-a"])
    client = a.client()
    client.make_bucket("bucket-1").must(201)
    client.put("bucket-1", "o", b"some bytes").must(201)
    (body,) = a.body_files()
    if damage == "removed":
        body.unlink()
    else:
        body.write_bytes(b"some")
    answer = client.get("bucket-1", "o").must(404)
    check_error(answer)
    assert '"body.damaged"' in a.log_text() and body.name in a.log_text()
