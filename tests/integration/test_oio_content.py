"""OpenIO's content routes: objects are described, shown and deleted; their bodies come by Ferry's own route."""

import urllib.parse

import pytest
from support.oio import CONTENT_META, NO_CONTAINER, Oio, cid, counters, done, empty, fresh, refused, sha256

pytestmark = pytest.mark.worlds("embedded", "real")

MD5 = "5D41402ABC4B2A76B9719D911017C592"
NAMES = ["plain", "a/b//c", "..", "sp ace", "100%", "é/日本", "a+b", "?#&=", "x" * 1023]


@pytest.fixture(scope="module")
def oio(module_sites):
    (site,) = module_sites(["site-a"])
    return Oio(site.url)


def described(answer):
    """The headers that describe an object, decoded."""
    found = {name[len(CONTENT_META) :]: urllib.parse.unquote(value)
             for name, value in answer.headers.items() if name.startswith(CONTENT_META)}  # fmt: skip
    return found


def shown(oio, ref, path, **query):
    return described(oio.content("GET", "show", ref, path, **query).must(200))


# ---- content/create


def test_what_is_described_is_listed_and_counted_but_has_no_body(oio):
    ref = oio.made()
    empty(oio.register(ref, "a/b", 5, MD5.lower(), {"colour": "red"}, {CONTENT_META + "mime-type": "text/plain"}))
    (entry,) = oio.entries(ref, properties=1)
    assert (entry["name"], entry["size"], entry["hash"], entry["mime-type"]) == ("a/b", 5, MD5, "text/plain")
    assert entry["properties"] == {"colour": "red"}
    assert counters(oio, ref) == (1, 5)
    oio.body(ref, "a/b").must(404)
    refused(oio.destroy(ref), 409, 438)


def test_the_body_comes_later(oio):
    ref = oio.made()
    empty(oio.register(ref, "a", 5, MD5))
    oio.put(ref, "a", b"hello").must(201)
    (entry,) = oio.versions(ref)
    assert (entry["size"], entry["hash"]) == (5, sha256(b"hello"))
    assert oio.body(ref, "a").must(200).body == b"hello"
    assert counters(oio, ref) == (1, 5)


@pytest.mark.parametrize("policy", ["1", "-1"])
def test_what_was_there_is_read_until_the_body_comes(oio, policy):
    ref = oio.made(system={"sys.m2.policy.version": policy})
    oio.put(ref, "a", b"before").must(201)
    empty(oio.register(ref, "a", 5, MD5))
    assert oio.entries(ref)[0]["hash"] == MD5
    assert oio.body(ref, "a").must(200).body == b"before"
    oio.put(ref, "a", b"after").must(201)
    assert oio.entries(ref)[0]["hash"] == sha256(b"after")
    assert oio.body(ref, "a").must(200).body == b"after"


def test_an_id_and_a_version_may_be_given(oio):
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    given = {CONTENT_META + "id": "00112233445566778899aabbccddeeff", CONTENT_META + "version": "1234567890"}
    empty(oio.register(ref, "a", 5, MD5, headers=given))
    (entry,) = oio.entries(ref)
    assert (entry["id"], entry["version"]) == ("00112233445566778899AABBCCDDEEFF", 1234567890)
    refused(oio.register(ref, "a", 5, MD5, headers=given), 409, 421)
    empty(oio.register(ref, "a", 6, MD5))
    assert [found["size"] for found in oio.versions(ref)] == [6, 5]


def test_older_and_newer_names_of_the_size(oio):
    ref = oio.made()
    for name in ("length", "size"):
        headers = {CONTENT_META + name: "7", CONTENT_META + "hash": MD5}
        empty(oio.content("POST", "create", ref, name, {"chunks": [], "properties": {}}, headers))
    assert [entry["size"] for entry in oio.entries(ref)] == [7, 7]


@pytest.mark.parametrize(
    "headers",
    [{"length": "x"}, {"length": "-1"}, {"length": "9" * 30}, {"hash": "xyz"}, {"id": "xyz"}, {"version": "x"},
     {"version": "-5"}],
)  # fmt: skip
def test_descriptions_that_are_refused(oio, headers):
    ref = oio.made()
    given = {CONTENT_META + name: value for name, value in headers.items()}
    refused(oio.register(ref, "a", 5, MD5, headers=given), 400, 400)
    assert oio.versions(ref) == []


@pytest.mark.parametrize("body", [b"{", b'{"properties":{"a":1}}', b'{"properties":[]}', b'"text"'])
def test_bodies_of_descriptions_that_are_refused(oio, body):
    ref = oio.made()
    headers = {CONTENT_META + "length": "5", CONTENT_META + "hash": MD5}
    refused(oio.content("POST", "create", ref, "a", body, headers), 400, 400)
    assert oio.versions(ref) == []


def test_the_container_is_created_where_that_is_wanted(oio):
    ref = fresh()
    refused(oio.register(ref, "a"), 404, *NO_CONTAINER)
    empty(oio.register(ref, "a", headers={"x-oio-action-mode": "autocreate"}))
    empty(oio.register(ref, "b", autocreate="true"))
    assert oio.names(ref) == ["a", "b"]
    other = fresh()
    empty(oio.register(other, "a", autocreate=1))
    assert oio.names(other) == ["a"]
    refused(oio.register(fresh(), "a", headers={"x-oio-action-mode": "autocreate"}, autocreate="0"), 404, *NO_CONTAINER)


# ---- content/show, content/delete


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[1:20])
def test_names_of_any_characters(oio, name):
    ref = oio.made()
    oio.put(ref, name, b"hello").must(201)
    told = shown(oio, ref, name)
    assert (told["name"], told["size"], told["hash"]) == (name, "5", sha256(b"hello"))
    assert oio.names(ref) == [name]
    empty(oio.delete(ref, name))
    assert oio.names(ref) == []


@pytest.mark.parametrize("operation", ["show", "locate"])
def test_show(oio, operation):
    ref = oio.made()
    oio.put(ref, "a", b"hello", metadata={"colour": "red"}).must(201)
    answer = oio.content("GET", operation, ref, "a").must(200)
    (entry,), told = oio.entries(ref), described(answer)
    assert told["version"] == str(entry["version"]) and told["id"] == entry["id"]
    assert told["hash"] == sha256(b"hello") and told["policy"] == entry["policy"]
    assert told["mime-type"] == entry["mime-type"] and told["chunk-method"] == entry["chunk-method"]
    assert (told["length"], told["size"], told["ctime"]) == ("5", "5", str(entry["ctime"]))
    (chunk,) = answer.json()
    assert (chunk["pos"], chunk["size"], chunk["hash"]) == ("0", 5, sha256(b"hello"))


def test_a_chunk_has_the_address_of_the_body(oio):
    ref = oio.made()
    oio.put(ref, "a b/é", b"hello").must(201)
    (chunk,) = oio.content("GET", "show", ref, "a b/é").must(200).json()
    parts = urllib.parse.urlsplit(chunk["url"])
    target = f"{parts.path}?{parts.query}"
    assert oio.bodies.call("GET", target).must(200).body == b"hello"


def test_show_and_delete_of_none(oio):
    ref = oio.made()
    for answer in (oio.content("GET", "show", ref, "none"), oio.delete(ref, "none"),
                   oio.content("POST", "get_properties", ref, "none"),
                   oio.content("POST", "set_properties", ref, "none", {"properties": {"a": "1"}}),
                   oio.content("POST", "del_properties", ref, "none", ["a"])):  # fmt: skip
        refused(answer, 404, 420)
    absent = fresh()
    for answer in (oio.content("GET", "show", absent, "none"), oio.delete(absent, "none")):
        refused(answer, 404, *NO_CONTAINER)


@pytest.mark.parametrize("operation", ["show", "delete", "create", "get_properties"])
def test_a_path_is_needed(oio, operation):
    ref = oio.made()
    method = "GET" if operation == "show" else "POST"
    for path in (None, "", "x" * 1025, b"\xff"):
        refused(oio.content(method, operation, ref, path), 400, 400)


def test_an_older_version_is_shown(oio):
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    for body in (b"1", b"22"):
        oio.put(ref, "a", body).must(201)
    newest, older = oio.versions(ref)
    assert shown(oio, ref, "a")["version"] == str(newest["version"])
    assert shown(oio, ref, "a", version="null")["version"] == str(newest["version"])
    assert shown(oio, ref, "a", version=older["version"])["hash"] == sha256(b"1")
    refused(oio.content("GET", "show", ref, "a", version=12345), 404, 420)
    refused(oio.content("GET", "show", ref, "a", version="x"), 400, 400)


def test_a_deleted_object_is_not_shown_but_its_versions_are(oio):
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    oio.put(ref, "a", b"1").must(201)
    (entry,) = oio.versions(ref)
    empty(oio.delete(ref, "a"))
    refused(oio.content("GET", "show", ref, "a"), 404, 420)
    assert shown(oio, ref, "a", version=entry["version"])["hash"] == sha256(b"1")


def by_id(oio, method, operation, ref, content, body=None, **query):
    return oio.content(method, operation, ref, None, body, content=content, **query)


def test_a_content_is_found_by_its_id(oio):
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    oio.fill(ref, ["a", "b/é"])
    oio.put(ref, "b/é", b"newer").must(201)
    newer, older = oio.versions(ref, "b/é")
    for operation in "show", "locate":
        for entry in newer, older:
            found = described(by_id(oio, "GET", operation, ref, entry["id"].lower()).must(200))
            assert (found["name"], found["version"], found["id"]) == ("b/é", str(entry["version"]), entry["id"])
    empty(by_id(oio, "POST", "set_properties", ref, older["id"], {"properties": {"k": "v"}}))
    assert by_id(oio, "POST", "get_properties", ref, older["id"], []).json()["properties"] == {"k": "v"}
    assert by_id(oio, "POST", "get_properties", ref, newer["id"], []).json()["properties"] == {}
    empty(by_id(oio, "POST", "del_properties", ref, older["id"], ["k"]))
    assert by_id(oio, "POST", "get_properties", ref, older["id"], []).json()["properties"] == {}
    shown_by_cid = oio.call("GET", "show", {"cid": cid(oio.account, ref), "content": newer["id"]}, family="content")
    assert described(shown_by_cid.must(200))["name"] == "b/é"


def test_a_content_that_is_deleted_by_its_id(oio):
    """The newest as by its name; an older one alone."""
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    for body in b"one", b"two", b"three":
        oio.put(ref, "a", body).must(201)
    three, two, one = oio.versions(ref, "a")
    empty(by_id(oio, "POST", "delete", ref, two["id"]))
    assert [entry["id"] for entry in oio.versions(ref, "a")] == [three["id"], one["id"]]
    empty(by_id(oio, "POST", "delete", ref, three["id"]))
    assert [entry["deleted"] for entry in oio.versions(ref, "a")] == [True, False, False]
    assert described(by_id(oio, "GET", "show", ref, three["id"]).must(200))["name"] == "a"
    # Who did not get the answer asks again, and that erases nothing.
    refused(by_id(oio, "POST", "delete", ref, three["id"]), 404, 420)
    assert [entry["deleted"] for entry in oio.versions(ref, "a")] == [True, False, False]
    empty(by_id(oio, "POST", "delete", ref, one["id"]))
    assert [entry["id"] for entry in oio.versions(ref, "a")][1:] == [three["id"]]


def test_a_path_wins_over_a_content_and_its_version_counts_only_with_it(oio):
    ref = oio.made()
    oio.fill(ref, ["a", "b"])
    a, b = oio.entries(ref)
    assert shown(oio, ref, "a", content=b["id"])["name"] == "a"
    assert shown(oio, ref, "a", content="no id at all")["name"] == "a"
    assert described(by_id(oio, "GET", "show", ref, b["id"], version=a["version"] + 1).must(200))["name"] == "b"


def test_contents_that_are_not_found_by_their_id(oio):
    ref = oio.made()
    oio.fill(ref, ["a"])
    refused(by_id(oio, "GET", "show", ref, "00" * 16), 404, 420)
    refused(by_id(oio, "GET", "show", fresh(), "00" * 16), 404, *NO_CONTAINER)
    for bad in "", "xyz", "00" * 15, "00" * 17:
        refused(by_id(oio, "GET", "show", ref, bad), 400, 400)
    # What is created has a name.
    refused(by_id(oio, "POST", "create", ref, "00" * 16), 400, 400)
    assert oio.names(ref) == ["a"]


def test_by_container_id(oio):
    ref = oio.made()
    oio.put(ref, "a", b"hello").must(201)
    query = {"cid": cid(oio.account, ref), "path": "a"}
    assert described(oio.call("GET", "show", query, family="content").must(200))["hash"] == sha256(b"hello")
    empty(oio.call("POST", "delete", query, family="content"))
    assert oio.names(ref) == []


@pytest.mark.parametrize(
    "line",
    ["GET content/create", "POST content/show", "GET content/delete", "POST content/nothing",
     "GET content/set_properties", "DELETE content/delete", "POST admin/nothing"],
)  # fmt: skip
def test_other_methods_and_operations(oio, line):
    method, target = line.split()
    family, operation = target.split("/")
    ref = oio.made()
    refused(oio.on(method, operation, ref, family=family, path="a"), 404, 404)


# ---- properties of objects


def properties(oio, ref, path, **query):
    answer = oio.content("POST", "get_properties", ref, path, **query).must(200)
    assert set(answer.json()) == {"properties"}
    assert described(answer)["name"] == path
    return answer.json()["properties"]


def test_properties_of_an_object(oio):
    ref = oio.made()
    oio.put(ref, "a", b"hello", metadata={"colour": "red"}).must(201)
    (before,) = oio.entries(ref)
    assert properties(oio, ref, "a") == {"colour": "red"}
    empty(oio.content("POST", "set_properties", ref, "a", {"properties": {"shape": "round", "Ünusual Key/": "é"}}))
    assert properties(oio, ref, "a") == {"colour": "red", "shape": "round", "Ünusual Key/": "é"}
    empty(oio.content("POST", "del_properties", ref, "a", ["colour", "none"]))
    assert properties(oio, ref, "a") == {"shape": "round", "Ünusual Key/": "é"}
    empty(oio.content("POST", "set_properties", ref, "a", {"properties": {"only": "1"}}, flush=1))
    assert properties(oio, ref, "a") == {"only": "1"}
    empty(oio.content("POST", "del_properties", ref, "a", []))
    assert properties(oio, ref, "a") == {}
    (after,) = oio.entries(ref)
    assert after["version"] == before["version"] and after["hash"] == before["hash"]
    assert oio.body(ref, "a").must(200).body == b"hello"


def test_properties_of_an_older_version(oio):
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    for body in (b"1", b"2"):
        oio.put(ref, "a", body).must(201)
    older = oio.versions(ref)[1]["version"]
    empty(oio.content("POST", "set_properties", ref, "a", {"properties": {"old": "1"}}, version=older))
    assert (properties(oio, ref, "a"), properties(oio, ref, "a", version=older)) == ({}, {"old": "1"})


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b'{"properties":{"a":1}}', b'{"properties":[]}', None])
def test_properties_of_objects_that_are_refused(oio, body):
    ref = oio.made()
    oio.put(ref, "a", b"hello", metadata={"colour": "red"}).must(201)
    refused(oio.content("POST", "set_properties", ref, "a", body), 400, 400)
    assert properties(oio, ref, "a") == {"colour": "red"}


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"null", None, b'"a"'])
def test_keys_of_objects_that_are_refused(oio, body):
    ref = oio.made()
    oio.put(ref, "a", b"hello", metadata={"colour": "red"}).must(201)
    refused(oio.content("POST", "del_properties", ref, "a", body), 400, 400)
    assert properties(oio, ref, "a") == {"colour": "red"}


def test_the_media_type_is_no_property(oio):
    ref = oio.made()
    empty(oio.register(ref, "a", 5, MD5, {"colour": "red"}, {CONTENT_META + "mime-type": "text/plain"}))
    assert properties(oio, ref, "a") == {"colour": "red"}
    assert shown(oio, ref, "a")["mime-type"] == "text/plain"
    empty(oio.content("POST", "del_properties", ref, "a", []))
    assert shown(oio, ref, "a")["mime-type"] == "text/plain"


def test_a_policy_of_versions_is_kept_by_registrations_too(oio):
    ref = oio.made()
    for size in (1, 2, 3):
        empty(oio.register(ref, "a", size, MD5))
    assert [entry["size"] for entry in oio.versions(ref)] == [3]
    done(oio.set(ref, system={"sys.m2.policy.version": "-1"}))
    empty(oio.register(ref, "a", 4, MD5))
    assert [entry["size"] for entry in oio.versions(ref)] == [4, 3]
    assert counters(oio, ref) == (2, 7)
