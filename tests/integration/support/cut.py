"""Stands between a site and its PostgreSQL, and cuts connections at the worst moment."""

import contextlib
import socket
import threading

# What the server says of a COMMIT that has been done: CommandComplete, its length, its words.
DONE = b"C\x00\x00\x00\x0bCOMMIT\x00"
# What only a connection that writes asks for, when it prepares its statements.
WRITES = b"pg_advisory_xact_lock(key)"
CHUNK = 1 << 16


class CommitCutter:
    """Every so manieth COMMIT of a writer happens, and nobody hears of it: its connection is cut.

    cuts   how many so far
    every  0: none from now on
    """

    def __init__(self, port, every=0):
        self.target = ("127.0.0.1", port)
        self.every = every
        self.cuts = 0
        self._commits = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._plugs = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        with self._lock:
            plugs = list(self._plugs)
        for plug in plugs:
            _end(plug)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(self.target)
            except OSError:
                client.close()  # the server is away, as the client will notice
                continue
            _Pair(self, client, server)

    def wants(self):
        """Whether this COMMIT's answer is one to be kept back."""
        with self._lock:
            self._commits += 1
            cut = self.every > 0 and self._commits % self.every == 0
            self.cuts += cut
            return cut

    @contextlib.contextmanager
    def knows(self, *plugs):
        with self._lock:
            self._plugs.update(plugs)
        try:
            yield
        finally:
            with self._lock:
                self._plugs.difference_update(plugs)


class _Pair:
    """A connection and its other half; each direction is a thread."""

    def __init__(self, cutter, client, server):
        self.cutter, self.client, self.server = cutter, client, server
        self.writes = False
        for run in (self._forth, self._back):
            threading.Thread(target=run, daemon=True).start()

    def _forth(self):
        with self.cutter.knows(self.client, self.server), contextlib.suppress(OSError):
            while data := self.client.recv(CHUNK):
                self.writes = self.writes or WRITES in data
                self.server.sendall(data)
        self._end()

    def _back(self):
        with contextlib.suppress(OSError):
            while data := self.server.recv(CHUNK):
                if self.writes and DONE in data and self.cutter.wants():
                    break
                self.client.sendall(data)
        self._end()

    def _end(self):
        _end(self.client)
        _end(self.server)


def _end(plug):
    """Both directions, also for a thread that is reading from it."""
    with contextlib.suppress(OSError):
        plug.shutdown(socket.SHUT_RDWR)
    plug.close()
