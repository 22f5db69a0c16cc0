"""The benchmark: each figure beside a limit measured in the same run, as a ratio.

usage: bench.py [orders|small|large|latency ...]   (default: all)

Sites are real `ferry up` processes of the release build (FERRY_BIN) on loopback with folders of
their own under TMPDIR. Absolute figures depend on the machine; the ratios are the result. What is
printed is a Markdown table. CPU is that of both sites, user and system, until all is settled.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FERRY = Path(os.environ.pop("FERRY_BIN", "build/release/ferry")).resolve()
TOOLS = FERRY.parent / "tests" / "bench"
CLIENT = "bench-client"
BUCKET = "bench"
HEADERS = {"x-clonecloudstore-client-id": CLIENT, "Content-Type": "application/octet-stream"}
ORDER_SECONDS = 3
LIMIT_SECONDS = 2
QUEUE_GROUP = 1000  # FY_QUEUE_GROUP_RECORDS: what Ferry's queue commits at once
API_THREADS = 32  # api.pool, and
SYNC_THREADS = 32  # worker.sync_threads: a limit has as many
SMALL_OBJECTS = 20000
SMALL_BYTES = 4096
LARGE_MEGABYTES = 1024
LATENCY_OBJECTS = 300
WAIT_S = 300


def tool(name: str, *words: object) -> dict:
    """Runs one of the C tools; its JSON answer."""
    done = subprocess.run([str(TOOLS / name), *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Site:
    def __init__(self, name: str, root: Path):
        self.name, self.root, self.port = name, root, free_port()

    def start(self, peers: list["Site"]) -> None:
        command = [str(FERRY), "up", "--site", self.name, "--data", str(self.root / self.name)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        for peer in peers:
            if peer is not self:
                command += ["--peer", f"{peer.name}=http://127.0.0.1:{peer.port}"]
        log = open(self.root / f"{self.name}.log", "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        if not self.process.stdout.readline():
            sys.exit(f"bench: {self.name} did not start; see {log.name}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body=body, headers=HEADERS)
        answer = connection.getresponse()
        result = answer.status, answer.read()
        connection.close()
        return result

    def status(self) -> dict:
        return json.loads(self.request("GET", "/ferry/v1/status")[1])

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def body_count(self) -> int:
        """Files of the store, whole ones."""
        return sum(1 for _ in (self.root / self.name / "store").glob("??/[!.]*"))

    def peak_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", text).group(1)) / 1024


class Pair:
    """Two sites, source and target, and a bucket on both."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ferry-bench-"))
        self.source, self.target = Site("source", self.root), Site("target", self.root)
        for site in (self.source, self.target):
            site.start([self.source, self.target])
        self.source.request("POST", f"/cloudclonestore/{BUCKET}")
        wait_for(lambda: self.target.status()["containers"] == 1, "the bucket at the target")

    def cpu_us(self, count: int) -> str:
        """What cpu_seconds says, for each of count."""
        return f"{self.cpu_seconds() / max(count, 1) * 1e6:.0f} us"

    def cpu_seconds(self) -> float:
        """CPU of both sites since cpu_from_here."""
        return self.source.cpu_seconds() + self.target.cpu_seconds() - self.cpu_before

    def cpu_from_here(self) -> None:
        self.cpu_before = 0.0
        self.cpu_before = self.cpu_seconds()

    def peaks(self) -> str:
        return f"{self.source.peak_mb():.0f} / {self.target.peak_mb():.0f} MB"

    def close(self) -> None:
        self.source.stop()
        self.target.stop()
        shutil.rmtree(self.root)

    def template(self, name: str, text: bytes) -> Path:
        path = self.root / name
        path.write_bytes(text)
        return path


def wait_for(predicate, what: str) -> None:
    until = time.monotonic() + WAIT_S
    while not predicate():
        if time.monotonic() > until:
            sys.exit(f"bench: waited {WAIT_S} s for {what}")
        time.sleep(0.02)


def post(path: str, body: bytes, content_type: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nx-clonecloudstore-client-id: {CLIENT}\r\n"
    head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def order_json(name: str) -> str:
    order = {"opId": "bench", "fromSite": "elsewhere", "toSite": "source", "clientId": CLIENT}
    order |= {"bucketName": BUCKET, "objectName": name, "size": SMALL_BYTES, "hash": "x" * 52}
    return json.dumps(order | {"action": "UPDATE"}, separators=(",", ":"))


def line(what: str, seen: str, limit: str, ratio: str, aim: str) -> None:
    print(f"| {what:49} | {seen:20} | {limit:39} | {ratio:5} | {aim:15} |", flush=True)


def row(what: str, seen: str, limit: str = "", ratio: float | None = None, aim: str = "") -> None:
    line(what, seen, limit, f"{ratio:.2f}" if ratio is not None else "", aim)


def load_row(when: str) -> None:
    """Others on the machine take from figure and limit alike, but not always at the same time."""
    row(f"load average {when}", f"{os.getloadavg()[0]:.1f}", f"{os.cpu_count()} processors")


def bare_rows(pair: Pair, each: int) -> float:
    """What SQLite takes of a queue's rows when so many share a synced transaction."""
    return tool("bench_limits", "rows", pair.root / "bare.db", LIMIT_SECONDS, each)["perSecond"]


def orders_at(pair: Pair, echo_port: int, name: str, text: bytes, connections: int, each: int) -> None:
    path = pair.template("orders", text)
    echo = tool("bench_load", echo_port, connections, LIMIT_SECONDS, path)["perSecond"] * each
    # The most that can share a commit: all that the connections have in hand, as far as the queue
    # takes it at once.
    group = min(connections * each, QUEUE_GROUP)
    bare = bare_rows(pair, group)
    pair.cpu_from_here()
    began = time.monotonic()
    got = tool("bench_load", pair.source.port, connections, ORDER_SECONDS, path)
    wait_for(lambda: pair.source.status()["incoming"]["lag"] == 0, "the orders to be settled")
    settled = time.monotonic() - began
    orders = got["good"] * each
    rate = orders / got["seconds"]
    row(f"orders, {name}, {connections} connections", f"{rate:,.0f}/s",
        f"bare SQLite, {group} a commit: {bare:,.0f}/s", rate / bare)
    row("", "", f"echo {echo:,.0f}/s", rate / echo)
    row("- p50 / p99 of a request", f"{got['p50ms']:.1f} / {got['p99ms']:.1f} ms")
    row("- accepted and settled", f"{orders / settled:,.0f}/s")
    row("- CPU an order, settled", pair.cpu_us(orders))
    row("- peak RSS, source / target", pair.peaks(), "", None, "64 MB")
    if got["bad"]:
        row("- refused requests", f"{got['bad']} x {got['badStatus']}")


def bench_orders() -> None:
    """Orders accepted per second, beside an echo handler on the same HTTP library and a bare queue.
    Action UPDATE is accepted, stored and settled without effect, so no transfer mixes into it."""
    echo = subprocess.Popen(
        [str(TOOLS / "bench_echo"), "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    echo_port = int(echo.stdout.readline())
    single = post("/replicator/remote/orders", order_json("o-#########").encode(), "application/json")
    many = "[" + ",".join(order_json(f"o-{i:04}-#########") for i in range(1000)) + "]"
    multiple = post("/replicator/remote/orders/multiple", many.encode(), "application/json")
    for connections in (64, 256, 512):
        for name, text, each in (("single", single, 1), ("1,000 a request", multiple, 1000)):
            pair = Pair()  # a fresh queue: each figure stands alone
            orders_at(pair, echo_port, name, text, connections, each)
            pair.close()
    echo.stdin.close()
    echo.wait()


def upload_many(pair: Pair) -> dict:
    body = os.urandom(SMALL_BYTES - 9) + b"#" * 9
    text = post(f"/cloudclonestore/{BUCKET}/o-#########", body, "application/octet-stream")
    path = pair.template("upload", text)
    return tool("bench_load", pair.source.port, 64, f"x{SMALL_OBJECTS}", path)


def bare_folder(pair: Pair) -> Path:
    folder = pair.root / "bare"
    folder.mkdir()
    return folder


def bench_uploads(pair: Pair) -> int:
    """4 KiB uploads; the order of each is routed meanwhile, and waits for the paused target."""
    folder = bare_folder(pair)
    bare = tool("bench_limits", "store", API_THREADS, SMALL_OBJECTS, SMALL_BYTES, folder)["perSecond"]
    shutil.rmtree(folder)
    pair.cpu_from_here()
    up = upload_many(pair)
    rate = up["good"] / up["seconds"]
    row("4 KiB uploads, 64 connections", f"{rate:,.0f}/s", f"SHA-256 and synced file: {bare:,.0f}/s",
        rate / bare)
    row("- p50 / p99", f"{up['p50ms']:.1f} / {up['p99ms']:.1f} ms")
    row("- CPU an upload", pair.cpu_us(up["good"]))
    return up["good"]


def content_template(pair: Pair, name: str) -> Path:
    text = f"GET /ferry/v1/content?acct={CLIENT}&ref={BUCKET}&path={name} HTTP/1.1\r\nHost: bench\r\n"
    text += f"x-clonecloudstore-client-id: {CLIENT}\r\nRange: bytes=0-\r\n\r\n"
    return pair.template("pull", text.encode())


def bench_small() -> None:
    """4 KiB objects from order to READY: all are uploaded while the target is paused, then it resumes."""
    pair = Pair()
    pair.source.request("POST", "/ferry/v1/sites/target/pause", b"")
    count = bench_uploads(pair)
    template = content_template(pair, "o-#########")
    folder = bare_folder(pair)
    bare = tool("bench_limits", "pull", pair.source.port, SYNC_THREADS, SMALL_OBJECTS, template, folder)
    shutil.rmtree(folder)
    sha = tool("bench_limits", "sha", 1024)["bytesPerSecond"] / SMALL_BYTES
    pair.cpu_from_here()
    began = time.monotonic()
    pair.source.request("POST", "/ferry/v1/sites/target/resume", b"")
    wait_for(lambda: pair.target.status()["objects"] == count, "the objects at the target")
    rate = count / (time.monotonic() - began)
    if pair.target.body_count() != count:
        sys.exit("bench: bodies were linked, not pulled")
    row("4 KiB objects, order to READY", f"{rate:,.0f}/s", f"bare pull, synced: {bare['perSecond']:,.0f}/s",
        rate / bare["perSecond"], "5,000/s")
    row("", "", f"SHA-256 alone {sha:,.0f}/s", rate / sha)
    row("- CPU an object", pair.cpu_us(count))
    row("- peak RSS, source / target", pair.peaks(), "", None, "64 MB")
    pair.close()


def bench_large() -> None:
    """One object of 1 GiB from one site to the other."""
    pair = Pair()
    pair.source.request("POST", "/ferry/v1/sites/target/pause", b"")
    path = f"/cloudclonestore/{BUCKET}/large"
    connection = http.client.HTTPConnection("127.0.0.1", pair.source.port, timeout=WAIT_S)
    block = os.urandom(1 << 20)
    connection.request("POST", path, body=(block for _ in range(LARGE_MEGABYTES)),
                       headers=HEADERS, encode_chunked=True)
    if connection.getresponse().read() and connection.sock is None:
        sys.exit("bench: the upload of 1 GiB failed")
    folder = bare_folder(pair)
    bare = tool("bench_limits", "pull", pair.source.port, 1, 1, content_template(pair, "large"), folder)
    shutil.rmtree(folder)
    sha = tool("bench_limits", "sha", 2048)["bytesPerSecond"]
    pair.cpu_from_here()
    began = time.monotonic()
    pair.source.request("POST", "/ferry/v1/sites/target/resume", b"")
    wait_for(lambda: pair.target.status()["objects"] == 1, "the object at the target")
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
    source = http.client.HTTPConnection("127.0.0.1", pair.source.port)
    target = http.client.HTTPConnection("127.0.0.1", pair.target.port)
    body = os.urandom(SMALL_BYTES)
    times, uploads = [], []
    for i in range(LATENCY_OBJECTS):
        path = f"/cloudclonestore/{BUCKET}/one-{i}"
        began = time.monotonic()
        source.request("POST", path, body=body, headers=HEADERS)
        source.getresponse().read()
        uploads.append((time.monotonic() - began) * 1000)
        while True:
            target.request("HEAD", path, headers=HEADERS)
            answer = target.getresponse()
            answer.read()
            if answer.status == 204:
                break
        times.append((time.monotonic() - began) * 1000)
    times.sort()
    uploads.sort()
    half, last = len(times) // 2, len(times) * 99 // 100
    row("one object, upload to READY elsewhere, p50 / p99", f"{times[half]:.1f} / {times[last]:.1f} ms",
        "", None, "p50 10 ms")
    row("- of it the upload's own answer", f"{uploads[half]:.1f} / {uploads[last]:.1f} ms")
    pair.close()


def main() -> int:
    benches = {"orders": bench_orders, "small": bench_small, "large": bench_large, "latency": bench_latency}
    line("Figure", "Seen", "Limit in the same run", "Ratio", "Aim")
    print("|---|---|---|---|---|")
    load_row("before")
    for name in sys.argv[1:] or benches:
        if name not in benches:
            sys.exit(f"bench: there is no '{name}'; there are {', '.join(benches)}")
        benches[name]()
    load_row("after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
