"""Versions of objects in containers (spec 8), and how lists show them (spec 7)."""

import pytest
from support.oio import Oio, counters, done, empty, fresh, refused, sha256
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

KEPT = (2, 5, -1)  # policies under which a write keeps what was there
REPLACED = (None, 0, 1)
MARKER = {"id": "44454C45544544", "content": "44454C45544544", "policy": None, "chunk-method": None, "hash": None,
          "size": None, "mime-type": "application/x-deleted", "deleted": True}  # fmt: skip


@pytest.fixture(scope="module")
def oio(module_sites):
    (site,) = module_sites(["site-a"])
    return Oio(site.url)


def made(oio, policy, **system):
    if policy is not None:
        system["sys.m2.policy.version"] = str(policy)
    return oio.made(system=system)


def write(oio, ref, name, *bodies):
    for body in bodies:
        oio.put(ref, name, body).must(201)


def hashes(entries):
    return [entry["hash"] for entry in entries]


# ---- writing a name that is there


@pytest.mark.parametrize("policy", REPLACED)
def test_writing_replaces_the_newest_version(oio, policy):
    ref = made(oio, policy)
    write(oio, ref, "name", b"old", b"newer", b"newest")
    assert hashes(oio.versions(ref)) == [sha256(b"newest")]
    assert oio.body(ref, "name").must(200).body == b"newest"
    assert counters(oio, ref) == (1, 6)


@pytest.mark.parametrize("policy", KEPT)
def test_writing_adds_a_version(oio, policy):
    ref = made(oio, policy)
    write(oio, ref, "name", b"old", b"newer", b"newest")
    assert hashes(oio.versions(ref)) == [sha256(b) for b in (b"newest", b"newer", b"old")]
    assert oio.body(ref, "name").must(200).body == b"newest"
    assert counters(oio, ref) == (3, 14)


def test_each_change_is_counted(oio):
    ref = made(oio, -1)
    steps = [int(oio.system(ref)["sys.m2.version"])]
    for act in (lambda: write(oio, ref, "a", b"1"), lambda: write(oio, ref, "a", b"2"), lambda: oio.delete(ref, "a")):
        act()
        steps.append(int(oio.system(ref)["sys.m2.version"]))
    assert steps == [0, 1, 2, 3]


def test_the_policy_can_change(oio):
    ref = made(oio, 1)
    write(oio, ref, "name", b"1", b"2")
    done(oio.set(ref, system={"sys.m2.policy.version": "-1"}))
    write(oio, ref, "name", b"3", b"4")
    assert hashes(oio.versions(ref)) == [sha256(b) for b in (b"4", b"3", b"2")]
    done(oio.set(ref, system={"sys.m2.policy.version": None}))
    write(oio, ref, "name", b"5")
    assert hashes(oio.versions(ref)) == [sha256(b) for b in (b"5", b"3", b"2")]


def test_exceeding_versions_go_at_once_where_that_is_wanted(oio):
    ref = made(oio, 2, **{"sys.m2.policy.version.delete_exceeding": "1"})
    write(oio, ref, "name", b"1", b"2", b"3", b"4")
    assert hashes(oio.versions(ref)) == [sha256(b"4"), sha256(b"3")]
    assert counters(oio, ref) == (2, 2)


@pytest.mark.parametrize("value", ["x", "", "1.5"])
def test_a_policy_that_is_no_number(oio, value):
    ref = made(oio, 3)
    answer = oio.set(ref, system={"sys.m2.policy.version": value})
    if value == "":  # removes it
        done(answer)
        assert "sys.m2.policy.version" not in oio.system(ref)
    else:
        refused(answer, 400, 400)
        assert oio.system(ref)["sys.m2.policy.version"] == "3"


# ---- deleting


@pytest.mark.parametrize("policy", REPLACED)
def test_deleting_erases(oio, policy):
    ref = made(oio, policy)
    write(oio, ref, "name", b"bytes")
    empty(oio.delete(ref, "name"))
    assert oio.versions(ref) == []
    oio.body(ref, "name").must(404)
    refused(oio.delete(ref, "name"), 404, 420)
    assert counters(oio, ref) == (0, 0)
    empty(oio.destroy(ref))


@pytest.mark.parametrize("policy", KEPT)
def test_deleting_adds_a_marker(oio, policy):
    ref = made(oio, policy)
    write(oio, ref, "name", b"bytes")
    (before,) = oio.versions(ref)
    empty(oio.delete(ref, "name"))
    marker, kept = oio.versions(ref)
    assert {key: marker[key] for key in MARKER} == MARKER
    assert set(marker) == set(before)
    assert marker["version"] > before["version"]
    assert kept == before
    assert oio.names(ref) == []
    assert oio.entries(ref, deleted=1) == [marker]
    oio.body(ref, "name").must(404)
    assert counters(oio, ref) == (1, 5)
    refused(oio.destroy(ref), 409, 438)


def test_a_name_is_written_again_after_its_marker(oio):
    ref = made(oio, -1)
    write(oio, ref, "name", b"first")
    empty(oio.delete(ref, "name"))
    write(oio, ref, "name", b"second")
    assert [entry["deleted"] for entry in oio.versions(ref)] == [False, True, False]
    assert oio.names(ref) == ["name"]
    assert oio.body(ref, "name").must(200).body == b"second"


def test_a_marker_alone_counts_as_content(oio):
    ref = made(oio, -1)
    write(oio, ref, "name", b"bytes")
    empty(oio.delete(ref, "name"))
    empty(oio.delete(ref, "name", version=oio.versions(ref)[1]["version"]))
    assert [entry["deleted"] for entry in oio.versions(ref)] == [True]
    assert counters(oio, ref) == (0, 0)
    refused(oio.destroy(ref), 409, 438)
    assert empty(oio.flush(ref)).header("x-oio-truncated") == "false"
    assert oio.versions(ref) == []
    empty(oio.destroy(ref))


@pytest.mark.parametrize("policy", (3, -1))
def test_deleting_by_number_erases_that_version(oio, policy):
    ref = made(oio, policy)
    write(oio, ref, "name", b"1", b"22", b"333")
    newest, middle, oldest = oio.versions(ref)
    empty(oio.delete(ref, "name", version=middle["version"]))
    assert oio.versions(ref) == [newest, oldest]
    empty(oio.delete(ref, "name", version=newest["version"]))
    assert [entry["version"] for entry in oio.versions(ref)] == [oldest["version"]]
    assert oio.body(ref, "name").must(200).body == b"1"
    assert oio.entries(ref)[0]["hash"] == sha256(b"1")
    refused(oio.delete(ref, "name", version=middle["version"]), 404, 420)
    assert counters(oio, ref) == (1, 1)


def test_what_was_deleted_comes_back_with_the_marker_gone(oio):
    ref = made(oio, -1)
    write(oio, ref, "name", b"bytes")
    empty(oio.delete(ref, "name"))
    empty(oio.delete(ref, "name", version=oio.versions(ref)[0]["version"]))
    assert oio.names(ref) == ["name"]
    assert oio.body(ref, "name").must(200).body == b"bytes"


def test_an_older_version_comes_back_where_the_newest_is_erased(oio):
    ref = made(oio, -1)
    write(oio, ref, "name", b"older", b"newest")
    done(oio.set(ref, system={"sys.m2.policy.version": "1"}))
    empty(oio.delete(ref, "name"))
    assert oio.body(ref, "name").must(200).body == b"older"
    assert counters(oio, ref) == (1, 5)


@pytest.mark.parametrize("version", ["x", "1.5", "", "-"])
def test_a_version_that_is_no_number(oio, version):
    ref = made(oio, -1)
    write(oio, ref, "name", b"bytes")
    refused(oio.delete(ref, "name", version=version), 400, 400)
    assert oio.names(ref) == ["name"]


# ---- purge


@pytest.mark.parametrize(
    "policy, maxvers, left",
    [(-1, None, 5), (3, None, 3), (2, None, 2), (3, 1, 1), (3, 4, 4), (3, 0, 1), (-1, 2, 2), (2, -1, 5), (3, 99, 5)],
)
def test_purge_keeps_so_many(oio, policy, maxvers, left):
    ref = made(oio, policy)
    for name in ("a", "b"):
        write(oio, ref, name, *(b"%d" % number for number in range(5)))
    before = oio.versions(ref, "a"), oio.versions(ref, "b")
    empty(oio.purge(ref, maxvers=maxvers))
    assert (oio.versions(ref, "a"), oio.versions(ref, "b")) == (before[0][:left], before[1][:left])
    assert counters(oio, ref) == (2 * left, 2 * left)


def test_purge_of_what_the_policy_no_longer_keeps(oio):
    for policy in ("0", "1"):
        ref = made(oio, -1)
        write(oio, ref, "name", b"1", b"2", b"3")
        done(oio.set(ref, system={"sys.m2.policy.version": policy}))
        empty(oio.purge(ref))
        assert hashes(oio.versions(ref)) == [sha256(b"3")]


def test_purge_neither_counts_nor_touches_young_markers(oio):
    ref = made(oio, 2)
    write(oio, ref, "name", b"1", b"2", b"3")
    empty(oio.delete(ref, "name"))
    empty(oio.purge(ref))
    assert [entry["deleted"] for entry in oio.versions(ref)] == [True, False, False]


def test_purge_erases_names_that_were_deleted_long_enough_ago(oio):
    ref = made(oio, -1, **{"sys.m2.keep_deleted_delay": "1"})
    write(oio, ref, "gone", b"1", b"2")
    write(oio, ref, "back", b"1")
    for name in ("gone", "back"):
        empty(oio.delete(ref, name))
    write(oio, ref, "back", b"2")

    def purged():
        empty(oio.purge(ref))
        return oio.versions(ref, "gone") == []

    eventually(purged, 10, "what was deleted a second ago is erased")
    assert [entry["deleted"] for entry in oio.versions(ref, "back")] == [False, True, False]
    assert counters(oio, ref) == (2, 2)


def test_a_negative_delay_keeps_deleted_names_for_ever(oio):
    ref = made(oio, -1, **{"sys.m2.keep_deleted_delay": "-1"})
    write(oio, ref, "gone", b"1")
    empty(oio.delete(ref, "gone"))
    empty(oio.purge(ref))
    assert len(oio.versions(ref)) == 2


# ---- lists of versions


def test_pages_of_all_versions_give_each_once(oio):
    ref = made(oio, -1)
    for name in ("a", "b", "c"):
        write(oio, ref, name, b"1", b"2", b"3")
    empty(oio.delete(ref, "b"))
    whole = oio.versions(ref)
    assert len(whole) == 10
    for limit in (1, 2, 3, 4, 7):
        pages = oio.pages(ref, max=limit, all=1)
        assert [entry for page in pages for entry in page.json()["objects"]] == whole
        assert all(page.header("x-oio-list-version-marker") for page in pages[:-1])


def test_a_version_marker_goes_on_inside_a_name(oio):
    ref = made(oio, -1)
    write(oio, ref, "a", b"1", b"2", b"3")
    write(oio, ref, "b", b"1")
    whole = oio.versions(ref)
    found = oio.entries(ref, all=1, marker="a", version_marker=whole[0]["version"])
    assert found == whole[1:]
    assert oio.entries(ref, all=1, marker="a", version_marker=whole[2]["version"]) == whole[3:]
    assert oio.entries(ref, all=1, marker="a") == whole[3:]


def test_only_one_version(oio):
    ref = made(oio, -1)
    write(oio, ref, "a", b"1", b"2")
    write(oio, ref, "b", b"1")
    whole = oio.versions(ref)
    assert oio.entries(ref, all=1, version=whole[1]["version"]) == [whole[1]]
    assert oio.entries(ref, all=1, version=12345) == []


def test_a_group_of_deleted_names_is_not_listed(oio):
    ref = made(oio, -1)
    for name in ("1/a", "2/a", "2/b", "top"):
        write(oio, ref, name, b"x")
    for name in ("1/a", "2/b"):
        empty(oio.delete(ref, name))
    page = oio.list(ref, delimiter="/").must(200).json()
    assert ([entry["name"] for entry in page["objects"]], page["prefixes"]) == (["top"], ["2/"])
    page = oio.list(ref, delimiter="/", deleted=1).must(200).json()
    assert page["prefixes"] == ["1/", "2/"]


# ---- groups (spec 7)

PATHS = ["a", "a-b", "a-b-c", "a--b", "b/c/d", "b/c/e", "b/d", "c"]
GROUPS = [
    ({"delimiter": "/"}, ["a", "a--b", "a-b", "a-b-c", "c"], ["b/"]),
    ({"delimiter": "-"}, ["a", "b/c/d", "b/c/e", "b/d", "c"], ["a-"]),
    ({"delimiter": "--"}, ["a", "a-b", "a-b-c", "b/c/d", "b/c/e", "b/d", "c"], ["a--"]),
    ({"delimiter": "/", "prefix": "b/"}, ["b/d"], ["b/c/"]),
    ({"delimiter": "/", "prefix": "b/c/"}, ["b/c/d", "b/c/e"], []),
    ({"delimiter": "/", "prefix": "b"}, [], ["b/"]),
    ({"delimiter": "/", "prefix": "b/c"}, [], ["b/c/"]),
    ({"delimiter": "/", "prefix": "none"}, [], []),
    ({"delimiter": ""}, sorted(PATHS), []),
    ({"delimiter": "-", "prefix": "a-"}, ["a-b"], ["a--", "a-b-"]),
    ({"delimiter": "/", "marker": "b/", "prefix": "b/"}, ["b/d"], ["b/c/"]),
    ({"delimiter": "/", "marker": "b/c/d", "prefix": "b/"}, ["b/d"], []),
    ({"delimiter": "/", "marker": "b"}, ["c"], ["b/"]),
    ({"delimiter": "/", "marker": "b/", }, ["c"], []),
    ({"delimiter": "/", "end_marker": "b/"}, ["a", "a--b", "a-b", "a-b-c"], []),
    ({"delimiter": "/", "end_marker": "c", "marker": "a-b-c"}, [], ["b/"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def paths(oio):
    ref = oio.made()
    oio.fill(ref, PATHS)
    return ref


@pytest.mark.parametrize("query, objects, prefixes", GROUPS)
def test_groups(oio, paths, query, objects, prefixes):
    page = oio.list(paths, **query).must(200).json()
    assert ([entry["name"] for entry in page["objects"]], page["prefixes"]) == (objects, prefixes)
    for limit in (1, 2, 3):
        pages = [one.json() for one in oio.pages(paths, max=limit, **query)]
        assert [entry["name"] for one in pages for entry in one["objects"]] == objects
        assert [prefix for one in pages for prefix in one["prefixes"]] == prefixes
        assert all(len(one["objects"]) + len(one["prefixes"]) <= limit for one in pages)


def test_a_full_page_that_is_the_last(oio, paths):
    answer = oio.list(paths, max=len(PATHS)).must(200)
    assert len(answer.json()["objects"]) == len(PATHS)
    assert answer.header("x-oio-list-truncated") == "false"


def test_chunks_are_the_whole_body(oio, paths):
    (entry,) = oio.entries(paths, chunks=1, prefix="a", max=1)
    (chunk,) = entry["chunks"]
    assert set(chunk) == {"url", "real_url", "pos", "size", "hash", "score"}
    assert (chunk["pos"], chunk["size"], chunk["hash"]) == ("0", 5, sha256(b"bytes"))
    assert type(chunk["score"]) is int and chunk["url"].startswith("http")
    assert "chunks" not in oio.entries(paths)[0]


def test_properties_of_objects_are_listed_where_asked_for(oio):
    ref = oio.made()
    oio.put(ref, "with", b"x", metadata={"colour": "red"}).must(201)
    oio.put(ref, "without", b"x").must(201)
    first, second = oio.entries(ref, properties="true")
    assert first["properties"] == {"colour": "red"} and "properties" not in second
    assert not [entry for entry in oio.entries(ref, properties="no") if "properties" in entry]


def test_a_name_of_any_characters_is_listed_and_marked(oio):
    names = sorted(["a b", "a+b", "a%2Fb", "é", "日本", 'quote"', "back\\slash", "tab\t", "\x01", "x" * 1023],
                   key=lambda name: name.encode())  # fmt: skip
    ref = oio.made()
    oio.fill(ref, names)
    assert oio.names(ref) == names
    pages = oio.pages(ref, max=1)
    assert [page.json()["objects"][0]["name"] for page in pages] == names


def test_a_snapshot_has_all_versions_and_markers(oio):
    ref, copy = made(oio, -1), fresh()
    write(oio, ref, "a", b"1", b"2")
    write(oio, ref, "b", b"3")
    empty(oio.delete(ref, "b"))
    empty(oio.snapshot(ref, copy))
    assert oio.versions(copy) == oio.versions(ref)
    write(oio, copy, "a", b"4")
    empty(oio.delete(ref, "a"))
    assert hashes(oio.versions(copy, "a")) == [sha256(b) for b in (b"4", b"2", b"1")]
    assert hashes(oio.versions(ref, "a")) == [None, sha256(b"2"), sha256(b"1")]
    assert (counters(oio, copy), counters(oio, ref)) == ((4, 4), (3, 3))
