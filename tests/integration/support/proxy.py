"""Stands between two sites: passes everything on, and repeats, shuffles and holds their orders.

Make it with the target's URL, and give its own URL to the other sites as the target's.
"""

import http.client
import json
import random
import threading

from support.loopback import Handler, LoopbackServer
from support.wire import request, split

HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "date",
    "server",
    "host",
}
HOLD_MAX_S = 0.5
ORDERS = "/replicator/remote/orders"


class OrderProxy(LoopbackServer):
    """
    repeat   share of the orders that come a second time, later
    hold     share of the orders that come late: the sender already has its 201
    seed     makes the choices the same in every run, as far as the arrivals are
    holding  True: every order is held until release()
    """

    def __init__(self, target, repeat=0.0, hold=0.0, shuffle=True, seed=0):
        self.target = target
        self.repeat, self.hold, self.shuffle = repeat, hold, shuffle
        self.holding = False
        self.down_status = None  # a number: all orders are answered with it
        self.random = random.Random(seed)
        self.held = []
        self.delivered = []  # every order as it was passed on, repetitions included
        self.lock = threading.Lock()
        self._closing = threading.Event()
        super().__init__(_Handler)
        self._late = threading.Thread(target=self._deliver_late, daemon=True)
        self._late.start()

    def deliver(self, orders):
        """The target's status."""
        if not orders:
            return 201
        body = json.dumps(orders if len(orders) > 1 else orders[0]).encode()
        path = ORDERS + ("/multiple" if len(orders) > 1 else "")
        answer = request(self.target, "POST", path, {"Content-Type": "application/json"}, body)
        if answer.status == 201:
            with self.lock:
                self.delivered += orders
        return answer.status

    def take(self, orders):
        """What a POST brought: some now, some later, some twice. The status for the sender."""
        if self.down_status is not None:
            return self.down_status
        with self.lock:
            late = (
                orders if self.holding else [o for o in orders if self.random.random() < self.hold]
            )
            now = [o for o in orders if o not in late]
            if self.shuffle:
                self.random.shuffle(now)
            again = [o for o in now if self.random.random() < self.repeat]
        status = self.deliver(now)
        if status == 201:
            with self.lock:
                self.held += late + again
        return status

    def release(self):
        """All that is held goes now, in any order; repeats until nothing is left."""
        while True:
            with self.lock:
                going, self.held = self.held, []
                self.random.shuffle(going)
            if not going:
                return
            for at in range(0, len(going), 1000):
                self._deliver_or_keep(going[at : at + 1000])

    def _deliver_or_keep(self, orders):
        try:
            status = self.deliver(orders)
        except OSError:
            status = 503
        if status != 201:
            with self.lock:
                self.held += orders

    def _deliver_late(self):
        while not self._closing.wait(self.random.random() * HOLD_MAX_S):
            with self.lock:
                if self.holding or not self.held:
                    continue
                count = self.random.randint(1, len(self.held))
                self.random.shuffle(self.held)
                going, self.held = self.held[:count], self.held[count:]
            self._deliver_or_keep(going)

    def close(self):
        self._closing.set()
        self._late.join()
        super().close()


class _Handler(Handler):
    def do_POST(self):
        body = self.read_body()
        if not self.path.startswith(ORDERS):
            self._pass_on(body)
            return
        orders = json.loads(body)
        try:
            status = self.owner.take(orders if isinstance(orders, list) else [orders])
        except OSError:
            status = 502  # the target is away
        self.answer(status, {"x-ferry-version": "0.0.1"})

    def do_GET(self):
        self._pass_on(None)

    do_HEAD = do_DELETE = do_GET

    def do_PUT(self):
        self._pass_on(self.read_body())

    def _pass_on(self, body):
        connection = http.client.HTTPConnection(*split(self.owner.target), timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body, headers)
            self._copy(connection.getresponse())
        except (OSError, http.client.HTTPException):
            self.cut()  # broken off there is broken off here
        finally:
            connection.close()

    def _copy(self, response):
        headers = {k: v for k, v in response.headers.items() if k.lower() not in HOP_BY_HOP}
        length = response.headers.get("Content-Length")
        if self.command == "HEAD" or response.status in (204, 304) or length is not None:
            self.send_response(response.status)
            for name, value in headers.items():
                self.send_header(name, value)
            if length is not None:
                self.send_header("Content-Length", length)
            self.end_headers()
            while piece := response.read(65536):
                self.wfile.write(piece)
            return
        self.begin_chunked(response.status, headers)
        while piece := response.read(65536):
            self.chunk(piece)
        self.end_chunked()
