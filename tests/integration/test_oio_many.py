"""Containers of very many objects: their lists, and copies of them while others write."""

import threading
import time

import pytest
from support import wire
from support.oio import Oio, counters
from support.pages import BODY, QUERIES, Filled, medians_ms
from support.rows import ask
from support.site import release_binary
from support.sites import check_memory
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

MANY = 1_000_000
FEW = 10_000
RATIO_MAX = 2
COPY_S = 1800.0
ORDERED_S = 900.0


class Writer:
    """Uploads into a container of its own, one after the other; the longest anyone waited."""

    def __init__(self, oio):
        self.oio = oio
        self.ref = oio.made()
        self.count, self.longest_s = 0, 0.0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            began = time.monotonic()
            self.oio.put(self.ref, f"o{self.count}", BODY).must(201)
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.count += 1

    def stop(self):
        self.stopping.set()
        self.thread.join()


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_million_objects_are_listed_and_copied_while_others_write(sites, record_property):
    (site,) = sites(["site-a"], program=release_binary())
    oio = Oio(site.url)
    few, many = Filled(site, oio, FEW), Filled(site, oio, MANY)
    found = []
    for what, query in QUERIES.items():
        few_ms, many_ms = medians_ms(few, many, query)
        assert many_ms < RATIO_MAX * few_ms, f"{what}: {many_ms} ms, of {FEW} names {few_ms} ms"
        found.append(f"{what} {many_ms:.1f} / {few_ms:.1f} ms")

    writer = Writer(Oio(site.url, "account-2"))
    began = time.monotonic()
    query = f"acct={oio.account}&ref={many.ref}"
    wire.request(site.url, "POST", f"/v3.0/{oio.namespace}/container/snapshot?{query}", {},
                 b'{"account":"account-1","container":"copy"}', timeout=COPY_S).must(204)  # fmt: skip
    took = time.monotonic() - began
    writer.stop()
    assert counters(oio, "copy") == counters(oio, many.ref)
    eventually(lambda: ask(site, "SELECT count(*) FROM outbox") == 0, ORDERED_S, "the orders are sent")
    record_property(
        "soak",
        f"a page of 1000 of {MANY} / {FEW} names: {', '.join(found)}; snapshot of {MANY} names and as many older "
        f"versions in {took:.1f} s, meanwhile {writer.count} uploads elsewhere, the longest {writer.longest_s:.2f} s; "
        f"{check_memory([site])}",
    )
