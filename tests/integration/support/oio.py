"""OpenIO's container API as its clients speak it, and what must be true of each of its answers."""

import hashlib
import json
import urllib.parse
import uuid

from support import wire
from support.client import Client

NAMESPACE = "OPENIO"
META = "x-oio-container-meta-"
CONTENT_META = "x-oio-content-meta-"
FROZEN, DISABLED = "4294967295", "4294967294"
NO_CONTAINER = (406, 431)  # never used, or destroyed: clients treat both alike
FORCE = {"x-oio-action-mode": "force"}


def fresh(prefix="c"):
    """A name that nobody has used."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def cid(account, name):
    return hashlib.sha256(account.encode() + b"\0" + name.encode()).hexdigest().upper()


def sha256(body):
    """As lists show it."""
    return hashlib.sha256(body).hexdigest().upper()


def query_text(pairs):
    """pairs: a query as it is, or what to make one of; texts or bytes, None is left out."""
    if isinstance(pairs, (str, bytes)):
        return pairs
    given = {name: value for name, value in pairs.items() if value is not None}
    return urllib.parse.urlencode(given, quote_via=lambda text, *_: urllib.parse.quote(text, safe=""))


class Oio:
    """What one account asks of a site. Every call gives the wire.Answer, which is looked at already:
    see check_answer."""

    def __init__(self, url, account="account-1", namespace=NAMESPACE):
        self.url = url
        self.account = account
        self.namespace = namespace
        # Bodies come and go by Ferry's own route; a header is bytes, here those of UTF-8.
        self.bodies = Client(url, account.encode().decode("latin-1"))

    def of(self, account):
        return Oio(self.url, account, self.namespace)

    # ---- any request

    def target(self, operation, query, family="container"):
        text = query_text(query)
        return f"/v3.0/{self.namespace}/{family}/{operation}" + ("?" + text if text else "")

    def request(self, method, target, body=None, headers=None):
        """body: bytes as they are, anything else as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return check_answer(wire.request(self.url, method, target, headers, body), headers)

    def call(self, method, operation, query="", body=None, headers=None, family="container"):
        return self.request(method, self.target(operation, query, family), body, headers)

    def on(self, method, operation, ref, body=None, headers=None, family="container", **query):
        """About a container of this account."""
        pairs = {"acct": self.account, "ref": ref, **query}
        return self.call(method, operation, pairs, body, headers, family)

    # ---- containers

    def create(self, ref, properties=None, system=None, headers=None, **query):
        body = {"properties": properties, "system": system}
        body = {name: value for name, value in body.items() if value is not None} or None
        return self.on("POST", "create", ref, body, headers, **query)

    def made(self, **given):
        """The name of a fresh container; given: properties, system."""
        ref = fresh()
        self.create(ref, **given).must(201)
        return ref

    def create_many(self, items, query=None):
        body = items if isinstance(items, bytes) or items is None else {"containers": items}
        return self.call("POST", "create_many", {"acct": self.account} if query is None else query, body)

    def destroy(self, ref, headers=None, **query):
        return self.on("POST", "destroy", ref, None, headers, **query)

    def show(self, ref, headers=None, **query):
        return self.on("GET", "show", ref, None, headers, **query)

    def get(self, ref, **query):
        return self.on("POST", "get_properties", ref, [], **query)

    def properties(self, ref):
        return self.get(ref).must(200).json()["properties"]

    def system(self, ref):
        return self.get(ref).must(200).json()["system"]

    def set(self, ref, properties=None, system=None, headers=None, **query):
        body = {"properties": properties or {}, "system": system or {}}
        return self.on("POST", "set_properties", ref, body, headers, **query)

    def unset(self, ref, keys, **query):
        return self.on("POST", "del_properties", ref, keys, **query)

    def touch(self, ref, **query):
        return self.on("POST", "touch", ref, **query)

    def purge(self, ref, **query):
        return self.on("POST", "purge", ref, **query)

    def flush(self, ref, **query):
        return self.on("POST", "flush", ref, **query)

    def dedup(self, ref, **query):
        return self.on("POST", "dedup", ref, **query)

    def snapshot(self, ref, target, account=None, **query):
        body = {"account": account or self.account, "container": target}
        return self.on("POST", "snapshot", ref, body, **query)

    def freeze(self, ref):
        return self.on("POST", "freeze", ref, family="admin", type="meta2")

    def enable(self, ref):
        return self.on("POST", "enable", ref, family="admin", type="meta2")

    # ---- lists

    def list(self, ref, headers=None, **query):
        return self.on("GET", "list", ref, None, headers, **query)

    def entries(self, ref, **query):
        return self.list(ref, **query).must(200).json()["objects"]

    def names(self, ref, **query):
        return [entry["name"] for entry in self.entries(ref, **query)]

    def versions(self, ref, name=None):
        """Every version of a name, or of all, newest first."""
        found = self.entries(ref, all=1, prefix=name)
        return [entry for entry in found if name in (None, entry["name"])]

    def pages(self, ref, most=100, **query):
        """Page after page, as a client follows the markers."""
        found = []
        while len(found) < most:
            found.append(self.list(ref, **query).must(200))
            if found[-1].header("x-oio-list-truncated") == "false":
                return found
            query["marker"] = urllib.parse.unquote(found[-1].header("x-oio-list-marker"))
            if found[-1].header("x-oio-list-version-marker"):
                query["version_marker"] = found[-1].header("x-oio-list-version-marker")
        raise AssertionError(f"over {most} pages: {found[-1]}")

    # ---- objects

    def content(self, method, operation, ref, path, body=None, headers=None, **query):
        return self.on(method, operation, ref, body, headers, family="content", path=path, **query)

    def put(self, ref, path, body=b"", **described):
        """An upload, by Ferry's own route."""
        return self.bodies.put_exact(ref, path, body, account=self.account, **described)

    def fill(self, ref, names, body=b"bytes"):
        for name in names:
            self.put(ref, name, body).must(201)

    def body(self, ref, path):
        return self.bodies.get_exact(ref, path, account=self.account)

    def delete(self, ref, path, **query):
        return self.content("POST", "delete", ref, path, **query)

    def register(self, ref, path, size=0, checksum="00" * 16, properties=None, headers=None, **query):
        """content/create: an object is described, no body comes."""
        described = {CONTENT_META + "length": str(size), CONTENT_META + "hash": checksum, **(headers or {})}
        chunks = [{"url": "http://127.0.0.1:1/0", "pos": "0", "size": size, "hash": checksum}]
        body = {"chunks": chunks, "properties": properties or {}}
        return self.content("POST", "create", ref, path, body, described, **query)


# ---- what is true of answers


def check_answer(answer, asked=None):
    """Of every answer (spec 1): its length, its type, its header names, what becomes of the connection."""
    length, kind = answer.header("Content-Length"), answer.header("Content-Type")
    if answer.request.startswith("HEAD "):
        assert answer.body == b""
    else:
        assert length == str(len(answer.body)), f"{answer!r}: Content-Length {length}"
    assert kind == (None if length == "0" else "application/json"), f"{answer!r}: Content-Type {kind}"
    for name in answer.headers.keys():
        own = name if name.startswith(META) else name.lower()  # what follows META has the case of a key
        assert not name.lower().startswith("x-") or own.startswith("x-oio-") and name == own, f"{answer!r}: {name}"
    wishes = {name.lower(): value.lower() for name, value in (asked or {}).items()}
    stays = wishes.get("connection") == "keep-alive"
    # In any case (RFC 9110, 7.6.1): libmicrohttpd writes "close".
    assert answer.header("Connection").lower() == ("keep-alive" if stays else "close"), answer
    if answer.status >= 400 and not answer.request.startswith("HEAD "):
        check_error_body(answer)
    return answer


def check_error_body(answer):
    told = answer.json()
    assert set(told) == {"status", "message"}, answer
    assert type(told["status"]) is int and type(told["message"]) is str, answer
    assert (answer.header("Retry-After") == "1") == (answer.status == 503), answer


def refused(answer, status, *codes):
    """An error with this HTTP status and one of these codes in its body."""
    answer.must(status)
    assert answer.json()["status"] in codes, f"{answer!r}, expected {codes}"
    return answer


def empty(answer, status=204):
    answer.must(status)
    assert answer.body == b"" and answer.header("Content-Length") == "0", answer
    return answer


def done(answer):
    """What set_properties and del_properties answer."""
    assert answer.must(200).body == b"{}", answer
    return answer


def is_absent(oio, ref):
    refused(oio.show(ref), 404, *NO_CONTAINER)


def meta(answer):
    """The headers made of properties: sys-user-name, user-key, x-schema-version ..."""
    return {name[len(META) :]: value for name, value in answer.headers.items() if name.startswith(META)}


def counters(oio, ref):
    """(objects, bytes), the same in both operations and in the headers of a list."""
    system = oio.system(ref)
    found = (system["sys.m2.objects"], system["sys.m2.usage"])
    for answer in (oio.show(ref), oio.list(ref, max=1)):
        told = meta(answer.must(200))
        assert (told["sys-m2-objects"], told["sys-m2-usage"]) == found
    return tuple(map(int, found))
