"""Pages of lists of containers that differ in size alone: what each takes."""

import statistics
import time

from support.oio import fresh
from support.rows import add_twins, row_name

PAGE = 1000
ROUNDS = 15
BODY = b"the same bytes"
# Of names <prefix>000000000 and so on. A group ends with the first 9 of the number.
QUERIES = {
    "beginning": {},
    "middle": {"marker": 0.5},
    "prefix": {"prefix": "", "marker": 0.8},
    "groups": {"prefix": "", "delimiter": "9", "marker": 0.5},
    "all versions": {"all": "1", "marker": 0.5},
}


class Filled:
    """A container of so many names with two versions each, made while the site was stopped."""

    def __init__(self, site, oio, count):
        self.oio = oio
        self.count = count
        self.prefix = f"{count}/"
        self.ref = oio.made(system={"sys.m2.policy.version": "-1"})
        like = fresh("like")
        oio.put(self.ref, like, BODY).must(201)
        site.stop()
        add_twins(site, like, self.prefix, count)
        site.start()

    def page_ms(self, query):
        query = dict(query)
        if "marker" in query:
            query["marker"] = row_name(self.prefix, int(self.count * query["marker"]))
        if "prefix" in query:
            query["prefix"] = self.prefix
        began = time.monotonic()
        page = self.oio.list(self.ref, max=PAGE, **query).must(200).json()
        took = (time.monotonic() - began) * 1000
        assert len(page["objects"]) + len(page["prefixes"]) == PAGE
        return took


def medians_ms(small, large, query):
    """Of pages of either, asked for by turns, so that both have the same machine."""
    times = {small: [], large: []}
    for _ in range(ROUNDS):
        for filled in (small, large):
            times[filled].append(filled.page_ms(query))
    return statistics.median(times[small]), statistics.median(times[large])
