"""Black-box cases 28-41 of OpenIO's API: properties of containers, and touch."""

import pytest
from support.oio import NO_CONTAINER, Oio, counters, done, empty, fresh, refused

pytestmark = pytest.mark.worlds("embedded", "real")


@pytest.fixture(scope="module")
def oio(module_sites):
    (site,) = module_sites(["site-a"])
    return Oio(site.url)


# ---- set_properties


def test_case_28_set(oio):
    ref = oio.made()
    done(oio.set(ref, {"test": "1"}))
    assert oio.properties(ref) == {"test": "1"}


def test_case_29_set_another_and_the_same(oio):
    ref = oio.made(properties={"first": "1", "stays": "as it was"})
    done(oio.set(ref, {"second": "2"}))
    done(oio.set(ref, {"first": "one"}))
    assert oio.properties(ref) == {"first": "one", "second": "2", "stays": "as it was"}


@pytest.mark.parametrize("nothing", ["", None])
def test_case_30_an_empty_value_removes(oio, nothing):
    ref = oio.made(properties={"goes": "1", "stays": "2"})
    done(oio.set(ref, {"goes": nothing}))
    assert oio.properties(ref) == {"stays": "2"}
    done(oio.set(ref, {"goes": nothing}))
    assert oio.properties(ref) == {"stays": "2"}


@pytest.mark.parametrize(
    "body", [b"{}", None, b'{"properties":{},"system":{}}', b'{"properties":{}}', b'{"system":{}}']
)
def test_case_31_set_of_nothing(oio, body):
    ref = oio.made()
    refused(oio.on("POST", "set_properties", ref, body), 400, 400)


def test_case_32_system_keys_have_a_prefix(oio):
    ref = oio.made()
    before = oio.system(ref)
    refused(oio.set(ref, system={"quota": "1"}), 400, 400)
    assert oio.system(ref) == before


@pytest.mark.parametrize("value", [1, True, [], {}, 1.5, False, ["1"]])
def test_case_33_values_are_texts(oio, value):
    ref = oio.made(properties={"kept": "1"})
    refused(oio.set(ref, {"first": "valid", "test": value}), 400, 400)
    refused(oio.set(ref, {"first": "valid"}, {"sys.test": value}), 400, 400)
    assert oio.properties(ref) == {"kept": "1"}
    assert "sys.test" not in oio.system(ref)


@pytest.mark.parametrize(
    "flag", [{"flush": 1}, {"headers": {"x-oio-action-mode": "flush"}}], ids=["parameter", "header"]
)
def test_case_34_set_after_a_flush(oio, flag):
    ref = oio.made(properties={"old": "1", "older": "0"}, system={"sys.m2.quota": "1000"})
    done(oio.set(ref, {"n": "2"}, **flag))
    assert oio.properties(ref) == {"n": "2"}
    assert oio.system(ref)["sys.m2.quota"] == "1000"


def test_case_35_set_on_none(oio):
    refused(oio.set(fresh(), {"test": "1"}), 404, *NO_CONTAINER)


# ---- del_properties


def test_case_36_del_and_again(oio):
    ref = oio.made(properties={"test": "1", "other": "2"})
    for _ in range(2):
        done(oio.unset(ref, ["test"]))
        assert oio.properties(ref) == {"other": "2"}


def test_case_37_del_of_nothing_named_is_of_all(oio):
    ref = oio.made(properties={"a": "1", "b": "2"}, system={"sys.m2.quota": "1000"})
    before = oio.system(ref)
    done(oio.unset(ref, []))
    assert oio.properties(ref) == {}
    assert oio.system(ref) == before


def test_case_38_system_properties_are_not_deleted(oio):
    ref = oio.made(properties={"a": "1"}, system={"sys.m2.quota": "1000"})
    before = oio.system(ref)
    done(oio.unset(ref, ["sys.account", "sys.m2.quota"]))
    assert (oio.system(ref), oio.properties(ref)) == (before, {"a": "1"})


@pytest.mark.parametrize("body", [b'{"a":1}', b"[1]", None, b'"a"', b'["a",null]', b"[", b"null"])
def test_case_39_del_of_what_is_no_list_of_keys(oio, body):
    ref = oio.made(properties={"a": "1"})
    refused(oio.on("POST", "del_properties", ref, body), 400, 400)
    assert oio.properties(ref) == {"a": "1"}


# ---- touch


def test_case_40_touch(oio):
    ref = oio.made(properties={"a": "1"})
    before = oio.get(ref).must(200).json()
    empty(oio.touch(ref))
    assert oio.get(ref).must(200).json() == before
    refused(oio.touch(fresh()), 403, *NO_CONTAINER)
    oio.destroy(ref).must(204)
    refused(oio.touch(ref), 403, *NO_CONTAINER)


def test_case_41_touch_counts_anew(oio):
    ref = oio.made()
    oio.fill(ref, ["one", "two"], b"bytes")
    done(oio.set(ref, system={"sys.m2.objects": "7"}))
    assert oio.system(ref)["sys.m2.objects"] == "7"
    empty(oio.touch(ref))
    before = oio.system(ref)
    assert before["sys.m2.objects"] == "7"
    empty(oio.touch(ref, recompute="true"))
    assert counters(oio, ref) == (2, 10)
    assert int(oio.system(ref)["sys.m2.version"]) == int(before["sys.m2.version"]) + 1
