"""The command `ferry` where versions of objects are kept: told, listed, fetched and removed by number."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.command import ERROR, NOT_FOUND, USAGE, Ferry
from support.links import Links
from support.oio import Oio, fresh

ACCOUNT = "account-1"


@pytest.fixture(scope="module")
def site(module_sites):
    (site,) = module_sites(["site-a"])
    return site


@pytest.fixture
def oio(site):
    return Oio(site.url, ACCOUNT)


@pytest.fixture
def ferry(site):
    """Without a client-id: the account asks for itself."""
    return Ferry(site.url, client=None)


def kept(oio):
    """A container in which every version stays, and the words that name it."""
    ref = oio.made(system={"sys.m2.policy.version": "-1"})
    return ref, ["--account", ACCOUNT, "--container", ref]


def versions_of(ferry, there, prefix=""):
    return ferry("ls", *there, "--versions", "--json", prefix).must().lines()


def test_every_put_adds_a_version_and_tells_its_number(oio, ferry):
    ref, there = kept(oio)
    told = [
        ferry("put", "-", *there, "o", "--json", stdin=body).must().json()["version"] for body in (b"1", b"22", b"333")
    ]
    assert told == sorted(told) and len(set(told)) == 3
    listed = versions_of(ferry, there)
    assert [row["version"] for row in listed] == told[::-1]
    assert [row["object"]["size"] for row in listed] == [3, 2, 1]
    assert [row["version"] for row in oio.versions(ref)] == told[::-1]
    assert [row["name"] for row in ferry("ls", *there, "--json").must().lines()] == ["o"]
    table = ferry("ls", *there, "--versions").must().text
    assert all(str(version) in table for version in told)


def test_a_version_is_fetched_by_its_number(oio, ferry, tmp_path):
    _, there = kept(oio)
    told = {}
    for body in (b"first", b"second"):
        told[body] = ferry("put", "-", *there, "o", "--json", stdin=body).must().json()["version"]
    for body, version in told.items():
        assert ferry("get", *there, "--version", version, "o", "-").must().out == body
    got = ferry("get", *there, "o", tmp_path / "o", "--json").must().json()
    assert got["version"] == told[b"second"]
    ferry("get", *there, "--version", max(told.values()) + 1, "o", "-").must(NOT_FOUND)
    ferry("get", *there, "--version", "newest", "o", "-").must(USAGE)
    ferry("get", *there, "--version", "1", "--prefix", "o", tmp_path).must(USAGE)


def test_rm_leaves_a_marker_and_rm_of_it_brings_the_object_back(oio, ferry):
    _, there = kept(oio)
    ferry("put", "-", *there, "o", stdin=b"bytes").must()
    ferry("rm", *there, "o").must()
    ferry("get", *there, "o", "-").must(NOT_FOUND)
    marker, body = versions_of(ferry, there)
    assert (marker["marker"], body["marker"]) == (True, False)
    assert "delete marker" in ferry("ls", *there, "--versions").must().text
    ferry("get", *there, "--version", marker["version"], "o", "-").must(NOT_FOUND)
    ferry("rm", *there, "--version", marker["version"], "o").must()
    assert ferry("get", *there, "o", "-").must().out == b"bytes"
    ferry("rm", *there, "--version", body["version"], "o").must()
    assert versions_of(ferry, there) == []
    ferry("rm", *there, "--version", body["version"], "o").must(NOT_FOUND)


def test_versions_go_on_over_pages_in_the_middle_of_a_name(oio, ferry):
    """More of one name than a page has: all are listed, each once."""
    ref, there = kept(oio)
    written = 1030  # a page has 1000
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda name: oio.put(ref, name, b"x"), ["a", *["b"] * written, "c"]):
            answer.must(201)
    listed = versions_of(ferry, there)
    assert [row["object"]["name"] for row in listed] == ["a"] + ["b"] * written + ["c"]
    of_b = [row["version"] for row in listed[1:-1]]
    assert of_b == sorted(set(of_b), reverse=True)


def test_a_put_whose_answer_is_lost_adds_one_version(site, oio, ferry, tmp_path):
    _, there = kept(oio)
    (tmp_path / "file").write_bytes(b"bytes")
    with Links() as links:
        line = links.to(site.url)
        line.unheard = 1
        Ferry(line.url, client=None)("put", tmp_path / "file", *there, "o").must()
        assert line.unheard == 0
    assert len(versions_of(ferry, there)) == 1


def test_a_bucket_of_ccs_has_one_version_and_is_never_overwritten(site):
    ferry = Ferry(site.url)
    bucket = fresh("b")
    ferry("bucket", "mk", bucket).must()
    ferry("put", "-", f"{bucket}/o", stdin=b"one").must()
    assert "another object" in ferry("put", "-", f"{bucket}/o", stdin=b"two!").must(ERROR).err
    assert len(ferry("ls", "--versions", bucket, "--json").must().lines()) == 1
