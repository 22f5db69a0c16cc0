"""How far behind a site is, as `ferry lag`, the API and /metrics tell it: all the same."""

import re

from support.command import TEMPORARY, Ferry
from support.orders import order, wait_outcome
from support.ports import take_port
from support.waiting import eventually

ORDERS = 9
BEHIND = 3000


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
        assert {at: row["backlog"] for at, row in mine.items()} == metrics_of(a, "ferry_backlog_orders")
        assert all(row["end"] - row["committed"] == row["orders"] for row in rows)
        assert {row["site"] for row in rows if row["orders"] > 0} == {"site-b"}
        assert sum(orders.values()) == ORDERS + 1  # and the bucket's
        for at, seconds in metrics_of(a, "ferry_lag_seconds").items():
            assert abs(mine[at]["seconds"] - seconds) < 10, at  # two looks, one after the other
        return True

    eventually(both, 15, "the orders for site-b wait in its topic")
    told = ferry("lag").must().text
    assert "request-replication.site-b" in told and "request-action" not in told
    assert re.search(rf"^total +{ORDERS + 1} orders, {ORDERS + 1} of them undone, oldest \d+ s$", told, re.M)
    assert "request-action.dead" in ferry("lag", "--all").must().text

    ferry("site", "resume", "site-b").must()
    eventually(lambda: "total      0 orders, 0 of them undone" in ferry("lag").must().text, 20, "all are done")
    ferry("lag", "--url", f"http://127.0.0.1:{take_port()}").must(TEMPORARY)


def test_one_order_that_hangs_does_not_make_what_is_done_behind_it_look_undone(sites, hostile):
    source = hostile(ferry=True, mode="stall")
    (site,) = sites(
        ["site-a"], peers={"site-a": {"site-b": source.url}}, queue_partitions=1, pull_stall_timeout="60s"
    )
    client = site.client()
    client.make_bucket("bucket-1").must(201)
    held = order("CREATE", "bucket-1", "held", data=source.plant("bucket-1", "held", b"x" * 1000))
    client.post_order(held).must(201)
    eventually(lambda: source.pulls("held") > 0, 10, "its bytes are asked for, and do not come")
    behind = [order("UPDATE", "bucket-1", f"n{i}", opId="behind") for i in range(BEHIND)]
    client.post_orders(behind).must(201)
    action = ("request-action", 0)

    def told():
        assert metrics_of(site, "ferry_consumer_lag")[action] == BEHIND + 1  # the offset stands still
        assert metrics_of(site, "ferry_backlog_orders")[action] == 1
        (row,) = [row for row in Ferry(site.url)("lag", "--json").must().lines() if row["orders"] > 0]
        assert (row["topic"], row["orders"], row["backlog"]) == ("request-action", BEHIND + 1, 1)
        return True

    eventually(told, 30, "all but the one are done")
    source.heal()
    wait_outcome(client, held["opId"], timeout=60)
    eventually(lambda: metrics_of(site, "ferry_consumer_lag")[action] == 0, 10, "all is committed")
    assert metrics_of(site, "ferry_backlog_orders")[action] == 0
