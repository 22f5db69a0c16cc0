"""Frozen and disabled containers (spec 5), quotas, and the companion routes admin/freeze and admin/enable."""

import time

import pytest
from support.command import TEMPORARY, Ferry
from support.oio import DISABLED, FROZEN, NO_CONTAINER, Oio, cid, counters, done, empty, fresh, refused
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

STATES = {"frozen": FROZEN, "disabled": DISABLED}


@pytest.fixture(scope="module")
def pair(module_sites):
    return module_sites(["site-a", "site-b"])


@pytest.fixture(scope="module")
def oio(pair):
    return Oio(pair[0].url)


def in_state(oio, state, **system):
    ref = oio.made(properties={"colour": "red"}, system=system)
    oio.fill(ref, ["there"])
    done(oio.set(ref, system={"sys.status": STATES[state]}))
    return ref


# What each operation answers: (status, code or None).
YES, BUSY, CLOSED = (None, None), (503, 436), (500, 437)
TABLE = {
    "show": (YES, YES), "get_properties": (YES, YES), "set_properties": (YES, YES), "del_properties": (YES, YES),
    "touch": (YES, YES), "snapshot": (YES, YES), "list": (YES, BUSY), "flush": (YES, BUSY), "purge": (BUSY, BUSY),
    "dedup": (BUSY, BUSY), "content/create": (BUSY, BUSY), "content/delete": (BUSY, BUSY), "destroy": (YES, CLOSED),
    "content/show": (YES, BUSY), "content/locate": (YES, BUSY), "content/get_properties": (YES, BUSY),
    "content/set_properties": (BUSY, BUSY), "content/del_properties": (BUSY, BUSY),
}  # fmt: skip


def ask(oio, ref, operation):
    if operation == "snapshot":
        return oio.snapshot(ref, fresh())
    if operation == "set_properties":
        return oio.set(ref, {"a": "b"})
    if operation == "del_properties":
        return oio.unset(ref, ["a"])
    if operation == "content/create":
        return oio.register(ref, "another")
    if operation == "content/delete":
        return oio.delete(ref, "there")
    if operation == "destroy":
        return oio.destroy(ref, force=1)
    family, _, name = operation.rpartition("/")
    if family:
        body = {"content/set_properties": {"properties": {"a": "b"}}, "content/del_properties": ["a"]}.get(operation)
        return oio.content("GET" if name in ("show", "locate") else "POST", name, ref, "there", body)
    return oio.on("GET" if operation in ("show", "list") else "POST", operation, ref)


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("state", STATES)
def test_what_works_on_a_container_that_is_not_enabled(oio, state, operation):
    ref = in_state(oio, state)
    status, code = TABLE[operation][list(STATES).index(state)]
    answer = ask(oio, ref, operation)
    if status is None:
        answer.must(200, 204)
    else:
        refused(answer, status, code)


@pytest.mark.parametrize("state", STATES)
def test_bodies_neither_come_nor_go(oio, state):
    ref = in_state(oio, state)
    oio.put(ref, "another", b"x").must(503)
    oio.put(ref, "there", b"x").must(503)
    oio.bodies.delete_exact(ref, "there", account=oio.account).must(503)
    done(oio.set(ref, system={"sys.status": "0"}))
    assert oio.names(ref) == ["there"]
    oio.put(ref, "another", b"x").must(201)


# By Ferry's own routes and by those of CCS's clients: what each shows of the object `there`.
READS = {
    "content": lambda client, ref: client.get_exact(ref, "there", account=client.client),
    "content of the CCS name": lambda client, ref: client.get_exact(ref, "there"),
    "HEAD of content": lambda client, ref: client.head_exact(ref, "there", account=client.client),
    "objects": lambda client, ref: client.objects(ref, account=client.client),
    "objects in any status": lambda client, ref: client.objects(ref, account=client.client, status="ANY"),
    "versions": lambda client, ref: client.objects(ref, account=client.client, versions="1"),
    "sums": lambda client, ref: client.call("GET", client.exact(ref, account=client.client, route="digests")),
    "deleted": lambda client, ref: client.call("GET", client.exact(ref, account=client.client, route="deleted")),
    "CCS object": lambda client, ref: client.get(ref, "there"),
    "CCS description": lambda client, ref: client.describe(ref, "there"),
    "CCS head": lambda client, ref: client.head(ref, "there"),
    "CCS listing": lambda client, ref: client.listing(ref),
}


@pytest.mark.parametrize("read", READS)
def test_what_is_in_a_disabled_container_is_shown_to_no_client(oio, read):
    ref = in_state(oio, "disabled")
    answer = READS[read](oio.bodies, ref).must(503)
    assert "admin/enable" in answer.header("x-clonecloudstore-error") and answer.header("Retry-After")
    oio.bodies.head_bucket(ref).must(204)
    done(oio.freeze(ref))
    READS[read](oio.bodies, ref).must(200, 204)


def test_nothing_is_looked_for_in_a_disabled_container(oio):
    """By the id of a content, which may be known there or not."""
    ref = in_state(oio, "disabled")
    for operation, method in {"show": "GET", "get_properties": "POST", "delete": "POST"}.items():
        refused(oio.content(method, operation, ref, None, content="00" * 16), 503, 436)


def test_who_may_not_read_does_not_learn_that_it_is_disabled(pair, oio):
    ref = in_state(oio, "disabled")
    stranger = Oio(pair[0].url, "client-9").bodies
    stranger.get(ref, "there").must(404)
    stranger.describe(ref, "there").must(404)
    stranger.head(ref, "there").must(404)
    stranger.listing(ref).must(403)
    stranger.get_exact(ref, "there", account=oio.account).must(403)


def test_what_was_ordered_before_a_container_was_disabled_still_goes_to_other_sites(pair, oio):
    """States are each site's own: what another pulls is no client's read."""
    here, there = pair
    ref = oio.made()
    oio.bodies.pause("site-b").must(200)
    oio.fill(ref, ["there"])
    done(oio.set(ref, system={"sys.status": DISABLED}))
    oio.bodies.resume("site-b").must(200)
    far = Oio(there.url)
    eventually(lambda: far.body(ref, "there").status == 200, 30, "site-b has what was put before")
    ferry = Ferry(here.url, client=oio.account)
    ferry("diff", ref, "--with", "site-b").must()
    ferry("get", f"{ref}/there", "-").must(TEMPORARY)


def test_what_is_refused_says_how_it_is_enabled_again(pair, oio):
    ferry = Ferry(pair[0].url, client=oio.account)
    for state in STATES:
        ref = in_state(oio, state)
        way = f"bucket {ref} is {state}: POST /v3.0/{{NS}}/admin/enable "
        assert way in oio.register(ref, "another").json()["message"]
        assert way in oio.purge(ref).json()["message"]
        assert way in oio.dedup(ref).json()["message"]
        for words in ("put", "-", f"{ref}/another"), ("rm", f"{ref}/there"):
            assert way in ferry(*words, stdin=b"x").must(TEMPORARY).err
    for words in ("ls", ref), ("get", f"{ref}/there", "-"):
        assert way in ferry(*words).must(TEMPORARY).err
    assert way in oio.list(ref).json()["message"]
    assert way in oio.destroy(ref).json()["message"]
    done(oio.enable(ref))
    ferry("get", f"{ref}/there", "-").must()


def test_a_freeze_that_ends_by_itself_says_when(oio):
    ref = oio.made()
    done(oio.set(ref, system={"sys.status": FROZEN, "sys.status.until": "4102444800"}))
    assert "is frozen until 2100-01-01T00:00:00" in oio.purge(ref).json()["message"]


def test_a_disabled_container_comes_back_whole(oio):
    ref = in_state(oio, "disabled")
    refused(oio.destroy(ref), 500, 437)
    done(oio.set(ref, system={"sys.status": "0"}))
    assert (oio.names(ref), oio.properties(ref), counters(oio, ref)) == (["there"], {"colour": "red"}, (1, 5))


def test_a_frozen_container_that_is_not_empty_is_not_destroyed_and_stays_frozen_or_enabled_as_it_was(oio):
    ref = in_state(oio, "frozen")
    refused(oio.destroy(ref), 409, 438)
    assert oio.names(ref) == ["there"]


@pytest.mark.parametrize("state", STATES)
def test_a_snapshot_has_the_state_of_its_source(oio, state):
    ref, copy = in_state(oio, state), fresh()
    empty(oio.snapshot(ref, copy))
    assert oio.system(copy)["sys.status"] == STATES[state]
    refused(oio.register(copy, "another"), 503, 436)
    done(oio.set(copy, system={"sys.status": "0"}))
    oio.put(copy, "another", b"x").must(201)
    assert oio.names(copy) == ["another", "there"]


def test_a_freeze_ends_by_itself(oio):
    ref = oio.made()
    until = int(time.time()) + 3600
    done(oio.set(ref, system={"sys.status": FROZEN, "sys.status.until": str(until)}))
    refused(oio.purge(ref), 503, 436)
    assert oio.system(ref)["sys.status.until"] == str(until)
    done(oio.set(ref, system={"sys.status.until": str(int(time.time()) - 1)}))
    empty(oio.purge(ref))
    oio.put(ref, "a", b"x").must(201)
    assert oio.system(ref)["sys.status"] == "0"


def test_a_freeze_lasts_as_long_as_was_said(oio):
    ref = oio.made()
    done(oio.set(ref, system={"sys.status": FROZEN, "sys.status.until": str(int(time.time()) + 2)}))
    refused(oio.purge(ref), 503, 436)
    eventually(lambda: oio.purge(ref).status == 204, 10, "the freeze is over")


@pytest.mark.parametrize("value", ["1", "frozen", "-1", "4294967296", "99"])
def test_a_state_that_is_none(oio, value):
    ref = oio.made()
    refused(oio.set(ref, system={"sys.status": value}), 400, 400)
    assert oio.system(ref)["sys.status"] == "0"


# ---- admin/freeze, admin/enable


def test_freeze_and_enable(oio):
    ref = oio.made()
    refused(oio.enable(ref), 500, 439)
    done(oio.freeze(ref))
    assert oio.system(ref)["sys.status"] == FROZEN
    refused(oio.freeze(ref), 503, 436)
    refused(oio.purge(ref), 503, 436)
    done(oio.enable(ref))
    empty(oio.purge(ref))


def test_freeze_by_container_id_and_of_none(oio):
    ref = oio.made()
    done(oio.call("POST", "freeze", {"cid": cid(oio.account, ref), "type": "meta2"}, family="admin"))
    done(oio.call("POST", "enable", {"cid": cid(oio.account, ref), "type": "meta2"}, family="admin"))
    for operation in ("freeze", "enable"):
        refused(oio.on("POST", operation, fresh(), family="admin", type="meta2"), 404, *NO_CONTAINER)
        refused(oio.call("POST", operation, "type=meta2", family="admin"), 400, 400)
        refused(oio.on("GET", operation, ref, family="admin", type="meta2"), 404, 404)


# ---- quota


def test_a_quota_refuses_uploads_beyond_it(oio):
    ref = oio.made(system={"sys.m2.quota": "10"})
    oio.put(ref, "a", b"12345").must(201)
    oio.put(ref, "b", b"12345").must(201)
    refused(oio.register(ref, "c", size=1), 500, 445)
    assert oio.put(ref, "c", b"1").status >= 400
    assert (oio.names(ref), counters(oio, ref)) == (["a", "b"], (2, 10))
    empty(oio.delete(ref, "a"))
    oio.put(ref, "c", b"1").must(201)
    done(oio.set(ref, system={"sys.m2.quota": "0"}))
    oio.put(ref, "d", b"x" * 100).must(201)
    assert counters(oio, ref) == (3, 106)


def test_a_body_that_is_refused_at_its_end_leaves_no_file(pair, oio):
    """There is room for a byte when it begins; how many come is known when all are stored."""
    ref = oio.made(system={"sys.m2.quota": "10"})
    oio.put(ref, "a", b"12345").must(201)
    held = set(pair[0].body_files())
    assert held
    oio.put(ref, "b", b"123456").must(507)
    assert set(pair[0].body_files()) <= held
    assert (oio.names(ref), counters(oio, ref)) == (["a"], (1, 5))


def test_a_quota_that_is_no_number(oio):
    refused(oio.create(fresh(), system={"sys.m2.quota": "much"}), 400, 400)
