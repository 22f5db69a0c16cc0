"""`ferry diff`: two sites compared by sums, and exactly what differs is named."""

import time

import pytest
from support import wire
from support.command import CALL_S, DIFFERENT, DONE, ERROR, NOT_FOUND, REFUSED, TEMPORARY, USAGE, Ferry
from support.links import Links
from support.loopback import Handler, LoopbackServer
from support.rows import add_rows, row_name
from support.site import release_binary
from support.sites import check_memory
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

# What the command does by itself is the same on any engine.
EMBEDDED = pytest.mark.worlds("embedded")
BUCKET = "bucket-1"
OBJECTS = 400
SOON_S = 60.0
EQUAL_BYTES_MAX = 10_000

class Pair:
    """Two sites; the command reaches each through a line that counts."""

    def __init__(self, sites, call_s=CALL_S, **settings):
        self.links = Links()
        lines = [self.links.to(), self.links.to()]
        # Behind its line a site is where the other finds it, too.
        self.a, self.b = sites(["site-a", "site-b"], peers={
            "site-a": {"site-b": lines[1].url}, "site-b": ["site-a"]}, **settings)  # fmt: skip
        for line, site in zip(lines, (self.a, self.b), strict=True):
            line.aim(site.url)
        self.ferry = Ferry(lines[0].url, call_s=call_s)

    def close(self):
        self.links.close()

    def diff(self, *words):
        return self.ferry("diff", *words, "--with", "site-b")

    def moved(self):
        return sum(line.count for line in self.links.made)


def names(site, bucket=BUCKET):
    """All READY ones."""
    found, after = set(), ""
    while after is not None:
        page = site.client().objects(bucket, after=after, limit=1000).must(200).json()
        found.update(row["name"] for row in page["objects"])
        after = page["next"]
    return found


@pytest.fixture
def pair(sites):
    pair = Pair(sites)
    yield pair
    pair.close()


@pytest.fixture
def filled(pair, tmp_path):
    """The same objects on both, and both at rest."""
    folder = tmp_path / "objects"
    folder.mkdir()
    for number in range(OBJECTS):
        (folder / f"o{number:05}").write_bytes(b"%d" % number)
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.ferry("put", folder, BUCKET).must(DONE)
    eventually(lambda: len(names(pair.b)) == OBJECTS, SOON_S, "site-b has them all")
    return pair


def part(pair):
    """From now on neither hears of the other's changes."""
    pair.a.client().pause("site-b").must(200)
    pair.b.client().pause("site-a").must(200)


def put_again(client, name, body):
    """An object is never overwritten."""
    client.delete(BUCKET, name).must(204)
    client.put(BUCKET, name, body).must(201)


def test_equal_sites_move_few_bytes_and_seven_changes_are_named(filled):
    a, b = filled.a.client(), filled.b.client()
    part(filled)
    before = filled.moved()
    equal = filled.diff(BUCKET).must(DONE)
    assert filled.moved() - before < EQUAL_BYTES_MAX
    assert equal.text == "bucket-1 is the same on both sites\n"
    assert filled.diff(BUCKET, "--json").must(DONE).text == ""

    a.delete(BUCKET, "o00000").must(204)
    b.delete(BUCKET, "o00399").must(204)
    put_again(a, "o00070", b"otherwise")
    put_again(b, "o00071", b"71")  # the same bytes, but another change
    a.put_exact(BUCKET, "new here", b"1").must(201)
    b.put_exact(BUCKET, "new there", b"1").must(201)
    a.delete(BUCKET, "o00100").must(204)
    different = filled.diff(BUCKET).must(DIFFERENT)
    assert different.text.splitlines() == [
        "< new here", "> new there", "> o00000", "! o00070", "! o00071", "> o00100", "< o00399",
    ]  # fmt: skip

    lines = filled.diff(f"{BUCKET}/new", "--json").must(DIFFERENT).lines()
    assert [(line["diff"], line["name"]) for line in lines] == [("<", "new here"), (">", "new there")]
    assert lines[0]["there"] is None and lines[1]["here"] is None
    assert lines[0]["here"]["size"] == 1 and lines[0]["here"]["stamp"].endswith("@site-a")
    assert filled.diff(f"{BUCKET}/o0020").must(DONE).text == "bucket-1/o0020 is the same on both sites\n"


# What is on its way is no fault: it is left out, whichever side changed it and how.
def test_what_either_site_changed_lately_is_left_out(pair):
    a, b = pair.a.client(), pair.b.client()
    a.make_bucket(BUCKET).must(201)
    for name in ("deleted", "kept", "lost", "replaced"):
        a.put(BUCKET, name, name.encode()).must(201)
    eventually(lambda: len(names(pair.b)) == 4, SOON_S, "site-b has them all")
    part(pair)
    b.delete(BUCKET, "lost").must(204)
    then = time.monotonic()
    eventually(lambda: time.monotonic() - then > 2, 3, "what came before is two seconds old")
    put_again(a, "replaced", b"again")
    b.delete(BUCKET, "deleted").must(204)
    a.put(BUCKET, "young", b"1").must(201)
    assert pair.diff(BUCKET).must(DIFFERENT).text.split() == [
        "<", "deleted", "<", "lost", "!", "replaced", "<", "young"]  # fmt: skip
    age = time.monotonic() - then
    assert pair.diff(BUCKET, "--older-than", f"{int(age * 1000)}ms").must(DIFFERENT).text == "< lost\n"


def test_a_bucket_that_one_site_has_not_is_all_difference(pair):
    part(pair)
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.a.client().put(BUCKET, "o", b"1").must(201)
    pair.b.client().make_bucket("bucket-2").must(201)
    pair.b.client().put("bucket-2", "o", b"1").must(201)
    assert pair.diff(BUCKET).must(DIFFERENT).text == "< o\n"
    assert pair.diff("bucket-2").must(DIFFERENT).text == "> o\n"
    pair.diff("bucket-3").must(NOT_FOUND)


@EMBEDDED
def test_what_cannot_be_compared_is_said(pair):
    pair.a.client().make_bucket(BUCKET).must(201)
    assert "--with SITE" in pair.ferry("diff", BUCKET).must(USAGE).err
    pair.diff(BUCKET, "--older-than", "soon").must(USAGE)
    assert "site-z" in pair.ferry("diff", BUCKET, "--with", "site-z").must(NOT_FOUND).err
    pair.ferry("diff", BUCKET, "--with", "site-a").must(ERROR)
    stranger = Ferry(pair.a.url, client="client-2")
    assert "site-a: " in stranger("diff", BUCKET, "--with", "site-b").must(REFUSED).err
    pair.b.stop()
    assert "site-b: " in pair.diff(BUCKET).must(TEMPORARY).err
    pair.a.stop()
    pair.diff(BUCKET).must(TEMPORARY)


class Busy(LoopbackServer):
    """A site before which others ask for sums: the first few times it says so."""

    def __init__(self, target, times):
        self.target = target
        self.times = times
        super().__init__(_BusyHandler)


class _BusyHandler(Handler):
    def do_GET(self):
        if self.path.startswith("/ferry/v1/digests") and self.owner.times > 0:
            self.owner.times -= 1
            self.answer(503, {"x-ferry-version": "0", "Retry-After": "1"})
            return
        got = wire.request(self.owner.target, "GET", self.path, dict(self.headers))
        self.answer(got.status, {"x-ferry-version": "0", "Content-Type": "application/json"}, got.body)


@EMBEDDED
def test_a_site_that_is_busy_is_asked_again(sites):
    a, b = sites(["site-a", "site-b"], peers={})
    busy = Busy(b.url, times=3)
    for site in (a, b):
        site.client().make_bucket(BUCKET).must(201)
    a.client().add_site(id="site-b", uri=busy.url).must(201)
    a.client().put(BUCKET, "o", b"1").must(201)
    ferry = Ferry(a.url)
    assert ferry("diff", BUCKET, "--with", "site-b").must(DIFFERENT).text == "< o\n"
    assert busy.times == 0
    busy.close()


FOLDER = "some/folder/of/many/object-"


def fill_both(pair, count):
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.a.client().put(BUCKET, "first", b"1").must(201)
    eventually(lambda: names(pair.b) == {"first"}, SOON_S, "site-b has it")
    for site in (pair.a, pair.b):
        site.stop()
        add_rows(site, "first", FOLDER, count)
        site.start()


def many_equal_objects_move_no_more_than_few(pair, count):
    """What was found out, as words for a report."""
    fill_both(pair, count)
    part(pair)
    before, began = pair.moved(), time.monotonic()
    pair.diff(BUCKET).must(DONE)
    moved, took = pair.moved() - before, time.monotonic() - began
    assert moved < EQUAL_BYTES_MAX
    changed = [row_name(FOLDER, count // 8 * eighth) for eighth in range(1, 8)]
    for name in changed:
        pair.a.client().delete_exact(BUCKET, name).must(204)
    before, began = pair.moved(), time.monotonic()
    different = pair.diff(BUCKET).must(DIFFERENT)
    assert different.text.splitlines() == [f"> {name}" for name in changed]
    return (
        f"{count} equal objects: {moved} bytes, {took:.1f} s; of them 7 deleted and named: "
        f"{pair.moved() - before} bytes, {time.monotonic() - began:.1f} s"
    )


# What moves does not depend on how many there are.
def test_a_hundred_thousand_equal_objects_move_no_more_than_few(pair):
    many_equal_objects_move_no_more_than_few(pair, 100_000)


@EMBEDDED
@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_million_equal_objects_move_no_more_than_few(sites, record_property):
    pair = Pair(sites, call_s=900, program=release_binary())
    found = many_equal_objects_move_no_more_than_few(pair, 10_000_000)
    record_property("soak", f"{found}; {check_memory([pair.a, pair.b])}")
    pair.close()
