"""SIGKILL while a container is copied, emptied, purged or destroyed: afterwards that is wholly done or can be
asked for again, the container is usable meanwhile, and rows, bodies and files agree."""

import http.client
import threading

import pytest
from support.command import DONE
from support.offline import fsck
from support.oio import NO_CONTAINER, Oio, counters, fresh, refused
from support.rows import add_twins, ask
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

COUNT = 5000  # names, each with an older version: several transactions of every operation
TOTAL = 2 * COUNT + 1
BODY = b"the same bytes"
TRIES = 5  # kills, until one hits the middle
BEGUN_S = 30.0
# Of a process that is dead its successor knows at once in a file, and by its lease in a database.
LEASE_S = 120.0
GONE = (http.client.HTTPException, OSError)


class Asked(threading.Thread):
    """A request whose server may be killed before it answers."""

    def __init__(self, ask_for):
        super().__init__(daemon=True)
        self.ask_for = ask_for
        self.answers = []
        self.start()

    def run(self):
        try:
            while not self.answers or self.answers[-1].header("x-oio-truncated") == "true":
                self.answers.append(self.ask_for())
        except GONE:
            pass


def big(site, oio):
    """A container of COUNT names with two versions each."""
    ref = oio.made(system={"sys.m2.policy.version": "-1"}, properties={"colour": "red"})
    like = fresh("like")
    oio.put(ref, like, BODY).must(201)
    site.stop()
    add_twins(site, like, fresh("twin"), COUNT)
    site.start()
    assert counters(oio, ref) == (TOTAL, TOTAL * len(BODY))
    return ref


def count_of(oio, ref):
    """Its objects, or None when it is not there."""
    answer = oio.show(ref).must(200, 404)
    return int(answer.header("x-oio-container-meta-sys-m2-objects")) if answer.status == 200 else None


def listed(oio, ref, **query):
    """(name, version, hash) of what is listed."""
    pages = oio.pages(ref, max=10000, **query)
    return [(row["name"], row["version"], row["hash"]) for page in pages for row in page.json()["objects"]]


def names(oio, ref):
    return [name for name, *_ in listed(oio, ref)]


def check_counters(oio, ref):
    rows = listed(oio, ref, all=1)
    assert counters(oio, ref) == (len(rows), len(rows) * len(BODY))
    return len(rows)


def check_store(site):
    """Rows, bodies and files agree."""
    site.stop()
    lines, total, ran = fsck(site)
    ran.must(DONE)
    assert lines == [] and total["objects"] >= 0
    site.start()


OPERATIONS = {
    "flush": (lambda oio, ref: oio.flush(ref), 0),
    "purge": (lambda oio, ref: oio.purge(ref, maxvers=1), COUNT + 1),
    "destroy": (lambda oio, ref: oio.destroy(ref, force=1), None),
}


def kill_amid(site, oio, ref, operation):
    """true: some of it was done, and some was not."""
    asked = Asked(lambda: OPERATIONS[operation][0](oio, ref))
    eventually(lambda: count_of(oio, ref) != TOTAL, BEGUN_S, f"{operation} has begun")
    site.kill()
    asked.join(BEGUN_S)
    site.start()
    left = count_of(oio, ref)
    return left not in (OPERATIONS[operation][1], None)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_amid_it_is_asked_for_again(sites, operation):
    (site,) = sites(["site-a"])
    oio, other = Oio(site.url), Oio(site.url, "account-2")
    kept = other.made()
    other.put(kept, "twin of all", BODY).must(201)
    act, after = OPERATIONS[operation]
    for _ in range(TRIES):
        ref = big(site, oio)
        hit = kill_amid(site, oio, ref, operation)
        if hit:
            break
    assert hit, f"{operation} was never hit in its middle"

    assert check_counters(oio, ref) < TOTAL
    assert oio.properties(ref) == {"colour": "red"}
    oio.put(ref, "usable", BODY).must(201)
    oio.delete(ref, "usable", version=oio.versions(ref, "usable")[0]["version"]).must(204)
    answer = act(oio, ref).must(204)
    while answer.header("x-oio-truncated") == "true":
        answer = act(oio, ref).must(204)
    if after is None:
        refused(oio.show(ref), 404, *NO_CONTAINER)
    else:
        assert check_counters(oio, ref) == after
    assert other.body(kept, "twin of all").must(200).body == BODY
    check_store(site)


HIDDEN = "SELECT count(*) FROM container WHERE hidden_by IS NOT NULL"
HIDDEN_ROWS = "SELECT count(*) FROM {} WHERE container_id IN (SELECT id FROM container WHERE hidden_by IS NOT NULL)"


def half_copied(site):
    """How many rows of a target that nobody sees are there."""
    return sum(ask(site, HIDDEN_ROWS.format(table)) for table in ("object", "version"))


def test_a_snapshot_killed_amid_leaves_nothing_and_is_asked_for_again(sites):
    (site,) = sites(["site-a"])
    oio = Oio(site.url)
    ref = big(site, oio)
    before = listed(oio, ref, all=1)
    for _ in range(TRIES):
        copy = fresh("copy")
        asked = Asked(lambda: oio.snapshot(ref, copy))
        eventually(lambda: asked.answers or half_copied(site) > 0, BEGUN_S, "the snapshot has begun")
        site.kill()
        asked.join(BEGUN_S)
        rows = half_copied(site)
        if 0 < rows < TOTAL:
            break
        site.start()
    assert 0 < rows < TOTAL, "the snapshot was never hit in its middle"

    site.start()
    refused(oio.show(copy), 404, *NO_CONTAINER)
    assert listed(oio, ref, all=1) == before
    eventually(lambda: oio.put(ref, "usable", BODY).status == 201, LEASE_S, "the source takes changes again")
    oio.delete(ref, "usable", version=oio.versions(ref, "usable")[0]["version"]).must(204)
    eventually(lambda: ask(site, HIDDEN) == 0, LEASE_S, "nothing of the half snapshot is left")
    left = "SELECT count(*) FROM {} WHERE container_id NOT IN (SELECT id FROM container)"
    assert [ask(site, left.format(table)) for table in ("object", "version", "property", "container_count")] == [0] * 4
    oio.snapshot(ref, copy).must(204)
    assert listed(oio, copy, all=1) == before
    assert oio.properties(copy) == {"colour": "red"}
    assert check_counters(oio, copy) == TOTAL
    check_store(site)


def test_a_snapshot_killed_once_it_is_there_follows_at_the_other_site(sites):
    """Its objects are ordered page by page after it is shown: what was not, is after the restart."""
    a, b = sites(["site-a", "site-b"])
    oio, there = Oio(a.url), Oio(b.url)
    ref = big(a, oio)
    expected = names(oio, ref)
    for _ in range(TRIES):
        copy = fresh("copy")
        asked = Asked(lambda: oio.snapshot(ref, copy))
        eventually(lambda: asked.answers or oio.show(copy).status == 200, BEGUN_S, "the snapshot is there")
        a.kill()
        asked.join(BEGUN_S)
        a.start()
        if not asked.answers:
            break
    assert not asked.answers, "every snapshot was quicker than its kill"
    assert names(oio, copy) == expected

    eventually(lambda: count_of(there, copy) == len(expected), LEASE_S, "the snapshot is at site-b")
    assert names(there, copy) == expected
    assert there.body(copy, expected[0]).must(200).body == BODY
