"""`ferry undelete`: what was deleted less than trash.keep ago comes back, at every site, and its bytes
have not moved."""

import uuid
from datetime import datetime, timedelta

import pytest
from support.command import DONE, ERROR, NOT_FOUND, NOTHING, REFUSED, USAGE, Ferry
from support.setting import check_error
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

BODY = b"what somebody wants back"


@pytest.fixture(scope="module")
def pair(module_sites):
    return module_sites(["site-a", "site-b"], sweep_every="300ms", trash_grace="0s")


@pytest.fixture
def bucket(pair):
    name = f"u-{uuid.uuid4().hex[:12]}"
    pair[0].client().make_bucket(name).must(201)
    return name


def gone(site, bucket, name):
    return lambda: site.client().head_exact(bucket, name).status == 404


def there(site, bucket, name):
    return lambda: site.client().head_exact(bucket, name).status == 200


def delete_everywhere(pair, bucket, *names, body=BODY, **described):
    a, b = pair
    for name in names:
        a.client().put_exact(bucket, name, body, **described).must(201)
        eventually(there(b, bucket, name), 30, f"{name} is at site b")
        a.client().delete_exact(bucket, name).must(204)
    for name in names:
        eventually(gone(b, bucket, name), 30, f"{name} is gone at site b")


def test_a_deleted_object_is_back_at_every_site(pair, bucket):
    a, b = pair
    ferry = Ferry(a.url)
    body = BODY + uuid.uuid4().bytes
    delete_everywhere(pair, bucket, "o", body=body, metadata={"colour": "red"})
    pulled = b.client().metrics()["ferry_bytes_pulled_total"]
    assert a.client().site_status().json()["keptObjects"] >= 1
    assert "is back" in ferry("undelete", f"{bucket}/o").must(DONE).text
    for site in pair:
        eventually(there(site, bucket, "o"), 30, f"it is back at {site.name}")
        answer = site.client().get_exact(bucket, "o").must(200)
        assert answer.body == body and "red" in answer.headers["x-clonecloudstore-metadata"]
    stamps = {s.client().head_exact(bucket, "o").headers["x-ferry-stamp"] for s in pair}
    assert len(stamps) == 1
    assert b.client().metrics()["ferry_bytes_pulled_total"] == pulled  # they were there
    ferry("undelete", f"{bucket}/o").must(ERROR)  # it is there
    ferry("undelete", f"{bucket}/never").must(NOT_FOUND)


def test_what_can_be_brought_back_is_listed_and_chosen_by_prefix(pair, bucket):
    a = pair[0]
    ferry = Ferry(a.url)
    delete_everywhere(pair, bucket, "x/1", "x/2", "y/1")
    a.client().put_exact(bucket, "x/stays", BODY).must(201)
    rows = ferry("undelete", "--list", bucket, "--json").must(DONE).lines()
    assert [row["name"] for row in rows] == ["x/1", "x/2", "y/1"]
    assert rows[0]["size"] == len(BODY)
    kept = datetime.fromisoformat(rows[0]["until"].replace("Z", "+00:00")) - datetime.fromisoformat(
        rows[0]["deleted"].replace("Z", "+00:00"))  # fmt: skip
    assert kept == timedelta(days=7)
    assert "x/1" in ferry("undelete", "--list", f"{bucket}/x/", "--deleted-since", "1h").must(DONE).text
    ferry("undelete", "--list", bucket, "--deleted-since", "1ms").must(NOTHING)
    ferry("undelete", "--prefix", f"{bucket}/x/", "--dry-run").must(DONE)
    assert a.client().head_exact(bucket, "x/1").status == 404
    assert len(ferry("undelete", "--prefix", f"{bucket}/x/", "--json").must(DONE).lines()) == 2
    assert [row["name"] for row in ferry("undelete", "--list", bucket, "--json").lines()] == ["y/1"]
    for name in ("x/1", "x/2"):
        eventually(there(pair[1], bucket, name), 30, f"{name} is back at site b")
    ferry("undelete", bucket).must(USAGE)


def test_undelete_needs_the_right_to_write(pair, bucket):
    a = pair[0]
    delete_everywhere(pair, bucket, "o")
    Ferry(a.url, client="client-2")("undelete", f"{bucket}/o").must(REFUSED)
    check_error(
        a.client("client-2")
        .call("GET", f"/ferry/v1/deleted?acct=client-1&ref={bucket}").must(403)
    )  # fmt: skip


def test_pages_of_deleted_objects_hold_all_of_them(pair, bucket):
    a = pair[0].client()
    names = [f"n{i}" for i in range(7)]
    delete_everywhere(pair, bucket, *names)
    seen, after = [], ""
    while after is not None:
        page = a.call(
            "GET", f"/ferry/v1/deleted?acct=client-1&ref={bucket}&limit=3&after={after}"
        ).must(200).json()  # fmt: skip
        seen += [row["name"] for row in page["deleted"]]
        after = page["next"]
    assert seen == names


@pytest.mark.worlds("embedded")
def test_nothing_is_kept_where_that_is_switched_off(sites):
    (a,) = sites(["site-a"], trash_keep="0s", sweep_every="200ms", trash_grace="0s")
    client = a.client()
    client.make_bucket("bucket-1").must(201)
    client.put_exact("bucket-1", "o", BODY).must(201)
    client.delete_exact("bucket-1", "o").must(204)
    Ferry(a.url)("undelete", "bucket-1/o").must(NOT_FOUND)
    eventually(lambda: not a.body_files(), 20, "its file is gone")


@pytest.mark.worlds("embedded")
def test_a_kept_body_outlives_sweeps_and_restarts(sites):
    (a,) = sites(["site-a"], sweep_every="100ms", trash_grace="0s")
    client = a.client()
    client.make_bucket("bucket-1").must(201)
    client.put_exact("bucket-1", "o", BODY).must(201)
    client.put_exact("bucket-1", "swept", BODY + b"2").must(201)
    client.delete_exact("bucket-1", "o").must(204)
    client.delete_exact("bucket-1", "swept").must(204)
    client.put_exact("bucket-1", "swept", BODY + b"3").must(201)  # lets go of what it was
    eventually(lambda: len(a.body_files()) == 2, 20, "that one is swept")
    a.kill()
    a.start()
    Ferry(a.url)("undelete", "bucket-1/o").must(DONE)
    assert client.get_exact("bucket-1", "o").must(200).body == BODY
