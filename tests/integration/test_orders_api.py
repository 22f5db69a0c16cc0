"""Orders beyond the numbered cases: arrays, NDJSON, stamps, Ferry's own door, outcomes."""

import json
import time
import uuid

import pytest
import zstandard
from support.orders import order, outcome_rows, wait_counts, wait_outcome
from support.setting import check_error
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

MULTIPLE = "/replicator/remote/orders/multiple"
ORDERS_MAX = 10_000
BYTES_MAX = 8 << 20
LINE = b'{"fromSite":"site-b","bucketName":"bucket-1","action":"UPDATE"}\n'


@pytest.fixture(scope="module")
def three(module_sites):
    """Three sites that all know each other; bucket-1 is client-1's everywhere."""
    sites = module_sites(["site-a", "site-b", "site-c"], retry_memory="1s")
    sites[0].client().make_bucket("bucket-1").must(201)
    for site in sites:
        client = site.client()
        eventually(
            lambda: client.bucket_status("bucket-1") == "READY", 20, "bucket-1 is everywhere"
        )
    return sites


@pytest.fixture
def client(three):
    return three[0].client()


@pytest.fixture
def op_id():
    return f"op-{uuid.uuid4()}"


def updates(count, op_id):
    """Orders that change nothing, each of an object of its own: outcomes are kept by object."""
    return [
        {
            "fromSite": "site-b",
            "bucketName": "bucket-1",
            "objectName": f"n{i}",
            "action": "UPDATE",
            "opId": op_id,
        }
        for i in range(count)
    ]


def as_lines(orders):
    return b"".join(json.dumps(one).encode() + b"\n" for one in orders)


def accepted_total(client):
    return client.metrics().get("ferry_orders_accepted_total", 0)


def post_body(client, body, content_type="application/json", target=MULTIPLE, **headers):
    return client.call("POST", target, {"Content-Type": content_type, **headers}, body)


# ---- arrays


def test_the_largest_array(client, op_id):
    assert client.post_orders(updates(ORDERS_MAX, op_id)).must(201).body == b""
    site = wait_counts(client, op_id, settled=ORDERS_MAX, timeout=60)
    assert (site["total"], site["truncated"]) == (ORDERS_MAX, True)
    assert 0 < len(site["orders"]) < ORDERS_MAX


@pytest.mark.parametrize("count", [ORDERS_MAX + 1, 100_000])
def test_an_array_of_too_many(client, count):
    before = accepted_total(client)
    body = b"[" + b",".join([LINE.strip()] * count) + b"]"
    answer = post_body(client, body).must(413)
    check_error(answer)
    assert accepted_total(client) == before


def test_an_array_over_its_bytes(client):
    before = accepted_total(client)
    body = b"[" + LINE.strip() + b" " * BYTES_MAX + b"]"
    check_error(post_body(client, body).must(413))
    check_error(post_body(client, iter([body])).must(413))
    assert accepted_total(client) == before


def test_an_array_just_under_its_bytes(client):
    body = b"[" + LINE.strip() + b" " * (BYTES_MAX - len(LINE) - 1) + b"]"
    assert len(body) == BYTES_MAX
    post_body(client, body).must(201)


@pytest.mark.parametrize("bad", [0, 3, 4999])
def test_the_first_bad_order_is_named_and_nothing_is_published(client, op_id, bad):
    before = accepted_total(client)
    made = [order("UPDATE", "bucket-1", opId=op_id) for _ in range(5000)]
    made[bad]["action"] = "FROB"
    made[-1]["bucketName"] = "Bad_Name"
    answer = client.post_orders(made).must(400)
    assert f"order {bad}" in answer.error
    assert f"order {bad}" in answer.json()["error"]
    assert accepted_total(client) == before
    assert outcome_rows(client, op_id) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{}",
        LINE,
        b"[",
        b"[" + LINE,
        b"[" + LINE + b",]",
        b"[,]",
        b"[" + LINE + LINE + b"]",
        b"[" + LINE + b"] x",
        b"[[]]",
        b"[null]",
        b"[1]",
        b"[" * 100000,
        b'[{"a":' + b"[" * 100000 + b"}]",
        b'["\\ud800"]',
        b'[{"action":"UPDATE","action":"CREATE","bucketName":"bucket-1","fromSite":"site-b"}]',
        b'[{"action":"UPDATE","bucketName":"bucket-1\\u0000","fromSite":"site-b"}]',
        b'[{"action":"UPDATE","bucketName":"bucket-1","fromSite":"site-b","opId":"\xff"}]',
    ],
)
def test_arrays_that_are_none(client, body):
    before = accepted_total(client)
    check_error(post_body(client, body).must(400))
    assert accepted_total(client) == before


def test_an_array_as_zstd(client, op_id):
    made = json.dumps(updates(100, op_id)).encode()
    body = zstandard.ZstdCompressor().compress(made)
    post_body(client, body, **{"Content-Encoding": "zstd"}).must(201)
    wait_counts(client, op_id, settled=100)


def test_an_array_of_8_mib_as_zstd(client):
    """More than all bodies together may take: one at a time may."""
    body = b"[" + b" " * ((8 << 20) - 2) + b"]"
    post_body(client, zstandard.ZstdCompressor().compress(body), **{"Content-Encoding": "zstd"}).must(201)


def test_a_zstd_body_that_grows_beyond_the_bound(client):
    body = zstandard.ZstdCompressor().compress(b"[" + b" " * (256 << 20) + b"]")
    assert len(body) < 100_000
    check_error(post_body(client, body, **{"Content-Encoding": "zstd"}).must(413))


def test_a_cut_zstd_body(client):
    body = zstandard.ZstdCompressor().compress(b"[" + LINE.strip() + b"]")
    check_error(post_body(client, body[:-2], **{"Content-Encoding": "zstd"}).must(400))


# ---- NDJSON


@pytest.mark.parametrize("target", [MULTIPLE, "/ferry/v1/orders"])
def test_lines_in_groups(client, op_id, target):
    """More than one group of 1,000, in pieces that end anywhere, blank lines between."""
    body = as_lines(updates(3500, op_id)).replace(b"\n", b"\r\n \n")
    pieces = (body[at : at + 777] for at in range(0, len(body), 777))
    answer = client.order_lines(pieces, target).must(201)
    if target == MULTIPLE:
        assert answer.body == b""
    else:
        assert answer.json()["accepted"] == 3500
    wait_counts(client, op_id, settled=3500, timeout=60)


def test_last_line_needs_no_end(client, op_id):
    client.order_lines(as_lines(updates(2, op_id)).rstrip()).must(201)
    wait_counts(client, op_id, settled=2)


def test_lines_are_numbered_by_their_request(client, op_id):
    client.order_lines(LINE * 3, op_id=op_id).must(201)
    for index in range(3):
        assert wait_outcome(client, f"{op_id}-{index}")["outcome"] == "settled"


@pytest.mark.parametrize("good", [0, 1, 999, 1000, 2500])
def test_a_bad_line_ends_it_and_what_went_before_stays(client, op_id, good):
    lines = as_lines(updates(good, op_id))
    answer = client.order_lines(lines + b"{broken\n" + LINE * 10).must(400)
    said = answer.json()
    assert (said["accepted"], said["line"]) == (good, good + 1)
    assert said["error"]
    check_error(answer)
    if good:
        wait_counts(client, op_id, settled=good)
    else:
        assert outcome_rows(client, op_id) == []


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"7",
        b"null",
        LINE.replace(b"UPDATE", b"FROB"),
        LINE + b"\x00",
        b'"' + b"x" * 100000 + b'"',
    ],
)
def test_lines_that_are_no_orders(client, line):
    answer = client.order_lines(LINE + line + b"\n").must(400)
    assert answer.json()["line"] >= 2
    assert answer.json()["accepted"] >= 1


def test_lines_without_any(client):
    check_error(client.order_lines(b"").must(400))


def test_lines_as_zstd(client, op_id):
    body = zstandard.ZstdCompressor().compress(as_lines(updates(5000, op_id)))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "zstd"}
    client.call("POST", MULTIPLE, headers, body).must(201)
    wait_counts(client, op_id, settled=5000, timeout=60)


def test_lines_at_the_door_for_one(client):
    check_error(client.order_lines(LINE, "/replicator/remote/orders").must(415))


# ---- stamps


def stamp(seconds_ahead, site="site-b"):
    time_ms = int((time.time() + seconds_ahead) * 1000)
    return f"{time_ms << 16:016x}@{site}"


def test_stamp_too_far_ahead(client):
    """Over ten minutes: a clock is wrong somewhere, and nothing must ever win by that."""
    made = order("DELETE", "bucket-1", "ahead", stamp=stamp(660))
    check_error(client.post_order(made).must(400))
    made["stamp"] = stamp(540)
    client.post_order(made).must(201)
    assert wait_outcome(client, made["opId"])["outcome"] == "applied"


def test_the_greater_stamp_wins_whatever_comes_when(three, client):
    """DELETE and CREATE in the wrong order, the same twice, an older one late."""
    name = f"x-{uuid.uuid4()}"
    three[1].client().put("bucket-1", name, b"first").must(201)
    eventually(lambda: client.status_of("bucket-1", name) == "READY", 20, "it is here")
    own = client.describe("bucket-1", name).must(200).json()["stamp"]

    newer = order("DELETE", "bucket-1", name, stamp=stamp(1))
    client.post_order(newer).must(201)
    assert wait_outcome(client, newer["opId"])["outcome"] == "applied"
    assert client.status_of("bucket-1", name) == "DELETED"

    late = order("CREATE", "bucket-1", name, stamp=own, data=b"first")
    client.post_order(late).must(201)
    assert wait_outcome(client, late["opId"])["outcome"] == "superseded"
    again = order("DELETE", "bucket-1", name, stamp=newer["stamp"])
    client.post_order(again).must(201)
    assert wait_outcome(client, again["opId"])["outcome"] == "duplicate"
    assert client.status_of("bucket-1", name) == "DELETED"


def test_outcomes_carry_the_stamp(client):
    made = order("DELETE", "bucket-1", f"x-{uuid.uuid4()}", stamp=stamp(-5))
    client.post_order(made).must(201)
    row = wait_outcome(client, made["opId"])
    assert row["stamp"] == made["stamp"]
    expected = {"bucket": "bucket-1", "object": made["objectName"], "action": "DELETE"}
    assert {key: row[key] for key in expected} == expected


def test_an_order_with_a_stamp_may_name_anything(client):
    for name in ("../../up", "a%2Fb", "tab\there", "new\nline", "é" * 500, "\u0001"):
        made = order("DELETE", "bucket-1", name, stamp=stamp(-5))
        client.post_order(made).must(201)
        assert wait_outcome(client, made["opId"])["object"] == name
    too_long = order("DELETE", "bucket-1", "é" * 512, stamp=stamp(-5))
    check_error(client.post_order(too_long).must(400))


def test_an_order_of_long_ago_is_expired(client):
    """Tombstones are kept for 90 days; what was ordered before that could undo a delete."""
    made = order("DELETE", "bucket-1", "old", orderedAt="2020-01-01T00:00:00Z")
    client.post_order(made).must(201)
    row = wait_outcome(client, made["opId"])
    assert (row["outcome"], row["reason"]) == ("dead", "EXPIRED")
    backfill = order("DELETE", "bucket-1", "old", stamp="0178000000000000@site-b")
    client.post_order(backfill).must(201)
    assert wait_outcome(client, backfill["opId"])["outcome"] == "applied"


# ---- Ferry's own door


@pytest.fixture
def b_paused(client):
    """Site a holds back what is for site b."""
    client.pause("site-b").must(200)
    yield
    client.resume("site-b").must(200)


def test_order_given_at_its_source(three, client, op_id, b_paused):
    """Routed to the target, which pulls."""
    _, b, c = three
    name = f"x-{uuid.uuid4()}"
    client.put("bucket-1", name, b"data").must(201)
    eventually(lambda: c.client().status_of("bucket-1", name) == "READY", 20, "c has it")
    assert b.client().status_of("bucket-1", name) is None
    client.resume("site-b").must(200)
    made = order(
        "CREATE", "bucket-1", name, source="site-a", data=b"data", toSite="site-b", opId=op_id
    )
    answer = client.give_orders(made).must(201)
    assert answer.json()["accepted"] == 1
    wait_outcome(b.client(), op_id, "applied", "duplicate")
    assert b.client().get("bucket-1", name).must(200).body == b"data"


def test_order_given_at_a_third_site(three, op_id):
    a, b, c = three
    name = f"x-{uuid.uuid4()}"
    b.client().put("bucket-1", name, b"data").must(201)
    made = order("CREATE", "bucket-1", name, data=b"data", toSite="site-a", opId=op_id)
    c.client().give_orders(made).must(201)
    wait_outcome(a.client(), op_id, "applied", "duplicate")
    assert outcome_rows(c.client(), op_id) == []


def test_order_for_all_sites(three, op_id):
    """toSite null: all but the source, the site where it was given included."""
    a, b, c = three
    made = order("DELETE", "bucket-1", f"x-{uuid.uuid4()}", source="site-b", opId=op_id)
    a.client().give_orders(made).must(201)
    for site in (a, c):
        assert wait_outcome(site.client(), op_id)["outcome"] == "applied"
    assert outcome_rows(b.client(), op_id) == []


def test_order_without_from_site_comes_from_here(three, op_id):
    a, b, _ = three
    made = order(
        "DELETE", "bucket-1", f"x-{uuid.uuid4()}", source=None, toSite="site-b", opId=op_id
    )
    a.client().give_orders(made).must(201)
    assert wait_outcome(b.client(), op_id)["outcome"] == "applied"


def test_order_to_its_own_source(client):
    check_error(client.give_orders(order("DELETE", "bucket-1", "x", toSite="site-b")).must(400))


def test_many_orders_given(three, op_id):
    a, b, _ = three
    made = [
        order("DELETE", "bucket-1", f"m-{i}", source="site-a", toSite="site-b", opId=op_id)
        for i in range(2000)
    ]
    answer = a.client().give_orders(made, op_id="request-1").must(201)
    assert answer.json() == {"opId": "request-1", "accepted": 2000}
    wait_counts(b.client(), op_id, applied=2000, timeout=60)


def test_order_for_a_site_nobody_knows(three, op_id):
    """A dead letter of direction out, while the rest flows."""
    a, b, _ = three
    made = [
        order("DELETE", "bucket-1", "x", source="site-a", toSite="site-nowhere", opId=op_id),
        order("DELETE", "bucket-1", "x", source="site-a", toSite="site-b", opId=op_id),
    ]
    a.client().give_orders(made).must(201)
    assert wait_outcome(b.client(), op_id)["outcome"] == "applied"

    def dead():
        rows = a.client().waiting(state="dead", direction="out").must(200).json()["orders"]
        return [row for row in rows if row["order"]["opId"] == op_id]

    (row,) = eventually(dead, 20, "the order to nowhere is a dead letter")
    assert row["reason"] == "TOPOLOGY_UNKNOWN"


def test_ferry_door_takes_json_and_lines_only(client):
    check_error(post_body(client, LINE, "text/plain", "/ferry/v1/orders").must(415))


# ---- what became of it, on each site


def test_outcomes_of_all_sites(three, op_id):
    a, b, c = three
    name = f"x-{uuid.uuid4()}"
    a.client().put("bucket-1", name, b"data", op_id=op_id).must(201)
    for site in (b, c):
        assert wait_outcome(site.client(), op_id)["outcome"] == "applied"
    said = a.client().outcomes(op_id).must(200).json()
    assert said["opId"] == op_id
    sites = {site["site"]: site for site in said["sites"]}
    assert set(sites) == {"site-a", "site-b", "site-c"}
    assert all(site["reachable"] for site in sites.values())
    assert sites["site-a"]["counts"] == {"local": 1}
    assert sites["site-b"]["counts"] == sites["site-c"]["counts"] == {"applied": 1}
    (row,) = sites["site-b"]["orders"]
    assert (row["bucket"], row["object"], row["action"]) == ("bucket-1", name, "CREATE")


def test_outcomes_when_a_site_is_away(sites):
    a, b = sites(["site-a", "site-b"])
    made = order("UPDATE", "bucket-1")
    a.client().post_order(made).must(201)
    wait_outcome(a.client(), made["opId"])
    b.kill()
    sites_said = {s["site"]: s for s in a.client().outcomes(made["opId"]).must(200).json()["sites"]}
    assert sites_said["site-a"]["counts"] == {"settled": 1}
    assert sites_said["site-b"]["reachable"] is False
    assert sites_said["site-b"]["error"]


def test_outcomes_of_an_unknown_op_id(client):
    said = client.outcomes("never-heard-of", here=True).must(200).json()
    assert said["sites"] == [
        {
            "site": "site-a",
            "reachable": True,
            "total": 0,
            "counts": {},
            "truncated": False,
            "orders": [],
        }
    ]


@pytest.mark.parametrize("given", ["with space", "per%cent", "sl/ash", "quote\"'", "é", "?&=#"])
def test_any_op_id_can_be_asked_for(client, given):
    op_id = f"{given}-{uuid.uuid4()}"
    client.post_order(order("UPDATE", "bucket-1", opId=op_id)).must(201)
    assert wait_outcome(client, op_id)["outcome"] == "settled"


def test_an_op_id_that_is_too_long(client):
    check_error(client.outcomes("x" * 300).must(400))
    check_error(client.post_order(order("UPDATE", "bucket-1", opId="x" * 300)).must(400))
