"""`ferry diff` against CCS sites, which have neither sums nor, to other sites, a list."""

import time

import pytest
from support.ccs import CcsSite
from support.command import DIFFERENT, DONE, ERROR, NOT_FOUND, TEMPORARY, USAGE, Ferry
from support.loopback import Handler, LoopbackServer
from support.waiting import eventually

BUCKET = "bucket-1"
OBJECTS = 70  # more than a page
SOON_S = 60.0


class Pair:
    """A Ferry and a CCS site that has the same objects, and hears of no more."""

    def __init__(self, sites, ccs):
        (self.a,) = sites(["site-a"], peers={"site-a": {"site-ccs": ccs.url}})
        self.ccs = ccs
        ccs.topology["site-a"] = self.a.url
        self.ferry = Ferry(self.a.url)

    def fill(self):
        client = self.a.client()
        client.make_bucket(BUCKET).must(201)
        for number in range(OBJECTS):
            client.put(BUCKET, f"o-{number:03}", b"%d" % number).must(201)
        eventually(lambda: len(self.ccs.ready(BUCKET)) == OBJECTS, SOON_S, "the CCS site has them all")
        client.pause("site-ccs").must(200)
        return self

    def change(self):
        client = self.a.client()
        client.put(BUCKET, "new-here", b"1").must(201)
        client.delete(BUCKET, "o-003").must(204)
        self.ccs.plant(BUCKET, "new-there", b"1")
        self.ccs.plant(BUCKET, "o-010", b"other bytes")
        self.ccs.lose(BUCKET, "o-020")

    def diff(self, *words):
        return self.ferry("diff", *words, "--with", "site-ccs")


@pytest.fixture
def ccs():
    site = CcsSite()
    yield site
    site.close()


@pytest.fixture
def pair(sites, ccs):
    return Pair(sites, ccs)


def test_rows_are_merged_with_what_its_clients_are_listed(pair, ccs):
    ccs.lists = True
    pair.fill()
    assert pair.diff(BUCKET).must(DONE).text == "bucket-1 is the same on both sites\n"
    pair.change()
    found = pair.diff(BUCKET).must(DIFFERENT)
    assert found.text.splitlines() == [
        "< new-here", "> new-there", "> o-003", "! o-010", "< o-020"]  # fmt: skip
    assert found.err == ""
    changed = pair.diff(f"{BUCKET}/o-01", "--json").must(DIFFERENT).lines()
    assert [(line["diff"], line["name"]) for line in changed] == [("!", "o-010")]
    assert changed[0]["here"]["size"] == 2 and changed[0]["here"]["stamp"].endswith("@site-a")
    assert changed[0]["there"]["size"] == 11 and changed[0]["there"]["stamp"] is None


def test_the_listing_may_be_elsewhere_and_is_asked_for_again_when_it_is_cut(pair, ccs):
    pair.fill().change()
    accessor = ccs.accessor()
    ccs.cuts = 2
    found = pair.diff(BUCKET, "--accessor", accessor.url).must(DIFFERENT)
    assert ccs.cuts == 0
    assert [line[0] for line in found.text.splitlines()] == ["<", ">", ">", "!", "<"]
    accessor.close()
    assert "site-ccs: " in pair.diff(BUCKET, "--accessor", accessor.url).must(TEMPORARY).err
    pair.diff(BUCKET, "--accessor", "nothing at all").must(USAGE)


def test_without_a_listing_names_are_looked_for_and_the_limit_is_said(pair):
    pair.fill()
    equal = pair.diff(BUCKET).must(DONE)
    assert equal.text == "all that is known of bucket-1 here is the same there\n"
    assert "what was never known here and other bytes are not found" in equal.err
    pair.change()
    pair.a.client().put_exact(BUCKET, "no name of CCS", b"1").must(201)
    pair.ccs.plant(BUCKET, "no_name_of_CCS", b"1")  # what it would answer for
    found = pair.diff(BUCKET).must(DIFFERENT)
    assert found.text.splitlines() == ["< new-here", "< no name of CCS", "> o-003", "< o-020"]
    assert found.err == equal.err


@pytest.mark.parametrize("lists", [False, True])
def test_what_either_changed_lately_is_left_out(pair, ccs, lists):
    ccs.lists = lists
    pair.fill()
    ccs.lose(BUCKET, "o-020")
    then = time.monotonic()
    eventually(lambda: time.monotonic() - then > 2, 3, "what came before is two seconds old")
    pair.a.client().put(BUCKET, "young", b"1").must(201)
    pair.a.client().delete(BUCKET, "o-003").must(204)
    if lists:
        ccs.plant(BUCKET, "young-there", b"1")
        ccs.delete(BUCKET, "o-004")
    age = time.monotonic() - then
    assert pair.diff(BUCKET, "--older-than", f"{int(age * 1000)}ms").must(DIFFERENT).text == "< o-020\n"


def test_a_bucket_that_the_ccs_site_has_not_is_all_difference(pair):
    pair.a.client().pause("site-ccs").must(200)
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.a.client().put(BUCKET, "o", b"1").must(201)
    assert pair.diff(BUCKET).must(DIFFERENT).text == "< o\n"
    pair.diff("bucket-2").must(NOT_FOUND)


def test_a_bucket_that_is_only_there_is_listed_or_refused(pair, ccs):
    ccs.plant_bucket(BUCKET, "client-1")
    ccs.plant(BUCKET, "o", b"1")
    assert "--accessor URL" in pair.diff(BUCKET).must(NOT_FOUND).err
    ccs.lists = True
    assert pair.diff(BUCKET).must(DIFFERENT).text == "> o\n"


class Nobody(Handler):
    def do_GET(self):
        self.answer(404)

    do_HEAD = do_GET


def test_what_is_no_site_is_said(pair, ccs):
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.a.client().container("POST", "No name of CCS").must(201)
    assert "CCS does not know" in pair.diff("No name of CCS").must(ERROR).err
    ccs.close()
    assert "site-ccs: " in pair.diff(BUCKET).must(TEMPORARY).err
    nobody = LoopbackServer(Nobody)
    pair.a.client().add_site(id="nobody", uri=nobody.url).must(201)
    assert "neither a Ferry nor a CCS site" in pair.ferry("diff", BUCKET, "--with", "nobody").must(TEMPORARY).err
    nobody.close()
