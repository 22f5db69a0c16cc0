"""Stands between a client and a site, passes everything on, and counts the bytes."""

import socket
import threading

CHUNK = 1 << 16


class Relay:
    """Who connects before aim() waits. count: bytes of both directions, headers and all."""

    def __init__(self):
        self.count = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def aim(self, url):
        host, port = url.removeprefix("http://").split(":")
        threading.Thread(target=self._accept, args=(host, int(port)), daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self, host, port):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection((host, port))
            except OSError:
                client.close()  # the site is down
                continue
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        try:
            while piece := source.recv(CHUNK):
                with self._lock:
                    self.count += len(piece)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two is gone, as the other will see
