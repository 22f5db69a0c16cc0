"""The two worlds that a site may live in: all engines embedded, or all of them real servers.

One set of servers serves all sites of a run, in however many processes it runs: each has its own
database, its own prefix of topics and, with those it was made with, its own database of Redis. So it
starts about as fast as an embedded one.
"""

import itertools
import shutil
from functools import cached_property

from support import postgres, redis
from support.kafka import Cluster

# Two show that there is more than one; each costs the broker a folder of files.
PARTITIONS = 2
# Killed sites that come back at once need not wait for the usual 15 s until their group believes it.
KAFKA = ["session.timeout.ms=6000", "heartbeat.interval.ms=1000"]
REDIS_DATABASES = 4096


class Servers:
    """Kafka, PostgreSQL and Redis, each started when somebody first asks for it."""

    def __init__(self, folder, first=1, step=1):
        """first, step: the numbers it gives; those of others on the same servers are others."""
        self.folder = folder
        self._number = itertools.count(first, step)
        self._databases = []  # which somebody has had and given back

    @cached_property
    def kafka(self):
        return Cluster(self.folder / "kafka").start()

    @cached_property
    def postgres(self):
        # No power is cut here, and what a killed server has written the kernel still has.
        return postgres.Postgres(self.folder / "postgres", fsync="off", full_page_writes="off").start()

    @cached_property
    def redis(self):
        return redis.Redis(self.folder / "redis", databases=REDIS_DATABASES).start()

    def number(self):
        """What keeps apart those who share a server."""
        return next(self._number)

    def database(self):
        """The URL of an empty one. Emptying one costs less than making it, and than removing hundreds."""
        if not self._databases:
            return self.postgres.database(f"site-{self.number()}")
        url = self._databases.pop()
        self.postgres.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public", url.rsplit("/", 1)[1])
        return url

    def give_back(self, url):
        self._databases.append(url)

    def addresses(self):
        """All three, started, as Borrowed takes them."""
        return {
            "kafka": str(self.kafka.folder),
            "postgres": self.postgres.port,
            "redis": self.redis.port,
        }

    def stop(self):
        started = vars(self)
        if "redis" in started:
            self.redis.kill()
        if "postgres" in started:
            self.postgres.remove()
        if "kafka" in started:
            self.kafka.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Borrowed(Servers):
    """Those of another process, which ends them: what several processes of a test run share."""

    def __init__(self, addresses, first, step):
        super().__init__(None, first, step)
        self._addresses = addresses

    @cached_property
    def kafka(self):
        return Cluster.of(self._addresses["kafka"])

    @cached_property
    def postgres(self):
        return postgres.Address(self._addresses["postgres"])

    @cached_property
    def redis(self):
        return redis.Address(self._addresses["redis"])

    def stop(self):
        """They are not ours."""


class Embedded:
    def settings(self, names):
        """{name: settings} of sites that know each other: which engines they have."""
        return {name: {} for name in names}

    def give_back(self, engines):
        """Those sites have ended for good."""


class Real:
    def __init__(self, servers):
        self.servers = servers

    def settings(self, names):
        number = self.servers.number()
        return {name: self._engines(name, number) for name in names}

    def _engines(self, name, number):
        return {
            "queue": f"kafka://{self.servers.kafka.bootstrap}",
            "queue_prefix": f"{number}.{name}.",
            "queue_partitions": PARTITIONS,
            "X": KAFKA,
            "catalogue": self.servers.database(),
            "cache": f"redis://127.0.0.1:{self.servers.redis.port}/{number % REDIS_DATABASES}",
        }

    def give_back(self, engines):
        for settings in engines.values():
            self.servers.give_back(settings["catalogue"])


def make_world(name, servers):
    return Embedded() if name == "embedded" else Real(servers)
