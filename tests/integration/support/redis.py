"""A real Redis of the test's own, on loopback."""

import signal
import socket
import subprocess
import time

from support.ports import take_port

# Debian's redis-tools has the server's program without its service: called by that name it serves.
PROGRAM = "/usr/bin/redis-check-rdb"


class Address:
    """A server as whoever knows its port sees it."""

    def __init__(self, port):
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"


class Redis(Address):
    """Keeps its port and folder over kill and start; nothing is saved."""

    def __init__(self, folder, databases=16):
        super().__init__(take_port())
        self.databases = databases
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None

    def start(self):
        words = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port)]
        words += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        words += ["--databases", str(self.databases)]
        self.process = subprocess.Popen(
            words, executable=PROGRAM, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert self.process.poll() is None, "redis ended at its start"
                assert time.monotonic() < deadline, "redis does not listen"
                time.sleep(0.01)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None
