"""Target sites that are down, unknown or refuse: uploads go on, everybody else gets his orders, and
what can be delivered later is, without anybody's help."""

import time

import pytest

from support.faults_load import BUCKET, Thing, Uploader, differences, names_ready
from support.orders import order
from support.waiting import eventually, stays

pytestmark = pytest.mark.worlds("embedded", "real")

BACK_S = 45.0  # a sender's longest pause is 15 s


def dead_out(client):
    return client.waiting(state="dead", direction="out").must(200).json()["orders"]


def backlog(client, site):
    """Orders that the site has not taken yet."""
    return sum(
        value for name, value in client.metrics().items()
        if name.startswith("ferry_backlog_orders") and f'"request-replication.{site}"' in name
    )  # fmt: skip


# One of two targets dies in the middle of the load. Uploads and the other target do not notice.
def test_uploads_go_on_while_a_target_is_down_and_all_drains_by_itself_on_its_return(sites):
    a, b, c = sites(["site-a", "site-b", "site-c"])
    a.client().make_bucket(BUCKET).must(201)
    things = [Thing(number, big_every=0) for number in range(600)]
    load = Uploader(a, things)
    try:
        load.allow(200)
        eventually(lambda: len(names_ready(b)) > 50, 20, "the load flows")
        b.kill()
        load.finish()
    finally:
        load.stop()
    assert load.retries == 0, "an upload failed because some target is down"
    eventually(lambda: len(names_ready(c)) == len(things), BACK_S, "the other target has all")
    numbers = a.client().metrics()
    assert backlog(a.client(), "site-b") > 100
    assert numbers["ferry_dead_letters"] == 0
    assert numbers['ferry_sender_up{site="site-b"}'] == 0
    assert numbers['ferry_sender_up{site="site-c"}'] == 1

    b.start()
    eventually(lambda: len(names_ready(b)) == len(things), BACK_S, "all has drained to site-b")
    eventually(lambda: backlog(a.client(), "site-b") == 0, BACK_S, "no lag is left")
    for site in (b, c):
        assert differences(site, things) == []
        assert site.client().waiting().must(200).json()["orders"] == []
    assert a.client().metrics()['ferry_sender_up{site="site-b"}'] == 1


# A name that is no site's, one that is no name, a host that does not exist: nobody else waits.
def test_broken_site_names_stop_nobody_else(sites):
    urls = {"site-c": "http://no-such-host.invalid:1"}
    a, b = sites(["site-a", "site-b"], start=False)
    a.peers.update(urls)
    a.start()
    b.start()
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    for name in ("before", "after"):
        client.put(BUCKET, name, b"x").must(201)
    broken = {"no-such-site": "op-1", "no such site": "op-2", "no/such/site": "op-3", "../site-b": "op-4"}
    for name, op_id in broken.items():
        sent = order("CREATE", BUCKET, "lost", source="site-a", toSite=name, data=b"x", opId=op_id)
        client.give_orders(sent).must(201)
    client.give_orders(order("CREATE", BUCKET, "lost", source="site-a", toSite="x" * 65)).must(400)

    def one_each():
        return sorted(row["order"]["opId"] for row in dead_out(client)) == sorted(broken.values())

    eventually(one_each, 10, "each order to nowhere is one dead letter")
    assert {row["reason"] for row in dead_out(client)} == {"TOPOLOGY_UNKNOWN"}
    for number in range(100):
        client.put(BUCKET, f"later-{number}", b"%d" % number).must(201)
    eventually(lambda: len(names_ready(b)) == 102, 30, "the rest flows")
    assert one_each()
    assert backlog(client, "site-c") >= 102, "orders to a host that does not answer are kept"


# The target refuses one order of a batch: that one is dead, with the target's own word.
def test_an_order_that_the_target_refuses_is_one_dead_letter_and_the_rest_flows(sites, hostile):
    for status in (400, 413):
        def answer(sent, status=status):
            return status if sent["objectName"] == "refused" else 201

        target = hostile(site="site-b", ferry=True, order_status=answer)
        target.down()  # so that all of it is one batch when it comes
        (a,) = sites(["site-a"], peers={"site-a": {"site-b": target.url}})
        client = a.client()
        client.make_bucket(BUCKET).must(201)
        names = [f"good-{number}" for number in range(40)] + ["refused"]
        names += [f"better-{number}" for number in range(40)]
        for name in names:
            client.put(BUCKET, name, name.encode()).must(201)
        target.up()

        eventually(lambda: len(dead_out(client)) == 1, BACK_S, "the refused order is dead")
        (row,) = dead_out(client)
        assert row["order"]["objectName"] == "refused"
        assert row["reason"] == "BAD_ORDER"
        assert row["httpStatus"] == status
        assert "site-b" in row["detail"]
        got = {sent["objectName"] for sent in target.orders if sent["objectName"]}
        eventually(lambda: backlog(client, "site-b") == 0, BACK_S, "the rest has flowed")
        got = {sent["objectName"] for sent in target.orders if sent["objectName"]}
        assert got == set(names) - {"refused"}
        stays(lambda: len(dead_out(client)) == 1, 0.5, "only one is dead")
        assert client.metrics()["ferry_dead_letters"] == 1

        # Retried, once the target has changed its mind.
        target.order_status = lambda sent: 201
        client.retry_waiting(direction="out", state="dead").must(200)
        eventually(
            lambda: "refused" in {sent["objectName"] for sent in target.orders}, BACK_S, "it is sent again")  # fmt: skip
        eventually(lambda: dead_out(client) == [], 10, "nothing is dead any more")


# 5xx is the site's trouble, not the orders': they are kept for it, however long.
def test_orders_to_a_failing_target_are_tried_until_it_is_well(sites, hostile):
    target = hostile(site="site-b", ferry=True, order_status=lambda sent: 503)
    (a,) = sites(["site-a"], peers={"site-a": {"site-b": target.url}})
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    for number in range(20):
        client.put(BUCKET, f"o-{number}", b"x").must(201)
    eventually(lambda: client.metrics()["ferry_send_retry_total"] >= 3, 20, "it is tried again")
    assert client.waiting().must(200).json()["orders"] == []
    target.order_status = lambda sent: 201
    began = time.monotonic()
    eventually(lambda: backlog(client, "site-b") == 0, BACK_S, "all is sent")
    names = {sent["objectName"] for sent in target.orders if sent["objectName"]}
    assert names == {f"o-{number}" for number in range(20)}
    assert time.monotonic() - began < BACK_S
