"""Clients that send too much, too slowly, or names made to break things: the documented answer, and
memory that does not grow with any of it.

Every test runs twice: on the sanitized binary for what it does, on the release binary
(FERRY_RELEASE_BIN) for what it costs.
"""

import hashlib
import http.client
import json
import os
import resource
import selectors
import socket
import time

import pytest

from support import wire
from support.client import JSON, OCTETS
from support.faults_disk import files_under
from support.orders import order, wait_counts
from support.site import MEMORY_KIB, ROOT, binary, release_binary
from support.waiting import eventually

BUCKET = "abuse-bucket"
SLOW = 1000
SLOW_S = 4.0
LISTED = 500
HALF_OPEN = 3000
LINE_SENDERS = 200
LINES = 400
ARRAY = 100_000


@pytest.fixture(params=["sanitized", "release"])
def one(request, sites):
    """A site, as sanitized and as release build; the latter must have kept within its memory."""
    program = release_binary() if request.param == "release" else binary()
    (site,) = sites(["site-a"], program=program)
    site.client().make_bucket(BUCKET).must(201)
    yield site
    assert site.running(), site.tail()
    site.client().live().must(200)
    if request.param == "release":
        print(f"VmHWM {site.peak_kib()} KiB")
        assert site.peak_kib() <= MEMORY_KIB


# ---- too large


def test_oversized_heads_are_431_and_414_and_cost_nobody_else(one):
    field = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 100_000 + b"\r\n\r\n"
    fields = b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"
    target = b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    for text, status in ((field, b"431"), (fields, b"431"), (target, b"414")):
        for _ in range(20):
            assert _raw(one, text).split(b" ")[1:2] == [status]
    # As large as it may be: names, metadata and all that clients send fit.
    good = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"a" * 16_000 + b"\r\n\r\n"
    assert _raw(one, good).split(b" ")[1] == b"200"
    one.client().put(BUCKET, "after", b"x").must(201)


def _raw(site, text):
    """The answer; a server that answers early may cut what is still being sent."""
    with socket.create_connection(wire.split(site.url), timeout=wire.TIMEOUT_S) as plug:
        try:
            plug.sendall(text)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while piece := plug.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def test_an_array_of_a_hundred_thousand_orders_is_413_and_none_is_taken(one):
    client = one.client()
    tiny = json.dumps(order("UPDATE", BUCKET, "n", opId="op-flood", hash=None, clientId=None)).encode()
    flood = b"[" + b",".join([tiny] * ARRAY) + b"]"
    small = b"[" + b",".join([b'{"action":"UPDATE","bucketName":"abc","fromSite":"b","clientId":"abc"}'] * ARRAY) + b"]"
    assert len(small) < 8 << 20 < len(flood)
    just_over = b"[" + b",".join([tiny] * 10_001) + b"]"
    chunks = [flood[at : at + 65536] for at in range(0, len(flood), 65536)]
    for target in ("/replicator/remote/orders/multiple", "/ferry/v1/orders"):
        for body in (flood, small, just_over, chunks):
            client.call("POST", target, {"Content-Type": JSON}, body).must(413)
        # Deeper than any order: refused before it is built.
        client.call("POST", target, {"Content-Type": JSON}, b"[" * ARRAY).must(400)
    assert client.outcomes("op-flood", here=True).json()["sites"][0]["total"] == 0
    assert client.metrics()["ferry_orders_accepted_total"] == 0
    # As NDJSON any number goes.
    lines = (json.dumps(order("UPDATE", BUCKET, f"n-{n}", opId="op-lines")).encode() + b"\n" for n in range(5000))
    client.order_lines(lines, target="/replicator/remote/orders/multiple").must(200, 201)
    wait_counts(client, "op-lines", settled=5000, timeout=60)


# ---- names

DOTS = ["..", "../../../../etc/passwd", "a/../../b", "./.", "%2e%2e%2f%2e%2e%2fetc%2fshadow"]
CONTROLS = ["a%00b", "a%0ab", "a%0db", "a%01b", "a%1bb", "a%7fb", "%ff", "a%", "a%0", "a%zz", "%c0%af", "%3Cscript%3E"]


def test_names_of_dots_and_slashes_are_just_names(one):
    client = one.client()
    before = set(files_under(one.data.parent))
    for number, name in enumerate(DOTS):
        body = b"dots %d" % number
        target = f"/cloudclonestore/{BUCKET}/{name}"
        row = client.call("POST", target, {"Content-Type": OCTETS}, body).must(201).json()
        assert client.call("GET", target, {"Accept": OCTETS}).must(200).body == body
        assert client.get_exact(BUCKET, row["name"]).must(200).body == body
    # `%2F` is a slash in an object's name, once or twice encoded, and none in a bucket's.
    client.call("POST", f"/cloudclonestore/{BUCKET}/x%2Fy", {"Content-Type": OCTETS}, b"xy").must(201)
    for same in ("x/y", "x%2fy", "x%252Fy"):
        assert client.call("GET", f"/cloudclonestore/{BUCKET}/{same}", {"Accept": OCTETS}).must(200).body == b"xy"
    client.call("POST", "/cloudclonestore/abuse%2Fbucket").must(400)
    for bucket in ("..", "%2e%2e", "b%00b", "b%0ab", "b" * 300, "%2F"):
        client.call("GET", f"/replicator/remote/buckets/{bucket}").must(400, 404)
        client.call("HEAD", f"/replicator/remote/buckets/{bucket}").must(404)
    grown = set(files_under(one.data.parent)) - before
    assert all(path.startswith("data/store/") for path in grown), f"written outside the store: {grown}"


def test_control_bytes_in_names_are_400_on_the_ccs_routes_and_never_reach_a_header(one):
    client = one.client()
    for name in CONTROLS:
        target = f"/cloudclonestore/{BUCKET}/{name}"
        answer = client.call("POST", target, {"Content-Type": OCTETS}, b"x").must(400)
        assert answer.error.isascii() and answer.error.isprintable(), answer.error
        client.call("HEAD", f"/replicator/remote/buckets/{BUCKET}/{name}").must(404)
    # The exact route takes all but a zero byte and what is no UTF-8; answers stay well-formed.
    for name in ("a\nb", "a\r\nSet-Cookie: x\r\n\r\nb", "\x1b[2J", "\x7f", "tab\there", "\u202egnp.exe"):
        client.put_exact(BUCKET, name, name.encode()).must(201)
        got = client.get_exact(BUCKET, name).must(200)
        assert got.body == name.encode()
        assert got.header("Set-Cookie") is None
        listed = {row["name"] for row in client.objects(BUCKET).must(200).json()["objects"]}
        assert name in listed
    for name in (b"a\0b", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", "x" * 1025):
        client.put_exact(BUCKET, name, b"x").must(400)
    for line in one.log_text().splitlines():
        assert all(character.isprintable() for character in line), line


# ---- slow

SLOW_KINDS = {
    "silent": b"",
    "half a request line": b"GET /health/l",
    "half a head": b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "half a body": b"POST /cloudclonestore/%b/slow-%d HTTP/1.1\r\nHost: x\r\nx-clonecloudstore-client-id: client-1\r\n"
                   b"Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\nabc",
    "orders": b"POST /replicator/remote/orders/multiple HTTP/1.1\r\nHost: x\r\n"
              b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n[",
}  # fmt: skip


def allow_files(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count)), hard))


class SlowClients:
    """Each has begun a request and adds a byte now and then."""

    def __init__(self, site, count):
        self.sockets = []
        self.answered = 0
        kinds = list(SLOW_KINDS.items())
        for number in range(count):
            name, text = kinds[number % len(kinds)]
            if name == "half a body":
                text %= (BUCKET.encode(), number)
            plug = socket.create_connection(wire.split(site.url), timeout=10)
            plug.setblocking(False)
            if text:
                plug.send(text)
            self.sockets.append((plug, name))

    def drip(self):
        for plug, name in self.sockets:
            if name != "silent":
                try:
                    plug.send(b" " if name == "orders" else b"a")
                except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                    pass

    def closed(self):
        """How many the server has given up or answered."""
        count = 0
        with selectors.DefaultSelector() as selector:
            for plug, _ in self.sockets:
                selector.register(plug, selectors.EVENT_READ)
            count = len(selector.select(0))
        return count

    def close(self):
        for plug, _ in self.sockets:
            plug.close()


def test_a_thousand_slow_clients_keep_nobody_from_working(one):
    allow_files(2 * SLOW)
    client = one.client()
    slow = SlowClients(one, SLOW)
    try:
        worst, number, end = 0.0, 0, time.monotonic() + SLOW_S
        while time.monotonic() < end:
            number += 1
            slow.drip()
            began = time.monotonic()
            body = os.urandom(20_000)
            client.put(BUCKET, f"quick-{number}", body).must(201)
            assert client.get(BUCKET, f"quick-{number}").must(200).body == body
            worst = max(worst, time.monotonic() - began)
        assert slow.closed() == 0, "slow is no reason to be cut yet"
        assert worst < 5.0, f"a quick client waited {worst:.1f} s"
        print(f"slowest of {number} uploads and downloads beside {SLOW} slow clients: {worst * 1000:.0f} ms")
    finally:
        slow.close()
    # What they had begun is forgotten: no upload stays in the way.
    number = list(SLOW_KINDS).index("half a body")
    eventually(lambda: client.put(BUCKET, f"slow-{number}", b"x").status == 201, 15, "its name is free again")


def test_slow_senders_of_order_lines_keep_little_in_memory(one):
    """What they sent so far is published once there is no memory to keep it until a group is full."""
    client = one.client()
    head = ("POST /replicator/remote/orders/multiple HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            "Content-Type: application/x-ndjson\r\n\r\n").encode()  # fmt: skip
    lines = b"".join(json.dumps(order("UPDATE", BUCKET, f"n-{n}")).encode() + b"\n" for n in range(LINES))
    plugs = []
    try:
        for _ in range(LINE_SENDERS):
            plug = socket.create_connection(wire.split(one.url), timeout=wire.TIMEOUT_S)
            plug.sendall(head + b"%x\r\n" % len(lines) + lines + b"\r\n")
            plugs.append(plug)
        # The last ones found no memory to keep what they sent.
        least = LINES * LINE_SENDERS // 2
        eventually(lambda: client.metrics()["ferry_orders_accepted_total"] > least, 120, "it is published")
        for plug in plugs:
            plug.sendall(b"0\r\n\r\n")
        assert {plug.recv(12)[-3:] for plug in plugs} == {b"201"}
        assert client.metrics()["ferry_orders_accepted_total"] == LINES * LINE_SENDERS
    finally:
        for plug in plugs:
            plug.close()


# ---- too many connections


def test_more_half_open_connections_than_there_are_starve_nobody(one):
    """A client that works keeps its connection, and a new one gets the place of one that is silent."""
    allow_files(2 * HALF_OPEN)
    client = one.client()
    host, port = wire.split(one.url)
    kept = http.client.HTTPConnection(host, port, timeout=wire.TIMEOUT_S)
    headers = {"x-clonecloudstore-client-id": "client-1", "Content-Type": OCTETS}
    texts = [b"", b"GET /health/l", b"GET /health/live HTTP/1.1\r\nX-Slow: "]
    plugs = []
    try:
        worst = 0.0
        for number in range(HALF_OPEN):
            plug = socket.create_connection((host, port), timeout=wire.TIMEOUT_S)
            plug.sendall(texts[number % len(texts)])
            plugs.append(plug)
            if number % 100 == 0:
                began = time.monotonic()
                kept.request("POST", f"/cloudclonestore/{BUCKET}/kept-{number}", b"x", headers)
                answer = kept.getresponse()
                answer.read()
                assert answer.status == 201
                worst = max(worst, time.monotonic() - began)
        assert worst < 5.0, f"a client with a connection waited {worst:.1f} s"
        began = time.monotonic()
        eventually(lambda: client.put(BUCKET, "new", b"x").status == 201, 10, "a new client is served")
        assert time.monotonic() - began < 10.0
        client.call("GET", "/health/live").must(200)
    finally:
        kept.close()
        for plug in plugs:
            plug.close()


# ---- slow readers

SLOW_READS = {
    "object": "GET /cloudclonestore/{bucket}/large",
    "range": "GET /ferry/v1/content?ref={bucket}&path=large",
    "zstd": "GET /cloudclonestore/{bucket}/soft",
    "listing": "PUT /cloudclonestore/{bucket}",
    "page": "GET /ferry/v1/objects?ref={bucket}&limit=1000",
}
SLOW_READ_HEAD = (
    " HTTP/1.1\r\nHost: x\r\nx-clonecloudstore-client-id: client-1\r\nAccept: application/octet-stream\r\n"
    "Accept-Encoding: {encoding}\r\nRange: bytes=0-\r\nContent-Length: 0\r\n\r\n"
)


class SlowReaders:
    """Each asks and takes the first bytes of the answer, no more."""

    def __init__(self, site, kinds, count):
        self.plugs = []
        for number in range(count):
            kind = kinds[number % len(kinds)]
            head = SLOW_READ_HEAD.format(encoding="zstd" if kind == "zstd" else "identity")
            plug = socket.socket()
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plug.settimeout(wire.TIMEOUT_S)
            plug.connect(wire.split(site.url))
            plug.sendall((SLOW_READS[kind].format(bucket=BUCKET) + head).encode())
            self.plugs.append((kind, plug))

    def statuses(self):
        """The set of statuses by kind."""
        seen = {}
        for kind, plug in self.plugs:
            seen.setdefault(kind, set()).add(int(plug.recv(12)[-3:]))
        return seen

    def close(self):
        for _, plug in self.plugs:
            plug.close()


def expect_slow_readers_to_cost_no_one(site, kinds):
    client = site.client()
    slow = SlowReaders(site, kinds, SLOW)
    try:
        for kind, statuses in slow.statuses().items():
            # Of answers that are in memory whole there are only so many at once.
            assert statuses <= {200, 206} | ({503} if kind == "page" else set()), (kind, statuses)
        began = time.monotonic()
        client.put(BUCKET, "beside", b"x").must(201)
        assert client.get(BUCKET, "beside").must(200).body == b"x"
        client.delete(BUCKET, "beside").must(200, 204)
        assert time.monotonic() - began < 5.0, "a quick client waited"
        for target in ("/metrics", "/openapi.yaml", "/health/ready"):
            client.call("GET", target).must(200)
        # A listing in short pages is as whole as one in long ones.
        names = [row["name"] for row in client.listing(BUCKET, namePrefix="listed-").must(200).lines()]
        assert len(names) == len(set(names)) == LISTED
    finally:
        slow.close()


def test_a_thousand_slow_readers_cost_no_more_than_their_buffers(one):
    allow_files(2 * SLOW)
    client = one.client()
    client.put(BUCKET, "large", os.urandom(8 << 20)).must(201)
    client.put(BUCKET, "soft", b"soft" * (2 << 20)).must(201)
    for number in range(LISTED):
        client.put(BUCKET, f"listed-{number:04d}", b"").must(201)
    for kinds in [[kind] for kind in SLOW_READS] + [list(SLOW_READS)]:
        expect_slow_readers_to_cost_no_one(one, kinds)
        print(f"VmHWM {one.peak_kib()} KiB after a thousand slow readers of {', '.join(kinds)}")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_gigabytes_go_through_in_flat_memory(sites, record_property):
    total, piece = 10 << 30, 1 << 20
    free = os.statvfs(ROOT).f_bavail * os.statvfs(ROOT).f_frsize
    assert free > 3 * total, f"needs {3 * total} bytes of disk, has {free}"
    a, b = sites(["site-a", "site-b"], program=release_binary())
    a.client().make_bucket(BUCKET).must(201)
    block = os.urandom(piece)
    sent = hashlib.sha256()

    def pieces():
        for number in range(total // piece):
            part = number.to_bytes(8, "big") + block[8:]
            sent.update(part)
            yield part

    began = time.monotonic()
    target = f"/cloudclonestore/{BUCKET}/ten-gigabytes"
    a.client().call("POST", target, {"Content-Type": OCTETS}, pieces(), timeout=1800).must(201)
    uploaded = time.monotonic() - began
    eventually(lambda: b.client().status_of(BUCKET, "ten-gigabytes") == "READY", 1800, "it is at site-b")
    took = time.monotonic() - began
    connection, response = wire.open_request(
        b.url, "GET", target, {"Accept": OCTETS, "x-clonecloudstore-client-id": "client-1"}, timeout=600)  # fmt: skip
    got = hashlib.sha256()
    while part := response.read(piece):
        got.update(part)
    connection.close()
    assert got.digest() == sent.digest()
    peaks = [site.peak_kib() for site in (a, b)]
    record_property("soak", f"uploaded in {uploaded:.0f} s, READY at the other site {took:.0f} s after the "
                            f"upload began; VmHWM {peaks[0]} and {peaks[1]} KiB")  # fmt: skip
    assert max(peaks) <= MEMORY_KIB
