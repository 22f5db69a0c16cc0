"""How OpenIO's API is spoken, beyond the numbered cases: paths, queries, numbers, flags, ids, headers, limits
(spec 1 to 4). check_answer looks at the form of every answer here."""

import json
import urllib.parse

import pytest
from support import wire
from support.oio import (
    FORCE, META, NO_CONTAINER, Oio, check_answer, cid, done, empty, fresh, is_absent, meta, refused, sha256,
)  # fmt: skip

pytestmark = pytest.mark.worlds("embedded", "real")

MIB = 1 << 20


@pytest.fixture(scope="module")
def site(module_sites):
    (made,) = module_sites(["site-a"])
    return made


@pytest.fixture(scope="module")
def oio(site):
    return Oio(site.url)


@pytest.fixture(scope="module")
def three(oio):
    """A container of three objects."""
    ref = oio.made(properties={"colour": "red"})
    oio.fill(ref, ["a", "b", "c"])
    return ref


# ---- paths

UNMATCHED = [
    "GET /v3.1/OPENIO/container/show",
    "GET /v3/OPENIO/container/show",
    "GET /v2.0/OPENIO/container/show",
    "GET /v1.0/account/show",
    "GET /v3.0",
    "GET /v3.0/OPENIO",
    "GET /v3.0/OPENIO/container",
    "GET /v3.0/OPENIO//container/show",
    "GET /v3.0//OPENIO/container/show",
    "GET /v3.0/OPENIO/container//show",
    "GET /v3.0/OPENIO/container/show//",
    "GET /v3.0/OPENIO/container/show/more",
    "GET /v3.0/OPENIO/Container/show",
    "GET /v3.0/OPENIO/container/Show",
    "GET /v3.0/OPENIO/containers/show",
    "GET /v3.0/OPENIO/container/" + "x" * 2048,
    "POST /v3.0/OPENIO/container/drain",
    "POST /v3.0/OPENIO/container/checkpoint",
    "POST /v3.0/OPENIO/container/raw_insert",
    "POST /v3.0/OPENIO/container/raw_update",
    "POST /v3.0/OPENIO/container/raw_delete",
    "POST /v3.0/OPENIO/container/lifecycle/set",
    "POST /v3.0/OPENIO/container/sharding/find",
    "PATCH /v3.0/OPENIO/container/show",
    "OPTIONS /v3.0/OPENIO/container/show",
    "HEAD /v3.0/OPENIO/container/show",
    "PUT /v3.0/OPENIO/container/create",
    "DELETE /v3.0/OPENIO/container/destroy",
]
POSTED = ["create", "create_many", "destroy", "get_properties", "set_properties", "del_properties", "touch", "dedup",
          "purge", "flush", "snapshot"]  # fmt: skip


@pytest.mark.parametrize("line", UNMATCHED, ids=lambda line: line[:60])
def test_no_handler_is_found(oio, line):
    method, path = line.split()
    query = f"?acct={oio.account}&ref={oio.made()}"
    answer = oio.request(method, path + query)
    answer.must(404)
    assert answer.header("Allow") is None
    if method != "HEAD":
        assert answer.json() == {"status": 404, "message": "No handler found"}


@pytest.mark.parametrize("operation", POSTED)
def test_only_show_and_list_are_got(oio, operation):
    for method in ("GET", "PUT", "DELETE"):
        refused(oio.on(method, operation, oio.made()), 404, 404)


@pytest.mark.parametrize("operation", ["show", "list"])
def test_show_and_list_are_not_posted(oio, operation):
    refused(oio.on("POST", operation, oio.made()), 404, 404)


@pytest.mark.parametrize(
    "path",
    ["/v3.0/OPENIO/container/show/", "///v3.0/OPENIO/container/show", "//v3.0/OPENIO/container/show/",
     "/v3.0/%4FPENIO/container/sh%6Fw", "/v3.0/OPENIO/con%74ainer/show"],
)  # fmt: skip
def test_slashes_at_the_ends_and_escapes_in_segments(oio, path):
    oio.request("GET", f"{path}?acct={oio.account}&ref={oio.made()}").must(200)


@pytest.mark.parametrize("namespace", ["OTHER", "openio", "OPENIO2", "OPENI"])
def test_another_namespace(oio, namespace):
    other = Oio(oio.url, namespace=namespace)
    for answer in (other.show(oio.made()), other.create(fresh()), other.list(oio.made()), other.create_many([])):
        refused(answer, 400, 400)


def test_the_namespace_is_a_setting(sites):
    (site,) = sites(["site-a"], oio_namespace="LYON")
    here = Oio(site.url, namespace="LYON")
    assert meta(here.show(here.made()).must(200))["sys-ns"] == "LYON"
    refused(Oio(site.url).create(fresh()), 400, 400)


def test_peers_are_where_others_reach_the_site(sites):
    """Behind a balancer that is not where it listens; a chunk's address and sys.peers agree."""
    url = "http://balancer.example:8080/ferry"
    plain, public = sites(["site-a", "site-b"], peers={}, per_site={"site-b": {"public_url": url}})
    for site, peer in (plain, plain.url.removeprefix("http://")), (public, "balancer.example:8080"):
        oio = Oio(site.url)
        ref = oio.made()
        oio.fill(ref, ["there"])
        assert oio.system(ref)["sys.peers"] == peer
        assert urllib.parse.unquote(meta(oio.show(ref).must(200))["sys-peers"]) == peer
        assert urllib.parse.urlsplit(oio.entries(ref, chunks=1)[0]["chunks"][0]["url"]).netloc == peer
    oio.bodies.drop_topology("site-b").must(200, 204)
    assert oio.system(ref)["sys.peers"] == public.url.removeprefix("http://")



# ---- queries


def show(oio, query):
    return oio.call("GET", "show", query)


def test_the_query_is_cut_then_decoded(oio):
    tail = fresh()
    ref = "a=b&c d+e%/é" + tail
    empty(oio.create(ref), 201)
    quoted = urllib.parse.quote(ref, safe="")
    for query in (
        f"acct={oio.account}&ref={quoted}",
        f"ref={quoted}&acct={oio.account}",  # any order
        f"unknown=1&acct={oio.account}&&ref={quoted}&",  # unknown names, empty pieces
        f"ref&acct={oio.account}&ref={quoted}",  # a name without = is not seen
        f"acct={oio.account}&ref={quoted}&ref=another",  # the first wins
        f"%61cct={oio.account}&r%65f={quoted}",
        f"acct={oio.account}&ref={quoted.replace('%20', '+')}",
        f"acct={oio.account}&ref={quoted}&type=meta2&service_id=x&local=1&suffix=.1&bypass_service_down=1",
    ):
        assert meta(show(oio, query).must(200))["sys-user-name"] == quoted, query


@pytest.mark.parametrize(
    "query",
    ["acct=%zz&ref={}", "acct={acct}&ref={}&x=%", "acct={acct}&ref={}%00", "acct={acct}&ref={}&y=%4",
     "acct={acct}&ref={}&properties=False%max=2", "acct={acct}&ref=%FF%FE", "acct=%C3&ref={}", "acct={acct}&ref=",
     "acct=&ref={}", "ACCT={acct}&ref={}", "", "ref={}", "acct={acct}"],
)  # fmt: skip
def test_queries_that_are_refused(oio, query):
    refused(show(oio, query.replace("{acct}", oio.account).replace("{}", oio.made())), 400, 400)


def test_accounts_have_63_bytes_at_most_and_names_1023(oio):
    long, ref = oio.of("é" * 31 + "x"), fresh()
    assert len(long.account.encode()) == 63
    empty(long.create(ref), 201)
    assert long.system(ref)["sys.account"] == long.account
    refused(oio.of("a" * 64).create(ref), 400, 400)
    refused(oio.of("é" * 32).create(ref), 400, 400)
    name = fresh().ljust(1023, "n")
    empty(oio.create(name), 201)
    assert oio.system(name)["sys.user.name"] == name
    empty(oio.destroy(name))
    for method, operation in (("POST", "create"), ("GET", "show"), ("POST", "touch")):
        refused(oio.on(method, operation, name + "n"), 400, 400)


def test_the_container_id_wins(oio):
    ref = oio.made(properties={"which": "this"})
    number = cid(oio.account, ref)
    found = oio.call("POST", "get_properties", {"acct": "nobody", "ref": "nothing", "cid": number})
    assert found.must(200).json()["properties"] == {"which": "this"}
    done(oio.call("POST", "set_properties", {"cid": number + ".12"}, {"properties": {"set": "1"}}))
    empty(oio.call("POST", "destroy", {"cid": number.lower()}))
    is_absent(oio, ref)


@pytest.mark.parametrize("operation", ["get_properties", "touch", "flush", "purge", "dedup", "destroy"])
def test_every_operation_takes_a_container_id(oio, operation):
    ref = oio.made()
    oio.call("POST", operation, {"cid": cid(oio.account, ref)}).must(200, 204)


@pytest.mark.parametrize(
    "number, status",
    [("0", 404), ("1F", 404), ("abc", 404), ("ABCD", 404), ("", 400), ("12345", 400), ("g", 400), ("0" * 63, 400),
     ("0" * 65, 400), ("0" * 64 + ".", 400), ("0" * 64 + ".x", 400), ("0" * 64 + ".1.2", 400), ("0" * 63 + "g", 400),
     ("0" * 64, 404), ("0" * 64 + ".77", 404), ("12.1", 400), (" 12", 400)],
)  # fmt: skip
def test_forms_of_container_ids(oio, number, status):
    answer = oio.call("POST", "get_properties", {"cid": number}, [])
    refused(answer, status, *(NO_CONTAINER if status == 404 else (400,)))


def test_a_container_is_not_created_by_its_id(oio):
    refused(oio.call("POST", "create", {"cid": cid(oio.account, fresh())}), 400, 400)


# ---- numbers and flags

TRUE = ["yes", "true", "on", "enable", "enabled", "1", "yeah", "YES", "True", "oN"]
FALSE = ["no", "false", "off", "disable", "disabled", "0", "nope", "2", "y", "", "t", "truely"]


@pytest.mark.parametrize("number", ["x", "", "1x", " 1", "+1", "1.0", "--1", "-", "0x10", "1e3", "9" * 30])
def test_what_is_no_number(oio, three, number):
    quoted = urllib.parse.quote(number, safe="")
    for method, operation, name in (("GET", "list", "max"), ("POST", "purge", "maxvers"), ("POST", "flush", "limit")):
        query = f"acct={oio.account}&ref={three}&{name}={quoted}"
        refused(oio.call(method, operation, query), 400, 400)
    assert oio.names(three) == ["a", "b", "c"]


@pytest.mark.parametrize("number", ["0", "-1", "-99999", "000000", "-0", "99999999"])
def test_max_of_nothing_is_the_default(oio, three, number):
    assert oio.names(three, max=number) == ["a", "b", "c"]


@pytest.mark.parametrize("word", TRUE)
def test_words_that_are_true(oio, word):
    ref = oio.made(properties={"old": "1"})
    done(oio.set(ref, {"new": "2"}, flush=word))
    assert oio.properties(ref) == {"new": "2"}


@pytest.mark.parametrize("word", FALSE)
def test_words_that_are_false(oio, word):
    ref = oio.made(properties={"old": "1"})
    done(oio.set(ref, {"new": "2"}, flush=word))
    assert oio.properties(ref) == {"old": "1", "new": "2"}


@pytest.mark.parametrize("mode", ["flush", "FLUSH", "autocreate,flush", "append, Flush ,force"])
def test_the_header_of_modes_is_a_list_of_words(oio, mode):
    ref = oio.made(properties={"old": "1"})
    done(oio.set(ref, {"new": "2"}, headers={"X-OIO-Action-Mode": mode}))
    assert oio.properties(ref) == {"new": "2"}


@pytest.mark.parametrize("mode", ["flushing", "flush2", "no-flush", ""])
def test_other_words_of_that_header_do_nothing(oio, mode):
    ref = oio.made(properties={"old": "1"})
    done(oio.set(ref, {"new": "2"}, headers={"x-oio-action-mode": mode}))
    assert oio.properties(ref) == {"old": "1", "new": "2"}


def test_the_parameter_wins_over_the_header(oio):
    ref = oio.made()
    oio.fill(ref, ["a"])
    refused(oio.destroy(ref, headers=FORCE, force="0"), 409, 438)
    empty(oio.destroy(ref, headers={"x-oio-action-mode": "autocreate"}, force="yeah"))


def test_flags_of_lists_count_by_being_there(oio):
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    oio.fill(ref, ["a", "a", "gone"])
    empty(oio.delete(ref, "gone"))
    assert oio.names(ref) == ["a"]
    for value in ("0", "false", "", "1"):
        assert oio.names(ref, all=value) == ["a", "a", "gone", "gone"]
        assert oio.names(ref, deleted=value) == ["a", "gone"]


# ---- headers


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", ""]
)
def test_the_type_of_a_request_is_not_looked_at(oio, kind):
    ref = fresh()
    body = {"properties": {"a": "1"}}
    empty(oio.on("POST", "create", ref, body, {"Content-Type": kind}), 201)
    assert oio.properties(ref) == {"a": "1"}


def test_chunked_bodies_are_read(oio):
    ref = fresh()
    target = oio.target("create", {"acct": oio.account, "ref": ref})
    pieces = [b'{"proper', b'ties":{"a"', b':"1"}}']
    check_answer(wire.request(oio.url, "POST", target, {}, pieces)).must(201)
    assert oio.properties(ref) == {"a": "1"}


HINTS = {
    "x-oio-admin": "1", "x-oio-force-master": "1", "x-oio-end-user-request": "1", "x-oio-upgrade-to-tls": "1",
    "x-oio-acct": "a", "x-oio-bkt": "b", "x-oio-op": "c", "x-oio-timeout": "30000000", "User-Agent": "a test/1",
    "x-oio-req-id": "R" * 200, "Authorization": "Basic xyz", "x-oio-action-mode": "autocreate",
}  # fmt: skip


def test_hints_change_nothing(oio):
    ref = fresh()
    empty(oio.create(ref, {"a": "1"}, headers=HINTS), 201)
    answer = oio.show(ref, headers=HINTS).must(200)
    assert answer.json() == {"properties": {"a": "1"}}
    assert answer.header("x-oio-req-id") is None


def test_performance_is_told_to_who_asks(oio):
    ref = oio.made()
    told = oio.show(ref, headers={"x-oio-perfdata": "1"}).must(200).header("x-oio-perfdata")
    parts = dict(part.split("=") for part in told.split(","))
    assert {"resolve", "meta2"} <= set(parts) and all(float(value) >= 0 for value in parts.values())
    assert oio.show(ref).header("x-oio-perfdata") is None


def test_the_region_of_a_create(oio):
    for region in ("site-a", "SITE-A", "Site-a"):
        empty(oio.create(fresh(), headers={"x-oio-region": region}), 201)
    ref = fresh()
    refused(oio.create(ref, headers={"x-oio-region": "elsewhere"}), 400, 400)
    is_absent(oio, ref)


def test_a_request_whose_time_is_over(oio):
    """No budget at all: nothing can be done in it."""
    ref = fresh()
    answer = oio.create(ref, headers={"x-oio-timeout": "0"})
    refused(answer, 503, 503, 504)
    is_absent(oio, ref)


@pytest.mark.parametrize("key, name", [
    ("user.plain", "user-plain"), ("user.with space", "user-with-space"), ("user.a/b.c_d", "user-a-b-c-d"),
    ("user.Case-Kept", "user-Case-Kept"), ("sys.m2.policy.version", "sys-m2-policy-version"),
])  # fmt: skip
def test_headers_made_of_properties(oio, key, name):
    value = "1" if key.startswith("sys.") else "é /%+~._-Aß"
    ref = oio.made()
    if key.startswith("user."):
        done(oio.set(ref, {key[5:]: value}))
    else:
        done(oio.set(ref, system={key: value}))
    told = dict(oio.list(ref).must(200).headers.items())
    assert told[META + name] == urllib.parse.quote(value, safe="-._~")


def test_other_keys_are_told_by_show_alone(oio):
    ref = oio.made()
    system = oio.system(ref)
    others = {key: value for key, value in system.items() if not key.startswith("sys.")}
    assert others and "schema_version" in others
    shown, listed = meta(oio.show(ref).must(200)), meta(oio.list(ref).must(200))
    for key, value in others.items():
        name = "x-" + "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in key)
        assert shown[name] == urllib.parse.quote(value, safe="-._~")
        assert name not in listed


def test_list_by_hash(oio):
    ref = oio.made()
    for name, body in (("a", b"one"), ("b", b"two"), ("c", b"one")):
        oio.put(ref, name, body).must(201)
    header = "x-oio-list-content-hash"
    for form in (sha256(b"one"), sha256(b"one").lower()):
        found = oio.list(ref, headers={header: form}).must(200).json()["objects"]
        assert [entry["name"] for entry in found] == ["a", "c"]
    refused(oio.list(ref, headers={header: sha256(b"none")}), 404, 420)
    for other in ("0" * 32, "0" * 40, "0" * 128):
        refused(oio.list(ref, headers={header: other}), 404, 420)
    for wrong in ("xyz", "0" * 31, "0" * 65, "g" * 64):
        refused(oio.list(ref, headers={header: wrong}), 400, 400)


# ---- bodies


PARSED = ["create", "create_many", "get_properties", "set_properties", "del_properties", "touch", "dedup", "purge",
          "flush", "snapshot"]  # fmt: skip


@pytest.mark.parametrize("operation", PARSED)
@pytest.mark.parametrize("body", [b"{", b"nonsense", b"\xff\xfe", b"[1,]", b'{"a":"b"} trailing'])
def test_a_body_that_is_no_json_is_refused_even_where_it_has_no_use(oio, operation, body):
    ref = fresh() if operation == "create" else oio.made()
    refused(oio.on("POST", operation, ref, body), 400, 400)
    if operation == "create":
        is_absent(oio, ref)


@pytest.mark.parametrize("operation", ["touch", "dedup", "purge", "flush", "get_properties"])
def test_any_json_will_do_where_it_has_no_use(oio, operation):
    for body in (b"[]", b"{}", b"null", b'{"a":[1,2]}', b""):
        oio.on("POST", operation, oio.made(), body).must(200, 204)


def test_the_body_of_destroy_is_not_looked_at(oio):
    empty(oio.on("POST", "destroy", oio.made(), b"{ nonsense"))


def test_what_create_makes_of_its_body(oio):
    for body in (b"null", b"{}", b'{"properties":null,"system":null}', b'{"other":[1]}'):
        ref = fresh()
        empty(oio.on("POST", "create", ref, body), 201)
        assert oio.properties(ref) == {}
    ref = fresh()
    empty(oio.create(ref, {"a": None, "b": "1"}, {"sys.m2.quota": None, "sys.mine": "2"}), 201)
    assert oio.properties(ref) == {"b": "1"}
    system = oio.system(ref)
    assert "sys.m2.quota" not in system and system["sys.mine"] == "2"


@pytest.mark.parametrize(
    "body",
    [b'"text"', b"1", b"true", b'{"properties":[]}', b'{"system":"x"}', b'{"properties":{"a":{}}}',
     b'{"system":{"sys.a":1}}', b'{"properties":{"a":true}}'],
)  # fmt: skip
def test_bodies_that_create_refuses(oio, body):
    ref = fresh()
    refused(oio.on("POST", "create", ref, body), 400, 400)
    is_absent(oio, ref)


def test_an_unknown_storage_policy(oio):
    ref = fresh()
    refused(oio.create(ref, system={"sys.m2.policy.storage": "NOSUCH"}), 400, 480)
    is_absent(oio, ref)


def test_a_body_over_the_limit(oio):
    ref, value = fresh(), "x" * (MIB + 1)
    refused(oio.create(ref, {"a": value}), 413, 413)
    is_absent(oio, ref)
    made = oio.made(properties={"a": "1"})
    refused(oio.set(made, {"b": value}), 413, 413)
    assert oio.properties(made) == {"a": "1"}


def test_properties_of_any_characters(oio):
    given = {"é/ü 日本": "🚢\n\t\"", "a.b": "c", "with space": "%2F", "x" * 300: "y" * 3000}
    ref = oio.made(properties=given)
    assert oio.properties(ref) == given
    assert json.loads(oio.list(ref).must(200).body)["properties"] == given
    done(oio.unset(ref, list(given)[:2]))
    assert oio.properties(ref) == {key: given[key] for key in list(given)[2:]}


# ---- limits of lists


@pytest.mark.parametrize("name", ["prefix", "marker", "end_marker", "delimiter"])
def test_parameters_of_lists_have_1087_bytes_at_most(oio, three, name):
    oio.list(three, **{name: "x" * 1087}).must(200)
    refused(oio.list(three, **{name: "x" * 1088}), 400, 400)


# ---- create_many


def test_create_many_checks_before_it_begins(oio):
    name = fresh()
    good = {"name": name, "properties": {"a": "1"}}
    for wrong in (1, "text", None, {"name": 1}, {"name": None}, {}, {"name": "x", "properties": {"a": 1}},
                  {"name": "x", "system": {"sys.a": []}}, {"name": "x", "properties": []}):  # fmt: skip
        refused(oio.create_many([good, wrong]), 400, 400)
    for body in (b"[]", b"{}", b'{"containers":{}}', b"null", b'{"containers":null}'):
        refused(oio.create_many(body), 400, 400)
    is_absent(oio, name)


def test_create_many_gives_each_its_properties(oio):
    names = [fresh() for _ in range(3)]
    oio.create(names[1], {"was": "here"}).must(201)
    system = {"sys.m2.quota": "10"}
    items = [{"name": name, "properties": {"number": str(i)}, "system": system} for i, name in enumerate(names)]
    found = oio.create_many(items).must(200).json()["containers"]
    assert [(item["name"], item["status"]) for item in found] == [(names[0], 201), (names[1], 433), (names[2], 201)]
    assert [oio.properties(name) for name in names] == [{"number": "0"}, {"was": "here"}, {"number": "2"}]
    assert oio.system(names[2])["sys.m2.quota"] == "10"


# ---- identity


@pytest.mark.parametrize("key", ["sys.account", "sys.user.name", "sys.name", "sys.ns", "sys.type"])
def test_who_a_container_is_cannot_be_changed(oio, key):
    ref = oio.made()
    before = oio.system(ref)
    refused(oio.set(ref, system={key: "another"}), 400, 400)
    assert oio.system(ref) == before
