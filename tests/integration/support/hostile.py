"""A site that others pull from, and that answers as it is told to.

It speaks just enough of `/replicator/remote` (and, as a Ferry, of `/ferry/v1`) for a worker to take
it for a source. Its mode may be changed at any time: source.mode = "good" heals it.

good         the object, as CCS streams it (chunked), or as a Ferry does (Range)
500 503 ...  any status, as a text of digits: that answer to everything but hello
reset        half the bytes, then RST
stall        half the bytes, then nothing until heal or close
close_early  half the bytes of what was promised, then the connection ends
byte_more    one byte too many, in a clean transfer
byte_less    one byte too few, in a clean transfer
other_bytes  as many bytes, others
cut_zstd     a zstd frame without its end, in a clean transfer
wrong_hash   the right bytes, but a hash header that says otherwise
slow         the right bytes, a few at a time

As a target it takes orders: source.orders has every order that was POSTed, and order_status(order)
decides the answer to a request by its orders, the first refusal counts; default 201.
"""

import hashlib
import json
import threading
import time
import urllib.parse

import zstandard

from support import digest
from support.client import PREFIX
from support.loopback import Handler, LoopbackServer

CREATION = "2024-02-21T11:27:52.867Z"
STALL_MAX_S = 120.0  # a thread of a test that went wrong must not stay for ever
SLOW_STEP_S = 0.05
SLOW_STEPS = 20


class Planted:
    """An object the source claims to have."""

    def __init__(self, data, mode, stamp, metadata, promised_hash, promised_size):
        self.data = data
        self.mode = mode  # None: the source's
        self.stamp = stamp
        self.metadata = metadata
        self.hash = promised_hash or digest.base32hex(data)
        self.size = len(data) if promised_size is None else promised_size


class HostileSource(LoopbackServer):
    def __init__(
        self,
        site="site-b",
        mode="good",
        ferry=False,
        owner="client-1",
        order_status=None,
        clock_ahead_s=0,
    ):
        self.site = site
        self.clock_ahead_s = clock_ahead_s  # of its Date
        self.ferry = ferry
        self.client = owner  # owner of every bucket it describes
        self.mode = mode
        self.order_status = order_status or (lambda order: 201)
        self.orders = []
        self.requests = []  # "GET /path", in order of arrival
        self.objects = {}
        self.lock = threading.Lock()
        self.healed = threading.Event()
        super().__init__(_Handler)

    def plant(self, bucket, name, data, mode=None, stamp=None, metadata=None, hash=None, size=None):
        """hash and size: what its headers claim, if not the truth. Gives the bytes back."""
        self.objects[bucket, name] = Planted(data, mode, stamp, metadata, hash, size)
        return data

    def heal(self):
        """Good from now on; what stalls goes on."""
        self.mode = "good"
        for planted in self.objects.values():
            planted.mode = None
        self.healed.set()

    def pulls(self, name):
        """How often the bytes of this object were asked for."""
        ending = urllib.parse.quote(name, safe="")
        with self.lock:
            return sum(r.startswith("GET ") and r.endswith(ending) for r in self.requests)

    def close(self):
        self.healed.set()
        super().close()


class _Handler(Handler):
    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.owner.clock_ahead_s)

    def do_GET(self):
        self._serve()

    def do_HEAD(self):
        self._serve()

    def do_POST(self):
        body = self.read_body()
        self._note()
        orders = json.loads(body)
        orders = orders if isinstance(orders, list) else [orders]
        statuses = [self.owner.order_status(order) for order in orders]
        refused = [status for status in statuses if status != 201]
        if not refused:
            with self.owner.lock:
                self.owner.orders += orders
        self.answer(refused[0] if refused else 201, self._common())

    # ---- which route

    def _serve(self):
        self._note()
        path, _, query = self.path.partition("?")
        words = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if path == "/ferry/v1/hello":
            self._hello()
        elif path == "/ferry/v1/container" and self.owner.ferry:
            self._bucket(words["ref"])
        elif path == "/ferry/v1/content" and self.owner.ferry:
            self._object(words["ref"], words["path"])
        elif path.startswith("/replicator/remote/buckets/"):
            bucket, _, name = path.removeprefix("/replicator/remote/buckets/").partition("/")
            if name:
                self._object(bucket, urllib.parse.unquote(name))
            else:
                self._bucket(bucket)
        else:
            self.answer(404, self._common())

    def _note(self):
        with self.owner.lock:
            self.owner.requests.append(f"{self.command} {self.path}")

    def _common(self):
        headers = {PREFIX + "op-id": self.headers.get(PREFIX + "op-id") or "none"}
        headers[PREFIX + "module"] = "REPLICATOR"
        if self.owner.ferry:
            headers["x-ferry-version"] = "0.0.1"
        return headers

    def _hello(self):
        if not self.owner.ferry:
            self.answer(404, self._common())
            return
        body = json.dumps({"site": self.owner.site, "version": "0.0.1"}).encode()
        self.answer(200, {**self._common(), "Content-Type": "application/json"}, body)

    def _bucket(self, bucket):
        if self.owner.mode.isdigit():
            self.answer(int(self.owner.mode), self._common())
            return
        if self.command == "HEAD":
            self.answer(204, {**self._common(), PREFIX + "type": "BUCKET"})
            return
        row = {
            "id": bucket,
            "clientId": self.owner.client,
            "site": self.owner.site,
            "creation": CREATION,
            "expires": None,
            "status": "READY",
        }
        if self.owner.ferry:
            row = {
                "account": self.owner.client,
                "name": bucket,
                "status": "READY",
                "present": True,
                "stamp": None,
                "creation": CREATION,
                "expires": None,
            }
        self.answer(
            200, {**self._common(), "Content-Type": "application/json"}, json.dumps(row).encode()
        )

    # ---- objects

    def _object(self, bucket, name):
        planted = self.owner.objects.get((bucket, name))
        mode = planted.mode if planted and planted.mode else self.owner.mode
        if mode.isdigit():
            self.answer(int(mode), {**self._common(), PREFIX + "error": f"told to answer {mode}"})
            return
        if planted is None:
            missing = {
                **self._common(),
                PREFIX + "type": "NONE",
                PREFIX + "error": "Object not found",
            }
            self.answer(404, missing)
            return
        headers = self._object_headers(bucket, name, planted, mode)
        if self.command == "HEAD":
            # A Ferry answers 200 on its own route, a CCS 204 with the type.
            self.answer(200 if self.path.startswith("/ferry/") else 204, headers)
            return
        self._send(planted, mode, headers)

    def _object_headers(self, bucket, name, planted, mode):
        claimed = digest.base32hex(b"not it") if mode == "wrong_hash" else planted.hash
        headers = {
            **self._common(),
            "Content-Type": "application/octet-stream",
            PREFIX + "type": "OBJECT",
            PREFIX + "id": "0123456789abcdefghijklmnop",
            PREFIX + "site": self.owner.site,
            PREFIX + "bucket": bucket,
            PREFIX + "size": str(planted.size),
            PREFIX + "hash": claimed,
            PREFIX + "status": "READY",
            PREFIX + "creation": CREATION,
        }
        if name.isascii() and name.isprintable():
            headers[PREFIX + "name"] = name
        if planted.metadata:
            headers[PREFIX + "metadata"] = json.dumps(planted.metadata)
        if planted.stamp:
            headers["x-ferry-stamp"] = planted.stamp
        return headers

    def _send(self, planted, mode, headers):
        data = planted.data
        if mode == "byte_more":
            data += b"!"
        elif mode == "byte_less":
            data = data[:-1]
        elif mode == "other_bytes":
            data = hashlib.shake_256(data).digest(len(data))
        elif mode == "cut_zstd":
            frame = zstandard.ZstdCompressor().compress(data)
            self._send_clean({**headers, "Content-Encoding": "zstd"}, frame[: len(frame) // 2])
            return
        if mode in ("reset", "stall", "close_early"):
            self._send_half(mode, headers, data)
        elif mode == "slow":
            self._send_slowly(headers, data)
        else:
            self._send_clean(headers, data)

    def _send_clean(self, headers, data):
        """As the real thing: a Ferry gives a range its length, CCS streams chunks."""
        asked = self.headers.get("Range")
        if self.owner.ferry and asked and data and "Content-Encoding" not in headers:
            first = int(asked.removeprefix("bytes=").split("-")[0])
            span = f"bytes {first}-{len(data) - 1}/{len(data)}"
            self.answer(206, {**headers, "Content-Range": span}, data[first:])
            return
        self.begin_chunked(200, headers)
        for at in range(0, len(data), 65536):
            self.chunk(data[at : at + 65536])
        self.end_chunked()

    def _send_half(self, mode, headers, data):
        self.begin_chunked(200, headers)
        self.chunk(data[: len(data) // 2])
        if mode == "reset":
            self.reset()
        elif mode == "close_early":
            self.cut()
        elif self.owner.healed.wait(STALL_MAX_S):
            self.chunk(data[len(data) // 2 :])
            self.end_chunked()

    def _send_slowly(self, headers, data):
        self.begin_chunked(200, headers)
        step = max(1, len(data) // SLOW_STEPS)
        for at in range(0, len(data), step):
            self.chunk(data[at : at + step])
            self.owner.healed.wait(SLOW_STEP_S)
        self.end_chunked()
