"""Real CCS sites as targets: they say 201 to everything and drop what they cannot do. Ferry tells
them only what they can do, and sees to it that they have done it."""

import pytest

from support.ccs import CcsSite
from support.hostile import HostileSource
from support.orders import order
from support.waiting import eventually, stays

pytestmark = pytest.mark.worlds("embedded", "real")

# What a sender does by itself, most of it waiting, is the same on any engine.
SENDER_ALONE = pytest.mark.worlds("embedded")
BUCKET = "bucket-1"
SOON_S = 100  # what a busy machine does not show in 5 s is told again after a minute
NOT_FOR_CCS = "ferry_orders_not_for_ccs_total"


@pytest.fixture
def ccs():
    """A CCS site whose topology the test fills."""
    site = CcsSite()
    yield site
    site.close()


def with_ccs(sites, ccs, names=("site-a",), **settings):
    """Ferry sites that know each other and the CCS site."""
    made = sites(list(names), start=False, **settings)
    for site in made:
        site.peers = {other.name: other.url for other in made if other is not site}
        site.peers[ccs.site] = ccs.url
        ccs.topology[site.name] = site.url
        site.start()
    return made


def waiting_out(client, **filters):
    return client.waiting(direction="out", **filters).must(200).json()["orders"]


def has_exactly(ccs, bucket, things):
    eventually(lambda: ccs.ready(bucket) == things, SOON_S, f"{ccs.site} has just these objects")


def all_is_sent(client, ccs):
    """Nothing is in the site's topic, nor on its way there."""

    def backlog():
        numbers = client.metrics().items()
        topics = f'"request-replication.{ccs.site}"', '"request-replication"'
        return sum(value for name, value in numbers
                   if name.startswith("ferry_backlog_orders") and any(t in name for t in topics))  # fmt: skip

    eventually(lambda: client.metrics()["ferry_outbox_orders"] + backlog() == 0, SOON_S, "all is sent")


# The bucket first, then its objects, each once: nothing is dropped there.
def test_buckets_and_objects_arrive_and_nothing_is_dropped(sites, ccs):
    (a,) = with_ccs(sites, ccs)
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    things = {f"dir/o-{n}": b"%d" % n for n in range(50)}
    for name, data in things.items():
        client.put(BUCKET, name, data, metadata={"n": "1"}).must(201)
    has_exactly(ccs, BUCKET, things)
    for name in list(things)[:10]:
        client.delete(BUCKET, name).must(204)
        del things[name]
    has_exactly(ccs, BUCKET, things)
    for name in things:
        client.delete(BUCKET, name).must(204)
    client.drop_bucket(BUCKET).must(204)
    eventually(lambda: ccs.bucket_status(BUCKET) == "DELETED", SOON_S, "the bucket is deleted")
    assert [what for what in ccs.dropped if what[3] not in (404, 406, 410)] == []
    assert [what for what in ccs.dropped if what[0] == "CREATE"] == []
    assert max(ccs.requests) <= 32
    assert client.metrics()[NOT_FOR_CCS] == 0


# Ferry's order of the bucket went by before the site was here: its objects bring it along.
def test_a_bucket_older_than_the_site_comes_with_its_first_object(sites, ccs):
    (a,) = sites(["site-a"])
    ccs.topology["site-a"] = a.url
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    client.add_topology(ccs.site, ccs.url).must(201)
    client.put(BUCKET, "o", b"data").must(201)
    has_exactly(ccs, BUCKET, {"o": b"data"})
    assert ccs.applied == [("CREATE", BUCKET, None), ("CREATE", BUCKET, "o")]
    assert ccs.dropped == []


# Another client writes in the owner's bucket: at the CCS site only the owner has rights.
def test_the_owner_acts_at_a_ccs_site(sites, ccs):
    (a,) = with_ccs(sites, ccs)
    a.client().make_bucket(BUCKET).must(201)
    a.client().add_ownership("client-2", BUCKET, "WRITE").must(201)
    a.client("client-2").put(BUCKET, "o", b"written by another").must(201)
    has_exactly(ccs, BUCKET, {"o": b"written by another"})


# CCS answers a CREATE over what it has with silence. It must end with the newest bytes.
def test_a_changed_object_is_deleted_there_before_it_is_created(sites, ccs):
    (a,) = with_ccs(sites, ccs)
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    for name in ("changed", "same", "kept"):
        client.put(BUCKET, name, b"old").must(201)
    has_exactly(ccs, BUCKET, {"changed": b"old", "same": b"old", "kept": b"old"})
    ccs.down()
    del ccs.applied[:]
    for name, data in (("changed", b"between"), ("changed", b"new"), ("same", b"old")):
        client.delete(BUCKET, name).must(204)
        client.put(BUCKET, name, data).must(201)
    ccs.up()
    all_is_sent(client, ccs)
    assert ccs.ready(BUCKET) == {"changed": b"new", "same": b"old", "kept": b"old"}
    assert [what for what in ccs.dropped if what[0] == "CREATE"] == []
    changes = [what[0] for what in ccs.applied if what[2] == "changed"]
    assert changes == ["DELETE", "CREATE"] * (len(changes) // 2)
    stays(lambda: ccs.ready(BUCKET)["same"] == b"old", 1.0, "no late DELETE takes it away")


# Somebody at the CCS site has uploaded under that name, too.
def test_an_object_the_site_has_of_its_own_is_replaced(sites, ccs):
    ccs.plant_bucket(BUCKET, "client-1")
    ccs.plant(BUCKET, "o", b"theirs")
    (a,) = with_ccs(sites, ccs)
    a.client().make_bucket(BUCKET).must(201)
    a.client().put(BUCKET, "o", b"ours").must(201)
    has_exactly(ccs, BUCKET, {"o": b"ours"})
    assert ccs.applied == [("DELETE", BUCKET, "o"), ("CREATE", BUCKET, "o")]


# One bucket belongs to somebody else there: its orders wait with their reason, the others flow,
# and all is well by itself once the bucket is free.
@SENDER_ALONE
def test_what_the_site_does_not_do_waits_and_holds_nobody_up(sites, ccs):
    ccs.plant_bucket("bucket-2", "somebody-else")
    ccs.plant("bucket-2", "o", b"not to be touched")
    (a,) = with_ccs(sites, ccs, retry_first="1s", retry_second="1s", retry_later="1s")
    client = a.client()
    for bucket in (BUCKET, "bucket-2"):
        client.make_bucket(bucket).must(201)
        client.put(bucket, "o", b"ours").must(201)
    for number in range(10):
        client.put(BUCKET, f"more-{number}", b"x").must(201)
    eventually(lambda: len(ccs.ready(BUCKET)) == 11, SOON_S, "the other bucket flows")
    (row,) = eventually(lambda: waiting_out(client, state="waiting"), SOON_S, "one waits")
    assert (row["order"]["bucketName"], row["order"]["objectName"]) == ("bucket-2", "o")
    assert row["reason"] == "NOT_APPLIED"
    assert ccs.site in row["detail"]
    assert ccs.ready("bucket-2") == {"o": b"not to be touched"}
    eventually(lambda: waiting_out(client, bucket="bucket-2")[0]["attempts"] >= 2, SOON_S, "tried again")
    with ccs.lock:
        del ccs.buckets["bucket-2"], ccs.objects["bucket-2", "o"]
    has_exactly(ccs, "bucket-2", {"o": b"ours"})
    eventually(lambda: waiting_out(client) == [], SOON_S, "nothing waits any more")


@SENDER_ALONE
def test_what_the_site_never_does_is_dead_in_the_end(sites, ccs):
    ccs.plant_bucket("bucket-2", "somebody-else")
    (a,) = with_ccs(sites, ccs, retry_first="200ms", retry_later="200ms", retry_max_age="1s")
    client = a.client()
    client.make_bucket("bucket-2").must(201)
    client.put("bucket-2", "o", b"ours").must(201)
    (row,) = eventually(lambda: waiting_out(client, state="dead"), SOON_S, "it is dead")
    assert (row["reason"], row["order"]["objectName"]) == ("NOT_APPLIED", "o")
    with ccs.lock:
        del ccs.buckets["bucket-2"]
    client.retry_waiting(direction="out", state="dead").must(200)
    has_exactly(ccs, "bucket-2", {"o": b"ours"})
    assert waiting_out(client) == []


# Its API takes orders, its worker stands still; meanwhile we are killed and remember nothing.
@SENDER_ALONE
def test_a_site_that_takes_orders_and_does_nothing_for_a_while_loses_none(sites, ccs):
    (a,) = with_ccs(sites, ccs, retry_first="1s", retry_second="1s", retry_later="1s")
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    client.put(BUCKET, "early", b"early").must(201)
    has_exactly(ccs, BUCKET, {"early": b"early"})
    ccs.hold()
    things = {f"o-{n}": b"%d" % n for n in range(40)}
    for name, data in things.items():
        client.put(BUCKET, name, data).must(201)
    client.delete(BUCKET, "early").must(204)
    eventually(lambda: waiting_out(client), SOON_S, "some wait by now")
    a.restart()
    ccs.release()
    has_exactly(ccs, BUCKET, things)
    eventually(lambda: waiting_out(client) == [], SOON_S, "nothing waits any more")


# Killed again and again while the CCS site comes and goes: it ends with just what we have. (The site
# does not pull meanwhile: CCS has no way back for an object whose source goes away then.)
@SENDER_ALONE
def test_a_restarted_sender_and_a_site_that_comes_and_goes_end_equal(sites, ccs):
    (a,) = with_ccs(sites, ccs, retry_first="1s", retry_second="1s", retry_later="1s")
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    things = {}
    for turn in range(4):
        has_exactly(ccs, BUCKET, things)
        ccs.hold()
        for number in range(12):
            name = f"o-{number}"
            if things.pop(name, None) is not None:
                client.delete(BUCKET, name).must(204)
            if number != turn:
                things[name] = b"%d in turn %d" % (number, turn % 3)
                client.put(BUCKET, name, things[name]).must(201)
        if turn % 2:
            ccs.down()
        a.restart()
        if turn % 2:
            ccs.up()
        ccs.release()
    # A restarted sender is told some orders again, and tells them: for a moment all is there, then not.
    all_is_sent(client, ccs)
    eventually(lambda: waiting_out(client) == [], SOON_S, "nothing waits")
    has_exactly(ccs, BUCKET, things)
    stays(lambda: ccs.ready(BUCKET) == things, 1.0, "it stays so")


# A Ferry and a CCS site side by side: exact names are for the Ferry alone, and no dead letters.
def test_names_that_ccs_cannot_have_go_to_ferry_sites_only(sites, ccs):
    a, b = with_ccs(sites, ccs, names=("site-a", "site-b"))
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    exact = ["with space", "a--b", "Œuvre", "semi;colon"]
    for name in exact:
        client.put_exact(BUCKET, name, b"exact").must(201)
    client.put(BUCKET, "plain", b"plain").must(201)
    odd = "Client_2"
    a.client(odd).container("POST", "Photos", odd).must(201)
    a.client(odd).put_exact("Photos", "o", b"odd", odd).must(201)

    def at_ferry():
        names = {row["name"] for row in b.client().objects(BUCKET).must(200).json()["objects"]}
        there = b.client(odd).head_exact("Photos", "o", odd).status == 200
        return names == {*exact, "plain"} and there

    eventually(at_ferry, SOON_S, "the Ferry has all")
    has_exactly(ccs, BUCKET, {"plain": b"plain"})
    eventually(lambda: client.metrics()[NOT_FOR_CCS] == len(exact) + 2, SOON_S, "they are counted")
    assert set(ccs.buckets) == {BUCKET}
    assert client.waiting().must(200).json()["orders"] == []


# The CCS name is the first owner's; the other owner's container of that name must not mix with it.
def test_a_container_that_is_hidden_from_ccs_is_not_sent_to_it(sites, ccs):
    a, b = with_ccs(sites, ccs, names=("site-a", "site-b"))
    a.client().make_bucket(BUCKET).must(201)
    a.client().put(BUCKET, "o", b"first").must(201)
    other = a.client("client-2")
    other.put_exact(BUCKET, "p", b"hidden", account="client-2").must(404)
    has_exactly(ccs, BUCKET, {"o": b"first"})
    made = order("CREATE", BUCKET, source="site-b", client="client-2", toSite="site-a",
                 account="client-2", stamp="0000000000010001@site-b")  # fmt: skip
    a.client().post_order(made).must(201)
    eventually(lambda: other.container("GET", BUCKET, account="client-2").status == 200, SOON_S, "hidden, but there")
    other.put_exact(BUCKET, "p", b"hidden", account="client-2").must(201)
    eventually(lambda: a.client().metrics()[NOT_FOR_CCS] >= 1, SOON_S, "it is counted")
    assert ccs.ready(BUCKET) == {"o": b"first"}
    assert waiting_out(a.client()) == []


# The same address is a Ferry one day: from then on it gets everything, and what waited.
def test_a_ccs_site_that_becomes_a_ferry_gets_the_rest(sites, ccs):
    (a,) = with_ccs(sites, ccs)
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    client.put(BUCKET, "before", b"before").must(201)
    has_exactly(ccs, BUCKET, {"before": b"before"})
    ccs.hold()
    client.put(BUCKET, "waits", b"waits").must(201)
    eventually(lambda: waiting_out(client, state="waiting"), SOON_S, "one waits")
    ccs.down()
    (new,) = sites([ccs.site], start=False)
    new.port, new.url = ccs.port, ccs.url
    new.peers = {"site-a": a.url}
    new.start()
    client.put_exact(BUCKET, "with space", b"exact").must(201)

    def names():
        rows = new.client().objects(BUCKET).must(200).json()["objects"]
        return {row["name"] for row in rows if row["status"] == "READY"}

    eventually(lambda: names() == {"waits", "with space"}, SOON_S, "the Ferry gets the rest")
    eventually(lambda: waiting_out(client) == [], SOON_S, "nothing waits")


# An error page of something in between is neither a Ferry nor CCS: nothing is told, nothing lost.
def test_nothing_is_sent_to_what_is_no_site(sites):
    page = HostileSource(site="site-x", mode="502")
    try:
        (a,) = sites(["site-a"], peers={"site-a": {"site-x": page.url}})
        client = a.client()
        client.make_bucket(BUCKET).must(201)
        client.put_exact(BUCKET, "with space", b"x").must(201)
        eventually(lambda: client.metrics()["ferry_send_retry_total"] >= 2, SOON_S, "asked again")
        assert page.orders == []
        assert client.metrics()[NOT_FOR_CCS] == 0
        assert client.metrics()['ferry_sender_up{site="site-x"}'] == 0
        page.ferry, page.mode = True, "good"
        eventually(lambda: {o["objectName"] for o in page.orders} == {None, "with space"}, SOON_S, "all is sent")
    finally:
        page.close()
