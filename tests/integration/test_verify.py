"""`ferry verify`: stored bodies are hashed again; what is damaged is named, shunned and repaired from
another site, and was never received whole by anybody meanwhile."""

import os
import signal
import uuid

import pytest
import requests
import zstandard
from support import digest
from support.command import DIFFERENT, DONE, NOT_FOUND, USAGE, Ferry
from support.setting import check_error
from support.waiting import eventually

pytestmark = pytest.mark.worlds("embedded", "real")

SETTINGS = {"verify_rate": "1GiB"}
BODY = bytes(range(256)) * 400
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@pytest.fixture
def pair(sites):
    return sites(["site-a", "site-b"], **SETTINGS)


def fill(pair, names=("o1", "o2", "o3"), body=BODY):
    """Objects with bodies of their own, at both sites; the bucket."""
    bucket = f"v-{uuid.uuid4().hex[:12]}"
    client = pair[0].client()
    client.make_bucket(bucket).must(201)
    for name in names:
        client.put_exact(bucket, name, body + name.encode()).must(201)
    for name in names:
        eventually(
            lambda name=name: pair[1].client().head_exact(bucket, name).status == 200, 30,
            f"{name} is at site b")  # fmt: skip
    return bucket


def file_of(site, data):
    """The file of the body with these bytes."""
    (path,) = [path for path in site.body_files() if path.read_bytes() == data]
    return path


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def reads(site, bucket, name):
    """What a reader of the whole body takes for good, in each way there is to read it."""
    url = f"{site.url}/ferry/v1/content?acct=client-1&ref={bucket}&path={name}"
    plain = {"x-clonecloudstore-client-id": "client-1", "Accept-Encoding": "identity"}
    for more in ({}, {"Range": "bytes=0-"}, {"Accept-Encoding": "zstd"}):
        try:
            answer = requests.get(url, headers={**plain, **more}, timeout=20)
        except requests.RequestException:  # cut: no final chunk, or short of its length
            continue
        if answer.status_code not in (200, 206):
            continue
        whole = int(answer.headers.get("Content-Length", len(answer.content)))
        data = answer.content
        if answer.headers.get("Content-Encoding") == "zstd" and data[:4] == ZSTD_MAGIC:
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        elif len(data) < whole:
            continue
        yield data


def test_a_flipped_byte_is_named_and_repaired_and_never_served_as_good(pair):
    a = pair[0]
    bucket = fill(pair)
    good = BODY + b"o2"
    assert list(reads(a, bucket, "o2")) == [good] * 3
    flip(file_of(a, good))
    assert list(reads(a, bucket, "o2")) == []
    ferry = Ferry(a.url)
    ran = ferry("verify").must(DIFFERENT)
    assert f"damaged {bucket}/o2: HASH" in ran.text and "/o1" not in ran.text
    assert list(reads(a, bucket, "o2")) == []
    check_error(a.client().get_exact(bucket, "o2").must(404))
    assert a.client().site_status().json()["damagedBodies"] == 1

    ran = ferry("verify", "--repair").must(DIFFERENT)
    assert f"repaired {bucket}/o2: HASH, from site-b" in ran.text
    assert list(reads(a, bucket, "o2")) == [good] * 3
    assert a.client().metrics()["ferry_bodies_damaged"] == 0
    ferry("verify").must(DONE)


def test_the_first_whole_read_marks_what_it_finds(pair):
    """Nobody has asked for a scan: the reader that got no good answer is the last that tried."""
    a = pair[0]
    bucket = fill(pair, ["o1"])
    flip(file_of(a, BODY + b"o1"))
    assert list(reads(a, bucket, "o1")) == []
    eventually(lambda: a.client().site_status().json()["damagedBodies"] == 1, 10, "it is known")
    a.client().get_exact(bucket, "o1").must(404)
    (row,) = a.client().call("GET", "/ferry/v1/damage?scan=0").must(200).json()["damage"]
    assert (row["damage"], row["state"]) == ("HASH", "damaged")
    assert row["hash"] == digest.base32hex(BODY + b"o1")
    assert row["objects"] == [{"account": "client-1", "bucket": bucket, "name": "o1"}]


@pytest.mark.parametrize("damage", ["MISSING", "SIZE"])
def test_a_file_that_is_gone_or_cut_is_damage_as_well(pair, damage):
    a = pair[0]
    bucket = fill(pair, ["o1", "o2"])
    path = file_of(a, BODY + b"o1")
    if damage == "MISSING":
        path.unlink()
    else:
        os.truncate(path, 1000)
    ran = Ferry(a.url)("verify", "--repair", bucket).must(DIFFERENT)
    assert f"repaired {bucket}/o1: {damage}, from site-b" in ran.text
    assert a.client().get_exact(bucket, "o1").must(200).body == BODY + b"o1"


def test_a_scan_looks_where_it_is_told_to(pair):
    a = pair[0]
    bucket = fill(pair, ["in/1", "in/2", "out/1"])
    ferry = Ferry(a.url)
    flip(file_of(a, BODY + b"out/1"))
    assert ferry("verify", f"{bucket}/in/", "--json").must(DONE).lines()[-1]["bodies"] == 2
    rows = ferry("verify", bucket, "--json").must(DIFFERENT).lines()
    assert rows[-1]["bodies"] == 3 and rows[-1]["damaged"] == 1
    assert rows[0]["objects"][0]["name"] == "out/1"
    ferry("verify", "no-such-bucket").must(NOT_FOUND)
    ferry("verify", "/x").must(USAGE)


def test_what_no_site_has_stays_damaged_until_somebody_brings_it(pair):
    """The other site's copy is damaged as well: it refuses to give it, and nothing gets worse."""
    a, b = pair
    bucket = fill(pair, ["o1"])
    for site in pair:
        flip(file_of(site, BODY + b"o1"))
    ran = Ferry(a.url)("verify", "--repair").must(DIFFERENT)
    assert f"damaged {bucket}/o1: HASH" in ran.text and "repaired b" not in ran.text
    b.client().put_exact(bucket, "o1-again", BODY + b"o1").must(201)
    eventually(lambda: a.client().head_exact(bucket, "o1-again").status == 200, 30, "it came")
    for site in pair:  # the same bytes, under whichever name, are the body of both objects
        eventually(
            lambda site=site: site.client().get_exact(bucket, "o1").status == 200, 10,
            f"whole at {site.name}")  # fmt: skip
        assert site.client().get_exact(bucket, "o1").body == BODY + b"o1"


def test_a_scan_goes_on_after_a_kill(sites):
    """The site dies while it fetches and while it reads; the next run of it ends the scan."""
    pair = sites(["site-a", "site-b"], verify_rate="256KiB")
    a = pair[0]
    names = [f"o{i}" for i in range(12)]
    bucket = fill(pair, names)
    for name in names[:6]:
        flip(file_of(a, BODY + name.encode()))
    ferry = Ferry(a.url)
    ferry("verify", "--repair", "--background").must(DONE)
    for _ in range(2):
        eventually(lambda: ferry("verify", "--status", "--json").lines()[-1]["bodies"] > 0, 20, "it reads")
        a.kill()
        a.start()
    ran = ferry("verify", "--repair", "--json").must(DIFFERENT)
    scan = ran.lines()[-1]
    assert (scan["scan"], scan["state"]) == (1, "done")
    assert a.client().site_status().json()["damagedBodies"] == 0
    for name in names:
        assert a.client().get_exact(bucket, name).must(200).body == BODY + name.encode()


def test_a_scan_can_be_stopped_and_one_runs_at_a_time(sites):
    pair = sites(["site-a", "site-b"], verify_rate="64KiB")
    bucket = fill(pair)
    ferry = Ferry(pair[0].url)
    ferry("verify", "--stop").must(NOT_FOUND)
    waiting = ferry.begin("verify")
    eventually(lambda: ferry("verify", "--status", "--json").lines()[-1]["state"] == "running", 20, "it runs")
    assert ferry("verify", bucket).code not in (DONE, DIFFERENT)
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(20) == 130
    assert ferry("verify", "--stop", "--json").must(DONE).json()["state"] == "stopped"


def test_a_site_that_has_it_damaged_refuses_who_pulls_it(sites):
    """An order from a site whose body is damaged fails by the order's rules; no bad byte arrives."""
    a, b = sites(["site-a", "site-b"], retry_memory="1s")
    a.client().pause("site-b").must(200)
    bucket = f"v-{uuid.uuid4().hex[:12]}"
    a.client().make_bucket(bucket).must(201)
    a.client().put_exact(bucket, "o", BODY).must(201)
    flip(file_of(a, BODY))
    a.client().resume("site-b").must(200)

    def failed():
        rows = b.client().waiting(bucket=bucket).must(200).json()["orders"]
        return rows and rows[0]["reason"]

    # It proves what it pulls by itself.
    assert eventually(failed, 60, "it waits") == "HASH_MISMATCH"
    assert b.client().head_exact(bucket, "o").status == 404
