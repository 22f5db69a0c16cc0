"""What is done to containers through OpenIO's API follows at the other sites; and one bucket is the same
through both APIs, wherever it was made."""

import threading

import pytest
from support.command import DONE, Ferry
from support.oio import CONTENT_META, FROZEN, NO_CONTAINER, Oio, counters, done, empty, fresh, refused, sha256
from support.racers import backlog
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

SOON_S = 30.0
ACCOUNT = "account-1"


@pytest.fixture(scope="module")
def pair(module_sites):
    return module_sites(["site-a", "site-b"])


@pytest.fixture
def here(pair):
    return Oio(pair[0].url)


@pytest.fixture
def there(pair):
    return Oio(pair[1].url)


def soon(predicate, reason):
    return eventually(predicate, SOON_S, reason)


def is_there(oio, ref):
    return oio.show(ref).must(200, 404).status == 200


def readable(oio, ref, name):
    """Its body, or None."""
    answer = oio.body(ref, name).must(200, 404)
    return answer.body if answer.status == 200 else None


def made(here, there, policy=None, names=()):
    """A container with objects, on both."""
    ref = here.made(system={"sys.m2.policy.version": str(policy)} if policy is not None else {})
    here.fill(ref, names)
    soon(lambda: is_there(there, ref) and there.names(ref) == sorted(names), "the container is there")
    return ref


def settled(*sites):
    """Nothing is on its way any more."""
    for site in sites:
        eventually(lambda site=site: backlog(site) == 0, 60, f"{site.name} has sent and done all")


def nothing_waits(*sites):
    for site in sites:
        assert site.client().waiting().must(200).json()["orders"] == []


def no_conflicts(*sites):
    nothing_waits(*sites)
    for site in sites:
        assert site.client().conflicts().must(200).json()["conflicts"] == []


# ---- containers


def test_a_container_is_created_and_destroyed_elsewhere(here, there):
    ref = here.made(properties={"colour": "red"})
    soon(lambda: is_there(there, ref), "it is there")
    assert there.system(ref)["sys.account"] == ACCOUNT
    empty(here.destroy(ref))
    soon(lambda: not is_there(there, ref), "it is gone there")
    refused(there.show(ref), 404, *NO_CONTAINER)
    empty(here.create(ref), 201)
    soon(lambda: is_there(there, ref), "it is there again")
    empty(there.destroy(ref))
    soon(lambda: not is_there(here, ref), "it is gone here")


def test_a_destroy_by_force_takes_the_objects_elsewhere(here, there):
    ref = made(here, there, names=["a", "b", "c"])
    empty(here.destroy(ref, force=1))
    soon(lambda: not is_there(there, ref), "it is gone there")
    assert readable(there, ref, "a") is None
    empty(here.create(ref), 201)
    soon(lambda: is_there(there, ref), "it is there again")
    assert (there.names(ref), counters(there, ref)) == ([], (0, 0))


def test_what_comes_again_elsewhere_begins_from_scratch(pair, here, there):
    """There versions were kept of what was deleted here, and nothing says so any more."""
    ref = made(here, there, -1, ["a", "b"])
    done(there.set(ref, {"colour": "red"}, {"sys.m2.policy.version": "-1"}))
    here.fill(ref, ["a"], b"newer")
    soon(lambda: len(there.versions(ref)) == 3, "a version more is there")
    empty(here.destroy(ref, force=1))
    soon(lambda: not is_there(there, ref), "it is gone there")
    empty(here.create(ref), 201)
    soon(lambda: is_there(there, ref), "it is there again")
    assert (there.versions(ref), there.properties(ref), counters(there, ref)) == ([], {}, (0, 0))
    empty(there.destroy(ref))


def test_create_many_is_followed(here, there):
    names = [fresh() for _ in range(20)]
    here.create_many([{"name": name} for name in names]).must(200)
    soon(lambda: all(is_there(there, name) for name in names), "all are there")


def test_properties_and_states_stay_local(pair, here, there):
    ref = made(here, there)
    done(here.set(ref, {"colour": "red"}, {"sys.m2.quota": "1000"}))
    done(here.freeze(ref))
    done(there.set(ref, {"shape": "round"}))
    settled(*pair)
    assert (here.properties(ref), there.properties(ref)) == ({"colour": "red"}, {"shape": "round"})
    assert here.system(ref)["sys.status"] == FROZEN and there.system(ref)["sys.status"] == "0"
    assert "sys.m2.quota" not in there.system(ref)


def test_an_order_is_applied_to_a_container_that_its_clients_may_not_change(here, there):
    ref = made(here, there)
    done(there.freeze(ref))
    here.put(ref, "a", b"from afar").must(201)
    soon(lambda: readable(there, ref, "a") == b"from afar", "it is there")
    refused(there.delete(ref, "a"), 503, 436)
    empty(here.delete(ref, "a"))
    soon(lambda: readable(there, ref, "a") is None, "it is gone there")


# ---- objects


@pytest.mark.parametrize("policy", [None, 3, -1])
def test_overwrites_are_followed_and_no_conflict(pair, here, there, policy):
    ref = made(here, there, policy)
    for number in range(20):
        here.put(ref, "name", b"body %d" % number).must(201)
        there.put(ref, "other", b"body %d" % number).must(201)
    soon(lambda: readable(there, ref, "name") == b"body 19", "the last is there")
    soon(lambda: readable(here, ref, "other") == b"body 19", "the other's last is here")
    settled(*pair)
    no_conflicts(*pair)
    assert [row["hash"] for row in here.entries(ref)] == [row["hash"] for row in there.entries(ref)]
    assert (len(here.versions(ref, "name")), len(there.versions(ref, "name"))) == (1 if policy is None else 20, 1)


@pytest.mark.parametrize("policy", [None, -1])
def test_deletes_are_followed(pair, here, there, policy):
    ref = made(here, there, policy, ["a", "b"])
    empty(here.delete(ref, "a"))
    soon(lambda: there.names(ref) == ["b"], "it is gone there")
    assert readable(there, ref, "a") is None
    here.put(ref, "a", b"again").must(201)
    soon(lambda: readable(there, ref, "a") == b"again", "it is there again")
    settled(*pair)
    no_conflicts(*pair)


def test_an_older_version_that_comes_back_does_so_elsewhere(pair, here, there):
    ref = made(here, there, -1)
    for body in (b"older", b"newest"):
        here.put(ref, "a", body).must(201)
    soon(lambda: readable(there, ref, "a") == b"newest", "the newest is there")
    empty(here.delete(ref, "a", version=here.versions(ref)[0]["version"]))
    soon(lambda: readable(there, ref, "a") == b"older", "the older one is back there")
    empty(here.delete(ref, "a", version=here.versions(ref)[0]["version"]))
    soon(lambda: readable(there, ref, "a") is None, "it is gone there")
    settled(*pair)
    no_conflicts(*pair)


def test_an_older_version_is_nobody_elses_affair(pair, here, there):
    ref = made(here, there, -1)
    for body in (b"older", b"newest"):
        here.put(ref, "a", body).must(201)
    soon(lambda: readable(there, ref, "a") == b"newest", "the newest is there")
    settled(*pair)
    stamp = there.bodies.head_exact(ref, "a", account=ACCOUNT).must(200).header("x-ferry-stamp")
    empty(here.delete(ref, "a", version=here.versions(ref)[1]["version"]))
    empty(here.purge(ref, maxvers=1))
    settled(*pair)
    assert there.bodies.head_exact(ref, "a", account=ACCOUNT).must(200).header("x-ferry-stamp") == stamp


def test_flush_is_followed(pair, here, there):
    ref = made(here, there, -1, ["a", "b", "c"])
    here.fill(ref, ["a"], b"a second version")
    empty(here.flush(ref))
    soon(lambda: there.names(ref) == [], "all are gone there")
    settled(*pair)
    assert is_there(there, ref) and counters(there, ref) == (0, 0)
    no_conflicts(*pair)


def test_purge_takes_deleted_names_here_and_none_elsewhere(pair, here, there):
    ref = made(here, there, -1, ["gone", "stays"])
    done(here.set(ref, system={"sys.m2.keep_deleted_delay": "0"}))
    empty(here.delete(ref, "gone"))
    soon(lambda: there.names(ref) == ["stays"], "it is gone there")

    def purged():
        empty(here.purge(ref))
        return here.versions(ref, "gone") == []

    soon(purged, "the name is erased")
    settled(*pair)
    assert (here.names(ref), there.names(ref)) == (["stays"], ["stays"])


def test_properties_of_objects_are_followed(pair, here, there):
    ref = made(here, there, None, ["a"])
    pulled = pair[1].client(None).metrics()["ferry_bytes_pulled_total"]
    here.content("POST", "set_properties", ref, "a", {"properties": {"Key Ü": "é", "b": "2"}}).must(204)

    def told():
        return there.content("POST", "get_properties", ref, "a").must(200).json()["properties"]

    soon(lambda: told() == {"Key Ü": "é", "b": "2"}, "they are there")
    here.content("POST", "del_properties", ref, "a", ["b"]).must(204)
    soon(lambda: told() == {"Key Ü": "é"}, "one is gone there")
    assert there.entries(ref)[0]["hash"] == sha256(b"bytes")
    assert pair[1].client(None).metrics()["ferry_bytes_pulled_total"] == pulled
    no_conflicts(*pair)


def test_what_is_only_described_follows_once_its_body_is_here(pair, here, there):
    ref = made(here, there)
    media = {CONTENT_META + "mime-type": "text/plain"}
    empty(here.register(ref, "a", 5, sha256(b"hello"), {"colour": "red"}, media))
    settled(*pair)
    assert (here.names(ref), there.names(ref)) == (["a"], [])
    here.put(ref, "a", b"hello").must(201)
    soon(lambda: readable(there, ref, "a") == b"hello", "it is there")


def test_a_snapshot_is_followed_and_moves_no_bytes(pair, here, there):
    ref, copy = made(here, there, -1, ["a", "b", "c/d"]), fresh()
    settled(*pair)
    pulled = pair[1].client(None).metrics()["ferry_bytes_pulled_total"]
    empty(here.snapshot(ref, copy))
    soon(lambda: is_there(there, copy) and there.names(copy) == ["a", "b", "c/d"], "the copy is there")
    settled(*pair)
    assert pair[1].client(None).metrics()["ferry_bytes_pulled_total"] == pulled
    assert readable(there, copy, "c/d") == b"bytes"
    empty(here.destroy(ref, force=1))
    soon(lambda: not is_there(there, ref), "the source is gone there")
    assert readable(there, copy, "a") == b"bytes"
    no_conflicts(*pair)


@pytest.mark.parametrize("account", ["Account.One", "é 日本", "a/b", "a" * 63])
def test_names_of_any_characters_follow(pair, account):
    here, there = (Oio(site.url, account) for site in pair)
    for ref in (fresh("UPPER "), fresh("a/b%2F?"), fresh("日本 "), fresh().ljust(1023, "x")):
        empty(here.create(ref), 201)
        here.put(ref, "é/ü %", b"hello").must(201)
        soon(lambda ref=ref: readable(there, ref, "é/ü %") == b"hello", "it is there")
        assert there.system(ref)["sys.user.name"] == ref


# ---- a container destroyed while objects are still coming


@pytest.fixture
def trio(sites):
    return sites(["site-a", "site-b", "site-c"])


def held(site, ref):
    """What the site has of the container."""
    oio = Oio(site.url)
    if not is_there(oio, ref):
        return None
    assert oio.list(ref).header("x-oio-list-truncated") == "false"
    return [(row["name"], row["hash"], row["version"]) for row in oio.entries(ref)]


def check_the_same(trio, ref):
    settled(*trio)

    def same():
        found = [held(site, ref) for site in trio]
        assert found[0] == found[1] == found[2], found
        return True

    soon(same, "all sites show the same")
    for site in trio if is_there(Oio(trio[0].url), ref) else ():
        oio = Oio(site.url)
        rows = oio.versions(ref)
        assert counters(oio, ref) == (len(rows), sum(row["size"] for row in rows))
        for other in trio:
            if other is not site:
                Ferry(site.url, ACCOUNT)("diff", ref, "--with", other.name).must(DONE)
    nothing_waits(*trio)  # bytes that a delete did not know of are kept as a conflict, and rightly
    return held(trio[0], ref)


def test_a_container_destroyed_before_objects_of_another_site_came_is_the_same_on_all(trio):
    a, b, _ = trio
    here, elsewhere = Oio(a.url), Oio(b.url)
    ref = here.made()
    soon(lambda: all(is_there(Oio(site.url), ref) for site in trio), "the container is on all sites")
    for other in ("site-a", "site-c"):
        b.client().pause(other).must(200)
    elsewhere.fill(ref, [f"o{number}" for number in range(50)])
    empty(here.destroy(ref))  # where it is empty
    for other in ("site-a", "site-c"):
        b.client().resume(other).must(200)
    soon(lambda: is_there(here, ref) and len(here.names(ref)) == 50, "its objects keep the container")
    assert len(check_the_same(trio, ref)) == 50
    empty(here.destroy(ref, force=1))
    soon(lambda: all(not is_there(Oio(site.url), ref) for site in trio), "it is gone everywhere")
    assert check_the_same(trio, ref) is None


class Uploader(threading.Thread):
    """Puts objects until it is told to stop; its container may be gone at any moment."""

    def __init__(self, site, ref):
        super().__init__(daemon=True)
        self.oio, self.ref, self.name = Oio(site.url), ref, site.name
        self.stopping = threading.Event()
        self.taken = self.refused = 0
        self.problem = None

    def has_asked(self, count):
        if self.problem is not None:
            raise self.problem
        return self.taken + self.refused >= count

    def run(self):
        try:
            while not self.stopping.is_set():
                name = f"{self.name}-{(self.taken + self.refused) % 40}"
                taken = self.oio.put(self.ref, name, b"%d" % self.taken).must(201, 404).status == 201
                self.taken, self.refused = self.taken + taken, self.refused + (not taken)
        except Exception as problem:  # of a thread nobody would see it
            self.problem = problem


def test_a_container_destroyed_while_all_sites_write_into_it_ends_the_same_on_all(trio):
    here = Oio(trio[0].url)
    ref = here.made()
    soon(lambda: all(is_there(Oio(site.url), ref) for site in trio), "the container is on all sites")
    uploaders = [Uploader(site, ref) for site in trio]
    for uploader in uploaders:
        uploader.start()
    for number in range(4):
        soon(lambda number=number: all(one.has_asked(20 * (number + 1)) for one in uploaders), "they write")
        here.destroy(ref, force=1).must(204, 404, 503)  # 503: it was written into again and again
        if number < 3:
            here.create(ref).must(201, 204)
    for uploader in uploaders:
        uploader.stopping.set()
    for uploader in uploaders:
        uploader.join(SOON_S)
        assert uploader.problem is None, uploader.problem
        assert uploader.taken > 20
    check_the_same(trio, ref)
    if is_there(here, ref):
        here.destroy(ref, force=1).must(204)
    soon(lambda: all(not is_there(Oio(site.url), ref) for site in trio), "it is gone everywhere")
    assert check_the_same(trio, ref) is None


# ---- one bucket, two APIs


def test_a_bucket_of_ccs_is_a_container(pair, here, there):
    ccs, bucket = pair[0].client(ACCOUNT), fresh("bucket")
    ccs.make_bucket(bucket).must(201)
    ccs.put(bucket, "dir/o", b"hello", metadata={"colour": "red"}).must(201)
    for oio in (here, there):
        soon(lambda oio=oio: is_there(oio, bucket) and oio.names(bucket) == ["dir/o"], "OpenIO sees it")
        (entry,) = oio.entries(bucket, properties=1)
        assert (entry["hash"], entry["properties"]) == (sha256(b"hello"), {"colour": "red"})
        assert counters(oio, bucket) == (1, 5)
        refused(oio.destroy(bucket), 409, 438)
    empty(here.create(bucket), 204)
    here.put(bucket, "dir/o", b"other bytes").must(409)
    refused(here.register(bucket, "dir/o"), 409, 421)
    empty(here.delete(bucket, "dir/o"))
    assert ccs.status_of(bucket, "dir/o") == "DELETED"
    ccs.drop_bucket(bucket).must(204)
    soon(lambda: not is_there(there, bucket), "it is gone for OpenIO elsewhere")
    refused(here.show(bucket), 404, *NO_CONTAINER)


def test_a_container_that_fits_is_a_bucket_of_ccs(pair, here, there):
    ref = here.made()
    for site in pair:
        ccs = site.client(ACCOUNT)
        soon(lambda ccs=ccs: ccs.bucket_status(ref) == "READY", "CCS sees it")
        row = ccs.bucket(ref).must(200).json()
        assert (row["clientId"], row["id"]) == (ACCOUNT, ref)
    ccs = pair[1].client(ACCOUNT)
    ccs.put(ref, "o", b"by CCS").must(201)
    soon(lambda: here.names(ref) == ["o"], "OpenIO sees its object here")
    here.put(ref, "o", b"by OpenIO's rules").must(201)
    soon(lambda: ccs.get(ref, "o").must(200).body == b"by OpenIO's rules", "CCS reads the newest")
    ccs.put(ref, "o", b"never over what is there").must(409)
    assert counters(there, ref) == (1, 17)
    ccs.drop_bucket(ref).must(406)
    empty(here.destroy(ref, force=1))
    soon(lambda: ccs.bucket_status(ref) == "DELETED", "it is deleted for CCS")


def test_ccs_sees_the_newest_version_alone(pair, here):
    ref = here.made(system={"sys.m2.policy.version": "-1"})
    ccs = pair[0].client(ACCOUNT)
    for body in (b"1", b"2"):
        here.put(ref, "o", body).must(201)
    assert [row["name"] for row in ccs.listing(ref).must(200).lines()] == ["o"]
    assert ccs.get(ref, "o").must(200).body == b"2"
    empty(here.delete(ref, "o"))
    ccs.get(ref, "o").must(404)
    assert ccs.status_of(ref, "o") == "DELETED"
    ccs.put(ref, "o", b"3").must(201)
    assert [row["deleted"] for row in here.versions(ref)] == [False, True, False, False]


def test_a_name_that_does_not_fit_is_not_seen_by_ccs(pair, here, there):
    refs = [fresh("Upper"), fresh("under_score"), fresh("sp ace"), fresh().ljust(64, "x")]
    for ref in refs:
        empty(here.create(ref), 201)
        here.put(ref, "o", b"hidden").must(201)
        soon(lambda ref=ref: readable(there, ref, "o") == b"hidden", "it is there for OpenIO")
    for site in pair:
        ccs = site.client(ACCOUNT)
        seen = {row["id"] for row in ccs.buckets().must(200).json()}
        assert not seen & set(refs)
        for ref in (refs[0], refs[1], refs[3]):
            assert ccs.bucket(ref).status in (400, 404)
            assert ccs.bucket(ref.lower()).status in (400, 404), "another name's container"


def test_of_two_accounts_with_one_name_ccs_sees_the_first(pair, here, there):
    ref, others = fresh("same"), [Oio(site.url, "account-2") for site in pair]
    empty(here.create(ref), 201)
    here.put(ref, "o", b"first").must(201)
    soon(lambda: readable(there, ref, "o") == b"first", "the first is there")
    empty(others[0].create(ref), 201)
    others[0].put(ref, "o", b"second").must(201)
    soon(lambda: readable(others[1], ref, "o") == b"second", "the second is there")
    for site in pair:
        assert site.client(ACCOUNT).get(ref, "o").must(200).body == b"first"
        site.client("account-2").get(ref, "o").must(403, 404)
        assert site.client(ACCOUNT).bucket(ref).must(200).json()["clientId"] == ACCOUNT
    assert (readable(there, ref, "o"), counters(there, ref), counters(others[1], ref)) == (b"first", (1, 5), (1, 6))
    empty(others[0].destroy(ref, force=1))
    soon(lambda: not is_there(others[1], ref), "the second is gone there")
    assert readable(there, ref, "o") == b"first"
