"""One HTTP request over one connection, sent exactly as it is written.

http.client, not a friendlier library: those tidy up `..`, `%2F` and headers on the way, which are
the very things under test.
"""

import http.client
import json
import socket
import urllib.parse

TIMEOUT_S = 30.0


class Answer:
    """What came back, read whole."""

    def __init__(self, request, response, body):
        self.request = request  # "GET /path", for messages
        self.status = response.status
        self.headers = response.headers  # get() ignores case
        self.body = body

    def header(self, name):
        return self.headers.get(name)

    @property
    def error(self):
        return self.headers.get("x-clonecloudstore-error")

    def json(self):
        return json.loads(self.body)

    def lines(self):
        """The body as NDJSON."""
        return [json.loads(line) for line in self.body.splitlines()]

    def must(self, *statuses):
        """Itself, if the status is one of these."""
        assert self.status in statuses, f"{self!r}, expected {statuses}"
        return self

    def __repr__(self):
        return f"<{self.request}: {self.status} error={self.error!r} body={self.body[:300]!r}>"


def split(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def quote(name):
    """A name as a path's rest: slashes stay, all else that is not plain is percent-encoded."""
    return urllib.parse.quote(name, safe="/")


def open_request(url, method, target, headers=None, body=None, timeout=TIMEOUT_S):
    """Sends a request, gives (connection, response) with the body unread.

    body: bytes go with a Content-Length, any other iterable of bytes goes chunked.
    """
    connection = http.client.HTTPConnection(*split(url), timeout=timeout)
    connection.putrequest(method, target, skip_accept_encoding=True)
    chunked = body is not None and not isinstance(body, (bytes, bytearray))
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    if chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    elif body is not None or method in ("POST", "PUT"):
        connection.putheader("Content-Length", str(len(body or b"")))
    try:
        connection.endheaders()
        if body is not None:
            _send_body(connection, body, chunked)
    except (BrokenPipeError, ConnectionResetError):
        if connection.sock is None:
            raise  # not even connected
        # Else refused before the end of the body: the answer is there to read.
    return connection, connection.getresponse()


def _send_body(connection, body, chunked):
    if not chunked:
        connection.send(body)
        return
    for piece in body:
        if piece:
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    connection.send(b"0\r\n\r\n")


def request(url, method, target, headers=None, body=None, timeout=TIMEOUT_S):
    connection, response = open_request(url, method, target, headers, body, timeout)
    try:
        return Answer(f"{method} {target[:200]}", response, response.read())
    finally:
        connection.close()


def raw(url, text, timeout=TIMEOUT_S):
    """Sends bytes as they are, reads until the other side closes: for what is hardly HTTP."""
    with socket.create_connection(split(url), timeout=timeout) as plug:
        plug.sendall(text)
        answer = b""
        while piece := plug.recv(65536):
            answer += piece
        return answer
