"""The command `ferry` on containers of OpenIO's: by exact account, container and name."""

import os

import pytest
from support.command import DIFFERENT, DONE, NOT_FOUND, NOTHING, REFUSED, USAGE, Ferry
from support.oio import Oio, fresh
from support.waiting import eventually

# Of each a container is made, and an object in it: what shells, paths, queries and options take for theirs.
WORDS = [
    "sp ace  twice ", "a/b//c/", "..", "100%", "%2e%2f", "quote\"'`", "été €/日本", "-rf", "--json", "a+b&c=d?e#f", "back\\slash",
    "semi;colon", "{}[]*?~$HOME", "tab\tnew\nline",
]  # fmt: skip
ACCOUNT = "AUTH_dé mo/1"


@pytest.fixture(scope="module")
def pair(module_sites):
    return module_sites(["site-a", "site-b"])


@pytest.fixture
def oio(pair):
    return Oio(pair[0].url, ACCOUNT)


@pytest.fixture
def ferry(pair):
    """Without a client-id: the account asks for itself."""
    return Ferry(pair[0].url, client=None)


@pytest.mark.parametrize("word", WORDS)
def test_any_name_of_a_container_and_an_object_is_reached(pair, oio, ferry, tmp_path, word):
    oio.create(word).must(201)
    there = ["--account", ACCOUNT, "--container", word]
    content = f"bytes of {word}".encode()
    ferry("put", "-", *there, "--", word, stdin=content).must()
    assert [row["name"] for row in ferry("ls", *there, "--json").must().lines()] == [word]
    assert [row["name"] for row in ferry("ls", *there, "--json", "--", word[:2]).must().lines()] == [word]
    assert ferry("get", *there, "--", word, "-").must().out == content
    assert oio.body(word, word).must(200).body == content
    far = Ferry(pair[1].url, client=None)
    eventually(lambda: far("get", *there, "--", word, "-").out == content, 20, "it is at site-b")
    ferry("get", *there, "--", word, tmp_path / "file").must()
    assert (tmp_path / "file").read_bytes() == content
    ferry("rm", *there, "--", word).must()
    ferry("get", *there, "--", word, "-").must(NOT_FOUND)
    assert oio.names(word) == []


@pytest.mark.parametrize("word", ["a/b//c/", "-rf", "été €/日本", "sp ace  twice ", "a+b&c=d?e#f", "tab\tnew\nline"])
def test_what_two_sites_have_is_compared_ordered_looked_at_and_brought_back(pair, ferry, word):
    """By the same words as put and get: diff, backfill, stat, verify, undelete."""
    account = "AUTH_dé mo/2"
    oio = Oio(pair[0].url, account)
    oio.create(word).must(201)
    far = Oio(pair[1].url, account)
    eventually(lambda: far.list(word).status == 200, 20, "the container is at site-b")
    there = ["--account", account, "--container", word]
    stands = ["--", word]
    oio.bodies.pause("site-b").must(200)
    try:
        ferry("put", "-", *there, *stands, stdin=b"bytes").must()
        found = ferry("diff", *there, "--with", "site-b", "--json").must(DIFFERENT).lines()
        assert [(row["diff"], row["name"]) for row in found] == [("<", word)]
        ferry("diff", *there, "--with", "site-b", "--", "other prefix").must()
        ferry("stat", *there, *stands).must(DIFFERENT)
        ordered = ferry("backfill", *there, "--to", "site-b", "--dry-run", "--json").must().json()
        assert (ordered["account"], ordered["bucket"], ordered["ordered"]) == (account, word, 1)
        ferry("backfill", *there, "--to", "site-b", "--dry-run", "--", "other prefix").must(NOTHING)
    finally:
        oio.bodies.resume("site-b").must(200)
    eventually(lambda: ferry("diff", *there, "--with", "site-b").code == DONE, 20, "it is at site-b")
    ferry("stat", *there, *stands).must()
    scan = ferry("verify", *there, "--json").must().lines()[-1]
    assert (scan["account"], scan["bucket"], scan["bodies"], scan["damaged"]) == (account, word, 1, 0)
    ferry("rm", *there, *stands).must()
    ferry("undelete", *there, "--list", "--json", "--", "other prefix").must(NOTHING)
    (row,) = ferry("undelete", *there, "--list", "--json").must().lines()
    assert (row["bucket"], row["name"]) == (word, word)
    ferry("undelete", *there, *stands).must()
    assert ferry("get", *there, *stands, "-").must().out == b"bytes"


def test_a_backfill_brings_a_container_of_any_name(sites):
    a, b = sites(["site-a", "site-b"], peers={})
    oio, word = Oio(a.url, ACCOUNT), "a/b c"
    oio.create(word).must(201)
    oio.create("other").must(201)
    oio.fill(word, ["p/1", "p/2", "q"])
    oio.fill("other", ["p/1"])

    def nothing_to_route():  # an order that is, goes to a site that is added now
        status = a.client().site_status().must(200).json()
        return status["outbox"] == 0 and status["routing"]["lag"] == 0

    eventually(nothing_to_route, 20, "all is routed, to nobody")
    for site, other in (a, b), (b, a):
        site.client().add_site(id=other.name, uri=other.url).must(200, 201)
    ferry = Ferry(a.url, client=None)
    ferry("backfill", "--account", ACCOUNT, "--container", word, "--to", "site-b", "p/").must()
    shown = ferry("backfill", "--list").must().text.splitlines()[1]
    assert f" {ACCOUNT}  {word}/p/ " in shown
    far = Oio(b.url, ACCOUNT)
    eventually(lambda: far.list(word).status == 200 and far.names(word) == ["p/1", "p/2"], 30, "site-b has them")
    far.list("other").must(404)


def test_of_two_accounts_each_command_takes_the_one_that_is_named(pair, oio, ferry):
    ref = oio.made()
    oio.of("other").create(ref).must(201)
    oio.fill(ref, ["x"])
    oio.of("other").fill(ref, ["y", "z"])
    oio.delete(ref, "x").must(204)
    names = lambda account: [row["name"] for row in ferry("undelete", "--account", account, "--list", ref, "--json").lines()]  # noqa: E731
    assert (names(ACCOUNT), names("other")) == (["x"], [])
    ferry("undelete", "--account", "other", f"{ref}/x").must(NOT_FOUND)
    ferry("undelete", "--account", ACCOUNT, f"{ref}/x").must()
    assert ferry("verify", "--account", "other", ref, "--json").must().lines()[-1]["account"] == "other"
    eventually(lambda: ferry("diff", "--account", "other", ref, "--with", "site-b").code == DONE, 20, "they are at site-b")
    ferry("stat", "--account", "other", f"{ref}/y").must()
    ferry("stat", "--account", "other", f"{ref}/x").must(NOT_FOUND)


def test_a_folder_goes_into_a_container_and_comes_back(oio, ferry, tmp_path):
    ref = oio.made()
    there = ["--account", ACCOUNT, "--container", ref]
    source, target = tmp_path / "source", tmp_path / "target"
    names = ["plain", "d/sp ace", "d/100%", "-rf", "é"]
    for name in names:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    ferry("put", source, *there, "in/here").must()
    assert sorted(oio.names(ref)) == sorted("in/here/" + name for name in names)
    ferry("get", "--prefix", *there, "in/", target).must()
    assert {os.path.relpath(path, target): path.read_text() for path in target.rglob("*") if path.is_file()} == {
        "in/here/" + name: name for name in names
    }


def test_a_container_may_stand_in_the_word_as_a_bucket_does(oio, ferry):
    ref = oio.made()
    ferry("put", "-", "--account", ACCOUNT, f"{ref}/a/b", stdin=b"bytes").must()
    assert ferry("get", "--account", ACCOUNT, f"{ref}/a/b", "-").must().out == b"bytes"
    assert "a/b" in ferry("ls", "--account", ACCOUNT, f"{ref}/a/").must().text


def test_two_accounts_have_a_container_each_of_one_name(pair, oio, ferry):
    ref = oio.made()
    oio.of("other").create(ref).must(201)
    for account in ACCOUNT, "other":
        ferry("put", "-", "--account", account, f"{ref}/x", stdin=account.encode()).must()
    for account in ACCOUNT, "other":
        assert ferry("get", "--account", account, f"{ref}/x", "-").must().out == account.encode()


def test_who_asks_for_another_account_needs_a_right(pair, oio):
    ref = oio.made()
    stranger = Ferry(pair[0].url, client="client-9")
    stranger("ls", "--account", ACCOUNT, ref).must(REFUSED)
    stranger("put", "-", "--account", ACCOUNT, f"{ref}/x", stdin=b"x").must(REFUSED)
    assert oio.names(ref) == []


def test_what_is_not_there_and_what_cannot_be_said(oio, ferry):
    ref = oio.made()
    ferry("ls", "--account", ACCOUNT, "--container", fresh()).must(NOT_FOUND)
    ferry("ls", "--account", ACCOUNT).must(USAGE)
    ferry("put", "file", "--account", ACCOUNT).must(USAGE)
    ferry("put", "-", "--account", ACCOUNT, "--container", ref, stdin=b"nameless").must(USAGE)
    ferry("rm", "--account", ACCOUNT, "--container", ref, "").must(USAGE)
    ferry("ls", "--account", "control\n", ref).must(USAGE)
    ferry("ls", "--account", ACCOUNT, "--container", "x" * 1024).must(USAGE)
    for words in ["diff", "--with", "site-b"], ["backfill", "--to", "site-b"], ["verify"], ["undelete", "--list"]:
        ferry(*words, "--account", ACCOUNT).must(USAGE)
        ferry(*words, "--account", ACCOUNT, "--container", fresh()).must(NOT_FOUND)
    ferry("diff", "--with", "site-b").must(USAGE)
    ferry("undelete").must(USAGE)
    ferry("undelete", "--account", ACCOUNT, "--container", ref).must(USAGE)
    ferry("backfill", "--list", "--container", ref).must(USAGE)
