"""The embedded world: two `ferry up` on SQLite, each figure beside what its parts could do alone.
CPU is that of both sites, user and system, until all is settled."""

import http.client
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import cost
from generator import (API_THREADS, BUCKET, CLIENT, HEADERS, SMALL_BYTES, WAIT_S, Server, load, one_by_one,
                       orders_request, tool, upload_request, wait_for)  # fmt: skip
from support.site import Site
from table import percentiles, row, spread

ORDER_SECONDS = 3
LIMIT_SECONDS = 2
QUEUE_GROUP = 1000  # FY_QUEUE_GROUP_RECORDS: what Ferry's queue commits at once
POOL_THREADS = 32  # api.pool, and
SYNC_THREADS = 32  # worker.sync_threads: a limit has as many
SMALL_OBJECTS = 20000
LARGE_MEGABYTES = 1024
LATENCY_OBJECTS = 300


class Pair:
    """Two sites, source and target, and a bucket on both."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ferry-bench-"))
        self.source, self.target = (Site(n, self.root / n / "data") for n in ("source", "target"))
        self.source.peers = {"target": self.target.url}
        self.target.peers = {"source": self.source.url}
        self.source.start()
        self.target.start()
        self.client = self.source.client(CLIENT)
        self.client.make_bucket(BUCKET).must(201)
        wait_for(lambda: self.at_target("containers") == 1, "the bucket at the target")

    def at_target(self, field: str) -> int:
        return self.target.client(CLIENT).site_status().json()[field]

    def lag(self) -> int:
        return self.client.site_status().json()["incoming"]["lag"]

    def cpu_us(self, count: int) -> str:
        """What cpu_seconds says, for each of count."""
        return f"{self.cpu_seconds() / max(count, 1) * 1e6:.0f} us"

    def cpu_seconds(self) -> float:
        """CPU of both sites since cpu_from_here."""
        return sum(self.meter.seconds().values())

    def cpu_from_here(self) -> None:
        self.meter = cost.Meter({"sites": [self.source.pid, self.target.pid]})

    def peaks(self) -> str:
        return f"{cost.memory_mb(self.source.pid):.0f} / {cost.memory_mb(self.target.pid):.0f} MB"

    def close(self) -> None:
        self.source.stop()
        self.target.stop()
        shutil.rmtree(self.root)

    def template(self, name: str, text: bytes) -> Path:
        path = self.root / name
        path.write_bytes(text)
        return path


def bare_rows(pair: Pair, each: int) -> float:
    """What SQLite takes of a queue's rows when so many share a synced transaction."""
    return tool("bench_limits", "rows", pair.root / "bare.db", LIMIT_SECONDS, each)["perSecond"]


def orders_at(pair: Pair, echo_port: int, name: str, connections: int, each: int) -> None:
    path = pair.template("orders", orders_request(each))
    echo = load(echo_port, connections, LIMIT_SECONDS, path)["perSecond"] * each
    # The most that can share a commit: all that the connections have in hand, as far as the queue
    # takes it at once.
    group = min(connections * each, QUEUE_GROUP)
    bare = bare_rows(pair, group)
    pair.cpu_from_here()
    began = time.monotonic()
    got = load(pair.source.port, connections, ORDER_SECONDS, path)
    wait_for(lambda: pair.lag() == 0, "the orders to be settled")
    settled = time.monotonic() - began
    orders = got["good"] * each
    rate = orders / got["seconds"]
    row(f"orders, {name}, {connections} connections", f"{rate:,.0f}/s",
        f"bare SQLite, {group} a commit: {bare:,.0f}/s", rate / bare)
    row("", "", f"echo {echo:,.0f}/s", rate / echo)
    row("- p50 / p99 of a request", percentiles(got))
    row("- accepted and settled", f"{orders / settled:,.0f}/s")
    row("- CPU an order, settled", pair.cpu_us(orders))
    row("- peak RSS, source / target", pair.peaks(), "", None, "64 MB")
    if got["bad"]:
        row("- refused requests", f"{got['bad']} x {got['badStatus']}")


def bench_orders() -> None:
    """Orders accepted per second, beside an echo handler on the same HTTP library and a bare queue."""
    echo = Server("bench_echo", API_THREADS)
    for connections in (64, 256, 512):
        for name, each in (("single", 1), ("1,000 a request", 1000)):
            pair = Pair()  # a fresh queue: each figure stands alone
            orders_at(pair, echo.port, name, connections, each)
            pair.close()
    echo.stop()


def bare_folder(pair: Pair) -> Path:
    folder = pair.root / "bare"
    folder.mkdir()
    return folder


def bench_uploads(pair: Pair) -> int:
    """4 KiB uploads; the order of each is routed meanwhile, and waits for the paused target."""
    folder = bare_folder(pair)
    bare = tool("bench_limits", "store", POOL_THREADS, SMALL_OBJECTS, SMALL_BYTES, folder)["perSecond"]
    shutil.rmtree(folder)
    pair.cpu_from_here()
    template = pair.template("upload", upload_request("o"))
    up = load(pair.source.port, 64, f"x{SMALL_OBJECTS}", template)
    rate = up["good"] / up["seconds"]
    row("4 KiB uploads, 64 connections", f"{rate:,.0f}/s", f"SHA-256 and synced file: {bare:,.0f}/s",
        rate / bare)
    row("- p50 / p99", percentiles(up))
    row("- CPU an upload", pair.cpu_us(up["good"]))
    return up["good"]


def content_template(pair: Pair, name: str) -> Path:
    text = f"GET /ferry/v1/content?acct={CLIENT}&ref={BUCKET}&path={name} HTTP/1.1\r\nHost: bench\r\n"
    text += f"x-clonecloudstore-client-id: {CLIENT}\r\nRange: bytes=0-\r\n\r\n"
    return pair.template("pull", text.encode())


def bench_small() -> None:
    """4 KiB objects from order to READY: all are uploaded while the target is paused, then it resumes."""
    pair = Pair()
    pair.client.pause("target").must(200)
    count = bench_uploads(pair)
    template = content_template(pair, "o-#########")
    folder = bare_folder(pair)
    bare = tool("bench_limits", "pull", pair.source.port, SYNC_THREADS, SMALL_OBJECTS, template, folder)
    shutil.rmtree(folder)
    sha = tool("bench_limits", "sha", 1024)["bytesPerSecond"] / SMALL_BYTES
    pair.cpu_from_here()
    began = time.monotonic()
    pair.client.resume("target").must(200)
    wait_for(lambda: pair.at_target("objects") == count, "the objects at the target")
    rate = count / (time.monotonic() - began)
    # Whole ones: a name that begins with a dot is one that is being written.
    if sum(1 for _ in (pair.target.data / "store").glob("??/[!.]*")) != count:
        sys.exit("bench: bodies were linked, not pulled")
    row("4 KiB objects, order to READY", f"{rate:,.0f}/s", f"bare pull, synced: {bare['perSecond']:,.0f}/s",
        rate / bare["perSecond"], "5,000/s")
    row("", "", f"SHA-256 alone {sha:,.0f}/s", rate / sha)
    row("- CPU an object", pair.cpu_us(count))
    row("- peak RSS, source / target", pair.peaks(), "", None, "64 MB")
    pair.close()


def upload_large(pair: Pair) -> None:
    path = f"/cloudclonestore/{BUCKET}/large"
    connection = http.client.HTTPConnection("127.0.0.1", pair.source.port, timeout=WAIT_S)
    block = os.urandom(1 << 20)
    connection.request("POST", path, body=(block for _ in range(LARGE_MEGABYTES)),
                       headers=HEADERS, encode_chunked=True)
    answer = connection.getresponse()
    if answer.status != 201:
        sys.exit(f"bench: the upload of 1 GiB: {answer.status} {answer.read()!r}")


def bench_large() -> None:
    """One object of 1 GiB from one site to the other."""
    pair = Pair()
    pair.client.pause("target").must(200)
    upload_large(pair)
    folder = bare_folder(pair)
    bare = tool("bench_limits", "pull", pair.source.port, 1, 1, content_template(pair, "large"), folder)
    shutil.rmtree(folder)
    sha = tool("bench_limits", "sha", 2048)["bytesPerSecond"]
    pair.cpu_from_here()
    began = time.monotonic()
    pair.client.resume("target").must(200)
    wait_for(lambda: pair.at_target("objects") == 1, "the object at the target")
    rate = LARGE_MEGABYTES * (1 << 20) / (time.monotonic() - began)
    row("1 GiB, order to READY", f"{rate / 1e9:.2f} GB/s", f"SHA-256 alone {sha / 1e9:.2f} GB/s",
        rate / sha, "0.70 of SHA-256")
    row("", "", f"bare pull, synced: {bare['bytesPerSecond'] / 1e9:.2f} GB/s", rate / bare["bytesPerSecond"])
    row("- CPU for it", f"{pair.cpu_seconds():.2f} s")
    row("- peak RSS, source / target", pair.peaks(), "", None, "64 MB")
    pair.close()


def bench_latency() -> None:
    """From the upload of one object at one site to READY at the other, one at a time."""
    pair = Pair()
    times, uploads = one_by_one(pair.source.port, pair.target.port, LATENCY_OBJECTS)
    row("one object, upload to READY elsewhere, p50 / p99", spread(times), "", None, "p50 10 ms")
    row("- of it the upload's own answer", spread(uploads))
    pair.close()


PARTS = {"orders": bench_orders, "small": bench_small, "large": bench_large, "latency": bench_latency}
