"""Black-box cases 25-35 of the replicator API: /replicator/remote says what this site has."""

import re
import uuid

import pytest
import zstandard
from support import digest
from support.client import OCTETS
from support.setting import A1, Setting, check_common, check_error, check_none, check_type

pytestmark = pytest.mark.worlds("embedded", "real")

MILLIS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
STREAM = {"Accept": OCTETS}


@pytest.fixture(scope="module")
def setting(module_sites):
    return Setting(module_sites)


@pytest.fixture
def client(setting):
    return setting.client()


@pytest.fixture
def bucket(client):
    """A bucket of the test's own."""
    name = f"b-{uuid.uuid4()}"
    client.make_bucket(name).must(201)
    return name


def lose_bodies(site, data):
    """Removes the stored files of these bytes, behind the site's back."""
    found = [path for path in site.body_files() if path.read_bytes() == data]
    assert found
    for path in found:
        path.unlink()


def test_case_25_head_bucket(client):
    check_type(client.remote("HEAD", "bucket-1"), "BUCKET")


def test_case_26_head_object_with_full_check(client):
    check_type(client.remote("HEAD", "bucket-1/dir/a1?fullCheck=true"), "OBJECT")


def test_case_27_full_check_asks_the_storage(setting, client, bucket):
    data = uuid.uuid4().bytes
    client.put(bucket, "lost", data).must(201)
    check_type(client.remote("HEAD", f"{bucket}/lost?fullCheck=true"), "OBJECT")
    lose_bodies(setting.a, data)
    check_none(client.remote("HEAD", f"{bucket}/lost?fullCheck=true"))
    check_type(client.remote("HEAD", f"{bucket}/lost?fullCheck=false"), "OBJECT")
    check_type(client.remote("HEAD", f"{bucket}/lost"), "OBJECT")


def test_case_28_head_of_a_prefix_is_a_directory(client):
    check_type(client.remote("HEAD", "bucket-1/dir/"), "DIRECTORY")
    check_type(client.remote("HEAD", "bucket-1/di"), "DIRECTORY")  # no slash needed (spec 6.2)


def test_case_29_remote_never_looks_further(client):
    check_none(client.remote("HEAD", "bucket-1/dir/o1"))


def test_case_30_get_bucket(client):
    answer = check_common(client.remote("GET", "bucket-1").must(200))
    row = answer.json()
    assert MILLIS.fullmatch(row["creation"])
    del row["creation"]
    assert row == {
        "id": "bucket-1",
        "clientId": "client-1",
        "site": "site-a",
        "expires": None,
        "status": "READY",
    }


def test_case_31_get_bucket_that_is_not_there(client):
    check_error(check_common(client.remote("GET", "nope-1").must(404)))


def test_case_32_get_bucket_that_was_deleted(client, bucket):
    client.drop_bucket(bucket).must(204)
    check_error(check_common(client.remote("GET", bucket).must(410)))
    check_none(client.remote("HEAD", bucket))


def test_case_33_get_object(client):
    answer = check_common(client.remote("GET", "bucket-1/dir/a1", STREAM).must(200))
    assert answer.body == A1
    assert answer.header("x-clonecloudstore-site") == "site-a"
    assert answer.header("x-clonecloudstore-hash") == digest.base32hex(A1)
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.header("Content-Length") is None


def test_case_34_get_object_that_was_deleted(client, bucket):
    client.put(bucket, "gone", b"soon").must(201)
    client.delete(bucket, "gone").must(204)
    check_error(check_common(client.remote("GET", f"{bucket}/gone", STREAM).must(404)))
    check_none(client.remote("HEAD", f"{bucket}/gone"))


def test_case_35_get_object_as_json_is_not_acceptable(client):
    check_error(
        check_common(
            client.remote("GET", "bucket-1/dir/a1", {"Accept": "application/json"}).must(406)
        )
    )


# ---- beyond the numbered cases


def test_without_client_id(setting):
    nobody = setting.client(None)
    for method, path in [
        ("HEAD", "bucket-1"),
        ("GET", "bucket-1"),
        ("HEAD", "bucket-1/dir/a1"),
        ("GET", "bucket-1/dir/a1"),
    ]:
        check_error(check_common(nobody.remote(method, path).must(401)))


def test_blank_client_id_counts_as_none(setting):
    setting.client(" ").remote("GET", "bucket-1").must(401)


def test_missing_read_right(setting):
    """HEAD hides it, since a peer stops looking at any other answer; GET says it (spec 1.6 K)."""
    stranger = setting.client("client-2")
    check_none(stranger.remote("HEAD", "bucket-1/dir/a1"))
    check_error(check_common(stranger.remote("GET", "bucket-1/dir/a1", STREAM).must(403)))


def test_bad_names(client):
    """400 where it is documented, 404 elsewhere: such an item cannot exist (spec 1.6 F)."""
    check_error(client.remote("GET", "Bad_Name").must(400))
    check_none(client.remote("HEAD", "Bad_Name"))
    check_none(client.remote("HEAD", "bucket-1/a;b"))
    check_error(client.remote("GET", "bucket-1/a;b", STREAM).must(404))
    check_error(client.remote("GET", "bucket-1/a%01b", STREAM).must(404))


@pytest.mark.parametrize(
    "sent, stored",
    [
        ("a%20b", "a_b"),
        ("a+b", "a_b"),
        ("a%252Fb", "a/b"),
        ("x%2Fy", "x/y"),
        ("%C3%A9/%C3%BC%20x", "e/u_x"),
        ("__x__", "x"),
        ("-a--b-", "-a-b-"),
        ("a%40b%23c", "abc"),
        ("..%2Fup", "../up"),
        ("../over", "../over"),
        ("a%5Cb", "a/b"),
        ("one//two", "one/two"),
    ],
)
def test_names_are_cleaned(client, bucket, sent, stored):
    """Spec 2.1 and 2.2, the same by upload and by look-up."""
    upload = {"Content-Type": OCTETS}
    row = client.call("POST", f"/cloudclonestore/{bucket}/{sent}", upload, b"x").must(201).json()
    assert row["name"] == stored
    answer = client.remote("GET", f"{bucket}/{sent}", STREAM).must(200)
    assert answer.header("x-clonecloudstore-name") == stored
    check_type(client.remote("HEAD", f"{bucket}/{sent}"), "OBJECT")


@pytest.mark.parametrize(
    "sent", ["a;b", "a%25", "a%09b", "%C5%93", "%3Cscript%3E", "%00", "%", "%zz"]
)
def test_names_that_cannot_be_cleaned(client, bucket, sent):
    upload = {"Content-Type": OCTETS}
    check_error(client.call("POST", f"/cloudclonestore/{bucket}/{sent}", upload, b"x").must(400))
    check_none(client.remote("HEAD", f"{bucket}/{sent}"))


@pytest.mark.parametrize(
    "value", ["zstd", "ZSTD", "gzip, zstd", "zstd;q=0.5, gzip", "br;q=1, zstd ; q=0.1"]
)
def test_zstd_is_given_where_the_list_has_it(client, bucket, value):
    data = b"0123456789" * 20000
    client.put(bucket, "big", data).must(201)
    answer = client.remote("GET", f"{bucket}/big", {**STREAM, "Accept-Encoding": value}).must(200)
    assert answer.header("Content-Encoding") == "zstd"
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.header("x-clonecloudstore-size") == str(len(data))
    assert len(answer.body) < len(data) / 10
    assert zstandard.ZstdDecompressor().stream_reader(answer.body).read() == data


@pytest.mark.parametrize("value", ["", "identity", "gzip", "zstd;q=0", "zstd;q=0.0, gzip", "zstdx"])
def test_identity_is_given_where_zstd_is_not_asked_for(client, value):
    answer = client.remote("GET", "bucket-1/dir/a1", {**STREAM, "Accept-Encoding": value}).must(200)
    assert answer.header("Content-Encoding") is None
    assert answer.body == A1


@pytest.mark.parametrize(
    "asked, first, last",
    [
        ("bytes=0-", 0, 8),
        ("bytes=2-4", 2, 4),
        ("bytes=5-", 5, 8),
        ("bytes=-3", 6, 8),
        ("bytes=-100", 0, 8),
        ("bytes=0-999", 0, 8),
        ("bytes=8-8", 8, 8),
    ],
)
def test_range(client, asked, first, last):
    answer = client.remote("GET", "bucket-1/dir/a1", {**STREAM, "Range": asked}).must(206)
    assert answer.body == A1[first : last + 1]
    assert answer.header("Content-Range") == f"bytes {first}-{last}/{len(A1)}"
    assert answer.header("Content-Length") == str(last + 1 - first)
    assert answer.header("Accept-Ranges") == "bytes"
    assert answer.header("x-clonecloudstore-size") == str(len(A1))


@pytest.mark.parametrize("asked", ["bytes=9-", "bytes=100-200", "bytes=-0"])
def test_range_beyond_the_end(client, asked):
    answer = check_error(
        client.remote("GET", "bucket-1/dir/a1", {**STREAM, "Range": asked}).must(416)
    )
    assert answer.header("Content-Range") == f"bytes */{len(A1)}"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "bytes=5-2", "lines=0-1", "bytes=x-", "bytes=-"]
)
def test_range_that_is_none_is_ignored(client, asked):
    """RFC 9110: what cannot be understood is as if it were not there."""
    answer = client.remote("GET", "bucket-1/dir/a1", {**STREAM, "Range": asked}).must(200)
    assert answer.body == A1


def test_empty_object(client, bucket):
    row = client.put(bucket, "empty", b"").must(201).json()
    assert (row["size"], row["hash"], row["status"]) == (0, digest.EMPTY, "READY")
    answer = client.remote("GET", f"{bucket}/empty", STREAM).must(200)
    assert answer.body == b""
    assert answer.header("x-clonecloudstore-size") == "0"
    assert answer.header("x-clonecloudstore-hash") == digest.EMPTY


def test_wrong_method_names_the_right_ones(client):
    answer = check_error(client.remote("DELETE", "bucket-1").must(405))
    assert {word.strip() for word in answer.header("Allow").split(",")} >= {"GET", "HEAD"}


def test_unknown_paths(client):
    for path in (
        "/",
        "/replicator",
        "/replicator/remote",
        "/replicator/remote/buckets",
        "/nothing/here",
    ):
        client.call("GET", path).must(404)
