"""Sites whose APIs and workers are processes of their own, on a real Kafka, PostgreSQL, Redis."""

import subprocess
import time

import pytest
from support.command import Ferry
from support.kafka import Cluster
from support.orders import order, wait_outcome
from support.postgres import Postgres
from support.redis import Redis
from support.roles import Parts
from support.site import binary, environment
from support.waiting import eventually

OBJECTS = 40
BEHIND = 2000


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """kafka, postgres and redis, which all sites of this file share."""
    folder = tmp_path_factory.mktemp("engines")
    redis = Redis(folder / "redis").start()
    with Cluster(folder / "kafka") as kafka, Postgres(folder / "postgres") as postgres:
        yield kafka, postgres, redis
    redis.kill()


@pytest.fixture(scope="module")
def pair(engines, tmp_path_factory):
    """Two sites of two APIs and two workers; the one has a Redis, the other no cache to share."""
    kafka, postgres, redis = engines
    folder = tmp_path_factory.mktemp("sites")
    sites = []
    for name, cache in (("site-a", redis.url), ("site-b", "local:")):
        (folder / name).mkdir()
        sites.append(
            Parts(
                name,
                folder / name,
                apis=2,
                workers=2,
                queue=f"kafka://{kafka.bootstrap}",
                queue_prefix=f"{name}.",
                queue_partitions=4,
                catalogue=postgres.database(name.replace("-", "_")),
                cache=cache,
                retry_memory="1s",
                retry_first="1s",
                sweep_every="500ms",
                pull_stall_timeout="60s",
            )
        )
    for site, other in (sites, sites[::-1]):
        site.know(other)
    try:
        for site in sites:
            site.start()
        sites[0].apis[0].client().make_bucket("bucket-1").must(201)
        there = sites[1].apis[1].client()
        eventually(lambda: there.bucket_status("bucket-1") == "READY", 30, "it has the bucket")
        yield sites
        for site in sites:
            site.stop()
    finally:
        for site in sites:
            site.kill()


def await_object(site, name, body, timeout=30):
    """Both APIs of the site give the same bytes."""
    for api in site.apis:
        client = api.client()
        eventually(
            lambda: client.status_of("bucket-1", name) == "READY", timeout, f"{name} at {site.name}"
        )
        assert client.get("bucket-1", name).must(200).body == body


def test_what_is_put_through_either_api_arrives_at_both_apis_of_the_other_site(pair):
    a, b = pair
    names = [f"either/{i}" for i in range(OBJECTS)]
    for i, name in enumerate(names):
        for site in (a, b):
            site.apis[i % 2].client().put("bucket-1", f"{name}/{site.name}", name.encode()).must(201)
    for name in names:
        await_object(b, f"{name}/site-a", name.encode())
        await_object(a, f"{name}/site-b", name.encode())


def told(part, field):
    """Of request-action, by partition, as one process tells it."""
    rows = Ferry(part.url)("lag", "--json").must().lines()
    return {row["partition"]: row[field] for row in rows if row["topic"] == "request-action"}


def test_an_api_without_a_worker_tells_what_is_left_behind_an_order_that_hangs(pair, hostile):
    site = pair[0]
    source = hostile(site="site-h", ferry=True, mode="stall")
    client = site.apis[0].client()
    client.add_site(id="site-h", uri=source.url).must(201)
    held = order("CREATE", "bucket-1", "held", "site-h", data=source.plant("bucket-1", "held", b"x" * 1000))
    client.post_order(held).must(201)
    eventually(lambda: source.pulls("held") > 0, 20, "its bytes are asked for, and do not come")
    behind = [order("UPDATE", "bucket-1", f"n{i}", "site-h", opId="behind") for i in range(BEHIND)]
    client.post_orders(behind).must(201)

    def all_tell_one():
        for part in site.all:
            assert sum(told(part, "backlog").values()) == 1, part.role
            assert max(told(part, "orders").values()) > BEHIND / 8, part.role  # of four partitions
        return True

    eventually(all_tell_one, 60, "the orders behind it are done, and every process says so")
    source.heal()
    wait_outcome(client, held["opId"], timeout=60)
    eventually(lambda: sum(told(site.apis[0], "orders").values()) == 0, 20, "all is committed")
    client.drop_site("site-h").must(204)
