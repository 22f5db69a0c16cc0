"""What the benchmark sends: requests as templates, and the C tools that send them."""

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path

FERRY = Path(os.environ.get("FERRY_BIN", "build/release/ferry")).resolve()
TOOLS = FERRY.parent / "tests" / "bench"
CLIENT = "bench-client"
BUCKET = "bench"
HEADERS = {"x-clonecloudstore-client-id": CLIENT, "Content-Type": "application/octet-stream"}
SMALL_BYTES = 4096
API_THREADS = 2  # api.threads: a limit has as many
WAIT_S = 300


def tool(name: str, *words: object) -> dict:
    """Runs one of the C tools; its JSON answer."""
    done = subprocess.run([str(TOOLS / name), *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def load(port: int, connections: int, amount: object, template: Path) -> dict:
    """The generator's report; amount: seconds, or "x1000" for so many requests."""
    return tool("bench_load", port, connections, amount, template)


class Server:
    """One of the C tools that print their port and serve until their stdin ends."""

    def __init__(self, name: str, *words: object):
        command = [str(TOOLS / name), *map(str, words)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline() or sys.exit(f"bench: {name} did not start"))
        self.pid = self.process.pid

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def post(path: str, body: bytes, content_type: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nx-clonecloudstore-client-id: {CLIENT}\r\n"
    head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def order_json(name: str) -> str:
    """Action UPDATE is accepted, stored and settled without effect, so no transfer mixes into it. To no
    site by name, which is to any that it is posted at."""
    order = {"opId": "bench", "fromSite": "elsewhere", "clientId": CLIENT}
    order |= {"bucketName": BUCKET, "objectName": name, "size": SMALL_BYTES, "hash": "x" * 52}
    return json.dumps(order | {"action": "UPDATE"}, separators=(",", ":"))


def orders_json(each: int) -> list[str]:
    return [order_json(f"o-{i:04}-#########") for i in range(each)]


def orders_request(each: int) -> bytes:
    """So many orders in one request, the single one by its own route."""
    orders = orders_json(each)
    if each == 1:
        return post("/replicator/remote/orders", orders[0].encode(), "application/json")
    body = "[" + ",".join(orders) + "]"
    return post("/replicator/remote/orders/multiple", body.encode(), "application/json")


def upload_request(name: str) -> bytes:
    """4 KiB that differ with each number, to an object that does."""
    body = os.urandom(SMALL_BYTES - 9) + b"#" * 9
    path = f"/cloudclonestore/{BUCKET}/{name}-#########"
    return post(path, body, "application/octet-stream")


def wait_for(predicate, what: str, every_s: float = 0.02) -> None:
    until = time.monotonic() + WAIT_S
    while not predicate():
        if time.monotonic() > until:
            sys.exit(f"bench: waited {WAIT_S} s for {what}")
        time.sleep(every_s)


def one_by_one(source_port: int, target_port: int, count: int) -> tuple[list[float], list[float]]:
    """Objects uploaded at the source, each asked for at the target until it is there: the times of
    that, and of the uploads' own answers, in ms."""
    source = http.client.HTTPConnection("127.0.0.1", source_port)
    target = http.client.HTTPConnection("127.0.0.1", target_port)
    body = os.urandom(SMALL_BYTES)
    times, uploads = [], []
    for i in range(count):
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
    return times, uploads
