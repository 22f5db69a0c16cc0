"""The benchmark: each figure beside a limit measured in the same run, as a ratio.

usage: bench.py [orders|small|large|latency ...]   (default: all)

Sites are real `ferry up` processes of the release build (FERRY_BIN) on loopback with folders of
their own. Absolute figures depend on the machine; the ratios are the result.
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


def row(what: str, value: str, limit: str = "", ratio: float | None = None, aim: str = "") -> None:
    shown = f"{ratio:.2f}" if ratio is not None else ""
    print(f"{what:46} {value:>18} {limit:>26} {shown:>7} {aim}", flush=True)


def bench_orders() -> None:
    """Orders accepted per second, beside an echo handler on the same HTTP library. Action UPDATE is
    accepted, stored and settled without effect, so no transfer mixes into the figure."""
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
            path = pair.template("orders", text)
            limit = tool("bench_load", echo_port, connections, ORDER_SECONDS, path)
            cpu = pair.source.cpu_seconds()
            got = tool("bench_load", pair.source.port, connections, ORDER_SECONDS, path)
            cpu = pair.source.cpu_seconds() - cpu
            orders = got["good"] * each
            row(
                f"orders/s, {name}, {connections} connections",
                f"{got['good'] * each / got['seconds']:,.0f}",
                f"echo {limit['perSecond'] * each:,.0f}",
                got["good"] / got["seconds"] / limit["perSecond"],
            )
            row("  p50 / p99 ms", f"{got['p50ms']:.1f} / {got['p99ms']:.1f}")
            row("  CPU us an order (worker's share included)", f"{cpu / max(orders, 1) * 1e6:.1f}")
            row("  peak RSS MB", f"{pair.source.peak_mb():.0f}", "", None, "aim 64")
            if got["bad"]:
                row("  refused", f"{got['bad']} x {got['badStatus']}")
            pair.close()
    echo.stdin.close()
    echo.wait()


def upload_many(pair: Pair) -> dict:
    body = os.urandom(SMALL_BYTES - 9) + b"#" * 9
    text = post(f"/cloudclonestore/{BUCKET}/o-#########", body, "application/octet-stream")
    path = pair.template("upload", text)
    return tool("bench_load", pair.source.port, 64, f"x{SMALL_OBJECTS}", path)


def content_template(pair: Pair, name: str) -> Path:
    text = f"GET /ferry/v1/content?acct={CLIENT}&ref={BUCKET}&path={name} HTTP/1.1\r\nHost: bench\r\n"
    text += f"x-clonecloudstore-client-id: {CLIENT}\r\nRange: bytes=0-\r\n\r\n"
    return pair.template("pull", text.encode())


def bench_small() -> None:
    """4 KiB objects from order to READY: all are uploaded while the target is paused, then it resumes."""
    pair = Pair()
    pair.source.request("POST", "/ferry/v1/sites/target/pause", b"")
    up = upload_many(pair)
    row("4 KiB uploads/s, 64 connections", f"{up['good'] / up['seconds']:,.0f}")
    row("  p50 / p99 ms", f"{up['p50ms']:.1f} / {up['p99ms']:.1f}")
    folder = pair.root / "bare"
    folder.mkdir()
    limit = tool(
        "bench_limits", "pull", pair.source.port, 32, SMALL_OBJECTS, content_template(pair, "o-#########"), folder
    )
    sha = tool("bench_limits", "sha", 1024)["bytesPerSecond"] / SMALL_BYTES
    cpu = pair.source.cpu_seconds() + pair.target.cpu_seconds()
    began = time.monotonic()
    pair.source.request("POST", "/ferry/v1/sites/target/resume", b"")
    wait_for(lambda: pair.target.status()["objects"] == up["good"], "the objects at the target")
    seconds = time.monotonic() - began
    cpu = pair.source.cpu_seconds() + pair.target.cpu_seconds() - cpu
    rate = up["good"] / seconds
    row("4 KiB objects/s, order to READY", f"{rate:,.0f}", f"bare pull {limit['perSecond']:,.0f}",
        rate / limit["perSecond"], "aim 5,000/s")
    row("", "", f"SHA-256 alone {sha:,.0f}", rate / sha)
    row("  CPU us an object, both sites", f"{cpu / up['good'] * 1e6:.0f}")
    row("  peak RSS MB, source / target", f"{pair.source.peak_mb():.0f} / {pair.target.peak_mb():.0f}",
        "", None, "aim 64")
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
    folder = pair.root / "bare"
    folder.mkdir()
    limit = tool("bench_limits", "pull", pair.source.port, 1, 1, content_template(pair, "large"), folder)
    shutil.rmtree(folder)
    sha = tool("bench_limits", "sha", 2048)["bytesPerSecond"]
    began = time.monotonic()
    pair.source.request("POST", "/ferry/v1/sites/target/resume", b"")
    wait_for(lambda: pair.target.status()["objects"] == 1, "the object at the target")
    rate = LARGE_MEGABYTES * (1 << 20) / (time.monotonic() - began)
    row("1 GiB, bytes/s, order to READY", f"{rate / 1e9:.2f} GB/s", f"SHA-256 alone {sha / 1e9:.2f} GB/s",
        rate / sha, "aim 0.70")
    row("", "", f"bare pull {limit['bytesPerSecond'] / 1e9:.2f} GB/s", rate / limit["bytesPerSecond"])
    row("  peak RSS MB, source / target", f"{pair.source.peak_mb():.0f} / {pair.target.peak_mb():.0f}",
        "", None, "aim 64")
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
    row("upload to READY elsewhere, p50 / p99 ms", f"{times[half]:.1f} / {times[last]:.1f}", "", None,
        "aim p50 10")
    row("  of it the upload's own answer", f"{uploads[half]:.1f} / {uploads[last]:.1f}")
    pair.close()


def main() -> int:
    benches = {"orders": bench_orders, "small": bench_small, "large": bench_large, "latency": bench_latency}
    row("figure", "value", "limit", None, "")
    for name in sys.argv[1:] or benches:
        if name not in benches:
            sys.exit(f"bench: there is no '{name}'; there are {', '.join(benches)}")
        benches[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
