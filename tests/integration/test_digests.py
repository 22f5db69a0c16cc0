"""Sums over ranges of names, as one site computes them."""

import hashlib
import urllib.parse

import pytest
from support.setting import check_common, check_error

pytestmark = pytest.mark.worlds("embedded", "real")

BUCKET = "bucket-1"
NAMES = sorted((f"o{number:03}" for number in range(200)), key=str.encode)


@pytest.fixture(scope="module")
def client(module_sites):
    client = module_sites(["site-a"])[0].client()
    client.make_bucket(BUCKET).must(201)
    for name in NAMES:
        client.put(BUCKET, name, name.encode()).must(201)
    client.put(BUCKET, "o999", b"gone").must(201)
    client.delete(BUCKET, "o999").must(204)
    return client


def digests(client, bucket=BUCKET, **query):
    path = client.exact(bucket, account="client-1", route="digests")
    return client.call("GET", path + "&" + urllib.parse.urlencode(query))


def parts(client, **query):
    return check_common(digests(client, **query).must(200), "FERRY").json()["parts"]


def fnv(name):
    value = 0xCBF29CE484222325
    for byte in name.encode() + b"\0":
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def stamps(client):
    return {row["name"]: row["stamp"] for row in client.objects(BUCKET).must(200).json()["objects"]}


def sum_of(names, stamps):
    total = 0
    for name in names:
        time, site = stamps[name].split("@")
        body = name.encode()
        mark = name.encode() + b"\0" + bytes.fromhex(time) + site.encode() + b"\0"
        mark += len(body).to_bytes(8, "big") + hashlib.sha256(body).digest()
        total += int.from_bytes(hashlib.sha256(mark).digest()[:16], "big")
    return f"{total % 2**128:032x}"


def test_a_range_is_one_sum_of_what_is_there(client):
    known = stamps(client)
    assert parts(client) == [{"until": None, "count": 200, "sum": sum_of(NAMES, known)}]
    assert parts(client, prefix="o01") == [{"until": None, "count": 10, "sum": sum_of(NAMES[10:20], known)}]
    assert parts(client, after="o001", until="o003") == [{"until": None, "count": 2, "sum": sum_of(NAMES[2:4], known)}]
    assert parts(client, after="x") == [{"until": None, "count": 0, "sum": "0" * 32}]


# Whoever computes the same finds the same cuts: that is what two sites are compared by.
def test_it_is_cut_behind_names_whose_hash_says_so(client):
    known = stamps(client)
    cuts = [index + 1 for index, name in enumerate(NAMES) if fnv(name) % 16 == 0]
    assert len(cuts) > 3
    expected = []
    for begin, end in zip([0, *cuts], [*cuts, None], strict=True):
        names = NAMES[begin:end]
        until = names[-1] if end is not None else None
        expected.append({"until": until, "count": len(names), "sum": sum_of(names, known)})
    assert parts(client, cut=4) == expected


def test_an_answer_that_is_cut_short_goes_on_behind_its_last_name(client):
    known = stamps(client)
    first, = parts(client, rows=150)
    assert first == {"until": NAMES[149], "count": 150, "sum": sum_of(NAMES[:150], known)}
    assert [part["count"] for part in parts(client, after=first["until"])] == [50]
    each = parts(client, cut=0)
    assert [part["until"] for part in each] == NAMES[:63], "64 parts are the most"
    rest = parts(client, cut=0, after=NAMES[149])
    assert [part["until"] for part in rest] == [*NAMES[150:], None]


def test_what_is_stamped_later_is_left_out(client):
    known = stamps(client)
    at_ms = int(known[NAMES[99]].split("@")[0], 16) >> 16
    older = [name for name in NAMES if int(known[name].split("@")[0], 16) >> 16 <= at_ms]
    assert 100 <= len(older) < 200
    assert parts(client, olderThan=at_ms) == [{"until": None, "count": len(older), "sum": sum_of(older, known)}]


def test_refusals_say_why(client):
    check_error(digests(client, bucket="nope").must(404))
    check_error(digests(client, cut=49).must(400))
    check_error(digests(client, rows=0).must(400))
    check_error(digests(client, after="x" * 1025).must(400))
    check_error(digests(client, prefix=b"\xc3").must(400))
