"""TCP ports of our own: kept from other test processes, and out of the kernel's automatic range.

A site that is killed must come back on the same port, so "any free port" will not do: somebody
else could get it in between.
"""

import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 20000, 31999

_held = []  # open lock files; the locks end with this process


def take_port():
    """A port of 127.0.0.1 that is free now, and ours until this process ends."""
    folder = os.path.join(tempfile.gettempdir(), f"ferry-test-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    for port in random.sample(range(FIRST, LAST + 1), 1000):
        lock = open(os.path.join(folder, str(port)), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                lock.close()
                continue
        _held.append(lock)
        return port
    raise RuntimeError(f"no free port between {FIRST} and {LAST}")
