"""A site whose cache is a Redis: rights count at once, whatever becomes of it."""

import concurrent.futures
import time

import pytest
from support.redis import Redis
from support.waiting import eventually

HUNG_S = 20
LOOKUPS = 1000
SLOW_S = 5  # the machine may be busy


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis").start()
    yield server
    server.kill()


@pytest.fixture
def site(sites, redis):
    """On a busy machine a Redis that is well may take longer than the usual 50 ms."""
    return sites(["site-a"], cache=redis.url, cache_timeout="1s")["site-a"]


def metric(site, name):
    text = site.request("GET", "/metrics").body.decode()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


def check_rights(site, bucket):
    """A right given and taken away again; gives how long the slowest look-up took."""
    owner, other = site.client("client-1"), site.client("client-6")
    slowest = 0.0
    for may_read in (True, False, True, False):
        if may_read:
            owner.add_ownership("client-6", bucket, "READ").must(201)
        else:
            owner.drop_ownership("client-6", bucket).must(204)
        for _ in range(5):
            begun = time.monotonic()
            other.get(bucket, "o").must(200 if may_read else 404)  # hidden from who may not
            slowest = max(slowest, time.monotonic() - begun)
    return slowest


@pytest.fixture
def bucket(site):
    client = site.client("client-1")
    client.make_bucket("bucket").must(201)
    client.put("bucket", "o", b"x").must(201)
    return "bucket"


def test_rights_are_cached_in_redis_and_count_at_once(site, bucket):
    check_rights(site, bucket)
    assert metric(site, "ferry_cache_hits_total") > 0
    assert metric(site, "ferry_cache_away") == 0


def test_a_redis_that_hangs_for_20_s_holds_nobody_up(site, redis, bucket):
    check_rights(site, bucket)
    redis.freeze()
    deadline = time.monotonic() + HUNG_S
    slowest = 0.0
    while time.monotonic() < deadline:
        slowest = max(slowest, check_rights(site, bucket))
        time.sleep(0.5)
    assert slowest < SLOW_S  # no look-up waited for it
    assert metric(site, "ferry_cache_away") == 1
    redis.thaw()
    check_rights(site, bucket)
    eventually(lambda: metric(site, "ferry_cache_away") == 0)
    check_rights(site, bucket)


def test_a_redis_that_is_killed_and_comes_back_empty(site, redis, bucket):
    check_rights(site, bucket)
    redis.kill()
    check_rights(site, bucket)
    redis.start()
    check_rights(site, bucket)
    eventually(lambda: metric(site, "ferry_cache_away") == 0)
    check_rights(site, bucket)


def test_a_site_starts_without_its_redis(sites, redis):
    redis.kill()
    site = sites(["site-a"], cache=redis.url)["site-a"]
    site.client("client-1").make_bucket("bucket").must(201)
    assert metric(site, "ferry_cache_away") == 1


def questions(site, bucket, lookups):
    """How often the catalogue was asked for a right that was given just now, by so many at once."""
    owner, other = site.client("client-1"), site.client("client-6")
    owner.add_ownership("client-6", bucket, "READ").must(201)
    before = metric(site, "ferry_cache_misses_total")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = pool.map(lambda _: other.get(bucket, "o").status, range(lookups))
        assert set(answers) == {200}
    owner.drop_ownership("client-6", bucket).must(204)
    return metric(site, "ferry_cache_misses_total") - before


def test_a_thousand_look_ups_ask_the_catalogue_no_more_than_one(site, bucket):
    assert questions(site, bucket, LOOKUPS) == questions(site, bucket, 1) > 0


def check_exchange(a, b, name):
    """An object comes from a to b, and b says by /local that a has it."""
    a.client().put("bucket", name, name.encode()).must(201)
    there = b.client()
    eventually(lambda: there.status_of("bucket", name) == "READY", 20, f"{name} is at {b.name}")
    begun = time.monotonic()
    assert there.local("HEAD", f"bucket/{name}").must(204).header("x-clonecloudstore-type") == "OBJECT"
    assert time.monotonic() - begun < SLOW_S


@pytest.mark.parametrize("harm, heal", [("freeze", "thaw"), ("kill", "start")])
def test_local_and_the_worker_go_on_without_redis(sites, redis, harm, heal):
    pair = sites(["site-a", "site-b"], cache=redis.url)
    pair[0].client().make_bucket("bucket").must(201)
    check_exchange(*pair, "before")
    getattr(redis, harm)()
    check_exchange(*pair, "meanwhile")
    getattr(redis, heal)()
    check_exchange(*pair, "after")
    for site in pair:
        eventually(lambda: metric(site, "ferry_cache_away") == 0)
