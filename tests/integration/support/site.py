"""One `ferry up` process on loopback."""

import os
import queue
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from support import wire
from support.client import Client
from support.ports import take_port
from support.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
START_S = 30.0
STOP_S = 45.0
READY = re.compile(r"ferry: site (\S+) listening on (http://\S+)")
# What must never stand in stderr, however the process ended.
BROKEN = re.compile(
    r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error: |assertion failed"
)
MEMORY_KIB = 64 * 1024  # what a site may take, whatever is asked of it
FETCH_KIB = 4096  # bounds.h: FY_KAFKA_FETCH_KIB, FY_KAFKA_PUBLISH_KIB
PUBLISH_KIB = 16384
# A test that leaves a stalled transfer behind must not wait the usual 25 s for it.
DEFAULTS = {"worker_drain": "5s"}


def binary():
    """FERRY_BIN, or the sanitized build, or the release build."""
    given = os.environ.get("FERRY_BIN")
    if given:
        return given
    for preset in ("asan", "release"):
        path = ROOT / "build" / preset / "ferry"
        if path.exists():
            return str(path)
    raise RuntimeError("no ferry to test: run ./run build asan, or set FERRY_BIN")


def release_binary():
    """The one whose memory is measured, and that is driven where only figures count."""
    return os.environ.get("FERRY_RELEASE_BIN") or str(ROOT / "build" / "release" / "ferry")


# What the long tests drive: one for what it does, the other for what it costs.
BUILDS = {"sanitized": binary, "release": release_binary}


def environment():
    """Ours without FERRY_*: to ferry those are settings, and FERRY_BIN is none."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FERRY_")}


class Site:
    """Keeps its name, port, folder and settings over stop, kill and start."""

    def __init__(self, name, data, peers=None, settings=None, program=None, wrapper=None):
        """settings: retry_memory="1s" is --retry-memory 1s; a list repeats it; X="name=value" is -X.
        wrapper: makes the command line another one, which in the end becomes ferry by exec."""
        self.name = name
        self.data = Path(data)
        self.peers = dict(peers or {})  # name -> URL
        self.settings = {**DEFAULTS, **(settings or {})}
        self.program = program or binary()
        self.wrapper = wrapper
        self.port = take_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.data.parent / f"{name}.log"
        self.process = None
        self._lines = None
        self.measured = False

    # ---- talking to it

    def client(self, client="client-1"):
        return Client(self.url, client)

    def request(self, method, target, headers=None, body=None):
        return wire.request(self.url, method, target, headers, body)

    # ---- life

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def command(self):
        words = [self.program, "up", "--site", self.name, "--data", str(self.data)]
        words += ["--listen", f"127.0.0.1:{self.port}"] + self.options()
        return self.wrapper(words) if self.wrapper else words

    def options(self):
        words = []
        for peer, url in self.peers.items():
            words += ["--peer", f"{peer}={url}"]
        for setting, value in self.settings.items():
            option = "-X" if setting == "X" else "--" + setting.replace("_", "-")
            for one in value if isinstance(value, list) else [value]:
                words += [option, str(one)]
        return words

    def start(self, ready=True):
        """Returns once it listens and, unless told otherwise, /health/ready is 200."""
        assert not self.running()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(),
            )
        self._lines = queue.Queue()
        threading.Thread(
            target=_read_lines, args=(self.process.stdout, self._lines), daemon=True
        ).start()
        self._await_listening()
        if ready:
            client = self.client(None)
            eventually(lambda: client.ready().must(200), START_S, f"{self.name} is ready")
        return self

    def _await_listening(self):
        deadline = time.monotonic() + START_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise AssertionError(f"{self.name} did not listen in {START_S} s:\n{self.tail()}")
            if line is None:
                code, self.process = self.process.wait(), None
                raise AssertionError(f"{self.name} ended at its start ({code}):\n{self.tail()}")
            found = READY.match(line)
            if found:
                assert found.groups() == (self.name, self.url), line
                return

    def stop(self):
        """SIGTERM; it must end by itself with exit code 0 and no report of a sanitizer."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {STOP_S} s:\n{self.tail()}")
        self.process = None
        self.check_log()
        assert code == 0, f"{self.name} ended with exit code {code}:\n{self.tail()}"

    def kill(self):
        """SIGKILL: no time to tidy up."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        """SIGKILL, then again on the same port and data."""
        self.kill()
        return self.start()

    # ---- looking at it

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines=60):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def check_log(self):
        text = self.log_text()
        found = BROKEN.search(text)
        assert (
            found is None
        ), f"{self.name}:\n{text[max(0, found.start() - 2000):found.start() + 8000]}"

    def memory_kib(self):
        """What it may take: with Kafka there are what is prefetched of each partition, and the
        producer's queue."""
        if not self.settings.get("queue", "").startswith("kafka:"):
            return MEMORY_KIB
        return MEMORY_KIB + self.settings["queue_partitions"] * FETCH_KIB + PUBLISH_KIB

    def peak_kib(self):
        """Most memory it ever had resident (VmHWM); meaningful for a release build only."""
        self.measured = True
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1])

    def body_files(self):
        """The files of stored bodies."""
        return [path for path in (self.data / "store").glob("[0-9a-f][0-9a-f]/*") if path.is_file()]


def _read_lines(pipe, lines):
    """Of the child's stdout until it ends, which None marks."""
    with pipe:
        for line in pipe:
            lines.put(line.rstrip("\n"))
    lines.put(None)
