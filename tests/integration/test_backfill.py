"""`ferry backfill`: a site that came later gets what was there before it, in the background."""

import datetime
import time

import pytest
from support.ccs import CcsSite
from support.command import DONE, ERROR, NOT_FOUND, NOTHING, USAGE, Ferry
from support.orders import order, wait_outcome
from support.rows import add_rows
from support.site import release_binary
from support.sites import check_memory
from support.waiting import eventually
from support.world import Embedded

pytestmark = pytest.mark.worlds("embedded")

# Where catalogue and queue have a part in it; the rest is decided beside them.
BOTH_WORLDS = pytest.mark.worlds("embedded", "real")
BUCKET = "bucket-1"
SOON_S = 60.0
SOAK = [pytest.mark.soak, pytest.mark.timeout(7200)]
AHEAD, STEP = 4096, 256  # common/core/bounds.h


class Pair:
    """Site a, and site b that a does not know yet."""

    def __init__(self, sites, **settings):
        self.a, self.b = sites(["site-a", "site-b"], peers={"site-b": ["site-a"]}, **settings)
        self.ferry = Ferry(self.a.url)

    def routed(self):
        """Each change of site a has gone to the sites that were its targets."""

        def nothing_to_route():
            status = self.a.client().site_status().must(200).json()
            return status["outbox"] == 0 and status["routing"]["lag"] == 0

        eventually(nothing_to_route, SOON_S, "all is routed")

    def meet(self):
        """Site a knows site b from now on; no order of a change before that is on its way."""
        self.routed()
        self.a.client().add_site(id="site-b", uri=self.b.url).must(201)

    def backfill(self, *words):
        return self.ferry("backfill", *words, "--to", "site-b")

    def counts(self, *words, code=DONE):
        """What one run of the command says at its end: ordered, left."""
        row = self.backfill(*words, "--json").must(code).json()
        return row["ordered"], row["left"]

    def begin(self, **words):
        answer = self.a.client().send_json("POST", "/ferry/v1/backfills", {"to": "site-b", **words})
        return answer.must(201).json()["id"]

    def row(self, number):
        return self.a.client().call("GET", f"/ferry/v1/backfills/{number}").must(200).json()

    def are_equal(self, *buckets):
        for bucket in buckets or [BUCKET]:
            eventually(lambda: self.ferry("diff", bucket, "--with", "site-b").must(DONE), SOON_S,
                       f"{bucket} is equal")  # fmt: skip


@pytest.fixture
def pair(sites):
    return Pair(sites)


def names(site, bucket=BUCKET, account=None):
    """READY ones, of a page."""
    answer = site.client().objects(bucket, account=account)
    return {row["name"] for row in answer.json()["objects"]} if answer.status == 200 else set()


def put_folder(pair, folder, count):
    """A hundred different bodies at most: many more would only keep the disk busy."""
    folder.mkdir()
    for number in range(count):
        (folder / f"o{number:05}").write_bytes(b"%d" % (number % 100))
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.ferry("put", folder, BUCKET).must(DONE)


# ---- a site that came later


@BOTH_WORLDS
def test_a_site_that_came_later_gets_what_was_there(pair):
    a = pair.a.client()
    for bucket in (BUCKET, "bucket-2", "bucket-3"):
        a.make_bucket(bucket).must(201)
    for number in range(5):
        a.put(BUCKET, f"dir/o{number}", b"%d" % number, metadata={"n": str(number)}).must(201)
        a.put_exact("bucket-2", f"any name {number} \u00e9", b"%d" % number).must(201)
    a.delete(BUCKET, "dir/o4").must(204)
    a.drop_bucket("bucket-3").must(204)
    pair.meet()
    assert pair.counts("--dry-run") == (11, 0)
    assert names(pair.b) == set()
    assert pair.counts() == (11, 0)
    pair.are_equal(BUCKET, "bucket-2")
    b = pair.b.client()
    assert b.describe(BUCKET, "dir/o3").must(200).json()["metadata"] == {"n": "3"}
    assert b.get_exact("bucket-2", "any name 1 \u00e9").must(200).body == b"1"
    assert b.bucket(BUCKET).must(200).json()["creation"] == a.bucket(BUCKET).must(200).json()["creation"]
    assert b.bucket_status("bucket-3") is None, "what was deleted before is not brought along"
    assert pair.counts(code=NOTHING) == (0, 0)


# Ten thousand real objects; either side is killed on the way.
@BOTH_WORLDS
def test_killed_on_the_way_it_ends_equal_all_the_same(sites, world, tmp_path):
    count, rate = (10_000, 4000) if isinstance(world, Embedded) else (1000, 400)
    pair = Pair(sites, program=release_binary())
    put_folder(pair, tmp_path / "objects", count)
    pair.meet()
    number = pair.begin(rate=rate)
    for site, part in ((pair.a, 4), (pair.b, 2)):
        eventually(lambda: pair.row(number)["ordered"] > count // part, SOON_S, "some are ordered")
        assert pair.row(number)["state"] == "running"
        site.restart()
    eventually(lambda: pair.row(number)["state"] == "done", SOON_S, "all are ordered")
    # What went out just before the first kill may not be counted, or be ordered twice.
    assert count + 1 - STEP <= pair.row(number)["ordered"] <= count + 1 + STEP
    pair.are_equal()
    assert pair.b.client().waiting(state="dead").must(200).json()["orders"] == []


# Their orders are new, whatever the age of their stamps: none is EXPIRED.
def test_what_was_stamped_a_year_ago_arrives(pair, hostile):
    long_ago = datetime.datetime.now() - datetime.timedelta(days=365)
    stamp = f"{int(long_ago.timestamp() * 1000) << 16:016x}@site-x"
    source = hostile(site="site-x", ferry=True)
    data = source.plant(BUCKET, "old", b"from a year ago", stamp=stamp)
    a = pair.a.client()
    a.add_site(id="site-x", uri=source.url).must(201)
    given = order("CREATE", BUCKET, "old", source="site-x", data=data, stamp=stamp)
    a.post_order(given).must(201)
    wait_outcome(a, given["opId"], "applied")
    pair.meet()
    assert pair.counts(BUCKET)[1] == 0
    pair.are_equal()
    found = pair.b.client().describe(BUCKET, "old").must(200).json()
    assert found["stamp"] == stamp


# ---- only what it lacks


def only_here(client, bucket=BUCKET, targets=""):
    """What this site changes from now on the other does not hear of; targets "": it does again."""
    path = client.exact(bucket, route="container/targets")
    client.call("PUT", f"{path}&targets={targets}").must(200)


def put_again(client, name, body):
    client.delete(BUCKET, name).must(204)
    client.put(BUCKET, name, body).must(201)


@pytest.fixture
def parted(pair):
    """Both have the same; then each changes what the other does not hear of."""
    a, b = pair.a.client(), pair.b.client()
    pair.meet()
    a.make_bucket(BUCKET).must(201)
    for name in ("same", "deleted-here", "deleted-there", "changed-here", "changed-there"):
        a.put(BUCKET, name, name.encode()).must(201)
    eventually(lambda: len(names(pair.b)) == 5, SOON_S, "site-b has them")
    only_here(a, targets="site-a")
    only_here(b, targets="site-b")
    a.put(BUCKET, "new-here", b"1").must(201)
    b.put(BUCKET, "new-there", b"1").must(201)
    a.delete(BUCKET, "deleted-here").must(204)
    b.delete(BUCKET, "deleted-there").must(204)
    put_again(a, "changed-here", b"2")
    put_again(b, "changed-there", b"2")
    pair.routed()
    only_here(a)
    return pair


# A delete that the other site has missed belongs to it; what only that site has does not.
@BOTH_WORLDS
def test_what_differs_is_ordered_and_nothing_else(parted):
    assert parted.counts(BUCKET, "--dry-run") == (3, 3)
    ran = parted.backfill(BUCKET).must(DONE)
    assert ran.text.splitlines() == [
        "3 ordered for site-b (2 B), of 7 objects looked at",
        "3 differ, but no order from here changes that: ferry diff names them",
    ]
    left = ["! changed-there", "< deleted-there", "> new-there"]
    eventually(lambda: parted.ferry("diff", BUCKET, "--with", "site-b").text.splitlines() == left, SOON_S,
               "only what site-b has changed differs")  # fmt: skip
    assert parted.counts(BUCKET, code=NOTHING) == (0, 3)


def test_a_prefix_and_all_of_it(parted):
    assert parted.counts(f"{BUCKET}/changed", "--dry-run") == (1, 1)
    # The bucket's own order comes on top; what is newer there stays so.
    assert parted.counts(f"{BUCKET}/changed", "--all") == (3, 0)
    b = parted.b.client()
    eventually(lambda: b.get(BUCKET, "changed-here").body == b"2", SOON_S, "site-b has it")
    assert b.get(BUCKET, "changed-there").must(200).body == b"2"
    assert b.status_of(BUCKET, "new-here") != "READY"


# Its DELETE went nowhere; a bucket that is there only says nothing.
def test_a_bucket_that_was_deleted_here_is_deleted_there(pair):
    a, b = pair.a.client(), pair.b.client()
    pair.meet()
    a.make_bucket(BUCKET).must(201)
    b.make_bucket("bucket-2").must(201)
    eventually(lambda: b.bucket_status(BUCKET) == "READY", SOON_S, "site-b has it")
    only_here(a, targets="site-a")
    a.drop_bucket(BUCKET).must(204)
    assert pair.backfill(BUCKET, "--dry-run").must(ERROR), "its targets stay"
    assert pair.counts(BUCKET, "--force") == (1, 0)
    eventually(lambda: b.bucket_status(BUCKET) == "DELETED", SOON_S, "it is deleted there, too")
    assert b.bucket_status("bucket-2") == "READY"


def test_a_bucket_for_other_sites_is_left_out(pair):
    a = pair.a.client()
    for bucket in (BUCKET, "bucket-2"):
        a.make_bucket(bucket).must(201)
        a.put(bucket, "o", b"1").must(201)
    only_here(a, targets="site-a")
    pair.meet()
    assert pair.counts() == (2, 0)
    pair.are_equal("bucket-2")
    refused = pair.backfill(BUCKET).must(ERROR)
    assert "name site-b among its targets, or force" in refused.err
    assert names(pair.b) == set()
    assert pair.counts(BUCKET, "--force") == (2, 0)
    pair.are_equal(BUCKET)


# ---- what it must not do


# It would be forgotten elsewhere by now, so the object would come back there.
def test_a_delete_that_came_too_late_is_in_the_way(pair):
    a = pair.a.client()
    for bucket in (BUCKET, "bucket-2"):
        a.make_bucket(bucket).must(201)
        a.put(bucket, "o", b"1").must(201)
    late = order("DELETE", BUCKET, "o", orderedAt="2020-01-01T00:00:00Z")
    a.post_order(late).must(201)
    wait_outcome(a, late["opId"], "dead")
    pair.meet()
    for words in ([BUCKET], [BUCKET, "--dry-run"], []):
        assert "a delete came too late" in pair.backfill(*words).must(ERROR).err
    assert pair.counts("bucket-2") == (2, 0)
    assert pair.counts(BUCKET, "--force") == (2, 0)
    pair.ferry("failed", "drop", "--reason", "EXPIRED").must(DONE)
    pair.are_equal(BUCKET, "bucket-2")
    assert pair.counts(code=NOTHING) == (0, 0)


# Found on the way it stops there, and says so.
def test_a_delete_that_comes_too_late_stops_one_that_runs(pair, tmp_path):
    put_folder(pair, tmp_path / "objects", 40)
    a = pair.a.client()
    a.make_bucket("bucket-2").must(201)
    pair.meet()
    number = pair.begin(rate=20)
    late = order("DELETE", "bucket-2", "o", orderedAt="2020-01-01T00:00:00Z")
    a.post_order(late).must(201)
    wait_outcome(a, late["opId"], "dead")
    stopped = eventually(lambda: (row := pair.row(number))["state"] == "stopped" and row, SOON_S, "it has stopped")
    assert "a delete came too late" in stopped["note"]
    assert stopped["ordered"] == 41 and stopped["at"]["bucket"] == BUCKET


def test_no_more_orders_a_second_than_it_may(pair, tmp_path):
    put_folder(pair, tmp_path / "objects", 30)
    pair.meet()
    began = time.monotonic()
    assert pair.counts("--rate", "20") == (31, 0)
    assert time.monotonic() - began > 30 / 20 - 0.2
    pair.are_equal()


@BOTH_WORLDS
def test_cancelled_it_orders_no_more(pair, tmp_path):
    put_folder(pair, tmp_path / "objects", 100)
    pair.meet()
    said = pair.backfill("--detach", "--rate", "5").must(DONE)
    assert "goes on in the background" in said.err
    assert "does that already" in pair.backfill("--detach").must(ERROR).err
    eventually(lambda: pair.row(1)["ordered"] > 0, SOON_S, "it has begun")
    assert pair.ferry("backfill", "--cancel", "1").must(DONE).text == "backfill 1 is cancelled\n"
    ordered = pair.row(1)["ordered"]
    pair.a.restart()
    shown = pair.ferry("backfill", "--list").must(DONE).text.split()
    assert ["1", "cancelled", "site-b", "all"] == shown[11:15]
    assert pair.row(1)["ordered"] == ordered < 100
    pair.ferry("backfill", "--cancel", "7").must(NOT_FOUND)
    pair.counts()
    assert pair.ferry("backfill", "--cancel", "2").must(NOTHING).text == "backfill 2 is done\n"
    pair.are_equal()


# A live order waits behind a bounded number of others, however many there are to be given.
def test_it_keeps_behind_what_the_site_has_to_do(pair):
    a = pair.a.client()
    a.make_bucket(BUCKET).must(201)
    a.put(BUCKET, "first", b"1").must(201)
    pair.a.stop()
    add_rows(pair.a, "first", "o", AHEAD + 3000)
    pair.a.start()
    pair.meet()
    a.pause("site-b").must(200)
    number = pair.begin(bucket=BUCKET)
    eventually(lambda: pair.row(number)["note"] == "the site has enough to do", SOON_S, "it waits")
    assert AHEAD - STEP < pair.row(number)["ordered"] <= AHEAD + 1
    assert a.metrics()["ferry_backfills"] == 1
    assert AHEAD - STEP < a.metrics()["ferry_backfill_orders_total"] <= AHEAD + 1
    a.call("POST", f"/ferry/v1/backfills/{number}/cancel").must(200)


# A page of names at a time: what it costs does not depend on how many there are. First to a site that has
# nothing of them, then, as the same rows, to one that has them all.
@pytest.mark.parametrize("count", [20_000, pytest.param(10_000_000, marks=SOAK)])
def test_many_objects_are_walked_in_little_memory(sites, count, record_property):
    pair = Pair(sites, program=release_binary())
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.a.client().put(BUCKET, "first", b"1").must(201)
    pair.meet()
    pair.counts()
    pair.are_equal()
    told = []
    for site in (pair.a, pair.b):
        site.stop()
        add_rows(site, "first", "o", count)
        site.start()
        began = time.monotonic()
        number = pair.begin(dryRun=True)
        eventually(lambda: pair.row(number)["state"] == "done", SOON_S + count / 2000, "all is counted")
        row = pair.row(number)
        told.append(f"{row['ordered']} of {row['looked']} in {time.monotonic() - began:.1f} s")
        assert (row["looked"], row["ordered"]) == (count + 1, 0 if site is pair.b else count)
    record_property("soak", f"{', '.join(told)}; {check_memory([pair.a, pair.b])}")


# A site that is away keeps it waiting, and it says why.
def test_a_site_that_is_away_is_waited_for(pair, tmp_path):
    put_folder(pair, tmp_path / "objects", 20)
    pair.meet()
    pair.b.stop()
    number = pair.begin()
    eventually(lambda: "site-b" in (pair.row(number)["note"] or ""), SOON_S, "it says why it waits")
    assert pair.row(number)["ordered"] == 0
    pair.b.start()
    eventually(lambda: pair.row(number)["state"] == "done", SOON_S, "it went on")
    assert pair.row(number)["note"] is None
    pair.are_equal()
    number = pair.begin(rate=1, all=True)
    pair.a.client().drop_site("site-b").must(204)
    eventually(lambda: pair.row(number)["state"] == "stopped", SOON_S, "nobody is left to wait for")


# It would refuse each order, since it could pull from nowhere.
def test_a_site_that_does_not_know_us_gets_no_orders(sites):
    pair = Pair(sites)
    b = pair.b.client()
    b.drop_site("site-a").must(204)
    pair.a.client().make_bucket(BUCKET).must(201)
    pair.a.client().put(BUCKET, "o", b"1").must(201)
    pair.meet()
    number = pair.begin()
    eventually(lambda: "site-b does not know site-a" in (pair.row(number)["note"] or ""), SOON_S, "it says so")
    assert pair.row(number)["ordered"] == 0
    b.add_site(id="site-a", uri=pair.a.url).must(201)
    eventually(lambda: pair.row(number)["state"] == "done", SOON_S, "then it goes on")
    pair.are_equal()


# ---- who else may be a target


def test_an_account_s_containers_go_under_their_names(pair):
    owner = pair.a.client("Account One")
    owner.container("POST", "My Container").must(201)
    owner.put_exact("My Container", "a/b c", b"1", account="Account One").must(201)
    pair.meet()
    ferry = Ferry(pair.a.url, client="Account One")
    row = ferry("backfill", "My Container", "--to", "site-b", "--json").must(DONE).json()
    assert (row["ordered"], row["account"]) == (2, "Account One")
    b = pair.b.client("Account One")
    read = eventually(lambda: (got := b.get_exact("My Container", "a/b c", account="Account One")).status == 200 and got,
                      SOON_S, "site-b has it")  # fmt: skip
    assert read.body == b"1"


# Names that it cannot have are left out; it shows what it was told, so nobody asks it for sums.
def test_a_ccs_site_gets_what_fits_it(sites):
    ccs = CcsSite()
    (a,) = sites(["site-a"])
    ccs.topology["site-a"] = a.url
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    things = {f"o-{number}": b"%d" % number for number in range(20)}
    for name, data in things.items():
        client.put(BUCKET, name, data).must(201)
    client.put_exact(BUCKET, "not for CCS \u00e9", b"1").must(201)
    a.client("Account One").container("POST", "My Container").must(201)
    client.add_site(id=ccs.site, uri=ccs.url).must(201)
    row = Ferry(a.url)("backfill", "--to", ccs.site, "--json").must(DONE).json()
    assert (row["ordered"], row["left"]) == (21, 1)
    eventually(lambda: ccs.ready(BUCKET) == things, 100.0, "it has just these objects")
    assert ccs.dropped == []
    ccs.close()


def test_what_makes_no_sense_is_said(pair):
    pair.ferry("backfill").must(USAGE)
    pair.backfill().must(NOT_FOUND)
    pair.meet()
    pair.backfill("no-such-bucket").must(NOT_FOUND)
    pair.ferry("backfill", "--to", "site-a").must(ERROR)
    pair.backfill("--rate", "0").must(USAGE)
    pair.ferry("backfill", BUCKET, "--list").must(USAGE)
    assert pair.counts(code=NOTHING) == (0, 0)
