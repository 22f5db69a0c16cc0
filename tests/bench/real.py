"""The real world: `ferry api` and `ferry worker` on Kafka, PostgreSQL and Redis, all on this machine.

CPU is told of each process: the servers are a part of what an order costs.
"""

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import cost
from generator import (API_THREADS, BUCKET, CLIENT, Server, load, one_by_one, orders_json, orders_request,
                       post, upload_request, wait_for)  # fmt: skip
from support.kafka import Cluster
from support.postgres import Postgres
from support.redis import Redis
from support.roles import Parts
from support.site import binary, environment
from table import percentiles, row, spread

PARTITIONS = 12  # queue.partitions
ORDER_SECONDS = 3
FLOOR_SECONDS = 2  # before Ferry's, and again after it
WARM_SECONDS = 4
AIMS = {1: 0.6, 100: 0.3}  # of the floor, by orders a request
P99_AIM = 2
WORKERS = (1, 2, 4)
SETTLED_ORDERS = 40_000
SETTLED_EACH = 100
LOOK_S = 0.2  # between two looks at a worker's metrics, for which it asks the broker
OBJECTS = 5_000
SERVERS = ("broker", "PostgreSQL", "Redis")
DELAY_OBJECTS = 200
# As a broker that has orders to do, not as one of the tests: both compilers, a collector of its own
# threads, and a heap that it need not grow.
JAVA = ["-Xms768m", "-Xmx768m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Djava.awt.headless=true"]


class Engines:
    """A broker, a database server and a cache, and their URLs."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ferry-bench-"))
        self.root.chmod(0o755)
        self.kafka = Cluster(self.root / "kafka", java=JAVA).start()
        self.postgres = Postgres(self.root / "postgres").start()
        self.redis = Redis(self.root / "redis").start()
        self.queue = f"kafka://{self.kafka.bootstrap}"
        self.processes = {
            "broker": [self.kafka.brokers[0].pid],
            "PostgreSQL": [self.postgres.process.pid],
            "Redis": [self.redis.process.pid],
        }

    def site(self, name: str, workers: int) -> Parts:
        """Its parts, not started."""
        folder = self.root / name
        folder.mkdir()
        return Parts(name, folder, workers=workers, queue=self.queue, queue_prefix=f"{name}.",
                     catalogue=self.postgres.database(name), cache=self.redis.url)

    def floor(self) -> Server:
        """On a topic as Ferry would make it."""
        command = [binary(), "topics", "ensure", "--queue", self.queue, "--queue-prefix", "floor."]
        subprocess.run(command, env=environment(), check=True, stdout=subprocess.DEVNULL)
        return Server("bench_floor_kafka", API_THREADS, self.kafka.bootstrap, "floor.request-action",
                      PARTITIONS)

    def meter(self, **sites: list) -> cost.Meter:
        """Of the servers and of these processes of sites."""
        pids = {name: [part.pid for part in parts] for name, parts in sites.items()}
        return cost.Meter({**pids, **self.processes}, families=("PostgreSQL",))

    def template(self, name: str, text: bytes) -> Path:
        path = self.root / name
        path.write_bytes(text)
        return path

    def close(self) -> None:
        self.redis.kill()
        self.postgres.remove()
        self.kafka.stop()
        shutil.rmtree(self.root)


@contextmanager
def engines():
    world = Engines()
    try:
        yield world
    finally:
        world.close()


def each_us(seconds: float, count: int) -> str:
    """For one of count, with a digit behind the point where that says something."""
    each = seconds / max(count, 1) * 1e6
    return f"{each:.1f}" if each < 9.95 else f"{each:.0f}"


def cost_row(what: str, meter: cost.Meter, count: int) -> None:
    """Of the sites' processes first, then of the servers: what the meter has, for each of count."""
    used = {name: each_us(seconds, count) for name, seconds in meter.seconds().items()}
    own = [name for name in used if name not in SERVERS]
    row(f"- CPU {what}: {' / '.join(own)}", " / ".join(used[name] for name in own) + " us")
    row("  " + " / ".join(SERVERS), " / ".join(used[name] for name in SERVERS) + " us")


def told(workers: list) -> str:
    return f"{len(workers)} worker{'s' if len(workers) > 1 else ''}"


def memory_row(world: Engines, **sites: list) -> None:
    peaks = [f"{max(cost.memory_mb(p.pid) for p in parts):.0f}" for parts in sites.values()]
    broker = cost.memory_mb(world.processes["broker"][0], "VmRSS")
    row(f"- peak RSS: {', '.join(sites)}; the broker's RSS", f"{' / '.join(peaks)}; {broker:.0f} MB", "",
        None, "64 MB; any")


# ---------------------------------------------------------------- orders in


def floor_request(each: int) -> bytes:
    """The same orders, one a line."""
    return post("/", "\n".join(orders_json(each)).encode(), "application/x-ndjson")


def ingest_at(world: Engines, api, floor: Server, name: str, connections: int, each: int) -> None:
    """Floor, Ferry, floor: what else the machine does falls on both."""
    bare = world.template("floor", floor_request(each))
    path = world.template("orders", orders_request(each))
    floors, floor_cpu, broker_cpu = [], 0.0, 0.0

    def measure_floor() -> None:
        nonlocal floor_cpu, broker_cpu
        meter = cost.Meter({"floor": [floor.pid], **world.processes}, ("PostgreSQL",))
        floors.append(load(floor.port, connections, FLOOR_SECONDS, bare))
        used = meter.seconds()
        floor_cpu, broker_cpu = floor_cpu + used["floor"], broker_cpu + used["broker"]

    measure_floor()
    meter = world.meter(api=[api])
    got = load(api.port, connections, ORDER_SECONDS, path)
    used = meter.seconds()
    measure_floor()

    def mean(field: str) -> float:
        return sum(one[field] for one in floors) / len(floors)

    rate, floor_rate = got["good"] * each / got["seconds"], mean("perSecond") * each
    row(f"orders into Kafka, {name}, {connections} connections", f"{rate:,.0f}/s",
        f"floor {floor_rate:,.0f}/s", rate / floor_rate, f"{AIMS[each]}")
    row("- p50 / p99 of a request", percentiles(got), f"{mean('p50ms'):.1f} / {mean('p99ms'):.1f} ms",
        got["p99ms"] / mean("p99ms"), f"p99 at most {P99_AIM}")
    orders, floor_orders = got["good"] * each, sum(one["good"] for one in floors) * each
    row("- CPU an order: API / broker", f"{each_us(used['api'], orders)} / {each_us(used['broker'], orders)} us",
        f"{each_us(floor_cpu, floor_orders)} / {each_us(broker_cpu, floor_orders)} us")
    if got["bad"]:
        row("- refused requests", f"{got['bad']} x {got['badStatus']}")


def warm(world: Engines, floor: Server) -> None:
    """The first seconds of a Java program are not its usual ones."""
    for each in AIMS:
        load(floor.port, 64, WARM_SECONDS, world.template("warm", floor_request(each)))


def bench_kafka() -> None:
    """Orders accepted by an API whose workers are elsewhere, beside HTTP into Kafka with nothing between."""
    with engines() as world:
        site = world.site("intake", workers=0).start()
        floor = world.floor()
        warm(world, floor)
        for connections in (64, 256):
            for name, each in (("single", 1), ("100 a request", 100)):
                ingest_at(world, site.apis[0], floor, name, connections, each)
        memory_row(world, API=site.apis)
        floor.stop()
        site.stop()


# ---------------------------------------------------------------- workers


def metric(part, name: str) -> list[float]:
    """The values of all samples of that name."""
    samples = part.client(None).metrics()
    return [value for key, value in samples.items() if key.split("{")[0] == name]


def settled(workers: list) -> float:
    return sum(sum(metric(worker, "ferry_orders_completed_total")) for worker in workers)


def start_workers(site: Parts, count: int) -> list:
    """The first so many run, each with its share of the partitions."""
    workers = site.workers[:count]
    for worker in workers:
        if not worker.running():
            worker.start()
    share = PARTITIONS // count
    wait_for(lambda: all(len(metric(w, "ferry_ledger_incomplete")) == share for w in workers),
             f"{count} workers to share the partitions", LOOK_S)
    return workers


def bench_settled(world: Engines, site: Parts, workers: list) -> None:
    """They come faster than they are settled, so that is what is measured."""
    path = world.template("orders", orders_request(SETTLED_EACH))
    before = settled(workers)
    meter = world.meter(API=site.apis, workers=workers)
    began = time.monotonic()
    load(site.apis[0].port, 64, f"x{SETTLED_ORDERS // SETTLED_EACH}", path)
    wait_for(lambda: settled(workers) - before >= SETTLED_ORDERS, "the orders to be settled", LOOK_S)
    rate = SETTLED_ORDERS / (time.monotonic() - began)
    row(f"orders accepted and settled, {told(workers)}", f"{rate:,.0f}/s")
    cost_row("an order", meter, SETTLED_ORDERS)


def bench_uploads(world: Engines, source: Parts, name: str) -> int:
    """4 KiB uploads; the order of each is routed meanwhile, and waits for the paused target."""
    path = world.template("upload", upload_request(name))
    meter = world.meter(API=source.apis, worker=source.workers)
    up = load(source.apis[0].port, 64, f"x{OBJECTS}", path)
    row("4 KiB uploads, 64 connections", f"{up['good'] / up['seconds']:,.0f}/s")
    row("- p50 / p99", percentiles(up))
    cost_row("an upload", meter, up["good"])
    return up["good"]


def bench_objects(world: Engines, source: Parts, target: Parts, workers: list, there: int) -> int:
    """All are uploaded while the target is paused, then it resumes. there: how many it has before,
    of which is given what it has then."""
    client, target_client = source.apis[0].client(CLIENT), target.apis[0].client(CLIENT)
    client.pause("target").must(200)
    count = bench_uploads(world, source, f"o{len(workers)}")
    meter = world.meter(source=source.all, API=target.apis, workers=workers)
    began = time.monotonic()
    client.resume("target").must(200)
    whole = there + count
    wait_for(lambda: target_client.site_status().json()["objects"] >= whole, "the objects at the target")
    rate = count / (time.monotonic() - began)
    row(f"4 KiB objects, order to READY, {told(workers)}", f"{rate:,.0f}/s")
    cost_row("an object", meter, count)
    return whole


@contextmanager
def pair(world: Engines):
    """Two sites, and a bucket on both; the source has all that it ever will, the target no worker more
    than the first."""
    source, target = world.site("source", workers=1), world.site("target", workers=max(WORKERS))
    source.know(target)
    target.know(source)
    try:
        for part in (*source.apis, *source.workers, *target.apis, target.workers[0]):
            part.start()
        source.apis[0].client(CLIENT).make_bucket(BUCKET).must(201)
        there = target.apis[0].client(CLIENT)
        wait_for(lambda: there.bucket_status(BUCKET) == "READY", "the bucket at the target")
        yield source, target
        source.stop()
        target.stop()
    finally:
        source.kill()
        target.kill()


def bench_workers() -> None:
    with engines() as world, pair(world) as (source, target):
        floor = world.floor()
        warm(world, floor)
        floor.stop()
        there = 0
        for count in WORKERS:
            workers = start_workers(target, count)
            bench_settled(world, target, workers)
            there = bench_objects(world, source, target, workers, there)
        memory_row(world, API=[*source.apis, *target.apis], worker=[*source.workers, *target.workers])


def bench_delay() -> None:
    """From the upload of one object at one site to READY at the other, one at a time."""
    with engines() as world, pair(world) as (source, target):
        start_workers(target, 1)
        times, uploads = one_by_one(source.apis[0].port, target.apis[0].port, DELAY_OBJECTS)
        row("one object through Kafka, upload to READY elsewhere", spread(times))
        row("- of it the upload's own answer", spread(uploads))


PARTS = {"kafka": bench_kafka, "workers": bench_workers, "delay": bench_delay}
