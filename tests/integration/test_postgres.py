"""Sites whose catalogues are in a PostgreSQL that fails: restarted, cut off, hung, its disk full. They
pause and go on by themselves, nothing is lost, no body goes that a row names, and whoever asks
meanwhile gets an answer or a 503, and never a 500."""

import collections
import signal
import threading

import pytest
from support.cut import CommitCutter
from support.faults_disk import SmallDisk
from support.faults_load import BROKEN, BUCKET, Thing, Uploader, differences, names_ready
from support.orders import order
from support.postgres import Postgres
from support.waiting import eventually

WATCHED = "watched-bucket"
OBJECTS = 300
SMALL_MIB = 48  # two empty databases are 15
NOTICED_S = 30.0  # a server that says nothing at all is given up after 15 s
BACK_S = 60.0  # retries are seconds apart here, a sender's 15 s at most
# Beside what was asked for: not there, there already, later.
FINE = {200, 201, 204, 404, 409, 503}


@pytest.fixture
def postgres(tmp_path):
    with Postgres(tmp_path / "postgres") as server:
        yield server


@pytest.fixture
def small_disk(postgres):
    """Which databases made with `-D small` are on. Needs root, as CI has."""
    disk = SmallDisk(postgres.home / "small", SMALL_MIB)
    (disk.folder / "data").mkdir()
    postgres.tablespace("small", disk.folder / "data")
    yield disk
    disk.close()


class Watch:
    """Asks a site one thing after the other, all of which need its catalogue, until it is stopped.

    statuses  {(question, status): how often}
    uploaded  names in the bucket WATCHED that were answered with 201
    """

    def __init__(self, site, other):
        self.site = site
        self.client = site.client()
        self.source = other.name
        self.uploaded = []
        self.statuses = collections.Counter()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        client = self.client
        given = order("UPDATE", BUCKET, "watched", source=self.source)
        questions = {
            "bucket": lambda: client.bucket(BUCKET),
            "object": lambda: client.describe(BUCKET, "watched"),
            "listing": lambda: client.objects(BUCKET),
            "order": lambda: client.post_order(given),
            "delete": lambda: client.delete(BUCKET, "not-there"),
            "right": lambda: client.add_ownership("client-9", BUCKET, "READ"),
            "status": client.site_status,
            "waiting": client.waiting,
            "upload": self._upload,
        }
        while not self.stopped.is_set():
            for name, ask in questions.items():
                try:
                    self.statuses[name, ask().status] += 1
                except BROKEN as broken:
                    self.statuses[name, repr(broken)] += 1

    def _upload(self):
        name = f"{self.site.name}-{sum(self.statuses.values())}"
        answer = self.client.put(WATCHED, name, name.encode())
        if answer.status == 201:
            self.uploaded.append(name)
        return answer

    def stop(self):
        self.stopped.set()
        self.thread.join()

    def count(self, status):
        return sum(count for (_, seen), count in self.statuses.items() if seen == status)


class Load:
    """Uploads at a, which b gets; both are watched."""

    def __init__(self, pair, postgres):
        self.pair, self.postgres = pair, postgres
        for bucket in (BUCKET, WATCHED):
            pair[0].client().make_bucket(bucket).must(201)
            there = pair[1].client()
            eventually(lambda: there.bucket_status(bucket) == "READY", BACK_S, "the bucket is at b")
        self.things = [Thing(number, big_every=0) for number in range(OBJECTS)]
        self.uploader = Uploader(pair[0], self.things, delete_every=11)
        self.watches = [Watch(*pair), Watch(*reversed(list(pair)))]

    def reach(self, share):
        """So much of it is done, and more is under way."""
        self.uploader.allow(int(OBJECTS * share) + 20)
        eventually(lambda: self.uploader.done >= OBJECTS * share, BACK_S, f"{share} is uploaded")

    def refused(self):
        """Both sites have told somebody to come later."""
        assert all(watch.count(503) > 0 for watch in self.watches), [w.statuses for w in self.watches]
        return True

    def stop(self):
        self.uploader.stop()
        for watch in self.watches:
            watch.stop()

    def check(self):
        self.uploader.finish(BACK_S)
        self.stop()
        for watch in self.watches:
            wrong = {key: count for key, count in watch.statuses.items() if key[1] not in FINE}
            assert wrong == {}, watch.statuses
        for site in self.pair:
            self.check_objects(site)
            assert site.client().waiting().must(200).json()["orders"] == []
            site.client(None).ready().must(200)
            self.check_files(site)

    def check_objects(self, site):
        """All that was told to be there is, byte for byte."""
        kept = {thing.name for thing in self.things if not thing.deleted}
        watched = {name for watch in self.watches for name in watch.uploaded}
        eventually(lambda: set(names_ready(site)) == kept, BACK_S, f"all is at {site.name}")
        eventually(lambda: set(names_ready(site, WATCHED)) >= watched, BACK_S, "and this, too")
        assert differences(site, self.things) == []
        for name in watched:
            assert site.client().get(WATCHED, name).must(200).body == name.encode()

    def check_files(self, site):
        """Those that rows name are there. Of a transaction that failed nobody knows whether it happened:
        its file stays while its process lives."""
        rows = self.postgres.query("SELECT blob_ref FROM body", site.name)
        named = {ref.rsplit("/", 1)[-1] for ref in rows if ref}
        assert named <= {path.name for path in site.body_files()}
        assert len(named) > OBJECTS / 2


@pytest.fixture
def load(sites, postgres):
    """load(*createdb, port=None): starts the sites and the load on them."""
    made = []

    def make(*createdb, port=None):
        names = ["site-a", "site-b"]
        urls = {name: postgres.database(name, *createdb) for name in names}
        if port:
            urls = {name: url.replace(f":{postgres.port}/", f":{port}/") for name, url in urls.items()}
        pair = sites(names, per_site={name: {"catalogue": url} for name, url in urls.items()},
                     trash_grace="500ms", sweep_every="300ms", retry_first="1s", retry_second="1s",
                     retry_later="2s")  # fmt: skip
        made.append(Load(pair, postgres))
        return made[-1]

    yield make
    for one in made:
        one.stop()


# An order that was told to end, and a crash, after which the server has its log to read.
def test_nothing_is_lost_by_restarts_of_the_server(load, postgres):
    running = load()
    for number, how in enumerate([signal.SIGINT, signal.SIGQUIT, signal.SIGINT]):
        running.reach((number + 1) / 5)
        postgres.stop(how)
        eventually(running.refused, NOTICED_S, "both sites say 503")
        postgres.start()
    running.check()


# It was done, and the site is not told: it must find out, and not do it twice or forget it.
def test_a_commit_whose_answer_is_cut_off_counts_once(load, postgres):
    cutter = CommitCutter(postgres.port)
    try:
        running = load(port=cutter.port)
        cutter.every = 10
        running.reach(0.9)
        eventually(lambda: cutter.cuts >= 20, BACK_S, "answers were cut off")
        cutter.every = 0
        running.check()
    finally:
        cutter.close()


def test_a_server_that_hangs_holds_sites_up_only_as_long_as_it_hangs(load, postgres):
    running = load()
    running.reach(0.3)
    postgres.freeze()
    eventually(running.refused, NOTICED_S, "both sites say 503")
    postgres.thaw()
    running.check()


# Reading goes on; what would need a new page is refused, and done once there is room.
def test_a_full_disk_of_the_server_is_503_and_nothing_is_lost(load, small_disk):
    running = load("-D", "small")
    running.reach(0.2)
    small_disk.fill()
    running.uploader.allow(OBJECTS)
    eventually(running.refused, NOTICED_S, "both sites say 503")
    small_disk.empty()
    running.check()
