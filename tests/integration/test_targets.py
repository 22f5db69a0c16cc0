"""A bucket may name the sites it is replicated to; default all."""

import pytest

from support.command import ERROR, NOT_FOUND, Ferry
from support.orders import order, wait_outcome
from support.waiting import eventually, stays

pytestmark = pytest.mark.worlds("embedded", "real")

BUCKET = "bucket-1"
SOON_S = 20.0


@pytest.fixture
def trio(sites):
    return sites(["site-a", "site-b", "site-c"])


def targets(client, method="GET", bucket=BUCKET, account=None, **query):
    path = client.exact(bucket, account=account, route="container/targets")
    path += "".join(f"&{key}={value}" for key, value in query.items())
    return client.call(method, path)


def ready(site, name):
    return site.client().status_of(BUCKET, name) == "READY"


# What is changed while a bucket names site-b goes there alone; named sites may change any time.
def test_only_the_named_sites_get_what_changes_from_then_on(trio):
    a, b, c = trio
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    client.put(BUCKET, "before", b"1").must(201)
    eventually(lambda: ready(b, "before") and ready(c, "before"), SOON_S, "all sites have it")
    assert targets(client).must(200).json() == {"targets": []}
    assert targets(client, "PUT", targets="site-b").must(200).json() == {"targets": ["site-b"]}
    assert targets(client).must(200).json() == {"targets": ["site-b"]}

    client.put(BUCKET, "between", b"2").must(201)
    client.delete(BUCKET, "before").must(204)
    eventually(lambda: ready(b, "between") and not ready(b, "before"), SOON_S, "site-b follows")
    targets(client, "PUT").must(200)
    client.put(BUCKET, "after", b"3").must(201)
    eventually(lambda: ready(b, "after") and ready(c, "after"), SOON_S, "all sites again")
    stays(lambda: ready(c, "before") and not ready(c, "between"), 0.5, "site-c was left out")
    assert targets(c.client()).must(200).json() == {"targets": []}, "each site has its own setting"


# Made with its targets no other site ever hears of it; its own site's name means nowhere.
def test_a_bucket_that_is_made_with_targets_is_known_to_them_alone(trio):
    a, b, c = trio
    client = a.client()
    path = client.exact(BUCKET, account="client-1", route="container")
    client.call("POST", path + "&targets=site-b").must(201)
    client.call("POST", client.exact("bucket-2", account="client-1", route="container") + "&targets=site-a").must(201)
    client.put(BUCKET, "o", b"o").must(201)
    client.put("bucket-2", "o", b"o").must(201)
    eventually(lambda: ready(b, "o"), SOON_S, "site-b has it")
    eventually(lambda: client.metrics()["ferry_outbox_orders"] == 0, SOON_S, "all is routed")
    stays(lambda: c.client().bucket_status(BUCKET) is None, 0.5, "site-c knows nothing")
    assert b.client().bucket_status("bucket-2") is None
    client.delete(BUCKET, "o").must(204)
    client.drop_bucket(BUCKET).must(204)
    eventually(lambda: b.client().bucket_status(BUCKET) == "DELETED", SOON_S, "its end goes there, too")


# A person who names the site means it.
def test_an_order_that_names_its_target_goes_there_all_the_same(trio):
    a, b, c = trio
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    targets(client, "PUT", targets="site-b").must(200)
    client.put(BUCKET, "o", b"o").must(201)
    eventually(lambda: ready(b, "o"), SOON_S, "site-b has it")
    assert not ready(c, "o")
    given = order("CREATE", BUCKET, "o", source="site-a", toSite="site-c", data=b"o")
    client.give_orders(given).must(201)
    wait_outcome(c.client(), given["opId"], "applied")
    assert ready(c, "o")
    client.put(BUCKET, "p", b"p").must(201)
    eventually(lambda: ready(b, "p"), SOON_S, "site-b has that")
    given = order("CREATE", BUCKET, "p", source="site-a", data=b"p")
    client.give_orders(given).must(201)
    wait_outcome(b.client(), given["opId"])
    assert not ready(c, "p"), "an order to all goes to the bucket's targets"


def test_targets_are_the_owners_to_name_and_known_sites(trio):
    client = trio[0].client()
    targets(client, "PUT", targets="site-b").must(404)
    client.make_bucket(BUCKET).must(201)
    targets(trio[0].client("client-2"), "PUT", targets="site-b").must(403)
    targets(client, "PUT", targets="site-b,site-x").must(404)
    for bad in ("site-b,site-b", "site-b,", "a%20b", "x" * 65):
        targets(client, "PUT", targets=bad).must(400)
    assert targets(client).must(200).json() == {"targets": []}
    targets(client, "PUT", targets="site-c,site-b").must(200)
    trio[0].restart()
    assert targets(client).must(200).json() == {"targets": ["site-c", "site-b"]}


def test_the_command_makes_shows_and_sets_targets(trio):
    ferry = Ferry(trio[0].url)
    ferry("bucket", "mk", BUCKET, "--targets", "site-b").must()
    assert ferry("bucket", "set", BUCKET).must().text == f"bucket {BUCKET} is replicated to site-b\n"
    shown = ferry("bucket", "set", BUCKET, "--targets", "site-c,site-b", "--json").must()
    assert shown.json() == {"targets": ["site-c", "site-b"]}
    said = ferry("bucket", "set", BUCKET, "--targets", "").must().text
    assert said == f"bucket {BUCKET} is replicated to every site\n"
    ferry("bucket", "set", BUCKET, "--targets", "site-x").must(NOT_FOUND)
    ferry("bucket", "set", "no-such-bucket").must(NOT_FOUND)
    ferry("bucket", "mk", "bucket-2", "--targets", "no site").must(ERROR)
