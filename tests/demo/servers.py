"""For ENGINES=real: a Kafka, a PostgreSQL and a Redis of the demo's own, which its sites share.

Each listens on a free port of 127.0.0.1. The tests start theirs in the same way.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from support.world import Servers  # noqa: E402


class Engines:
    """What start_engines() gives; stop() ends the servers and removes their data."""

    def __init__(self, servers: Servers, sites: list[str]):
        self.servers = servers
        self._options = {site: self._options_of(site) for site in sites}

    def _options_of(self, site: str) -> list[str]:
        """What tells the sites apart: a prefix of topics, a database; the cache's keys name theirs."""
        return ["--queue", f"kafka://{self.servers.kafka.bootstrap}", "--queue-prefix", f"{site}.",
                "--catalogue", self.servers.postgres.database(site),
                "--cache", self.servers.redis.url]  # fmt: skip

    def options(self, site: str) -> list[str]:
        return self._options[site]

    def pids(self) -> list[int]:
        brokers = [broker.pid for broker in self.servers.kafka.brokers]
        return [*brokers, self.servers.postgres.process.pid, self.servers.redis.process.pid]

    def folders(self) -> list[Path]:
        return [self.servers.folder, self.servers.postgres.home]

    def stop(self) -> None:
        self.servers.stop()


def start_engines(folder: Path, sites: list[str]) -> Engines:
    servers = Servers(folder)
    try:
        return Engines(servers, sites)
    except BaseException:
        servers.stop()
        raise
