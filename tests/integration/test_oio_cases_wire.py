"""Black-box cases 68-70 of OpenIO's API: its connections, and its events on a real Kafka."""

import http.client
import json

import pytest
from support import wire
from support.kcat import records
from support.oio import Oio, cid, fresh
from support.waiting import eventually
from support.world import KAFKA, PARTITIONS

pytestmark = pytest.mark.worlds("embedded", "real")
TOLD_S = 30.0


@pytest.fixture(scope="module")
def site(module_sites, servers):
    """Its queue is a real Kafka, whichever its catalogue: the embedded one tells nobody."""
    queue = {"queue": f"kafka://{servers.kafka.bootstrap}", "queue_prefix": f"{fresh('oio')}.",
             "queue_partitions": PARTITIONS, "X": KAFKA}  # fmt: skip
    (made,) = module_sites(["site-a"], **queue)
    return made


@pytest.fixture(scope="module")
def oio(site):
    return Oio(site.url)


# ---- connections


@pytest.mark.parametrize("wish", ["keep-alive", "Keep-Alive", "KEEP-ALIVE"])
def test_case_68_a_connection_stays_for_who_asks(oio, wish):
    connection = http.client.HTTPConnection(*wire.split(oio.url), timeout=wire.TIMEOUT_S)
    ref, used = fresh(), set()
    calls = ("create", 201), ("create", 204), ("get_properties", 200), ("destroy", 204), ("touch", 403)
    for operation, status in calls:
        target = oio.target(operation, {"acct": oio.account, "ref": ref})
        connection.request("POST", target, body=b"[]" if operation == "get_properties" else b"",
                           headers={"Connection": wish})  # fmt: skip
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("Connection")) == (status, "Keep-Alive")
        used.add(connection.sock.getsockname())
    assert len(used) == 1
    connection.close()


@pytest.mark.parametrize("wish", ["", "Connection: close\r\n", "Connection: upgrade\r\n"])
def test_case_68_a_connection_is_closed_for_who_does_not_ask(oio, wish):
    target = oio.target("show", {"acct": oio.account, "ref": fresh()})
    request = f"GET {target} HTTP/1.1\r\nHost: h\r\n{wish}\r\n"
    answer = wire.raw(oio.url, request.encode())  # returns once the other side has closed
    lines = answer.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 404 ")
    assert b"connection: close" in [line.lower() for line in lines]


# ---- events


def told(servers, site, number):
    """The events of a container, in order."""
    found = records(servers.kafka, site.settings["queue_prefix"] + "oio")
    for record in found:
        assert record["key"] == json.loads(record["payload"])["url"]["id"]
    return [event for event in (json.loads(record["payload"]) for record in found) if event["url"]["id"] == number]


def wait_told(servers, site, number, kind, count=1):
    def look():
        found = [event for event in told(servers, site, number) if event["event"] == kind]
        assert len(found) >= count, found
        return found

    return eventually(look, TOLD_S, f"{kind} is told {count} times")


def test_case_69_a_new_container_is_told_with_its_request(oio, site, servers):
    ref = fresh()
    oio.create(ref, {"colour": "red"}, headers={"x-oio-req-id": "R1"}).must(201)
    number = cid(oio.account, ref)
    (event,) = wait_told(servers, site, number, "storage.container.new")
    assert event["request_id"] == "R1"
    assert event["url"] == {"ns": "OPENIO", "account": oio.account, "user": ref, "id": number}
    assert event["data"]["properties"] == {"colour": "red"}
    assert len(str(event["when"])) == 16


def test_case_70_changed_properties_are_told(oio, site, servers):
    ref = oio.made()
    oio.set(ref, {"test": "1"}).must(200)
    oio.unset(ref, ["test"]).must(200)
    events = wait_told(servers, site, cid(oio.account, ref), "storage.container.update", 2)
    assert [event["data"]["properties"] for event in events] == [{"test": "1"}, {"test": None}]
