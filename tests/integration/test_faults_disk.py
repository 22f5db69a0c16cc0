"""A full disk: uploads are refused with 507 and leave nothing, the worker waits and charges no order,
and all goes on by itself once there is space."""

import os

import pytest

from support.client import OCTETS
from support.faults_disk import MIB, SmallDisk, body_files_under
from support.faults_load import names_ready
from support.waiting import eventually, stays

BUCKET = "disk-bucket"


@pytest.fixture
def small_disk(tmp_path):
    """small_disk(mib): unmounted after the sites that use it have stopped, if it is asked for first."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    disks = []

    def make(mib):
        disks.append(SmallDisk(tmp_path / f"disk-{len(disks)}", mib))
        return disks[-1]

    yield make
    for disk in disks:
        disk.close()


def put_chunked(client, name, pieces):
    """An upload that does not say how long it will be."""
    headers = {"Content-Type": OCTETS}
    return client.call("POST", f"/cloudclonestore/{BUCKET}/{name}", headers, pieces)


def refused(client, name):
    """Not a byte of it is shown; at most a row says that an upload failed (spec 2.3)."""
    client.get(BUCKET, name).must(404)
    assert client.status_of(BUCKET, name) in (None, "ERR_UPL")


def test_an_upload_to_a_full_disk_is_507_and_leaves_nothing(small_disk, sites):
    disk = small_disk(32)
    store = disk.folder / "store"
    (a,) = sites(["site-a"], store=f"dir:{store}", store_free_floor="4MiB")
    client = a.client()
    client.make_bucket(BUCKET).must(201)
    client.put(BUCKET, "before", b"b" * MIB).must(201)
    held = body_files_under(store)
    assert len(held) == 1

    # Not announced, more than there is: refused in the middle.
    answer = put_chunked(client, "endless", (b"e" * 65536 for _ in range(40 * 16))).must(507)
    assert "free" in answer.error or "space" in answer.error, answer
    # Announced: refused before its body.
    client.put(BUCKET, "large", b"l" * (30 * MIB), size=30 * MIB).must(507)
    for name in ("endless", "large"):
        refused(client, name)
    assert body_files_under(store) == held, "something of a refused upload is left"
    client.put(BUCKET, "fits", b"f").must(201)

    disk.fill(leave_bytes=MIB)
    eventually(lambda: client.put(BUCKET, "small", b"s").status == 507 or client.delete(BUCKET, "small") is None,
               10, "the floor is noticed")  # fmt: skip
    client.ready().must(503)
    held = body_files_under(store)
    client.put(BUCKET, "one", b"1").must(507)
    client.put(BUCKET, "empty", b"").must(507, 201)  # no bytes: either is right
    refused(client, "one")
    assert set(body_files_under(store)) - set(held) == set() or client.status_of(BUCKET, "empty") == "READY"
    assert client.get(BUCKET, "before").must(200).body == b"b" * MIB, "what is there is served"
    client.live().must(200)

    disk.empty()
    eventually(lambda: client.put(BUCKET, "one", b"1").status == 201, 10, "uploads are taken again")
    eventually(lambda: client.ready().status == 200, 10, "ready again")
    put_chunked(client, "endless", (b"e" * 65536 for _ in range(16))).must(201)
    assert client.get(BUCKET, "endless").must(200).body == b"e" * MIB


# Space under the floor: nothing new is pulled, deletes go on, no order is charged.
def test_the_worker_pauses_while_space_is_under_its_floor_and_resumes_by_itself(small_disk, sites):
    disk = small_disk(32)
    a, b = sites(["site-a", "site-b"],
                 per_site={"site-a": {"store": f"dir:{disk.folder}/store", "store_free_floor": "4MiB"}})  # fmt: skip
    here, there = a.client(), b.client()
    there.make_bucket(BUCKET).must(201)
    there.put(BUCKET, "doomed", b"d").must(201)
    eventually(lambda: here.status_of(BUCKET, "doomed") == "READY", 10, "the first object is here")
    disk.fill(leave_bytes=MIB)
    eventually(lambda: here.metrics()["ferry_worker_paused"] == 1, 10, "the worker pauses")
    here.ready().must(503)
    here.live().must(200)

    for number in range(60):
        there.put(BUCKET, f"o-{number}", os.urandom(20_000)).must(201)
    there.delete(BUCKET, "doomed").must(200, 204)
    eventually(lambda: here.status_of(BUCKET, "doomed") == "DELETED", 10, "deletes go on")
    stays(lambda: set(names_ready(a, BUCKET)) == set(), 1.5, "nothing is stored")
    assert here.waiting().must(200).json()["orders"] == [], "an order was charged for our full disk"

    disk.empty()
    eventually(lambda: len(names_ready(a, BUCKET)) == 60, 20, "all arrives when space is back")
    assert here.metrics()["ferry_worker_paused"] == 0
    here.ready().must(200)
    assert here.waiting().must(200).json()["orders"] == []
    assert here.metrics()["ferry_dead_letters"] == 0


# No floor and a disk that is really full: writes themselves fail.
def test_the_worker_pauses_when_writes_fail_and_resumes_by_itself(small_disk, sites):
    disk = small_disk(8)
    store = disk.folder / "store"
    a, b = sites(["site-a", "site-b"],
                 per_site={"site-a": {"store": f"dir:{store}", "store_free_floor": "0"}})  # fmt: skip
    here, there = a.client(), b.client()
    there.make_bucket(BUCKET).must(201)
    bodies = {f"o-{number}": os.urandom(MIB) for number in range(20)}
    for name, body in bodies.items():
        there.put(BUCKET, name, body).must(201)
    eventually(lambda: here.metrics()["ferry_worker_paused"] == 1, 20, "the worker pauses")
    stays(lambda: here.metrics()["ferry_dead_letters"] == 0, 1.0, "nothing dies")
    # Not even between two pauses, when it tries again.
    stays(lambda: here.ready().must(503).json()["checks"]["store"].startswith("writes fail"), 3.0, "not ready")
    here.live().must(200)
    assert here.waiting().must(200).json()["orders"] == [], "an order was charged for our full disk"
    ready = names_ready(a, BUCKET)
    assert len(ready) <= 8
    for name in ready:
        assert here.get(BUCKET, name).must(200).body == bodies[name]

    disk.resize(64)
    eventually(lambda: len(names_ready(a, BUCKET)) == len(bodies), 40, "all arrives when there is space")
    for name, body in bodies.items():
        assert here.get(BUCKET, name).must(200).body == body
    eventually(lambda: here.metrics()["ferry_worker_paused"] == 0, 10, "the worker goes on")
    here.ready().must(200)
    eventually(lambda: len(body_files_under(store)) == len(bodies), 10, "no failed attempt has left a file")
    assert here.waiting().must(200).json()["orders"] == []


# Catalogue, queue and store share the disk, and somebody else takes its last byte.
def test_a_site_survives_its_whole_disk_being_full(small_disk, sites):
    disk = small_disk(48)
    a, b = sites(["site-a", "site-b"], start=False, store_free_floor="2MiB")
    a.data = disk.folder / "data"
    a.log.parent.mkdir(parents=True)
    a.start()
    b.start()
    here, there = a.client(), b.client()
    here.make_bucket(BUCKET).must(201)
    here.put(BUCKET, "before", b"before").must(201)
    eventually(lambda: there.status_of(BUCKET, "before") == "READY", 10, "site-b has it")

    disk.fill()
    answers = []
    for number in range(20):  # some may still fit into pages that the files have already
        answers.append(here.put(BUCKET, f"full-{number}", os.urandom(8192)).must(201, 503, 507))
        disk.fill()
    assert any(answer.status != 201 for answer in answers), "a full disk took everything"
    for number in range(20):
        there.put(BUCKET, f"there-{number}", os.urandom(8192)).must(201)
    eventually(lambda: here.ready().status == 503, 10, "not ready")
    here.live().must(200)
    assert here.get(BUCKET, "before").must(200).body == b"before"
    assert a.running()

    disk.empty()
    eventually(lambda: here.ready().status == 200, 20, "ready again")
    eventually(lambda: here.put(BUCKET, "after", b"after").status == 201, 20, "uploads are taken again")
    names = {f"there-{number}" for number in range(20)} | {"before", "after"}
    eventually(lambda: names <= set(names_ready(a, BUCKET)), 40, "orders of the time between arrive")
    eventually(lambda: names_ready(a, BUCKET) == names_ready(b, BUCKET), 40, "both sites are equal")
    for client in (here, there):
        assert client.metrics()["ferry_dead_letters"] == 0
    a.restart()
    assert names_ready(a, BUCKET) == names_ready(b, BUCKET)
