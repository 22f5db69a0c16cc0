"""What OpenIO's public Python client sends, to the header, and what it makes of the answers: its container
client, followed call by call over one connection that is kept."""

import http.client
import json
import urllib.parse

import pytest
from support import wire
from support.oio import Oio, cid, fresh

pytestmark = pytest.mark.worlds("embedded", "real")

# It raises by the status, and keeps the code of the body.
RAISED = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 413: "TooLarge", 503: "ServiceBusy"}


class Raised(Exception):
    def __init__(self, status, code):
        super().__init__(RAISED.get(status, "ClientException"), code)
        self.kind, self.code = self.args


class ContainerClient:
    """Its methods, as far as tests need them; parameters without a value are left out."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(*wire.split(url), timeout=wire.TIMEOUT_S)
        self.ports = set()  # of this side: one, as long as the connection stays

    def request(self, method, target, params, data=None, headers=None, family="container"):
        query = urllib.parse.urlencode({name: value for name, value in params.items() if value is not None})
        sent = {"Connection": "keep-alive", "x-oio-timeout": "30000000", "x-oio-req-id": fresh("request"),
                "Accept-Encoding": "identity", **(headers or {})}  # fmt: skip
        if data is not None:
            data = json.dumps(data)
            sent["Content-Type"] = "application/json"
        self.connection.request(method, f"/v3.0/OPENIO/{family}/{target}?{query}", body=data, headers=sent)
        answer = self.connection.getresponse()
        body = answer.read()
        self.ports.add(self.connection.sock.getsockname())
        if body and answer.getheader("content-type") == "application/json":  # the whole string
            body = json.loads(body)
        if answer.status >= 400:
            raise Raised(answer.status, body["status"])
        return answer, body

    def create(self, account, name, properties=None, system=None, **params):
        data = {"properties": properties or {}, "system": system or {}}
        answer, _ = self.request("POST", "create", {"acct": account, "ref": name}, data,
                                 {"x-oio-action-mode": "autocreate"})  # fmt: skip
        return answer.status == 201

    def create_many(self, account, names, properties=None):
        data = {"containers": [{"name": name, "properties": properties or {}, "system": {}} for name in names]}
        try:
            _, body = self.request("POST", "create_many", {"acct": account}, data)
        except Raised as raised:
            if raised.kind != "TooLarge":
                raise
            half = len(names) // 2
            parts = (self.create_many(account, some, properties) for some in (names[:half], names[half:]))
            return [item for part in parts for item in part]
        return [(item["name"], item["status"] == 201) for item in body["containers"]]

    def delete(self, account, name, force=False):
        headers = {"x-oio-action-mode": "force"} if force else {}
        self.request("POST", "destroy", {"acct": account, "ref": name}, headers=headers)

    def show(self, account, name):
        return self.request("GET", "show", {"acct": account, "ref": name})[1]

    def get_properties(self, **params):
        return self.request("POST", "get_properties", params, [])[1]

    def set_properties(self, account, name, properties=None, system=None, clear=False):
        params = {"acct": account, "ref": name, "flush": 1 if clear else None}
        data = {"properties": properties or {}, "system": system or {}}
        return self.request("POST", "set_properties", params, data)[1]

    def del_properties(self, account, name, keys):
        return self.request("POST", "del_properties", {"acct": account, "ref": name}, keys)[1]

    def call(self, operation, account, name, **params):
        return self.request("POST", operation, {"acct": account, "ref": name, **params})

    def flush(self, account, name):
        answer, _ = self.call("flush", account, name)
        return {"truncated": answer.getheader("x-oio-truncated") == "true"}

    def snapshot(self, account, name, to_account, to_name):
        self.request("POST", "snapshot", {"acct": account, "ref": name}, {"account": to_account, "container": to_name})

    def content_list(self, account, name, limit=None, marker=None, end_marker=None, prefix=None, delimiter=None,
                     properties=False, versions=False, deleted=False):  # fmt: skip
        params = {"acct": account, "ref": name, "max": limit, "marker": marker, "end_marker": end_marker,
                  "prefix": prefix, "delimiter": delimiter, "properties": properties,
                  "all": "1" if versions else None, "deleted": 1 if deleted else None}  # fmt: skip
        answer, body = self.request("GET", "list", params)
        return answer.headers, body

    def content_create(self, account, name, path, size, checksum, data, content_id=None, version=None, mime_type=None):
        headers = {"x-oio-content-meta-length": str(size), "x-oio-content-meta-hash": checksum}
        for key, value in (("id", content_id), ("version", version), ("mime-type", mime_type), ("policy", "NONE")):
            if value is not None:
                headers["x-oio-content-meta-" + key] = str(value)
        self.request("POST", "create", {"acct": account, "ref": name, "path": path}, data, headers, "content")

    def content_delete(self, account, name, path, version=None):
        params = {"acct": account, "ref": name, "path": path, "version": version}
        return self.request("POST", "delete", params, family="content")[0].status == 204

    def admin(self, operation, account, name):
        return self.request("POST", operation, {"acct": account, "ref": name, "type": "meta2"}, family="admin")


@pytest.fixture(scope="module")
def site(module_sites):
    (made,) = module_sites(["site-a"])
    return made


@pytest.fixture
def client(site):
    made = ContainerClient(site.url)
    yield made
    assert len(made.ports) == 1, "the connection was not kept"
    made.connection.close()


def raised(call, *words, **given):
    with pytest.raises(Raised) as caught:
        call(*words, **given)
    return caught.value.kind, caught.value.code


def test_the_life_of_a_container(client):
    name = fresh()
    assert client.create("acct", name, {"a": "1"}, {"sys.m2.quota": "1000"})
    assert not client.create("acct", name, {"a": "2"})
    found = client.get_properties(acct="acct", ref=name)
    assert found["properties"] == {"a": "1"} and found["system"]["sys.m2.quota"] == "1000"
    assert client.get_properties(cid=cid("acct", name)) == found
    assert client.show("acct", name) == {"properties": {"a": "1"}}
    client.set_properties("acct", name, {"b": "2"})
    client.set_properties("acct", name, {"c": "3"}, clear=True)
    assert client.get_properties(acct="acct", ref=name)["properties"] == {"c": "3"}
    client.del_properties("acct", name, ["c"])
    client.call("touch", "acct", name, recompute=True)
    client.call("dedup", "acct", name)
    client.call("purge", "acct", name, maxvers=1)
    assert client.flush("acct", name) == {"truncated": False}
    client.delete("acct", name)
    assert raised(client.delete, "acct", name)[0] == "NotFound"
    assert raised(client.get_properties, acct="acct", ref=name)[0] == "NotFound"
    assert raised(client.call, "touch", "acct", name)[0] == "Forbidden"


def test_what_it_raises(client):
    name = fresh()
    client.create("acct", name)
    assert raised(client.create, "acct", fresh(), {"n": 1}) == ("BadRequest", 400)
    assert raised(client.set_properties, "acct", name) == ("BadRequest", 400)
    client.content_create("acct", name, "a", 5, "00" * 16, {"chunks": [], "properties": {}})
    assert raised(client.delete, "acct", name) == ("Conflict", 438)
    client.admin("freeze", "acct", name)
    assert raised(client.call, "purge", "acct", name) == ("ServiceBusy", 436)
    client.admin("enable", "acct", name)
    assert raised(client.admin, "enable", "acct", name) == ("ClientException", 439)
    client.delete("acct", name, force=True)


def test_it_halves_what_is_too_many(client):
    names = [fresh() for _ in range(250)]
    assert client.create_many("acct", names, {"a": "1"}) == [(name, True) for name in names]
    assert client.create_many("acct", names[:3]) == [(name, False) for name in names[:3]]
    assert client.get_properties(acct="acct", ref=names[249])["properties"] == {"a": "1"}


def test_it_follows_the_markers_of_a_list(client):
    name = fresh()
    paths = sorted(f"é {number:03}/a+b%" for number in range(25))
    client.create("acct", name)
    for path in paths:
        data = {"chunks": [], "properties": {"path": path}}
        client.content_create("acct", name, path, 5, "00" * 16, data, mime_type="text/plain")
    found, marker, truncated = [], None, True
    while truncated:
        headers, body = client.content_list("acct", name, limit=10, marker=marker, properties=True)
        found += body["objects"]
        truncated = headers.get("x-oio-list-truncated") == "true"
        marker = urllib.parse.unquote(headers.get("x-oio-list-marker") or "")
    assert [entry["name"] for entry in found] == paths
    assert [entry["properties"]["path"] for entry in found] == paths
    assert all(client.content_delete("acct", name, path) for path in paths)
    client.delete("acct", name)


def test_its_snapshot_with_data(site, client):
    """Freeze, snapshot, touch the copy, enable: as its high-level call does."""
    name, copy = fresh(), fresh()
    client.create("account-1", name, {"a": "1"})
    Oio(site.url).put(name, "object", b"hello").must(201)
    client.admin("freeze", "account-1", name)
    client.snapshot("account-1", name, "account-2", copy)
    client.call("touch", "account-2", copy)
    client.admin("enable", "account-1", name)
    _, listed = client.content_list("account-2", copy)
    assert [entry["name"] for entry in listed["objects"]] == ["object"]
    assert raised(client.admin, "freeze", "account-2", copy) == ("ServiceBusy", 436)
    client.admin("enable", "account-2", copy)
    client.delete("account-1", name, force=True)
    assert Oio(site.url, "account-2").body(copy, "object").must(200).body == b"hello"
