"""PUT /cloudclonestore/{bucket}: the listing and its filters (spec 3.4 and 6.4)."""

import datetime

import pytest
import zstandard
from support.setting import check_error

pytestmark = pytest.mark.worlds("embedded", "real")

BUCKET = "listed-1"
NAMES = ["a/1", "a/2", "a b", "b", "c/big", "gone"]
SIZES = {"a/1": 1, "a/2": 2, "a_b": 3, "b": 4, "c/big": 1000}
TAGS = {
    "a/1": {"colour": "red", "shape": "round"},
    "a/2": {"colour": "red"},
    "b": {"colour": "blue"},
}
EXPIRES = {"a/1": "2090-01-01T00:00:00Z", "a/2": "2091-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def site(module_sites):
    (a,) = module_sites(["site-a"])
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    for name in NAMES:
        size = SIZES.get(name.replace(" ", "_"), 5)
        client.put(
            BUCKET, name, b"x" * size, metadata=TAGS.get(name), expires=EXPIRES.get(name)
        ).must(201)
    client.delete(BUCKET, "gone").must(204)
    return a


@pytest.fixture
def client(site):
    return site.client()


def listed(client, **filters):
    return {row["name"] for row in client.listing(BUCKET, **filters).must(200).lines()}


def instant(row, seconds=0):
    moment = datetime.datetime.fromisoformat(row["creation"].replace("Z", "+00:00"))
    moment += datetime.timedelta(seconds=seconds)
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ALIVE = set(SIZES)


def test_without_filter_all_statuses_come(client):
    rows = client.listing(BUCKET).must(200).lines()
    assert {row["name"]: row["status"] for row in rows} == {
        **{name: "READY" for name in ALIVE},
        "gone": "DELETED",
    }
    assert len(rows) == len(ALIVE) + 1


def test_rows_have_all_keys(client):
    (row,) = client.listing(BUCKET, namePrefix="a/1").must(200).lines()
    expected = {
        "site": "site-a",
        "bucket": BUCKET,
        "name": "a/1",
        "status": "READY",
        "size": 1,
        "metadata": TAGS["a/1"],
        "expires": EXPIRES["a/1"],
    }
    assert {key: row[key] for key in expected} == expected
    assert set(row) >= {
        "id",
        "site",
        "bucket",
        "name",
        "hash",
        "status",
        "creation",
        "expires",
        "size",
        "metadata",
    }


@pytest.mark.parametrize(
    "statuses, names",
    [
        (["READY"], ALIVE),
        (["DELETED"], {"gone"}),
        (["READY", "DELETED"], ALIVE | {"gone"}),
        (["UPLOAD", "ERR_UPL", "DELETING", "ERR_DEL", "UNKNOWN"], set()),
        ([], ALIVE | {"gone"}),
    ],
)
def test_statuses(client, statuses, names):
    assert listed(client, statuses=statuses) == names


@pytest.mark.parametrize(
    "prefix, names",
    [
        ("a", {"a/1", "a/2", "a_b"}),
        ("a/", {"a/1", "a/2"}),
        ("a b", {"a_b"}),  # cleaned like a name
        ("/a", {"a/1", "a/2", "a_b"}),
        ("A", set()),
        ("c/big", {"c/big"}),
        ("c/bigger", set()),
        ("%C3%A0", {"a/1", "a/2", "a_b"}),
    ],
)
def test_name_prefix(client, prefix, names):
    assert listed(client, statuses=["READY"], namePrefix=prefix) == names


@pytest.mark.parametrize(
    "filters, names",
    [
        ({"sizeLT": "2"}, {"a/1", "a/2"}),  # inclusive, whatever its name says
        ({"sizeGT": "4"}, {"b", "c/big"}),
        ({"sizeGT": "2", "sizeLT": "3"}, {"a/2", "a_b"}),
        ({"sizeLT": "0", "sizeGT": "0"}, ALIVE),  # 0 is off
        ({"sizeGT": "1001"}, set()),
    ],
)
def test_sizes(client, filters, names):
    assert listed(client, statuses=["READY"], **filters) == names


def test_creation_is_inclusive(client):
    row = client.describe(BUCKET, "a/2").must(200).json()
    at = {"creationBefore": row["creation"], "creationAfter": row["creation"]}
    assert "a/2" in listed(client, statuses=["READY"], **at)
    assert "a/2" not in listed(client, statuses=["READY"], creationBefore=instant(row, -1))
    assert "a/2" not in listed(client, statuses=["READY"], creationAfter=instant(row, 1))
    assert listed(client, statuses=["READY"], creationAfter="1970-01-01T00:00:00Z") == ALIVE


def test_expiry(client):
    assert listed(client, expiresBefore="2090-06-01T00:00:00Z") == {"a/1"}
    assert listed(client, expiresAfter="2091-01-01T00:00:00Z") == {"a/2"}
    assert listed(client, expiresBefore="2091-01-01T00:00:00Z") == {"a/1", "a/2"}


@pytest.mark.parametrize(
    "pairs, names",
    [
        ({"colour": "red"}, {"a/1", "a/2"}),
        ({"colour": "red", "shape": "round"}, {"a/1"}),
        ({"colour": "green"}, set()),
        ({"none": "x"}, set()),
        ({}, ALIVE),
    ],
)
def test_metadata(client, pairs, names):
    assert listed(client, statuses=["READY"], metadataEq=pairs) == names


@pytest.mark.parametrize(
    "filters",
    [
        {"statuses": "READY"},
        {"statuses": ["FROB"]},
        {"statuses": "{"},
        {"statuses": "[1]"},
        {"creationBefore": "now"},
        {"expiresAfter": "2024-13-01T00:00:00Z"},
        {"sizeLT": "many"},
        {"sizeGT": "-1"},
        {"metadataEq": "[]"},
        {"metadataEq": {"a": 1}},
        {"namePrefix": "a;b"},
    ],
)
def test_filters_that_are_none(client, filters):
    check_error(client.listing(BUCKET, **filters).must(400))


def test_as_zstd(client):
    headers = {"Accept": "application/octet-stream", "Accept-Encoding": "zstd"}
    answer = client.call("PUT", f"/cloudclonestore/{BUCKET}", headers).must(200)
    assert answer.header("Content-Encoding") == "zstd"
    plain = zstandard.ZstdDecompressor().stream_reader(answer.body).read()
    assert plain == client.listing(BUCKET).must(200).body


def test_is_streamed(client):
    answer = client.listing(BUCKET).must(200)
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.header("Content-Length") is None


def test_rights(site, client):
    check_error(site.client("client-2").listing(BUCKET).must(403))
    check_error(site.client("client-2").listing("nope-1").must(403))  # learns nothing (spec 6.4)
    client.add_ownership("client-3", BUCKET, "READ").must(201)
    assert site.client("client-3").listing(BUCKET).must(200).lines()


def test_more_rows_than_a_page(site):
    """The listing reads pages; none is lost or doubled between two."""
    client = site.client()
    client.make_bucket("many-1").must(201)
    names = {f"n/{i:04}" for i in range(650)}
    for name in names:
        client.put("many-1", name, name.encode()).must(201)
    rows = [row["name"] for row in client.listing("many-1", statuses=["READY"]).must(200).lines()]
    assert len(rows) == len(names)
    assert set(rows) == names


def test_a_page_of_large_rows_ends_early(site):
    """Its size in memory has a bound; `next` goes on behind it."""
    client = site.client()
    client.make_bucket("large-1").must(201)
    names = {f"{i:03}-{'n' * 1000}" for i in range(300)}
    for name in names:
        client.put("large-1", name, b"x", metadata={"k": "v" * 1000}).must(201)
    rows, after, pages = [], {}, 0
    while after is not None:
        page = client.objects("large-1", **after).must(200)
        assert len(page.body) < 300_000
        rows += [row["name"] for row in page.json()["objects"]]
        after = {"after": page.json()["next"]} if page.json()["next"] is not None else None
        pages += 1
    assert pages > 1
    assert len(rows) == len(names)
    assert set(rows) == names
    # The listing too, whose pages nobody sees.
    listed = [row["name"] for row in client.listing("large-1").must(200).lines()]
    assert len(listed) == len(names)
    assert set(listed) == names
