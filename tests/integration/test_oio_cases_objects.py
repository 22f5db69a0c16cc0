"""Black-box cases 42-57 and 61-67 of OpenIO's API: what is in containers. Bodies come by Ferry's own route."""

import urllib.parse

import pytest
from support.oio import FROZEN, NO_CONTAINER, Oio, counters, empty, fresh, is_absent, meta, refused, sha256

pytestmark = pytest.mark.worlds("embedded", "real")

# Their order is that of their bytes.
UNSORTED = ["b", "a", "B", "a/1", "10", "9", "é"]
SORTED = ["10", "9", "B", "a", "a/1", "b", "é"]
TREE = ["1/a", "1/b", "2/c", "top"]
FIVE = ["o1", "o2", "o3", "o4", "o5"]
OWN_KEYS = ("sys.account", "sys.user.name", "sys.name")
ENTRY = {
    "name": str, "version": int, "ctime": int, "mtime": int, "deleted": bool, "id": str, "content": str,
    "policy": str, "chunk-method": str, "hash": str, "size": int, "mime-type": str,
}  # fmt: skip


@pytest.fixture(scope="module")
def oio(module_sites):
    (site,) = module_sites(["site-a"])
    return Oio(site.url)


def filled(oio, names, body=b"bytes", **given):
    ref = oio.made(**given)
    oio.fill(ref, names, body)
    return ref


@pytest.fixture(scope="module")
def tree(oio):
    return filled(oio, TREE)


def groups(answer):
    """The names and prefixes of a page."""
    page = answer.must(200).json()
    return [entry["name"] for entry in page["objects"]], page["prefixes"]


# ---- purge, flush, dedup


def test_case_42_purge(oio):
    ref = oio.made()
    empty(oio.purge(ref))
    refused(oio.purge(fresh()), 404, *NO_CONTAINER)
    refused(oio.purge(ref, maxvers="x"), 400, 400)


def test_case_43_flush_of_an_empty_container(oio):
    ref = oio.made(properties={"stays": "1"})
    answer = empty(oio.flush(ref))
    assert answer.header("x-oio-truncated") == "false"
    assert oio.properties(ref) == {"stays": "1"}


def test_case_44_flush_in_two_calls(oio):
    ref = filled(oio, ["a", "b", "c"])
    assert empty(oio.flush(ref, limit=2)).header("x-oio-truncated") == "true"
    assert counters(oio, ref) == (1, 5)
    assert empty(oio.flush(ref, limit=2)).header("x-oio-truncated") == "false"
    assert counters(oio, ref) == (0, 0)
    assert oio.versions(ref) == []


def test_case_45_dedup(oio):
    empty(oio.dedup(oio.made()))
    refused(oio.dedup(fresh()), 404, *NO_CONTAINER)


# ---- list


def test_case_46_list_of_nothing(oio):
    ref = oio.made(properties={"colour": "red"})
    answer = oio.list(ref).must(200)
    page = answer.json()
    assert set(page) == {"prefixes", "properties", "system", "objects"}
    assert (page["prefixes"], page["objects"], page["properties"]) == ([], [], {"colour": "red"})
    assert page["system"]["sys.user.name"] == ref
    assert all(key.startswith("sys.") for key in page["system"])
    assert answer.header("x-oio-list-truncated") == "false"
    assert answer.header("x-oio-list-marker") is None
    told = meta(answer)
    assert (told["sys-user-name"], told["user-colour"]) == (ref, "red")
    assert not [name for name in told if name.startswith("x-")]


def test_case_47_list_of_none_and_by_no_number(oio):
    refused(oio.list(fresh()), 404, *NO_CONTAINER)
    refused(oio.list(oio.made(), max="x"), 400, 400)


def test_case_48_pages_give_each_name_once(oio):
    ref = filled(oio, FIVE)
    first = oio.list(ref, max=2).must(200)
    assert groups(first) == (["o1", "o2"], [])
    assert first.header("x-oio-list-truncated") == "true"
    assert first.header("x-oio-list-marker") == "o2"
    pages = oio.pages(ref, max=2)
    assert [name for page in pages for name in groups(page)[0]] == FIVE
    assert all(len(groups(page)[0]) <= 2 for page in pages)


def test_case_49_names_come_by_their_bytes(oio):
    ref = filled(oio, UNSORTED)
    assert oio.names(ref) == SORTED
    pages = oio.pages(ref, max=1)
    assert [name for page in pages for name in groups(page)[0]] == SORTED
    assert pages[4].header("x-oio-list-marker") == "a%2F1"
    assert urllib.parse.quote("é") in [page.header("x-oio-list-marker") for page in oio.pages(
        filled(oio, ["é", "ê"]), max=1)]  # fmt: skip


def test_case_50_names_are_rolled_up(oio, tree):
    assert groups(oio.list(tree, delimiter="/")) == (["top"], ["1/", "2/"])


def test_case_51_groups_over_pages(oio, tree):
    pages = oio.pages(tree, delimiter="/", max=1)
    assert [groups(page) for page in pages] == [([], ["1/"]), ([], ["2/"]), (["top"], [])]


@pytest.mark.parametrize("marker", ["1/", "1/a", "1/b", "1/zzz"])
def test_case_52_a_group_that_the_marker_is_in_is_over(oio, tree, marker):
    assert groups(oio.list(tree, delimiter="/", marker=marker)) == (["top"], ["2/"])


def test_case_53_prefix_marker_and_end(oio, tree):
    assert oio.names(tree, prefix="1/") == ["1/a", "1/b"]
    assert oio.names(tree, prefix="1/", marker="1/a") == ["1/b"]
    assert oio.names(tree, prefix="1/", marker="2/") == []
    assert oio.names(tree, marker="1/b") == ["2/c", "top"]
    assert oio.names(tree, marker="1/aa") == ["1/b", "2/c", "top"]
    for name in ("end_marker", "marker_end"):
        assert oio.names(tree, **{name: "2/c"}) == ["1/a", "1/b"]
        assert oio.names(tree, **{name: "top!"}) == TREE
        assert oio.names(tree, marker="1/a", **{name: "top"}) == ["1/b", "2/c"]


def test_case_54_what_an_entry_has(oio):
    ref = oio.made()
    row = oio.put(ref, "object", b"hello", metadata={"colour": "red"}).must(201).json()
    (entry,) = oio.entries(ref)
    assert {key: type(value) for key, value in entry.items()} == ENTRY
    assert (entry["name"], entry["size"], entry["deleted"]) == ("object", 5, False)
    assert entry["hash"] == sha256(b"hello")
    assert entry["id"] == entry["content"] and len(entry["id"]) == 32
    assert entry["id"] == entry["id"].upper() and int(entry["id"], 16) > 0
    seconds = entry["version"] // 1_000_000
    for time in (entry["ctime"], entry["mtime"]):
        assert abs(time - seconds) <= 2, (entry, row)
    ctime = int(oio.system(ref)["sys.m2.ctime"])
    assert ctime < entry["version"] < ctime + 3600 * 1_000_000


def test_case_55_counters(oio):
    ref = filled(oio, ["a", "b", "c"], b"12345")
    for answer in (oio.show(ref), oio.list(ref)):
        told = meta(answer.must(200))
        assert (told["sys-m2-objects"], told["sys-m2-usage"]) == ("3", "15")


# ---- versions


def test_case_56_all_versions_are_kept(oio):
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    for body in (b"first", b"second", b"third"):
        oio.put(ref, "name", body).must(201)
    (entry,) = oio.entries(ref)
    assert entry["hash"] == sha256(b"third")
    found = oio.versions(ref)
    assert [version["hash"] for version in found] == [sha256(b) for b in (b"third", b"second", b"first")]
    assert found[0]["version"] > found[1]["version"] > found[2]["version"]
    assert counters(oio, ref) == (3, len(b"first" b"second" b"third"))


def test_case_57_purge_leaves_the_newest(oio):
    ref = oio.made(system={"sys.m2.policy.version": "3"})
    for number in range(5):
        oio.put(ref, "name", b"body %d" % number).must(201)
    before = oio.versions(ref)
    assert len(before) == 5
    empty(oio.purge(ref))
    assert oio.versions(ref) == before[:3]
    assert counters(oio, ref) == (3, 18)
    empty(oio.purge(ref, maxvers=1))
    assert oio.versions(ref) == before[:1]
    assert oio.body(ref, "name").must(200).body == b"body 4"


# ---- snapshot


def test_case_61_snapshot(oio):
    ref, copy = filled(oio, ["a", "b"], properties={"colour": "red"}, system={"sys.m2.quota": "1000"}), fresh()
    empty(oio.snapshot(ref, copy))
    left, right = oio.get(ref).must(200).json(), oio.get(copy).must(200).json()
    assert right["properties"] == {"colour": "red"}
    assert right["system"]["sys.user.name"] == copy
    assert right["system"]["sys.account"] == oio.account
    assert right["system"]["sys.name"] != left["system"]["sys.name"]
    for key in ("sys.m2.quota", "sys.m2.ctime", "sys.m2.objects", "sys.m2.usage", "sys.status"):
        assert right["system"][key] == left["system"][key], key
    assert set(right["system"]) == set(left["system"])


def test_case_62_snapshots_that_cannot_be(oio):
    ref, copy = oio.made(), fresh()
    empty(oio.snapshot(ref, copy))
    refused(oio.snapshot(ref, copy), 400, 400)
    refused(oio.snapshot(ref, ref), 400, 400)
    absent = fresh()
    for body in ({"account": oio.account}, {"account": 1, "container": absent}, {"container": absent}, [], None):
        refused(oio.on("POST", "snapshot", ref, body), 400, 400)
    refused(oio.on("POST", "snapshot", ref, b"{"), 400, 400)
    is_absent(oio, absent)


def test_case_63_snapshot_of_none(oio):
    copy = fresh()
    refused(oio.snapshot(fresh(), copy), 404, *NO_CONTAINER)
    is_absent(oio, copy)


def test_case_64_a_snapshot_outlives_its_source(oio):
    ref, copy = oio.made(system={"sys.m2.policy.version": "-1"}), fresh()
    for name, body in (("a", b"1"), ("a", b"22"), ("b", b"333"), ("é/ü", b"4444")):
        oio.put(ref, name, body).must(201)
    before = oio.versions(ref)
    empty(oio.snapshot(ref, copy))
    empty(oio.flush(ref))
    empty(oio.destroy(ref))
    after = oio.versions(copy)
    for key in ("name", "version", "hash", "size", "ctime", "mtime", "id"):
        assert [entry[key] for entry in after] == [entry[key] for entry in before], key
    assert oio.body(copy, "a").must(200).body == b"22"
    assert oio.body(copy, "é/ü").must(200).body == b"4444"
    assert counters(oio, copy) == (4, 10)


# ---- a frozen container


def test_case_65_purge_of_a_frozen_container(oio):
    ref = oio.made(system={"sys.status": FROZEN})
    assert refused(oio.purge(ref), 503, 436).header("Retry-After") == "1"


def test_case_66_what_a_frozen_container_still_allows(oio):
    ref = filled(oio, ["a"])
    oio.set(ref, system={"sys.status": FROZEN}).must(200)
    assert oio.names(ref) == ["a"]
    assert meta(oio.show(ref).must(200))["sys-status"] == FROZEN
    assert empty(oio.flush(ref)).header("x-oio-truncated") == "false"
    empty(oio.destroy(ref))


# ---- dedup


def test_case_67_dedup_changes_nothing_that_is_listed(oio):
    ref = filled(oio, ["a", "b", "c"], b"the same bytes")
    before = oio.list(ref).must(200).json()
    empty(oio.dedup(ref))
    assert oio.list(ref).must(200).json() == before
    assert oio.body(ref, "c").must(200).body == b"the same bytes"
