"""Requests of OpenIO's API with one byte changed, cut out or doubled: refused, or answered rightly. Never a
5xx, never a crash, and the connection always ends."""

import json
import os
import random
import re
import select
import socket
from dataclasses import dataclass

import pytest
from support import wire
from support.oio import Oio, cid, fresh

pytestmark = pytest.mark.worlds("embedded", "real")

SEED = 20240612  # of CI, which must not fail for what nobody changed; FERRY_SEED=n or the soak draw others
CHANGES = 40  # of each request
SOAK_CHANGES = 3000
# A changed length can make the server wait for more: after so long without an answer it hears that there is
# none. (Of a half-closed connection libmicrohttpd gives up what it has not answered.)
QUIET_S = 0.05
TIMEOUT_S = 30.0
BUDGET = b"x-oio-timeout: 30000000\r\n"
# A version of HTTP that does not exist is not OpenIO's to answer (RFC 9110, 15.6.6).
NOT_OURS = {505}
# OpenIO says 503 and 500 of a container that is frozen, disabled or enabled already: right answers.
STATES = {436, 437, 439}
OUT_OF_TIME = 504  # likewise, where the change was one of the budget
LIBRARY = b"<html><head><title>"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


@dataclass
class Recorded:
    """A request as its bytes; what it is about is made anew before each change of it."""

    name: str
    text: bytes


def recorded(oio, ref, other):
    """One of every operation, with the parameters, headers and bodies that clients send."""
    body = {"properties": {"colour": "red"}, "system": {"sys.m2.quota": "100000"}}
    many = {"containers": [{"name": other, "system": {}, "properties": {"a": "b"}}]}
    chunk = {"url": "http://127.0.0.1:1/0", "pos": "0", "size": 5, "hash": "00" * 16}
    length = {"x-oio-content-meta-length": "5", "x-oio-content-meta-hash": "00" * 16,
              "x-oio-content-meta-mime-type": "text/plain"}  # fmt: skip
    lines = [
        ("POST", "container", "create", {}, body),
        ("POST", "container", "create_many", {}, many),
        ("GET", "container", "show", {}, None),
        ("POST", "container", "get_properties", {}, []),
        ("POST", "container", "set_properties", {"flush": 1}, body),
        ("POST", "container", "del_properties", {}, ["colour", "none"]),
        ("POST", "container", "touch", {"recompute": "true"}, None),
        ("POST", "container", "dedup", {}, None),
        ("POST", "container", "purge", {"maxvers": 2}, None),
        ("POST", "container", "flush", {"limit": 10}, None),
        ("POST", "container", "snapshot", {}, {"account": oio.account, "container": other}),
        ("POST", "container", "destroy", {"force": 1}, None),
        ("GET", "container", "list", {"max": 2, "prefix": "a", "delimiter": "/", "properties": "true"}, None),
        ("GET", "container", "list", {"all": 1, "marker": "a", "end_marker": "zz", "version_marker": 5}, None),
        ("POST", "admin", "freeze", {"type": "meta2"}, None),
        ("POST", "admin", "enable", {"type": "meta2"}, None),
        ("POST", "content", "create", {"path": "new"}, {"chunks": [chunk], "properties": {"a": "b"}}),
        ("GET", "content", "show", {"path": "a/b"}, None),
        ("POST", "content", "get_properties", {"path": "a/b"}, None),
        ("POST", "content", "set_properties", {"path": "a/b"}, {"properties": {"a": "b"}}),
        ("POST", "content", "del_properties", {"path": "a/b"}, ["a"]),
        ("POST", "content", "delete", {"path": "a/b"}, None),
    ]
    made = [_recorded(oio, *line[:3], {"acct": oio.account, "ref": ref, **line[3]}, line[4], length) for line in lines]
    by_number = {"cid": cid(oio.account, ref)}
    made.append(_recorded(oio, "POST", "container", "get_properties", by_number, None, {}))
    return made


def _recorded(oio, method, family, operation, query, body, headers):
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {oio.target(operation, query, family)} HTTP/1.1", "Host: 127.0.0.1", "x-oio-req-id: R1",
             BUDGET.decode().strip(), "x-oio-action-mode: autocreate", "Connection: close"]  # fmt: skip
    if (family, operation) == ("content", "create"):
        lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(data)}"] if method == "POST" else []
    return Recorded(f"{family}/{operation}", "\r\n".join(lines).encode() + b"\r\n\r\n" + data)


def changed(text, chance):
    """With one byte changed, cut out, doubled, or nothing after it."""
    at = chance.randrange(len(text))
    kind = chance.choice(("change", "change", "change", "cut", "cut", "double", "double", "end"))
    if kind == "change":
        return text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
    return {"cut": text[:at] + text[at + 1 :], "double": text[: at + 1] + text[at:], "end": text[:at]}[kind]


def sent(url, text, quiet_s=QUIET_S):
    """All that comes back until the other side closes. b"": it closed without an answer."""
    with socket.create_connection(wire.split(url), timeout=TIMEOUT_S) as plug:
        answer = b""
        try:
            plug.sendall(text)
            if not select.select([plug], [], [], quiet_s)[0]:
                plug.shutdown(socket.SHUT_WR)
            while piece := plug.recv(65536):
                answer += piece
        except (BrokenPipeError, ConnectionResetError, OSError) as error:
            assert not isinstance(error, TimeoutError), f"the connection does not end: {text!r}: {answer!r}"
        return answer


def check(text, answer):
    """A whole answer or several (a cut may make two requests of one); none for half a request."""
    while answer:
        found = STATUS.match(answer)
        assert found, f"{text!r}: {answer[:300]!r}"
        status = int(found[1])
        head, _, rest = answer.partition(b"\r\n\r\n")
        if status == 100:
            answer = rest
            continue
        size = re.search(rb"(?im)^content-length: *(\d+)\r?$", head)
        if size is None or LIBRARY in answer:  # libmicrohttpd's own, in which a head may come twice, or a stream
            assert status < 500 or status in NOT_OURS, f"{text!r}: {answer[:600]!r}"
            return
        length = 0 if text.startswith(b"HEAD ") else int(size[1])
        body, answer = rest[:length], rest[length:]
        assert len(body) == length, f"{text!r}: {head!r} {body!r}"
        told = json.loads(body) if body and b"content-type: application/json" in head.lower() else {}
        right = STATES if BUDGET in text else STATES | {OUT_OF_TIME}
        assert status < 500 or told["status"] in right, f"{text!r}: {head!r} {body!r}"


def prepare(oio, name, ref, other):
    """What the request is about is there, as it has to be for it."""
    oio.create(ref).must(201, 204)
    if name in ("admin/enable", "admin/freeze"):
        (oio.freeze if name == "admin/enable" else oio.enable)(ref)
    else:
        oio.put(ref, "a/b", b"hello").must(201)
    if name in ("container/create_many", "container/snapshot"):
        oio.destroy(other, force=1).must(204, 404)


def fuzz(site, seed, changes):
    oio, chance = Oio(site.url), random.Random(seed)
    ref, other = fresh("fuzz"), fresh("fuzzed")
    requests = recorded(oio, ref, other)
    answers = 0
    for request in requests:
        for _ in range(changes):
            prepare(oio, request.name, ref, other)
            text = changed(request.text, chance)
            answer = sent(site.url, text)
            check(text, answer)
            answers += answer != b""
        assert site.running(), f"{request.name}: {site.tail()}"
        oio.destroy(ref, force=1).must(204, 404)
    assert answers > len(requests) * changes / 2, "hardly any request is answered: this proves little"
    site.client(None).ready().must(200)
    return len(requests) * changes


def test_the_recorded_requests_are_taken_as_they_are(sites):
    (site,) = sites(["site-a"])
    oio = Oio(site.url)
    for number in range(len(recorded(oio, "", ""))):
        ref = oio.made(properties={"colour": "red"})
        oio.put(ref, "a/b", b"hello").must(201)
        request = recorded(oio, ref, fresh())[number]
        if request.name == "admin/enable":
            oio.freeze(ref).must(200)
        answer = sent(site.url, request.text, TIMEOUT_S)  # it is whole: its answer comes
        assert 200 <= int(STATUS.match(answer)[1]) < 300, (request, answer)
        check(request.text, answer)


def test_no_request_with_one_byte_changed_breaks_anything(sites):
    seed = int(os.environ.get("FERRY_SEED", SEED))
    print(f"seed {seed}, again by FERRY_SEED={seed}")
    (site,) = sites(["site-a"])
    fuzz(site, seed, CHANGES)


@pytest.mark.soak
def test_no_request_with_one_byte_changed_breaks_anything_whatever_the_seed(sites, record_property):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}, again by FERRY_SEED={seed}")
    (site,) = sites(["site-a"])
    record_property("soak", f"{fuzz(site, seed, SOAK_CHANGES)} requests")
