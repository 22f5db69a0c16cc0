"""A real PostgreSQL of the test's own, on loopback."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from support.ports import take_port

START_S = 60.0  # a machine that does other things at the same time
STOP_S = 30.0
# As a server that people trust has it, but small; many sites share it.
SETTINGS = {
    "fsync": "on",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_locks_per_transaction": "256",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}


def program(name):
    """Debian keeps each version in a folder of its own; the newest one."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    assert found, f"no {name}: install the package postgresql-15"
    return found[-1]


def _server_user():
    """PostgreSQL refuses to run as root: the user it then runs as, else None."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class Address:
    """A server as whoever knows its port sees it.

    url           of a database that is there from the beginning
    database(n)   makes another one, for sites that share the server; gives its URL
    """

    def __init__(self, port):
        self.port = port
        self.url = self._url("postgres")

    def _url(self, database):
        return f"postgres://ferry@127.0.0.1:{self.port}/{database}"

    def _client(self, name, *words):
        command = [program(name), "-h", "127.0.0.1", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=START_S)

    def database(self, name, *options):
        made = self._client("createdb", "-U", "ferry", *options, name)
        assert made.returncode == 0, made.stderr
        return self._url(name)

    def query(self, sql, database="postgres"):
        """The rows, a line each, columns with | between them."""
        done = self._client("psql", "-U", "ferry", "-d", database, "-AXtqc", sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


class Postgres(Address):
    """Keeps its port and data over stop and start; `remove` ends it for good.

    home          the server's own folder
    """

    def __init__(self, folder, **settings):
        """folder: for the log, and the data too unless another user must own those. settings: of
        postgresql.conf, over SETTINGS."""
        super().__init__(take_port())
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "postgres.log"
        self.process = None
        self._settings = {**SETTINGS, **settings}
        self._user = _server_user()
        # The folders of the tests are root's alone: the data of another user live beside them.
        self.home = Path(tempfile.mkdtemp(prefix="ferry-postgres-")) if self._user else self.folder
        if self._user:
            os.chown(self.home, self._user.pw_uid, self._user.pw_gid)

    def _launch(self, words, log):
        user = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return subprocess.Popen(
            words,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **(user if self._user else {}),
        )

    def _make(self, log):
        words = [program("initdb"), "-D", "data", "-U", "ferry", "-A", "trust", "-E", "UTF8"]
        made = self._launch([*words, "--locale=C.UTF-8", "--no-sync"], log)
        assert made.wait(START_S) == 0, self.tail()

    def start(self):
        assert self.process is None
        with open(self.log, "ab") as log:
            if not (self.home / "data").exists():
                self._make(log)
            words = [program("postgres"), "-D", "data", "-k", str(self.home)]
            words += ["-h", "127.0.0.1", "-p", str(self.port)]
            for name, value in self._settings.items():
                words += ["-c", f"{name}={value}"]
            self.process = self._launch(words, log)
        self.await_answers()
        return self

    def await_answers(self):
        deadline = time.monotonic() + START_S
        while self._client("pg_isready", "-q").returncode != 0:
            assert self.process.poll() is None, f"postgres ended at its start:\n{self.tail()}"
            assert time.monotonic() < deadline, f"postgres does not answer:\n{self.tail()}"
            time.sleep(0.05)

    def tablespace(self, name, folder):
        """In a folder that is on another disk."""
        if self._user:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self.query(f"CREATE TABLESPACE {name} LOCATION '{folder}'")

    def stop(self, how=signal.SIGINT):
        """Cuts every connection off and ends in order (SIGINT: a fast shutdown). SIGQUIT: a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(STOP_S)
        self.process = None

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        return self.start()

    def freeze(self):
        """All its processes stand still; its sockets stay open and silent."""
        self.process.send_signal(signal.SIGSTOP)  # first, so that no more are born
        self._signal_children(signal.SIGSTOP)

    def thaw(self):
        self._signal_children(signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)

    def _signal_children(self, number):
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):  # a connection that has just ended
                os.kill(int(child), number)

    def remove(self):
        self.stop(signal.SIGQUIT)  # nobody needs a last checkpoint
        if self._user:
            shutil.rmtree(self.home)

    def tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.remove()
