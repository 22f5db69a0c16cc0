"""Clients that create, delete and re-create the same few names at random, and what is left of it."""

import hashlib
import random
import threading
import time

from support.faults_load import BROKEN, rows
from support.orders import order

# How many names each has: one with a single name is often empty, so that it can be dropped.
BUCKETS = {"race-0": 12, "race-1": 6, "race-2": 1}
HIGH = bytes(128 + byte % 128 for byte in range(256))


class Racer(threading.Thread):
    """A client of one site; all it knows is what it sent, and what was answered.

    tough   its site may be dead at any moment
    others  sites from which it orders, now and then, what they have already sent
    sizes   of its objects
    """

    SIZES = (0, 10, 100, 5000)
    STEPS = {"create": 46, "delete": 40, "make bucket": 7, "drop bucket": 7}

    def __init__(self, site, seed, until, tough=False, others=(), sizes=SIZES):
        super().__init__(daemon=True)
        self.site = site
        self.tough = tough
        self.others = others
        self.sizes = sizes
        self.client = site.client()
        self.random = random.Random(seed)
        self.until = until
        self.sent = set()  # the SHA-256 of all it ever uploaded, answered or not
        self.accepted = []  # the opIds of orders that were answered 201
        self.unstamped = set()  # the opIds of those without a stamp, answered or not
        self.counts = {}
        self.problem = None
        steps = {**self.STEPS, **({"repeat": 20} if others else {})}
        self.steps, self.weights = list(steps), list(steps.values())

    def run(self):
        try:
            while time.monotonic() < self.until:
                try:
                    self.step()
                except BROKEN:
                    if not self.tough:
                        raise
                    time.sleep(0.02)
        except Exception as problem:  # of a thread nobody would see it
            self.problem = problem

    def step(self):
        bucket = self.random.choice(list(BUCKETS))
        name = f"name-{self.random.randrange(BUCKETS[bucket])}"
        [step] = self.random.choices(self.steps, self.weights)
        answer = getattr(self, step.replace(" ", "_"))(bucket, name)
        if answer is not None:
            answer.must(*self.USUAL[step], *((503,) if self.tough else ()))
            key = f"{step} {answer.status}"
            self.counts[key] = self.counts.get(key, 0) + 1

    # 404: no bucket now; 406, 409: somebody else's is there, or on its way.
    USUAL = {
        "create": (201, 404, 406, 409),
        "delete": (200, 204, 404, 406, 409, 410),
        "make bucket": (201, 406, 409),
        "drop bucket": (200, 204, 404, 406, 409, 410),
        "repeat": (201,),
    }

    def create(self, bucket, name):
        # Of bytes above 127 alone: what a bad line (support/links.py) may spoil.
        body = self.random.randbytes(self.random.choice(self.sizes)).translate(HIGH)
        self.sent.add(hashlib.sha256(body).hexdigest())
        return self.client.put(bucket, name, body)

    def delete(self, bucket, name):
        return self.client.delete(bucket, name)

    def make_bucket(self, bucket, _):
        return self.client.make_bucket(bucket)

    def drop_bucket(self, bucket, _):
        return self.client.drop_bucket(bucket)

    def repeat(self, bucket, name):
        """What another site has, ordered once more here: as its sender did, or without a stamp."""
        other = self.random.choice(self.others)
        page = other.client().objects(bucket, prefix=name, limit=1, status="READY")
        found = page.json()["objects"] if page.status == 200 else []
        if not found:
            return None
        [row] = found
        keys = {"stamp": row["stamp"]} if self.random.random() < 0.5 else {}
        again = order(
            "CREATE", bucket, row["name"], other.name, hash=row["hash"], size=row["size"], **keys)  # fmt: skip
        answer = self.client.post_order(again)
        if answer.status == 201:
            self.accepted.append(again["opId"])
        if not keys:
            self.unstamped.add(again["opId"])
        return answer


def shown(site):
    """What the site holds: its buckets, and of each READY object everything that clients see of it."""
    held = {}
    for bucket in BUCKETS:
        held[bucket] = there = site.client().bucket_status(bucket) == "READY"
        if there:
            for name, row in rows(site, bucket, status="READY").items():
                held[bucket, name] = (row["hash"], row["size"], row["creation"], row["stamp"])
    return held


def backlog(site):
    numbers = site.client(None).metrics()
    kinds = ("ferry_backlog_orders", "ferry_waiting_orders")
    waiting = sum(count for name, count in numbers.items() if name.startswith(kinds))
    return waiting + numbers["ferry_outbox_orders"] + numbers["ferry_lane_orders"]
