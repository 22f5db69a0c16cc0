"""Black-box cases 1-27 and 58-60 of OpenIO's API: containers are made, found and destroyed."""

import pytest
from support.oio import FORCE, NO_CONTAINER, Oio, cid, counters, empty, fresh, is_absent, meta, refused

pytestmark = pytest.mark.worlds("embedded", "real")


@pytest.fixture(scope="module")
def oio(module_sites):
    (site,) = module_sites(["site-a"])
    return Oio(site.url)


# ---- create


def test_case_01_create(oio):
    empty(oio.create(fresh()), 201)


def test_case_02_create_again(oio):
    empty(oio.create(oio.made()), 204)


def test_case_03_the_properties_of_the_first_create_stay(oio):
    ref = fresh()
    empty(oio.create(ref, properties={"a": "1"}), 201)
    empty(oio.create(ref, properties={"a": "2"}), 204)
    assert oio.properties(ref) == {"a": "1"}


def test_case_04_create_with_system_properties(oio):
    ref = oio.made(system={"sys.m2.policy.version": "3"})
    assert oio.system(ref)["sys.m2.policy.version"] == "3"


def test_case_05_a_value_that_is_no_text(oio):
    ref = fresh()
    refused(oio.create(ref, properties={"n": 1}), 400, 400)
    is_absent(oio, ref)


@pytest.mark.parametrize("body", [b"[1]", b"{"])
def test_case_06_a_body_that_is_no_object(oio, body):
    ref = fresh()
    refused(oio.on("POST", "create", ref, body), 400, 400)
    is_absent(oio, ref)


@pytest.mark.parametrize("query", [{"acct": "account-1"}, {"ref": "nameless"}, {}])
def test_case_07_create_without_a_name(oio, query):
    refused(oio.call("POST", "create", query), 400, 400)


# ---- paths


def test_case_08_another_namespace(oio):
    ref = fresh()
    refused(Oio(oio.url, namespace="OTHER").create(ref), 400, 400)
    is_absent(oio, ref)


def test_case_09_another_version_of_the_api(oio):
    ref = oio.made()
    target = oio.target("show", {"acct": oio.account, "ref": ref}).replace("v3.0", "v3.1")
    refused(oio.request("GET", target), 404, 404)


@pytest.mark.parametrize("request_line", ["GET create", "POST list", "PUT show", "DELETE destroy"])
def test_case_10_a_known_operation_by_another_method(oio, request_line):
    method, operation = request_line.split()
    there, absent = oio.made(properties={"a": "1"}), fresh()
    for ref in (there, absent):
        refused(oio.on(method, operation, ref), 404, 404)
    is_absent(oio, absent)
    assert oio.properties(there) == {"a": "1"}


def test_case_11_an_unknown_operation(oio):
    refused(oio.on("POST", "nothing", fresh()), 404, 404)


def test_case_12_a_slash_at_the_end(oio):
    ref = oio.made()
    target = oio.target("show/", {"acct": oio.account, "ref": ref})
    oio.request("GET", target).must(200)


# ---- names


def test_case_13_a_plus_is_a_space(oio):
    tail = fresh()
    for name, status in (("a+b", 201), ("a%20b", 204), ("a%2Bb", 201)):
        empty(oio.call("POST", "create", f"acct={oio.account}&ref={name}{tail}"), status)
    assert oio.system("a b" + tail)["sys.user.name"] == "a b" + tail
    assert oio.system("a+b" + tail)["sys.user.name"] == "a+b" + tail


@pytest.mark.parametrize(
    "name", ["with space", "a/b", "100%", "a&b=c", "é/日本 🚢", "=", "#?;+", "a%2Fb", "b" * 1010]
)
def test_case_14_names_of_any_characters(oio, name):
    ref = name + fresh()[:13]
    empty(oio.create(ref), 201)
    assert oio.system(ref)["sys.user.name"] == ref


def test_case_15_the_same_name_in_two_accounts(oio):
    other, ref = oio.of("account-2"), fresh()
    empty(oio.create(ref, properties={"whose": "first"}), 201)
    is_absent(other, ref)
    empty(other.create(ref, properties={"whose": "second"}), 201)
    oio.fill(ref, ["only-in-the-first"])
    assert (oio.properties(ref), other.properties(ref)) == ({"whose": "first"}, {"whose": "second"})
    assert (oio.names(ref), other.names(ref)) == (["only-in-the-first"], [])
    empty(other.destroy(ref))
    assert oio.body(ref, "only-in-the-first").must(200).body == b"bytes"


# ---- create_many


def named(*names):
    return [{"name": name, "system": {}, "properties": {}} for name in names]


def test_case_16_create_many(oio):
    names = [fresh("z"), fresh("a")]
    found = oio.create_many(named(*names)).must(200).json()
    assert found == {"containers": [{"name": name, "status": 201, "message": "ok"} for name in names]}
    for name in names:
        assert oio.system(name)["sys.user.name"] == name


def test_case_17_create_many_of_one_name_twice(oio):
    name = fresh()
    first, second = oio.create_many(named(name, name)).must(200).json()["containers"]
    assert first == {"name": name, "status": 201, "message": "ok"}
    assert (second["name"], second["status"]) == (name, 433)
    assert type(second["message"]) is str and set(second) == {"name", "status", "message"}


def test_case_18_create_many_of_none(oio):
    assert oio.create_many([]).must(200).json() == {"containers": []}


def test_case_19_create_many_of_what_is_no_list_of_names(oio):
    name = fresh()
    refused(oio.create_many(named(name), query=""), 400, 400)
    refused(oio.create_many(None), 400, 400)
    refused(oio.create_many([*named(name), {"properties": {}}]), 400, 400)
    is_absent(oio, name)


def test_case_20_create_many_of_more_than_a_hundred(oio):
    names = [fresh() for _ in range(101)]
    refused(oio.create_many(named(*names)), 413, 413)
    is_absent(oio, names[0])
    is_absent(oio, names[100])
    found = oio.create_many(named(*names[:100])).must(200).json()["containers"]
    assert [item["name"] for item in found] == names[:100]
    assert {item["status"] for item in found} == {201}


# ---- show, get_properties


def test_case_21_show_of_none(oio):
    refused(oio.show(fresh()), 404, *NO_CONTAINER)


def test_case_22_show(oio):
    ref = oio.made()
    answer = oio.show(ref).must(200)
    assert answer.json() == {"properties": {}}
    told = meta(answer)
    expected = {
        "sys-account": oio.account,
        "sys-user-name": ref,
        "sys-ns": "OPENIO",
        "sys-type": "meta2",
        "sys-status": "0",
        "sys-name": cid(oio.account, ref) + ".1",
        "sys-m2-objects": "0",
        "sys-m2-usage": "0",
        "sys-m2-init": "1",
        "sys-m2-version": "0",
    }
    assert {name: told.get(name) for name in expected} == expected
    assert len(told["sys-m2-ctime"]) == 16 and told["sys-m2-ctime"].isdigit()


def test_case_23_header_values_are_percent_encoded(oio):
    own = oio.of(fresh("account"))
    empty(own.create("a b/c"), 201)
    assert meta(own.show("a b/c").must(200))["sys-user-name"] == "a%20b%2Fc"


def test_case_24_user_properties_are_in_the_body_of_show(oio):
    ref = oio.made(properties={"colour": "red"})
    answer = oio.show(ref).must(200)
    assert answer.json() == {"properties": {"colour": "red"}}
    assert not [name for name in meta(answer) if name.startswith("user-") or "colour" in name]


def test_case_25_get_properties(oio):
    ref = oio.made(properties={"colour": "red"})
    answer = oio.get(ref).must(200)
    found = answer.json()
    assert set(found) == {"properties", "system"}
    assert found["properties"] == {"colour": "red"}
    assert all(type(value) is str for value in found["system"].values())
    assert found["system"]["sys.name"] == cid(oio.account, ref) + ".1"
    assert "schema_version" in found["system"]
    assert meta(answer) == {}


def test_case_26_by_container_id(oio):
    ref = oio.made(properties={"colour": "red"})
    number = cid(oio.account, ref)
    for form in (number, number + ".1", number.lower()):
        found = oio.call("POST", "get_properties", {"cid": form}, []).must(200).json()
        assert (found["properties"], found["system"]["sys.user.name"]) == ({"colour": "red"}, ref)


def test_case_27_container_ids_of_none(oio):
    refused(oio.call("POST", "get_properties", "cid=xyz-not-hex", []), 400, 400)
    unused = cid(oio.account, fresh())
    refused(oio.call("POST", "get_properties", {"cid": unused}, []), 404, *NO_CONTAINER)


# ---- destroy


def test_case_58_a_container_with_an_object_stays(oio):
    ref = oio.made()
    oio.fill(ref, ["here"])
    refused(oio.destroy(ref), 409, 438)
    assert oio.system(ref)["sys.status"] == "0"
    oio.put(ref, "another", b"still writable").must(201)
    assert oio.names(ref) == ["another", "here"]


@pytest.mark.parametrize("flag", [{"force": 1}, {"headers": FORCE}], ids=["parameter", "header"])
def test_case_59_destroy_by_force(oio, flag):
    ref = oio.made(properties={"old": "1"}, system={"sys.m2.policy.version": "-1"})
    oio.fill(ref, ["a", "b", "b"])
    empty(oio.destroy(ref, **flag))
    is_absent(oio, ref)
    oio.body(ref, "a").must(404)
    empty(oio.create(ref), 201)
    assert (oio.properties(ref), oio.versions(ref), counters(oio, ref)) == ({}, [], (0, 0))


def test_case_60_destroy_twice(oio):
    ref = oio.made()
    empty(oio.destroy(ref))
    refused(oio.destroy(ref), 404, *NO_CONTAINER)
