"""Sites whose APIs and workers are processes of their own, on a real Kafka, PostgreSQL, Redis."""

import statistics
import subprocess
import time

import pytest
from support.command import Ferry
from support.orders import order, wait_outcome
from support.roles import Parts
from support.site import binary, environment
from support.waiting import eventually

OBJECTS = 40
BEHIND = 2000
USAGE = 2
TAKEN_OVER_S = 45  # Kafka's session (15 s) and the lease (10 s) end first; the machine may be busy


@pytest.fixture(scope="module")
def pair(servers, tmp_path_factory):
    """Two sites of two APIs and two workers; the one has a Redis, the other no cache to share."""
    folder = tmp_path_factory.mktemp("sites")
    number = servers.number()
    sites = []
    for name, cache in (("site-a", servers.redis.url), ("site-b", "local:")):
        (folder / name).mkdir()
        sites.append(
            Parts(
                name,
                folder / name,
                apis=2,
                workers=2,
                queue=f"kafka://{servers.kafka.bootstrap}",
                queue_prefix=f"{number}.{name}.",
                queue_partitions=4,
                catalogue=servers.postgres.database(f"{name}-{number}"),
                cache=cache,
                retry_memory="1s",
                retry_first="1h",
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


# Pitfall 20: lag read from the watermark makes one slow order look like a dead partition.
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


def seconds_until_ready(client, bucket, name):
    begun = time.monotonic()
    eventually(lambda: client.status_of(bucket, name) == "READY", 30, "it is there")
    return time.monotonic() - begun


def test_a_change_travels_in_moments_though_nobody_rings(pair):
    """Uploads come one by one, so that each finds all processes idle. Beside each an order that is given
    to the other site itself, which nobody has to pump, route or send: so busy is the machine."""
    a, b = pair
    here, there = a.apis[0].client(), b.apis[0].client()
    aside = here.exact("aside", account="client-1", route="container") + "&targets=site-a"  # goes nowhere
    here.call("POST", aside).must(201)
    travelled, given = [], []
    for i in range(15):
        here.put("bucket-1", f"lone/{i}", b"x").must(201)
        travelled.append(seconds_until_ready(there, "bucket-1", f"lone/{i}"))
        here.put("aside", f"lone/{i}", b"x").must(201)
        there.post_order(order("CREATE", "aside", f"lone/{i}", source="site-a", data=b"x")).must(201)
        given.append(seconds_until_ready(there, "aside", f"lone/{i}"))
    travel, alone = statistics.median(travelled), statistics.median(given)
    print(f"median {travel * 1000:.0f} ms, of an order given there {alone * 1000:.0f} ms")
    # A pump that waited for a ring would take half a second by itself, twice that on average.
    assert travel < 0.35 + 4 * alone, (travelled, given)


def test_a_right_taken_away_through_one_api_is_refused_by_the_other_at_once(pair):
    """Site-a has a Redis; site-b has no cache that its processes share."""
    pair[0].apis[0].client().put("bucket-1", "secret", b"x").must(201)
    await_object(pair[1], "secret", b"x")
    for site in pair:
        owners = [api.client() for api in site.apis]
        others = [api.client("client-6") for api in site.apis]
        for turn in range(6):
            one, two = owners[turn % 2], others[(turn + 1) % 2]
            one.add_ownership("client-6", "bucket-1", "READ").must(201)
            for _ in range(3):  # whatever keeps an answer keeps this one
                two.get("bucket-1", "secret").must(200)
            one.drop_ownership("client-6", "bucket-1").must(204)
            for other in (two, *others):
                other.get("bucket-1", "secret").must(404)  # hidden from who may not


def lag_of(part):
    """As the process tells it: orders for site-b in site-a's topic."""
    topic = 'topic="request-replication.site-b"'
    found = [v for k, v in part.client().metrics().items() if k.startswith("ferry_consumer_lag{") and topic in k]
    assert found, "the topic is not told of"
    return sum(found)


def test_what_a_person_does_at_an_api_counts_in_every_process(pair):
    a, b = pair
    one, two = (api.client() for api in a.apis)
    one.pause("site-b").must(200)
    for part in a.all:
        eventually(
            lambda: part.client().metrics()['ferry_site_paused{site="site-b"}'] == 1, 5, "it is told"
        )
    # An order that cannot be done yet: its object comes, but nobody tells of it. (One that is older
    # than the object would be done with.)
    stamp = f"{int(time.time() + 60) * 1000 << 16:016x}@site-a"
    wanted = order("CREATE", "bucket-1", "late", source="site-a", stamp=stamp)
    b.apis[0].client().post_order(wanted).must(201)
    waiting = b.apis[1].client()
    eventually(lambda: waiting.waiting(bucket="bucket-1").must(200).json()["orders"], 20, "it waits")
    two.put("bucket-1", "late", b"late").must(201)
    for part in a.all:  # in the topic of a site that is paused; also where no sender runs
        eventually(lambda: lag_of(part) == 1, 15, "it is kept back")
    (target,) = two.site_status().must(200).json()["targets"]
    assert (target["paused"], target["lag"]) == (True, 1)
    assert waiting.retry_waiting(bucket="bucket-1").must(200).json()["matched"] == 1
    await_object(b, "late", b"late", timeout=10)
    two.resume("site-b").must(200)
    for part in a.all:
        eventually(lambda: lag_of(part) == 0, 15, "it flows again")


def test_a_process_tells_of_what_it_is(pair):
    for part in pair[0].all:
        client = part.client(None)
        client.live().must(200)
        client.ready().must(200)
        numbers = client.metrics()
        assert numbers["ferry_scrape_errors"] == 0
        assert numbers['ferry_site_up{site="site-b"}'] == 1
        assert ("ferry_worker_paused" in numbers) == (part.role == "worker")
        client.call("GET", "/ferry/v1/hello").must(200 if part.role == "api" else 404)
        sites = pair[1].apis[0].client().sites().must(200).json()["sites"]
    assert {site["id"]: site["uri"] for site in sites} == {s.name: s.url for s in pair}


def plant_orphans(site, postgres):
    """A body that no row names, of each process that lives: process -> file."""
    database = site.apis[0].settings["catalogue"].rsplit("/", 1)[1]
    rows = postgres.query("SELECT boot_id FROM lease WHERE alive = 1", database)
    shard = site.apis[0].data / "store" / "00"
    files = {boot: shard / f"{boot}.{'0' * 26}" for boot in rows}
    for path in files.values():
        path.write_bytes(b"orphan")
    return files


def test_when_workers_are_killed_the_others_finish_and_clear_up(pair, servers):
    """The first worker of each site: the one that pumps may be among them, or not."""
    a, b = pair
    orphans = plant_orphans(b, servers.postgres)
    assert len(orphans) == 4
    names = [f"kill/{i}" for i in range(OBJECTS)]
    for i, name in enumerate(names):
        if i == OBJECTS // 2:
            a.workers[0].kill()
            b.workers[0].kill()
        a.apis[i % 2].client().put("bucket-1", name, name.encode()).must(201)
    for name in names:
        await_object(b, name, name.encode(), TAKEN_OVER_S)
    eventually(
        lambda: [path.exists() for path in orphans.values()].count(False) == 1,
        TAKEN_OVER_S,
        "what the dead one left is gone, and nothing of the living",
    )
    for site in pair:
        site.workers[0].start()
    b.apis[1].client().put("bucket-1", "again", b"again").must(201)
    await_object(a, "again", b"again", TAKEN_OVER_S)


# ---- refusals


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize(
    "engines_given, word",
    [
        ([], "--queue kafka:"),
        (["--queue", "sqlite:queue.db", "--catalogue", "postgres://x@127.0.0.1:1/x"], "--queue kafka:"),
        (["--queue", "kafka://127.0.0.1:1"], "--catalogue postgres:"),
        (["--queue", "kafka://127.0.0.1:1", "--catalogue", "sqlite:c.db"], "--catalogue postgres:"),
    ],
)
def test_engines_that_processes_cannot_share_are_refused(tmp_path, role, engines_given, word):
    words = [binary(), role, "--site", "site-a", "--data", str(tmp_path / "data"), *engines_given]
    ran = subprocess.run(words, capture_output=True, text=True, env=environment(), timeout=30)
    assert ran.returncode == USAGE
    assert word in ran.stderr and "ferry up" in ran.stderr
    assert not (tmp_path / "data").exists()


def test_a_second_process_on_embedded_engines_is_refused(sites):
    site = sites(["site-a"])["site-a"]
    words = [binary(), "up", "--site", "site-a", "--data", str(site.data), "--listen", "127.0.0.1:0"]
    ran = subprocess.run(words, capture_output=True, text=True, env=environment(), timeout=30)
    assert ran.returncode == USAGE
    site.client().make_bucket("bucket-1").must(201)
