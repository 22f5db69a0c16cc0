"""How far behind a site is, as `ferry lag`, the API and /metrics tell it: all the same."""

import re

from support.command import TEMPORARY, Ferry
from support.ports import take_port
from support.waiting import eventually

ORDERS = 9


def metrics_of(site, name):
    """(topic, partition) -> value, of one of the gauges that tell lag."""
    page = site.client().call("GET", "/metrics").must(200).body.decode()
    found = re.findall(name + r'\{topic="([^"]+)",partition="(\d+)"[^}]*\} (\S+)', page)
    return {(topic, int(partition)): float(value) for topic, partition, value in found}


def test_the_command_tells_what_the_metrics_tell(sites):
    a, _ = sites(["site-a", "site-b"])
    ferry = Ferry(a.url)
    ferry("site", "pause", "site-b").must()
    ferry("bucket", "mk", "bucket-1").must()
    for i in range(ORDERS):
        ferry("put", "-", f"bucket-1/{i}", stdin=b"x").must()

    def both():
        rows = ferry("lag", "--json").must().lines()
        mine = {(row["topic"], row["partition"]): row for row in rows}
        orders = {at: row["orders"] for at, row in mine.items()}
        assert orders == metrics_of(a, "ferry_consumer_lag")
        assert all(row["end"] - row["committed"] == row["orders"] for row in rows)
        assert {row["site"] for row in rows if row["orders"] > 0} == {"site-b"}
        assert sum(orders.values()) == ORDERS + 1  # and the bucket's
        for at, seconds in metrics_of(a, "ferry_lag_seconds").items():
            assert abs(mine[at]["seconds"] - seconds) < 10, at  # two looks, one after the other
        return True

    eventually(both, 15, "the orders for site-b wait in its topic")
    told = ferry("lag").must().text
    assert "request-replication.site-b" in told and "request-action" not in told
    assert re.search(rf"^total +{ORDERS + 1} orders, oldest \d+ s$", told, re.M)
    assert "request-action.dead" in ferry("lag", "--all").must().text

    ferry("site", "resume", "site-b").must()
    eventually(lambda: "total      0 orders, oldest 0 s" in ferry("lag").must().text, 20, "all are done")
    ferry("lag", "--url", f"http://127.0.0.1:{take_port()}").must(TEMPORARY)
