"""/administration: topologies and ownerships (spec 5.1, 5.2), and what they change."""

import uuid

import pytest
from support.setting import check_common, check_error, check_none, check_type

pytestmark = pytest.mark.worlds("embedded", "real")

URI = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def site(module_sites):
    (a,) = module_sites(["site-a"])
    return a


@pytest.fixture
def client(site):
    return site.client()


@pytest.fixture
def name():
    return f"n-{uuid.uuid4().hex[:16]}"


def check_admin(answer, *statuses):
    return check_common(answer.must(*statuses), "ADMINISTRATION")


# ---- topologies


def test_life_of_a_topology(client, name):
    made = {"id": name, "name": "Its name", "uri": URI, "status": "UP"}
    answer = check_admin(client.add_topology(name, URI, "UP", "Its name"), 201)
    assert answer.json() == made
    assert answer.header("Content-Type").startswith("application/json")
    assert check_admin(client.topology(name), 200).json() == made
    answer = check_admin(client.change_topology(name, URI + "9", "DOWN", "Other"), 202)
    changed = {"id": name, "name": "Other", "uri": URI + "9", "status": "DOWN"}
    assert answer.json() == changed
    assert changed in check_admin(client.topologies(), 200).json()
    assert check_admin(client.drop_topology(name), 204).body == b""
    check_error(check_admin(client.topology(name), 404))
    check_error(check_admin(client.drop_topology(name), 404))
    check_error(check_admin(client.change_topology(name, URI), 404))


def test_topologies_by_status(client, name):
    rows = {f"{name}-{status}": status for status in ("UP", "DOWN", "DELETED", "UNKNOWN")}
    for site, status in rows.items():
        client.add_topology(site, URI, status).must(201)
    for status in ("UP", "DOWN", "DELETED"):
        found = {row["id"] for row in client.topologies(status).must(200).json()}
        assert {site for site in rows if site in found} == {f"{name}-{status}"}
    for query in (None, "UNKNOWN"):  # all
        assert set(rows) <= {row["id"] for row in client.topologies(query).must(200).json()}
    check_error(client.topologies("SIDEWAYS").must(400))
    for site in rows:
        client.drop_topology(site).must(204)


def test_the_own_site_is_in_its_topology(site, client):
    row = client.topology("site-a").must(200).json()
    assert (row["uri"], row["status"]) == (site.url, "UP")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": None},
        {"id": ""},
        {"id": "Pékin"},
        {"id": "a b"},
        {"id": "x" * 65},
        {"uri": None},
        {"uri": ""},
        {"uri": "ftp://127.0.0.1:9"},
        {"uri": "http://127.0.0.1:99999"},
        {"name": None},
        {"status": "SIDEWAYS"},
    ],
)
def test_topologies_that_are_refused(client, name, wrong):
    row = {"id": name, "name": name, "uri": URI, "status": "UP", **wrong}
    for method in ("POST", "PUT"):
        check_error(check_admin(client.send_json(method, "/administration/topologies", row), 400))


def test_topology_status_is_unknown_when_null(client, name):
    row = {"id": name, "name": name, "uri": URI, "status": None, "extra": 1}
    answer = client.send_json("POST", "/administration/topologies", row).must(201)
    assert answer.json()["status"] == "UNKNOWN"
    client.drop_topology(name).must(204)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"'])
def test_topology_bodies_that_are_none(client, body):
    headers = {"Content-Type": "application/json"}
    check_error(client.call("POST", "/administration/topologies", headers, body).must(400))


def test_topology_body_over_its_bound(client):
    headers = {"Content-Type": "application/json"}
    body = b'{"id":"' + b"x" * 100000 + b'"}'
    check_error(client.call("POST", "/administration/topologies", headers, body).must(413))


# ---- ownerships


def test_life_of_an_ownership(client, name):
    assert check_admin(client.add_ownership("client-5", name, "READ"), 201).json() == "READ"
    check_error(check_admin(client.add_ownership("client-5", name, "OWNER"), 409))
    assert (
        check_admin(client.fuse_ownership("client-5", name, "DELETE"), 202).json() == "DELETE_READ"
    )
    assert check_admin(client.ownership("client-5", name), 200).json() == "DELETE_READ"
    assert check_admin(client.drop_ownership("client-5", name), 204).body == b""
    check_error(check_admin(client.ownership("client-5", name), 404))
    check_error(check_admin(client.drop_ownership("client-5", name), 404))
    check_error(check_admin(client.fuse_ownership("client-5", name, "READ"), 404))


BITS = {
    "UNKNOWN": 0,
    "READ": 1,
    "WRITE": 2,
    "READ_WRITE": 3,
    "DELETE": 4,
    "DELETE_READ": 5,
    "DELETE_WRITE": 6,
    "OWNER": 7,
}


@pytest.mark.parametrize("old", [w for w in BITS if w != "UNKNOWN"])
def test_put_fuses_every_pair(client, old):
    """Never takes a right away."""
    for new, bits in BITS.items():
        name = f"fuse-{uuid.uuid4().hex}"
        client.add_ownership("client-5", name, old).must(201)
        fused = client.fuse_ownership("client-5", name, new).must(202).json()
        assert BITS[fused] == BITS[old] | bits


def test_ownerships_that_include_a_right(client):
    who = f"client-{uuid.uuid4().hex[:8]}"
    for word in BITS:
        if word != "UNKNOWN":
            client.add_ownership(who, f"b-{word.lower().replace('_', '-')}", word).must(201)
    for asked in BITS:
        rows = client.ownerships(who, asked).must(200).json()
        got = {row["ownership"] for row in rows}
        assert got == {
            w for w, b in BITS.items() if w != "UNKNOWN" and b & BITS[asked] == BITS[asked]
        }
        assert all(row["client"] == who for row in rows)
        assert all(
            row["bucket"] == "b-" + row["ownership"].lower().replace("_", "-") for row in rows
        )
    assert client.ownerships(who).must(200).json() == client.ownerships(who, "UNKNOWN").json()
    assert client.ownerships("client-nobody").must(200).json() == []


def test_drop_all_rights_of_a_bucket(client, name):
    for who in ("client-5", "client-6"):
        client.add_ownership(who, name, "READ").must(201)
    check_admin(client.drop_ownership(name), 204)
    for who in ("client-5", "client-6"):
        client.ownership(who, name).must(404)
    check_error(check_admin(client.drop_ownership(name), 404))


def test_ownership_words_outside_the_enum(client, name):
    check_error(client.add_ownership("client-5", name, "EVERYTHING").must(400))
    check_error(client.fuse_ownership("client-5", name, "EVERYTHING").must(400))
    check_error(client.ownerships("client-5", "EVERYTHING").must(400))


def test_rights_count_at_once(site, client, name):
    """Given and taken back while the site has them cached."""
    client.make_bucket(name).must(201)
    client.put(name, "o", b"x").must(201)
    other = site.client("client-6")
    check_none(other.remote("HEAD", f"{name}/o"))
    client.add_ownership("client-6", name, "READ").must(201)
    check_type(other.remote("HEAD", f"{name}/o"), "OBJECT")
    other.put(name, "p", b"x").must(403)
    client.fuse_ownership("client-6", name, "WRITE").must(202)
    other.put(name, "p", b"x").must(201)
    client.drop_ownership("client-6", name).must(204)
    check_none(other.remote("HEAD", f"{name}/o"))
    other.put(name, "q", b"x").must(403)


def test_no_client_is_needed(site):
    nobody = site.client(None)
    nobody.topologies().must(200)
    nobody.ownerships("client-1").must(200)
