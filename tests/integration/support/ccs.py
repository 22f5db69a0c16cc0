"""A real CCS site, as far as its peers can tell: Replicator, queue and worker of CCS 0.8.0.

It answers 201 to every order and looks at it later, one by one, in order of arrival. What its
worker cannot do it drops, as CCS does: an object whose bucket is not there (404), a CREATE over
what is there (409), a bucket's DELETE while objects are in it (406), a client without the right
(403). It pulls bodies from the order's fromSite. It knows nothing of Ferry: no x-ferry-version, no
stamps, and unknown keys are ignored.
"""

import json
import queue
import random
import re
import threading
import urllib.parse
from datetime import UTC, datetime

from support import wire
from support.client import OCTETS, PREFIX
from support.digest import base32hex
from support.loopback import Handler, LoopbackServer

BUCKET = re.compile(r"[0-9a-z-]{3,63}")
OBJECT = re.compile(r"[0-9a-zA-Z_./-]{1,1024}")
BLANKS = re.compile(r"[\s_]+")  # in names that are asked for, of what it cleans them of (spec 2.2)
BUCKETS = "/replicator/remote/buckets/"
ORDERS = "/replicator/remote/orders"
ACCESSOR = "/cloudclonestore/"
SIZE_AND_SO_ON = ("size", "hash", "creation", "metadata")


class Row:
    def __init__(self, status, owner=None, data=b"", headers=None):
        self.status = status
        self.owner = owner  # of a bucket
        self.data = data
        self.headers = headers or {}  # of an object: as its source gave them
        self.changed = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class CcsSite(LoopbackServer):
    """
    topology  {site id: URL}, filled by the test
    applied   (action, bucket, object) of orders that had their effect, in that order
    dropped   the same with the status CCS has for it inside
    requests  sizes of the POSTs
    lists     its clients' listing is served at its URL, too: the Accessor is behind the same gateway
    cuts      so many listings end in the middle
    """

    def __init__(self, site="site-ccs"):
        self.site = site
        self.topology = {}
        self.buckets = {}
        self.objects = {}
        self.applied = []
        self.dropped = []
        self.requests = []
        self.lists = False
        self.cuts = 0
        self.lock = threading.RLock()
        self._applying = threading.Lock()
        self.working = threading.Event()
        self.working.set()
        self.broken_status = None  # a number: every POST is answered with it
        self._queue = queue.Queue()  # survives down(): it is Kafka
        super().__init__(_Handler)
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()

    # ---- the test's side

    def ready(self, bucket):
        """{name: bytes} of what it has."""
        with self.lock:
            return {
                name: row.data
                for (of, name), row in self.objects.items()
                if of == bucket and row.status == "READY"
            }

    def bucket_status(self, bucket):
        with self.lock:
            row = self.buckets.get(bucket)
            return row and row.status

    def plant_bucket(self, bucket, owner):
        with self.lock:
            self.buckets[bucket] = Row("READY", owner)

    def plant(self, bucket, name, data):
        """One of its own clients has uploaded it."""
        with self.lock:
            self.objects[bucket, name] = Row("READY", data=data)

    def delete(self, bucket, name):
        """One of its own clients has deleted it."""
        with self.lock:
            self.objects[bucket, name] = Row("DELETED")

    def lose(self, bucket, name):
        """As if it had never been there."""
        with self.lock:
            del self.objects[bucket, name]

    def accessor(self):
        """Its Accessor where another process serves it; close() is the test's."""
        server = LoopbackServer(_AccessorHandler)
        server.ccs = self
        return server

    def listing(self, bucket, statuses, prefix):
        """AccessorObjects, a line each, in no order (spec 6.4); another site's row is among them."""
        with self.lock:
            rows = [
                (name, row, self.site)
                for (of, name), row in self.objects.items()
                if of == bucket and name.startswith(prefix) and row.status in (statuses or [row.status])
            ]
        rows += [(name, Row("READY", data=b"elsewhere"), "site-y") for name, *_ in rows[:1]]
        random.Random(len(rows)).shuffle(rows)
        return [_listed(bucket, *row) for row in rows]

    def hold(self):
        """Orders are taken and stay in the queue until release(); none is being worked on."""
        self.working.clear()
        with self._applying:
            pass

    def release(self):
        self.working.set()

    def close(self):
        self._queue.put(None)
        self.working.set()
        super().close()

    # ---- the queue and its worker

    def take(self, orders):
        with self.lock:
            self.requests.append(len(orders))
        for order in orders:
            self._queue.put(order)

    def _work(self):
        while (order := self._queue.get()) is not None:
            while not self._apply_if_working(order):
                self.working.wait()

    def _apply_if_working(self, order):
        with self._applying:
            if not self.working.is_set():
                return False
            what = (order["action"], order["bucketName"], order["objectName"])
            status = self._apply(order)
            with self.lock:
                if status == 200:
                    self.applied.append(what)
                else:
                    self.dropped.append((*what, status))
            return True

    def _apply(self, order):
        bucket, name = order["bucketName"], order["objectName"]
        if not BUCKET.fullmatch(bucket) or (name and not OBJECT.fullmatch(name)):
            return 400
        if order["action"] not in ("CREATE", "DELETE"):
            return 200
        verb = order["action"].lower()
        return getattr(self, f"_{verb}_{'object' if name else 'bucket'}")(order, bucket, name)

    def _create_bucket(self, order, bucket, _):
        with self.lock:
            row = self.buckets.get(bucket)
            if row and row.status != "DELETED":
                return 409
            self.buckets[bucket] = Row("READY", order["clientId"])
            return 200

    def _delete_bucket(self, order, bucket, _):
        with self.lock:
            row = self.buckets.get(bucket)
            if row is None or row.status == "DELETED":
                return 404 if row is None else 410
            if row.owner != order["clientId"]:
                return 403
            if self.ready(bucket):
                return 406
            row.status = "DELETED"
            return 200

    def _may(self, order, bucket):
        row = self.buckets.get(bucket)
        return row is not None and row.owner == order["clientId"]

    def _create_object(self, order, bucket, name):
        with self.lock:
            if not self._may(order, bucket):
                return 403 if bucket in self.buckets else 404
            if self.buckets[bucket].status != "READY":
                return 404
            row = self.objects.get((bucket, name))
            if row and row.status != "DELETED":
                return 406 if row.status == "UPLOAD" else 409
            row = self.objects[bucket, name] = Row("UPLOAD")
        pulled = self._pull(order, bucket, name)
        with self.lock:
            row.status = "READY" if pulled else "ERR_UPL"
            if pulled:
                row.data, row.headers = pulled
            return 200 if pulled else 502

    def _delete_object(self, order, bucket, name):
        with self.lock:
            row = self.objects.get((bucket, name))
            if not self._may(order, bucket):
                return 403
            if row is None or row.status == "DELETED":
                return 404 if row is None else 410
            if row.status != "READY":
                return 500
            row.status = "DELETED"
            return 200

    def _pull(self, order, bucket, name):
        """What the local Replicator does for the worker: look, then get (spec 5.4)."""
        url = self.topology[order["fromSite"]]
        path = f"{BUCKETS}{bucket}/{urllib.parse.quote(name, safe='')}"
        client = {PREFIX + "client-id": order["clientId"]}
        try:
            seen = wire.request(url, "HEAD", path + "?fullCheck=false", client)
            if seen.status >= 400 or seen.header(PREFIX + "type") != "OBJECT":
                return None
            got = wire.request(url, "GET", path, {**client, "Accept": OCTETS})
        except OSError:
            return None
        if got.status != 200 or not got.header(PREFIX + "site"):
            return None
        return got.body, {key: got.header(PREFIX + key) for key in SIZE_AND_SO_ON}


def _listed(bucket, name, row, site):
    line = {
        "id": "0" * 26, "site": site, "bucket": bucket, "name": name, "hash": base32hex(row.data),
        "status": row.status, "creation": row.changed, "expires": None, "size": len(row.data),
        "metadata": {},
    }  # fmt: skip
    return json.dumps(line).encode() + b"\n"


class _Once(Handler):
    def handle_one_request(self):
        super().handle_one_request()
        self.close_connection = True  # so that down() is down, also for who was here before

    def list_objects(self, ccs):
        bucket = self.path.partition("?")[0].removeprefix(ACCESSOR)
        assert int(self.headers["Content-Length"]) == 0 and self.headers["Accept"] == OCTETS
        row = ccs.buckets.get(bucket)
        if row is None or row.owner != self.headers.get(PREFIX + "client-id"):
            self.answer(403, {PREFIX + "module": "ACCESSOR"})
            return
        statuses = json.loads(self.headers.get(PREFIX + "statuses") or "[]")
        lines = ccs.listing(bucket, statuses, self.headers.get(PREFIX + "namePrefix") or "")
        self.begin_chunked(200, {PREFIX + "module": "ACCESSOR", "Content-Type": OCTETS})
        for number, line in enumerate(lines):
            if ccs.cuts > 0 and number == len(lines) // 2:
                ccs.cuts -= 1
                self.chunk(line[: len(line) // 2])
                self.cut()
                return
            self.chunk(line)
        self.end_chunked()


class _AccessorHandler(_Once):
    def do_PUT(self):
        self.list_objects(self.owner.ccs)


class _Handler(_Once):
    def do_PUT(self):
        self.read_body()
        if self.owner.lists and self.path.startswith(ACCESSOR):
            self.list_objects(self.owner)
        else:
            self.answer(404, self._common())

    def do_GET(self):
        self._serve()

    do_HEAD = do_GET

    def do_POST(self):
        body = self.read_body()
        if self.owner.broken_status:
            self.answer(self.owner.broken_status, self._common())
            return
        path = self.path.partition("?")[0]
        if path not in (ORDERS, ORDERS + "/multiple"):
            self.answer(404, self._common())
            return
        orders = json.loads(body)
        self.owner.take(orders if path.endswith("/multiple") else [orders])
        self.answer(201, self._common())

    def _common(self):
        return {
            PREFIX + "module": "REPLICATOR",
            PREFIX + "op-id": self.headers.get(PREFIX + "op-id") or "0" * 26,
        }

    def _serve(self):
        path = self.path.partition("?")[0]
        if not path.startswith(BUCKETS):
            self.answer(404, self._common())
            return
        bucket, _, name = path.removeprefix(BUCKETS).partition("/")
        with self.owner.lock:
            self._answer_item(bucket, BLANKS.sub("_", urllib.parse.unquote(name)))

    def _answer_item(self, bucket, name):
        of = self.owner.buckets.get(bucket)
        if not name:
            self._answer_type("BUCKET" if of and of.status == "READY" else "NONE")
            return
        reads = of is not None and of.owner == self.headers.get(PREFIX + "client-id")
        row = self.owner.objects.get((bucket, name)) if reads else None
        there = row is not None and row.status == "READY"
        if self.command == "HEAD":
            longer = reads and any(other.startswith(name) for other in self.owner.ready(bucket))
            self._answer_type("OBJECT" if there else "DIRECTORY" if longer else "NONE")
        elif there:
            said = {PREFIX + key: value for key, value in row.headers.items() if value}
            headers = {**self._common(), **said, PREFIX + "site": self.owner.site}
            self.begin_chunked(200, {**headers, "Content-Type": OCTETS})
            self.chunk(row.data)
            self.end_chunked()
        else:
            self.answer(404, self._common())

    def _answer_type(self, word):
        self.answer(404 if word == "NONE" else 204, {**self._common(), PREFIX + "type": word})
