"""Objects made of numbers, uploaded by clients that do not give up, and compared byte for byte.

Nothing is kept but each object's name and SHA-256: its bytes are made again when they are needed,
and what a site gives back is hashed here, never by Ferry.
"""

import concurrent.futures
import hashlib
import http.client
import random
import threading
import time

BUCKET = "crash-bucket"
SMALL_MAX = 64 << 10
BIG = (8 << 20) + 12345  # gets a thread of its own at the target
GIVE_UP_S = 120.0
BROKEN = (OSError, http.client.HTTPException)  # what a client of a killed site sees
CLIENTS = 6


class Thing:
    """One object to be uploaded."""

    def __init__(self, number, big_every=100):
        self.number = number
        self.name = f"dir-{number % 7}/object-{number:06d}"
        # Every ninth has the bytes of the one before: its body is linked where that has arrived.
        self.seed = number - 1 if number % 9 == 0 and number > 0 else number
        self.big = big_every > 0 and self.seed % big_every == big_every // 2
        self.deleted = False
        self.sha256 = None

    def body(self):
        source = random.Random(self.seed)
        size = BIG if self.big else source.choice([0, 1, 700, 4096, 4096, 16384, source.randrange(SMALL_MAX)])
        data = source.randbytes(size)
        self.sha256 = hashlib.sha256(data).hexdigest()
        return data


class Uploader:
    """Uploads things in order as far as allow() lets it; every failure is tried again."""

    def __init__(self, site, things, delete_every=0):
        self.site = site
        self.things = things
        self.delete_every = delete_every
        self.allowed = 0
        self.next = 0
        self.done = 0
        self.sending = 0  # uploads that have begun and are not answered
        self.retries = 0
        self.deleted = 0
        self.problems = []
        self.lock = threading.Condition()
        self.stopped = False
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def deletes(self, thing):
        """Whether it is one of those that are deleted again once they are there."""
        return self.delete_every > 0 and thing.number % self.delete_every == 3

    def allow(self, count):
        with self.lock:
            self.allowed = min(max(self.allowed, count), len(self.things))
            self.lock.notify_all()

    def finish(self, timeout=GIVE_UP_S):
        self.allow(len(self.things))
        deadline = time.monotonic() + timeout
        with self.lock:
            while self.done < len(self.things) and not self.problems:
                left = deadline - time.monotonic()
                assert left > 0, f"{self.done} of {len(self.things)} uploads done after {timeout} s"
                self.lock.wait(min(left, 1.0))
        self.stop()
        assert not self.problems, self.problems[:3]

    def stop(self):
        with self.lock:
            self.stopped = True
            self.lock.notify_all()
        for thread in self.threads:
            thread.join(GIVE_UP_S)

    def _take(self):
        with self.lock:
            while self.next >= self.allowed and not self.stopped:
                self.lock.wait()
            if self.stopped or self.next >= len(self.things):
                return None
            self.next += 1
            return self.things[self.next - 1]

    def _run(self):
        while (thing := self._take()) is not None:
            try:
                self._upload(thing)
                if self.deletes(thing):
                    self._delete(thing)
            except Exception as problem:  # a thread's own would be seen by nobody
                with self.lock:
                    self.problems.append(f"{thing.name}: {problem!r}")
            with self.lock:
                self.done += 1
                self.lock.notify_all()

    def _again(self, call, good, thing):
        """Until the answer is one of the good ones; anything that a dying site does is tried again."""
        deadline = time.monotonic() + GIVE_UP_S
        while not self.stopped:
            try:
                answer = call()
                if good(answer):
                    return
                # 409: an upload of this name that died, or whose answer did, is still there. 406: it
                # died with the catalogue, which is not told yet.
                assert answer.status in (406, 409, 503), answer
                last = answer
            except BROKEN as broken:
                last = broken
            assert time.monotonic() < deadline, f"{thing.name} given up: {last!r}"
            with self.lock:
                self.retries += 1
            time.sleep(0.02)

    def _upload(self, thing):
        data = thing.body()
        client = self.site.client()

        def call():
            with self.lock:
                self.sending += 1
            try:
                # By turns with a row of its own from the beginning, and published by its first one.
                return client.put(BUCKET, thing.name, data, expect=thing.number % 2 == 0)
            finally:
                with self.lock:
                    self.sending -= 1

        def good(answer):
            if answer.status == 409 and client.status_of(BUCKET, thing.name) == "READY":
                got = client.get(BUCKET, thing.name)
                return got.status == 200 and hashlib.sha256(got.body).hexdigest() == thing.sha256
            return answer.status == 201

        self._again(call, good, thing)

    def _delete(self, thing):
        client = self.site.client()
        thing.deleted = True
        self._again(
            lambda: client.delete(BUCKET, thing.name),
            # 404 and 410: an earlier try did it, and its answer was lost.
            lambda answer: answer.status in (200, 204, 404, 410),
            thing,
        )
        with self.lock:
            self.deleted += 1


def names_ready(site, bucket=BUCKET):
    """{name: size} of all READY objects."""
    return {name: row["size"] for name, row in rows(site, bucket, status="READY").items()}


def rows(site, bucket=BUCKET, client="client-1", **query):
    """{name: row} of the listing, page by page."""
    found, after = {}, {}
    while True:
        page = site.client(client).objects(bucket, limit=1000, **query, **after).must(200).json()
        found.update({row["name"]: row for row in page["objects"]})
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def differences(site, things, bucket=BUCKET):
    """Names whose bytes at this site are not those that were uploaded."""

    def check(thing):
        got = site.client().get(bucket, thing.name)
        if thing.deleted:
            return None if got.status in (404, 410) else f"{thing.name}: deleted, yet {got.status}"
        if got.status != 200:
            return f"{thing.name}: {got!r}"
        sha256 = hashlib.sha256(got.body).hexdigest()
        return None if sha256 == thing.sha256 else f"{thing.name}: {sha256}, not {thing.sha256}"

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return [wrong for wrong in pool.map(check, things) if wrong]
